//! The embedded store: one SQLite file, owned by this process. Nothing to install, and the default.
//!
//! * **Durable.** An append or a commit is answered after the transaction that holds it was synced to disk (WAL,
//!   `synchronous=FULL`).
//! * **Group commit.** One thread writes ([`writer`]). All requests that wait become one transaction with one sync ([`group`]).
//! * **Cheap.** Entries are stored in chunks, and the newest stay in memory ([`log`]). Records that are written together fill
//!   whole pages, wherever they stood before; an index in memory tells where they stand now ([`records`]). Remembered ids are
//!   packed ([`ids`]). SQLite's write-ahead log is moved into the file by another thread ([`wal`]).
//! * **One owner.** The file itself is locked, whatever its name ([`mod@file`]), and one that is deleted or replaced under a running
//!   server is noticed ([`watch`]).
//! * **Damage is not silent.** Rows carry checksums, sums over whole tables tell of rows that are gone, and steps that vanished
//!   with the end of a write-ahead log are missed ([`durable`]).

mod blocks;
mod durable;
mod errors;
mod file;
mod group;
mod ids;
mod index;
mod leads;
mod lists;
mod log;
mod log_table;
mod packs;
mod position;
mod prepare;
mod reader;
mod records;
mod rows;
mod schema;
mod shared;
mod subjects;
mod wal;
mod watch;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::Connection;

use self::durable::{DurableMark, Mark};
use self::errors::named;
use self::file::DatabaseFile;
use self::group::Kept;
use self::index::KeyHash;
use self::log::{Reading, ShardLog};
use self::log_table::{LogRows, ReadRows};
use self::prepare::Prepared;
use self::reader::Readers;
use self::records::Records;
use self::shared::Shared;
use self::writer::{Reply, Request, Steps, Writer};
use super::{
    Append, Block, Commit, CommitError, IdPack, LeadQuery, LeadRow, ListName, ListStats, Listing, Ownership, Progress,
    Reads, Rejected, ServerInfo, Store, StoreError, StoreOptions, SubjectPage, observe_append, observe_commit,
};
use crate::ids::{Position, RecordKey, ShardId, Shards};
use crate::time::Millis;

/// What may be turned for a test; the default suits everything else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {
    /// How many pages the file may have; `None`: as many as the disk holds.
    pub max_pages: Option<u32>,
}

/// A store in a file of this machine.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    requests: Mutex<Option<Sender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for EmbeddedStore {
    /// Waits for the writer, so that the file is free afterwards.
    fn drop(&mut self) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl EmbeddedStore {
    /// Opens the store at `path`, or creates it. Reads files and waits for the disk: call it from a thread that may block.
    ///
    /// # Errors
    /// When another process has it, when it was created with other shards, or when it can't be read or lacks what it once had.
    pub fn open(path: &Path, options: StoreOptions, tuning: Tuning) -> Result<Self, StoreError> {
        let file = DatabaseFile::take(path)?;
        let (connection, meta) =
            schema::open(file.path(), options.shards, tuning).map_err(|error| named(file.path(), error))?;
        let steps = writer::read_steps(&connection).map_err(|error| named(file.path(), error))?;
        let mark = Mark { identity: meta.identity, steps: steps.count, at: steps.at };
        let durable = DurableMark::open(file.path(), mark)?;
        let (logs, kept) =
            read(&connection, options.shards, meta.seed, &steps).map_err(|error| named(file.path(), error))?;
        let shared =
            Arc::new(Shared::new(options, meta.seed, Readers::new(&file), Arc::clone(&kept.records.index), logs));
        let writer = Writer::new(connection, Arc::clone(&shared), (durable, mark), kept, file)?;
        let (requests, receiver) = channel();
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run(&receiver));
        let thread = thread.map_err(|error| StoreError::Unavailable(format!("can't start a thread: {error}")))?;
        Ok(Self { shared, requests: Mutex::new(Some(requests)), writer: Mutex::new(Some(thread)) })
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let gone = || self.shared.check().err().unwrap_or_else(closed);
        {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            requests.as_ref().ok_or_else(closed)?.send(request(reply)).map_err(|_| gone())?;
        }
        answer.await.map_err(|_| gone())
    }

    /// What there is behind `after` now.
    async fn read_now(&self, after: &[(ShardId, Position)], max_bytes: usize) -> Result<Reads, StoreError> {
        let (mut found, mut older) = (Vec::new(), Vec::new());
        for (shard, after) in after {
            let reading = self.shared.behind(*shard, *after, max_bytes)?;
            match reading.in_memory() {
                Some(entries) if entries.is_empty() => {}
                Some(entries) => found.push((*shard, entries)),
                None => older.push((*shard, reading)),
            }
        }
        if !older.is_empty() {
            found.extend(self.read_older(older).await?);
        }
        Ok(found)
    }

    async fn read_older(&self, older: Vec<(ShardId, Reading)>) -> Result<Reads, StoreError> {
        let shared = Arc::clone(&self.shared);
        let read = self.shared.readers.run(move |connection| {
            let (mut rows, mut found) = (ReadRows::default(), Vec::new());
            for (shard, reading) in older {
                let entries = rows.read(connection, &reading)?;
                if !entries.is_empty() {
                    found.push((shard, entries));
                } else if !reading.is_passed(shared.shard(shard)?.progress.position) {
                    return Err(errors::damaged(&format!("the log of {shard}")));
                }
            }
            Ok(found)
        });
        read.await
    }
}

/// Reads what is kept in memory, and makes sure that it is as it was written.
fn read(
    connection: &Connection,
    shards: Shards,
    seed: u64,
    steps: &Steps,
) -> Result<(Vec<ShardLog>, Kept), StoreError> {
    let states = position::read_all(connection, shards)?;
    let progress: Vec<_> = states.iter().map(|state| state.progress).collect();
    let (logs, log) = LogRows::open(connection, shards, &progress)?;
    let records = Records::open(connection, seed, steps.records)?;
    lists::verify(connection, steps.lists)?;
    let kept = Kept { shards: states, log, records, lists: steps.lists, open_packs: BTreeMap::new() };
    Ok((logs, kept))
}

#[async_trait]
impl Store for EmbeddedStore {
    fn shards(&self) -> Shards {
        self.shared.options.shards
    }

    fn seed(&self) -> u64 {
        self.shared.seed
    }

    fn commits_shards_together(&self) -> bool {
        true
    }

    fn memory_bytes(&self) -> usize {
        let pages = usize::try_from(schema::CACHE_KIB).unwrap_or(0) << 10;
        self.shared.index.memory_bytes() + shared::TAIL_BYTES + pages
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        prepare::check_shards(self.shards(), entries.iter().map(|entry| entry.shard))?;
        let answer = self.ask(|reply| Request::Append(entries, reply)).await;
        observe_append("embedded", started.elapsed());
        answer?
    }

    async fn read(&self, after: &[(ShardId, Position)], max_bytes: usize, wait: Duration) -> Result<Reads, StoreError> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            // From here on no append is missed.
            let mut appended = std::pin::pin!(self.shared.appended.notified());
            appended.as_mut().enable();
            self.shared.check()?;
            let found = self.read_now(after, max_bytes).await?;
            if !found.is_empty() || tokio::time::timeout_at(deadline, appended).await.is_err() {
                return Ok(found);
            }
        }
    }

    async fn progress(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        self.shared.check()?;
        shards.iter().map(|shard| Ok(self.shared.shard(*shard)?.progress)).collect()
    }

    async fn remembered(&self, shard: ShardId) -> Result<Vec<IdPack>, StoreError> {
        self.shared.readers.run(move |connection| ids::remembered(connection, shard)).await
    }

    async fn blocks(&self, shard: ShardId, after: u64, max_bytes: usize) -> Result<Vec<Block>, StoreError> {
        self.shared.readers.run(move |connection| blocks::read(connection, shard, after, max_bytes)).await
    }

    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Box<str>>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (keys, shared) = (keys.to_vec(), Arc::clone(&self.shared));
        let load = move |connection: &Connection| records::load(connection, &shared.index, &keys);
        self.shared.readers.run(load).await
    }

    async fn subjects(&self, shards: &[ShardId], after: Option<&str>, limit: usize) -> Result<SubjectPage, StoreError> {
        let (wanted, shared, after) = (shards.to_vec(), Arc::clone(&self.shared), after.and_then(KeyHash::parse));
        let read = move |connection: &Connection| {
            let is_wanted = |key: &RecordKey| wanted.contains(&shared.options.shards.of(key));
            subjects::page(connection, &shared.index, is_wanted, after, limit)
        };
        self.shared.readers.run(read).await
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<(), CommitError> {
        let started = Instant::now();
        let prepared = Prepared::new(commits, &self.shared.options, &self.shared.index)?;
        let answer = self.ask(|reply| Request::Commit(Box::new(prepared), reply)).await;
        observe_commit("embedded", started.elapsed());
        answer?
    }

    async fn due(&self, shard: ShardId, list: &ListName, until: Millis, limit: usize) -> Result<Listing, StoreError> {
        let list = list.clone();
        self.shared.readers.run(move |connection| lists::due(connection, shard, &list, until, limit)).await
    }

    async fn heartbeat(&self, server: &str, _holding: &[ShardId], settings: &str) -> Result<Ownership, StoreError> {
        self.shared.check()?;
        let me = ServerInfo { name: server.to_owned(), settings: settings.to_owned() };
        Ok(Ownership { shards: self.shards().all().collect(), servers: vec![me] })
    }

    async fn leave(&self, _server: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        let query = query.clone();
        self.shared.readers.run(move |connection| leads::by_query(connection, &query)).await
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        let id = id.to_owned();
        self.shared.readers.run(move |connection| leads::by_id(connection, &id)).await
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.shared.readers.run(move |connection| leads::rejected(connection, limit)).await
    }

    async fn listed(&self, list: &ListName, limit: usize) -> Result<Listing, StoreError> {
        let (list, shards) = (list.clone(), self.shards());
        let read = self.shared.readers.run(move |connection| {
            let of_shards = shards.all().map(|shard| lists::newest(connection, shard, &list, limit));
            of_shards.collect::<Result<Vec<_>, _>>()
        });
        let mut found: Vec<_> = read.await?.into_iter().flatten().collect();
        found.sort_by(|a, b| b.cmp(a));
        found.truncate(limit);
        Ok(found)
    }

    async fn lists(&self) -> Result<Vec<ListStats>, StoreError> {
        self.shared.readers.run(lists::stats).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Through the writer, which opens and ends a transaction for it.
        self.ask(Request::Ping).await?
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.ask(Request::Close).await?
    }
}
