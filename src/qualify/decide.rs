//! The decision: whether what is true now makes a lead, changes one, or nothing. Qualifying is an edge, not a level.

use super::definition::Definition;
use super::view::View;
use crate::expr::{Expr, all, any_of};
use crate::record::{Quiet, Standing};
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
    /// Whether one of the conditions that exclude is true; `None`: not known, which excludes nobody.
    pub never: Option<bool>,
}

impl Evaluation {
    /// Whether it stays what it is, whatever is still unknown turns out to be.
    pub fn is_sure(&self) -> bool {
        self.qualifies == Some(false)
            || self.never == Some(true)
            || (self.qualifies == Some(true) && self.tier_is_sure && self.never == Some(false))
    }

    /// Whether the subject is to be a lead.
    pub fn holds(&self) -> Option<bool> {
        if self.never == Some(true) { Some(false) } else { self.qualifies }
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
    let never = any_of(definition.never.iter().map(|condition| condition.test(&view)));
    Evaluation { intent: view.intent, fit: view.fit, qualifies, tier, tier_is_sure: surely, never }
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

/// What to do, given where the subject stands. `is_edge` says whether there is a new event of the counter that the definition
/// makes leads of, if it does; `is_event`, whether there is any.
pub fn decide(
    definition: &Definition,
    evaluation: Evaluation,
    standing: Option<&Standing>,
    now: Millis,
    (is_event, is_edge): (bool, bool),
) -> Decision {
    let (holds, tier) = (evaluation.holds(), evaluation.tier);
    let may_qualify = definition.each.is_none() || is_edge;
    // Who does nothing any more was made up: by time alone they don't come again.
    let comes_again = is_event && standing.is_some_and(|standing| standing.let_go().is_some());
    match (holds, tier, standing) {
        (Some(true), Some(tier), None) if may_qualify => Decision::Qualify { tier },
        // Within the cooldown the edge waits: it is taken at the end of it, if it is still true then.
        (Some(true), Some(tier), Some(standing))
            if may_qualify
                && (is_anew(definition, standing) || definition.each.is_some() || comes_again)
                && cooldown_ends(definition, standing).is_none_or(|end| end <= now) =>
        {
            Decision::Qualify { tier }
        }
        (Some(true), Some(tier), Some(standing)) if standing.lapsed_at.is_none() && standing.tier != tier => {
            if settles_at(definition, standing).is_none_or(|at| at <= now) {
                Decision::Retier { tier }
            } else {
                Decision::Nothing
            }
        }
        (Some(false), _, Some(standing)) if standing.lapsed_at.is_none() => Decision::Lapse,
        _ => Decision::Nothing,
    }
}

/// From when on who made a lead that was let go for want of room may make another, in milliseconds after it.
const LET_GO_FOR: i64 = Millis::DAY;

/// Whether who stands so would be a new lead by qualifying: after a lapse, or because nobody was told and now somebody should be.
pub fn is_anew(definition: &Definition, standing: &Standing) -> bool {
    let unheard = standing.quiet == Some(Quiet::Start) || (standing.shadow && !definition.shadow);
    standing.lapsed_at.is_some() || (unheard && definition.start_sends)
}

/// Until when a further lead waits. Where nobody was told of the last one, none does.
pub fn cooldown_ends(definition: &Definition, standing: &Standing) -> Option<Millis> {
    if standing.let_go().is_some() {
        let is_edge = standing.lapsed_at.is_some() || definition.each.is_some();
        let wait = if is_edge { definition.cooldown_ms.min(LET_GO_FOR) } else { LET_GO_FOR };
        return Some(standing.qualified_at.plus(wait));
    }
    let unheard = standing.quiet.is_some() || (standing.shadow && !definition.shadow);
    (!unheard).then(|| standing.again_at.unwrap_or(standing.qualified_at).plus(definition.cooldown_ms))
}

/// When the lead's tier may move again; `None`: at any time. Of two events the later one may have come into the log with the earlier
/// time, so that what needn't settle is not compared.
pub fn settles_at(definition: &Definition, standing: &Standing) -> Option<Millis> {
    let since = standing.tier_at.unwrap_or(standing.qualified_at);
    (definition.settle_ms > 0).then(|| since.plus(definition.settle_ms))
}

#[cfg(test)]
mod tests;
