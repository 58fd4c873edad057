//! When something may follow from a definition though nothing happens: its conditions change by time, or a cooldown ends.

use super::decide::{Evaluation, cooldown_ends, is_anew, settles_at, with_flags};
use super::definition::Definition;
use super::view::View;
use crate::expr::{Drift, Expr, Facts, Slot, Value, Way, all_outlooks};
use crate::record::Standing;
use crate::time::Millis;

impl Definition {
    /// The earliest moment after `view.now` at which the definition may say something else by time alone. What the view doesn't know
    /// yet counts as what doesn't change.
    pub fn next_change(&self, view: &View<'_>) -> Option<Millis> {
        // Most subjects have nothing that changes by itself most of the time.
        if !self.slots().any(|slot| *slot == Slot::Now || view.next_change(slot).is_some()) {
            return None;
        }
        let view = with_flags(self, &View { event: None, ..view.of(self) });
        let all_of = |conditions: &[Expr]| all_outlooks(conditions.iter().map(|condition| condition.outlook(&view))).1;
        let facts = Outlooks { intent: all_of(&self.intent), fit: all_of(&self.fit), view };
        let (met, next) = self.when.outlook(&facts);
        let mut all = vec![next];
        // Tiers behind the first that is true don't matter, and none does where nobody qualifies.
        for tier in self.tiers.iter().filter(|_| met != Some(false)) {
            let (met, next) = tier.when.outlook(&facts);
            all.push(next);
            if met == Some(true) {
                break;
            }
        }
        all.extend(self.never.iter().map(|condition| condition.next_change(&facts)));
        all.into_iter().flatten().min()
    }
}

/// When a decision about a subject may come out otherwise though nothing happens. `next_change` is that of the definition.
pub fn next_decision(
    definition: &Definition,
    evaluation: Evaluation,
    standing: Option<&Standing>,
    next_change: Option<Millis>,
    now: Millis,
) -> Option<Millis> {
    let holds = evaluation.holds() == Some(true);
    let moves = standing.is_some_and(|standing| standing.lapsed_at.is_none() && Some(standing.tier) != evaluation.tier);
    let settles_at = standing.and_then(|standing| settles_at(definition, standing));
    let settles_at = settles_at.filter(|at| *at > now && holds && moves);
    if settles_at.is_some() {
        return next_change.into_iter().chain(settles_at).min();
    }
    let waits = standing.filter(|standing| definition.each.is_none() && is_anew(definition, standing));
    match waits.and_then(|standing| cooldown_ends(definition, standing)).filter(|end| *end > now) {
        // Whatever becomes true meanwhile waits for the end.
        Some(end) if holds => Some(end),
        Some(end) => next_change.map(|next| next.max(end)),
        None => next_change,
    }
}

/// A view with the moments at which its flags may change.
struct Outlooks<'a> {
    view: View<'a>,
    intent: Option<Millis>,
    fit: Option<Millis>,
}

impl Facts for Outlooks<'_> {
    fn read<'v>(&'v self, slot: &Slot) -> Value<'v> {
        self.view.read(slot)
    }

    fn is_pending(&self) -> bool {
        self.view.is_pending()
    }

    fn next_change(&self, slot: &Slot) -> Option<Drift> {
        let flag = |at: Option<Millis>| at.map(|at| Drift { at, way: Way::Any });
        match slot {
            Slot::Intent => flag(self.intent),
            Slot::Fit => flag(self.fit),
            slot => self.view.next_change(slot),
        }
    }
}
