//! `leads` and `outcomes`.

use crate::config::conditions::Conditions;
use crate::config::read::{At, section};
use crate::config::scalar::{Lasting, choice};

choice! {
    /// What has one lead at a time.
    OnePerWord {
        Account = "account",
    }
}

section! {
    /// Which leads there are beside each other.
    LeadsShape = "`leads`" {
        /// `account`: an account has one lead at a time. Whoever else of it qualifies, or for another definition, becomes part of that
        /// lead, which stays with its owner: `lead.joined`. A user without an account has a lead of their own.
        one_per: At<OnePerWord>,
        /// For how long after it was made others become part of it; then there is another one. A lead that has lapsed, was won or lost
        /// makes place at once.
        #[schemars(extend("default" = "90d"))]
        within: At<Lasting>,
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
