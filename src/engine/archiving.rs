//! Moves what commits leave for the archive into segments: for the shards that this server owns, a while after it happened, when
//! there is enough for a segment. What can't be moved stays in the store, up to a bound; beyond it nothing more is applied, the logs
//! grow up to their own bound, and then senders hear 503. Nothing is lost and nothing is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::input::Input;
use crate::history::{Archive, ArchiveError};
use crate::ids::{RecordKey, ShardId, Shards};
use crate::record::{Archived, Record};
use crate::store::StoreError;

/// How often it is looked whether there is something to do.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// How many bytes of a shard's blocks are worth a segment, and how many become one.
const SEGMENT_BYTES: usize = 2 << 20;
/// How many bytes may wait in the store, over all shards of this server.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// How often old days are looked for, and segments that are worth being merged.
const TIDY: Duration = Duration::from_secs(600);

/// How the past is kept.
#[derive(Clone, Debug)]
pub struct HistorySettings {
    /// Where.
    pub archive: Archive,
    /// For how many milliseconds; `None`: for good.
    pub keep: Option<i64>,
    /// How long blocks wait for more before they become a segment.
    pub flush_after: Duration,
    /// How often segments are written anew without those who were forgotten.
    pub forget_every: Duration,
}

impl HistorySettings {
    /// The usual ones.
    pub const fn new(archive: Archive, keep: Option<i64>) -> Self {
        let (flush_after, forget_every) = (Duration::from_secs(15), Duration::from_secs(3_600));
        Self { archive, keep, flush_after, forget_every }
    }
}

/// How the archive is doing, as this server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivingStatus {
    /// Bytes that wait in the store for a segment.
    pub waiting_bytes: usize,
    /// Segments that were written since this server started.
    pub segments: u64,
    /// Why it can't be written now.
    pub error: Option<Arc<str>>,
    /// Whether nothing is applied until it can.
    pub blocked: bool,
    /// Counters that are being filled, with how many commits they lack, over all shards.
    pub lacking: BTreeMap<Box<str>, u64>,
}

/// What waits in the store for each shard.
#[derive(Default)]
struct Waiting {
    /// By the number of the commit.
    blocks: BTreeMap<u64, usize>,
    bytes: usize,
    since: Option<Instant>,
}

#[derive(Default)]
struct Book {
    shards: Vec<Waiting>,
    segments: u64,
    error: Option<Arc<str>>,
    lacking: BTreeMap<Box<str>, u64>,
}

/// What the worker and the mover tell each other.
pub(super) struct Archiving(Mutex<Book>);

impl Archiving {
    pub fn new(shards: Shards) -> Self {
        Self(Mutex::new(Book { shards: shards.all().map(|_| Waiting::default()).collect(), ..Book::default() }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit has left so many bytes.
    pub fn left(&self, shard: ShardId, number: u64, bytes: usize) {
        if bytes > 0
            && let Some(waiting) = self.book().shards.get_mut(usize::from(shard.0))
            && waiting.blocks.insert(number, bytes).is_none()
        {
            waiting.bytes += bytes;
            waiting.since.get_or_insert_with(Instant::now);
        }
    }

    /// A commit has let go of blocks up to this number.
    pub fn passed(&self, shard: ShardId, number: u64) {
        if let Some(waiting) = self.book().shards.get_mut(usize::from(shard.0)) {
            waiting.blocks = waiting.blocks.split_off(&(number + 1));
            waiting.bytes = waiting.blocks.values().sum();
            waiting.since = (waiting.bytes > 0).then(Instant::now);
        }
    }

    /// Another server sees to this shard by now.
    fn lost(&self, shard: ShardId) {
        self.passed(shard, u64::MAX - 1);
    }

    /// Whether nothing may be applied that leaves more.
    pub fn is_full(&self) -> bool {
        self.book().waiting() > MAX_WAITING_BYTES
    }

    pub fn status(&self) -> ArchivingStatus {
        let book = self.book();
        let waiting_bytes = book.waiting();
        let blocked = waiting_bytes > MAX_WAITING_BYTES;
        let (error, lacking) = (book.error.clone(), book.lacking.clone());
        ArchivingStatus { waiting_bytes, segments: book.segments, error, blocked, lacking }
    }

    /// Notes what counters lack.
    pub fn lacks(&self, lacking: BTreeMap<Box<str>, u64>) {
        self.book().lacking = lacking;
    }

    fn is_due(&self, shard: ShardId, after: Duration) -> bool {
        let book = self.book();
        book.shards.get(usize::from(shard.0)).is_some_and(|waiting| {
            waiting.bytes >= SEGMENT_BYTES || waiting.since.is_some_and(|since| since.elapsed() >= after)
        })
    }
}

impl Book {
    fn waiting(&self) -> usize {
        self.shards.iter().map(|waiting| waiting.bytes).sum()
    }
}

/// Why something was not moved.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMoved {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Moves blocks into segments until the engine ends.
pub(super) fn start(shared: &Arc<Shared>) {
    let Some(settings) = shared.settings.history.clone() else { return };
    shared.keep_running("what writes the archive", move |shared| {
        Mover { shared, settings: settings.clone(), moved: BTreeMap::new(), tidied: None, forgot: None }.run()
    });
}

struct Mover {
    shared: Arc<Shared>,
    settings: HistorySettings,
    /// Up to which block each owned shard is in segments, as the worker was told.
    moved: BTreeMap<ShardId, u64>,
    tidied: Option<Instant>,
    forgot: Option<Instant>,
}

impl Mover {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(TICK).await;
            let outcome = self.turn().await;
            self.note(outcome.err());
        }
    }

    /// A failure is said once, until it is over.
    fn note(&self, error: Option<NotMoved>) {
        let mut book = self.shared.archiving.book();
        let error = error.map(|error| Arc::<str>::from(error.to_string()));
        match (&error, &book.error) {
            (Some(error), None) => {
                tracing::error!(%error, "the archive can't be written; what happens waits in the store, and then in the log");
            }
            (None, Some(_)) => tracing::info!("the archive can be written again"),
            _ => {}
        }
        book.error = error;
    }

    async fn turn(&mut self) -> Result<(), NotMoved> {
        let owned: BTreeSet<ShardId> = self.shared.told().owned.values().flatten().copied().collect();
        for shard in self.moved.keys().copied().filter(|shard| !owned.contains(shard)).collect::<Vec<_>>() {
            self.moved.remove(&shard);
            self.shared.archiving.lost(shard);
        }
        for shard in &owned {
            if !self.moved.contains_key(shard) {
                self.take_over(*shard).await?;
            }
            if self.shared.archiving.is_due(*shard, self.settings.flush_after) {
                self.flush(*shard).await?;
            }
        }
        self.tend(&owned).await
    }

    /// Begins with a shard: what its owner before has left waits in the store.
    async fn take_over(&mut self, shard: ShardId) -> Result<(), NotMoved> {
        let mut after = self.archived(shard).await?;
        self.moved.insert(shard, after);
        loop {
            let blocks = self.shared.store.blocks(shard, after, SEGMENT_BYTES).await?;
            let Some(last) = blocks.last() else { return Ok(()) };
            after = last.number;
            blocks.iter().for_each(|block| self.shared.archiving.left(shard, block.number, block.payload.len()));
        }
    }

    /// Up to which block the past of a shard is in segments, as it is stored.
    async fn archived(&self, shard: ShardId) -> Result<u64, NotMoved> {
        Ok(self.shared.archived(shard).await?.blocks)
    }

    /// Moves what waits into segments, and tells the worker.
    async fn flush(&mut self, shard: ShardId) -> Result<(), NotMoved> {
        let after = self.archived(shard).await?;
        if self.moved.get(&shard).is_some_and(|moved| *moved > after) {
            // The worker was told; if it had to begin again meanwhile, it is told once more.
            self.tell(shard, self.moved.get(&shard).copied().unwrap_or(after));
            return Ok(());
        }
        let blocks = self.shared.store.blocks(shard, after, SEGMENT_BYTES).await?;
        let (archive, now) = (self.settings.archive.clone(), self.shared.clock.now());
        let written = blocking(move || {
            let (mut after, mut rest, mut segments) = (after, &blocks[..], 0);
            while let Some((segment, count)) = archive.write(shard, after, rest, now)? {
                (after, rest, segments) = (segment.last, rest.get(count..).unwrap_or_default(), segments + 1);
            }
            Ok((after, segments))
        });
        let (last, segments) = written.await?;
        self.shared.archiving.book().segments += segments;
        metrics::counter!("handraiser_history_segments_total").increment(segments);
        if segments > 0 {
            self.moved.insert(shard, last);
            self.tell(shard, last);
        } else {
            self.shared.archiving.lost(shard);
        }
        Ok(())
    }

    fn tell(&self, shard: ShardId, last: u64) {
        if let Some(input) = self.shared.inputs.get(self.shared.worker_of(shard)) {
            let _ = input.send(Input::Archived(shard, last));
        }
    }

    /// What is done now and then: forgetting, merging, letting go of what is too old.
    async fn tend(&mut self, owned: &BTreeSet<ShardId>) -> Result<(), NotMoved> {
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| last.elapsed() >= every);
        let (forgets, tidies) = (is_due(self.forgot, self.settings.forget_every), is_due(self.tidied, TIDY));
        if !forgets && !tidies {
            return Ok(());
        }
        let now = self.shared.clock.now();
        let first = self.settings.keep.map(|keep| now.plus(-keep));
        for shard in owned.iter().copied() {
            let archive = self.settings.archive.clone();
            let tended = blocking(move || {
                if forgets {
                    archive.forget(shard, now)?;
                }
                archive.tidy(shard, first, now)?;
                while archive.merge(shard, now)? {}
                Ok(())
            });
            tended.await?;
        }
        self.tidied = Some(Instant::now());
        self.forgot = if forgets { self.tidied } else { self.forgot };
        Ok(())
    }
}

impl Shared {
    /// How far the past of a shard is in segments.
    pub(super) async fn archived(&self, shard: ShardId) -> Result<Archived, StoreError> {
        let key = RecordKey::archived(shard);
        let text = self.store.load(std::slice::from_ref(&key)).await?.pop().flatten();
        match text.map(|text| Record::read(key.kind, &text).0) {
            Some(Record::Archived(archived)) => Ok(archived),
            _ => Ok(Archived::default()),
        }
    }
}

/// Does what waits for the disk on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, NotMoved> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => std::future::pending().await,
        },
    }
}
