//! How many leads a source has made lately, and leads that are held because it made too many.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgendaList, MergeLog};
use crate::ids::{DefinitionName, RecordKey};
use crate::time::Millis;

/// What a source did lately: its leads in an hour of the clock, and when it was heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLeads {
    /// When the hour began.
    pub hour: Millis,
    /// How many went on their way.
    pub leads: u32,
    /// How many were held.
    pub held: u32,
    /// When it last sent an event; told once an hour.
    pub heard: Option<Millis>,
    /// What it said about known ids being others.
    pub merges: MergeLog,
}

impl SourceLeads {
    /// Counts one more lead; returns whether it is within `quota`.
    pub fn count(&mut self, quota: u32, now: Millis) -> bool {
        let hour = Millis(now.0.div_euclid(Millis::HOUR) * Millis::HOUR);
        // What came a little late belongs to the hour at hand; a clock that was far ahead doesn't hold up the hours until then.
        if hour > self.hour || self.hour.since(hour) > Millis::HOUR {
            (self.hour, self.leads, self.held) = (hour, 0, 0);
        }
        let fits = self.leads < quota;
        let count = if fits { &mut self.leads } else { &mut self.held };
        *count = count.saturating_add(1);
        fits
    }
}

/// A lead that wants to be on its way, or that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The lead's subject.
    pub subject: RecordKey,
    /// The definition that it qualified for.
    pub definition: DefinitionName,
    /// The lead.
    pub lead: Arc<str>,
    /// The event of the lead's life that waits.
    pub event: Arc<str>,
}

/// A lead that is held, or none any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold(pub Option<(Millis, Held)>);

impl Hold {
    pub(super) fn agenda(&self, source: &str) -> Option<(AgendaList, Millis)> {
        self.0.as_ref().map(|(since, _)| (AgendaList::Held(Arc::from(source)), *since))
    }
}

/// Why a lead is not on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct LeadHold {
    /// The source that made too many leads.
    pub source: String,
    /// Whether it was let go by an operator: then it goes nowhere for good.
    pub discarded: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_counted_by_the_hour() {
        let hour = Millis(1_795_291_200_000);
        let mut leads = SourceLeads::default();
        for (name, at, expected) in [
            ("the first", hour, true),
            ("the last", hour.plus(Millis::HOUR - 1), true),
            ("one too many", hour.plus(Millis::HOUR - 1), false),
            ("the next hour", hour.plus(Millis::HOUR), true),
            ("one that comes a little late", hour.plus(Millis::HOUR - 1), true),
            ("too many again", hour.plus(Millis::HOUR + 1), false),
            ("by a clock that is days ahead", hour.plus(50 * Millis::HOUR), true),
            ("and by one that is right", hour.plus(2 * Millis::HOUR), true),
        ] {
            assert_eq!(leads.count(2, at), expected, "{name}");
        }
        assert!(!SourceLeads::default().count(0, hour), "none at all");
    }
}
