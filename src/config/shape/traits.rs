//! `traits`.

use crate::config::read::{At, Named, section};
use crate::config::scalar::choice;

section! {
    /// Traits that conditions may use beyond those that are always known, with their types: `text`, `number`, `bool`, `time`
    /// or `list` (of texts). Upper and lower case, `_`, `-` and spaces make no difference: `trialEndsAt` is `trial_ends_at`.
    TraitsShape = "`traits`" {
        /// Traits of users, from identify calls.
        #[schemars(extend("examples" = [{ "seniority": "text", "nps": "number" }]))]
        user: Named<At<TraitWord>>,
        /// Traits of accounts, from group calls.
        #[schemars(extend("examples" = [{ "region": "text", "seats": "number" }]))]
        account: Named<At<TraitWord>>,
    }
}

choice! {
    /// The type of a trait.
    TraitWord {
        Text = "text",
        Number = "number",
        Bool = "bool",
        Time = "time",
        List = "list",
    }
}
