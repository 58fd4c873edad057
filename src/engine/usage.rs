//! What the events of each source led to, as far as this server applied them: what quotas are held against, and what operators see.
//!
//! Counted when it is applied, not when it is committed: after a crash some is counted twice. That is good enough for bounds.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::SourceName;
use crate::time::Millis;

/// What the events of one source led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Users and accounts that nothing was known of, since this server started.
    pub subjects: u64,
    /// Ids that were merged into users, since this server started.
    pub merges: u64,
    /// Leads that were let go since it made too many, since this server started.
    pub leads_let_go: u64,
    /// Of the subjects, those of this hour.
    pub subjects_this_hour: u64,
    /// Of the merges, those of this hour.
    pub merges_this_hour: u64,
    /// Which hour of the clock that is.
    pub hour: i64,
}

impl Usage {
    /// As it stands in the hour of `now`.
    fn at(self, now: Millis) -> Self {
        let hour = now.0.div_euclid(Millis::HOUR);
        if hour == self.hour { self } else { Self { hour, subjects_this_hour: 0, merges_this_hour: 0, ..self } }
    }
}

/// The use of all sources.
#[derive(Debug, Default)]
pub(super) struct UsageBook(Mutex<BTreeMap<SourceName, Usage>>);

impl UsageBook {
    fn book(&self) -> MutexGuard<'_, BTreeMap<SourceName, Usage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, source: &SourceName, now: Millis, note: impl FnOnce(&mut Usage)) {
        let mut book = self.book();
        let usage = book.entry(source.clone()).or_default();
        *usage = usage.at(now);
        note(usage);
    }

    /// A subject became known by an event of `source`.
    pub fn subject(&self, source: &SourceName, now: Millis) {
        self.note(source, now, |usage| {
            usage.subjects += 1;
            usage.subjects_this_hour += 1;
        });
        metrics::counter!("handraiser_new_subjects_total", "source" => source.to_string()).increment(1);
    }

    /// An id was merged into a user on the word of `source`.
    pub fn merge(&self, source: &SourceName, now: Millis) {
        self.note(source, now, |usage| {
            usage.merges += 1;
            usage.merges_this_hour += 1;
        });
    }

    /// A lead was let go since `source` makes too many.
    pub fn let_go(&self, source: &SourceName, now: Millis) {
        self.note(source, now, |usage| usage.leads_let_go += 1);
    }

    /// The use of one source.
    pub fn of(&self, source: &SourceName, now: Millis) -> Usage {
        self.book().get(source).copied().unwrap_or_default().at(now)
    }
}
