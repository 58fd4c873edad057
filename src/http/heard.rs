//! Which destinations said of late that something has changed there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::time::Millis;

/// What comes within so many milliseconds of the last push is heard with it: the reading begins later than that.
const WITH_THE_LAST: i64 = 900;

/// When each destination was last said to have changed. Only those that are configured, and proved themselves, are in it.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<BTreeMap<String, Millis>>>);

impl Heard {
    /// Whether a push is not heard with the last one.
    pub fn is_news(&self, destination: &str, now: Millis) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = heard.get(destination).is_none_or(|last| !(0..WITH_THE_LAST).contains(&now.since(*last)));
        if is_news {
            heard.insert(destination.to_owned(), now);
        }
        is_news
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
}
