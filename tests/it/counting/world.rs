//! The engine under test beside the reference.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::cdp::{Call, Event};
use handraiser::config::{AccountKey, Config};
use handraiser::counters::{Aggregate, Counter, EventMatch, Window};
use handraiser::engine::{Engine, MergeHandler, Wakes, queues};
use handraiser::identity::{RecordKey, SubjectKind};
use handraiser::store::{Commit, Outcome, Settle, SharedStore};
use handraiser::time::{Clock, Millis};
use serde_json::{Value, json};

use super::leads;
use super::reference::Reference;
use super::stream::{Op, Who};
use crate::harness::events::blank;

/// Engines on an empty store, as of several processes, with a clock that the stream turns.
pub struct World {
    store: SharedStore,
    engines: Vec<Engine>,
    clock: Clock,
    counters: Vec<Counter>,
    number: Mutex<u64>,
    turn: AtomicUsize,
}

fn counter(name: &str, of: SubjectKind, event: EventMatch, aggregate: Aggregate, window: Window) -> Counter {
    Counter { name: Arc::from(name), of, events: vec![event], filter: None, aggregate, window, label: None }
}

/// Every aggregate over every kind of window, for users and for accounts.
fn counters() -> Vec<Counter> {
    let value: Arc<[Box<str>]> = Arc::from(vec![Box::from("value")]);
    let track = || EventMatch::Track(Arc::from("event 1"));
    let windows = [
        Window::Lifetime,
        Window::Days(1),
        Window::Days(30),
        Window::Minutes(15),
        Window::Minutes(1440),
        Window::Minutes(3000),
    ];
    let mut all = Vec::new();
    for of in [SubjectKind::User, SubjectKind::Account] {
        for (index, window) in windows.into_iter().enumerate() {
            for (what, event, aggregate) in [
                ("count", track(), Aggregate::Count),
                ("any", EventMatch::Any, Aggregate::Count),
                ("pages", EventMatch::Page(None), Aggregate::Count),
                ("sum", track(), Aggregate::Sum(Arc::clone(&value))),
                ("values", track(), Aggregate::DistinctProperty(Arc::clone(&value))),
                ("people", EventMatch::Any, Aggregate::DistinctUsers),
            ] {
                all.push(counter(&format!("{of}_{what}_{index}"), of, event, aggregate, window));
            }
        }
        all.push(counter(&format!("{of}_days"), of, EventMatch::Any, Aggregate::ActiveDays, Window::Days(30)));
        all.push(counter(&format!("{of}_days_ever"), of, track(), Aggregate::ActiveDays, Window::Lifetime));
        all.push(counter(&format!("{of}_first"), of, EventMatch::Any, Aggregate::FirstSeen, Window::Lifetime));
        all.push(counter(&format!("{of}_last"), of, track(), Aggregate::LastSeen, Window::Lifetime));
    }
    all
}

impl World {
    pub fn new(store: SharedStore, processes: usize) -> Self {
        let config = leads::config();
        // Conditions know counters by their places.
        let counters: Vec<Counter> = config.counters.iter().cloned().chain(counters()).collect();
        let accounts = vec![AccountKey::ContextGroupId, AccountKey::GroupId, AccountKey::LastGroup];
        let config = Config { counters: counters.clone(), accounts, ..config };
        let clock = Clock::manual(Millis(1_795_000_000_000));
        let config = Arc::new(ArcSwap::from_pointee(config));
        let start = |_| Engine::new(Arc::clone(&store), Arc::clone(&config), clock.clone(), Wakes::default());
        let engines = (0..processes).map(start).collect();
        Self { store, engines, clock, counters, number: Mutex::new(0), turn: AtomicUsize::new(0) }
    }

    /// Plays a stream and compares all figures. What is wrong comes back as text.
    pub async fn check(&self, ops: &[Op]) -> Result<(), String> {
        let mut reference = Reference::default();
        let mut sent: Vec<Event> = Vec::new();
        let mut batch: Vec<Event> = Vec::new();
        for op in ops {
            let event = match op {
                Op::Wait { minutes, ms } => {
                    self.send(&mut batch).await;
                    self.clock.advance(minutes * Millis::MINUTE + ms);
                    continue;
                }
                Op::Again { nth } if sent.is_empty() => {
                    let _ = nth;
                    continue;
                }
                Op::Again { nth } => sent[nth % sent.len()].clone(),
                _ => self.event(op),
            };
            reference.accept(&event);
            sent.push(event.clone());
            // What ties ids or accounts together depends on the order; plain use does not, and goes in batches.
            let alone = !matches!(event.call, Call::Track | Call::Page);
            if alone {
                self.send(&mut batch).await;
            }
            batch.push(event);
            if alone || batch.len() > 8 {
                self.send(&mut batch).await;
            }
        }
        self.send(&mut batch).await;
        self.compare(&reference).await
    }

    /// Any of the processes; each time another one.
    fn engine(&self) -> &Engine {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.engines[turn % self.engines.len()]
    }

    /// Has every process count for the same few subjects at once, several requests at a time, and compares all figures.
    pub async fn check_at_once(&self, requests: usize) -> Result<(), String> {
        let mut reference = Reference::default();
        let mut senders = Vec::new();
        for at in 0..4 * self.engines.len() {
            let mut batches = Vec::new();
            for n in 0..requests {
                let used = |k: usize| Op::Use {
                    who: Who::User(((at + n + k) % 3) as u8),
                    name: 1,
                    account: Some((k % 2) as u8),
                    value: (at * 7 + k) as i16,
                    late: 0,
                };
                let batch: Vec<Event> = (0..5).map(|k| self.event(&used(k))).collect();
                batch.iter().for_each(|event| reference.accept(event));
                batches.push(batch);
            }
            let engine = self.engines[at % self.engines.len()].clone();
            senders.push(tokio::spawn(async move {
                for batch in batches {
                    while engine.submit(batch.clone()).await.is_err() {}
                }
            }));
        }
        for sender in senders {
            sender.await.map_err(|error| error.to_string())?;
        }
        self.compare(&reference).await
    }

    /// Sends as a CDP does: again and again until it is acknowledged.
    async fn send(&self, batch: &mut Vec<Event>) {
        let events = std::mem::take(batch);
        if events.is_empty() {
            return;
        }
        while self.engine().submit(events.clone()).await.is_err() {}
        self.merge_all().await;
    }

    async fn merge_all(&self) {
        for partition in self.store.partitions().all() {
            loop {
                let now = self.clock.now();
                let lease = Duration::from_secs(30);
                let claims = self.store.claim(partition, &queues::merge(), now, lease, 10).await.expect("claims");
                if claims.claimed.is_empty() {
                    break;
                }
                for claimed in claims.claimed {
                    while MergeHandler::new(self.engine().clone()).merge(&claimed).await.is_err() {}
                    let settle = Settle {
                        queue: claimed.entry.queue.clone(),
                        id: claimed.entry.id.clone(),
                        lease: claimed.lease,
                        outcome: Outcome::Done { keep: false },
                    };
                    // A settle that was done and yet reported as failed leaves a lost lease behind: done all the same.
                    let _ =
                        self.store.commit(Commit { partition, now, settle: vec![settle], ..Commit::default() }).await;
                }
            }
        }
    }

    /// Forgets the user whom the first of `ids` names, as often as it takes; answers which of them are still known.
    pub async fn forget(&self, ids: &[&str]) -> Vec<String> {
        if let Some(id) = ids.first() {
            while self.engine().forget(&RecordKey::user(id)).await.is_err() {}
        }
        let mut left = Vec::new();
        for key in ids.iter().map(|id| RecordKey::user(id)) {
            let explained = loop {
                if let Ok(explained) = self.engine().explain(&key).await {
                    break explained;
                }
            };
            left.extend(explained.map(|explained| explained.subject.id));
        }
        left
    }

    async fn compare(&self, reference: &Reference) -> Result<(), String> {
        let subjects = reference.users.iter().map(|id| RecordKey::user(id));
        for key in subjects.chain(reference.accounts.iter().map(|id| RecordKey::account(id))) {
            let explained = loop {
                if let Ok(explained) = self.engine().explain(&key).await {
                    break explained.ok_or_else(|| format!("nothing is known of {key}"))?;
                }
            };
            let id = reference.root(&key.id);
            let of = explained.subject.kind;
            for counter in self.counters.iter().filter(|counter| counter.of == of) {
                let expected = reference.figure(counter, &id, self.clock.now());
                let found = explained.counters.get(&*counter.name).and_then(figure);
                if expected != found {
                    return Err(format!("{key} {}: reference {expected:?}, engine {found:?}", counter.name));
                }
            }
        }
        leads::check(&*self.store, reference, &self.counters, self.clock.now()).await
    }

    fn event(&self, op: &Op) -> Event {
        let now = self.clock.now();
        let id = {
            let mut number = self.number.lock().expect("no panic holds it");
            *number += 1;
            format!("m{number}")
        };
        let user = |n: &u8| Some(format!("u{n}").into());
        let anonymous = |n: &u8| Some(format!("a{n}").into());
        let account = |n: &u8| Some(format!("g{n}").into());
        let mut event = blank(&id, now);
        match op {
            Op::Use { who, name, account: at, value, late } => {
                match who {
                    Who::User(n) => event.user_id = user(n),
                    Who::Anonymous(n) => event.anonymous_id = anonymous(n),
                    Who::Both(u, a) => (event.user_id, event.anonymous_id) = (user(u), anonymous(a)),
                }
                event.call = if *name == 0 { Call::Page } else { Call::Track };
                event.name = Some(format!("event {name}").into());
                event.context_group_id = at.as_ref().and_then(account);
                event.properties.insert("value".to_owned(), json!(f64::from(*value) / 4.0));
                event.timestamp = now.plus(-late * Millis::MINUTE);
            }
            Op::Identify { anonymous: a, user: u } => {
                (event.call, event.user_id, event.anonymous_id) = (Call::Identify, user(u), anonymous(a));
            }
            Op::Alias { from, to } => {
                (event.call, event.user_id, event.previous_id) = (Call::Alias, user(to), user(from));
            }
            Op::Group { user: u, account: g, late } => {
                (event.call, event.user_id, event.group_id) = (Call::Group, user(u), account(g));
                event.timestamp = now.plus(-late * Millis::MINUTE);
            }
            Op::Again { .. } | Op::Wait { .. } => {}
        }
        event
    }
}

fn figure(value: &Value) -> Option<f64> {
    match value {
        Value::String(at) => at.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond() as f64),
        other => other.as_f64(),
    }
}
