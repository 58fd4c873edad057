//! What was learned of a destination and holds for a while: a token, the id of an owner. In memory only: whoever comes anew asks again.
//!
//! And whose turn it is: where a destination would make two records of two requests at once, the deliveries that may want the same record
//! look for it one after the other. A destination has one owner, so that this holds for the whole installation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::backoff::later;
use crate::time::Millis;

/// How much is remembered of one destination.
const MOST: usize = 10_000;

/// Texts by their names, each until some moment; and turns.
#[derive(Debug, Default)]
pub struct Memo {
    known: Mutex<HashMap<String, (String, Millis)>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// Whoever holds it is alone with what it is the turn of.
pub type Turn = OwnedMutexGuard<()>;

impl Memo {
    /// What is known by this name.
    pub fn get(&self, name: &str, now: Millis) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(_, until)| *until > now).map(|(text, _)| text.clone())
    }

    /// Remembers something for so long.
    pub fn put(&self, name: &str, text: impl Into<String>, now: Millis, hold: Duration) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name.to_owned(), (text.into(), later(now, hold)));
    }

    /// Something turned out to be so no longer.
    pub fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Waits until nobody else holds the turn of this name.
    pub async fn turn(&self, name: &str) -> Turn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for; there are never more than deliveries under way.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_holds_for_its_time_and_takes_no_more_than_its_room() {
        let (memo, now) = (Memo::default(), Millis(1_000));
        memo.put("owner:ana@example.com", "17", now, Duration::from_secs(1));
        assert_eq!(memo.get("owner:ana@example.com", now).as_deref(), Some("17"));
        assert_eq!(memo.get("owner:ana@example.com", now.plus(1_000)), None);
        for number in 0..3 * MOST {
            memo.put(&number.to_string(), "", now, Duration::from_secs(1));
        }
        assert!(memo.known.lock().expect("nobody panicked").len() <= MOST);
        memo.put("token", "t", now, Duration::from_secs(1));
        memo.forget("token");
        assert_eq!(memo.get("token", now), None);
    }

    #[tokio::test]
    async fn a_turn_is_had_by_one_at_a_time_and_left_behind_by_none() {
        let memo = Memo::default();
        let first = memo.turn("acme").await;
        let other = memo.turn("globex").await;
        let second = tokio::time::timeout(Duration::from_millis(20), memo.turn("acme")).await;
        assert!(second.is_err(), "somebody has it");
        drop((first, other));
        let _again = memo.turn("acme").await;
        assert_eq!(memo.turns.lock().expect("nobody panicked").len(), 1);
    }
}
