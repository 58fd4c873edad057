//! Fills counters that are new from the archive. What they lack in a shard is a stretch of its commits ([`Lack`]); it is read from the
//! blocks of just those commits, some blocks at a time, counted as it was counted live, and handed to the shard's worker, which merges
//! the figures into the records by the very commit that notes what is filled. So each event is in a figure once: by its commit if the
//! counter was there, else by the fill, whatever is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::archiving::NotMoved;
use super::input::{Chunk, Input};
use crate::apply::{Fill, Held, NOTHING_HELD, Past, Rules};
use crate::counters::Ledger;
use crate::counters::ledger::Own;
use crate::counters::plan::meaning;
use crate::event::Call;
use crate::expr::Slot;
use crate::history::{Archive, PastBlock, Row, block};
use crate::ids::{CounterId, RecordKey, RecordKind, ShardId, SubjectKind};
use crate::record::{Archived, Lack, Record, SeriesPast, Subject};
use crate::store::StoreError;

/// A chunk ends with the block in which it has this many rows, or subjects.
const CHUNK_ROWS: usize = 20_000;
const CHUNK_SUBJECTS: usize = 1_000;
/// So many times as long as a chunk took nothing is done afterwards, so that live traffic has the machine.
const REST: u32 = 3;
/// After how many milliseconds whoever waits for figures is looked at again: so many for each commit that is lacking, within bounds.
const LOOK_AGAIN_EACH: u64 = 10;
const LOOK_AGAIN: (u64, u64) = (2_000, 300_000);

/// The series that the rules count, as archives know them.
pub(super) fn series(rules: &Rules) -> BTreeSet<Box<str>> {
    rules.plan.own_series().map(|(name, _)| Box::from(&*name)).collect()
}

impl Shared {
    /// The records of all shards' archives.
    pub(super) async fn all_archived(&self) -> Result<Vec<Archived>, StoreError> {
        let keys: Vec<RecordKey> = self.store.shards().all().map(RecordKey::archived).collect();
        let texts = self.store.load(&keys).await?;
        let read = |text: Option<Box<str>>| match text.map(|text| Record::read(RecordKind::Archived, &text).0) {
            Some(Record::Archived(archived)) => archived,
            _ => Archived::default(),
        };
        Ok(texts.into_iter().map(read).collect())
    }

    /// Looks which definitions have to wait for figures.
    pub(super) async fn hold(&self, rules: &Rules) -> Result<Arc<Held>, StoreError> {
        let held = Arc::new(held(rules, &self.all_archived().await?));
        self.held.store(Arc::new((Arc::clone(&rules.version), Arc::clone(&held))));
        Ok(held)
    }

    /// The definitions that have to wait, as was last seen.
    pub(super) fn held(&self, rules: &Rules) -> Option<Arc<Held>> {
        let known = self.held.load();
        (known.0 == rules.version).then(|| Arc::clone(&known.1))
    }
}

/// How many commits each series lacks, over all shards.
pub(super) fn lacking(shards: &[Archived]) -> BTreeMap<Box<str>, u64> {
    let mut lacking = BTreeMap::new();
    let on = shards.iter().flat_map(|one| &one.series).filter(|(_, past)| past.off.is_none());
    for (key, past) in on.filter(|(_, past)| !past.lacks.is_empty()) {
        let key = key.split_once('#').map_or(&**key, |(key, _)| key);
        *lacking.entry(Box::from(key)).or_default() += past.lacks.iter().map(|(after, to)| to - after).sum::<u64>();
    }
    lacking
}

/// Which definitions read a series that is not whole in some shard.
fn held(rules: &Rules, shards: &[Archived]) -> Held {
    let is_whole = |name: &str| shards.iter().all(|one| one.series.get(name).is_some_and(SeriesPast::is_whole));
    let lacking: BTreeSet<CounterId> =
        rules.plan.own_series().filter(|(name, _)| !is_whole(name)).map(|(_, id)| id).collect();
    if lacking.is_empty() {
        return NOTHING_HELD.clone();
    }
    let reads = |slot: &Slot| matches!(slot, Slot::Counter(id, ..) if lacking.contains(id));
    let definitions = rules.definitions.iter().filter(|definition| definition.slots().any(reads));
    let commits: u64 = self::lacking(shards).values().sum();
    let look_again = commits.saturating_mul(LOOK_AGAIN_EACH).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1);
    Held {
        definitions: definitions.map(|definition| Arc::clone(&definition.name)).collect(),
        look_again: i64::try_from(look_again).unwrap_or(i64::MAX),
    }
}

/// Fills what lacks in this server's shards until the engine ends.
pub(super) fn start(shared: &Arc<Shared>) {
    let Some(history) = shared.settings.history.clone() else { return };
    shared.keep_running("what fills new counters", move |shared| run(shared, history.archive.clone()));
}

async fn run(shared: Arc<Shared>, archive: Archive) {
    let mut failing = false;
    loop {
        let began = Instant::now();
        let outcome = turn(&shared, &archive).await;
        let rest = match &outcome {
            Ok(true) => began.elapsed() * REST,
            _ => super::archiving::TICK,
        };
        if let (Err(error), false) = (&outcome, failing) {
            tracing::error!(%error, "new counters can't be filled from the archive; it is tried again");
        }
        failing = outcome.is_err();
        tokio::time::sleep(rest.max(Duration::from_millis(5))).await;
    }
}

/// Fills a chunk of one shard; returns whether there was one.
async fn turn(shared: &Shared, archive: &Archive) -> Result<bool, NotMoved> {
    let rules = shared.rules.load_full();
    let shards = shared.all_archived().await?;
    let seen = held(&rules, &shards);
    shared.archiving.lacks(lacking(&shards));
    if shared.held(&rules).is_some_and(|known| *known != seen) {
        shared.held.store(Arc::new((Arc::clone(&rules.version), Arc::new(seen))));
    }
    let owned: BTreeSet<ShardId> = shared.told().owned.values().flatten().copied().collect();
    let counted = series(&rules);
    let lacking = shared.store.shards().all().zip(&shards).find_map(|(shard, archived)| {
        let lack = archived.next_lack().filter(|_| owned.contains(&shard) && archived.counts(&counted))?;
        Some((shard, archived, lack))
    });
    let Some((shard, archived, lack)) = lacking else { return Ok(false) };
    let Some(chunk) = read(shared, archive, (shard, archived), lack, &rules).await? else { return Ok(true) };
    let (after, to) = (chunk.lack.after, chunk.lack.to);
    if let Some(input) = shared.inputs.get(shared.worker_of(shard)) {
        let _ = input.send(Input::Fill(Box::new(chunk)));
    }
    // The next one begins where this one is stored to end.
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let lack = shared.archived(shard).await?.next_lack();
        if lack.is_none_or(|lack| lack.after >= to || lack.after != after) {
            break;
        }
    }
    Ok(true)
}

/// Counts the beginning of what is lacking; `None` when it was moved meanwhile, and has to be looked for again.
async fn read(
    shared: &Shared,
    archive: &Archive,
    (shard, archived): (ShardId, &Archived),
    lack: Lack,
    rules: &Arc<Rules>,
) -> Result<Option<Chunk>, NotMoved> {
    let in_segments = lack.to.min(archived.blocks);
    let (counting, done) = if lack.after < in_segments {
        let (archive, after) = (archive.clone(), lack.after);
        let mut counting = Counting::new(rules, &lack, shared.store.seed());
        super::archiving::blocking(move || {
            let mut last = None;
            let reach = archive.read(
                shard,
                (after, in_segments),
                |_| true,
                |block| {
                    last = Some(block.head.block);
                    counting.count(block)
                },
            )?;
            for (after, to) in reach.gaps {
                // Fails open: what is gone can't be waited for.
                tracing::warn!(%shard, after, to, path = %archive.root().display(), "the archive lacks these commits; new counters go without them");
            }
            let done = if counting.is_full() { last.unwrap_or(in_segments) } else { in_segments };
            Ok((counting, done))
        })
        .await?
    } else {
        let mut counting = Counting::new(rules, &lack, shared.store.seed());
        let mut done = lack.to;
        for waiting in shared.store.blocks(shard, lack.after, 1 << 20).await? {
            if waiting.number > lack.to || counting.is_full() {
                break;
            }
            // A block that can't be read was said to be damaged when it was to be archived.
            let _ = block::read(
                &waiting.payload[..],
                |_| true,
                |block| {
                    let _ = counting.count(block);
                },
            );
            done = waiting.number;
        }
        if shared.archived(shard).await?.blocks > lack.after {
            // Some of them may have become a segment while we looked for them in the store.
            return Ok(None);
        }
        let more = shared.store.blocks(shard, done, 1).await?;
        let done = if more.first().is_some_and(|block| block.number <= lack.to) { done } else { lack.to };
        (counting, done)
    };
    let lack = Lack { to: done, ..lack };
    Ok(Some(Chunk { shard, lack, version: Arc::clone(&rules.version), figures: counting.finish() }))
}

/// Ids that turned out to be others.
type Same = Vec<(Arc<str>, Arc<str>)>;

/// Figures that are being counted.
struct Counting {
    rules: Arc<Rules>,
    series: Vec<Box<str>>,
    seed: u64,
    rows: usize,
    subjects: BTreeMap<RecordKey, (Ledger, Same)>,
}

impl Counting {
    fn new(rules: &Arc<Rules>, lack: &Lack, seed: u64) -> Self {
        Self { rules: Arc::clone(rules), series: lack.series.clone(), seed, rows: 0, subjects: BTreeMap::new() }
    }

    fn is_full(&self) -> bool {
        self.rows >= CHUNK_ROWS || self.subjects.len() >= CHUNK_SUBJECTS
    }

    fn count(&mut self, block: PastBlock) -> ControlFlow<()> {
        self.rows += block.rows.len();
        block.rows.into_iter().for_each(|row| self.count_row(row));
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn count_row(&mut self, row: Row) {
        let of = if row.of.kind == RecordKind::User { SubjectKind::User } else { SubjectKind::Account };
        let (plan, seed) = (&self.rules.plan, self.seed);
        match row.past {
            // Nothing is counted of what other systems say.
            Past::Counted { event, .. } if event.call == Call::Traits => {}
            Past::Counted { by, event } => {
                let user = if of == SubjectKind::User { Some(Arc::clone(&row.of.id)) } else { by };
                let (ledger, _) = self.subjects.entry(row.of).or_default();
                ledger.apply(plan, of, &event, user.as_deref(), (row.at, seed));
            }
            Past::Same { from, to } => {
                let (ledger, same) = self.subjects.entry(row.of).or_default();
                ledger.rename_user(plan, &from, Some(&to), seed);
                same.push((from, to));
            }
            Past::Gone => drop(self.subjects.remove(&row.of)),
        }
    }

    /// What is to be merged: of the series that lack it, and nothing else.
    fn finish(self) -> Vec<(RecordKey, Fill)> {
        let Self { series, subjects, .. } = self;
        let fill = |(key, (mut ledger, same)): (RecordKey, (Ledger, Vec<_>))| {
            let daily: Vec<_> = ledger.daily.keys().cloned().collect();
            daily.iter().for_each(|name| drop(ledger.daily.remove(name)));
            let lacked = |key: &str, own: &Own| series.contains(&Box::from(&*meaning(key, own.fingerprint)));
            let others: Vec<_> =
                ledger.own.iter().filter(|(key, own)| !lacked(key, own)).map(|(key, _)| key.clone()).collect();
            others.iter().for_each(|name| drop(ledger.own.remove(name)));
            if ledger.own.is_empty() && same.is_empty() {
                return None;
            }
            let subject = Subject { ledger, ..Subject::default() };
            let figures = Record::Subject(Box::new(subject)).write().unwrap_or_default().into();
            Some((key, Fill { same, figures }))
        };
        subjects.into_iter().filter_map(fill).collect()
    }
}
