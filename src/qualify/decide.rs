//! The decision: whether what is true now makes a lead, changes one, or nothing. Qualifying is an edge, not a level.

use super::definition::Definition;
use super::view::View;
use crate::expr::{Expr, all};
use crate::record::Standing;
use crate::time::Millis;

/// What the conditions of a definition say now, whatever they said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether all intent conditions are true; `None`: not known.
    pub intent: Option<bool>,
    /// Whether all fit conditions are true; `None`: not known.
    pub fit: Option<bool>,
    /// Whether the subject qualifies: `when` is true and there is a tier.
    pub qualifies: Option<bool>,
    /// The first tier whose condition is true; `None` when there is none, or `when` is false.
    pub tier: Option<u8>,
    /// Whether no tier before that one is unknown.
    pub tier_is_sure: bool,
}

impl Evaluation {
    /// Whether it stays what it is, whatever is still unknown turns out to be.
    pub fn is_sure(&self) -> bool {
        self.qualifies == Some(false) || (self.qualifies == Some(true) && self.tier_is_sure)
    }
}

/// What follows from an evaluation and the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything stays as it is: nothing has changed, the cooldown is not over, or too little is known.
    Nothing,
    /// The definition became false: it can become true again.
    Lapse,
    /// A new lead.
    Qualify {
        /// The tier of the new lead.
        tier: u8,
    },
    /// The lead that there is moves to another tier.
    Retier {
        /// The tier that it moves to.
        tier: u8,
    },
}

/// The view with the flags of `definition`.
pub fn with_flags<'a>(definition: &Definition, view: &View<'a>) -> View<'a> {
    let all_of = |conditions: &[Expr]| all(conditions.iter().map(|condition| condition.test(view)));
    View { intent: all_of(&definition.intent), fit: all_of(&definition.fit), ..*view }
}

/// Evaluates a definition.
pub fn evaluate(definition: &Definition, view: &View<'_>) -> Evaluation {
    let view = with_flags(definition, view);
    let when = definition.when.test(&view);
    let (tier, surely) = if when == Some(false) { (None, true) } else { first_tier(definition, &view) };
    let qualifies = match (when, tier) {
        (Some(false), _) => Some(false),
        (Some(true), Some(_)) => Some(true),
        (Some(true), None) if surely => Some(false),
        _ => None,
    };
    Evaluation { intent: view.intent, fit: view.fit, qualifies, tier, tier_is_sure: surely }
}

/// The first tier that is true, and whether none before it was unknown.
fn first_tier(definition: &Definition, view: &View<'_>) -> (Option<u8>, bool) {
    if definition.tiers.is_empty() {
        return (Some(1), true);
    }
    let mut surely = true;
    for tier in &definition.tiers {
        match tier.when.test(view) {
            Some(true) => return (Some(tier.number), surely),
            Some(false) => {}
            None => surely = false,
        }
    }
    (None, surely)
}

/// What to do, given where the subject stands.
pub fn decide(definition: &Definition, evaluation: Evaluation, standing: Option<&Standing>, now: Millis) -> Decision {
    match (evaluation.qualifies, evaluation.tier, standing) {
        (Some(true), Some(tier), None) => Decision::Qualify { tier },
        (Some(true), Some(tier), Some(standing)) if standing.lapsed_at.is_some() => {
            // Within the cooldown the edge waits: it is taken at the end of it, if it is still true then.
            let over = now.since(standing.qualified_at) >= definition.cooldown_ms;
            if over { Decision::Qualify { tier } } else { Decision::Nothing }
        }
        (Some(true), Some(tier), Some(standing)) if standing.tier != tier => Decision::Retier { tier },
        (Some(false), _, Some(standing)) if standing.lapsed_at.is_none() => Decision::Lapse,
        _ => Decision::Nothing,
    }
}

#[cfg(test)]
mod tests;
