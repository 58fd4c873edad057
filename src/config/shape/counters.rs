//! `counters`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, Many, section};
use crate::config::scalar::choice;
use crate::config::yaml::Scalar;

section! {
    /// What is counted, for every user or every account. At least one of `event`, `page` and `screen`, or `steps`; at most one of
    /// `distinct`, `sum`, `min`, `max`, `first`, `last` and `by`, without which events are counted.
    CounterShape = "this counter" {
        /// Whether it counts per `user` or per `account`.
        #[schemars(extend("x-required" = true))]
        of: At<SubjectWord>,
        /// The name of a track event, or several; `any` means any track, page or screen call: any sign of use.
        #[schemars(extend("examples" = ["Task Created", ["Trial Started", "Plan Upgraded"], "any"]))]
        event: Many<Scalar>,
        /// The name of a page, or several; `any` means every page.
        #[schemars(extend("examples" = ["Pricing", "any"]))]
        page: Many<Scalar>,
        /// The name of a screen, or several; `any` means every screen.
        screen: Many<Scalar>,
        /// Only events for which this condition is true are counted.
        #[schemars(extend("examples" = ["properties.seats >= 5"]))]
        r#where: ConditionText,
        /// Only events of this source are counted, or of these.
        #[schemars(extend("examples" = ["backend"]))]
        from: Many<Scalar>,
        /// How many different values of a property, how many different users (`user`) or events (`event`), or on how many
        /// calendar days (`day`).
        #[schemars(extend("examples" = ["user", "day", "properties.email"]))]
        distinct: Scalar,
        /// The sum of a numeric property.
        #[schemars(extend("examples" = ["properties.amount"]))]
        sum: Scalar,
        /// The least number in a property; unknown until there is one.
        #[schemars(extend("examples" = ["properties.seats"]))]
        min: Scalar,
        /// The greatest number in a property; unknown until there is one.
        #[schemars(extend("examples" = ["properties.count"]))]
        max: Scalar,
        /// The first value of a property, a text, a number, true or false; unknown until there is one. Of a text 256 bytes.
        #[schemars(extend("examples" = ["properties.utm_source"]))]
        first: Scalar,
        /// The last value of a property.
        #[schemars(extend("examples" = ["properties.plan"]))]
        last: Scalar,
        /// How many events have the same value of a property: those of the value that most have. 64 values are told apart; of
        /// more, whichever came least often makes room.
        #[schemars(extend("examples" = ["properties.document_id"]))]
        by: Scalar,
        /// Track events, 2 to 8, one after the other: how often somebody went through all of them within the time that `in`
        /// says. Kept are 128 of them, the last that matter; runs that they completed before stay counted.
        #[schemars(extend("examples" = [["Signed Up", "User Invited", "Task Created"]]))]
        steps: Many<Scalar>,
        /// How long one run through `steps` may take.
        #[schemars(extend("examples" = ["7d", "24h"]))]
        r#in: Scalar,
        /// What the counter was called before: what was counted under that name goes on under this one.
        #[schemars(extend("examples" = ["tasks_30d"]))]
        was: Scalar,
        /// The stretch of time to look back where a condition says no other: whole calendar days, today included (`1d` to `400d`,
        /// `1w` to `57w`), or rolling minutes and hours (`15m`, `24h`, to 90 days). Without it: everything since the first event.
        #[schemars(extend("examples" = ["30d", "24h", "15m", "2w"]))]
        within: Scalar,
        /// What people call it, used in sentences: `tasks created`; or two phrases, the first for one of them. By default made
        /// from the events' names.
        #[schemars(extend("examples" = ["tasks created", ["person invited", "people invited"]]))]
        label: Many<Scalar>,
    }
}

choice! {
    /// Whom a counter or a definition is about.
    SubjectWord {
        User = "user",
        Account = "account",
    }
}
