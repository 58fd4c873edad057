//! What a delivery test stands on.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::cdp::source::Secret;
use handraiser::config::Config;
use handraiser::crm::deliveries::queue_of;
use handraiser::crm::{Deliveries, Destination, RetryPolicy, Webhook, sample};
use handraiser::engine::queue::Surroundings;
use handraiser::engine::{SharedConfig, Wakes};
use handraiser::identity::RecordKey;
use handraiser::lead::LeadEvent;
use handraiser::routing::{Route, Team};
use handraiser::store::{
    Commit, Entry, EntryQuery, EntryRow, EntryState, MemoryStore, QueueName, SharedStore, StoreOptions,
};
use handraiser::time::{Clock, Millis};

use crate::harness::{eventually, settings};

pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=";
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A store, a clock, and a configuration; workers are started by the tests.
pub struct Plant {
    pub store: SharedStore,
    pub clock: Clock,
    pub wakes: Wakes,
    pub config: SharedConfig,
}

impl Plant {
    pub fn new(destinations: Vec<Destination>) -> Self {
        Self {
            store: Arc::new(MemoryStore::new(StoreOptions::default())),
            clock: Clock::System,
            wakes: Wakes::default(),
            config: Arc::new(ArcSwap::from_pointee(config(destinations, Vec::new(), Vec::new()))),
        }
    }

    /// A clock that is turned by hand; it starts now, because signatures carry the time.
    pub fn by_hand(mut self) -> Self {
        self.clock = Clock::manual(Clock::System.now());
        self
    }

    pub fn around(&self) -> Surroundings {
        Surroundings { store: Arc::clone(&self.store), clock: self.clock.clone(), wakes: self.wakes.clone() }
    }

    pub fn deliver(&self) -> Deliveries {
        Deliveries::start(self.around(), Arc::clone(&self.config))
    }

    /// Queues the delivery of a lead's `revision`, as the router does.
    pub async fn send(&self, destination: &str, lead: &str, revision: u32) -> String {
        let (event, queue) = (event(lead, revision), queue_of(destination));
        let subject = RecordKey::account(lead);
        let partition = self.store.partitions().of(&subject);
        let now = self.clock.now();
        let entry = Entry {
            id: format!("{}/{destination}", event.id),
            queue: queue.clone(),
            lane: Some(lead.to_owned()),
            subject: subject.to_string(),
            due: now,
            created: now,
            attempts: 0,
            last_error: None,
            payload: serde_json::to_string(&event).expect("plain data"),
        };
        let commit = Commit { partition, now, enqueue: vec![entry], ..Commit::default() };
        self.store.commit(commit).await.expect("the store takes it");
        self.wakes.wake(&queue, partition);
        event.id
    }

    /// Turns the clock and has every worker look.
    pub fn advance(&self, ms: i64, queue: &QueueName) {
        self.clock.advance(ms);
        for partition in self.store.partitions().all() {
            self.wakes.wake(queue, partition);
        }
    }

    pub async fn rows(&self, state: EntryState, queue: &QueueName) -> Vec<EntryRow> {
        let query = EntryQuery { state, queue: Some(queue.clone()), queue_prefix: None, limit: 10_000 };
        self.store.entries(&query).await.expect("the store answers")
    }

    /// Waits until so many entries of a destination are in `state`.
    pub async fn until(&self, state: EntryState, destination: &str, count: usize) -> Vec<EntryRow> {
        let queue = queue_of(destination);
        let what = format!("{count} {state:?} deliveries to {destination}");
        eventually(&what, PATIENCE, async || {
            let rows = self.rows(state, &queue).await;
            (rows.len() == count).then_some(rows)
        })
        .await
    }

    /// Waits until the only entry of a destination has failed so many times; answers its last error.
    pub async fn failed(&self, destination: &str, attempts: u32) -> String {
        let queue = queue_of(destination);
        eventually("an attempt to fail", PATIENCE, async || {
            let row = self.rows(EntryState::Pending, &queue).await.into_iter().next()?;
            (row.entry.attempts == attempts).then_some(row.entry.last_error.unwrap_or_default())
        })
        .await
    }
}

/// An event in the life of `lead`.
pub fn event(lead: &str, revision: u32) -> LeadEvent {
    let mut event = sample::full();
    event.id = format!("evt_{lead}_{revision}");
    lead.clone_into(&mut event.lead.id);
    event.lead.revision = revision;
    event
}

/// A destination on loopback that is tried again at once.
pub fn destination(name: &str, url: &str) -> Destination {
    let millis = Duration::from_millis;
    Destination {
        name: Arc::from(name),
        webhook: Webhook {
            url: url.parse().expect("a URL"),
            secrets: vec![Secret::new(SECRET)],
            headers: Vec::new(),
            template: None,
            ca: None,
            timeout: Duration::from_secs(10),
            max_response_bytes: 65_536,
        },
        retry: RetryPolicy { max_attempts: 6, base: millis(10), cap: millis(100) },
        concurrency: 4,
        allow_addresses: vec!["127.0.0.0/8".parse().expect("a network")],
    }
}

pub fn config(destinations: Vec<Destination>, teams: Vec<Team>, routes: Vec<Route>) -> Config {
    Config { teams, routes, destinations, ..settings::empty() }
}

/// Seconds, in the clock's unit.
pub const fn seconds(seconds: i64) -> i64 {
    seconds * Millis::SECOND
}
