//! Which server should own which shards: an even split that moves no more than it must. Pure.
//!
//! Every live server has a rank, its place among their sorted names. Of `n` shards and `k` servers the one of rank `i` is due
//! `n / k` shards, and one more while `i < n mod k`. A server that joins only lowers the shares of the others and one that goes
//! only raises them, so a shard moves only to where one is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ShardId, Shards};

/// What a server should do about its shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// Its own already, and within its share.
    pub keep: Vec<ShardId>,
    /// Its own, beyond its share: to be given back, so that others find them free.
    pub release: Vec<ShardId>,
    /// Nobody's, or of servers that are gone: to be taken.
    pub claim: Vec<ShardId>,
}

impl Split {
    /// What `me` should keep, give back and take. An owner that is not among `live` is gone, and its shards are free.
    pub(crate) fn new(shards: Shards, owners: &BTreeMap<ShardId, String>, live: &BTreeSet<String>, me: &str) -> Self {
        let share = share(shards, live, me);
        let mut split = Self::default();
        for shard in shards.all() {
            match owners.get(&shard) {
                Some(owner) if owner == me && split.keep.len() < share => split.keep.push(shard),
                Some(owner) if owner == me => split.release.push(shard),
                Some(owner) if live.contains(owner) => {}
                _ => split.claim.push(shard),
            }
        }
        // A surplus is never given back and taken again: with one there is no room for more.
        split.claim.truncate(share - split.keep.len());
        split
    }

    /// What the server owns afterwards, in order.
    pub(crate) fn owned(&self) -> Vec<ShardId> {
        let mut owned: Vec<ShardId> = self.keep.iter().chain(&self.claim).copied().collect();
        owned.sort_unstable();
        owned
    }
}

/// How many shards `me` is due; none when it doesn't live.
fn share(shards: Shards, live: &BTreeSet<String>, me: &str) -> usize {
    let (n, k) = (usize::from(shards.count()), live.len());
    match live.iter().position(|name| name == me) {
        Some(rank) => n / k + usize::from(rank < n % k),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers that ask in turn, and what came of it.
    struct World {
        shards: Shards,
        owners: BTreeMap<ShardId, String>,
        live: BTreeSet<String>,
        moves: usize,
    }

    impl World {
        fn new(shards: u16) -> Self {
            let shards = Shards::new(shards).expect("not zero");
            Self { shards, owners: BTreeMap::new(), live: BTreeSet::new(), moves: 0 }
        }

        fn ask(&mut self, me: &str) {
            let split = Split::new(self.shards, &self.owners, &self.live, me);
            for shard in &split.release {
                assert_eq!(self.owners.remove(shard).as_deref(), Some(me));
            }
            for shard in &split.claim {
                let before = self.owners.insert(*shard, me.to_owned());
                assert!(before.is_none_or(|owner| !self.live.contains(&owner)), "taken from one that lives");
                self.moves += 1;
            }
            let mine: Vec<_> = self.owners.iter().filter(|(_, owner)| *owner == me).map(|(shard, _)| *shard).collect();
            assert_eq!(split.owned(), mine);
        }

        fn settle(&mut self) {
            for _ in 0..3 {
                self.live.clone().iter().for_each(|server| self.ask(server));
            }
        }

        fn sizes(&self) -> Vec<usize> {
            let count = |name: &String| self.owners.values().filter(|owner| *owner == name).count();
            self.live.iter().map(count).collect()
        }
    }

    #[test]
    fn one_to_sixteen_servers_share_evenly() {
        for shards in [1, 2, 7, 16, 64] {
            let mut world = World::new(shards);
            for k in 1..=16 {
                world.live.insert(format!("server{k}"));
                world.settle();
                let sizes = world.sizes();
                assert_eq!(sizes.iter().sum::<usize>(), usize::from(shards), "{shards} shards, {k} servers: {sizes:?}");
                let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                assert!(most - least <= 1, "{shards} shards, {k} servers: {sizes:?}");
            }
        }
    }

    #[test]
    fn a_settled_split_stays() {
        let mut world = World::new(16);
        world.live.extend(["a", "b", "c"].map(str::to_owned));
        world.settle();
        let before = (world.owners.clone(), world.moves);
        world.settle();
        assert_eq!((world.owners, world.moves), before);
    }

    #[test]
    fn who_joins_or_goes_moves_only_its_own_share() {
        for servers in 1..10 {
            for joins in 0..=servers {
                let mut world = World::new(16);
                world.live.extend((0..servers).map(|n| format!("s{n}-")));
                world.settle();
                // Any rank: names sort by the number and then by what follows the dash.
                let name = if joins == servers { "z".to_owned() } else { format!("s{joins}") };
                world.moves = 0;
                world.live.insert(name.clone());
                world.settle();
                let share = share(world.shards, &world.live, &name);
                assert_eq!(world.moves, share, "{servers} servers, one joins with rank {joins}");
                world.moves = 0;
                world.live.remove(&name);
                world.settle();
                assert_eq!(world.moves, share, "{servers} servers, rank {joins} goes");
            }
        }
    }

    #[test]
    fn shards_of_servers_that_are_gone_are_free() {
        let mut world = World::new(4);
        world.owners = (0..4).map(|n| (ShardId(n), "gone".to_owned())).collect();
        world.live.insert("a".to_owned());
        world.ask("a");
        assert_eq!(world.sizes(), [4]);
    }

    #[test]
    fn who_does_not_live_owns_nothing() {
        let mut world = World::new(2);
        world.live.insert("a".to_owned());
        world.owners.insert(ShardId(0), "b".to_owned());
        let split = Split::new(world.shards, &world.owners, &world.live, "b");
        assert_eq!(split, Split { release: vec![ShardId(0)], ..Split::default() });
    }
}
