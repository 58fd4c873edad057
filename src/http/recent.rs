//! The last events that arrived, for whoever connects a CDP and wants to see that it works. In memory, bounded, a sample:
//! of a long batch only the last few are kept, of very many requests some, and under contention none, so that looking never
//! slows receiving.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use serde::{Serialize, Serializer};

use crate::event::{Call, Event, SourceName};
use crate::time::Millis;

/// How many events are kept.
const KEPT: usize = 100;
/// How many events of one request are kept.
const KEPT_OF_REQUEST: usize = 10;

/// An event that arrived, without its properties and traits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RecentEvent {
    /// The source that sent it.
    #[schema(value_type = String)]
    pub source: SourceName,
    /// Which call it was: `track`, `identify`, …
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub call: Call,
    /// The track call's event, the page's or the screen's name.
    pub name: Option<Box<str>>,
    /// Its `messageId`, or a stand-in made from the raw bytes.
    pub message_id: Box<str>,
    /// Its `userId`.
    pub user_id: Option<Box<str>>,
    /// Its `anonymousId`.
    pub anonymous_id: Option<Box<str>>,
    /// Alias calls only: the id that became `user_id`.
    pub previous_id: Option<Box<str>>,
    /// The account: `groupId` of a group call, `context.groupId` of any other.
    pub group_id: Option<Box<str>>,
    /// When it happened, RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub timestamp: Millis,
    /// When it arrived, RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub received_at: Millis,
}

/// Of more than [`KEPT_OF_SPELL`] events within so many milliseconds, the rest is not kept.
const SPELL_MS: i64 = 100;
const KEPT_OF_SPELL: usize = 50;

/// The last events that arrived. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Recent(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    samples: Mutex<VecDeque<RecentEvent>>,
    /// The number of the spell at hand, and how many events were kept in it. Only roughly right under contention.
    spell: AtomicI64,
    in_spell: AtomicUsize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn rfc3339<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

impl RecentEvent {
    /// Without the event's maps, which may be large.
    fn of(event: &Event) -> Self {
        Self {
            source: event.source.clone(),
            call: event.call,
            name: event.name.clone(),
            message_id: event.message_id.clone(),
            user_id: event.user_id.clone(),
            anonymous_id: event.anonymous_id.clone(),
            previous_id: event.previous_id.clone(),
            group_id: event.group_id.clone().or_else(|| event.context_group_id.clone()),
            timestamp: event.timestamp,
            received_at: event.received_at,
        }
    }
}

impl Recent {
    /// What will be kept of a request's events once they are taken.
    pub fn sample(&self, events: &[Arc<Event>]) -> Vec<RecentEvent> {
        let Some(first) = events.first() else { return Vec::new() };
        let spell = first.received_at.0.div_euclid(SPELL_MS);
        if self.0.spell.swap(spell, Ordering::Relaxed) != spell {
            self.0.in_spell.store(0, Ordering::Relaxed);
        }
        if self.0.in_spell.fetch_add(events.len().min(KEPT_OF_REQUEST), Ordering::Relaxed) >= KEPT_OF_SPELL {
            return Vec::new();
        }
        let skip = events.len().saturating_sub(KEPT_OF_REQUEST);
        events.iter().skip(skip).map(|event| RecentEvent::of(event)).collect()
    }

    /// Keeps a sample; does nothing while someone else holds the list.
    pub fn keep(&self, samples: Vec<RecentEvent>) {
        let mut kept = match self.0.samples.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        kept.extend(samples);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }

    /// The events kept, newest first.
    pub fn newest_first(&self) -> Vec<RecentEvent> {
        self.0.samples.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}
