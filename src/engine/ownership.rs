//! Which shards this server works: a heartbeat says that it lives, and hears which shards are its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::input::Input;
use crate::ids::ShardId;
use crate::store::{HEARTBEAT, Ownership};

/// How often positions of all shards are looked at.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn start(shared: &Arc<Shared>) {
    let (beating, looking) = (Arc::clone(shared), Arc::clone(shared));
    let ended = shared.ended.clone();
    tokio::spawn(async move { ended.run_until_cancelled(beat(&beating)).await });
    let ended = shared.ended.clone();
    tokio::spawn(async move { ended.run_until_cancelled(look(&looking)).await });
}

async fn beat(shared: &Shared) {
    let mut told: Option<Vec<ShardId>> = None;
    while !shared.is_leaving() {
        let holding = told.clone().unwrap_or_default();
        let version = Arc::clone(&shared.rules.load().version);
        match shared.store.heartbeat(&shared.settings.server, &holding, &version).await {
            Ok(Ownership { shards, servers }) => {
                shared.store_answers();
                shared.heard_of(servers, &version);
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
        tokio::time::sleep(HEARTBEAT).await;
    }
}

async fn look(shared: &Shared) {
    let all: Vec<ShardId> = shared.store.shards().all().collect();
    loop {
        if let Ok(found) = shared.store.progress(&all).await {
            for (shard, progress) in all.iter().zip(found) {
                shared.progress.seen(*shard, progress);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The servers whose settings differ from those of `mine`.
pub(super) fn differing(servers: &[crate::store::ServerInfo], mine: &str) -> BTreeSet<String> {
    servers.iter().filter(|server| server.settings != mine).map(|server| server.name.clone()).collect()
}
