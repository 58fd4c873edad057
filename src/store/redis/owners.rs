//! Who works on which shard: leases, and which servers live to share them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::decode;
use super::keys::OWNER;
use super::script::{self, Call};
use super::shared::Core;
use crate::ids::ShardId;
use crate::store::share::Split;
use crate::store::{LEASE, Ownership, ServerInfo, StoreError};

impl Core {
    pub async fn heartbeat(&self, server: &str, holding: &[ShardId], settings: &str) -> Result<Ownership, StoreError> {
        let servers = self.live(server, settings).await?;
        let live: BTreeSet<String> = servers.iter().map(|server| server.name.clone()).collect();
        let (mut owners, silent) = self.owners().await?;
        for &shard in holding {
            // A lease that lapsed while Redis was away: ours still, unless somebody else was quicker.
            owners.entry(shard).or_insert_with(|| server.to_owned());
        }
        // Of whom a node is away that would say whose a shard is, it is not to be taken.
        if let Some(other) = live.iter().find(|name| *name != server) {
            for shard in silent {
                owners.entry(shard).or_insert_with(|| other.clone());
            }
        }
        let split = Split::new(self.options.shards, &owners, &live, server);
        let wants = split.owned().into_iter().map(|shard| (shard, "take"));
        let released = split.release.iter();
        let wants = wants.chain(released.map(|&shard| (shard, if holding.contains(&shard) { "take" } else { "drop" })));
        let wants: Vec<_> = wants.collect();
        let mut shards = Vec::new();
        let (mut answered, mut failed) = (wants.is_empty(), None);
        for (shard, leased) in self.lease(server, &wants).await {
            match leased {
                Ok(leased) => {
                    answered = true;
                    shards.extend(leased.then_some(shard));
                }
                Err(error) => {
                    // What it holds it goes on working; the others must not suffer from one node that is away.
                    shards.extend((holding.contains(&shard) && split.keep.contains(&shard)).then_some(shard));
                    failed = Some(error);
                }
            }
        }
        if let (false, Some(error)) = (answered, failed) {
            return Err(error);
        }
        shards.retain(|shard| !split.release.contains(shard));
        shards.sort_unstable();
        Ok(Ownership { shards, servers })
    }

    pub async fn leave(&self, server: &str) -> Result<(), StoreError> {
        let all: Vec<_> = self.options.shards.all().map(|shard| (shard, "drop")).collect();
        self.lease(server, &all).await.into_iter().try_for_each(|(_, dropped)| dropped.map(drop))?;
        self.cmd(redis::cmd("HDEL").arg(self.keys.servers()).arg(server)).await.map(drop)
    }

    /// Says that `server` lives; answers who does, by name.
    async fn live(&self, server: &str, settings: &str) -> Result<Vec<ServerInfo>, StoreError> {
        let mut call = Call::new(self.keys.servers());
        call.arg(server).arg(settings).show(LEASE.as_millis());
        let answer = self.eval(&script::ALIVE, &call).await?;
        let mut servers: Vec<ServerInfo> =
            decode::pairs(answer).map(|(name, settings)| ServerInfo { name, settings }).collect();
        servers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(servers)
    }

    /// The owners of the shards, and of which shards nobody can say that now, since their nodes are away.
    async fn owners(&self) -> Result<(BTreeMap<ShardId, String>, Vec<ShardId>), StoreError> {
        let ask = async |shards: &[ShardId]| {
            self.ask_these(shards, |pipe, shard| {
                pipe.cmd("GET").arg(self.keys.of(shard, OWNER));
            })
            .await
        };
        let all: Vec<ShardId> = self.options.shards.all().collect();
        let together = if self.settings.cluster { 1 } else { all.len() };
        let (mut owners, mut silent, mut failed) = (BTreeMap::new(), Vec::new(), None);
        let answers = join_all(all.chunks(together).map(async |shards| (shards, ask(shards).await)));
        for (shards, answer) in answers.await {
            match answer {
                Ok(names) => {
                    let named = shards.iter().zip(names);
                    owners.extend(named.filter_map(|(shard, name)| Some((*shard, decode::text(name)?))));
                }
                Err(error) => {
                    silent.extend_from_slice(shards);
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if silent.len() == all.len() => Err(error),
            _ => Ok((owners, silent)),
        }
    }

    /// Takes or drops leases; answers of each whether it is the server's from now on.
    async fn lease(&self, server: &str, wants: &[(ShardId, &str)]) -> Vec<(ShardId, Result<bool, StoreError>)> {
        // One call for all, or on a cluster one for each.
        let together = if self.settings.cluster { 1 } else { usize::MAX };
        let calls = wants.chunks(together).map(async |wants| {
            let mut call = Call::default();
            call.arg(server).show(LEASE.as_millis());
            for (shard, want) in wants {
                call.key(self.keys.of(*shard, OWNER)).arg(want);
            }
            let answer: Result<Vec<bool>, StoreError> = self.eval(&script::LEASE, &call).await.map(|owners| {
                decode::list(owners).into_iter().map(|owner| decode::text(owner).as_deref() == Some(server)).collect()
            });
            let of = |at: usize| match &answer {
                Ok(leased) => Ok(leased.get(at).copied().unwrap_or(false)),
                Err(error) => Err(error.clone()),
            };
            wants.iter().enumerate().map(|(at, (shard, _))| (*shard, of(at))).collect::<Vec<_>>()
        });
        join_all(calls).await.into_iter().flatten().collect()
    }
}
