//! What this server has just appended to logs that it owns itself: handed to the worker as it is, instead of being read back and
//! decoded. Only a short cut: whatever is not here any more, or came by way of another server, is read from the log.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::apply::LogItem;
use crate::ids::{Position, ShardId, Shards};

/// How many items are kept, of all shards together: each has its share.
const MAX_ITEMS: usize = 16 * 1_024;
/// What an ordinary event takes in memory.
const ITEM_BYTES: usize = 2 * 1024;

#[derive(Default)]
struct OfShard {
    owned: bool,
    entries: VecDeque<(Position, Vec<LogItem>)>,
    items: usize,
}

pub(super) struct Fresh {
    shards: Vec<Mutex<OfShard>>,
    /// How many items of a shard are kept.
    max_items: usize,
}

impl Fresh {
    pub fn new(shards: Shards) -> Self {
        let max_items = MAX_ITEMS / usize::from(shards.count());
        Self { shards: shards.all().map(|_| Mutex::default()).collect(), max_items }
    }

    /// About how many bytes all of it may take.
    pub fn max_bytes(&self) -> usize {
        self.shards.len() * self.max_items * ITEM_BYTES
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

    /// Keeps the items of an entry that was appended.
    pub fn put(&self, shard: ShardId, position: Position, items: Vec<LogItem>) {
        let Some(mut of) = self.of(shard).filter(|of| of.owned && of.items + items.len() <= self.max_items) else {
            return;
        };
        of.items += items.len();
        // Appends that are under way at the same time may come back in any order.
        let at = of.entries.partition_point(|(known, _)| *known < position);
        of.entries.insert(at, (position, items));
    }

    /// The items of an entry, which are needed only once.
    pub fn take(&self, shard: ShardId, position: Position) -> Option<Vec<LogItem>> {
        let mut of = self.of(shard)?;
        while let Some((known, _)) = of.entries.front() {
            if *known > position {
                return None;
            }
            let (known, items) = of.entries.pop_front()?;
            of.items -= items.len();
            if known == position {
                return Some(items);
            }
        }
        None
    }
}
