//! `teams` and `routes`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, List, section};
use crate::config::scalar::choice;
use crate::config::yaml::Scalar;

section! {
    /// A group of reps who share leads.
    TeamShape = "this team" {
        /// The reps' e-mail addresses, in the order of their turns.
        #[schemars(extend("x-required" = true))]
        reps: List<Scalar>,
        /// How leads are shared: `round_robin`, in turn.
        #[schemars(extend("default" = "round_robin"))]
        assign: At<AssignWord>,
    }
}

choice! {
    /// How a team shares its leads.
    AssignWord {
        RoundRobin = "round_robin",
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
        /// A team, a rep's e-mail address, `self_serve` (no rep, the product itself follows up), or `territories`: whoever the table says,
        /// and the next route where it says nobody.
        #[schemars(extend("x-required" = true))]
        to: Scalar,
    }
}
