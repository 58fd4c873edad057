//! Everything that the store holds, and how a commit changes it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::owners::Owners;
use super::shard::Shard;
use crate::ids::{Position, ShardId};
use crate::store::{Append, Commit, CommitError, Reads, Rejected, StoreError, StoreOptions, rejects};

#[derive(Clone)]
pub(super) struct State {
    pub options: StoreOptions,
    /// One for each that there is.
    pub shards: Vec<Shard>,
    pub owners: Owners,
    /// The oldest first.
    pub rejected: VecDeque<Rejected>,
    relays: Option<Relays>,
}

/// How messages travel between shards that are apart.
#[derive(Clone)]
pub(super) struct Relays {
    seed: u64,
    within: Duration,
    /// How many messages have set out.
    sent: u64,
}

impl Relays {
    pub(super) fn new(seed: u64, within: Duration) -> Self {
        Self { seed, within, sent: 0 }
    }

    /// For how long the next message is on its way, as the seed has it.
    fn next(&mut self) -> Duration {
        self.sent += 1;
        let drawn = xxh3_64_with_seed(&self.sent.to_le_bytes(), self.seed);
        let within = u64::try_from(self.within.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(drawn.checked_rem(within).unwrap_or(0))
    }
}

impl State {
    pub(super) fn new(options: StoreOptions, relays: Option<Relays>) -> Self {
        let shards = options.shards.all().map(|_| Shard::default()).collect();
        Self { options, shards, owners: Owners::default(), rejected: VecDeque::new(), relays }
    }

    pub(super) fn read(&self, after: &[(ShardId, Position)], max_bytes: usize) -> Result<Reads, StoreError> {
        let mut found = Vec::new();
        for (shard, position) in after {
            let entries = self.known(*shard)?.read(*position, max_bytes);
            if !entries.is_empty() {
                found.push((*shard, entries));
            }
        }
        Ok(found)
    }

    pub(super) fn shard(&self, shard: ShardId) -> Option<&Shard> {
        self.shards.get(usize::from(shard.0))
    }

    pub(super) fn known(&self, shard: ShardId) -> Result<&Shard, StoreError> {
        self.shard(shard).ok_or_else(|| unknown(shard))
    }

    pub(super) fn append(&mut self, Append { shard, payload }: Append) -> Result<Position, StoreError> {
        let known = self.shards.get_mut(usize::from(shard.0)).ok_or_else(|| unknown(shard))?;
        Ok(known.append(payload))
    }

    pub(super) fn commit(&mut self, commits: Vec<Commit>) -> Result<(), CommitError> {
        self.check(&commits)?;
        for mut commit in commits {
            let (sender, messages) = (commit.shard, std::mem::take(&mut commit.messages));
            self.rejected.extend(commit.rejected.drain(..));
            if let Some(shard) = self.shards.get_mut(usize::from(sender.0)) {
                shard.apply(commit);
            }
            for message in messages {
                self.send(sender, message)?;
            }
        }
        if self.rejected.len() > self.options.rejected_log {
            self.rejected = rejects::keep(std::mem::take(&mut self.rejected).into(), self.options.rejected_log).into();
        }
        Ok(())
    }

    /// Puts a message into its shard's log, or on its way there.
    fn send(&mut self, sender: ShardId, message: Append) -> Result<(), StoreError> {
        let Some(relays) = &mut self.relays else { return self.append(message).map(drop) };
        let arrives = Instant::now() + relays.next();
        let known = self.shards.get_mut(usize::from(sender.0)).ok_or_else(|| unknown(sender))?;
        known.outbox.push_back((arrives, message));
        known.sent += 1;
        Ok(())
    }

    /// Lets messages arrive whose time has come, the earliest first. One whose predecessor is still on its way waits for it: what
    /// follows from a message must not arrive ahead of it.
    pub(super) fn relay(&mut self) {
        let now = Instant::now();
        loop {
            let waiting = self.shards.iter_mut().filter(|shard| shard.outbox.front().is_some());
            let next = waiting.min_by_key(|shard| shard.outbox.front().map(|(arrives, _)| *arrives));
            let Some((_, message)) = next.and_then(|shard| shard.outbox.pop_front_if(|(arrives, _)| *arrives <= now))
            else {
                return;
            };
            // The commit was checked: there is such a shard.
            let _ = self.append(message);
        }
    }

    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.shards.iter().filter_map(|shard| shard.outbox.front()).map(|(arrives, _)| *arrives).min()
    }
}

fn unknown(shard: ShardId) -> StoreError {
    StoreError::Unusable(format!("there is no shard {shard}"))
}
