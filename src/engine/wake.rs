//! Wakes: how a commit in this process tells a queue's worker in this process that there is work, so that nothing waits for
//! a poll. Only a hint: work that other processes left behind is found by the workers' slow polls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::identity::PartitionId;
use crate::store::QueueName;

#[derive(Default)]
struct Lane {
    partitions: Mutex<BTreeSet<PartitionId>>,
    notify: Notify,
}

/// The switchboard; cheap to clone.
#[derive(Clone, Default)]
pub struct Wakes {
    lanes: Arc<Mutex<BTreeMap<QueueName, Arc<Lane>>>>,
}

impl Wakes {
    fn lane(&self, queue: &QueueName) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(queue.clone()).or_default())
    }

    /// Says that `queue` has work in `partition`.
    pub fn wake(&self, queue: &QueueName, partition: PartitionId) {
        let lane = self.lane(queue);
        lane.partitions.lock().unwrap_or_else(PoisonError::into_inner).insert(partition);
        lane.notify.notify_one();
    }

    /// The ear of a queue's worker. One worker per queue and process.
    #[must_use]
    pub fn receiver(&self, queue: &QueueName) -> WakeReceiver {
        WakeReceiver { lane: self.lane(queue) }
    }
}

/// Where a worker hears which partitions have work.
pub struct WakeReceiver {
    lane: Arc<Lane>,
}

impl WakeReceiver {
    /// The partitions that were woken since the last call; waits until there is at least one.
    pub async fn woken(&self) -> BTreeSet<PartitionId> {
        loop {
            let woken = std::mem::take(&mut *self.lane.partitions.lock().unwrap_or_else(PoisonError::into_inner));
            if !woken.is_empty() {
                return woken;
            }
            self.lane.notify.notified().await;
        }
    }
}
