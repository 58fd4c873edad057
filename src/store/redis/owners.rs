//! Who works on which shard: leases, and which servers live to share them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

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
        let mut owners = self.owners().await?;
        for &shard in holding {
            // A lease that lapsed while Redis was away: ours still, unless somebody else was quicker.
            owners.entry(shard).or_insert_with(|| server.to_owned());
        }
        let split = Split::new(self.options.shards, &owners, &live, server);
        let wants = split.owned().into_iter().map(|shard| (shard, "take"));
        let released = split.release.iter();
        let wants = wants.chain(released.map(|&shard| (shard, if holding.contains(&shard) { "take" } else { "drop" })));
        let mut shards = self.lease(server, wants.collect()).await?;
        shards.retain(|shard| !split.release.contains(shard));
        shards.sort_unstable();
        Ok(Ownership { shards, servers })
    }

    pub async fn leave(&self, server: &str) -> Result<(), StoreError> {
        self.lease(server, self.options.shards.all().map(|shard| (shard, "drop")).collect()).await?;
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

    async fn owners(&self) -> Result<BTreeMap<ShardId, String>, StoreError> {
        let answers = self.ask_shards(|pipe, shard| {
            pipe.cmd("GET").arg(self.keys.of(shard, OWNER));
        });
        let owners = self.options.shards.all().zip(answers.await?);
        Ok(owners.filter_map(|(shard, owner)| Some((shard, decode::text(owner)?))).collect())
    }

    /// Takes or drops leases; answers which of those shards are the server's from now on.
    async fn lease(&self, server: &str, wants: Vec<(ShardId, &str)>) -> Result<Vec<ShardId>, StoreError> {
        // One call for all, or on a cluster one for each.
        let together = if self.settings.cluster { 1 } else { usize::MAX };
        let calls = wants.chunks(together).map(async |wants| {
            let mut call = Call::default();
            call.arg(server).show(LEASE.as_millis());
            for (shard, want) in wants {
                call.key(self.keys.of(*shard, OWNER)).arg(want);
            }
            let owners = decode::list(self.eval(&script::LEASE, &call).await?).into_iter();
            let owned =
                wants.iter().zip(owners).filter(|(_, owner)| decode::text((*owner).clone()).as_deref() == Some(server));
            Ok::<_, StoreError>(owned.map(|((shard, _), _)| *shard).collect::<Vec<_>>())
        });
        Ok(try_join_all(calls).await?.into_iter().flatten().collect())
    }
}
