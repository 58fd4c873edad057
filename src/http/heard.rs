//! What destinations pushed of late: that something has changed there, or something of a lead, and what was refused.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use super::seldom::Seldom;
use crate::time::Millis;

/// What comes within so many milliseconds of the last push is heard with it: the reading begins later than that.
const WITH_THE_LAST: i64 = 900;
/// For how many milliseconds a push is known that was taken: for longer than a signature is believed.
const KNOWN_MS: i64 = 11 * 60 * 1_000;
/// How many are known at most.
const MOST_KNOWN: usize = 20_000;

/// What was pushed of late. Only destinations that are configured are in it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// When each destination was last said to have changed.
    news: BTreeMap<String, Millis>,
    /// Until when pushes are known that were taken, by a hash of the destination and of what each is called.
    taken: HashMap<u128, Millis, ahash::RandomState>,
    /// When the log last said that pushes are refused.
    refused: BTreeMap<String, Seldom>,
}

fn hash(destination: &str, name: &str) -> u128 {
    xxh3_128(format!("{destination}\n{name}").as_bytes())
}

impl Heard {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a push is not heard with the last one.
    pub fn is_news(&self, destination: &str, now: Millis) -> bool {
        let heard = &mut self.table().news;
        let is_news = heard.get(destination).is_none_or(|last| !(0..WITH_THE_LAST).contains(&now.since(*last)));
        if is_news {
            heard.insert(destination.to_owned(), now);
        }
        is_news
    }

    /// Whether a push of this name was taken before.
    pub fn is_taken(&self, destination: &str, name: &str, now: Millis) -> bool {
        self.table().taken.get(&hash(destination, name)).is_some_and(|until| *until > now)
    }

    /// A push was taken. Fails open: of more than are known at most the first may be taken again.
    pub fn take(&self, destination: &str, name: &str, now: Millis) {
        let taken = &mut self.table().taken;
        if taken.len() >= MOST_KNOWN {
            taken.retain(|_, until| *until > now);
        }
        if taken.len() < MOST_KNOWN {
            taken.insert(hash(destination, name), now.plus(KNOWN_MS));
        }
    }

    /// A push was refused. Returns, when the log should say so, how many were not told since it last did.
    pub fn refuse(&self, destination: &str, now: Millis) -> Option<u64> {
        self.table().refused.entry(destination.to_owned()).or_default().due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_pushes_is_one_piece_of_news_a_second() {
        let heard = Heard::default();
        let told = (0..3_000).filter(|ms| heard.is_news("crm", Millis(*ms))).count();
        assert_eq!(told, 4);
        assert!(heard.is_news("other", Millis(3_000)), "another one's");
        assert!(heard.is_news("crm", Millis(10)), "whatever the clock does");
    }

    #[test]
    fn a_push_that_was_taken_is_known_for_as_long_as_it_could_be_sent_again() {
        let heard = Heard::default();
        assert!(!heard.is_taken("crm", "msg_1", Millis(0)));
        heard.take("crm", "msg_1", Millis(0));
        assert!(heard.is_taken("crm", "msg_1", Millis(600_000)));
        assert!(!heard.is_taken("other", "msg_1", Millis(0)) && !heard.is_taken("crm", "msg_1", Millis(KNOWN_MS)));
        for n in 0..50_000 {
            heard.take("crm", &n.to_string(), Millis(n));
        }
        assert_eq!(heard.table().taken.len(), MOST_KNOWN);
    }
}
