//! `leads` and `outcomes`.

use crate::config::conditions::Conditions;
use crate::config::read::{At, section};
use crate::config::scalar::{Lasting, choice};
use crate::config::yaml::Scalar;

choice! {
    /// What has one lead at a time.
    OnePerWord {
        Account = "account",
    }
}

choice! {
    /// Which open leads go where new routes say.
    ReRouteWord {
        Never = "never",
        Untouched = "untouched",
        All = "all",
    }
}

section! {
    /// Which leads there are beside each other, and where they go.
    LeadsShape = "`leads`" {
        /// `account`: an account has one lead at a time. Whoever else of it qualifies, or for another definition, becomes part of that
        /// lead, which stays with its owner: `lead.joined`. A user without an account has a lead of their own.
        one_per: At<OnePerWord>,
        /// For how long after it was made others become part of it; then there is another one. A lead that has lapsed, was won or lost
        /// makes place at once.
        #[schemars(extend("default" = "90d"))]
        within: At<Lasting>,
        /// Which open leads go where the routes, territories and teams of a new configuration say: `never` (those that are out stay whose they
        /// are, until `handraiser reroute`), `untouched` (those that their owners have not accepted), `all`. `handraiser reroute --config new.yaml`
        /// shows beforehand which would. What was given to somebody by hand stays theirs.
        #[schemars(extend("default" = "never"))]
        re_route: At<ReRouteWord>,
        /// Links by which the owner of a lead takes it on: `lead.accept_url` in templates. By default there are none.
        accept_links: AcceptLinksShape,
    }
}

section! {
    /// Links by which the owner of a lead says that they take it on. Opening one shows a page; its button accepts.
    AcceptLinksShape = "`accept_links`" {
        /// Where the owners reach this server.
        #[schemars(extend("x-required" = true, "examples" = ["https://pql.example.com"]))]
        url: Scalar,
        /// What the links are signed with; at least 16 characters. A new one ends all that are out.
        #[schemars(extend("x-required" = true, "examples" = ["${HANDRAISER_LINK_SECRET}"]))]
        secret: Scalar,
        /// For how long a link is good: 1m to 90d.
        #[schemars(extend("default" = "7d"))]
        valid: At<Lasting>,
    }
}

section! {
    /// What becomes of leads. Each is the name of a counter, or a condition; of several, any does. What is about an account ends the
    /// leads of its people as well. A lead ends once, by the first that happens after it was made.
    OutcomesShape = "`outcomes`" {
        /// They bought: an event of a counter, or a condition that becomes true. The lead is sent as `lead.won`.
        #[schemars(extend("examples" = ["purchased", "account.plan == \"enterprise\""]))]
        won: Conditions,
        /// They won't. The lead is sent as `lead.lost`.
        #[schemars(extend("examples" = ["account.crm_stage == \"closed lost\""]))]
        lost: Conditions,
    }
}
