//! Definitions on the past: what the archive tells, applied once more by rules that need not be in force, in memory. It is the very code
//! that decides live ([`apply`]), so that what it says is what would have been; nothing is routed, delivered or stored.
//!
//! Events are told in the order in which they came, and time passes between them: who qualifies by time alone does so here, too.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::apply::explain::explain;
use crate::apply::rules::RulesParts;
use crate::apply::{Body, Context, MAX_HOPS, Message, NOTHING_HELD, Past, Rules, apply};
use crate::history::Row;
use crate::ids::{DefinitionName, Position, RecordKey, RecordKind, ShardId, Shards, SubjectKind};
use crate::lead::SubjectExplanation;
use crate::lead::build::Origin;
use crate::record::account::current_account;
use crate::record::{AgendaList, NOBODY_AWAY, Record, Subject};
use crate::time::Millis;

/// Whoever stays due after being woken is woken again this much later.
const AGAIN: i64 = Millis::SECOND;

/// Somebody came to qualify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualified {
    /// For which definition.
    pub definition: DefinitionName,
    /// Whether a user or an account.
    pub of: SubjectKind,
    /// Which one.
    pub id: Arc<str>,
    /// In which tier, at first.
    pub tier: u8,
    /// When.
    pub at: Millis,
}

/// The records of everybody of whom something was told so far.
pub struct Backtest {
    rules: Rules,
    records: HashMap<RecordKey, Record, ahash::RandomState>,
    due: BTreeSet<(Millis, RecordKey)>,
    places: HashMap<RecordKey, Millis, ahash::RandomState>,
    on_the_way: VecDeque<Message>,
    shards: Shards,
    now: Millis,
    position: u64,
    qualified: Vec<Qualified>,
}

impl Backtest {
    /// One of which nothing was told yet, by rules of which only what decides counts.
    pub fn new(rules: &Rules) -> Self {
        let parts = RulesParts {
            teams: Vec::new(),
            routes: Vec::new(),
            territories: None,
            destinations: Vec::new(),
            destination_filters: BTreeMap::new(),
            read_back: BTreeMap::new(),
            lead_quotas: BTreeMap::new(),
            idle_subjects: None,
            archived: false,
            ..RulesParts::clone(rules)
        };
        Self {
            rules: Rules::new(parts),
            records: HashMap::default(),
            due: BTreeSet::new(),
            places: HashMap::default(),
            on_the_way: VecDeque::new(),
            shards: Shards::new(1).unwrap_or_default(),
            now: Millis::default(),
            position: 0,
            qualified: Vec::new(),
        }
    }

    /// Tells the next thing that happened. Only what users and accounts did themselves counts: what follows from it follows here.
    pub fn tell(&mut self, row: Row) {
        self.advance(row.at);
        match row.past {
            Past::Counted { by: None, event } => {
                let to = event.first_record();
                self.post(to, Body::Event(event));
            }
            Past::Gone => self.post(row.of, Body::Forget),
            Past::Counted { by: Some(_), .. } | Past::Same { .. } => return,
        }
        self.work();
    }

    /// Time passes, and whoever it matters to is looked at.
    pub fn advance(&mut self, to: Millis) {
        while let Some((at, key)) = self.due.first().filter(|(at, _)| *at <= to).cloned() {
            self.now = self.now.max(at);
            self.due.remove(&(at, key.clone()));
            self.places.remove(&key);
            self.post(key.clone(), Body::Wake { may_expire: false });
            self.work();
            if self.places.get(&key).is_some_and(|at| *at <= self.now) {
                self.place(&key, Some(self.now.plus(AGAIN)));
            }
        }
        self.now = self.now.max(to);
    }

    /// Who has come to qualify, in order.
    pub fn qualified(&self) -> &[Qualified] {
        &self.qualified
    }

    /// Where somebody stands now; `None` when nothing was told of them.
    pub fn explain(&self, of: SubjectKind, id: &str) -> Option<SubjectExplanation> {
        let key = |id: &str| match of {
            SubjectKind::User => RecordKey::user(id),
            SubjectKind::Account => RecordKey::account(id),
        };
        let mut found = key(id);
        let merged_into = |key: &RecordKey| Some(Arc::clone(&self.subject(key)?.ties.merged_into.as_deref()?.user));
        for _ in 0..MAX_HOPS {
            let Some(into) = merged_into(&found) else { break };
            found = key(&into);
        }
        let subject = self.subject(&found)?;
        let account = current_account(&self.rules.accounts, subject).filter(|_| of == SubjectKind::User);
        let account = account.as_ref().and_then(|id| Some((&**id, self.subject(&RecordKey::account(id))?)));
        let merged_into = (*found.id != *id).then(|| found.id.to_string());
        let mut explained = explain(&self.rules, of, (&found.id, subject), account, merged_into, self.now);
        // Leads of here are nobody's.
        explained.definitions.iter_mut().for_each(|definition| definition.lead_id = None);
        Some(explained)
    }

    fn subject(&self, key: &RecordKey) -> Option<&Subject> {
        match self.records.get(key) {
            Some(Record::Subject(subject)) => Some(subject),
            _ => None,
        }
    }

    fn post(&mut self, to: RecordKey, body: Body) {
        self.on_the_way.push_back(Message { to, at: self.now, hops: 0, body });
    }

    fn work(&mut self) {
        while let Some(message) = self.on_the_way.pop_front() {
            if matches!(message.to.kind, RecordKind::User | RecordKind::Account) {
                self.apply(&message);
            }
        }
    }

    fn apply(&mut self, message: &Message) {
        self.position += 1;
        let origin = Origin { shard: ShardId(0), position: Position(self.position), index: 0, at: message.at };
        let context = Context {
            rules: &self.rules,
            origin,
            now: message.at,
            clock: self.now,
            seed: 0,
            archived: false,
            held: &NOTHING_HELD,
            roster: &NOBODY_AWAY,
            shards: self.shards,
            puts_off: false,
        };
        let key = &message.to;
        let record = self.records.entry(key.clone()).or_insert_with(|| Record::empty(key.kind));
        let effects = apply(record, message, &context);
        let place = record.agenda(None, None);
        let place = place.filter(|(list, _)| matches!(list, AgendaList::Timers | AgendaList::Wakes));
        let of = if key.kind == RecordKind::User { SubjectKind::User } else { SubjectKind::Account };
        for (definition, _) in effects.qualified {
            let standing = match record {
                Record::Subject(subject) => subject.standings.get(&definition),
                _ => None,
            };
            let tier = standing.map_or(0, |standing| standing.tier);
            self.qualified.push(Qualified { definition, of, id: Arc::clone(&key.id), tier, at: message.at });
        }
        self.place(key, place.map(|(_, at)| at));
        self.on_the_way.extend(effects.messages);
    }

    fn place(&mut self, key: &RecordKey, at: Option<Millis>) {
        let before = match at {
            Some(at) => self.places.insert(key.clone(), at),
            None => self.places.remove(key),
        };
        if before != at {
            if let Some(before) = before {
                self.due.remove(&(before, key.clone()));
            }
            self.due.extend(at.map(|at| (at, key.clone())));
        }
    }
}
