//! `teams` and `routes`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, List, Many, Named, section};
use crate::config::scalar::{Count, Decimal, Lasting, choice};
use crate::config::yaml::Scalar;

section! {
    /// A group of reps who share leads.
    TeamShape = "this team" {
        /// The reps' e-mail addresses, in the order of their turns.
        #[schemars(extend("x-required" = true))]
        reps: List<Scalar>,
        /// How many leads reps get for one of the others, by their addresses: 0.01 to 100, and 1 where nothing is said. May change at any
        /// time; nothing is set back.
        #[schemars(extend("examples" = [{ "ana@example.com": 2, "new@example.com": 0.5 }]))]
        weights: Named<At<Decimal>>,
        /// How leads are shared: `round_robin`, in turn; `least_loaded`, to whoever has the fewest open leads for their weight; or `order`, to the
        /// first of `reps` who is there and whose caps are not reached.
        #[schemars(extend("default" = "round_robin"))]
        assign: At<AssignWord>,
        /// Reasons for which a lead that is lost gives its owner the turn back, as `handraiser outcome --reason` or the API tells them.
        #[schemars(extend("examples" = [["spam", "duplicate"]]))]
        credit: Many<Scalar>,
        /// How long a lead waits while nobody of the team is there: `4h`. Without it leads wait for the first who is there, unless
        /// `otherwise` says who gets them at once.
        max_wait: At<Lasting>,
        /// Who gets leads that wait no longer: another team, a rep's e-mail address, or `self_serve`. Without it they go out without an
        /// owner.
        otherwise: Scalar,
        /// What whoever gets a lead that a route or a territory leads to this team has to know, beside what that asks.
        needs: NeedsShape,
        /// How soon its leads are taken on, and what happens where they are not.
        sla: SlaShape,
    }
}

section! {
    /// How soon the owner of a lead takes it on. Accepting is done in the CRM, by a button in Slack, or with `handraiser outcome`.
    SlaShape = "`sla`" {
        /// How long its owner has, in their working time: without nights, weekends, holidays and absences, as `reps` says.
        #[schemars(extend("x-required" = true, "examples" = ["30m"]))]
        accept: At<Lasting>,
        /// The same for leads of a tier.
        #[schemars(extend("examples" = [{ "1": "10m", "3": "1d" }]))]
        tiers: Named<At<Lasting>>,
        /// So long before that is over the owner is reminded: `lead.reminded`.
        #[schemars(extend("examples" = ["10m"]))]
        remind: At<Lasting>,
        /// How often a lead that was not taken on goes to somebody else of the team who has not had it: `lead.assigned`.
        #[schemars(extend("default" = 1))]
        reassign: At<Count>,
        /// The e-mail address of whoever gets it then, or when nobody else is there. Without it a lead stays whose it is.
        #[schemars(extend("examples" = ["head-of-sales@example.com"]))]
        then: Scalar,
    }
}

choice! {
    /// How a team shares its leads.
    AssignWord {
        RoundRobin = "round_robin",
        Order = "order",
        LeastLoaded = "least_loaded",
    }
}

section! {
    /// One rule. The first route whose condition is true decides.
    RouteShape = "this route" {
        /// Its name, as it stands in the reason for the choice.
        #[schemars(extend("x-required" = true))]
        name: Scalar,
        /// When it applies. Without it: always.
        #[schemars(extend("examples" = ["lead.tier == 1"]))]
        when: ConditionText,
        /// A team, a rep's e-mail address, or `self_serve` (no rep, the product itself follows up). Or, with the next route deciding where this is
        /// nobody: `territories`, whoever the table says; `account_owner`, whoever owns the leads of the same account; `domain_owner`, whoever owns those of the same company, by its domain
        /// (`account.domain`, `account.website`, `account.id`, else the user's work e-mail address); `account.owner_email` or
        /// the like, the rep whose address a trait holds.
        #[schemars(extend("x-required" = true))]
        to: Scalar,
        /// With `account_owner` and `domain_owner`: only where they were given a lead of the account or the domain within so long. Of a domain by
        /// default `180d`, at most `2y`; it is kept no longer than that.
        within: At<Lasting>,
        /// What whoever of a team gets the lead has to know. Where nobody of the team ever does, the next route decides.
        needs: NeedsShape,
    }
}

section! {
    /// What somebody has to know to be given a lead: see `reps`.
    NeedsShape = "`needs`" {
        /// Where the lead says which language it takes: a trait, a signal, `lead.…`, or several of which the first that is known counts. A
        /// language that isn't known isn't asked for.
        #[schemars(extend("examples" = ["user.locale", ["user.language", "account.language"]]))]
        language: Many<ConditionText>,
        /// Skills, all of which it takes.
        #[schemars(extend("examples" = [["security", "enterprise"]]))]
        skills: Many<Scalar>,
    }
}
