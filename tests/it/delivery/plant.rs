//! What a delivery test stands on: a store, a server's engine that works its logs, and destinations.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::apply::rules::RulesParts;
use handraiser::apply::{Body, LogItem, Message, Rules};
use handraiser::crm::{Deliverer, Destination, Http, Kind, RetryPolicy, SharedDestinations, Webhook, sample};
use handraiser::engine::{Engine, SharedRules};
use handraiser::ids::{RecordKey, RecordKind};
use handraiser::lead::LeadEvent;
use handraiser::record::delivery::Done;
use handraiser::record::{AgendaList, Delivery, News, Record};
use handraiser::secret::Secret;
use handraiser::store::{Append, ListName, MemoryStore, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};

use crate::harness::{eventually, settings};

pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=";
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A store, a clock, and destinations; engines are started by the tests.
pub struct Plant {
    pub store: SharedStore,
    pub clock: Clock,
    pub rules: SharedRules,
    pub destinations: SharedDestinations,
}

impl Plant {
    pub fn new(destinations: Vec<Destination>) -> Self {
        Self {
            store: Arc::new(MemoryStore::new(StoreOptions::default())),
            clock: Clock::System,
            rules: Arc::new(ArcSwap::from_pointee(Rules::new(RulesParts::default()))),
            destinations: Arc::new(ArcSwap::from_pointee(destinations)),
        }
    }

    /// A clock that is turned by hand; it starts now, because signatures carry the time.
    pub fn by_hand(mut self) -> Self {
        self.clock = Clock::manual(Clock::System.now());
        self
    }

    /// Starts the engine of a server.
    pub fn start(&self, server: &str) -> Engine {
        let deliverer = Deliverer::new(Arc::clone(&self.destinations), self.clock.clone());
        let (store, rules) = (Arc::clone(&self.store), Arc::clone(&self.rules));
        Engine::start(store, rules, self.clock.clone(), Arc::new(deliverer), settings::engine(server))
    }

    /// Hands over the news of a lead's `revision`, as its subject does.
    pub async fn send(&self, destination: &str, lead: &str, revision: u32) -> String {
        let event = event(lead, revision);
        self.send_event(destination, lead, &event).await;
        event.id
    }

    /// Hands over news of a lead.
    pub async fn send_event(&self, destination: &str, lead: &str, event: &LeadEvent) {
        let json = serde_json::to_string(event).expect("plain data");
        let at = self.clock.now();
        let news = News {
            id: event.id.as_str().into(),
            created: at,
            attempts: 0,
            last_error: None,
            json: json.into(),
            revision: event.lead.revision,
            was_tried: false,
        };
        let to = RecordKey::delivery(destination, lead);
        let shard = self.store.shards().of(&to);
        let body = Body::Deliver { subject: RecordKey::account(lead), news: Box::new(news) };
        let mut payload = Vec::new();
        LogItem::Message(Message { to, at, hops: 0, body }).encode(&mut payload);
        self.store.append(vec![Append { shard, payload: payload.into() }]).await.expect("the store takes it");
    }

    async fn listed(&self, list: &AgendaList) -> Vec<Delivery> {
        let listed = self.store.listed(&ListName::new(&list.name()), 10_000).await.expect("the store answers");
        let keys: Vec<_> = listed.into_iter().map(|(_, key)| key).collect();
        let texts = self.store.load(&keys).await.expect("the store answers");
        let read = |text: Box<str>| match Record::read(RecordKind::Delivery, &text) {
            (Record::Delivery(delivery), bad) if bad.is_empty() => delivery,
            other => panic!("no delivery: {other:?}"),
        };
        texts.into_iter().flatten().map(read).collect()
    }

    /// What waits for a destination.
    pub async fn pending(&self, destination: &str) -> Vec<News> {
        let found = self.listed(&AgendaList::Deliver(destination.into())).await;
        found.into_iter().flat_map(|delivery| delivery.pending).collect()
    }

    /// Waits until so much news for a destination was given up.
    pub async fn dead(&self, destination: &str, count: usize) -> Vec<News> {
        let what = format!("{count} dead deliveries to {destination}");
        eventually(&what, PATIENCE, async || {
            let found = self.listed(&AgendaList::Dead(destination.into())).await;
            let dead: Vec<_> = found.into_iter().flat_map(|delivery| delivery.dead).collect();
            (dead.len() == count).then_some(dead)
        })
        .await
    }

    /// What is remembered of a lead by this name.
    pub async fn remembered(&self, destination: &str, lead: &str, name: &str) -> Option<String> {
        let text = self.store.load(&[RecordKey::delivery(destination, lead)]).await.expect("the store answers");
        match Record::read(RecordKind::Delivery, text[0].as_deref()?).0 {
            Record::Delivery(delivery) => delivery.remembered.get(name).map(ToString::to_string),
            other => panic!("no delivery: {other:?}"),
        }
    }

    /// What a destination took lately.
    pub async fn taken(&self, destination: &str) -> Vec<Done> {
        let text = self.store.load(&[RecordKey::destination(destination)]).await.expect("the store answers");
        match Record::read(RecordKind::Destination, text[0].as_deref().unwrap_or_default()) {
            (Record::Destination(history), _) => history.done.into(),
            other => panic!("no destination: {other:?}"),
        }
    }

    /// Waits until a destination took so much.
    pub async fn done(&self, destination: &str, count: usize) -> Vec<Done> {
        let what = format!("{count} deliveries to {destination}");
        eventually(&what, PATIENCE, async || {
            let done = self.taken(destination).await;
            (done.len() == count).then_some(done)
        })
        .await
    }

    /// Waits until the only news for a destination has failed so many times; returns its last error.
    pub async fn failed(&self, destination: &str, attempts: u32) -> String {
        eventually("an attempt to fail", PATIENCE, async || {
            let news = self.pending(destination).await.into_iter().next()?;
            (news.attempts == attempts).then(|| news.last_error.unwrap_or_default().into())
        })
        .await
    }

    /// Waits until the only news for a destination failed with an error that holds this; returns it.
    pub async fn failed_with(&self, destination: &str, text: &str) -> String {
        eventually(&format!("a failure with {text}"), PATIENCE, async || {
            let error = self.pending(destination).await.into_iter().next()?.last_error?;
            error.contains(text).then(|| error.into())
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
        kind: Kind::Webhook(Webhook {
            url: url.parse().expect("a URL"),
            secrets: vec![Secret::new(SECRET)],
            headers: Vec::new(),
            body: handraiser::crm::webhook::Body::Event,
        }),
        http: Http {
            timeout: Duration::from_secs(10),
            max_response_bytes: 65_536,
            ca: None,
            allow_addresses: vec!["127.0.0.0/8".parse().expect("a network")],
        },
        retry: RetryPolicy { max_attempts: 6, base: millis(10), cap: millis(100) },
        concurrency: 4,
        read_back: None,
        pushes: None,
    }
}

/// `handraiser crm test`, as its user runs it, with this configuration: whether it found everything fine, and what it printed.
pub async fn crm_test(configuration: &str, destination: &str, arguments: &[&str]) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("handraiser.yaml");
    std::fs::write(&path, configuration).expect("it can be written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_handraiser"));
    command.args(["crm", "test", destination, "--config"]).arg(&path).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.expect("nothing panics").expect("the program can be run");
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
}

/// The webhook that a destination is.
pub fn webhook(destination: &mut Destination) -> &mut Webhook {
    let Kind::Webhook(webhook) = &mut destination.kind else { panic!("it is no webhook") };
    webhook
}

/// Seconds, in the clock's unit.
pub const fn seconds(seconds: i64) -> i64 {
    seconds * Millis::SECOND
}
