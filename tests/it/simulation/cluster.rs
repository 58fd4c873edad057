//! Servers over one store, by a clock that the test turns, with a CRM: what is killed, and comes again.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::apply::Rules;
use handraiser::engine::{Engine, EngineSettings};
use handraiser::event::Event;
use handraiser::ids::{RecordKey, SubjectKind};
use handraiser::lead::{LeadEvent, SubjectExplanation};
use handraiser::store::{MemoryStore, Moment, SharedStore};
use handraiser::time::{Clock, Millis};
use tokio::time::Instant;

use super::crm::Crm;
use super::language::Plane;
use crate::faulty_store::{FaultPlan, FaultyStore};

/// What is simulated.
#[derive(Clone, Copy)]
pub struct Setting {
    /// The store, by a seed.
    pub store: fn(u64) -> Arc<MemoryStore>,
    pub servers: usize,
    pub appliers: usize,
    pub faults: FaultPlan,
    /// How long the CRM takes to answer.
    pub crm_takes: Duration,
    /// Whether an account has one lead.
    pub one_per_account: bool,
    /// Whether the store loses what came last, now and then.
    pub loses: bool,
}

/// How long a CRM takes to answer that is well.
pub const CRM_TAKES: Duration = Duration::from_millis(20);

struct Server {
    engine: Engine,
    store: Arc<FaultyStore>,
}

pub struct Cluster {
    setting: Setting,
    seed: u64,
    pub store: SharedStore,
    /// The same, where it is one that can lose something.
    pub memory: Option<Arc<MemoryStore>>,
    rules: Arc<ArcSwap<Rules>>,
    pub crm: Arc<Crm>,
    servers: Vec<Server>,
    pub clock: Clock,
    started: u64,
    turn: usize,
    /// Whether time passes at once where everybody waits, as it does under a paused clock.
    is_paused: bool,
}

impl Cluster {
    pub fn new(setting: &Setting, seed: u64, rules: Arc<Rules>, now: Millis) -> Self {
        let memory = (setting.store)(seed);
        let store = Arc::clone(&memory) as SharedStore;
        Self { memory: Some(memory), ..Self::over(store, setting, seed, rules, now) }
    }

    fn over(store: SharedStore, setting: &Setting, seed: u64, rules: Arc<Rules>, now: Millis) -> Self {
        let clock = Clock::manual(now);
        let failing = if setting.faults == FaultPlan::NONE { 0 } else { 10 };

        let takes = setting.crm_takes;
        let mut cluster = Self {
            setting: *setting,
            seed,
            store,
            memory: None,
            rules: Arc::new(ArcSwap::new(rules)),
            crm: Arc::new(Crm::new(clock.clone(), seed, failing, takes)),
            servers: Vec::new(),
            clock,
            started: 0,
            turn: 0,
            is_paused: true,
        };
        for _ in 0..setting.servers {
            let server = cluster.start();
            cluster.servers.push(server);
        }
        cluster
    }

    /// One server over a store that takes its time.
    pub fn by_the_wall_clock(store: SharedStore, seed: u64, rules: Arc<Rules>, now: Millis) -> Self {
        let store_is_there = |_| unreachable!("it is there");
        let setting = Setting {
            store: store_is_there,
            servers: 1,
            appliers: 2,
            faults: FaultPlan::NONE,
            crm_takes: CRM_TAKES,
            one_per_account: false,
            loses: false,
        };
        Self { is_paused: false, ..Self::over(store, &setting, seed, rules, now) }
    }

    fn start(&mut self) -> Server {
        self.started += 1;
        let seed = self.seed.wrapping_mul(1_000).wrapping_add(self.started);
        let store = Arc::new(FaultyStore::new(Arc::clone(&self.store), seed, self.setting.faults));
        let settings = EngineSettings {
            server: format!("server-{}", self.started).into(),
            // Little enough that records leave memory all the time.
            memory_bytes: 40_000,
            appliers: self.setting.appliers,
            max_backlog_entries: 1_000,
            remember: Duration::from_secs(10 * 365 * 86_400),
            history: None,
        };
        let (rules, clock, crm) = (Arc::clone(&self.rules), self.clock.clone(), Arc::clone(&self.crm));
        let engine = Engine::start(Arc::clone(&store) as SharedStore, rules, clock, crm, settings);
        Server { engine, store }
    }

    /// A server is killed in the middle of what it does, and another one takes its place; where nothing goes wrong, none is.
    pub fn kill(&mut self, nth: usize) {
        if self.setting.faults != FaultPlan::NONE {
            let at = nth % self.servers.len();
            drop(self.servers.remove(at));
            let server = self.start();
            self.servers.insert(at, server);
        }
    }

    /// Another server comes.
    pub fn join(&mut self) {
        let server = self.start();
        self.servers.push(server);
    }

    /// The server that came last stops in order.
    pub async fn leave(&mut self) {
        if let Some(gone) = self.servers.pop() {
            gone.engine.drain(Duration::from_secs(60)).await;
        }
    }

    /// A server stops in order, and another one comes.
    pub async fn replace(&mut self, nth: usize) {
        let at = nth % self.servers.len();
        let server = self.start();
        let gone = std::mem::replace(&mut self.servers[at], server);
        gone.engine.drain(Duration::from_secs(60)).await;
    }

    /// Nothing of a lead was sent while something else of it was under way, as long as servers only came and went in order.
    pub fn no_news_overlapped(&self) -> Result<(), String> {
        let overlaps = self.crm.overlaps();
        let is_orderly = self.setting.faults == FaultPlan::NONE;
        if is_orderly && overlaps > 0 { Err(format!("{overlaps} times news of a lead overlapped")) } else { Ok(()) }
    }

    /// From when to when each commit of a server was under way.
    pub fn commits(&self, nth: usize) -> Vec<(Instant, Instant)> {
        self.servers[nth].store.commits()
    }

    /// Every shard is worked by one server.
    pub fn every_shard_is_worked(&self) -> Result<(), String> {
        let mut owned: Vec<_> = self.servers.iter().flat_map(|server| server.engine.status().owned).collect();
        owned.sort_unstable();
        let all: Vec<_> = self.store.shards().all().collect();
        if owned == all { Ok(()) } else { Err(format!("these shards are worked: {owned:?}")) }
    }

    /// The store loses what came since a moment, and is away for as long as it takes to be started again.
    pub fn lose(&self, since: &Moment, away: Duration) {
        if let Some(memory) = &self.memory {
            memory.go_back_to(since);
            self.servers.iter().for_each(|server| server.store.go_away(away));
        }
    }

    /// Any of the servers; each time another one.
    pub fn engine(&mut self) -> Engine {
        self.turn += 1;
        self.servers[self.turn % self.servers.len()].engine.clone()
    }

    /// Sends as a CDP does: again and again until it is acknowledged.
    pub async fn send(&mut self, batch: &mut Vec<Event>) {
        let events: Vec<Arc<Event>> = std::mem::take(batch).into_iter().map(Arc::new).collect();
        while !events.is_empty() && self.engine().submit(events.clone(), Vec::new()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many entries all logs have had.
    pub async fn ends(&self) -> u64 {
        let shards: Vec<_> = self.store.shards().all().collect();
        let progress = self.store.progress(&shards).await.expect("the store itself does not fail");
        progress.iter().map(|progress| progress.end.0).sum()
    }

    pub async fn settle(&mut self) {
        while self.engine().settle().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What becomes due by time alone is looked for at least once a second.
    pub async fn let_timers_fire(&mut self) {
        if self.is_paused {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
        } else {
            // The owners look at what is due when somebody asks.
            self.settle().await;
        }
        self.settle().await;
    }

    /// Nothing goes wrong any more, and everything is worked to its end.
    pub async fn finish(&mut self) {
        for server in &self.servers {
            server.store.replan(FaultPlan::NONE);
        }
        // What is late still happens, and silent servers are heard again.
        tokio::time::sleep(Duration::from_secs(30)).await;
        for _ in 0..3 {
            self.clock.advance(3_000);
            self.let_timers_fire().await;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        self.settle().await;
    }
}

impl Plane for Cluster {
    fn now(&self) -> i64 {
        self.clock.now().0
    }

    async fn take(&mut self, mut events: Vec<Event>) {
        self.send(&mut events).await;
        if self.turn.is_multiple_of(7) {
            self.kill(self.turn);
        }
    }

    async fn settle(&mut self) {
        Self::settle(self).await;
    }

    async fn turn(&mut self, to: i64) {
        self.clock.advance(to - self.now());
        self.let_timers_fire().await;
    }

    async fn said(&self, of: SubjectKind, id: &str) -> Option<SubjectExplanation> {
        let key = match of {
            SubjectKind::User => RecordKey::user(id),
            SubjectKind::Account => RecordKey::account(id),
        };
        let engine = &self.servers[0].engine;
        loop {
            match engine.explain(&key).await {
                Ok(explained) => return explained,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// What is on its way to the CRM arrives first.
    async fn news(&self) -> Vec<LeadEvent> {
        let is_delivering = async || match self.store.lists().await {
            Ok(lists) => lists.iter().any(|list| !["timers", "wakes"].contains(&list.list.as_str())),
            Err(_) => true,
        };
        while is_delivering().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.crm.books().0
    }
}
