//! Why a definition says what it says: what makes somebody qualify, or else the nearest way in which they would.

use super::decide::{evaluate, with_flags};
use super::definition::Definition;
use super::view::View;
use crate::expr::{Around, Drift, Expr, Facts, Slot, Value, Why};
use crate::time::Millis;

/// So many moments are tried at which somebody may qualify by themselves.
const MOMENTS: usize = 64;

impl Definition {
    /// What makes the subject qualify, the tier included, or else what is lacking. What excludes them is told apart.
    pub fn why(&self, view: &View<'_>) -> Why {
        let closer = Closer::new(self, view, view.now);
        let reached = self.tiers.iter().find(|tier| tier.when.test(&closer) == Some(true));
        let tier = match reached {
            Some(tier) => tier.when.why(&closer),
            None if self.tiers.is_empty() => Why::all([]),
            None => Why::any(self.tiers.iter().map(|tier| tier.when.why(&closer))),
        };
        Why::all([self.when.why(&closer), tier])
    }

    /// When somebody who doesn't qualify would, if nothing happens until then.
    pub fn qualifies_at(&self, view: &View<'_>) -> Option<Millis> {
        let later = |now| View { now, event: None, ..*view };
        let mut next = self.next_change(view);
        for _ in 0..MOMENTS {
            let then = later(next?);
            if evaluate(self, &then).holds() == Some(true) {
                return next;
            }
            next = self.next_change(&then);
        }
        None
    }
}

/// A view whose flags can be looked into.
struct Closer<'a> {
    definition: &'a Definition,
    view: View<'a>,
}

impl<'a> Closer<'a> {
    fn new(definition: &'a Definition, view: &View<'a>, now: Millis) -> Self {
        let view = View { now, ..view.of(definition) };
        Self { definition, view: with_flags(definition, &view) }
    }
}

impl Facts for Closer<'_> {
    fn read<'v>(&'v self, slot: &Slot) -> Value<'v> {
        self.view.read(slot)
    }

    fn is_pending(&self) -> bool {
        self.view.is_pending()
    }

    fn next_change(&self, slot: &Slot) -> Option<Drift> {
        self.view.next_change(slot)
    }
}

impl Around for Closer<'_> {
    fn at(&self, now: Millis) -> Self {
        Self::new(self.definition, &View { event: None, ..self.view }, now)
    }

    fn behind(&self, flag: &Slot) -> Option<&[Expr]> {
        match flag {
            Slot::Intent => Some(&self.definition.intent),
            Slot::Fit => Some(&self.definition.fit),
            _ => None,
        }
    }
}
