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
    /// How many were let go, since as many as may be were held already.
    pub dropped: u32,
    /// How many of all hours are held now.
    pub waiting: u32,
    /// When it last sent an event; told once an hour.
    pub heard: Option<Millis>,
    /// What it said about known ids being others.
    pub merges: MergeLog,
}

/// How many leads of a source go on their way, and what becomes of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadQuota {
    /// So many in an hour of the clock go on their way; the others are held.
    pub an_hour: u32,
    /// So many are held at once; the others are let go.
    pub held: u32,
    /// For so many milliseconds each is held, until it is let go.
    pub held_for: i64,
}

impl LeadQuota {
    /// How many leads are held where nothing else is said: more than anybody looks through.
    pub const HELD: u32 = 10_000;
    /// For how many milliseconds.
    pub const HELD_FOR: i64 = 30 * Millis::DAY;
}

/// What becomes of a lead that asks its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It goes on its way.
    Goes,
    /// It is held.
    Held,
    /// It is let go.
    Dropped,
}

impl SourceLeads {
    /// Counts one more lead; says what becomes of it.
    pub fn count(&mut self, quota: &LeadQuota, now: Millis) -> Admission {
        let hour = Millis(now.0.div_euclid(Millis::HOUR) * Millis::HOUR);
        // What came a little late belongs to the hour at hand; a clock that was far ahead doesn't hold up the hours until then.
        if hour > self.hour || self.hour.since(hour) > Millis::HOUR {
            (self.hour, self.leads, self.held, self.dropped) = (hour, 0, 0, 0);
        }
        let (count, admission) = match (self.leads < quota.an_hour, self.waiting < quota.held) {
            (true, _) => (&mut self.leads, Admission::Goes),
            (false, true) => (&mut self.held, Admission::Held),
            (false, false) => (&mut self.dropped, Admission::Dropped),
        };
        *count = count.saturating_add(1);
        self.waiting += u32::from(admission == Admission::Held);
        admission
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
    /// Whether it was let go: then no destination hears of it.
    pub discarded: bool,
    /// Why it was let go, where no operator said so. Then its subject may make another by what they do from a day after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<LetGo>,
}

/// Why a lead is let go though no operator said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetGo {
    /// As many of its source as may be were held already. It is not stored.
    Full,
    /// Nobody released it in time.
    Expired,
}

impl LetGo {
    /// As it stands in leads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Expired => "expired",
        }
    }
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
            assert_eq!(leads.count(&quota(2, 9), at) == Admission::Goes, expected, "{name}");
        }
        assert_eq!(SourceLeads::default().count(&quota(0, 9), hour), Admission::Held, "none at all");
    }

    #[test]
    fn only_so_many_are_held() {
        let hour = Millis(1_795_291_200_000);
        let mut leads = SourceLeads::default();
        let mut count = |at| leads.count(&quota(1, 2), at);
        assert_eq!(
            [(); 5].map(|()| count(hour)),
            [Admission::Goes, Admission::Held, Admission::Held, Admission::Dropped, Admission::Dropped]
        );
        let next = hour.plus(Millis::HOUR);
        assert_eq!([(); 2].map(|()| count(next)), [Admission::Goes, Admission::Dropped], "they are held still");
        leads.waiting -= 1;
        assert_eq!(leads.count(&quota(1, 2), next), Admission::Held, "one was let go");
        assert_eq!((leads.leads, leads.held, leads.dropped, leads.waiting), (1, 1, 1, 2));
    }

    fn quota(an_hour: u32, held: u32) -> LeadQuota {
        LeadQuota { an_hour, held, held_for: LeadQuota::HELD_FOR }
    }
}
