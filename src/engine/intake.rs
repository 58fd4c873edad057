//! What arrives, on its way into the log: requests that come while an append is under way share the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::progress::Known;
use super::{EngineError, Shared};
use crate::apply::{LogItem, Message};
use crate::ids::{Position, ShardId};
use crate::store::{Append, StoreError};

/// How many appends are under way at once: one is written while the next one is gathered.
const APPENDS_UNDER_WAY: usize = 2;
/// An entry that has become so large gets no more.
const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// Where the items of a parcel stand, or behind that. Shared by all whose parcels went together.
type Answer = Result<Arc<BTreeMap<ShardId, Position>>, EngineError>;

#[derive(Default)]
struct Gathered {
    entries: BTreeMap<ShardId, Vec<Encoded>>,
    waiting: Vec<oneshot::Sender<Answer>>,
}

#[derive(Default)]
pub(super) struct Intake {
    gathered: Mutex<Gathered>,
    arrived: Notify,
}

/// An entry: its bytes, and what they say.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    items: Vec<LogItem>,
}

/// Items for the logs of their shards.
#[derive(Default)]
pub(super) struct Parcel(BTreeMap<ShardId, Encoded>);

impl Parcel {
    pub fn message(&mut self, shared: &Shared, message: Message) {
        let shard = shared.store.shards().of(&message.to);
        self.item(shard, LogItem::Message(message));
    }

    pub fn item(&mut self, shard: ShardId, item: LogItem) {
        let entry = self.0.entry(shard).or_default();
        item.encode(&mut entry.bytes);
        entry.items.push(item);
    }

    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        self.0.keys().copied()
    }
}

impl Intake {
    /// Makes a parcel durable; returns where its items stand, or behind that.
    pub async fn append(&self, parcel: Parcel) -> Answer {
        let (send, answer) = oneshot::channel();
        {
            let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
            for (shard, new) in parcel.0 {
                let entries = gathered.entries.entry(shard).or_default();
                match entries.last_mut() {
                    Some(last) if last.bytes.len() + new.bytes.len() <= MAX_ENTRY_BYTES => {
                        last.bytes.extend_from_slice(&new.bytes);
                        last.items.extend(new.items);
                    }
                    _ => entries.push(new),
                }
            }
            gathered.waiting.push(send);
        }
        self.arrived.notify_one();
        answer.await.unwrap_or(Err(EngineError::Draining))
    }

    fn take(&self) -> Option<Gathered> {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        (!gathered.waiting.is_empty()).then(|| std::mem::take(&mut *gathered))
    }
}

/// Appends what arrives, until the engine ends.
pub(super) fn start(shared: &Arc<Shared>) {
    for _ in 0..APPENDS_UNDER_WAY {
        shared.keep_running("what appends to logs", run);
    }
}

/// Appends entries. Positions only grow: where one comes again, the store has lost what stood there, and nobody may take what was known
/// before for what is.
async fn appended(shared: &Shared, entries: Vec<Append>, before: Vec<Known>) -> Result<Vec<Position>, StoreError> {
    let shards: Vec<ShardId> = entries.iter().map(|entry| entry.shard).collect();
    let positions = shared.store.append(entries).await?;
    let places = shards.iter().zip(before).zip(&positions);
    let lost = places.filter(|((_, before), position)| before.has(**position)).map(|((shard, _), _)| *shard);
    let lost: Vec<ShardId> = lost.collect::<BTreeSet<_>>().into_iter().collect();
    if !lost.is_empty() {
        shared.look(&lost).await?;
    }
    Ok(positions)
}

async fn run(shared: Arc<Shared>) {
    loop {
        let Some(Gathered { entries, waiting }) = shared.intake.take() else {
            shared.intake.arrived.notified().await;
            continue;
        };
        // Whoever arrives meanwhile is for the other append.
        let entries =
            entries.into_iter().flat_map(|(shard, entries)| entries.into_iter().map(move |entry| (shard, entry)));
        let (appends, kept): (Vec<_>, Vec<_>) = entries
            .map(|(shard, Encoded { bytes, items })| (Append { shard, payload: Bytes::from(bytes) }, (shard, items)))
            .unzip();
        let sizes: Vec<usize> = appends.iter().map(|append| append.payload.len()).collect();
        let before: Vec<Known> = kept.iter().map(|(shard, _)| shared.progress.known(*shard)).collect();
        let answer = match appended(&shared, appends, before).await {
            Ok(positions) => {
                let mut places = BTreeMap::new();
                for (((shard, items), position), bytes) in kept.into_iter().zip(positions).zip(sizes) {
                    shared.progress.appended(shard, position);
                    shared.progress.appended_bytes(shard, bytes);
                    shared.fresh.put(shard, position, items);
                    places.insert(shard, position);
                }
                Ok(Arc::new(places))
            }
            Err(error) => Err(EngineError::Store(error)),
        };
        waiting.into_iter().for_each(|waiter| drop(waiter.send(answer.clone())));
    }
}
