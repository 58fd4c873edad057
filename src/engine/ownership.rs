//! Which shards this server works: a heartbeat says that it lives, and hears which shards are its own.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::input::Input;
use crate::ids::ShardId;
use crate::store::{HEARTBEAT, LEASE, Ownership};

/// How often positions of all shards are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// So long before its lease ends a server begins nothing that others would see.
const LEASE_MARGIN: Duration = Duration::from_secs(1);

pub(super) fn start(shared: &Arc<Shared>) {
    shared.keep_running("the heartbeat", beat);
    shared.keep_running("the look at positions", look);
}

async fn beat(shared: Arc<Shared>) {
    let mut told: Option<Vec<ShardId>> = None;
    while !shared.is_leaving() {
        let (began, holding) = (Instant::now(), shared.holds());
        let settings = Arc::clone(&shared.rules.load().settings);
        match shared.store.heartbeat(&shared.settings.server, &holding, &settings).await {
            Ok(Ownership { shards, servers }) => {
                shared.store_answers();
                shared.leased(began);
                shared.heard_of(servers, &settings);
                if told.as_ref() != Some(&shards) && !shared.is_leaving() {
                    tracing::info!(shards = shards.len(), "this server works so many shards");
                    for (worker, input) in shared.inputs.iter().enumerate() {
                        let own = shards.iter().copied().filter(|shard| shared.worker_of(*shard) == worker).collect();
                        let _ = input.send(Input::Own(own));
                    }
                    told = Some(shards);
                }
            }
            // What it holds it goes on working: if another server takes it meanwhile, the position tells.
            Err(error) => shared.store_failed(&error),
        }
        // Whoever waits for a shard that was let go need not wait for the next beat.
        let _ = tokio::time::timeout(HEARTBEAT, shared.let_go.notified()).await;
    }
}

async fn look(shared: Arc<Shared>) {
    let all: Vec<ShardId> = shared.store.shards().all().collect();
    loop {
        let _ = shared.look(&all).await;
        tokio::time::sleep(LOOK).await;
    }
}

impl Shared {
    /// The shards that this server works.
    pub(super) fn holds(&self) -> Vec<ShardId> {
        self.told().owned.values().flatten().copied().collect()
    }

    /// A heartbeat that began at this moment was answered.
    pub(super) fn leased(&self, began: Instant) {
        *self.leased.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
    }

    /// Whether nobody else can own by now what this server owned when it was last told.
    pub(super) fn has_lease(&self) -> bool {
        let leased = *self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.is_some_and(|began| began.elapsed() < LEASE.saturating_sub(LEASE_MARGIN))
    }
}

/// The servers whose settings differ from those of `mine`.
pub(super) fn differing(servers: &[crate::store::ServerInfo], mine: &str) -> BTreeSet<String> {
    servers.iter().filter(|server| server.settings != mine).map(|server| server.name.clone()).collect()
}
