//! A CRM that takes what it is sent, now and then only after some attempts, and keeps the books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use handraiser::apply::Attempt;
use handraiser::apply::message::{AttemptOutcome, ReadBack};
use handraiser::engine::{Admission, Before, Dispatcher};
use handraiser::lead::LeadEvent;
use handraiser::record::News;
use handraiser::time::{Clock, Millis};

#[derive(Default)]
struct Books {
    dice: u64,
    /// Every lead event by its id, with how often it came.
    taken: BTreeMap<String, (LeadEvent, usize)>,
    /// By destination and id what came there.
    came: BTreeSet<(String, String)>,
    /// The revisions of each lead in the order in which they came for the first time.
    revisions: BTreeMap<String, Vec<u32>>,
    /// What is being sent, by destination and lead.
    under_way: BTreeMap<(String, String), usize>,
    /// How often something was sent of a lead while something else of it was still under way.
    overlaps: usize,
    wrong: Vec<String>,
    /// Those that came under a key that is taken.
    others: Vec<LeadEvent>,
}

pub struct Crm {
    clock: Clock,
    books: Mutex<Books>,
    failing: u64,
    takes: Duration,
}

impl Crm {
    /// One that fails so many times of a hundred, and takes so long to answer.
    pub fn new(clock: Clock, seed: u64, failing: u64, takes: Duration) -> Self {
        let books = Books { dice: seed, ..Books::default() };
        Self { clock, books: Mutex::new(books), failing, takes }
    }

    /// Every lead event that was taken, and what was wrong about any.
    pub fn books(&self) -> (Vec<LeadEvent>, Vec<String>) {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = books.taken.values().map(|(event, _)| event).chain(&books.others);
        (taken.cloned().collect(), books.wrong.clone())
    }

    /// How often something was sent of a lead while something else of it was still under way: it could arrive first.
    pub fn overlaps(&self) -> usize {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).overlaps
    }

    fn begins(&self, of: &(String, String)) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = books.under_way.entry(of.clone()).or_default();
        *under_way += 1;
        let overlaps = *under_way > 1;
        books.overlaps += usize::from(overlaps);
    }

    fn ends(&self, of: &(String, String)) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = books.under_way.get_mut(of) {
            *under_way -= 1;
        }
    }

    fn take(&self, destination: &str, news: &News, before: &Before) -> bool {
        let event: LeadEvent = serde_json::from_str(&news.json).expect("news is a lead event");
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.dice = books.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = (books.dice >> 33) % 100;
        if dice < self.failing {
            return false;
        }
        if !books.came.insert((destination.to_owned(), event.id.clone())) && !before.may_be_there {
            books.wrong.push(format!("nobody would have looked whether {} is at {destination}, where it is", event.id));
        }
        match books.taken.get_mut(&event.id) {
            Some((known, times)) if *known == event => *times += 1,
            Some((known, _)) => {
                let what = format!("one key, two contents: {known:#?} and {event:#?}");
                books.wrong.push(what);
                books.others.push(event);
            }
            None => {
                let revisions = books.revisions.entry(event.lead.id.clone()).or_default();
                revisions.push(event.lead.revision);
                if !revisions.is_sorted() {
                    let what = format!("out of order: {revisions:?} of {}", event.lead.id);
                    books.wrong.push(what);
                }
                books.taken.insert(event.id.clone(), (event, 1));
            }
        }
        // Taken, and the answer is lost.
        dice >= 2 * self.failing
    }
}

#[async_trait]
impl Dispatcher for Crm {
    fn admission(&self, _: &str, _: Millis) -> Admission {
        Admission::Open(4)
    }

    async fn deliver(&self, destination: &str, news: &News, before: &Before) -> Attempt {
        let event: LeadEvent = serde_json::from_str(&news.json).expect("news is a lead event");
        let of = (destination.to_owned(), event.lead.id.clone());
        self.begins(&of);
        tokio::time::sleep(self.takes).await;
        self.ends(&of);
        let now = self.clock.now();
        let outcome = if self.take(destination, news, before) {
            let kind = format!("{:?}", event.kind).into();
            AttemptOutcome::Delivered { lead: event.lead.id.into(), definition: event.lead.definition.into(), kind }
        } else {
            AttemptOutcome::Retry { due: now, counts: true, error: "a planned failure".into() }
        };
        Attempt { id: news.id.clone(), at: now, outcome, remembered: None, tried: None }
    }

    async fn read_back(&self, _: &str, since: Millis, every: i64) -> ReadBack {
        let at = self.clock.now();
        ReadBack { at, seen: Vec::new(), until: Some(since), next: at.plus(every), error: None }
    }

    fn deadline(&self, _: &str) -> Duration {
        Duration::from_secs(10)
    }

    fn failed(&self, _: &str, news: &News, error: &str) -> Attempt {
        let now = self.clock.now();
        let outcome = AttemptOutcome::Retry { due: now, counts: true, error: error.into() };
        Attempt { id: news.id.clone(), at: now, outcome, remembered: None, tried: None }
    }
}
