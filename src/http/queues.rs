//! What is on its way to destinations, as the store's lists tell; for the admin API and the metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::apply::Rules;
use crate::ids::{RecordKey, RecordKind};
use crate::lead::Lead;
use crate::record::{AgendaList, Delivery, DestinationHistory, Pause, PausedBy, Record, TeamTurns};
use crate::routing::{Present, next_opening};
use crate::store::{LeadQuery, LeadRow, ListName, ListStats, Store, StoreError};
use crate::time::Millis;

/// Of how many deliveries that are to be sent next the age is looked at.
const MAX_AGED: usize = 100;

/// How many records are read at once.
const MAX_LOAD_RECORDS: usize = 500;

/// What is on its way to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueItem {
    /// The destination.
    pub destination: String,
    /// Leads with news that waits or is under way.
    pub pending: u64,
    /// Leads with news that was given up and with nothing else on its way; can be replayed.
    pub dead: u64,
    /// Age of the oldest pending news in milliseconds, of what is to be sent next.
    pub oldest_ms: i64,
    /// Since when and why nothing is sent to it; `null`: it is sent what there is.
    pub paused: Option<PauseItem>,
}

/// Since when and why nothing is sent to a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PauseItem {
    /// Since when, RFC 3339.
    pub since: String,
    /// Who says so: `hand` is an operator, until they resume it; `refused`: it refuses the credentials, until they change or it takes something
    /// after all.
    pub by: PausedBy,
    /// Why, in the words of whoever said so.
    pub why: Option<String>,
}

/// So many paused destinations are told of.
const MAX_PAUSED: usize = 10_000;

/// Every destination that nothing is sent to for now.
pub(super) async fn pauses(store: &dyn Store) -> Result<BTreeMap<String, PauseItem>, StoreError> {
    let list = ListName::new(&AgendaList::Paused.name());
    let keys: Vec<_> = store.listed(&list, MAX_PAUSED).await?.into_iter().map(|(_, key)| key).collect();
    let texts = if keys.is_empty() { Vec::new() } else { store.load(&keys).await? };
    let pause = |(key, text): (RecordKey, Option<Box<str>>)| match Record::read(RecordKind::Destination, &text?).0 {
        Record::Destination(DestinationHistory { pause: Some(Pause { since, by, why, .. }), .. }) => {
            Some((key.id.to_string(), PauseItem { since: since.rfc3339(), by, why: why.map(Into::into) }))
        }
        _ => None,
    };
    Ok(keys.into_iter().zip(texts).filter_map(pause).collect())
}

/// A definition whose leads nobody is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShadowItem {
    /// The definition.
    pub definition: String,
    /// How many leads it made, of its newest 1000.
    pub leads: usize,
}

/// Of a definition so many leads are looked at.
const MAX_COUNTED: usize = 1_000;

/// Every definition that is a shadow, with how many leads it made as one.
pub(super) async fn shadows(store: &dyn Store, rules: &Rules) -> Result<Vec<ShadowItem>, StoreError> {
    let mut items = Vec::new();
    for definition in rules.definitions.iter().filter(|definition| definition.shadow) {
        let definition = definition.name.to_string();
        let query = LeadQuery { definition: Some(definition.clone()), limit: MAX_COUNTED, ..LeadQuery::default() };
        let is_shadow = |row: &LeadRow| serde_json::from_str::<Lead>(&row.json).is_ok_and(|lead| lead.shadow);
        let leads = store.leads(&query).await?.iter().filter(|row| is_shadow(row)).count();
        items.push(ShadowItem { definition, leads });
    }
    Ok(items)
}

/// Every destination that something is on its way to or was given up for, or that is paused, by name.
pub(super) async fn of_store(store: &dyn Store, now: Millis) -> Result<Vec<QueueItem>, StoreError> {
    with_ages(store, &store.lists().await?, now).await
}

/// As [`of_store`], of what the lists are known to hold.
pub(super) async fn with_ages(
    store: &dyn Store,
    lists: &[ListStats],
    now: Millis,
) -> Result<Vec<QueueItem>, StoreError> {
    let mut queues = counts_in(lists);
    for (destination, pause) in pauses(store).await? {
        match queues.iter_mut().find(|queue| queue.destination == destination) {
            Some(queue) => queue.paused = Some(pause),
            None => queues.push(QueueItem { paused: Some(pause), ..QueueItem::empty(&destination) }),
        }
    }
    queues.sort_by(|a, b| a.destination.cmp(&b.destination));
    for queue in queues.iter_mut().filter(|queue| queue.pending > 0) {
        queue.oldest_ms = oldest(store, &queue.destination).await?.map_or(0, |created| now.since(created).max(0));
    }
    Ok(queues)
}

/// As [`of_store`], without looking at how old anything is.
pub(super) async fn counts(store: &dyn Store) -> Result<Vec<QueueItem>, StoreError> {
    Ok(counts_in(&store.lists().await?))
}

fn counts_in(lists: &[ListStats]) -> Vec<QueueItem> {
    let mut queues = BTreeMap::new();
    for stats in lists {
        match AgendaList::read(stats.list.as_str()) {
            Some(AgendaList::Deliver(destination)) => queue(&mut queues, &destination).pending = stats.records,
            Some(AgendaList::Dead(destination)) => queue(&mut queues, &destination).dead = stats.records,
            Some(_) | None => {}
        }
    }
    queues.into_values().collect()
}

fn queue<'q>(queues: &'q mut BTreeMap<String, QueueItem>, destination: &str) -> &'q mut QueueItem {
    queues.entry(destination.to_owned()).or_insert_with(|| QueueItem::empty(destination))
}

impl QueueItem {
    fn empty(destination: &str) -> Self {
        Self { destination: destination.to_owned(), pending: 0, dead: 0, oldest_ms: 0, paused: None }
    }
}

/// When the oldest of the news that is to be sent next was handed over.
async fn oldest(store: &dyn Store, destination: &str) -> Result<Option<Millis>, StoreError> {
    // All deliveries to a destination live in its shard.
    let shard = store.shards().of(&RecordKey::destination(destination));
    let next = store.due(shard, &list(AgendaList::Deliver, destination), Millis(i64::MAX), MAX_AGED).await?;
    let keys: Vec<_> = next.into_iter().map(|(_, key)| key).collect();
    let deliveries = deliveries(store, keys).await?;
    Ok(deliveries.iter().filter_map(|(_, delivery)| delivery.pending.front()).map(|news| news.created).min())
}

/// The name of one of a destination's lists.
pub(super) fn list(of: impl Fn(Arc<str>) -> AgendaList, destination: &str) -> ListName {
    ListName::new(&of(Arc::from(destination)).name())
}

/// Reads the records of deliveries; those that are over by now are left out.
pub(super) async fn deliveries(
    store: &dyn Store,
    keys: Vec<RecordKey>,
) -> Result<Vec<(RecordKey, Delivery)>, StoreError> {
    let texts = store.load(&keys).await?;
    let read = |(key, text): (RecordKey, Option<Box<str>>)| match Record::read(RecordKind::Delivery, &text?) {
        // Fails open: news that can't be read does not hide the rest.
        (Record::Delivery(delivery), _) => Some((key, delivery)),
        _ => None,
    };
    Ok(keys.into_iter().zip(texts).filter_map(read).collect())
}

/// The destinations that something is on its way to, or was given up for.
pub(super) async fn destinations(store: &dyn Store) -> Result<BTreeSet<Arc<str>>, StoreError> {
    let destination = |stats: ListStats| match AgendaList::read(stats.list.as_str())? {
        AgendaList::Deliver(destination) | AgendaList::Dead(destination) => Some(destination),
        _ => None,
    };
    Ok(store.lists().await?.into_iter().filter_map(destination).collect())
}

/// Leads that are held because of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldItem {
    /// The source that made too many.
    pub source: String,
    /// How many are held.
    pub leads: u64,
}

/// Leads that wait for somebody of one team to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WaitingItem {
    /// The team; `?`: they wait until more is known of them.
    pub team: String,
    /// What they ask of whoever gets them, where they do: `language de, skills security`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
    /// How many wait.
    pub leads: u64,
    /// When the first of the team is there whom they may be given, RFC 3339; `null` when nobody knows.
    pub opens: Option<String>,
}

/// Every team that leads wait for, by what they ask.
pub(super) async fn waiting(
    store: &dyn Store,
    rules: &Rules,
    present: Present<'_>,
) -> Result<Vec<WaitingItem>, StoreError> {
    let mut items = Vec::new();
    for (team, class, leads) in waiting_lists(&store.lists().await?) {
        let text = store.load(&[RecordKey::team(&team)]).await?.into_iter().next().flatten();
        let turns = match text.map(|text| Record::read(RecordKind::Team, &text).0) {
            Some(Record::Team(turns)) => turns,
            _ => TeamTurns::default(),
        };
        let known = rules.teams.iter().find(|known| known.name == team);
        let asked = turns.waits.keys().find(|asked| *asked.name() == *class).cloned().unwrap_or_default();
        let opens = known.and_then(|known| next_opening(known, &turns, (&asked).into(), present)).map(Millis::rfc3339);
        items.push(WaitingItem { team: team.to_string(), asks: asked.told(), leads, opens });
    }
    Ok(items)
}

/// How many leads wait, by team, of what the lists are known to hold.
pub(super) fn waiting_in(lists: &[ListStats]) -> BTreeMap<Arc<str>, u64> {
    let mut counts = BTreeMap::new();
    for (team, _, leads) in waiting_lists(lists) {
        *counts.entry(team).or_default() += leads;
    }
    counts
}

/// How many leads wait, by team and the name of what they ask.
fn waiting_lists(lists: &[ListStats]) -> Vec<(Arc<str>, Arc<str>, u64)> {
    let count = |stats: &ListStats| match AgendaList::read(stats.list.as_str())? {
        AgendaList::Wait(team, class) => Some((team, class, stats.records)),
        _ => None,
    };
    lists.iter().filter_map(count).collect()
}

/// The records of leads that wait for their teams, team by team, in the order in which they are given somebody who may be given any.
pub(super) async fn waits(store: &dyn Store, limit: usize) -> Result<Vec<RecordKey>, StoreError> {
    let mut found: BTreeMap<Arc<str>, Vec<(Millis, RecordKey)>> = BTreeMap::new();
    for (team, class, _) in waiting_lists(&store.lists().await?) {
        let shard = store.shards().of(&RecordKey::team(&team));
        let list = ListName::new(&AgendaList::Wait(Arc::clone(&team), class).name());
        let waits = store.due(shard, &list, Millis(i64::MAX), limit).await?;
        found.entry(team).or_default().extend(waits);
    }
    found.values_mut().for_each(|waits| waits.sort());
    Ok(found.into_values().flatten().map(|(_, key)| key).take(limit).collect())
}

/// Every source because of which leads are held.
pub(super) async fn held(store: &dyn Store) -> Result<Vec<HeldItem>, StoreError> {
    Ok(held_in(&store.lists().await?))
}

/// As [`held()`], of what the lists are known to hold.
pub(super) fn held_in(lists: &[ListStats]) -> Vec<HeldItem> {
    let item = |stats: &ListStats| match AgendaList::read(stats.list.as_str())? {
        AgendaList::Held(source) => Some(HeldItem { source: source.to_string(), leads: stats.records }),
        _ => None,
    };
    lists.iter().filter_map(item).collect()
}

/// The records of leads that are held because of one source, or of any, the newest first.
pub(super) async fn holds(store: &dyn Store, source: Option<&str>, limit: usize) -> Result<Vec<RecordKey>, StoreError> {
    let mut found = Vec::new();
    for held in held(store).await?.into_iter().filter(|held| source.is_none_or(|source| held.source == source)) {
        let limit = limit.min(usize::try_from(held.leads).unwrap_or(usize::MAX));
        found.extend(store.listed(&list(AgendaList::Held, &held.source), limit).await?);
    }
    found.sort_by(|a, b| b.cmp(a));
    found.truncate(limit);
    Ok(found.into_iter().map(|(_, key)| key).collect())
}

/// Deliveries to a destination with news that was given up, at most about `limit` of those with nothing else on its way, and of
/// those with.
pub(super) async fn with_dead_news(
    store: &dyn Store,
    destination: &str,
    limit: usize,
) -> Result<Vec<(RecordKey, Delivery)>, StoreError> {
    let mut found = Vec::new();
    // A delivery stands among those that wait while it has later news on its way.
    for of in [AgendaList::Dead, AgendaList::Deliver] {
        found.extend(dead_in(store, &list(of, destination), limit).await?);
    }
    Ok(found)
}

async fn dead_in(store: &dyn Store, list: &ListName, limit: usize) -> Result<Vec<(RecordKey, Delivery)>, StoreError> {
    let stats = store.lists().await?;
    let Some(records) = stats.iter().find(|stats| stats.list == *list).map(|stats| stats.records) else {
        return Ok(Vec::new());
    };
    let limit = limit.min(usize::try_from(records).unwrap_or(usize::MAX));
    let keys: Vec<_> = store.listed(list, limit).await?.into_iter().map(|(_, key)| key).collect();
    let mut found = Vec::new();
    for some in keys.chunks(MAX_LOAD_RECORDS) {
        let read = deliveries(store, some.to_vec()).await?;
        found.extend(read.into_iter().filter(|(_, delivery)| !delivery.dead.is_empty()));
    }
    Ok(found)
}
