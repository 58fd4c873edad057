//! The product without its engine: records, their messages, and nothing else. Each shard applies what came to it in order; which
//! shard is next a seed decides, so that whatever may be on its way to one another is so in all orders. Every record is written and
//! read back as stores do it. A hundred times as fast as the engine, which runs the very same `apply`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use handraiser::apply::explain::explain;
use handraiser::apply::message::AssignOutcome;
use handraiser::apply::{Body, Context, Message, NOTHING_HELD, Rules, apply, look_ahead};
use handraiser::event::Event;
use handraiser::history::Row;
use handraiser::ids::{Position, RecordKey, RecordKind, ShardId, Shards, SubjectKind};
use handraiser::lead::build::Origin;
use handraiser::lead::{LeadEvent, SubjectExplanation};
use handraiser::record::account::current_account;
use handraiser::record::{AgendaList, Held, LeadClass, Record, Roster, Routing, Subject, TeamTurns, Unassigned};
use handraiser::routing::{Present, is_open};
use handraiser::time::Millis;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::language::Plane;

/// The records of all shards, and what is on its way to them.
pub struct Bare {
    rules: Arc<Rules>,
    records: BTreeMap<RecordKey, Record>,
    inboxes: BTreeMap<ShardId, VecDeque<Message>>,
    shards: Shards,
    dice: StdRng,
    position: u64,
    now: Millis,
    /// What destinations were sent, in order.
    news: Vec<LeadEvent>,
    /// Whom teams gave leads to, in order.
    turns: Vec<Turn>,
    /// What an archive would have kept, in the order in which it happened.
    past: Vec<Row>,
}

/// A team's turn: whose it was, of which lead, and when.
pub type Turn = (String, Unassigned, Millis);

impl Bare {
    pub fn new(rules: Arc<Rules>, seed: u64, now: Millis) -> Self {
        Self {
            rules,
            records: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            shards: Shards::new(4).expect("4 is not zero"),
            dice: StdRng::seed_from_u64(seed),
            position: 0,
            now,
            news: Vec::new(),
            turns: Vec::new(),
            past: Vec::new(),
        }
    }

    /// Another one under the same rules, of which nothing is known yet.
    pub fn anew(&self, seed: u64, now: Millis) -> Self {
        Self::new(Arc::clone(&self.rules), seed, now)
    }

    /// An event comes into the log of its user's shard.
    fn accept(&mut self, event: Event) {
        let id = event.user_id.as_ref().or(event.anonymous_id.as_ref()).expect("every event has an id");
        let to = RecordKey::user(id);
        self.post(to, Body::Event(Arc::new(event)));
    }

    fn post(&mut self, to: RecordKey, body: Body) {
        let message = Message { to, at: self.now, hops: 0, body };
        self.deliver(message);
    }

    fn deliver(&mut self, message: Message) {
        self.inboxes.entry(self.shards.of(&message.to)).or_default().push_back(message);
    }

    /// One message is applied, of any shard; `false` when there is none.
    fn step(&mut self) -> bool {
        let waiting: Vec<ShardId> =
            self.inboxes.iter().filter(|(_, inbox)| !inbox.is_empty()).map(|(shard, _)| *shard).collect();
        if waiting.is_empty() {
            return false;
        }
        let shard = waiting[self.dice.random_range(0..waiting.len())];
        let message = self.inboxes.get_mut(&shard).and_then(VecDeque::pop_front).expect("it is not empty");
        self.apply(shard, &message);
        true
    }

    fn apply(&mut self, shard: ShardId, message: &Message) {
        if let (RecordKind::Delivery, Body::Deliver { news, .. }) = (message.to.kind, &message.body) {
            self.news.push(serde_json::from_str(&news.json).expect("news is a lead event"));
            return;
        }
        self.position += 1;
        let origin = Origin { shard, position: Position(self.position), index: 0, at: message.at };
        let kind = message.to.kind;
        let mut record = self.records.remove(&message.to).unwrap_or_else(|| Record::empty(kind));
        let roster = self.roster(shard);
        let context = Context {
            rules: &self.rules,
            origin,
            now: message.at,
            clock: self.now,
            seed: 7,
            archived: true,
            held: &NOTHING_HELD,
            roster: &roster,
            shards: self.shards,
            puts_off: true,
        };
        let effects = apply(&mut record, message, &context);
        look_ahead(&mut record, &message.to, &context);
        let row = |past| Row { of: message.to.clone(), at: message.at, past };
        self.past.extend(effects.past.into_iter().map(row));
        if let Some(text) = record.write() {
            let (again, bad) = Record::read(kind, &text);
            assert!(bad.is_empty(), "{text}: {bad:?}");
            self.records.insert(message.to.clone(), again);
        }
        for follows in effects.messages {
            if let (Body::Assign(asked), Body::Assigned(assigned)) = (&message.body, &follows.body)
                && let AssignOutcome::Settled(Routing { team: Some(_), owner: Some(owner), .. }) = &assigned.outcome
            {
                self.turns.push((owner.clone(), (**asked).clone(), message.at));
            }
            self.deliver(follows);
        }
    }

    /// Until nothing is on its way and nothing is due.
    fn work(&mut self) {
        loop {
            while self.step() {}
            let due: Vec<RecordKey> =
                self.records.iter().filter(|(_, record)| self.is_due(record)).map(|(key, _)| key.clone()).collect();
            if due.is_empty() {
                return;
            }
            for key in due {
                match key.kind {
                    RecordKind::Team => self.call(key),
                    _ => self.post(key, Body::Wake { may_expire: true }),
                }
            }
        }
    }

    /// Who is away, as a shard knows it.
    fn roster(&self, shard: ShardId) -> Arc<Roster> {
        match self.records.get(&RecordKey::roster(shard)) {
            Some(Record::Roster(roster)) => Arc::clone(roster),
            _ => Arc::default(),
        }
    }

    /// Calls the leads that wait for a team, a few at a time.
    fn call(&mut self, team: RecordKey) {
        let roster = self.roster(self.shards.of(&team));
        let present = Present { now: self.now, roster: &roster };
        let rules = Arc::clone(&self.rules);
        let known = rules.teams.iter().find(|known| known.name == team.id);
        let turns = self.turns(&team.id);
        let is_open = |class: &LeadClass| known.is_none_or(|known| is_open(known, &turns, class.into(), present));
        let open: Vec<_> = turns.waits.keys().filter(|class| is_open(class)).cloned().collect();
        let mut waits: Vec<_> = self.waiting().into_iter().filter(|wait| wait.pending.team == team.id).collect();
        waits.retain(|wait| open.iter().any(|class| class.name() == wait.class));
        waits.sort_by_key(|wait| (wait.place(), Arc::clone(&wait.lead.lead)));
        let leads = |class: &LeadClass| waits.iter().filter(|wait| wait.class == class.name()).count();
        let called: Vec<_> = open.iter().map(|class| (class.clone(), leads(class))).collect();
        waits.truncate(3);
        for wait in waits {
            self.post(RecordKey::wait(&team.id, &wait.lead.lead), Body::Wake { may_expire: false });
        }
        for (class, leads) in called {
            let leads = u32::try_from(leads).expect("few");
            self.post(team.clone(), Body::Called { class: Box::new(class), leads });
        }
        self.post(team, Body::Wake { may_expire: false });
    }

    /// Whom teams gave leads to since this was asked last.
    pub fn turns_taken(&mut self) -> Vec<Turn> {
        std::mem::take(&mut self.turns)
    }

    /// What an archive would tell.
    pub fn past(&self) -> &[Row] {
        &self.past
    }

    /// Every user and account of which something is known.
    pub fn subjects(&self) -> impl Iterator<Item = (SubjectKind, &str)> {
        self.records.keys().filter_map(|key| match key.kind {
            RecordKind::User => Some((SubjectKind::User, &*key.id)),
            RecordKind::Account => Some((SubjectKind::Account, &*key.id)),
            _ => None,
        })
    }

    /// Every lead that waits for a team.
    pub fn waiting(&self) -> Vec<Unassigned> {
        let waits = |record: &Record| match record {
            Record::Wait(wait) => wait.0.as_deref().cloned(),
            _ => None,
        };
        self.records.values().filter_map(waits).collect()
    }

    /// Every lead that waits until it is decided whose its account's or its domain's leads are.
    pub fn asking(&self) -> Vec<Held> {
        let asking = |record: &Record| match record {
            Record::Subject(subject) => subject.ownership.as_ref().map(|ownership| ownership.asking.clone()),
            Record::Domain(domain) => {
                let asking = domain.ownership.asking.iter();
                Some(asking.map(|asked| asked.lead.clone()).collect())
            }
            _ => None,
        };
        self.records.values().filter_map(asking).flatten().collect()
    }

    /// Whose turn it is in a team.
    pub fn turns(&self, team: &str) -> TeamTurns {
        match self.records.get(&RecordKey::team(team)) {
            Some(Record::Team(turns)) => turns.clone(),
            _ => TeamTurns::default(),
        }
    }

    /// Other rules take force.
    pub fn reload(&mut self, rules: Arc<Rules>) {
        self.rules = rules;
        let is_team = |key: &&RecordKey| key.kind == RecordKind::Team && self.turns(&key.id).opens().is_some();
        let teams: Vec<_> = self.records.keys().filter(is_team).cloned().collect();
        teams.into_iter().for_each(|team| self.call(team));
        self.work();
    }

    /// The log takes in a message of an operator.
    pub fn ask(&mut self, to: RecordKey, body: Body) {
        self.post(to, body);
        self.work();
    }

    fn is_due(&self, record: &Record) -> bool {
        let agenda = record.agenda(None, None);
        agenda.is_some_and(|(list, at)| {
            matches!(list, AgendaList::Timers | AgendaList::Wakes | AgendaList::Teams) && at <= self.now
        })
    }

    /// What the admin API says of a subject.
    pub fn explain(&self, of: SubjectKind, id: &str) -> Option<SubjectExplanation> {
        let key = |id: &str| match of {
            SubjectKind::User => RecordKey::user(id),
            SubjectKind::Account => RecordKey::account(id),
        };
        let mut id = id.to_owned();
        while let Some(into) = self.subject(&key(&id))?.ties.merged_into.as_deref() {
            id = into.user.to_string();
        }
        let subject = self.subject(&key(&id))?;
        let account = current_account(&self.rules.accounts, subject).filter(|_| of == SubjectKind::User);
        let account = account.as_ref().and_then(|id| Some((&**id, self.subject(&RecordKey::account(id))?)));
        Some(explain(&self.rules, of, (&id, subject), account, None, self.now))
    }

    fn subject(&self, key: &RecordKey) -> Option<&Subject> {
        match self.records.get(key) {
            Some(Record::Subject(subject)) => Some(subject),
            _ => None,
        }
    }
}

impl Plane for Bare {
    fn now(&self) -> i64 {
        self.now.0
    }

    /// Some of what is on its way arrives before the next event does.
    async fn take(&mut self, events: Vec<Event>) {
        for event in events {
            self.accept(event);
            for _ in 0..self.dice.random_range(0..4) {
                self.step();
            }
        }
    }

    async fn settle(&mut self) {
        self.work();
    }

    async fn turn(&mut self, to: i64) {
        self.now = Millis(to);
        self.work();
    }

    async fn said(&self, of: SubjectKind, id: &str) -> Option<SubjectExplanation> {
        self.explain(of, id)
    }

    async fn news(&self) -> Vec<LeadEvent> {
        self.news.clone()
    }
}
