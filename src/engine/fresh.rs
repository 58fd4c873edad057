//! What this server has just appended to logs that it owns itself: handed to the worker as it is, instead of being read back and
//! decoded. Only a short cut: whatever is not here any more, or came by way of another server, is read from the log.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::apply::{Body, LogItem, Message};
use crate::ids::{Position, ShardId, Shards};

/// How many bytes of items are kept, of all shards together: each has its share.
const MAX_BYTES: usize = 32 << 20;
/// What an item takes beside its event.
const ITEM_BYTES: usize = 256;

#[derive(Default)]
struct OfShard {
    owned: bool,
    entries: VecDeque<(Position, Vec<LogItem>, usize)>,
    bytes: usize,
}

pub(super) struct Fresh {
    shards: Vec<Mutex<OfShard>>,
    /// How many bytes of a shard's items are kept.
    max_bytes: usize,
}

impl Fresh {
    pub fn new(shards: Shards) -> Self {
        let max_bytes = MAX_BYTES / usize::from(shards.count());
        Self { shards: shards.all().map(|_| Mutex::default()).collect(), max_bytes }
    }

    /// About how many bytes all of it may take.
    pub fn max_bytes(&self) -> usize {
        self.shards.len() * self.max_bytes
    }

    fn of(&self, shard: ShardId) -> Option<MutexGuard<'_, OfShard>> {
        let found = self.shards.get(usize::from(shard.0))?;
        Some(found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says whether this server owns a shard; only then anything of it is kept.
    pub fn own(&self, shard: ShardId, owned: bool) {
        if let Some(mut of) = self.of(shard) {
            *of = OfShard { owned, ..OfShard::default() };
        }
    }

    /// Keeps nothing of what a shard had until now.
    pub fn clear(&self, shard: ShardId) {
        if let Some(mut of) = self.of(shard) {
            *of = OfShard { owned: of.owned, ..OfShard::default() };
        }
    }

    /// Keeps the items of an entry that was appended.
    pub fn put(&self, shard: ShardId, position: Position, items: Vec<LogItem>) {
        let bytes = items.iter().map(bytes).sum::<usize>();
        let Some(mut of) = self.of(shard).filter(|of| of.owned && of.bytes + bytes <= self.max_bytes) else {
            return;
        };
        of.bytes += bytes;
        // Appends that are under way at the same time may come back in any order.
        let at = of.entries.partition_point(|(known, ..)| *known < position);
        of.entries.insert(at, (position, items, bytes));
    }

    /// The items of an entry, which are needed only once.
    pub fn take(&self, shard: ShardId, position: Position) -> Option<Vec<LogItem>> {
        let mut of = self.of(shard)?;
        while let Some((known, ..)) = of.entries.front() {
            if *known > position {
                return None;
            }
            let (known, items, bytes) = of.entries.pop_front()?;
            of.bytes -= bytes;
            if known == position {
                return Some(items);
            }
        }
        None
    }
}

/// About how many bytes an item takes.
fn bytes(item: &LogItem) -> usize {
    ITEM_BYTES
        + match item {
            LogItem::Message(Message { body: Body::Event(event), .. }) => event.bytes(),
            LogItem::Reject(rejected) => {
                rejected.iter().map(|one| ITEM_BYTES + one.excerpt.len() + one.message.len()).sum()
            }
            LogItem::Message(_) | LogItem::Barrier | LogItem::Erase(_) => 0,
        }
}
