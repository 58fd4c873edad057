//! The servers under test, beside the reference of counting and leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use handraiser::apply::Rules;
use handraiser::apply::rules::RulesParts;
use handraiser::counters::{Aggregate, Counter, EventMatch, Window};
use handraiser::event::{Call, Event};
use handraiser::ids::{RecordKey, SubjectKind};
use handraiser::lead::Lead;
use handraiser::record::AccountKey;
use handraiser::store::LeadQuery;
use handraiser::time::Millis;
use serde_json::{Value, json};

use super::cluster::{Cluster, Setting};
use super::leads;
use super::losses::Losses;
use super::reference::{JOINED, Reference};
use super::stream::{Op, Who};
use crate::harness::events::blank;

/// Servers on an empty store, with a clock that the stream turns.
pub struct World {
    cluster: Cluster,
    counters: Vec<Counter>,
    one_per_account: bool,
    losses: Option<Losses>,
    number: u64,
}

fn counter(name: &str, of: SubjectKind, event: EventMatch, aggregate: Aggregate, window: Window) -> Counter {
    Counter {
        name: Arc::from(name),
        of,
        events: vec![event],
        was: None,
        filter: None,
        from: Vec::new(),
        aggregate,
        window,
        label: None,
    }
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
        all.push(counter(&format!("{of}_days"), of, EventMatch::Any, Aggregate::Days, Window::Days(30)));
        all.push(counter(&format!("{of}_days_ever"), of, track(), Aggregate::Days, Window::Lifetime));
    }
    all
}

impl World {
    pub fn new(setting: &Setting, seed: u64) -> Self {
        let config = leads::config();
        // Conditions know counters by their places.
        let counters: Vec<Counter> = config.rules.plan.counters.iter().cloned().chain(counters()).collect();
        let rules = Rules::new(RulesParts {
            counters: counters.clone(),
            accounts: vec![AccountKey::ContextGroupId, AccountKey::GroupId, AccountKey::LastGroup],
            definitions: config.rules.definitions.clone(),
            teams: config.rules.teams.clone(),
            routes: config.rules.routes.clone(),
            destinations: vec![Arc::from("crm")],
            one_per_account: setting.one_per_account.then_some(1_000 * Millis::DAY),
            ..RulesParts::default()
        });
        let cluster = Cluster::new(setting, seed, Arc::new(rules), Millis(1_795_000_000_000));
        let losses = setting.loses.then(|| Losses::new(seed));
        Self { cluster, counters, one_per_account: setting.one_per_account, losses, number: 0 }
    }

    /// Plays a stream and compares everything. What is wrong comes back as text.
    pub async fn check(&mut self, ops: &[Op]) -> Result<(), String> {
        let mut reference = Reference::default();
        let mut sent: Vec<Event> = Vec::new();
        let mut batch: Vec<Event> = Vec::new();
        for op in ops {
            let event = match op {
                Op::Wait { minutes, ms } => {
                    self.cluster.send(&mut batch).await;
                    self.cluster.settle().await;
                    self.losses.iter_mut().for_each(Losses::keep_nothing);
                    self.cluster.clock.advance(minutes * Millis::MINUTE + ms);
                    self.cluster.let_timers_fire().await;
                    continue;
                }
                Op::Kill { nth } if nth % 4 == 3 => {
                    self.cluster.replace(*nth).await;
                    continue;
                }
                Op::Kill { nth } => {
                    self.cluster.kill(*nth);
                    continue;
                }
                Op::Again { .. } if sent.is_empty() => continue,
                Op::Again { nth } => sent[nth % sent.len()].clone(),
                _ => self.event(op),
            };
            reference.accept(&event, self.cluster.clock.now());
            sent.push(event.clone());
            // Which of two users an id turns out to be depends on the order; use and joining do not, and go in batches.
            let alone = matches!(event.call, Call::Identify | Call::Alias);
            if alone {
                self.cluster.send(&mut batch).await;
                self.cluster.settle().await;
            }
            batch.push(event);
            if alone || batch.len() > 8 {
                self.cluster.send(&mut batch).await;
            }
            if alone {
                self.cluster.settle().await;
            }
            if let Some(losses) = &mut self.losses
                && losses.strike()
            {
                self.cluster.send(&mut batch).await;
                losses.lose(&self.cluster, &mut reference).await;
            }
        }
        self.cluster.send(&mut batch).await;
        self.cluster.finish().await;
        self.cluster.every_shard_is_worked()?;
        self.cluster.no_news_overlapped()?;
        self.compare(&reference).await
    }

    async fn compare(&mut self, reference: &Reference) -> Result<(), String> {
        let users = reference.users.iter().map(|id| RecordKey::user(id));
        let keys: Vec<_> = users.chain(reference.accounts().iter().map(|id| RecordKey::account(id))).collect();
        for key in keys {
            let explained = self.cluster.engine().explain(&key).await.map_err(|error| error.to_string())?;
            let explained = explained.ok_or_else(|| format!("nothing is known of {key}"))?;
            let id = reference.root(&key.id);
            let of = explained.subject.kind;
            for counter in self.counters.iter().filter(|counter| counter.of == of) {
                let expected = reference.figure(counter, &id, self.cluster.clock.now());
                let found = explained.counters.get(&*counter.name).and_then(figure);
                if expected != found {
                    return Err(format!("{key} {}: reference {expected:?}, engine {found:?}", counter.name));
                }
            }
        }
        if self.one_per_account {
            self.compare_joined(reference).await?;
        } else {
            leads::check(&*self.cluster.store, reference, &self.counters, self.cluster.clock.now()).await?;
        }
        self.compare_deliveries().await
    }

    /// An account has one lead, and whoever qualifies is one or part of one. A lead of an id that turned out to be somebody else, who had
    /// asked for one of their own meanwhile, stays beside it.
    async fn compare_joined(&mut self, reference: &Reference) -> Result<(), String> {
        let query = LeadQuery { limit: 10_000, ..LeadQuery::default() };
        let rows = self.cluster.store.leads(&query).await.map_err(|error| error.to_string())?;
        let leads: BTreeMap<String, Lead> = rows
            .into_iter()
            .map(|row| {
                Ok((row.id, serde_json::from_str(&row.json).map_err(|error: serde_json::Error| error.to_string())?))
            })
            .collect::<Result<_, String>>()?;
        let mut accounts = BTreeSet::new();
        for lead in leads.values().filter(|lead| reference.root(&lead.subject.id) == lead.subject.id) {
            if let Some(account) = &lead.account
                && !accounts.insert(account.id.clone())
            {
                return Err(format!("two leads of {}: {leads:#?}", account.id));
            }
        }
        let users = reference.users.iter().map(|id| RecordKey::user(&reference.root(id)));
        let keys: Vec<_> = users.chain(reference.accounts().iter().map(|id| RecordKey::account(id))).collect();
        for key in keys {
            let explained = self.cluster.engine().explain(&key).await.map_err(|error| error.to_string())?;
            for definition in explained.into_iter().flat_map(|explained| explained.definitions) {
                let known = definition.lead_id.as_ref().is_some_and(|lead| leads.contains_key(lead));
                // Of another account of theirs they may not have been asked.
                let asked = definition.qualified_at.is_some() || definition.name != "busy together";
                if definition.qualifies == Some(true) && asked && !known {
                    return Err(format!("{key} qualifies and is part of no lead: {definition:#?}"));
                }
            }
        }
        Ok(())
    }

    /// Every lead reached the CRM in its last state, with an owner, in order; reps' shares differ by one at most.
    async fn compare_deliveries(&self) -> Result<(), String> {
        let (taken, wrong) = self.cluster.crm.books();
        // What was delivered and is lost has been delivered all the same.
        if let (Some(wrong), None) = (wrong.first(), &self.losses) {
            return Err(wrong.clone());
        }
        let waiting = self.cluster.store.lists().await.map_err(|error| error.to_string())?;
        if let Some(list) = waiting.iter().find(|list| !["timers", "wakes"].contains(&list.list.as_str())) {
            return Err(format!("something is left to deliver: {list:?}"));
        }
        let newest: BTreeMap<&str, &Lead> = {
            let mut events: Vec<_> = taken.iter().collect();
            events.sort_by_key(|event| event.lead.revision);
            events.into_iter().map(|event| (event.lead.id.as_str(), &event.lead)).collect()
        };
        let query = LeadQuery { limit: 10_000, ..LeadQuery::default() };
        let rows = self.cluster.store.leads(&query).await.map_err(|error| error.to_string())?;
        let stored: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let mut kept = Vec::new();
        for row in &rows {
            let lead: Lead = serde_json::from_str(&row.json).map_err(|error| error.to_string())?;
            let delivered = match self.losses {
                None => newest.get(row.id.as_str()) == Some(&&lead),
                Some(_) => taken.iter().any(|event| event.lead == lead),
            };
            if !delivered {
                return Err(format!("stored {lead:#?}\ndelivered {:#?}", newest.get(row.id.as_str())));
            }
            kept.push(lead);
        }
        if let (Some(more), None) = (newest.keys().find(|id| !stored.contains(**id)), &self.losses) {
            return Err(format!("{more} was delivered and is not stored"));
        }
        let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
        for lead in &kept {
            let owner = lead.routing.as_ref().and_then(|routing| routing.owner.as_deref());
            *shares.entry(owner.ok_or_else(|| format!("nobody owns {}", lead.id))?).or_default() += 1;
        }
        let counts: Vec<usize> = ["ana", "ben", "cy"]
            .map(|rep| shares.get(format!("{rep}@example.com").as_str()).copied().unwrap_or(0))
            .to_vec();
        let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
        if most - least > 1 { Err(format!("unfair: {shares:?}")) } else { Ok(()) }
    }

    fn event(&mut self, op: &Op) -> Event {
        let now = self.cluster.clock.now();
        self.number += 1;
        let user = |n: &u8| Some(format!("u{n}").into());
        let anonymous = |n: &u8| Some(format!("a{n}").into());
        let account = |n: &u8| Some(format!("g{n}").into());
        let mut event = blank(&format!("m{}", self.number), now);
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
            Op::Group { user: u, late } => {
                (event.call, event.user_id, event.group_id) = (Call::Group, user(u), Some(JOINED.into()));
                event.timestamp = now.plus(-late * Millis::MINUTE);
            }
            Op::Again { .. } | Op::Wait { .. } | Op::Kill { .. } => {}
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
