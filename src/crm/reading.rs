//! What is read back of leads in one call: from streams of records in the order in which they changed, each as far as it was read.

use std::collections::BTreeMap;

use super::adapter::{MOST_READ_BACK, ReadBack};
use super::retry::Failure;
use crate::record::Seen;
use crate::time::Millis;

/// How many pages of one stream are read in one call.
const MOST_PAGES: usize = 10;
/// How many of them may tell of changes in one moment: beyond that the destination says the same over and over.
const MOST_PAGES_OF_A_MOMENT: usize = 300;

/// What was read so far.
#[derive(Debug)]
pub(super) struct Reading {
    leads: BTreeMap<String, Seen>,
    /// How many of them are only known by name as yet.
    expected: usize,
    since: Millis,
    until: Millis,
    is_all: bool,
}

impl Reading {
    /// Begins with what changed `since`; where all of it is read, the next call begins `until` then.
    pub fn new(since: Millis, until: Millis) -> Self {
        // Never backwards, whatever the clock does.
        Self { leads: BTreeMap::new(), expected: 0, since, until: until.max(since), is_all: true }
    }

    /// A lead stands so; of what is heard of one lead in several streams the last counts.
    pub fn hear(&mut self, lead: &str, seen: Seen) {
        self.leads.insert(lead.to_owned(), seen);
    }

    /// So many leads are about to be heard of.
    pub fn expect(&mut self, leads: usize) {
        self.expected = leads;
    }

    /// Whether a stream that was read up to the changes at `last`, over so many pages, is left there; the next call goes on from it. It is
    /// read on while it got nowhere: thousands may have been changed in one moment.
    ///
    /// # Errors
    /// When so much can't have been changed in one moment.
    pub fn breaks_off(&mut self, last: Millis, pages: usize) -> Result<bool, Failure> {
        if pages >= MOST_PAGES_OF_A_MOMENT {
            let error = format!(
                "{pages} pages of records that changed at {}, and no end: they can't be read back",
                last.max(self.since).rfc3339()
            );
            return Err(Failure::unanswered(error, "endless pages"));
        }
        let breaks_off =
            last > self.since && (pages >= MOST_PAGES || self.leads.len().max(self.expected) >= MOST_READ_BACK);
        if breaks_off {
            self.until = self.until.min(last);
            self.is_all = false;
        }
        Ok(breaks_off)
    }

    /// All of it.
    pub fn done(self) -> ReadBack {
        ReadBack { leads: self.leads.into_iter().collect(), until: self.until, is_all: self.is_all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::stages::seen;
    use crate::record::Stage;

    #[test]
    fn what_is_left_out_is_told_by_the_next_call() {
        let mut reading = Reading::new(Millis(1_000), Millis(9_000));
        assert_eq!(reading.breaks_off(Millis(2_000), 1), Ok(false), "there is room");
        assert_eq!(reading.breaks_off(Millis(1_000), MOST_PAGES), Ok(false), "it got nowhere");
        let endless = reading.breaks_off(Millis(1_000), MOST_PAGES_OF_A_MOMENT).expect_err("it repeats itself");
        assert!(endless.error.starts_with("300 pages of records that changed at 1970-01-01T00:00:01"), "{endless:?}");
        for lead in 0..MOST_READ_BACK {
            reading.hear(&lead.to_string(), seen(Stage::New, None, None));
        }
        assert_eq!(reading.breaks_off(Millis(3_000), 1), Ok(true));
        assert_eq!(reading.breaks_off(Millis(5_000), 1), Ok(true), "another stream, which was read further");
        let read = reading.done();
        assert_eq!((read.leads.len(), read.until, read.is_all), (MOST_READ_BACK, Millis(3_000), false));
    }

    #[test]
    fn a_call_that_has_all_of_it_never_goes_back() {
        let read = Reading::new(Millis(1_000), Millis(900)).done();
        assert_eq!((read.until, read.is_all), (Millis(1_000), true));
    }
}
