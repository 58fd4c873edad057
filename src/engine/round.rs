//! A round: the steps of many events, applied in memory wave by wave, committed together, and answered.
//!
//! The first wave is what arrived; what follows from it (the account's part of an event, a decision about the user) is the
//! next wave of the same round, where that is safe, and another round's work otherwise. It is safe when both become durable in
//! one step ([`Together::Atomic`]), or when the event alone says what follows: then a follower that is committed while its
//! forerunner is refused would come out the same when the forerunner is tried again, and is recognised by its message then.
//! Whatever rests on a state must wait until that state is durable; it may be refused because another process changed it long
//! ago, or because the message was counted before. An account that was taken from a stale state would count the event
//! for two accounts, and a decision on one would make a lead that nobody earned.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::future::try_join_all;

use super::apply::{Effect, Moment};
use super::cache::Cache;
use super::job::{AccountPart, Actor, Job, Task};
use super::setup::Setup;
use super::step::{Step, counts_for_request, follows_merges, is_absorbed, rests_on_state, wants_what_is_stored};
use super::{MAX_HOPS, Shared, queues};
use crate::cdp::{Event, MessageHash};
use crate::identity::account::named_account;
use crate::identity::{PartitionId, RecordKey};
use crate::lead::{Lead, LeadEvent};
use crate::store::{Commit, CommitError, LeadRow, Note, Record, StoreError, Together, Write, next_version};
use crate::subject::Subject;
use crate::subject::fields::Changes;
use crate::subject::people::Profile;
use crate::time::Millis;

/// What a round changes in one partition.
#[derive(Default)]
struct Part {
    commit: Commit,
    /// The steps that remember a message, in the order of the commit's.
    remembering: Vec<usize>,
    touched: Vec<RecordKey>,
    outcome: Outcome,
}

/// What became of a partition's commit.
#[derive(Default)]
enum Outcome {
    #[default]
    Done,
    Refused,
    Failed(StoreError),
}

/// What one round leaves to the next.
#[derive(Default)]
pub(super) struct Again {
    /// Steps that were refused.
    pub steps: Vec<Step>,
    /// Messages that the store knows, of steps that come up again: what made it refuse, and what followed from refused steps.
    pub seen: HashMap<MessageHash, Note, ahash::RandomState>,
    /// Whether everything was refused.
    pub done_nothing: bool,
}

/// One round of a worker: [`Round::begin`] applies it, [`Round::commit`] makes it durable, [`Round::end`] answers.
pub(super) struct Round {
    shared: Arc<Shared>,
    setup: Arc<Setup>,
    together: Together,
    now: Millis,
    steps: Vec<Step>,
    parts: HashMap<PartitionId, Part, ahash::RandomState>,
    /// Messages that this round applies.
    applied: HashMap<MessageHash, Note, ahash::RandomState>,
    /// What is left to other rounds.
    outgoing: Vec<Job>,
    again: Again,
}

impl Round {
    /// Applies the jobs, what another round left, and whatever follows from them; `None` when what they need can't be read.
    #[tracing::instrument(level = "debug", name = "apply", skip_all, fields(jobs = jobs.len()))]
    pub async fn begin(shared: &Arc<Shared>, cache: &mut Cache, again: Again, jobs: Vec<Job>) -> Option<Self> {
        // Most events have an account's part as well.
        let mut steps = Vec::with_capacity(again.steps.len() + 2 * jobs.len());
        steps.extend(again.steps);
        steps.extend(jobs.into_iter().map(|job| Step::new(shared.partition(&job.key), job)));
        let mut round = Self {
            together: shared.store.together(),
            now: shared.clock.now(),
            shared: Arc::clone(shared),
            setup: shared.setup(),
            parts: HashMap::default(),
            applied: HashMap::with_capacity_and_hasher(steps.capacity(), ahash::RandomState::default()),
            steps,
            outgoing: Vec::new(),
            again: Again { seen: again.seen, ..Again::default() },
        };
        let applied = match round.apply_all(cache).await {
            Ok(()) => round.keep_owners().await,
            failed => failed,
        };
        if let Err(error) = applied {
            round.fail_all(cache, &error);
            return None;
        }
        round.add_leads();
        Some(round)
    }

    /// What is to be committed. Must be called once, before anything else changes the cached records; from then on they count as
    /// committed, and are read again should it come otherwise.
    pub fn commits(&mut self, cache: &mut Cache) -> Vec<Commit> {
        let mut commits = Vec::with_capacity(self.parts.len());
        for (partition, part) in &mut self.parts {
            for key in &part.touched {
                let Some(cached) = cache.get_mut(*partition, key) else { continue };
                cached.touched = false;
                if cached.subject.is_dirty() {
                    let Changes { set, unset } = Arc::make_mut(&mut cached.subject).take_changes();
                    let (expected, version) = (cached.version, next_version(cached.version));
                    part.commit.writes.push(Write { key: key.clone(), expected, version, set, unset });
                    cached.version = version;
                }
            }
            if !part.commit.writes.is_empty() || !part.commit.remember.is_empty() {
                let commit = std::mem::take(&mut part.commit);
                commits.push(Commit { partition: *partition, now: self.now, ..commit });
            }
        }
        commits
    }

    /// Makes `commits` durable as far as nothing stands against them.
    pub async fn commit(mut self, commits: Vec<Commit>) -> Self {
        let partitions: Vec<PartitionId> = commits.iter().map(|commit| commit.partition).collect();
        let outcomes = self.shared.store.commit_all(commits).await;
        for (partition, outcome) in partitions.into_iter().zip(outcomes) {
            if let (Some(part), Err(error)) = (self.parts.get_mut(&partition), outcome) {
                part.outcome = match error {
                    CommitError::Seen(seen) => {
                        for (position, note) in seen {
                            let step = part.remembering.get(position).and_then(|at| self.steps.get_mut(*at));
                            let Some(step) = step else { continue };
                            step.seen = Some(note);
                            self.again.seen.extend(step.message.map(|message| (message, note)));
                        }
                        Outcome::Refused
                    }
                    CommitError::Conflict(_) | CommitError::Withdrawn | CommitError::LeaseLost(_) => Outcome::Refused,
                    CommitError::Store(error) => {
                        tracing::warn!(%partition, %error, "a round can't be committed");
                        Outcome::Failed(error)
                    }
                };
            }
        }
        self
    }

    /// Answers what is done, hands on what follows from it, and leaves the rest for another round.
    pub async fn end(mut self, cache: &mut Cache) -> Again {
        for (partition, part) in self.parts.iter().filter(|(_, part)| !matches!(part.outcome, Outcome::Done)) {
            part.touched.iter().for_each(|key| cache.evict(*partition, key));
        }
        let moved = self.moved_messages().await;
        self.settle(cache, moved)
    }
}

/// Applying.
impl Round {
    async fn apply_all(&mut self, cache: &mut Cache) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut from = 0;
        while from < self.steps.len() {
            let to = self.steps.len();
            self.prepare(cache, from).await?;
            for at in from..to {
                self.apply(cache, at);
            }
            from = to;
        }
        record_evaluation(started, self.steps.len());
        Ok(())
    }

    /// Reads what the steps from `from` on need to know.
    async fn prepare(&mut self, cache: &mut Cache, from: usize) -> Result<(), StoreError> {
        let wave = self.steps.get(from..).unwrap_or_default();
        // What is cached may be older than what is stored. Whoever writes is told by a conflict; these may not write.
        for step in wave.iter().filter(|step| wants_what_is_stored(&step.job.task)) {
            cache.evict(step.partition, &step.job.key);
        }
        self.load_missing(cache, from).await?;
        if self.together == Together::Atomic {
            // Looking first is cheap there, and one message that was seen would refuse the whole round.
            self.look_up_messages(from).await?;
        }
        self.resolve_links(cache, from).await
    }

    async fn load_missing(&mut self, cache: &mut Cache, from: usize) -> Result<(), StoreError> {
        let mut missing: Vec<RecordKey> = Vec::new();
        for step in self.steps.iter().skip(from) {
            if !cache.contains(step.partition, &step.job.key) {
                missing.push(step.job.key.clone());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable();
        missing.dedup();
        let loaded = self.shared.store.load_all(&missing).await?;
        for (key, record) in missing.into_iter().zip(loaded) {
            let partition = self.shared.partition(&key);
            let Record { version, fields } = record.unwrap_or_default();
            let (subject, bad) = Subject::read(&fields);
            if !bad.is_empty() {
                // Fails open: one field that cannot be read (edited by hand, say) must not stop all events of its subject.
                tracing::error!(%partition, kind = key.kind.as_str(), fields = ?bad, "fields of a record can't be read and are left out");
            }
            cache.put(partition, key, version, subject);
        }
        Ok(())
    }

    async fn look_up_messages(&mut self, from: usize) -> Result<(), StoreError> {
        let wave = || self.steps.iter().enumerate().skip(from).filter(|(_, step)| step.seen.is_none());
        let (places, messages): (Vec<usize>, Vec<_>) =
            wave().filter_map(|(at, step)| Some((at, (step.partition, step.message?)))).unzip();
        let notes = self.shared.store.seen_all(&messages).await?;
        for (at, note) in places.into_iter().zip(notes) {
            if let Some(step) = self.steps.get_mut(at) {
                step.seen = note;
            }
        }
        Ok(())
    }

    /// A first link points at the record that holds the user's history now, so that chains stay short and never close to a
    /// ring.
    async fn resolve_links(&mut self, cache: &mut Cache, from: usize) -> Result<(), StoreError> {
        let mut open = Vec::new();
        for (at, step) in self.steps.iter().enumerate().skip(from) {
            if let Task::Link { to, .. } = &step.job.task
                && cache.get_mut(step.partition, &step.job.key).is_some_and(|c| c.subject.user.merged_into.is_none())
            {
                open.push((at, Arc::clone(to)));
            }
        }
        let shared = &self.shared;
        let roots = try_join_all(open.iter().map(|(_, to)| shared.root_of(to))).await?;
        for ((at, _), root) in open.iter().zip(roots) {
            if let Some(Step { job: Job { task: Task::Link { to, .. }, .. }, .. }) = self.steps.get_mut(*at) {
                *to = root;
            }
        }
        Ok(())
    }

    fn apply(&mut self, cache: &mut Cache, at: usize) {
        self.follow_links_of_the_round(cache, at);
        let Some(step) = self.steps.get_mut(at) else { return };
        let Some(cached) = cache.get_mut(step.partition, &step.job.key) else { return };
        if let Some((into, _)) = &cached.subject.user.merged_into
            && follows_merges(&step.job)
            && !is_absorbed(&step.job, &cached.subject)
        {
            step.moved = Some(RecordKey { kind: step.job.key.kind, id: Arc::clone(into) });
            return;
        }
        let part = self.parts.entry(step.partition).or_default();
        if !std::mem::replace(&mut cached.touched, true) {
            part.touched.push(step.job.key.clone());
        }
        let twin = step.message.and_then(|message| self.applied.get(&message).copied());
        let moment = Moment { setup: &self.setup, now: self.now };
        step.effect = moment.apply(&step.job, &mut cached.subject, step.seen.or(twin));
        step.note = step.effect.note.or(twin);
        if let (Some(message), Some(note)) = (step.message, step.effect.note) {
            // Written though nothing changed: that nothing did may rest on a state that another process has changed since.
            Arc::make_mut(&mut cached.subject).dirty.last_seen = true;
            self.applied.insert(message, note);
            part.commit.remember.push((message, note));
            part.remembering.push(at);
        }
        if let Some((into, history)) = &step.effect.handover {
            part.commit.enqueue.push(queues::merge_entry(&step.job.key, into, history, self.now));
        }
        self.follow(at);
    }

    /// Makes the next step of an event part of this round, where that is safe.
    fn follow(&mut self, at: usize) {
        let Some(step) = self.steps.get_mut(at) else { return };
        let Some((key, task)) = &step.effect.next else { return };
        let partition = self.shared.partition(key);
        let from_state = step.note.is_some_and(|note| note != Note::NONE) || rests_on_state(task);
        let safe = self.together == Together::Atomic || !from_state;
        // What is lent is read afresh, and that is done at the beginning of a round.
        let safe = safe && !matches!(task, Task::Lend { .. });
        if safe
            && self.shared.group_of(partition) == self.shared.group_of(step.partition)
            && let Some((key, task)) = step.effect.next.take()
        {
            let job = Job { key, task, ticket: step.job.ticket.fork(), hops: 0 };
            let step = Step::new(partition, job);
            let seen = step.message.and_then(|message| self.again.seen.get(&message).copied());
            self.steps.push(Step { seen, forerunner: Some(at), ..step });
        }
    }

    /// A lead that changes its tier keeps its owner, whom only the stored lead knows. (Who is routed in this very moment is kept
    /// by the team's memory of turns.)
    async fn keep_owners(&mut self) -> Result<(), StoreError> {
        let leads = self.steps.iter_mut().flat_map(|step| &mut step.effect.leads).map(|event| &mut event.lead);
        for lead in leads.filter(|lead| lead.revision > 1) {
            let before = self.shared.store.lead(&lead.id).await?;
            let before = before.and_then(|row| serde_json::from_str::<Lead>(&row.json).ok());
            if let Some(Lead { routing, timestamps, .. }) = before {
                lead.routing = routing;
                lead.timestamps.routed = timestamps.routed;
            }
        }
        Ok(())
    }

    fn add_leads(&mut self) {
        for step in self.steps.iter().filter(|step| !step.effect.leads.is_empty()) {
            let part = self.parts.entry(step.partition).or_default();
            add_leads(&mut part.commit, &step.job.key, &step.effect.leads, self.now);
        }
    }

    /// Where this round has merged the user away that a link points at, it points at whom they became.
    fn follow_links_of_the_round(&mut self, cache: &mut Cache, at: usize) {
        let Some(Step { job: Job { task: Task::Link { to, .. }, .. }, .. }) = self.steps.get_mut(at) else { return };
        for _ in 0..MAX_HOPS {
            let key = RecordKey::user(to);
            let cached = cache.get_mut(self.shared.partition(&key), &key);
            let Some((into, _)) = cached.and_then(|cached| cached.subject.user.merged_into.clone()) else { return };
            *to = into;
        }
    }
}

/// What comes of it.
impl Round {
    fn fail_all(&mut self, cache: &mut Cache, error: &StoreError) {
        for (partition, part) in &self.parts {
            part.touched.iter().for_each(|key| cache.evict(*partition, key));
        }
        tracing::warn!(steps = self.steps.len(), %error, "what a round needs can't be read");
        self.steps.drain(..).for_each(|step| step.fail(error.clone()));
    }

    /// What the old records of steps that belong elsewhere remember of their messages.
    async fn moved_messages(&mut self) -> Result<HashMap<MessageHash, Note>, StoreError> {
        let moved = self.steps.iter().filter(|step| step.moved.is_some());
        let messages: Vec<_> = moved.filter_map(|step| Some((step.partition, step.message?))).collect();
        if messages.is_empty() {
            return Ok(HashMap::new());
        }
        let notes = self.shared.store.seen_all(&messages).await?;
        let known = messages.into_iter().zip(notes);
        Ok(known.filter_map(|((_, message), note)| Some((message, note?))).collect())
    }

    fn settle(mut self, cache: &mut Cache, moved: Result<HashMap<MessageHash, Note>, StoreError>) -> Again {
        let steps = std::mem::take(&mut self.steps);
        let done: Vec<bool> = steps.iter().map(|step| self.is_done(step)).collect();
        let is_done = |at: Option<usize>| at.is_none_or(|at| done.get(at).copied().unwrap_or(true));
        self.again.done_nothing = !done.contains(&true);
        // They come up again when their forerunners are tried again.
        let known = steps.iter().zip(&done).filter(|(step, done)| **done && !is_done(step.forerunner));
        self.again.seen.extend(known.filter_map(|(step, _)| step.message.zip(step.note)));
        for step in steps {
            let outcome = self.parts.get(&step.partition).map(|part| &part.outcome);
            match (outcome, step.moved.is_some()) {
                (Some(Outcome::Failed(error)), _) => step.fail(error.clone()),
                (Some(Outcome::Refused), _) if !is_done(step.forerunner) => {
                    // Comes again when its forerunner is tried again.
                    step.job.ticket.done();
                }
                (Some(Outcome::Refused), _) => self.again.steps.extend(step.again()),
                (_, true) => match &moved {
                    Ok(known) => self.send_on(cache, step, known),
                    Err(error) => step.fail(error.clone()),
                },
                _ => self.follow_up(cache, step),
            }
        }
        self.shared.send(self.outgoing);
        if self.again.steps.is_empty() { Again::default() } else { self.again }
    }

    /// Whether nothing stood against a step.
    fn is_done(&self, step: &Step) -> bool {
        self.parts.get(&step.partition).is_none_or(|part| matches!(part.outcome, Outcome::Done))
    }

    /// Sends a step to the record that holds its user's history now. A message that was applied here before the merge is not
    /// applied there again; only its account's part is made sure of.
    fn send_on(&mut self, cache: &mut Cache, mut step: Step, known: &HashMap<MessageHash, Note>) {
        let Some(target) = step.moved.take() else { return };
        let note = step.message.and_then(|message| known.get(&message).copied());
        if let (Some(note), Task::User(event)) = (note, &step.job.task) {
            self.repeat_account(cache, &step, event, &target, note);
            step.job.ticket.count(true);
            step.job.ticket.done();
        } else {
            let hops = step.job.hops + 1;
            self.outgoing.push(Job { key: target, hops, ..step.job });
        }
    }

    fn repeat_account(&mut self, cache: &mut Cache, step: &Step, event: &Arc<Event>, user: &RecordKey, note: Note) {
        let remembered = cache.get_mut(step.partition, &step.job.key);
        let remembered = remembered.and_then(|c| c.subject.user.accounts.get(usize::from(note.0)).cloned());
        let account = remembered.or_else(|| named_account(&self.setup.config.accounts, event));
        if let Some(account) = account {
            let actor = Actor { id: Arc::clone(&user.id), profile: Profile::default(), state: None };
            let part = AccountPart { event: Arc::clone(event), actor: Some(actor), evaluate_user: true };
            let key = RecordKey::account(&account);
            self.outgoing.push(Job { key, task: Task::Account(part), ticket: step.job.ticket.fork(), hops: 0 });
        }
    }

    /// What is left to do for a step that is durable.
    fn follow_up(&mut self, cache: &mut Cache, step: Step) {
        let Step { job, partition, message, effect, .. } = step;
        self.shared.announce(partition, &effect);
        if counts_for_request(&job) {
            job.ticket.count(message.is_some() && effect.note.is_none());
        }
        if let Some((key, task)) = effect.next {
            self.outgoing.push(Job { key, task, ticket: job.ticket.fork(), hops: 0 });
        }
        if let Task::Read(answer) = job.task {
            let state = cache.get_mut(partition, &job.key).map(|cached| Subject::clone(&cached.subject));
            let _ = answer.send(state.unwrap_or_default());
        }
        job.ticket.done();
    }
}

fn record_evaluation(started: Instant, steps: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a round has far fewer steps than 2^52")]
    let each = started.elapsed().as_secs_f64() / steps.max(1) as f64;
    metrics::histogram!("handraiser_evaluation_seconds").record(each);
}

fn add_leads(commit: &mut Commit, key: &RecordKey, leads: &[LeadEvent], now: Millis) {
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

impl Shared {
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
