//! An engine over a store in memory, with a clock that the test turns and a CRM that is up or down as the test wants it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use handraiser::apply::message::{AttemptOutcome, ReadBack};
use handraiser::apply::rules::RulesParts;
use handraiser::apply::{Attempt, Rules};
use handraiser::config::{Config, load_text};
use handraiser::engine::{Admission, Before, Dispatcher, Engine, EngineSettings, HistorySettings, SharedRules};
use handraiser::event::{Call, Event, SourceName, Trust};
use handraiser::ids::{RecordKey, RecordKind};
use handraiser::lead::{Lead, LeadEvent, SubjectExplanation};
use handraiser::record::seen::{OWNER, STOOD};
use handraiser::record::{News, Record, Remembered, Seen, SeenOwner, Stage};
use handraiser::store::{LeadQuery, MemoryStore, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};
use serde_json::{Value, json};

use crate::harness::events::blank;
use crate::harness::{eventually, settings};

pub const START: Millis = Millis(1_795_255_200_000);

fn configuration(text: &str) -> Config {
    load_text("test.yaml", text, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config
}

/// A CRM that keeps what it took.
pub struct Crm {
    clock: Clock,
    pub down: AtomicBool,
    taken: Mutex<Vec<LeadEvent>>,
    /// Whether it has a record of each lead, which people may change.
    pub keeps: AtomicBool,
    /// How far people had come with a record that was there before it held the next lead.
    pub stood: Mutex<Option<Stage>>,
    /// By lead.
    pub records: Mutex<BTreeMap<String, Seen>>,
}

impl Crm {
    fn new(clock: Clock) -> Self {
        let (down, keeps) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { clock, down, taken: Mutex::default(), keeps, stood: Mutex::default(), records: Mutex::default() }
    }

    /// The owner and the stage of a lead's record are what people say they are.
    pub fn change(&self, lead: &str, change: impl FnOnce(&mut Seen)) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        change(records.get_mut(lead).expect("there is a record of it"));
    }

    pub fn owner_of(&self, lead: &str) -> Option<String> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(lead)?.owner.as_ref().map(|owner| owner.id.to_string())
    }

    /// What an adapter does: it leaves the record of a lead with its owner, but for one whom people gave it to.
    fn keep(&self, event: &LeadEvent, remembered: &Remembered) -> Option<Remembered> {
        if !self.keeps.load(Ordering::SeqCst) {
            return None;
        }
        let owner = event.lead.routing.as_ref().and_then(|routing| routing.owner.as_deref());
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let stood = self.stood.lock().unwrap_or_else(PoisonError::into_inner).take();
        let there = Seen { stage: stood.unwrap_or_default(), reason: None, owner: None };
        let record = records.entry(event.lead.id.clone()).or_insert(there);
        let mut left = remembered.clone();
        left.extend(stood.map(|stage| (STOOD.into(), stage.as_str().into())));
        left.insert("record".into(), event.lead.id.as_str().into());
        if record.owner.as_ref().map(|owner| &owner.id) == remembered.get(OWNER) {
            record.owner = owner.map(|owner| SeenOwner { id: owner.into(), email: Some(owner.into()) });
            left.extend(owner.map(|owner| (OWNER.into(), owner.into())));
        }
        Some(left)
    }
}

pub struct Desk {
    pub engine: Engine,
    pub store: SharedStore,
    pub clock: Clock,
    pub crm: Arc<Crm>,
    rules: SharedRules,
    trusted: Vec<(SourceName, Trust)>,
    number: AtomicU64,
}

impl Desk {
    pub fn new(definitions: &str) -> Self {
        Self::with(definitions, "routes: [ { name: all, to: self_serve } ]")
    }

    /// With further sections of the configuration, routes among them.
    pub fn with(definitions: &str, others: &str) -> Self {
        Self::configured("", &format!("traits: {{ user: {{ role: text }} }}\n{definitions}\n{others}"))
    }

    /// With these sections, which bring traits of their own.
    pub fn configured_as(sections: &str) -> Self {
        Self::configured("", &format!("{sections}\nroutes: [ {{ name: all, to: self_serve }} ]"))
    }

    /// As a document shows it: with whatever of sources and routes it doesn't say itself.
    pub fn documented(sections: &str) -> Self {
        let says = |section: &str| sections.lines().any(|line| line.starts_with(section));
        let routes = if says("routes:") { "" } else { "routes: [ { name: all, to: self_serve } ]" };
        let rest = format!("{sections}\n{routes}");
        let store = Arc::new(MemoryStore::new(StoreOptions::default()));
        Self::running("", &if says("sources:") { format!("\n{rest}") } else { rest }, store, None)
    }

    /// How far a source is believed.
    pub fn trust(&self, source: &str) -> Trust {
        let trust = self.trusted.iter().find(|(name, _)| name.as_str() == source).map(|(_, trust)| *trust);
        trust.unwrap_or_else(|| panic!("there is a source {source}"))
    }

    /// With further sources.
    pub fn with_sources(sources: &str, definitions: &str) -> Self {
        Self::configured(sources, &format!("{definitions}\nroutes: [ {{ name: all, to: self_serve }} ]"))
    }

    /// With an archive.
    pub fn archived(definitions: &str, history: HistorySettings) -> Self {
        let rest = format!("{definitions}\nroutes: [ {{ name: all, to: self_serve }} ]");
        Self::running("", &rest, Arc::new(MemoryStore::new(StoreOptions::default())), Some(history))
    }

    fn configured(sources: &str, rest: &str) -> Self {
        Self::running(sources, rest, Arc::new(MemoryStore::new(StoreOptions::default())), None)
    }

    fn running(sources: &str, rest: &str, store: SharedStore, history: Option<HistorySettings>) -> Self {
        let config = configuration(&Self::file(sources, rest));
        let clock = Clock::manual(START);
        let crm = Arc::new(Crm::new(clock.clone()));
        let rules = Arc::new(ArcSwap::new(Arc::clone(&config.rules)));
        let dispatcher = Arc::clone(&crm) as Arc<dyn Dispatcher>;
        let settings = EngineSettings { history, ..settings::engine("one") };
        let shared = Arc::clone(&rules);
        let engine = Engine::start(Arc::clone(&store), shared, clock.clone(), dispatcher, settings);
        let trusted = config.sources.iter().map(|source| (source.name.clone(), source.trust)).collect();
        Self { engine, store, clock, crm, rules, trusted, number: AtomicU64::new(0) }
    }

    fn file(sources: &str, rest: &str) -> String {
        let own = format!("sources: {{ app: {{ write_key: k }}, {sources} }}\n");
        let sources = if rest.contains("\nsources:") { "" } else { &own };
        let one =
            "destinations: { crm: { webhook: { url: \"http://127.0.0.1:9/\" }, allow_addresses: [ 127.0.0.0/8 ] } }\n";
        let destinations = if rest.contains("\ndestinations:") { "" } else { one };
        format!("{sources}{rest}\n{destinations}")
    }

    /// Other sections take force, a moment later.
    pub async fn reload(&self, sections: &str) {
        self.pass(Millis::SECOND).await;
        let routes = if sections.contains("\nroutes:") { "" } else { "routes: [ { name: all, to: self_serve } ]" };
        let rules = configuration(&Self::file("", &format!("{sections}\n{routes}"))).rules;
        let since = rules.follow(&self.rules.load(), self.clock.now());
        self.rules.store(Arc::new(rules.since(since)));
        self.pass(Millis::SECOND).await;
    }

    /// No destination is configured from now on.
    pub async fn without_destinations(&self) {
        let known = self.rules.load();
        let rules = Rules::new(RulesParts { destinations: Vec::new(), ..RulesParts::clone(&known) });
        let since = rules.follow(&known, self.clock.now());
        self.rules.store(Arc::new(rules.since(since)));
        self.pass(Millis::SECOND).await;
    }

    /// The CRM keeps a record of each lead from now on, and is asked every minute what people made of it.
    pub async fn read_back(&self) {
        self.crm.keeps.store(true, Ordering::SeqCst);
        let known = self.rules.load();
        let read_back = BTreeMap::from([("crm".into(), Millis::MINUTE)]);
        let rules = Rules::new(RulesParts { read_back, ..RulesParts::clone(&known) });
        let since = rules.follow(&known, self.clock.now());
        self.rules.store(Arc::new(rules.since(since)));
        self.pass(Millis::SECOND).await;
    }

    /// Waits until everybody was looked at for what the configuration says.
    pub async fn looked(&self) {
        eventually("everybody is looked at", Duration::from_secs(30), async || {
            let walks = self.engine.walks().await.expect("a store in memory answers");
            walks.iter().all(|walk| walk.open.is_empty() && walk.lacking.is_empty()).then_some(())
        })
        .await;
        self.settle().await;
    }

    pub fn event(&self, call: Call, user: &str) -> Event {
        let id = format!("m{}", self.number.fetch_add(1, Ordering::Relaxed));
        Event { call, user_id: Some(user.into()), ..blank(&id, self.clock.now()) }
    }

    pub fn track(&self, user: &str, name: &str) -> Event {
        Event { name: Some(name.into()), ..self.event(Call::Track, user) }
    }

    /// A page call of an anonymous id.
    pub fn visit(&self, anonymous: &str) -> Event {
        Event { user_id: None, anonymous_id: Some(anonymous.into()), ..self.event(Call::Page, "") }
    }

    /// An identify call that says whose an anonymous id is.
    pub fn identify(&self, user: &str, anonymous: &str) -> Event {
        Event { anonymous_id: Some(anonymous.into()), ..self.event(Call::Identify, user) }
    }

    pub fn told(&self, call: Call, user: &str, group: Option<&str>, traits: Value) -> Event {
        let traits = traits.as_object().cloned().unwrap_or_default();
        Event { group_id: group.map(Into::into), traits, ..self.event(call, user) }
    }

    /// Sends events in one request, and waits until all that follows from them is done.
    pub async fn send(&self, events: Vec<Event>) {
        let events = events.into_iter().map(Arc::new).collect();
        self.engine.submit(events, Vec::new()).await.expect("a store in memory takes them");
        self.settle().await;
    }

    pub async fn settle(&self) {
        self.engine.settle().await.expect("a store in memory answers");
    }

    /// Lets time pass, and waits until what became due is done.
    pub async fn pass(&self, ms: i64) {
        self.clock.advance(ms);
        // The first one makes the owners look at what is due, the second one waits for what follows from it.
        self.settle().await;
        self.settle().await;
    }

    pub async fn group(&self, user: &str, account: &str, traits: Value) {
        self.send(vec![self.told(Call::Group, user, Some(account), traits)]).await;
    }

    pub async fn track_times(&self, user: &str, name: &str, times: usize) {
        self.send((0..times).map(|_| self.track(user, name)).collect()).await;
    }

    /// Every lead, the newest first.
    pub async fn leads(&self) -> Vec<Lead> {
        let rows = self.store.leads(&LeadQuery { limit: 1_000, ..LeadQuery::default() }).await.expect("leads");
        rows.iter().map(|row| serde_json::from_str(&row.json).expect("a lead")).collect()
    }

    pub async fn explain(&self, key: &RecordKey) -> Option<SubjectExplanation> {
        self.engine.explain(key).await.expect("a store in memory answers")
    }

    /// A counter of a subject; null when nothing is known of it.
    pub async fn count(&self, key: &RecordKey, counter: &str) -> Value {
        self.explain(key).await.map_or(json!(null), |explained| explained.counters[counter].clone())
    }

    /// The text of a record; empty when there is none.
    pub async fn text(&self, key: &RecordKey) -> String {
        let texts = self.store.load(std::slice::from_ref(key)).await.expect("a store in memory answers");
        texts.into_iter().flatten().map(String::from).collect()
    }

    /// How many turns a team took.
    pub async fn turns(&self, team: &str) -> u64 {
        match Record::read(RecordKind::Team, &self.text(&RecordKey::team(team)).await).0 {
            Record::Team(team) => team.turns,
            other => panic!("no team: {other:?}"),
        }
    }

    /// Waits until the CRM has taken so much, and returns it in the order of arrival.
    pub async fn taken(&self, count: usize) -> Vec<LeadEvent> {
        eventually(&format!("{count} lead events at the CRM"), Duration::from_secs(20), async || {
            let taken = self.crm.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (taken.len() >= count).then_some(taken)
        })
        .await
    }
}

#[async_trait]
impl Dispatcher for Crm {
    fn admission(&self, _: &str, _: Millis) -> Admission {
        Admission::Open(4)
    }

    async fn deliver(&self, destination: &str, news: &News, before: &Before) -> Attempt {
        if self.down.load(Ordering::SeqCst) {
            return self.failed(destination, news, "it is down");
        }
        let event: LeadEvent = serde_json::from_str(&news.json).expect("news is a lead event");
        let (lead, definition) = (event.lead.id.as_str().into(), event.lead.definition.as_str().into());
        let outcome = AttemptOutcome::Delivered { lead, definition, kind: "any".into() };
        let remembered = self.keep(&event, &before.remembered);
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Attempt { id: news.id.clone(), at: self.clock.now(), outcome, remembered, tried: None }
    }

    async fn read_back(&self, _: &str, _: Millis, every: i64) -> ReadBack {
        let (at, down) = (self.clock.now(), self.down.load(Ordering::SeqCst));
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = records.iter().filter(|_| !down).map(|(lead, seen)| (lead.as_str().into(), seen.clone()));
        let error = down.then(|| "it is down".into());
        ReadBack { at, seen: seen.collect(), until: (!down).then_some(at), next: at.plus(every), error }
    }

    fn deadline(&self, _: &str) -> Duration {
        Duration::from_secs(10)
    }

    fn failed(&self, _: &str, news: &News, error: &str) -> Attempt {
        let at = self.clock.now();
        let outcome = AttemptOutcome::Retry { due: at.plus(Millis::SECOND), counts: true, error: error.into() };
        Attempt { id: news.id.clone(), at, outcome, remembered: None, tried: None }
    }
}
