//! `teams` and `routes`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, List, Many, Named, section};
use crate::config::scalar::{Decimal, Lasting, choice};
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
        /// nobody: `territories`, whoever the table says; `account_owner`, whoever owns the leads of the same account; `account.owner_email` or
        /// the like, the rep whose address a trait holds.
        #[schemars(extend("x-required" = true))]
        to: Scalar,
        /// With `account_owner`: only where they were given a lead of the account within so long: `180d`.
        within: At<Lasting>,
    }
}
