//! What is remembered of a yes-or-no signal, where something asks since when it has been true, or how often it became so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// What is remembered of one signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Since when it has been true without a break; `None` while it is not.
    pub since: Option<Millis>,
    /// How often it became true.
    pub times: u32,
}

/// What is remembered of a subject's signals, by their names. Most subjects have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::box_collection, reason = "a word for each of a million subjects that have none, not three")]
pub struct NotedSignals(Option<Box<BTreeMap<Box<str>, Noted>>>);

impl NotedSignals {
    /// What is remembered of a signal.
    pub fn get(&self, signal: &str) -> Option<Noted> {
        self.0.as_ref()?.get(signal).copied()
    }

    /// Remembers this of a signal.
    pub fn set(&mut self, signal: &str, noted: Noted) {
        self.0.get_or_insert_default().insert(signal.into(), noted);
    }

    /// Notes that a signal is true or false at `at`. As long as that is not known, nothing changes: it may have been true all along.
    pub fn note(&mut self, signal: &str, met: Option<bool>, at: Millis) {
        let Some(met) = met else { return };
        let known = self.get(signal).unwrap_or_default();
        let now = match (met, known.since) {
            (true, None) => Noted { since: Some(at), times: known.times.saturating_add(1) },
            (false, Some(_)) => Noted { since: None, ..known },
            _ => return,
        };
        self.set(signal, now);
    }

    /// Everything that is remembered.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Noted)> {
        self.0.iter().flat_map(|all| all.iter()).map(|(name, noted)| (&**name, *noted))
    }

    /// Takes in what was remembered of an id that turned out to be the same: true since whichever came first.
    pub fn merge(&mut self, other: &Self) {
        for (signal, theirs) in other.iter() {
            let mine = self.get(signal).unwrap_or_default();
            let since = [mine.since, theirs.since].into_iter().flatten().min();
            self.set(signal, Noted { since, times: mine.times.max(theirs.times) });
        }
    }

    /// About how many bytes they take in memory.
    pub fn bytes(&self) -> usize {
        self.iter().map(|(name, _)| 64 + name.len()).sum()
    }
}
