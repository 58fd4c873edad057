//! Who lives, and who owns what.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::ids::{ShardId, Shards};
use crate::store::share::Split;
use crate::store::{LEASE, Ownership, ServerInfo};

#[derive(Clone, Default)]
pub(super) struct Owners {
    servers: BTreeMap<String, Server>,
    shards: BTreeMap<ShardId, String>,
}

#[derive(Clone)]
struct Server {
    lives_until: Instant,
    settings: String,
}

impl Owners {
    /// What the table says is its own is answered even when an earlier answer was lost, and what it holds beyond that was taken away.
    pub(super) fn heartbeat(&mut self, shards: Shards, server: &str, holding: &[ShardId], settings: &str) -> Ownership {
        let now = Instant::now();
        // Its own lease may have run out as well: then its shards are free, for it as for anybody.
        self.servers.retain(|_, server| server.lives_until > now);
        self.shards.retain(|_, owner| self.servers.contains_key(owner));
        let alive = Server { lives_until: now + LEASE, settings: settings.to_owned() };
        self.servers.insert(server.to_owned(), alive);
        let live = self.servers.keys().cloned().collect();
        let split = Split::new(shards, &self.shards, &live, server);
        for shard in split.release.iter().filter(|shard| !holding.contains(shard)) {
            self.shards.remove(shard);
        }
        for shard in &split.claim {
            self.shards.insert(*shard, server.to_owned());
        }
        let info =
            |(name, server): (&String, &Server)| ServerInfo { name: name.clone(), settings: server.settings.clone() };
        Ownership { shards: split.owned(), servers: self.servers.iter().map(info).collect() }
    }

    pub(super) fn leave(&mut self, server: &str) {
        self.servers.remove(server);
        self.shards.retain(|_, owner| owner != server);
    }
}
