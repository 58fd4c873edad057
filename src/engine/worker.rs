//! A partition's worker: takes what arrived while the last commit was under way, applies it in memory, and commits it in one
//! atomic step.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::apply::{Effect, Moment};
use super::cache::Cache;
use super::job::{AccountPart, Actor, Job, Task};
use super::setup::Setup;
use super::{EngineError, Shared, queues};
use crate::cdp::{Event, MessageHash};
use crate::identity::account::named_account;
use crate::identity::{PartitionId, RecordKey};
use crate::lead::LeadEvent;
use crate::store::{Commit, CommitError, LeadRow, Note, Record, StoreError, Write};
use crate::subject::Subject;
use crate::subject::fields::Changes;
use crate::subject::people::Profile;
use crate::time::Millis;

/// Jobs in one commit at most: keeps a commit, and what a conflict costs, small.
const MAX_BATCH: usize = 1024;
/// How often a batch is tried again because other processes changed its records, before its requests fail (and are retried
/// by their senders).
const MAX_CONFLICTS: u32 = 64;

pub(super) struct Worker {
    partition: PartitionId,
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedReceiver<Job>,
    cache: Cache,
}

/// A job of the batch and what is known of its message.
struct Item {
    job: Job,
    seen: Option<Note>,
}

impl Worker {
    pub fn new(partition: PartitionId, shared: Arc<Shared>, jobs: mpsc::UnboundedReceiver<Job>, cache: usize) -> Self {
        Self { partition, shared, jobs, cache: Cache::new(cache) }
    }

    /// Works until every sender is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        while self.jobs.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let items = std::mem::take(&mut batch).into_iter().map(|job| Item { job, seen: None }).collect();
            self.work(items).await;
            self.cache.trim();
        }
    }

    #[tracing::instrument(level = "debug", name = "apply", skip_all, fields(partition = %self.partition, jobs = items.len()))]
    async fn work(&mut self, mut items: Vec<Item>) {
        let setup = self.shared.setup();
        let mut conflicts = 0;
        loop {
            if let Err(error) = self.prepare(&mut items).await {
                return self.give_up(items, &error);
            }
            if items.is_empty() {
                return;
            }
            let (effects, outcome) = self.try_commit(&setup, &items).await;
            match outcome {
                Ok(()) => return self.follow_up(items, effects),
                Err(CommitError::Seen(seen)) => self.mark_seen(&mut items, &effects, &seen),
                Err(CommitError::Conflict(_)) if conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    self.forget_all(&items);
                    back_off(conflicts).await;
                }
                Err(CommitError::Store(error)) => return self.give_up(items, &error),
                Err(error) => return self.give_up(items, &StoreError::Unavailable(error.to_string())),
            }
        }
    }

    /// Loads what is not cached and sends on what belongs to records that were merged away.
    async fn prepare(&mut self, items: &mut Vec<Item>) -> Result<(), StoreError> {
        // Whoever reads wants what is stored, also by other processes; what is cached may be older.
        for item in items.iter().filter(|item| matches!(item.job.task, Task::Evict | Task::Read(_))) {
            self.cache.evict(&item.job.key);
        }
        self.load_missing(items).await?;
        let (stay, moved): (Vec<Item>, Vec<Item>) = items.drain(..).partition(|item| self.target(&item.job).is_none());
        *items = stay;
        self.send_on(moved).await?;
        self.defer_behind_links(items);
        self.resolve_links(items).await
    }

    /// What comes behind a link of its own record in the batch would be applied to a record that has just been merged away:
    /// it waits for the next batch, which sends it on.
    fn defer_behind_links(&self, items: &mut Vec<Item>) {
        let mut linked: Vec<RecordKey> = Vec::new();
        for item in std::mem::take(items) {
            if linked.contains(&item.job.key) && follows_merges(&item.job.task) {
                self.shared.send(item.job);
                continue;
            }
            if matches!(item.job.task, Task::Link { .. }) {
                linked.push(item.job.key.clone());
            }
            items.push(item);
        }
    }

    async fn load_missing(&mut self, items: &[Item]) -> Result<(), StoreError> {
        let mut missing: Vec<RecordKey> =
            items.iter().map(|item| &item.job.key).filter(|key| !self.cache.contains(key)).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        let loaded = self.shared.store.load(self.partition, &missing).await?;
        for (key, record) in missing.into_iter().zip(loaded) {
            let Record { version, fields } = record.unwrap_or_default();
            let (subject, bad) = Subject::read(&fields);
            if !bad.is_empty() {
                // Fails open: one field that cannot be read (edited by hand, say) must not stop all events of its subject.
                tracing::error!(partition = %self.partition, kind = key.kind.as_str(), fields = ?bad, "fields of a record can't be read and are left out");
            }
            self.cache.put(key, version, subject);
        }
        Ok(())
    }

    /// Where a job has to go because its record was merged away.
    fn target(&mut self, job: &Job) -> Option<RecordKey> {
        if !follows_merges(&job.task) || job.hops >= super::MAX_HOPS {
            return None;
        }
        let (into, _) = self.cache.get_mut(&job.key)?.subject.user.merged_into.clone()?;
        Some(RecordKey { kind: job.key.kind, id: into })
    }

    /// Sends jobs to the records that hold their users' history now. A message that was applied here before the merge is not
    /// applied there again; only its account's part is made sure of.
    async fn send_on(&mut self, moved: Vec<Item>) -> Result<(), StoreError> {
        if moved.is_empty() {
            return Ok(());
        }
        let messages: Vec<MessageHash> = moved.iter().filter_map(|item| message_of(&item.job)).collect();
        let known = self.shared.store.seen(self.partition, &messages).await?;
        let known: HashMap<MessageHash, Note> =
            messages.into_iter().zip(known).filter_map(|(message, note)| Some((message, note?))).collect();
        for item in moved {
            let Some(target) = self.target(&item.job) else { continue };
            let note = message_of(&item.job).and_then(|message| known.get(&message).copied());
            match (note, &item.job.task) {
                (Some(note), Task::User(event)) => self.repeat_account(&item.job, event, &target, note),
                _ => {
                    let hops = item.job.hops + 1;
                    self.shared.send(Job { key: target, hops, ..item.job });
                    continue;
                }
            }
            item.job.ticket.count(true);
            item.job.ticket.done();
        }
        Ok(())
    }

    fn repeat_account(&mut self, job: &Job, event: &Arc<Event>, user: &RecordKey, note: Note) {
        let remembered = self.cache.get_mut(&job.key);
        let remembered = remembered.and_then(|c| c.subject.user.accounts.get(usize::from(note.0)).cloned());
        let account = remembered.or_else(|| named_account(&self.shared.setup().config.accounts, event));
        if let Some(account) = account {
            let actor = Actor { id: Arc::clone(&user.id), profile: Profile::default(), state: None };
            let part = AccountPart { event: Arc::clone(event), actor: Some(actor), evaluate_user: true };
            let key = RecordKey::account(&account);
            self.shared.send(Job { key, task: Task::Account(part), ticket: job.ticket.fork(), hops: 0 });
        }
    }

    /// A first link points at the record that holds the user's history now, so that chains stay short and never close to a
    /// ring.
    async fn resolve_links(&mut self, items: &mut [Item]) -> Result<(), StoreError> {
        for item in items {
            if let Task::Link { to, .. } = &mut item.job.task
                && self.cache.get_mut(&item.job.key).is_some_and(|c| c.subject.user.merged_into.is_none())
            {
                *to = self.shared.root_of(to).await?;
            }
        }
        Ok(())
    }

    async fn try_commit(&mut self, setup: &Setup, items: &[Item]) -> (Vec<Effect>, Result<(), CommitError>) {
        let started = Instant::now();
        let now = self.shared.clock.now();
        let mut commit = Commit { partition: self.partition, now, ..Commit::default() };
        let effects = self.apply(setup, items, now);
        for (item, effect) in items.iter().zip(&effects) {
            commit.remember.extend(effect.remember);
            self.shared.add_leads(&mut commit, &item.job.key, &effect.leads, now);
            if let Some((into, history)) = &effect.handover {
                commit.enqueue.push(queues::merge_entry(&item.job.key, into, history, now));
            }
        }
        let written = self.writes(items, &mut commit);
        record_evaluation(started, items.len());
        if commit.writes.is_empty() && commit.remember.is_empty() {
            return (effects, Ok(()));
        }
        let outcome = self.shared.store.commit(commit).await;
        if outcome.is_ok() {
            for key in written {
                if let Some(cached) = self.cache.get_mut(&key) {
                    cached.version += 1;
                }
            }
        } else {
            self.forget_all(items);
        }
        (effects, outcome)
    }

    fn apply(&mut self, setup: &Setup, items: &[Item], now: Millis) -> Vec<Effect> {
        let moment = Moment { setup, now };
        let mut in_batch: HashMap<MessageHash, Note, ahash::RandomState> = HashMap::default();
        let mut effects = Vec::with_capacity(items.len());
        for item in items {
            let Some(cached) = self.cache.get_mut(&item.job.key) else {
                effects.push(Effect::default());
                continue;
            };
            let message = message_of(&item.job);
            let twin = message.and_then(|message| in_batch.get(&message).copied());
            let mut effect = moment.apply(&item.job, &mut cached.subject, item.seen.or(twin));
            effect.remember = message.zip(effect.note);
            in_batch.extend(effect.remember);
            effects.push(effect);
        }
        effects
    }

    /// Adds a write for every record that changed; answers which ones.
    fn writes(&mut self, items: &[Item], commit: &mut Commit) -> Vec<RecordKey> {
        let mut keys: Vec<&RecordKey> = items.iter().map(|item| &item.job.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut written = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(cached) = self.cache.get_mut(key) else { continue };
            if cached.subject.is_dirty() {
                let Changes { set, unset } = Arc::make_mut(&mut cached.subject).take_changes();
                commit.writes.push(Write { key: key.clone(), expected: cached.version, set, unset });
                written.push(key.clone());
            }
        }
        written
    }

    fn mark_seen(&mut self, items: &mut [Item], effects: &[Effect], seen: &[(usize, Note)]) {
        let remembering = items.iter_mut().zip(effects).filter(|(_, effect)| effect.remember.is_some());
        let notes: HashMap<usize, Note> = seen.iter().copied().collect();
        for (position, (item, _)) in remembering.enumerate() {
            if let Some(note) = notes.get(&position) {
                item.seen = Some(*note);
            }
        }
    }

    fn forget_all(&mut self, items: &[Item]) {
        for item in items {
            self.cache.evict(&item.job.key);
        }
    }

    fn follow_up(&mut self, items: Vec<Item>, effects: Vec<Effect>) {
        for (item, effect) in items.into_iter().zip(effects) {
            self.shared.announce(self.partition, &effect);
            let Item { job, seen } = item;
            if counts_for_request(&job) {
                job.ticket.count(seen.is_some() || effect.remember.is_none());
            }
            if let Some((key, task)) = effect.next {
                self.shared.send(Job { key, task, ticket: job.ticket.fork(), hops: 0 });
            }
            if let Task::Read(answer) = job.task {
                let state = self.cache.get_mut(&job.key).map(|cached| Subject::clone(&cached.subject));
                let _ = answer.send(state.unwrap_or_default());
            }
            job.ticket.done();
        }
    }

    fn give_up(&mut self, items: Vec<Item>, error: &StoreError) {
        self.forget_all(&items);
        tracing::warn!(partition = %self.partition, jobs = items.len(), error = %error, "a batch can't be committed");
        for item in items {
            item.job.ticket.fail(EngineError::Store(error.clone()));
        }
    }
}

/// Whether a job belongs to whoever holds the history, rather than to the record that it names.
const fn follows_merges(task: &Task) -> bool {
    matches!(task, Task::User(_) | Task::Evaluate { .. } | Task::Absorb { .. } | Task::Read(_))
}

/// The message that a job applies, as its record remembers it, if it is the kind of job that is applied once per message.
fn message_of(job: &Job) -> Option<MessageHash> {
    let message = match &job.task {
        Task::User(event) => event.message,
        Task::Account(part) => part.event.message,
        _ => return None,
    };
    Some(message.within(&job.key.to_string()))
}

/// Each event is counted in its request's receipt once: at the user's part, or at the account's when there is no user.
const fn counts_for_request(job: &Job) -> bool {
    match &job.task {
        Task::User(_) => true,
        Task::Account(part) => part.actor.is_none(),
        _ => false,
    }
}

async fn back_off(conflicts: u32) {
    let ceiling = 1_u64 << conflicts.min(6);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=ceiling))).await;
}

fn record_evaluation(started: Instant, items: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most 1024 items")]
    let each = started.elapsed().as_secs_f64() / items.max(1) as f64;
    metrics::histogram!("handraiser_evaluation_seconds").record(each);
}

impl Shared {
    fn add_leads(&self, commit: &mut Commit, key: &RecordKey, leads: &[LeadEvent], now: Millis) {
        for event in leads {
            let json = serde_json::to_string(&event.lead).unwrap_or_default();
            commit.leads.push(LeadRow {
                id: event.lead.id.clone(),
                subject: key.clone(),
                definition: event.lead.definition.clone(),
                updated: now,
                json,
            });
            commit.enqueue.push(queues::route_entry(key, event, now));
        }
    }

    /// Tells the local queue workers and the metrics what a commit brought.
    fn announce(&self, partition: PartitionId, effect: &Effect) {
        if effect.handover.is_some() {
            self.wakes.wake(&queues::merge(), partition);
        }
        for event in &effect.leads {
            self.wakes.wake(&queues::route(), partition);
            let (definition, tier) = (event.lead.definition.clone(), event.lead.tier.to_string());
            metrics::counter!("handraiser_leads_total", "definition" => definition, "tier" => tier).increment(1);
        }
    }
}
