//! A worker: owns some shards, reads their logs, applies what stands there, and commits what follows.
//!
//! * **One commit for all its shards.** Where the store commits shards together, messages between shards of one worker are applied
//!   in the same batch instead of going through a log: an event, its account's part, the lead and the team's turn are one commit.
//!   A shard that comes to a worker is first worked alone to the end of its log (`joining`), so that what other shards sent to it
//!   through the log is applied before what they send it from then on. The same holds for what the worker's own shards send it
//!   through the log meanwhile.
//! * **Commit when it matters.** Leads, messages that leave the worker, the agenda and barriers are committed at once; mere counting
//!   waits up to [`CHECKPOINT`], so that a record that is written a hundred times is stored once.
//! * **The position is the fence.** When a commit is refused, or nobody knows whether it happened, everything that was applied since
//!   the last one is dropped, and the worker begins again at the stored position.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::cache::Cache;
use super::deliveries::Deliveries;
use super::input::Input;
use super::pending::Pending;
use super::reader::Reader;
use super::remembered::Remembered;
use super::{Shared, scrub};
use crate::apply::{Body, Context, Effects, LogItem, Message, Notice, Rules, apply};
use crate::event::Rejected;
use crate::ids::{Position, RecordKey, RecordKind, ShardId};
use crate::lead::build::Origin;
use crate::record::{AgendaList, Record};
use crate::store::{Commit, CommitError, Entry, LeadRow, Listed, StoreError};
use crate::time::Millis;

/// How long counting may wait for its commit.
pub(super) const CHECKPOINT: Duration = Duration::from_millis(75);
/// A commit is made at the latest after so many messages.
const MAX_PENDING_MESSAGES: usize = 25_000;
/// A batch takes up so many bytes of entries at most, beyond its first ones.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// How often the agenda is looked at though nothing is known to be due.
const LOOK: Duration = Duration::from_secs(1);
/// Timers that are worked in one batch.
const MAX_DUE: usize = 256;
/// No retry and no timer but that of an idle subject waits for so long, in milliseconds.
const LONGEST_AHEAD: i64 = 2 * Millis::DAY;
/// Records that are asked of the store at once.
const MAX_LOAD: usize = 2_000;
/// Waits after the store failed: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A shard that this worker owns.
struct Owned {
    /// What is committed.
    position: Position,
    /// How many commits there were.
    step: u64,
    remembered: Remembered,
    /// Up to here the log is worked before messages of the worker's other shards may pass it by.
    joining: Option<Position>,
    /// Up to here messages of the worker's own shards may stand in the log, sent while it was joining.
    own_messages: Position,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    inputs: mpsc::UnboundedReceiver<Input>,
    sender: mpsc::UnboundedSender<Input>,
    number: usize,
    shards: BTreeMap<ShardId, Owned>,
    /// The shards that this worker should own.
    wanted: Vec<ShardId>,
    /// Of shards that have to be taken over again: how many commits there were when their records in memory were true.
    steps: BTreeMap<ShardId, u64>,
    cache: Cache,
    pending: Pending,
    reader: Reader,
    deliveries: Deliveries,
    /// When each list of the agenda has to be looked at.
    due: BTreeMap<(ShardId, AgendaList), Millis>,
    /// Messages whose application panicked, by entry.
    poison: HashMap<(ShardId, Position), HashSet<u32>>,
    /// Records for which something local can't be applied.
    poisoned_records: HashSet<RecordKey>,
    rules: Arc<Rules>,
    now: Millis,
}

/// What ends a batch before its time.
enum Upset {
    /// Begin again at the stored positions.
    Store(StoreError),
    /// The same, since somebody else owns these shards.
    Moved(Vec<ShardId>),
    /// A message can't be applied, or something that follows from it; without a place in the log, it began at this record.
    Poison(Origin, Option<RecordKey>),
}

impl From<StoreError> for Upset {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A message on its way to its record.
struct Work {
    shard: ShardId,
    message: Message,
    origin: Origin,
    /// The record that it began at, when nothing in the log stands behind it.
    began_at: Option<RecordKey>,
}

impl Worker {
    pub fn new(
        shared: Arc<Shared>,
        inputs: mpsc::UnboundedReceiver<Input>,
        sender: mpsc::UnboundedSender<Input>,
        number: usize,
        cache_bytes: usize,
    ) -> Self {
        let rules = shared.rules.load_full();
        Self {
            reader: Reader::idle(),
            deliveries: Deliveries::default(),
            cache: Cache::new(cache_bytes),
            shards: BTreeMap::new(),
            wanted: Vec::new(),
            steps: BTreeMap::new(),
            pending: Pending::default(),
            due: BTreeMap::new(),
            poison: HashMap::new(),
            poisoned_records: HashSet::new(),
            number,
            now: shared.clock.now(),
            shared,
            inputs,
            sender,
            rules,
        }
    }

    pub async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.turn().await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => return,
                Err(upset) => {
                    self.begin_again(upset, &mut pause).await;
                }
            }
        }
    }

    /// Takes what there is, applies it, and commits when it is time; returns whether to go on.
    async fn turn(&mut self) -> Result<bool, Upset> {
        let (entries, mut inputs) = self.gather().await;
        self.now = self.shared.clock.now();
        self.rules = self.shared.rules.load_full();
        self.cache.begin();
        let stop = inputs.iter().any(|input| matches!(input, Input::Stop));
        let own = inputs.iter().rposition(|input| matches!(input, Input::Own(_))).map(|at| inputs.remove(at));
        let mut work = Vec::new();
        for (shard, entries) in entries {
            self.read_entries(shard, entries, &mut work);
        }
        for input in inputs {
            if let Input::Attempted(key, attempt) = input {
                self.deliveries.returned(&key);
                work.extend(self.local(key, Body::Attempted(Box::new(attempt))));
            }
        }
        self.apply_all(work).await?;
        if !self.pending.urgent && self.pending.since.is_none_or(|since| since.elapsed() < CHECKPOINT) {
            // Due is asked of what is stored; a commit comes first where there is something to commit.
            self.look_at_agenda().await?;
        }
        let is_time = self.pending.urgent
            || stop
            || own.is_some()
            || self.pending.messages >= MAX_PENDING_MESSAGES
            || self.due.values().any(|at| *at <= self.now)
            || self.pending.since.is_some_and(|since| since.elapsed() >= CHECKPOINT);
        if is_time {
            self.commit().await?;
            self.look_at_agenda().await?;
            if self.pending.urgent {
                self.commit().await?;
            }
        }
        self.joined().await?;
        self.deliver().await?;
        if let Some(Input::Own(shards)) = own {
            self.own(shards).await?;
        }
        if stop {
            self.finish().await?;
        }
        Ok(!stop)
    }

    /// Waits until there is something to do.
    async fn gather(&mut self) -> (Vec<(ShardId, Vec<Entry>)>, Vec<Input>) {
        let (mut entries, mut inputs) = (Vec::new(), Vec::new());
        let now = self.shared.clock.now();
        let due = self
            .due
            .values()
            .min()
            .filter(|_| !self.is_joining())
            .map_or(LOOK, |due| Duration::from_millis(u64::try_from(due.since(now).max(0)).unwrap_or(0)).min(LOOK));
        let checkpoint = self.pending.since.map(|since| CHECKPOINT.saturating_sub(since.elapsed()));
        let until = Instant::now() + checkpoint.unwrap_or(due);
        tokio::select! {
            biased;
            input = self.inputs.recv() => inputs.extend(input.or(Some(Input::Stop))),
            read = self.reader.next() => entries.extend(read),
            () = tokio::time::sleep_until(until) => {}
        }
        while let Ok(input) = self.inputs.try_recv() {
            inputs.push(input);
        }
        let bytes = |entries: &[(ShardId, Vec<Entry>)]| {
            entries.iter().flat_map(|(_, entries)| entries).map(|entry| entry.payload.len()).sum::<usize>()
        };
        while bytes(&entries) < MAX_BATCH_BYTES
            && let Some(more) = self.reader.try_next()
        {
            entries.extend(more);
        }
        (entries, inputs)
    }

    /// A message that nothing in the log stands for.
    fn local(&self, to: RecordKey, body: Body) -> Option<Work> {
        let shard = self.shared.store.shards().of(&to);
        let position = self.shards.get(&shard)?.position;
        let origin = Origin { shard, position, index: u32::MAX, at: self.now };
        let began_at = Some(to.clone());
        Some(Work { shard, message: Message { to, at: self.now, hops: 0, body }, origin, began_at })
    }

    fn read_entries(&mut self, shard: ShardId, entries: Vec<Entry>, work: &mut Vec<Work>) {
        if !self.shards.contains_key(&shard) {
            return;
        }
        for Entry { position, payload } in entries {
            let pending = self.pending.of(shard);
            pending.to = Some(position);
            let fresh = self.shared.fresh.take(shard, position).map(|items| items.into_iter().map(Ok));
            let (fresh, decoded) = match fresh {
                Some(fresh) => (Some(fresh), None),
                None => (None, Some(LogItem::decode(&payload))),
            };
            let items = fresh.into_iter().flatten().chain(decoded.into_iter().flatten());
            for (index, item) in (0_u32..).zip(items) {
                let poisoned = self.poison.get(&(shard, position)).is_some_and(|known| known.contains(&index));
                match item {
                    Ok(_) if poisoned => {
                        let why = "applying it failed; this is a defect, please report it with the log's message";
                        self.reject(shard, "not_applied", why, &payload);
                    }
                    Ok(LogItem::Message(message)) => {
                        let origin = Origin { shard, position, index, at: message.at };
                        if self.is_new(shard, &message) {
                            work.push(Work { shard, message, origin, began_at: None });
                        }
                    }
                    Ok(LogItem::Barrier) => self.pending.urgent = true,
                    Ok(LogItem::Reject(rejected)) => self.pending.of(shard).rejected.extend(rejected),
                    Err(error) => {
                        tracing::error!(%shard, %position, index, %error, "an item of the log can't be read and is skipped");
                        self.reject(shard, "unreadable", &error.to_string(), &payload);
                    }
                }
            }
        }
    }

    /// Whether a message has not been applied before. Only events repeat; everything else arrives once.
    fn is_new(&mut self, shard: ShardId, message: &Message) -> bool {
        let (Body::Event(event), 0) = (&message.body, message.hops) else { return true };
        let Some(id) = event.message else { return true };
        let Some(owned) = self.shards.get_mut(&shard) else { return false };
        if owned.remembered.insert(id) {
            self.pending.of(shard).ids.push(id.0);
            return true;
        }
        self.shared.duplicate(&event.source);
        false
    }

    fn reject(&mut self, shard: ShardId, code: &str, message: &str, payload: &[u8]) {
        self.shared.poisoned();
        let excerpt = String::from_utf8_lossy(payload.get(..256).unwrap_or(payload)).into_owned();
        let rejected = Rejected {
            at: self.now,
            source: format!("(log of shard {shard})"),
            index: 0,
            code: code.to_owned(),
            message: message.to_owned(),
            message_id: None,
            excerpt,
        };
        self.pending.of(shard).rejected.push(rejected);
    }

    /// Applies messages and what follows from them within this worker.
    async fn apply_all(&mut self, mut work: Vec<Work>) -> Result<(), Upset> {
        while !work.is_empty() {
            let records: Vec<RecordKey> = work.iter().map(|work| work.message.to.clone()).collect();
            self.load(&records).await?;
            let mut next = Vec::new();
            for work in work {
                self.apply_one(work, &mut next)?;
            }
            work = next;
        }
        Ok(())
    }

    async fn load(&mut self, keys: &[RecordKey]) -> Result<(), Upset> {
        let mut missing: Vec<RecordKey> = keys.iter().filter(|key| !self.cache.contains(key)).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        for keys in missing.chunks(MAX_LOAD) {
            let texts = self.shared.store.load(keys).await?;
            for (key, text) in keys.iter().zip(texts) {
                let record = text.map(|text| self.read_record(key, &text));
                self.cache.insert(key.clone(), record, self.rules.idle_subjects);
            }
        }
        Ok(())
    }

    fn read_record(&self, key: &RecordKey, text: &str) -> Record {
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

    fn apply_one(&mut self, work: Work, next: &mut Vec<Work>) -> Result<(), Upset> {
        let Work { shard, message, origin, began_at } = work;
        let Some(cached) = self.cache.use_mut(&message.to) else { return Ok(()) };
        let context = Context { rules: &self.rules, origin, now: message.at, clock: self.now };
        let applied = catch_unwind(AssertUnwindSafe(|| apply(&mut cached.record, &message, &context)));
        let Ok(effects) = applied else {
            return Err(Upset::Poison(origin, began_at));
        };
        cached.dirty = true;
        // A delivery and a timer are due for somebody: the agenda is committed at once.
        let agenda_moves = message.to.kind == RecordKind::Delivery || began_at.is_some();
        self.pending.urgent |= agenda_moves;
        self.pending.dirty.insert(message.to.clone());
        self.pending.applied(message.at);
        self.pending.of(shard);
        self.follow(shard, &message.to, (origin, began_at), effects, next);
        Ok(())
    }

    /// Sends on what follows from a message.
    fn follow(
        &mut self,
        shard: ShardId,
        key: &RecordKey,
        (origin, began_at): (Origin, Option<RecordKey>),
        effects: Effects,
        next: &mut Vec<Work>,
    ) {
        let Effects { messages, leads, qualified, forget_leads, scrub_leads, notices } = effects;
        for definition in qualified {
            metrics::counter!("handraiser_leads_total", "definition" => definition.to_string()).increment(1);
        }
        for message in messages {
            let to = self.shared.store.shards().of(&message.to);
            if self.passes_by_the_log(shard, to) {
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

    fn notice(&self, notice: Notice) {
        if self.shared.notices.first(notice) {
            tracing::warn!(notice = notice.as_str(), "{}", notice.meaning());
        }
        metrics::counter!("handraiser_notices_total", "notice" => notice.as_str()).increment(1);
    }

    /// Whether a message from one shard to another is applied in the same batch.
    fn passes_by_the_log(&self, from: ShardId, to: ShardId) -> bool {
        // What was sent through the log must not be overtaken by what is sent later: it is applied first, at the latest as a part of
        // this batch.
        let has_read = |owned: &Owned| self.pending.reads_to(to).unwrap_or(owned.position) >= owned.own_messages;
        from == to
            || (self.shared.store.commits_shards_together()
                && self.shards.get(&to).is_some_and(|owned| owned.joining.is_none() && has_read(owned)))
    }

    /// Messages were sent to shards of this worker through their logs: remembers up to where they stand there.
    async fn note_own_messages(&mut self, to: &BTreeSet<ShardId>) -> Result<(), Upset> {
        let own: Vec<ShardId> = to.iter().copied().filter(|shard| self.shards.contains_key(shard)).collect();
        if own.is_empty() || !self.shared.store.commits_shards_together() {
            return Ok(());
        }
        for (shard, progress) in own.iter().zip(self.shared.store.progress(&own).await?) {
            if let Some(owned) = self.shards.get_mut(shard) {
                owned.own_messages = progress.end;
            }
        }
        Ok(())
    }

    /// Makes durable what was applied.
    async fn commit(&mut self) -> Result<(), Upset> {
        if self.pending.is_empty() {
            self.pending = Pending::default();
            return Ok(());
        }
        scrub::leads(&self.shared.store, &mut self.pending).await?;
        let (idle, shards) = (self.rules.idle_subjects, self.shared.store.shards());
        let position = |shard| self.shards.get(&shard).map_or(Position(0), |owned| owned.position);
        let mut commits = self.pending.commits(&self.cache, idle, self.now, |key| shards.of(key), position);
        for commit in &mut commits {
            if let Some(owned) = self.shards.get(&commit.shard) {
                commit.step = Some(owned.step);
                commit.forget_ids = owned.remembered.outdated(self.now, self.shared.settings.remember);
            }
        }
        let writes: Vec<_> = commits
            .iter()
            .flat_map(|commit| &commit.records)
            .map(|write| (write.key.clone(), write.listed.clone(), write.text.is_none()))
            .collect();
        let step = |commit: &Commit| (commit.shard, commit.to, commit.forget_ids.clone(), commit.ids.clone());
        let steps: Vec<_> = commits.iter().map(step).collect();
        let sent_to = commits.iter().flat_map(|commit| &commit.messages).map(|message| message.shard).collect();
        match self.shared.store.commit(commits).await {
            Ok(()) => {}
            Err(CommitError::Moved(shards)) => return Err(Upset::Moved(shards)),
            Err(CommitError::Store(error)) => return Err(Upset::Store(error)),
        }
        for (shard, to, forgotten, ids) in steps {
            if let Some(owned) = self.shards.get_mut(&shard) {
                owned.position = to;
                owned.step += 1;
                owned.remembered.stored(&ids, self.now);
                owned.remembered.forget(&forgotten);
            }
            self.shared.progress.committed(shard, to);
            self.shared.progress.waiting_since(shard, None);
            self.poison.retain(|(of, position), _| *of != shard || *position > to);
        }
        self.shared.observe_lag(self.pending.oldest, self.pending.messages);
        self.pending = Pending::default();
        for (key, listed, gone) in writes {
            self.note_agenda(&key, listed.as_ref());
            self.cache.stored(&key, listed, gone);
        }
        self.cache.evict();
        self.shared.uses_memory(self.number, self.cache.bytes());
        self.note_own_messages(&sent_to).await
    }

    /// Remembers when the agenda has to be looked at because of a record that was just stored.
    fn note_agenda(&mut self, key: &RecordKey, listed: Option<&Listed>) {
        let Some(listed) = listed else { return };
        let Some(list) = AgendaList::read(listed.list.as_str()) else { return };
        if matches!(list, AgendaList::Dead(_)) {
            return;
        }
        if let AgendaList::Deliver(destination) = &list
            && listed.at <= self.now
            && self.deliveries.ready(destination, key)
        {
            return;
        }
        let due = self.due.entry((self.shared.store.shards().of(key), list)).or_insert(Millis(i64::MAX));
        *due = (*due).min(listed.at);
    }

    fn is_joining(&self) -> bool {
        self.shards.values().any(|owned| owned.joining.is_some())
    }

    /// Works timers that have become due, and remembers which deliveries have.
    async fn look_at_agenda(&mut self) -> Result<(), Upset> {
        let now = self.shared.clock.now();
        // Nothing is begun here while a shard is joining: it could pass by what stands in that one's log.
        if !self.pending.is_empty() || self.is_joining() {
            return Ok(());
        }
        let due: Vec<_> = self.due.iter().filter(|(_, at)| **at <= now).map(|(list, _)| list.clone()).collect();
        for (shard, list) in due {
            match &list {
                AgendaList::Timers => self.work_timers(shard, list, now).await?,
                AgendaList::Deliver(destination) => {
                    let known = self.deliveries.len(destination);
                    let found = self.find_due(shard, &list, known + MAX_DUE).await?;
                    let (ripe, next) = split(found, now, LONGEST_AHEAD, known + MAX_DUE);
                    // A clock that ran ahead must not hold back what was due then for as long as it was ahead.
                    let next = next.min(now.plus(Millis::HOUR));
                    for key in ripe {
                        self.deliveries.ready(destination, &key);
                    }
                    // More than are known are looked for when there is room for them again.
                    self.due.insert((shard, list), next.max(now.plus(if next <= now { 50 } else { 0 })));
                }
                AgendaList::Dead(_) => drop(self.due.remove(&(shard, list))),
            }
        }
        Ok(())
    }

    async fn find_due(
        &self,
        shard: ShardId,
        list: &AgendaList,
        limit: usize,
    ) -> Result<Vec<(Millis, RecordKey)>, StoreError> {
        self.shared.store.due(shard, &super::cache::list_name(list), Millis(i64::MAX), limit).await
    }

    async fn work_timers(&mut self, shard: ShardId, list: AgendaList, now: Millis) -> Result<(), Upset> {
        let skipped = self.poisoned_records.len();
        let found = self.find_due(shard, &list, MAX_DUE + skipped).await?;
        // Subjects that are idle may stay for long.
        let ahead = self.rules.idle_subjects.map_or(0, |idle| idle.saturating_add(Millis::DAY)).max(LONGEST_AHEAD);
        let (ripe, next) = split(found, now, ahead, MAX_DUE + skipped);
        // What can't be worked must not keep the worker busy.
        self.due.insert((shard, list), if skipped > 0 { next.max(now.plus(Millis::SECOND)) } else { next });
        self.now = now;
        let may_expire = self.shared.clock_is_steady(now);
        let ripe = ripe.into_iter().filter(|key| !self.poisoned_records.contains(key));
        let work = ripe.filter_map(|key| self.local(key, Body::Wake { may_expire })).collect();
        self.apply_all(work).await
    }

    /// Sends what may be sent.
    async fn deliver(&mut self) -> Result<(), Upset> {
        if !self.pending.is_empty() {
            return Ok(());
        }
        let (dispatcher, now) = (Arc::clone(&self.shared.dispatcher), self.shared.clock.now());
        let keys = self.deliveries.take(&*dispatcher, now);
        for destination in self.deliveries.parked() {
            let shard = self.shared.store.shards().of(&RecordKey::destination(&destination.0));
            let due = self.due.entry((shard, AgendaList::Deliver(Arc::clone(&destination.0)))).or_insert(destination.1);
            *due = (*due).min(destination.1);
        }
        if let Err(upset) = self.load(&keys).await {
            // What is not sent is not under way.
            keys.iter().for_each(|key| self.deliveries.returned(key));
            return Err(upset);
        }
        for key in keys {
            let first = self.cache.use_mut(&key).and_then(|cached| match &cached.record {
                Record::Delivery(delivery) if delivery.due <= now => delivery.pending.front().cloned(),
                _ => None,
            });
            match first {
                Some(news) if !self.poisoned_records.contains(&key) => {
                    self.deliveries.send(key, news, &dispatcher, &self.sender);
                }
                _ => self.deliveries.returned(&key),
            }
        }
        Ok(())
    }

    /// Ends the joining of shards that have reached the end of their logs, and goes on with the next one.
    async fn joined(&mut self) -> Result<(), Upset> {
        let at_work = self.shards.iter().find(|(_, owned)| owned.joining.is_some()).map(|(shard, _)| *shard);
        let Some(shard) = at_work else { return Ok(()) };
        if !self.pending.is_empty() {
            self.commit().await?;
        }
        let Some(owned) = self.shards.get_mut(&shard) else { return Ok(()) };
        if owned.joining.is_some_and(|end| owned.position < end) {
            return Ok(());
        }
        owned.joining = None;
        // What its predecessors sent to the next one stands in that one's log by now.
        self.read_on().await
    }

    /// Reads the logs from where they are committed: of the shard that is joining, or of all.
    async fn read_on(&mut self) -> Result<(), Upset> {
        let joining = self.shards.iter().find(|(_, owned)| owned.joining.is_some()).map(|(shard, _)| *shard);
        if let Some(shard) = joining {
            let progress = self.shared.store.progress(&[shard]).await?;
            let end = progress.first().map_or(Position(0), |progress| progress.end);
            if let Some(owned) = self.shards.get_mut(&shard) {
                owned.joining = Some(end);
                if owned.position >= end {
                    owned.joining = None;
                    return Box::pin(self.read_on()).await;
                }
            }
        }
        let wanted = self.shards.iter().filter(|(shard, _)| joining.is_none_or(|only| only == **shard));
        let after = wanted.map(|(shard, owned)| (*shard, owned.position)).collect();
        self.reader = Reader::start(Arc::clone(&self.shared), after);
        Ok(())
    }

    /// Owns `wanted` from now on. Nothing is pending when this is called.
    async fn own(&mut self, wanted: Vec<ShardId>) -> Result<(), Upset> {
        self.wanted.clone_from(&wanted);
        let all = self.shared.store.shards();
        self.shards.retain(|shard, _| wanted.contains(shard));
        self.steps.retain(|shard, _| wanted.contains(shard));
        self.cache.retain(|key, _| wanted.contains(&all.of(key)));
        self.due.retain(|(shard, _), _| wanted.contains(shard));
        self.deliveries.retain(|destination| wanted.contains(&all.of(&RecordKey::destination(destination))));
        for shard in wanted {
            if !self.shards.contains_key(&shard) {
                let owned = self.take_over(shard).await?;
                self.shards.insert(shard, owned);
                self.due.insert((shard, AgendaList::Timers), Millis(0));
            }
        }
        self.find_destinations().await?;
        let together = self.shared.store.commits_shards_together();
        for owned in self.shards.values_mut() {
            owned.joining = together.then_some(Position(u64::MAX));
        }
        for shard in all.all().filter(|shard| self.shared.worker_of(*shard) == self.number) {
            self.shared.fresh.own(shard, self.shards.contains_key(&shard));
        }
        self.shared.owns(self.number, self.shards.keys().copied().collect());
        self.read_on().await
    }

    /// Begins at the stored position of a shard. Where it stands is asked first: if somebody else commits after that, what is read
    /// now may be too new, and the next commit is refused.
    async fn take_over(&mut self, shard: ShardId) -> Result<Owned, StoreError> {
        let progress = self.shared.store.progress(&[shard]).await?.first().copied().unwrap_or_default();
        let remembered = Remembered::new(self.shared.store.remembered(shard).await?);
        self.shared.progress.seen(shard, progress);
        if self.steps.remove(&shard) != Some(progress.step) {
            // Somebody else has been at work here, or a commit has happened after all.
            let all = self.shared.store.shards();
            self.cache.retain(|key, _| all.of(key) != shard);
        }
        Ok(Owned {
            position: progress.position,
            step: progress.step,
            remembered,
            joining: None,
            own_messages: Position(0),
        })
    }

    /// Every destination that something waits for, also those that are configured no longer.
    async fn find_destinations(&mut self) -> Result<(), StoreError> {
        let all = self.shared.store.shards();
        let waiting = self.shared.store.lists().await?;
        for list in waiting.iter().filter_map(|stats| AgendaList::read(stats.list.as_str())) {
            if let AgendaList::Deliver(destination) = &list {
                let shard = all.of(&RecordKey::destination(destination));
                if self.shards.contains_key(&shard) {
                    self.due.insert((shard, list), Millis(0));
                }
            }
        }
        Ok(())
    }

    /// Drops what was applied and begins again at the stored positions.
    async fn begin_again(&mut self, upset: Upset, pause: &mut Duration) {
        match &upset {
            Upset::Moved(shards) => tracing::debug!(?shards, "another server owns these shards by now"),
            Upset::Store(error) => self.shared.store_failed(error),
            Upset::Poison(origin, began_at) => self.note_poison(*origin, began_at.clone()),
        }
        if !matches!(upset, Upset::Poison(..)) {
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(LAST_PAUSE);
        }
        let tried = std::mem::take(&mut self.pending);
        self.cache.retain(|key, cached| !cached.dirty && !tried.dirty.contains(key));
        self.deliveries.forget_ready();
        self.reader = Reader::idle();
        self.steps.extend(std::mem::take(&mut self.shards).into_iter().map(|(shard, owned)| (shard, owned.step)));
        while let Err(upset) = self.own(self.wanted.clone()).await {
            if let Upset::Store(error) = upset {
                self.shared.store_failed(&error);
            }
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(LAST_PAUSE);
        }
        self.shared.store_answers();
    }

    fn note_poison(&mut self, origin: Origin, began_at: Option<RecordKey>) {
        let Origin { shard, position, index, .. } = origin;
        tracing::error!(%shard, %position, index, "applying a message panicked; it is skipped and kept among the rejected events");
        let _ = match began_at {
            Some(key) => self.poisoned_records.insert(key),
            None => self.poison.entry((shard, position)).or_default().insert(index),
        };
    }

    /// Waits for what is being sent, and commits what came of it.
    async fn finish(&mut self) -> Result<(), Upset> {
        while self.deliveries.under_way() > 0 && !self.shared.ended.is_cancelled() {
            let Some(Input::Attempted(key, attempt)) = self.inputs.recv().await else { break };
            self.deliveries.returned(&key);
            let work = self.local(key, Body::Attempted(Box::new(attempt))).into_iter().collect();
            self.apply_all(work).await?;
            self.commit().await?;
        }
        Ok(())
    }
}

/// What of `found` is due at `now`, and when to look again. Nothing waits for longer than `ahead`: what seems to comes from a clock
/// that was ahead.
fn split(found: Vec<(Millis, RecordKey)>, now: Millis, ahead: i64, limit: usize) -> (Vec<RecordKey>, Millis) {
    let full = found.len() >= limit;
    let is_due = |at: Millis| at <= now || at.since(now) > ahead;
    let later = found.iter().find(|(at, _)| !is_due(*at)).map(|(at, _)| *at);
    let next = later.unwrap_or(if full { now } else { Millis(i64::MAX) });
    (found.into_iter().filter(|(at, _)| is_due(*at)).map(|(_, key)| key).collect(), next)
}
