//! What one record tells another of itself: the figures and traits that conditions over there read, as of one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outcomes::Tally;
use super::{NotedSignals, Said, Subject};
use crate::counters::{Ledger, Plan};
use crate::ids::SubjectKind;
use crate::time::Millis;

/// A subject as it stood at one moment, as far as others need to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// The subject's id.
    pub id: Arc<str>,
    /// Its name, when it has one.
    pub name: Option<String>,
    /// Its traits by canonical name: of a user those that something reads, of an account all, since its leads name them.
    pub traits: Map<String, Value>,
    /// Of traits of which conditions ask more than the value: who said what, and when.
    pub said: BTreeMap<String, Vec<Said>>,
    /// The part of its figures that is read elsewhere (see `counters::told`).
    pub ledger: Ledger,
    /// Of an account: of how many members what conditions ask is true, by the condition's fingerprint.
    pub tallies: BTreeMap<u32, Tally>,
    /// What is remembered of its signals.
    pub noted: NotedSignals,
    /// When its first event happened.
    pub first_seen: Option<Millis>,
    /// When its last event happened.
    pub last_seen: Option<Millis>,
}

impl Projection {
    /// `subject` as it stands at `now`, with the traits that `reads` names.
    pub fn of(
        subject: &Subject,
        id: &Arc<str>,
        kind: SubjectKind,
        (plan, reads, asks): (&Plan, impl Fn(&str) -> bool, impl Fn(&str) -> bool),
        now: Millis,
    ) -> Self {
        let traits = subject.traits.iter().filter(|(name, _)| reads(name));
        Self {
            id: Arc::clone(id),
            name: subject.traits.name(),
            traits: traits.map(|(name, value)| (name.to_owned(), value.clone())).collect(),
            said: subject.traits.known.keys().filter(|name| asks(name)).map(|name| said(subject, name)).collect(),
            ledger: subject.ledger.part(plan, kind, now),
            tallies: subject.outcomes.iter().flat_map(|outcomes| outcomes.tallies()).collect(),
            noted: subject.noted.clone(),
            first_seen: subject.first_seen,
            last_seen: subject.last_seen,
        }
    }
}

/// Who said what of a trait.
fn said(subject: &Subject, name: &str) -> (String, Vec<Said>) {
    let (known, by_source) = subject.traits.said(name);
    let nobody = || known.map(|known| Said { source: Box::default(), said: known.clone() });
    let said = if by_source.is_empty() { nobody().into_iter().collect() } else { by_source.to_vec() };
    (name.to_owned(), said)
}
