//! Applies what is for some of a worker's shards, and keeps their records, message ids, and what is not committed yet. The appliers
//! of a worker share nothing but the batch, so that they can work at the same time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Upset;
use crate::apply::{
    Body, Context, Effects, Held, HeldUp, LogItem, Message, NOTHING_HELD, Notice, Past, Rules, apply, look_ahead,
};
use crate::engine::Shared;
use crate::engine::cache::Cache;
use crate::engine::pending::Pending;
use crate::engine::remembered::Remembered;
use crate::event::Rejected;
use crate::event::size::cut;
use crate::ids::{Position, RecordKey, RecordKind, ShardId};
use crate::lead::build::Origin;
use crate::record::{MergeOutcome, NOBODY_AWAY, Record, Roster};
use crate::store::{Commit, Entry, LeadRow, Listed};
use crate::time::Millis;

/// Records that are asked of the store at once.
const MAX_LOAD: usize = 2_000;
/// So much is kept of a message that can't be applied.
const EXCERPT_BYTES: usize = 1_024;

/// A message on its way to its record.
pub(super) struct Work {
    pub shard: ShardId,
    pub message: Message,
    pub origin: Origin,
    /// The record that it began at, when nothing in the log stands behind it.
    pub began_at: Option<RecordKey>,
}

/// What is the same for all that is applied in a batch.
#[derive(Clone)]
pub(super) struct Batch {
    pub rules: Arc<Rules>,
    pub now: Millis,
    /// Shards of the worker to which messages of its other shards pass by the log.
    pub direct: Arc<BTreeSet<ShardId>>,
    /// Definitions that wait for figures.
    pub held: Arc<Held>,
    /// Messages that are skipped, since applying them panicked.
    pub poison: Arc<HashMap<(ShardId, Position), HashSet<u32>>>,
}

impl Batch {
    pub fn new(rules: Arc<Rules>, now: Millis) -> Self {
        Self { rules, now, direct: Arc::default(), held: Arc::new(NOTHING_HELD.clone()), poison: Arc::default() }
    }
}

/// What a commit writes of a record: its key, its place in the agenda from then on, and whether it is deleted.
pub(super) type Written = (RecordKey, Option<Listed>, bool);

pub(super) struct Applier {
    shared: Arc<Shared>,
    /// What the store's hashes of distinct values begin with.
    seed: u64,
    pub cache: Cache,
    pub pending: Pending,
    pub remembered: BTreeMap<ShardId, Remembered>,
    /// Who is away, as each shard knows it.
    pub rosters: BTreeMap<ShardId, Arc<Roster>>,
}

impl Applier {
    pub fn new(shared: Arc<Shared>, cache_bytes: usize) -> Self {
        let cache = Cache::new(cache_bytes);
        Self {
            seed: shared.store.seed(),
            shared,
            cache,
            pending: Pending::default(),
            remembered: BTreeMap::new(),
            rosters: BTreeMap::new(),
        }
    }

    /// Applies entries and messages, and what follows from them in its own shards; returns what is for the worker's other appliers.
    pub async fn apply(
        &mut self,
        entries: Vec<(ShardId, Vec<Entry>)>,
        mut work: Vec<Work>,
        batch: &Batch,
    ) -> Result<Vec<Work>, Upset> {
        for (shard, entries) in entries {
            self.read(shard, entries, &mut work, batch);
        }
        let mut for_others = Vec::new();
        while !work.is_empty() {
            self.load(work.iter().map(|work| &work.message.to), batch).await?;
            let mut next = Vec::new();
            for work in work {
                self.apply_one(work, batch, &mut next)?;
            }
            work = Vec::new();
            for next in next {
                let is_own = self.remembered.contains_key(&next.shard);
                if is_own { work.push(next) } else { for_others.push(next) }
            }
        }
        Ok(for_others)
    }

    fn read(&mut self, shard: ShardId, entries: Vec<Entry>, work: &mut Vec<Work>, batch: &Batch) {
        for Entry { position, payload } in entries {
            self.pending.of(shard).to = Some(position);
            let poisoned = batch.poison.get(&(shard, position));
            let fresh = self.shared.fresh.take(shard, position).map(|items| items.into_iter().map(Ok));
            let (fresh, decoded) = match fresh {
                Some(fresh) => (Some(fresh), None),
                None => (None, Some(LogItem::decode(&payload))),
            };
            let items = fresh.into_iter().flatten().chain(decoded.into_iter().flatten());
            for (index, item) in (0_u32..).zip(items) {
                match item {
                    Ok(item) if poisoned.is_some_and(|known| known.contains(&index)) => {
                        let why = "applying it failed; this is a defect, please report it with the log's message";
                        let text = serde_json::to_string(&item).unwrap_or_default();
                        self.reject(shard, "not_applied", why, &text, batch.now);
                    }
                    Ok(LogItem::Message(message)) => {
                        let origin = Origin { shard, position, index, at: message.at };
                        if self.is_new(shard, &message) {
                            work.push(Work { shard, message, origin, began_at: None });
                        }
                    }
                    Ok(LogItem::Barrier) => self.pending.urgent = true,
                    Ok(LogItem::Erase(gone)) => self.erase(shard, &gone, batch.now),
                    Ok(LogItem::Reject(rejected)) => self.pending.of(shard).rejected.extend(rejected),
                    Err(error) => {
                        tracing::error!(%shard, %position, index, %error, "an item of the log can't be read and is skipped");
                        let text = String::from_utf8_lossy(&payload);
                        self.reject(shard, "unreadable", &error.to_string(), &text, batch.now);
                    }
                }
            }
        }
    }

    /// Whether what happens is kept for the archive.
    fn archives(&self) -> bool {
        self.shared.settings.history.is_some()
    }

    /// Notes in the shard's past that nothing may be told of somebody who lives in another shard.
    fn erase(&mut self, shard: ShardId, gone: &RecordKey, now: Millis) {
        if self.archives() {
            self.pending.of(shard).past.keep(gone, now, &Past::Gone);
        }
    }

    /// Keeps for the archive what happened to a record. What a user did stands in the past of their accounts' shards, too.
    fn keep(&mut self, shard: ShardId, key: &RecordKey, at: Millis, past: &[Past]) {
        for past in past {
            self.pending.of(shard).past.keep(key, at, past);
            if *past == Past::Gone && key.kind == RecordKind::User {
                let others = self.shared.store.shards().all().filter(|other| *other != shard);
                others.for_each(|other| self.pending.send(shard, other, &LogItem::Erase(key.clone())));
            }
        }
    }

    /// Whether a message has not been applied before. Only events repeat; everything else arrives once.
    fn is_new(&mut self, shard: ShardId, message: &Message) -> bool {
        let (Body::Event(event), 0) = (&message.body, message.hops) else { return true };
        let Some(id) = event.message else { return true };
        let Some(remembered) = self.remembered.get_mut(&shard) else { return false };
        if remembered.insert(id) {
            self.pending.of(shard).ids.push(id.0);
            return true;
        }
        self.shared.duplicate(&event.source);
        false
    }

    fn reject(&mut self, shard: ShardId, code: &str, message: &str, text: &str, at: Millis) {
        let rejected = Rejected {
            at,
            source: log_of(shard),
            index: 0,
            code: code.to_owned(),
            message: message.to_owned(),
            message_id: None,
            excerpt: cut(text, EXCERPT_BYTES).to_owned(),
        };
        self.pending.of(shard).rejected.push(rejected);
    }

    /// Takes records into memory that are not there yet.
    pub async fn load(&mut self, keys: impl Iterator<Item = &RecordKey>, batch: &Batch) -> Result<(), Upset> {
        let mut missing: Vec<RecordKey> = keys.filter(|key| !self.cache.contains(key)).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        for keys in missing.chunks(MAX_LOAD) {
            let texts = self.shared.store.load(keys).await?;
            for (key, text) in keys.iter().zip(texts) {
                let record = text.map(|text| read_record(key, &text));
                self.cache.insert(key.clone(), record, batch.rules.idle_subjects);
            }
        }
        Ok(())
    }

    fn apply_one(&mut self, work: Work, batch: &Batch, next: &mut Vec<Work>) -> Result<(), Upset> {
        let Work { shard, message, origin, began_at } = work;
        let archived = self.archives();
        let Some(cached) = self.cache.use_mut(&message.to) else { return Ok(()) };
        // Before it is applied: what a panic leaves behind is not what is stored either.
        let is_clean = !std::mem::replace(&mut cached.dirty, true);
        if is_clean {
            self.pending.dirty.push(message.to.clone());
        }
        // Most of those who look again find nothing, and a million of them are not written for that.
        let before = (is_clean && matches!(message.body, Body::LookAgain)).then(|| cached.record.clone());
        let context = Context {
            rules: &batch.rules,
            origin,
            now: message.at,
            clock: batch.now,
            seed: self.seed,
            archived,
            held: &batch.held,
            roster: self.rosters.get(&shard).map_or(&NOBODY_AWAY, |roster| roster),
            shards: self.shared.store.shards(),
            // Whoever looks again is compared with what they were.
            puts_off: !matches!(message.body, Body::LookAgain),
        };
        let applied = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            assert!(!crate::engine::tests::is_poisonous(&message), "a message that can't be applied");
            apply(&mut cached.record, &message, &context)
        }));
        let Ok(effects) = applied else {
            return Err(Upset::Poison(origin, began_at));
        };
        if before.is_some_and(|before| before == cached.record) {
            cached.dirty = false;
            self.pending.dirty.pop();
        }
        if let Record::Roster(roster) = &cached.record {
            self.rosters.insert(shard, Arc::clone(roster));
        }
        // A delivery and a timer are due for somebody: the agenda is committed at once.
        self.pending.urgent |= message.to.kind == RecordKind::Delivery || began_at.is_some();
        self.pending.applied(message.at);
        self.pending.of(shard);
        self.follow(shard, &message.to, (origin, began_at), effects, batch, next);
        Ok(())
    }

    /// Sends on what follows from a message.
    fn follow(
        &mut self,
        shard: ShardId,
        key: &RecordKey,
        (origin, began_at): (Origin, Option<RecordKey>),
        effects: Effects,
        batch: &Batch,
        next: &mut Vec<Work>,
    ) {
        let Effects {
            messages,
            leads,
            qualified,
            forget_leads,
            forget_deliveries,
            scrub_leads,
            merges,
            withheld,
            overdue,
            held_up,
            newcomer_of,
            duplicates,
            notices,
            past,
            blocks_passed,
        } = effects;
        self.keep(shard, key, origin.at, &past);
        if blocks_passed.is_some() {
            self.pending.of(shard).blocks_passed = blocks_passed;
        }
        for (definition, is_shadow) in qualified {
            let name = if is_shadow { "handraiser_shadow_leads_total" } else { "handraiser_leads_total" };
            metrics::counter!(name, "definition" => definition.to_string()).increment(1);
        }
        duplicates.iter().for_each(|source| self.shared.duplicate(source));
        for (source, outcome) in merges {
            if outcome == MergeOutcome::Merged {
                self.shared.usage.merge(&source, batch.now);
            }
            let labels = [("source", source.to_string()), ("outcome", outcome.as_str().to_owned())];
            metrics::counter!("handraiser_merges_total", &labels).increment(1);
        }
        for destination in withheld {
            metrics::counter!("handraiser_leads_withheld_total", "destination" => destination.to_string()).increment(1);
        }
        for team in overdue {
            metrics::counter!("handraiser_leads_overdue_total", "team" => team.to_string()).increment(1);
        }
        if let Some(held_up) = held_up {
            self.note_held_up(&held_up, batch);
        }
        if let Some(source) = newcomer_of {
            self.shared.usage.subject(&source, batch.now);
        }
        for message in messages {
            let to = self.shared.store.shards().of(&message.to);
            if to == shard || batch.direct.contains(&to) {
                let origin = Origin { at: message.at, ..origin };
                next.push(Work { shard: to, message, origin, began_at: began_at.clone() });
            } else {
                self.pending.send(shard, to, &LogItem::Message(message));
            }
        }
        if forget_leads {
            let pending = self.pending.of(shard);
            pending.leads.retain(|_, lead| lead.subject != *key);
            pending.forget_leads.push(key.clone());
        }
        if !forget_deliveries.is_empty() {
            self.pending.forget_deliveries.push((key.clone(), forget_deliveries));
        }
        for lead in leads {
            let row = LeadRow {
                id: lead.id.clone(),
                subject: key.clone(),
                definition: lead.definition,
                updated: origin.at,
                json: lead.json,
            };
            self.pending.of(shard).leads.insert(lead.id, row);
            self.pending.urgent = true;
        }
        self.pending.scrub.extend(scrub_leads.into_iter().map(|user| (key.clone(), user)));
        notices.into_iter().for_each(|notice| self.notice(notice));
    }

    /// Counts a lead that did not go on its way, and says so once an hour.
    fn note_held_up(&self, held_up: &HeldUp, batch: &Batch) {
        let HeldUp { source, let_go, is_first } = held_up;
        let Some(because) = let_go else {
            metrics::counter!("handraiser_leads_held_total", "source" => source.to_string()).increment(1);
            if *is_first {
                tracing::warn!(%source, "a source made more leads than its quota; they are held: see `handraiser leads --held`");
            }
            return;
        };
        self.shared.usage.let_go(source, batch.now);
        let labels = [("source", source.to_string()), ("because", because.as_str().to_owned())];
        metrics::counter!("handraiser_leads_let_go_total", &labels).increment(1);
        if *is_first {
            tracing::warn!(%source, "as many leads of a source are held as may be; more of them are let go: see `handraiser leads --held`");
        }
    }

    fn notice(&self, notice: Notice) {
        if self.shared.notices.first(notice) {
            tracing::warn!(notice = notice.as_str(), "{}", notice.meaning());
        }
        metrics::counter!("handraiser_notices_total", "notice" => notice.as_str()).increment(1);
    }

    /// Takes out the commits that make durable what was applied, from where the shards stand and have had so many commits; and what they
    /// write.
    pub fn commits(
        &mut self,
        standing: &BTreeMap<ShardId, (Position, u64)>,
        batch: &Batch,
    ) -> (Vec<Commit>, Vec<Written>) {
        self.look_ahead(batch);
        let shards = self.shared.store.shards();
        let standing =
            |shard| standing.get(&shard).map_or((Position(0), None), |(position, step)| (*position, Some(*step)));
        let of = |key: &RecordKey| shards.of(key);
        let mut commits = self.pending.commits(&self.cache, batch.rules.idle_subjects, batch.now, of, standing);
        let mut written = Vec::with_capacity(self.pending.dirty.len());
        for commit in &mut commits {
            if let Some(remembered) = self.remembered.get(&commit.shard) {
                commit.forget_ids = remembered.outdated(batch.now, self.shared.settings.remember);
            }
            written.extend(
                commit.records.iter().map(|write| (write.key.clone(), write.listed.clone(), write.text.is_none())),
            );
        }
        for key in std::mem::take(&mut self.pending).dirty {
            self.cache.storing(&key);
        }
        (commits, written)
    }

    /// Asks of the records that are to be stored when something about them changes by itself.
    fn look_ahead(&mut self, batch: &Batch) {
        let shards = self.shared.store.shards();
        for key in &self.pending.dirty {
            let Some(cached) = self.cache.get_mut(key) else { continue };
            let shard = shards.of(key);
            let context = Context {
                rules: &batch.rules,
                origin: Origin { shard, position: Position(0), index: 0, at: batch.now },
                now: batch.now,
                clock: batch.now,
                seed: self.seed,
                archived: false,
                held: &batch.held,
                roster: self.rosters.get(&shard).map_or(&NOBODY_AWAY, |roster| roster),
                shards,
                puts_off: false,
            };
            let looked = catch_unwind(AssertUnwindSafe(|| look_ahead(&mut cached.record, key, &context)));
            if let (Err(_), Record::Subject(subject)) = (looked, &mut cached.record) {
                // It is looked at again with its next event.
                self.shared.panicked("looking ahead");
                subject.put_off = None;
            }
        }
    }

    /// Drops what was applied and is not committed.
    pub fn drop_pending(&mut self) {
        for (shard, pending) in std::mem::take(&mut self.pending).shards {
            if let Some(remembered) = self.remembered.get_mut(&shard) {
                remembered.take_back(&pending.ids);
            }
        }
        self.cache.retain(|_, cached| cached.is_stored());
    }
}

/// What stands for the source of what a shard's log can't give.
pub(super) fn log_of(shard: ShardId) -> String {
    format!("(log of shard {shard})")
}

fn read_record(key: &RecordKey, text: &str) -> Record {
    let (record, bad) = Record::read(key.kind, text);
    if !bad.is_empty() {
        // Fails open: what can be read counts on; without it nothing would.
        tracing::error!(
            kind = key.kind.as_str(),
            lines = bad.len(),
            "a record has lines that can't be read; they are dropped"
        );
    }
    record
}
