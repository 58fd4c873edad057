//! A worker: owns some shards, reads their logs, has what stands there applied, and commits what follows.
//!
//! * **One commit for all its shards.** Where the store commits shards together a process has one worker, and messages between its
//!   shards are applied in the same batch instead of going through a log: an event, its account's part, the lead and the team's
//!   turn are one commit. A shard that comes to a worker is first worked alone to the end of its log (`joining`), so that what
//!   other shards sent to it through the log is applied before what they send it from then on. The same holds for what the
//!   worker's own shards send each other meanwhile: that goes through the logs, too.
//! * **As many appliers as cores.** Each holds the records of some of the shards and applies what is for them ([`applier`]); a
//!   message from one to another is handed over between their turns.
//! * **Commit when it matters.** Leads, messages that leave the worker, the agenda and barriers are committed at once; mere counting
//!   waits for a moment, so that a record that is written a hundred times is stored once, and for longer while the worker is behind
//!   ([`pace`]). What comes while a commit is under way is applied meanwhile, for the next one.
//! * **The position is the fence.** When a commit is refused, or nobody knows whether it happened, everything that was applied since
//!   the last one that succeeded is dropped, and the worker begins again at the stored position.

mod adopting;
mod agenda;
mod applier;
mod committing;
mod owning;
mod pace;
mod pausing;
mod reading_back;
mod rerouting;
mod teams;
mod walking;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::deliveries::Deliveries;
use super::input::Input;
use super::reader::Reader;
use crate::apply::{Body, Message};
use crate::ids::{Position, RecordKey, ShardId};
use crate::lead::build::Origin;
use crate::record::AgendaList;
use crate::store::{Entry, StoreError};
use crate::time::Millis;
use applier::{Applier, Batch, Work};
use committing::UnderWay;
use pace::Pace;

/// A batch takes up so many bytes of entries at most, beyond its first ones.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// Less than so many bytes of entries, or messages, are not worth waking other threads for.
const MIN_PARALLEL_BYTES: usize = 32 * 1024;
const MIN_PARALLEL_MESSAGES: usize = 128;
/// How often the agenda is looked at though nothing is known to be due.
const LOOK: Duration = Duration::from_secs(1);
/// Waits after the store failed: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Stands for how many commits a shard had of which the store has lost something. None has so many: whatever there are, what is in memory
/// is of others.
const LOST: u64 = u64::MAX;

/// A shard that this worker owns.
struct Owned {
    /// Which of the appliers has its records.
    applier: usize,
    /// What is committed, or being committed.
    position: Position,
    /// How many commits there were.
    step: u64,
    /// Since when it is worked here, without a break.
    since: Millis,
    /// Up to here the log is worked before messages of the worker's other shards may pass it by.
    joining: Option<Position>,
    /// Up to here messages of the worker's own shards may stand in the log, sent while it was joining.
    own_messages: Position,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    inputs: mpsc::UnboundedReceiver<Input>,
    /// Came while a commit was under way.
    heard: Vec<Input>,
    sender: mpsc::UnboundedSender<Input>,
    number: usize,
    /// What may be used of memory by this worker.
    memory_bytes: usize,
    appliers: Vec<Applier>,
    /// How many there should be.
    appliers_wanted: usize,
    shards: BTreeMap<ShardId, Owned>,
    /// The shards that this worker should own.
    wanted: Vec<ShardId>,
    /// Whether it doesn't own just those yet.
    changes: bool,
    is_stopping: bool,
    /// Of shards that have to be taken over again: which applier had their records, and how many commits there were when those
    /// were true.
    before: BTreeMap<ShardId, (usize, u64)>,
    pace: Pace,
    reader: Reader,
    deliveries: Deliveries,
    /// When each list of the agenda has to be looked at.
    due: BTreeMap<(ShardId, AgendaList), Millis>,
    /// Messages whose application panicked, by entry.
    poison: Arc<HashMap<(ShardId, Position), HashSet<u32>>>,
    /// Records for which something local can't be applied.
    poisoned_records: HashSet<RecordKey>,
    /// Shards in which is counted what these rules count, as their archives know.
    adopted: BTreeMap<ShardId, Arc<str>>,
    /// The rules by which the teams of shards were looked at.
    teams_by: BTreeMap<ShardId, Arc<str>>,
    /// The rules by which destinations were told whether they are asked what people made of leads.
    asks_by: BTreeMap<ShardId, Arc<str>>,
    /// Destinations that are being asked.
    asking: HashSet<RecordKey>,
    batch: Batch,
    under_way: Option<UnderWay>,
}

/// What ends a batch before its time.
enum Upset {
    /// Begin again at the stored positions.
    Store(StoreError),
    /// The same, since somebody else owns these shards.
    Moved(Vec<ShardId>),
    /// The same, since the store has less than it had.
    Lost,
    /// A message can't be applied, or something that follows from it; without a place in the log, it began at this record.
    Poison(Origin, Option<RecordKey>),
    /// Something else has panicked, here or in the reader.
    Panic,
}

impl From<StoreError> for Upset {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What an applier is to do: entries first, then the rest.
#[derive(Default)]
struct Job {
    entries: Vec<(ShardId, Vec<Entry>)>,
    work: Vec<Work>,
}

impl Worker {
    /// Of the two ends of `inputs` the worker hears one, and hands the other to those who report to it.
    pub fn new(
        shared: Arc<Shared>,
        (sender, inputs): (mpsc::UnboundedSender<Input>, mpsc::UnboundedReceiver<Input>),
        number: usize,
        appliers: usize,
        memory_bytes: usize,
    ) -> Self {
        Self {
            reader: Reader::idle(),
            deliveries: Deliveries::default(),
            appliers: new_appliers(&shared, memory_bytes, appliers),
            appliers_wanted: appliers,
            shards: BTreeMap::new(),
            wanted: Vec::new(),
            changes: false,
            is_stopping: false,
            before: BTreeMap::new(),
            pace: Pace::default(),
            due: BTreeMap::new(),
            poison: Arc::default(),
            poisoned_records: HashSet::new(),
            adopted: BTreeMap::new(),
            teams_by: BTreeMap::new(),
            asks_by: BTreeMap::new(),
            asking: HashSet::new(),
            number,
            memory_bytes,
            batch: Batch::new(shared.rules.load_full(), shared.clock.now()),
            shared,
            inputs,
            heard: Vec::new(),
            sender,
            under_way: None,
        }
    }

    pub async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let turn = AssertUnwindSafe(self.turn()).catch_unwind().await;
            match turn.unwrap_or(Err(Upset::Panic)) {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => return,
                Err(upset) => self.begin_again(upset, &mut pause).await,
            }
        }
    }

    /// Hears what it should own, and whether it should stop: whatever fails from here on, that is known. Returns the other inputs.
    fn heed(&mut self, inputs: Vec<Input>) -> Vec<Input> {
        let mut others = Vec::with_capacity(inputs.len());
        for input in inputs {
            match input {
                Input::Own(shards) => (self.wanted, self.changes) = (shards, true),
                Input::Stop => self.is_stopping = true,
                input => others.push(input),
            }
        }
        others
    }

    /// What inputs become.
    async fn work_of(&mut self, inputs: Vec<Input>) -> Result<Vec<Work>, Upset> {
        let (mut work, mut chunks, mut stretches) = (Vec::new(), Vec::new(), Vec::new());
        for input in inputs {
            match input {
                Input::Attempted(key, attempt) => {
                    self.deliveries.returned(&key);
                    work.extend(self.local(key, Body::Attempted(Box::new(attempt))));
                }
                Input::ReadBack(key, read) => work.extend(self.was_asked(key, read)),
                Input::Archived(shard, last) => {
                    work.extend(self.local(RecordKey::archived(shard), Body::Archived { last }));
                }
                Input::Fill(chunk) => chunks.push(chunk),
                Input::Walk(stretch) => stretches.push(stretch),
                Input::Own(_) | Input::Lost(_) | Input::Stop => {}
            }
        }
        // Last, since they ask the store, which may fail: a delivery whose answer was not heard would be under way for good.
        for chunk in chunks {
            work.extend(self.fill(*chunk).await?);
        }
        for stretch in stretches {
            work.extend(self.walk(*stretch).await?);
        }
        Ok(work)
    }

    /// Takes what there is, has it applied, and commits when it is time; returns whether to go on.
    async fn turn(&mut self) -> Result<bool, Upset> {
        let (entries, inputs) = self.gather().await;
        let mut inputs = self.heed(inputs);
        let entries = if self.has_lost(&mut inputs) { Err(Upset::Lost) } else { entries };
        let entries = match entries {
            Ok(entries) => entries,
            Err(upset) => {
                self.heard.extend(inputs);
                return Err(upset);
            }
        };
        self.begin_batch(&entries);
        if let Err(upset) = self.adopt().await {
            // What was heard is heard again: a delivery that was answered would be under way for good otherwise.
            self.heard.extend(inputs);
            return Err(upset);
        }
        let work = self.work_of(inputs).await?;
        self.apply(entries, work).await?;
        // Whoever has answered can be sent the next news while the last answer is being committed.
        self.deliver().await?;
        if !self.is_time() {
            // Due is asked of what is stored; a commit comes first where there is something to commit.
            self.look_at_agenda().await?;
        }
        let was_due = self.is_stopping || self.may_change() || self.is_due();
        if was_due {
            self.commit().await?;
            self.look_at_agenda().await?;
        }
        if self.under_way.is_none() && (self.is_time() || (was_due && self.is_urgent())) {
            self.begin_commit().await?;
        }
        self.joined().await?;
        self.deliver().await?;
        if self.may_change() {
            self.commit().await?;
            self.own().await?;
        }
        if self.is_stopping {
            self.commit().await?;
            self.finish().await?;
        }
        Ok(!self.is_stopping)
    }

    /// Waits until there is something to do.
    async fn gather(&mut self) -> (Result<Vec<(ShardId, Vec<Entry>)>, Upset>, Vec<Input>) {
        let (mut entries, mut inputs) = (Vec::new(), std::mem::take(&mut self.heard));
        let mut read = Some(Ok(Vec::new()));
        let now = self.shared.clock.now();
        let due = self.due.values().copied().chain(self.deliveries.opens()).min().filter(|_| !self.is_joining());
        let due = due.map_or(LOOK, |due| Duration::from_millis(u64::try_from(due.since(now).max(0)).unwrap_or(0)));
        let until = if !inputs.is_empty() || self.is_stopping {
            Instant::now()
        } else if self.under_way.is_some() {
            Instant::now() + LOOK
        } else {
            self.commit_at().unwrap_or_else(|| Instant::now() + due.min(LOOK))
        };
        // What can't be archived must not pile up in the store: it waits in the log, which has a bound. But what was there when a shard
        // was taken over is read to its end: until then nothing else can be done, such as sending what is due.
        let takes = (!self.shared.archiving.is_full() || self.is_joining()) && !self.is_full();
        tokio::select! {
            biased;
            ended = ended(&mut self.under_way) => {
                if let Err(upset) = self.committed(ended).await {
                    return (Err(upset), inputs);
                }
            }
            input = self.inputs.recv() => inputs.extend(input.or(Some(Input::Stop))),
            next = self.reader.next(), if takes => read = next,
            () = tokio::time::sleep_until(until) => {}
        }
        while let Ok(input) = self.inputs.try_recv() {
            inputs.push(input);
        }
        loop {
            match read {
                Some(Ok(read)) => entries.extend(read),
                Some(Err(error)) => return (Err(Upset::Store(error)), inputs),
                // A reader ends by itself only where it panics.
                None => return (Err(Upset::Panic), inputs),
            }
            let Some(more) = (takes && bytes(&entries) < MAX_BATCH_BYTES).then(|| self.reader.try_next()).flatten()
            else {
                break;
            };
            read = Some(more);
        }
        self.pace.is_behind = bytes(&entries) >= MAX_BATCH_BYTES;
        entries.retain(|(shard, _)| self.shards.contains_key(shard));
        (Ok(entries), inputs)
    }

    /// Fixes what is the same for all of a batch.
    fn begin_batch(&mut self, entries: &[(ShardId, Vec<Entry>)]) {
        let together = self.shared.store.commits_shards_together();
        let reads_to = |shard: ShardId, owned: &Owned| {
            let last = entries.iter().rfind(|(of, _)| *of == shard).and_then(|(_, entries)| entries.last());
            let pending = self.appliers.get(owned.applier).and_then(|applier| applier.pending.reads_to(shard));
            last.map(|entry| entry.position).or(pending).unwrap_or(owned.position)
        };
        // What was sent through the log must not be overtaken by what is sent later: it is applied first, at the latest as a part
        // of this batch. While one shard is joining, the logs of the others are not read: what other servers sent them stands there, and
        // what the one that is joining sends may follow from it.
        let is_joining = self.is_joining();
        // What is to go through the log and is not committed yet has no place there: nothing may pass it by either.
        let passes = |(shard, owned): &(&ShardId, &Owned)| {
            together && !is_joining && reads_to(**shard, owned) >= owned.own_messages && !self.is_sending_to(**shard)
        };
        let direct: BTreeSet<ShardId> = self.shards.iter().filter(passes).map(|(shard, _)| *shard).collect();
        self.batch = Batch {
            rules: self.shared.rules.load_full(),
            now: self.shared.clock.now(),
            direct: Arc::new(direct),
            held: Arc::clone(&self.batch.held),
            poison: Arc::clone(&self.poison),
        };
        self.appliers.iter_mut().for_each(|applier| applier.cache.begin());
    }

    /// A message that nothing in the log stands for.
    fn local(&self, to: RecordKey, body: Body) -> Option<Work> {
        let shard = self.shared.store.shards().of(&to);
        let (position, now) = (self.shards.get(&shard)?.position, self.batch.now);
        let origin = Origin { shard, position, index: u32::MAX, at: now };
        let began_at = Some(to.clone());
        Some(Work { shard, message: Message { to, at: now, hops: 0, body }, origin, began_at })
    }

    /// Has entries and messages applied, with what follows from them within this worker.
    async fn apply(&mut self, entries: Vec<(ShardId, Vec<Entry>)>, work: Vec<Work>) -> Result<(), Upset> {
        let mut jobs = self.jobs(entries, work);
        while jobs.iter().any(|job| !job.entries.is_empty() || !job.work.is_empty()) {
            let messages = jobs.iter().map(|job| job.work.len()).sum::<usize>();
            let is_much = messages >= MIN_PARALLEL_MESSAGES
                || jobs.iter().map(|job| bytes(&job.entries)).sum::<usize>() >= MIN_PARALLEL_BYTES;
            let batch = &self.batch;
            let jobs_of_all = jobs.into_iter().map(|job| (job, batch.clone())).collect();
            let followed =
                in_parallel(&mut self.appliers, jobs_of_all, is_much, |mut applier, (job, batch)| async move {
                    let followed = applier.apply(job.entries, job.work, &batch).await;
                    (applier, followed)
                });
            let mut work = Vec::new();
            for followed in followed.await {
                work.extend(followed?);
            }
            jobs = self.jobs(Vec::new(), work);
        }
        let committing = self.under_way.as_ref().and_then(|under_way| under_way.oldest);
        let applied = self.appliers.iter().filter_map(|applier| applier.pending.oldest);
        if let Some(oldest) = applied.chain(committing).min() {
            self.shared.progress.waiting_since(self.number, Some(oldest));
        }
        Ok(())
    }

    /// Who has to do what.
    fn jobs(&self, entries: Vec<(ShardId, Vec<Entry>)>, work: Vec<Work>) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.appliers.iter().map(|_| Job::default()).collect();
        let applier = |shard: ShardId| self.shards.get(&shard).map(|owned| owned.applier);
        for (shard, entries) in entries {
            if let Some(job) = applier(shard).and_then(|applier| jobs.get_mut(applier)) {
                job.entries.push((shard, entries));
            }
        }
        for work in work {
            if let Some(job) = applier(work.shard).and_then(|applier| jobs.get_mut(applier)) {
                job.work.push(work);
            }
        }
        jobs
    }

    fn is_joining(&self) -> bool {
        self.shards.values().any(|owned| owned.joining.is_some())
    }
}

/// How the commit that is under way ended; never, if none is.
async fn ended(under_way: &mut Option<UnderWay>) -> Result<(), Upset> {
    match under_way {
        Some(under_way) => under_way.ended().await,
        None => std::future::pending().await,
    }
}

/// Appliers that know nothing yet, and how much memory each may use.
fn new_appliers(shared: &Arc<Shared>, memory_bytes: usize, count: usize) -> Vec<Applier> {
    let each = memory_bytes / count.max(1);
    (0..count.max(1)).map(|_| Applier::new(Arc::clone(shared), each)).collect()
}

/// Bytes of all entries.
fn bytes(entries: &[(ShardId, Vec<Entry>)]) -> usize {
    entries.iter().flat_map(|(_, entries)| entries).map(|entry| entry.payload.len()).sum()
}

/// Lets each applier do its job, at the same time if that `is_much`; returns what they return, in their order.
async fn in_parallel<J, T, F>(
    appliers: &mut Vec<Applier>,
    jobs: Vec<J>,
    is_much: bool,
    work: impl Fn(Applier, J) -> F,
) -> Vec<T>
where
    F: Future<Output = (Applier, T)> + Send + 'static,
    T: Send + 'static,
{
    let mut running = std::mem::take(appliers).into_iter().zip(jobs).map(|(applier, job)| work(applier, job));
    let mut results = Vec::new();
    let mut done = |(applier, result)| {
        appliers.push(applier);
        results.push(result);
    };
    // The first one works here: to begin at once is worth more than another thread.
    let Some(first) = running.next() else { return results };
    if is_much {
        let others: Vec<_> = running.map(tokio::spawn).collect();
        done(first.await);
        for other in others {
            match other.await {
                Ok(result) => done(result),
                Err(error) => match error.try_into_panic() {
                    // What panics outside of `apply` is as much a defect in another thread as in this one.
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is shutting down, and everything in it ends where it is.
                    Err(_) => std::future::pending().await,
                },
            }
        }
    } else {
        done(first.await);
        for next in running {
            done(next.await);
        }
    }
    results
}
