//! `signals`.

use super::SubjectWord;
use crate::config::conditions::{ConditionText, Conditions};
use crate::config::read::{At, List, section};
use crate::config::scalar::Decimal;
use crate::config::yaml::Scalar;

section! {
    /// What has a name of its own: a milestone, a persona, a ratio, a score. Read by its name in every condition, in routes and in
    /// templates, and part of every lead. Exactly one of `is`, `all`, `any` and `points`.
    SignalShape = "this signal" {
        /// Whether it is about a `user` or about an `account`.
        #[schemars(extend("x-required" = true))]
        of: At<SubjectWord>,
        /// For people: what it means.
        description: Scalar,
        /// A number, a text, a time, or true or false.
        #[schemars(extend("examples" = ["tasks_30d / account.seats", "tasks_30d > 50"]))]
        is: ConditionText,
        /// Conditions: whether all of them are true.
        #[schemars(extend("examples" = [["account.plan == \"free\"", "invited > 10 || invitees > 10"]]))]
        all: Conditions,
        /// Conditions: whether any of them is true.
        #[schemars(extend("examples" = [["invited > 10", "invitees > 10"]]))]
        any: Conditions,
        /// A score: the sum of what these lines give.
        points: List<PointsShape>,
        /// What people call it when it is true, used in sentences.
        #[schemars(extend("examples" = ["outgrew the free plan"]))]
        label: Scalar,
    }
}

section! {
    /// One line of a score. Without `when` and `each` it is always given.
    PointsShape = "this line of points" {
        /// How many points; a negative number takes away.
        #[schemars(extend("x-required" = true))]
        give: At<Decimal>,
        /// Given only while this condition is true.
        #[schemars(extend("examples" = ["tasks_30d > 50"]))]
        when: ConditionText,
        /// Given so many times: a number, such as a counter.
        #[schemars(extend("examples" = ["exports"]))]
        each: ConditionText,
        /// What this line gives, or takes away, at most.
        cap: At<Decimal>,
        /// What people call it. By default the condition as written.
        #[schemars(extend("examples" = ["creates tasks"]))]
        label: Scalar,
    }
}
