//! Reading what was written: barriers, explanations, and forgetting. Through any server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::intake::Parcel;
use super::{Engine, EngineError, Forgotten, Shared};
use crate::apply::explain::explain;
use crate::apply::message::{Became, Made};
use crate::apply::roster::FIRST;
use crate::apply::{Body, LogItem, MAX_HOPS, Message};
use crate::ids::{Position, RecordKey, RecordKind, ShardId, SourceName, SubjectKind};
use crate::lead::SubjectExplanation;
use crate::record::account::current_account;
use crate::record::merge_log::OPERATOR;
use crate::record::{Pause, PausedBy, Record, Roster, RosterChange, Subject};
use crate::store::{LeadQuery, LeadRow, StoreError};

/// How long is waited until what was written before is applied.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the positions are looked at meanwhile, at first and at last.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(20);
/// How many logs an event may go through until everything is done that follows from it: identify → link → absorb → ask → answer →
/// source → subject → account → subject → team → lead that waits → team → subject → account → subject that asked as well → team → subject →
/// delivery.
const LONGEST_WAY: usize = 17;
/// How many leads of a subject are counted.
const MAX_LEADS: usize = 10_000;

impl Engine {
    /// Waits until everything that was written before is applied, through whichever server, with what follows from it.
    ///
    /// # Errors
    /// When the store can't be reached, or owners are too far behind.
    pub async fn settle(&self) -> Result<(), EngineError> {
        let deadline = Instant::now() + PATIENCE;
        let mut before: Arc<BTreeMap<ShardId, Position>> = Arc::default();
        for _ in 0..LONGEST_WAY {
            let mut parcel = Parcel::default();
            for shard in self.shared.store.shards().all() {
                parcel.item(shard, LogItem::Barrier);
            }
            let barriers = self.shared.intake.append(parcel).await?;
            self.shared.reached(&barriers, deadline).await?;
            self.shared.arrived(deadline).await?;
            // Nothing came into any log between two barriers: nothing is on its way.
            let is_quiet = |(shard, at): (&ShardId, &Position)| {
                before.get(shard).is_some_and(|last: &Position| last.next() == *at)
            };
            if barriers.iter().all(is_quiet) {
                break;
            }
            before = barriers;
        }
        Ok(())
    }

    /// Where a subject stands on every definition of its kind; `None` when nothing is known of it. Call [`Self::settle`] before, to
    /// see what was written.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn explain(&self, key: &RecordKey) -> Result<Option<SubjectExplanation>, EngineError> {
        let (of, rules) = match key.kind {
            RecordKind::User => (SubjectKind::User, self.shared.rules.load_full()),
            RecordKind::Account => (SubjectKind::Account, self.shared.rules.load_full()),
            _ => return Ok(None),
        };
        let (holder, subject) = self.shared.holder(key).await?;
        if !subject.has_history() {
            return Ok(None);
        }
        let account = match current_account(&rules.accounts, &subject).filter(|_| of == SubjectKind::User) {
            Some(id) => Some((id.clone(), self.shared.subject(&RecordKey::account(&id)).await?)),
            None => None,
        };
        let merged_into = (holder.id != key.id).then(|| holder.id.to_string());
        let account = account.as_ref().map(|(id, account)| (&**id, account));
        let now = self.shared.clock.now();
        let mut explained = explain(&rules, of, (&holder.id, &subject), account, merged_into, now);
        if let Some(held) = self.shared.held(&rules) {
            for definition in &mut explained.definitions {
                definition.waits = held.definitions.contains(&*definition.name);
            }
        }
        Ok(Some(explained))
    }

    /// Deletes a subject and all that is known of it; for a user, every id that was merged into them as well, and their traces in
    /// their accounts. Counts that name nobody stay. `None` when nothing is known of it, and there is no archive that could.
    ///
    /// # Errors
    /// When the store can't; calling again finishes what was begun.
    pub async fn forget(&self, key: &RecordKey) -> Result<Option<Forgotten>, EngineError> {
        self.settle().await?;
        let (holder, subject) = self.shared.holder(key).await?;
        // Of whom nothing is known here, the archive may know.
        if holder == *key && !subject.has_history() && self.shared.settings.history.is_none() {
            return Ok(None);
        }
        let aliases = subject.ties.aliases.keys().map(ToString::to_string);
        let ids: Vec<String> = [holder.id.to_string()].into_iter().chain(aliases).collect();
        let mut leads = 0;
        for id in &ids {
            let subject = Some(RecordKey::new(key.kind, id));
            let query = LeadQuery { subject, limit: MAX_LEADS, ..LeadQuery::default() };
            leads += self.shared.store.leads(&query).await?.len();
        }
        self.send([(key.clone(), Body::Forget)]).await?;
        self.settle().await?;
        Ok(Some(Forgotten { ids, leads }))
    }

    /// Makes an id that was merged into a user its own again; returns the user. `None` when it was not merged.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub async fn unlink(&self, id: &str) -> Result<Option<String>, EngineError> {
        self.settle().await?;
        let key = RecordKey::user(id);
        let Some(merged) = self.shared.subject(&key).await?.ties.merged_into else { return Ok(None) };
        self.send([(key, Body::Unlink { by: SourceName::new(OPERATOR) })]).await?;
        self.settle().await?;
        Ok(Some(merged.user.to_string()))
    }

    /// Tries again what was given up: all news of these deliveries.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn replay(&self, deliveries: &[RecordKey]) -> Result<(), EngineError> {
        self.send(deliveries.iter().map(|key| (key.clone(), Body::Replay))).await?;
        self.settle().await
    }

    /// Says what people made of a lead. Returns the lead as it stands then; `None` when there is none.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub async fn became(&self, lead: &str, made: Made) -> Result<Option<LeadRow>, EngineError> {
        self.settle().await?;
        let Some(row) = self.shared.store.lead(lead).await? else { return Ok(None) };
        self.send([(row.subject, Body::Became(Box::new(Became { lead: lead.into(), made })))]).await?;
        self.settle().await?;
        Ok(self.shared.store.lead(lead).await?)
    }

    /// The same, for those who don't wait for what comes of it. What is said of a lead that there is not is not heard.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub async fn tell(&self, lead: &str, made: Made) -> Result<(), EngineError> {
        let Some(row) = self.shared.store.lead(lead).await? else { return Ok(()) };
        self.send([(row.subject, Body::Became(Box::new(Became { lead: lead.into(), made })))]).await
    }

    /// Gives an account to a rep: its next leads are theirs, where routes ask. `None`: whoever the routes say.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub async fn give_account(&self, account: &str, owner: Option<&str>) -> Result<(), EngineError> {
        self.send([(RecordKey::account(account), Body::Pin { owner: owner.map(Into::into) })]).await?;
        self.settle().await
    }

    /// Says that something has changed at a destination: what people made of leads there is asked for soon.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn nudge(&self, destination: &str) -> Result<(), EngineError> {
        self.send([(RecordKey::destination(destination), Body::Nudge)]).await
    }

    /// Has nothing sent to a destination until [`Self::resume`], and nothing asked of it: what is under way ends.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub async fn pause(&self, destination: &str, why: Option<&str>) -> Result<(), EngineError> {
        let since = self.shared.clock.now();
        let pause = Pause { since, by: PausedBy::Hand, why: why.map(Into::into), credentials: None };
        self.send([(RecordKey::destination(destination), Body::Pause(Box::new(pause)))]).await?;
        self.settle().await
    }

    /// Has sent to a destination what waits for it.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub async fn resume(&self, destination: &str) -> Result<(), EngineError> {
        self.send([(RecordKey::destination(destination), Body::Resume)]).await?;
        self.settle().await
    }

    /// Says that reps are away, or back.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn change_roster(&self, changes: impl IntoIterator<Item = RosterChange>) -> Result<(), EngineError> {
        let told = changes.into_iter().map(|change| (RecordKey::roster(FIRST), Body::Roster(Box::new(change))));
        self.send(told).await?;
        self.settle().await
    }

    /// Who is away, beside what the configuration says.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn roster(&self) -> Result<Arc<Roster>, EngineError> {
        Ok(self.shared.roster(FIRST).await?)
    }

    /// Lets held leads go on their way, or lets them go for good.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn release(&self, holds: &[RecordKey], discard: bool) -> Result<(), EngineError> {
        self.send(holds.iter().map(|key| (key.clone(), Body::Release { discard }))).await?;
        self.settle().await
    }

    /// Makes messages durable.
    pub(super) async fn send(&self, messages: impl IntoIterator<Item = (RecordKey, Body)>) -> Result<(), EngineError> {
        let (mut parcel, at) = (Parcel::default(), self.shared.clock.now());
        for (to, body) in messages {
            parcel.message(&self.shared, Message { to, at, hops: 0, body });
        }
        self.shared.intake.append(parcel).await.map(drop)
    }
}

impl Shared {
    /// Waits until all these positions are committed.
    async fn reached(&self, positions: &BTreeMap<ShardId, Position>, deadline: Instant) -> Result<(), EngineError> {
        let mut pause = FIRST_LOOK;
        loop {
            let moved = self.progress.moved.notified();
            let open = |(shard, at): (&ShardId, &Position)| (self.progress.position(*shard) < *at).then_some(*shard);
            let behind: Vec<ShardId> = positions.iter().filter_map(open).collect();
            if behind.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(EngineError::Behind(PATIENCE));
            }
            // What this server commits it hears of; of the others' it has to ask.
            if tokio::time::timeout(pause, moved).await.is_err() {
                pause = (pause * 2).min(LAST_LOOK);
                // A store that is away for a moment is asked again.
                let _ = self.look(&behind).await;
            }
        }
    }

    /// Waits until what commits have said to other shards by now has reached those, where that takes a moment. What they say from then
    /// on is not waited for: under load there is always something under way.
    async fn arrived(&self, deadline: Instant) -> Result<(), EngineError> {
        if self.store.commits_shards_together() {
            return Ok(());
        }
        let (mut open, mut pause): (Vec<ShardId>, _) = (self.store.shards().all().collect(), FIRST_LOOK);
        let mut last_of: BTreeMap<ShardId, u64> = BTreeMap::new();
        loop {
            if let Ok(found) = self.look(&open).await {
                let mut waiting = Vec::new();
                for (shard, progress) in open.iter().zip(found) {
                    let Some((first, last)) = progress.under_way else { continue };
                    if first <= *last_of.entry(*shard).or_insert(last) {
                        waiting.push(*shard);
                    }
                }
                open = waiting;
            }
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(EngineError::Behind(PATIENCE));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// Who is away, as a shard knows it.
    pub(super) async fn roster(&self, shard: ShardId) -> Result<Arc<Roster>, StoreError> {
        let text = self.store.load(&[RecordKey::roster(shard)]).await?.pop().flatten();
        match text.map(|text| Record::read(RecordKind::Roster, &text).0) {
            Some(Record::Roster(roster)) => Ok(roster),
            _ => Ok(Arc::default()),
        }
    }

    async fn subject(&self, key: &RecordKey) -> Result<Subject, EngineError> {
        let text = self.store.load(std::slice::from_ref(key)).await?.pop().flatten();
        match text.map(|text| Record::read(key.kind, &text).0) {
            Some(Record::Subject(subject)) => Ok(*subject),
            _ => Ok(Subject::default()),
        }
    }

    /// The record that holds a subject's history now, and its name.
    async fn holder(&self, key: &RecordKey) -> Result<(RecordKey, Subject), EngineError> {
        let (mut key, mut subject) = (key.clone(), self.subject(key).await?);
        for _ in 0..MAX_HOPS {
            let Some(merged) = &subject.ties.merged_into else { break };
            key = RecordKey::user(&merged.user);
            subject = self.subject(&key).await?;
        }
        Ok((key, subject))
    }
}
