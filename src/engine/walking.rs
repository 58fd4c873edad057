//! Tells everybody in this server's shards to look again when the configuration says something new: a definition may be true of
//! somebody who does nothing, and a date that it waits for may be anybody's. Some are told at a time, and how far it came is noted by the
//! very commit that stores what came of it: so each is told once, whatever is killed. Live traffic goes first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::filling::lacking;
use super::input::{Input, Stretch};
use super::{Engine, EngineError, Shared};
use crate::apply::Body;
use crate::ids::{RecordKey, RecordKind, ShardId};
use crate::record::{Archived, Record, Sayings, Walk};
use crate::store::{StoreError, SubjectPage};

/// About how many records are looked at at once.
const STRIDE: usize = 1_000;
/// So many times as long as a stretch took nothing is done afterwards, so that live traffic has the machine.
const REST: u32 = 3;
/// While so many entries wait in the log of a shard of this server nothing is done.
const BUSY_ENTRIES: u64 = 500;
/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_millis(500);
/// How long it is waited until a stretch is stored, before it is begun anew, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// How far users and accounts were looked at for what is new in the configuration, as this server knows of its shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkStatus {
    /// Shards in which not everybody was.
    pub open: usize,
    /// How many were, in those.
    pub seen: u64,
    /// Whether it waits until counters are filled from the archive.
    pub waits: bool,
}

/// What is told of it.
#[derive(Default)]
pub(super) struct WalkBook(Mutex<WalkStatus>);

impl WalkBook {
    pub fn status(&self) -> WalkStatus {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, status: WalkStatus) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// How far one shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardWalk {
    /// The shard.
    pub shard: ShardId,
    /// What is noted of it.
    pub walk: Walk,
    /// Definitions for which not everybody was looked at; what ends leads stands under no name.
    pub open: BTreeSet<Box<str>>,
    /// Series that are being filled from the archive, with how many commits they lack.
    pub lacking: BTreeMap<Box<str>, u64>,
}

impl Engine {
    /// How far all shards are, whichever server works them.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn walks(&self) -> Result<Vec<ShardWalk>, EngineError> {
        let wanted = self.shared.rules.load().sayings();
        let all: Vec<ShardId> = self.shared.store.shards().all().collect();
        let walks = self.shared.walks(&all).await?;
        let open = |walk: &Walk| {
            let those = wanted.iter().filter(|(name, said)| walk.through.get(*name) != Some(*said));
            those.map(|(name, _)| name.clone()).collect()
        };
        let archived = self.shared.all_archived().await?;
        let shards = all.into_iter().zip(walks).zip(archived);
        let of_shard = |((shard, walk), archived): ((ShardId, Walk), Archived)| ShardWalk {
            shard,
            open: open(&walk),
            lacking: lacking(std::slice::from_ref(&archived)),
            walk,
        };
        Ok(shards.map(of_shard).collect())
    }

    /// Has everybody look again for these definitions; for all where none are named.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn walk_again(&self, definitions: &BTreeSet<Box<str>>) -> Result<(), EngineError> {
        let again = || Body::WalkAgain { definitions: definitions.clone() };
        self.send(self.shared.store.shards().all().map(|shard| (RecordKey::walk(shard), again()))).await?;
        self.settle().await
    }
}

impl Shared {
    async fn walks(&self, shards: &[ShardId]) -> Result<Vec<Walk>, StoreError> {
        let keys: Vec<RecordKey> = shards.iter().copied().map(RecordKey::walk).collect();
        let texts = self.store.load(&keys).await?;
        let read = |text: Option<Box<str>>| match text.map(|text| Record::read(RecordKind::Walk, &text).0) {
            Some(Record::Walk(walk)) => *walk,
            _ => Walk::default(),
        };
        Ok(texts.into_iter().map(read).collect())
    }

    /// Whether live traffic has enough to do.
    fn is_busy(&self, owned: &[ShardId]) -> bool {
        owned.iter().any(|shard| self.progress.backlog(*shard) > BUSY_ENTRIES)
    }
}

/// Walks through this server's shards until the engine ends.
pub(super) fn start(shared: &Arc<Shared>) {
    shared.keep_running("what looks at everybody", run);
}

async fn run(shared: Arc<Shared>) {
    tokio::time::sleep(TICK).await;
    loop {
        let began = Instant::now();
        let rest = match turn(&shared).await {
            Ok(true) => (began.elapsed() * REST).max(Duration::from_millis(5)),
            // Whoever reads and writes the store says what is wrong with it.
            Ok(false) | Err(_) => TICK,
        };
        tokio::time::sleep(rest).await;
    }
}

/// Has some look again; returns whether there were any.
async fn turn(shared: &Shared) -> Result<bool, StoreError> {
    let rules = shared.rules.load_full();
    let wanted = rules.sayings();
    let owned: Vec<ShardId> = shared.told().owned.values().flatten().copied().collect();
    let walks: BTreeMap<ShardId, Walk> = owned.iter().copied().zip(shared.walks(&owned).await?).collect();
    let is_open = |walk: &&Walk| walk.is_open(&wanted);
    let held = shared.settings.history.is_some() && shared.held(&rules).is_none_or(|held| !held.definitions.is_empty());
    let open = walks.values().filter(is_open).count();
    let seen = walks.values().filter(is_open).filter_map(|walk| walk.now.as_ref()).map(|walking| walking.seen).sum();
    shared.walking.note(WalkStatus { open, seen, waits: held && open > 0 });
    let Some((shards, from)) = next(&walks, &wanted, shared.store.commits_shards_together()) else { return Ok(false) };
    if held || shared.is_busy(&owned) || shared.is_leaving() {
        return Ok(false);
    }
    let is_through = shards.iter().all(|shard| walks.get(shard).is_some_and(|walk| !walk.is_open(&wanted)));
    let page = if is_through {
        SubjectPage::default()
    } else {
        shared.store.subjects(&shards, Some(&*from).filter(|from| !from.is_empty()), STRIDE).await?
    };
    let Some(input) = shards.first().and_then(|shard| shared.inputs.get(shared.worker_of(*shard))) else {
        return Ok(false);
    };
    let version = Arc::clone(&rules.version);
    let (keys, to) = (page.keys, page.next);
    let stretch = Stretch { shards: shards.clone(), version, wanted: wanted.clone(), from: from.clone(), to, keys };
    let _ = input.send(Input::Walk(Box::new(stretch)));
    // The next one begins where this one is stored to end.
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
        let stored = shared.walks(&shards).await?;
        if stored
            .iter()
            .all(|walk| walk.through == wanted || (walk.is_open(&wanted) && walk.goes_on(&wanted) != &*from))
        {
            break;
        }
    }
    Ok(true)
}

/// The shards that go on next, from where all of them stand: those that a commit can name together.
fn next(walks: &BTreeMap<ShardId, Walk>, wanted: &Sayings, together: bool) -> Option<(Vec<ShardId>, Box<str>)> {
    let open = || walks.iter().filter(|(_, walk)| walk.is_open(wanted));
    let Some((first, walk)) = open().next() else {
        // Nobody has to look for what is gone; that it is, is noted.
        let behind = walks.iter().filter(|(_, walk)| walk.through != *wanted).map(|(shard, _)| *shard);
        let behind: Vec<ShardId> = behind.take(if together { usize::MAX } else { 1 }).collect();
        return (!behind.is_empty()).then(|| (behind, "".into()));
    };
    let from: Box<str> = walk.goes_on(wanted).into();
    let shards = open().filter(|(shard, walk)| *shard == first || together && walk.goes_on(wanted) == &*from);
    Some((shards.map(|(shard, _)| *shard).collect(), from))
}
