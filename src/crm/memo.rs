//! What was learned of a destination and holds for a while: a token, the id of an owner. In memory only: whoever comes anew asks again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::backoff::later;
use crate::time::Millis;

/// How much is remembered of one destination.
const MOST: usize = 10_000;

/// Texts by their names, each until some moment.
#[derive(Debug, Default)]
pub struct Memo(Mutex<HashMap<String, (String, Millis)>>);

impl Memo {
    /// What is known by this name.
    pub fn get(&self, name: &str, now: Millis) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(_, until)| *until > now).map(|(text, _)| text.clone())
    }

    /// Remembers something for so long.
    pub fn put(&self, name: &str, text: impl Into<String>, now: Millis, hold: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
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
        assert!(memo.0.lock().expect("nobody panicked").len() <= MOST);
        memo.put("token", "t", now, Duration::from_secs(1));
        memo.forget("token");
        assert_eq!(memo.get("token", now), None);
    }
}
