//! The writer: the one thread that changes the store.
//!
//! It takes all requests that wait, stages them as one group, makes the group durable with one transaction, publishes it,
//! and answers. What comes meanwhile is the next group: were it to join this one, whoever sends two requests one after the
//! other, to prepare the second while the first is written, would get both answers at once, and then wait for each other in
//! turns. Between groups the writer takes checkpoint steps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::checkpoint::{Checkpoint, FreshMessages, Step};
use super::group::{Ground, Group};
use super::queue::{Item, QueueChange};
use super::shared::Shared;
use super::wal::{self, WalMover};
use super::{Tuning, journal, recover, tables};
use crate::identity::RecordKey;
use crate::store::{
    Commit, CommitError, EntryState, Forgotten, Rejected, Replay, StoreError, duration_ms, observe_batch,
};
use crate::time::Millis;

/// How many requests a group takes at most, and after how many bytes it takes no more.
const GROUP_REQUESTS: usize = 1_024;
const GROUP_BYTES: usize = 4 << 20;
/// When there is nothing to do, the writer looks around so often.
const IDLE: Duration = Duration::from_millis(250);
/// After a failed checkpoint step the next one waits so long; commits go on meanwhile.
const REST: Duration = Duration::from_secs(1);
/// An idle writer checkpoints when the journal has so many bytes, so that a later start is quick.
const IDLE_JOURNAL_BYTES: u64 = 1 << 20;
/// How often idle subjects are looked for, at most.
const IDLE_SUBJECTS_EVERY: i64 = Millis::HOUR;

pub(super) type Reply<T> = oneshot::Sender<T>;

pub(super) enum Request {
    /// Commits that happen together or not at all.
    Commit(Vec<Commit>, Reply<Vec<Result<(), CommitError>>>),
    Reject(Vec<Rejected>, Reply<Result<(), StoreError>>),
    Replay(Replay, Millis, Reply<Result<usize, StoreError>>),
    Forget(RecordKey, Reply<Result<Forgotten, StoreError>>),
    /// Brings the tables up to date and stops.
    Close(Reply<Result<(), StoreError>>),
}

/// The end of a store that was closed.
pub(super) struct Closed {
    outcome: Result<(), StoreError>,
    reply: Reply<Result<(), StoreError>>,
}

impl Closed {
    pub(super) fn answer(self) {
        // Whoever asked may have gone.
        let _ = self.reply.send(self.outcome);
    }
}

/// An answer that waits for its group.
enum Answer {
    Commit(Reply<Vec<Result<(), CommitError>>>, Vec<Result<(), CommitError>>),
    Done(Reply<Result<(), StoreError>>),
}

impl Answer {
    fn send(self, failure: Option<&StoreError>) {
        // Whoever asked may have gone; the outcome stands all the same.
        match (self, failure) {
            (Self::Commit(reply, answer), None) => drop(reply.send(answer)),
            (Self::Commit(reply, answers), Some(failure)) => {
                drop(reply.send(answers.iter().map(|_| Err(failure.clone().into())).collect()));
            }
            (Self::Done(reply), None) => drop(reply.send(Ok(()))),
            (Self::Done(reply), Some(failure)) => drop(reply.send(Err(failure.clone()))),
        }
    }
}

pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    tuning: Tuning,
    wal: WalMover,
    /// The last rows of the journal and of the queue.
    last_journal: i64,
    last_entry: i64,
    /// Bytes of the journal that no running checkpoint covers.
    journal_bytes: u64,
    fresh: FreshMessages,
    checkpoint: Option<Checkpoint>,
    /// A partition's cache is full of what waits for a checkpoint.
    crowded: bool,
    /// The latest moment that any commit spoke of.
    now: Option<Millis>,
    idle_looked_for: Option<Millis>,
    /// After a failure: when the next checkpoint step may be tried.
    rest_until: Option<Instant>,
}

impl Writer {
    /// Fills `shared` from the file, and is ready to run then.
    pub(super) fn new(connection: Connection, shared: Arc<Shared>, tuning: Tuning) -> Result<Self, StoreError> {
        let recovered = recover::recover(&connection, &shared)?;
        if let Some(pages) = tuning.max_pages {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(Self {
            wal: WalMover::start(shared.path.clone())?,
            connection,
            shared,
            tuning,
            last_journal: recovered.last_journal,
            last_entry: recovered.last_entry,
            journal_bytes: recovered.journal_bytes,
            fresh: recovered.fresh,
            checkpoint: None,
            crowded: false,
            now: recovered.now,
            idle_looked_for: None,
            rest_until: None,
        })
    }

    /// Serves requests until the store is closed or dropped. Whoever closed it is to be answered when the file is free.
    pub(super) fn run(mut self, requests: &Receiver<Request>) -> Option<Closed> {
        loop {
            let busy = self.checkpoint.is_some() && self.rest_until.is_none_or(|until| Instant::now() >= until);
            let wait = if busy { Duration::ZERO } else { IDLE };
            match requests.recv_timeout(wait) {
                Ok(request) => {
                    let mut waiting: VecDeque<Request> = std::iter::once(request).chain(requests.try_iter()).collect();
                    while !waiting.is_empty() {
                        if let Some(closed) = self.serve(&mut waiting) {
                            return Some(Closed { outcome: self.close(), reply: closed });
                        }
                        self.look_around(false);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.look_around(true),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Serves as many of `waiting` as make a group; answers the request to close, if it came.
    fn serve(&mut self, waiting: &mut VecDeque<Request>) -> Option<Reply<Result<(), StoreError>>> {
        let mut group = Group::default();
        let mut answers = Vec::new();
        let mut failure = self.begin().err();
        let last_entry = self.last_entry;
        while let Some(request) = waiting.pop_front() {
            let staged = match request {
                Request::Commit(commits, reply) => {
                    let staged = self.stage(&mut group, commits, failure.as_ref());
                    let lost = staged.iter().find_map(|staged| match staged {
                        Err(CommitError::Store(error)) => Some(error.clone()),
                        _ => None,
                    });
                    answers.push(Answer::Commit(reply, staged));
                    lost
                }
                Request::Reject(rejected, reply) => {
                    answers.push(Answer::Done(reply));
                    // Without a transaction it would be written although the answer says that it was not.
                    let bound = self.shared.options.rejected_log;
                    let put = || tables::put_rejected(&self.connection, &rejected, bound);
                    if failure.is_none() { put().err() } else { None }
                }
                alone => {
                    self.finish(group, answers, failure, last_entry);
                    return self.serve_alone(alone);
                }
            };
            failure = failure.or(staged);
            if answers.len() >= GROUP_REQUESTS || group.journal.len() >= GROUP_BYTES {
                break;
            }
        }
        self.finish(group, answers, failure, last_entry);
        None
    }

    fn stage(
        &mut self,
        group: &mut Group,
        commits: Vec<Commit>,
        failure: Option<&StoreError>,
    ) -> Vec<Result<(), CommitError>> {
        if let Some(failure) = failure {
            return commits.iter().map(|_| Err(failure.clone().into())).collect();
        }
        let mut ground = Ground { connection: &self.connection, shared: &self.shared, last_seq: &mut self.last_entry };
        group.stage(&mut ground, commits)
    }

    /// Makes the group durable, publishes it, and answers.
    fn finish(&mut self, group: Group, answers: Vec<Answer>, failure: Option<StoreError>, last_entry: i64) {
        observe_batch("embedded", answers.len());
        let outcome = failure.map_or(Ok(()), Err).and_then(|()| self.make_durable(group));
        if outcome.is_err() {
            self.roll_back();
            self.last_entry = last_entry;
        }
        for answer in answers {
            answer.send(outcome.as_ref().err());
        }
    }

    fn make_durable(&mut self, mut group: Group) -> Result<(), StoreError> {
        let together = self.checkpoint.as_ref().filter(|checkpoint| !checkpoint.stands_alone() && !self.resting());
        let step = together.map(|checkpoint| self.step(checkpoint, &mut group.journal)).transpose();
        let step = self.rest_after_failure(step)?;
        self.end(&group.journal)?;
        self.now = self.now.max(group.now);
        self.crowded |= group.publish(&self.shared, &mut self.fresh)?;
        self.stepped(step)?;
        self.begin_checkpoint_if_wanted(self.tuning.journal_bytes);
        Ok(())
    }

    fn begin(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    /// Appends `changes` to the journal and commits: after this everything in the transaction is durable.
    fn end(&mut self, changes: &[u8]) -> Result<(), StoreError> {
        let seq = self.last_journal + 1;
        if !changes.is_empty() {
            let mut insert = self.connection.prepare_cached("INSERT INTO journal (seq, changes) VALUES (?1, ?2)")?;
            insert.execute(params![seq, changes])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        if !changes.is_empty() {
            self.last_journal = seq;
            self.journal_bytes += changes.len() as u64;
        }
        // A page or two besides the changes themselves.
        self.wal.wrote(changes.len() + 8_192);
        Ok(())
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the store could not roll back a failed transaction");
        }
    }
}

/// Checkpoints.
impl Writer {
    fn resting(&self) -> bool {
        self.rest_until.is_some_and(|until| Instant::now() < until)
    }

    fn step(&self, checkpoint: &Checkpoint, journal: &mut Vec<u8>) -> Result<Step, StoreError> {
        let budget = checkpoint.budget(journal.len(), self.tuning.journal_bytes);
        checkpoint.step(&self.connection, &self.shared, journal, budget)
    }

    fn rest_after_failure<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.rest_until = outcome.is_err().then(|| Instant::now() + REST).or(self.rest_until);
        outcome
    }

    fn stepped(&mut self, step: Option<Step>) -> Result<(), StoreError> {
        if let Some(step) = step
            && let Some(checkpoint) = self.checkpoint.take()
        {
            self.wal.wrote(step.bytes());
            self.checkpoint = checkpoint.stepped(step, &self.shared)?;
        }
        Ok(())
    }

    /// One step in a transaction of its own.
    fn lone_step(&mut self) -> Result<(), StoreError> {
        let outcome = self.try_lone_step();
        if outcome.is_err() {
            self.roll_back();
        }
        self.rest_after_failure(outcome)
    }

    fn try_lone_step(&mut self) -> Result<(), StoreError> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(()) };
        self.begin()?;
        let mut journal = Vec::new();
        let step = self.step(checkpoint, &mut journal)?;
        self.end(&journal)?;
        self.stepped(Some(step))
    }

    fn begin_checkpoint_if_wanted(&mut self, journal_bytes: u64) {
        if self.checkpoint.is_none() && (self.crowded || self.journal_bytes >= journal_bytes) {
            self.begin_checkpoint();
        }
    }

    fn begin_checkpoint(&mut self) {
        let idle = self.idle_before();
        let begun = Checkpoint::begin(&self.shared, &mut self.fresh, self.last_journal, self.now, idle);
        self.checkpoint = Some(begun);
        self.journal_bytes = 0;
        self.crowded = false;
    }

    /// Subjects that were touched before this are to leave with the next checkpoint.
    fn idle_before(&mut self) -> Option<Millis> {
        let (now, idle) = (self.now?, self.shared.options.idle_subjects?);
        let due = self.idle_looked_for.is_none_or(|last| now.since(last) >= IDLE_SUBJECTS_EVERY);
        self.idle_looked_for = if due { Some(now) } else { self.idle_looked_for };
        due.then(|| now.plus(-duration_ms(idle)))
    }

    /// What is to be done while no request waits, and after each group.
    fn look_around(&mut self, waited: bool) {
        self.wal.tend(&self.connection);
        if waited {
            self.begin_checkpoint_if_wanted(IDLE_JOURNAL_BYTES);
        }
        let alone = self.checkpoint.as_ref().is_some_and(Checkpoint::stands_alone);
        if (alone || waited)
            && !self.resting()
            && let Err(error) = self.lone_step()
        {
            tracing::warn!(%error, "a checkpoint of the store failed; it will be tried again");
        }
    }

    fn close(&mut self) -> Result<(), StoreError> {
        while self.checkpoint.is_some() {
            self.lone_step()?;
        }
        self.begin_checkpoint();
        while self.checkpoint.is_some() {
            self.lone_step()?;
        }
        wal::move_log(&self.connection, "TRUNCATE");
        Ok(())
    }
}

/// What is done in a transaction of its own, as it is rare.
impl Writer {
    fn serve_alone(&mut self, request: Request) -> Option<Reply<Result<(), StoreError>>> {
        match request {
            Request::Replay(which, now, reply) => {
                let replayed = self.replay(&which, now);
                let _ = reply.send(self.or_roll_back(replayed));
            }
            Request::Forget(key, reply) => {
                let forgotten = self.forget(&key);
                let _ = reply.send(self.or_roll_back(forgotten));
            }
            Request::Close(reply) => return Some(reply),
            Request::Commit(..) | Request::Reject(..) => {}
        }
        None
    }

    fn or_roll_back<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_err() {
            self.roll_back();
        }
        outcome
    }

    fn replay(&mut self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        self.begin()?;
        let dead = tables::dead_entries(&self.connection, which)?;
        // Numbers that a failure leaves unused do no harm.
        let first = self.last_entry + 1;
        for (placed, seq) in dead.iter().zip(first..) {
            tables::revive_entry(&self.connection, placed.item.seq, seq, now)?;
            self.last_entry = seq;
        }
        self.end(&[])?;
        let count = dead.len();
        for (placed, seq) in dead.into_iter().zip(first..) {
            let queue = &mut self.shared.partition(placed.partition)?.queue;
            queue.apply(&placed.queue, QueueChange::Remove(placed.item.id.clone()));
            queue.apply(&placed.queue, QueueChange::Add(Item { seq, due: now, ..placed.item }));
        }
        Ok(count)
    }

    fn forget(&mut self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        let (shared, subject) = (Arc::clone(&self.shared), key.to_string());
        let id = shared.options.partitions.of(key);
        self.begin()?;
        let known = shared.record(&self.connection, id, key)?.is_some();
        // Held until the deletion is durable, so that nobody claims an entry that is about to go.
        let mut partition = shared.partition(id)?;
        let mut entries = tables::entries_of(&self.connection, &subject)?;
        entries.retain(|entry| entry.partition == id && !partition.queue.is_leased(&entry.queue, entry.item.seq));
        for entry in &entries {
            tables::delete_entry(&self.connection, entry.item.seq)?;
        }
        let leads = tables::delete_leads_of(&self.connection, &subject)?;
        let mut journal = Vec::new();
        if known {
            self.connection.prepare_cached("DELETE FROM records WHERE key = ?1")?.execute([&subject])?;
            journal::put_forget(&mut journal, key);
        }
        self.end(&journal)?;
        partition.cache.forget(key);
        let forgotten = Forgotten { records: known.into(), leads: leads as u64, entries: entries.len() as u64 };
        for entry in entries {
            let done = entry.state == tables::state_number(EntryState::Done);
            let id = entry.item.id;
            let change = if done { QueueChange::Trim(entry.item.seq) } else { QueueChange::Remove(id) };
            partition.queue.apply(&entry.queue, change);
        }
        Ok(forgotten)
    }
}
