//! The embedded store: one SQLite file, owned by this process. Nothing to install, and the default.
//!
//! * **Durable.** A commit is answered after the transaction that holds it was synced to disk (WAL, `synchronous=FULL`).
//! * **Group commit.** One thread writes ([`writer`]). All commits that wait become one transaction with one sync ([`group`]).
//! * **Cheap.** A commit costs a few bytes in a row of a journal ([`journal`]); records and remembered messages are brought up
//!   to date in their tables later, by checkpoints in small steps ([`checkpoint`]). Leads and queue entries go to their tables
//!   at once. Records used lately are cached ([`cache`]), remembered messages are all in memory ([`messages`]), and so is the
//!   shape of the queues ([`queue`]).
//! * **Crash-safe.** Opening brings the tables up to date from the journal ([`recover`]).
//! * **One owner.** A lock beside the file keeps other processes away ([`lock`]).

mod cache;
mod checkpoint;
mod codec;
mod group;
mod journal;
mod lock;
mod messages;
mod queue;
mod reader;
mod recover;
mod schema;
mod shared;
mod tables;
mod wal;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use self::shared::{Shared, unpack};
use self::writer::{Closed, Reply, Request, Writer};
use super::{
    Claimed, Claims, Commit, CommitError, EntryQuery, EntryRow, Forgotten, LeadQuery, LeadRow, Note, QueueName,
    QueueStats, Record, Rejected, Replay, Store, StoreError, StoreOptions, Together, duration_ms, observe_commit,
};
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, Partitions, RecordKey};
use crate::time::Millis;

/// What may be turned for a machine; the default suits most.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// How much memory records may take.
    pub cache_bytes: usize,
    /// A checkpoint begins when the journal has so many bytes. More means less writing and a longer start after a crash.
    pub journal_bytes: u64,
    /// How many pages of 4 KiB the file may have; `None`: as many as the disk holds.
    pub max_pages: Option<u32>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20, journal_bytes: 128 << 20, max_pages: None }
    }
}

/// A store in a file of this machine.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// Until it is dropped.
    requests: Option<Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl Drop for EmbeddedStore {
    /// Waits for the writer, so that the file is free afterwards. What is durable is durable without a last checkpoint.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl EmbeddedStore {
    /// Opens the store at `path`, or creates it. Reads files and waits for the disk: call it from a thread that may block.
    ///
    /// # Errors
    /// When another process has it, when it was created with other partitions, or when it can't be read.
    pub fn open(path: &Path, options: StoreOptions, tuning: Tuning) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)
                .map_err(|error| StoreError::Unusable(format!("can't create {}: {error}", directory.display())))?;
        }
        let ownership = lock::own(path)?;
        let connection = schema::open(path, options.partitions)?;
        let shared = Arc::new(Shared::new(path.to_owned(), options, tuning.cache_bytes));
        let writer = Writer::new(connection, Arc::clone(&shared), tuning)?;
        let (requests, receiver) = channel();
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            let closed = writer.run(&receiver);
            // Only now may another process write; whoever closed this store may open it again at once.
            drop(ownership);
            closed.into_iter().for_each(Closed::answer);
        });
        let thread = thread.map_err(|error| StoreError::Unavailable(format!("can't start a thread: {error}")))?;
        Ok(Self { shared, requests: Some(requests), writer: Some(thread) })
    }

    async fn load_from(
        &self,
        keys: &[RecordKey],
        of: impl Fn(&RecordKey) -> PartitionId,
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let (mut found, mut missing) = (Vec::with_capacity(keys.len()), Vec::new());
        for (at, key) in keys.iter().enumerate() {
            let partition = of(key);
            let cached = self.shared.cached(partition, key)?;
            if cached.is_none() {
                missing.push((at, partition, key.clone()));
            }
            found.push(cached.flatten());
        }
        if !missing.is_empty() {
            let shared = Arc::clone(&self.shared);
            let read = self.shared.readers.run(move |connection| {
                let read = missing.iter().map(|(at, id, key)| Ok((*at, shared.record(connection, *id, key)?)));
                read.collect::<Result<Vec<_>, StoreError>>()
            });
            for (at, record) in read.await? {
                if let Some(slot) = found.get_mut(at) {
                    *slot = record;
                }
            }
        }
        keys.iter().zip(&found).map(|(key, record)| unpack(key, record.as_ref())).collect()
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.requests.as_ref().ok_or_else(stopped)?.send(request(reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[async_trait]
impl Store for EmbeddedStore {
    fn partitions(&self) -> Partitions {
        self.shared.options.partitions
    }

    fn together(&self) -> Together {
        Together::Atomic
    }

    async fn load(&self, partition: PartitionId, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.load_from(keys, |_| partition).await
    }

    async fn load_all(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.load_from(keys, |key| self.shared.options.partitions.of(key)).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.commit_all(vec![commit]).await.pop().unwrap_or_else(|| Err(stopped().into()))
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        if commits.is_empty() {
            return Vec::new();
        }
        let (started, len) = (Instant::now(), commits.len());
        let answers = self.ask(|reply| Request::Commit(commits, reply)).await;
        observe_commit("embedded", started.elapsed());
        answers.unwrap_or_else(|error| vec![Err(error.into()); len])
    }

    async fn seen_all(&self, messages: &[(PartitionId, MessageHash)]) -> Result<Vec<Option<Note>>, StoreError> {
        let note = |(partition, hash): &(PartitionId, MessageHash)| {
            Ok(self.shared.partition(*partition)?.messages.get(&messages::message_key(*hash)))
        };
        messages.iter().map(note).collect()
    }

    async fn seen(&self, partition: PartitionId, messages: &[MessageHash]) -> Result<Vec<Option<Note>>, StoreError> {
        let partition = self.shared.partition(partition)?;
        Ok(messages.iter().map(|hash| partition.messages.get(&messages::message_key(*hash))).collect())
    }

    async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError> {
        let (claimed, next_due) = {
            let index = &mut self.shared.partition(partition)?.queue;
            let claimed = index.claim(queue, now, now.plus(duration_ms(lease)), limit);
            (claimed, index.next_due(queue))
        };
        if claimed.is_empty() {
            return Ok(Claims { claimed: Vec::new(), next_due });
        }
        let seqs: Vec<i64> = claimed.iter().map(|(seq, _)| *seq).collect();
        let read = self.shared.readers.run(move |connection| tables::entries_by_seq(connection, &seqs)).await;
        if read.is_err() {
            self.shared.partition(partition)?.queue.release(queue, &claimed);
        }
        let with_entry = claimed.iter().zip(read?);
        // An entry that is gone was settled by a claimer whose lease had run out.
        let claimed =
            with_entry.filter_map(|((_, lease), entry)| Some(Claimed { partition, entry: entry?, lease: *lease }));
        Ok(Claims { claimed: claimed.collect(), next_due })
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
        let query = query.clone();
        self.shared.readers.run(move |connection| tables::entries(connection, &query)).await
    }

    async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        let which = which.clone();
        self.ask(|reply| Request::Replay(which, now, reply)).await?
    }

    async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError> {
        let mut stats = std::collections::BTreeMap::new();
        for (_, partition) in self.shared.each() {
            partition.queue.add_stats(now, &mut stats);
        }
        Ok(stats.into_values().collect())
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        let query = query.clone();
        self.shared.readers.run(move |connection| tables::leads(connection, &query)).await
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        let id = id.to_owned();
        self.shared.readers.run(move |connection| tables::lead(connection, &id)).await
    }

    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        self.ask(|reply| Request::Reject(rejected, reply)).await?
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.shared.readers.run(move |connection| tables::rejected(connection, limit)).await
    }

    async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        let key = key.clone();
        self.ask(|reply| Request::Forget(key, reply)).await?
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Through the writer, which opens and ends a transaction for it.
        self.ask(|reply| Request::Reject(Vec::new(), reply)).await?
    }

    async fn figures(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let (mut messages, mut cached) = (0, 0);
        for (_, partition) in self.shared.each() {
            messages += partition.messages.len() as u64;
            cached += partition.cache.bytes() as u64;
        }
        let mut figures = self.shared.readers.run(tables::figures).await?;
        figures.push(("remembered_messages".to_owned(), messages));
        figures.push(("cache_bytes".to_owned(), cached));
        Ok(figures)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.ask(Request::Close).await?
    }
}
