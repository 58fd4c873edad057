//! A store as one would write it on a sheet of paper: what the model test compares every store with.

use std::collections::BTreeMap;

use handraiser::ids::{RecordKey, ShardId};
use handraiser::store::*;
use handraiser::time::Millis;

/// Shards by their ids.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    pub shards: BTreeMap<ShardId, Shard>,
}

/// What is known of one shard.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    pub position: u64,
    pub end: u64,
    /// Everything that was ever appended, by its position.
    pub log: BTreeMap<u64, Vec<u8>>,
    pub records: BTreeMap<RecordKey, (Box<str>, Option<Listed>)>,
    pub ids: BTreeMap<i64, Vec<u64>>,
    pub leads: BTreeMap<String, LeadRow>,
}

impl Reference {
    fn shard(&mut self, shard: ShardId) -> &mut Shard {
        self.shards.entry(shard).or_default()
    }

    pub fn append(&mut self, entry: &Append) -> u64 {
        let shard = self.shard(entry.shard);
        shard.end += 1;
        shard.log.insert(shard.end, entry.payload.to_vec());
        shard.end
    }

    /// Does everything or answers which shards have moved.
    pub fn commit(&mut self, commits: &[Commit]) -> Result<(), Vec<ShardId>> {
        let moved = commits.iter().filter(|commit| self.shards[&commit.shard].position != commit.from.0);
        let moved: Vec<_> = moved.map(|commit| commit.shard).collect();
        if !moved.is_empty() {
            return Err(moved);
        }
        for commit in commits {
            self.shard(commit.shard).apply(commit);
        }
        for message in commits.iter().flat_map(|commit| &commit.messages) {
            self.append(message);
        }
        Ok(())
    }

    pub fn record(&self, key: &RecordKey) -> Option<&(Box<str>, Option<Listed>)> {
        self.shards.values().find_map(|shard| shard.records.get(key))
    }

    pub fn leads(&self, query: &LeadQuery) -> Vec<LeadRow> {
        let all = self.shards.values().flat_map(|shard| shard.leads.values());
        let mut found: Vec<_> = all.filter(|lead| query.matches(lead)).cloned().collect();
        found.sort_by(|a, b| (b.updated, &b.id).cmp(&(a.updated, &a.id)));
        found.truncate(query.limit);
        found
    }

    /// The records in a list, of one shard or of all, by time and name.
    pub fn standing(&self, of: Option<ShardId>, list: &ListName) -> Vec<(Millis, RecordKey)> {
        let shards = self.shards.iter().filter(|(id, _)| of.is_none_or(|of| of == **id));
        let records = shards.flat_map(|(_, shard)| &shard.records);
        let listed = records.filter_map(|(key, (_, listed))| Some((key, listed.as_ref()?)));
        let mut found: Vec<_> =
            listed.filter(|(_, listed)| listed.list == *list).map(|(key, listed)| (listed.at, key.clone())).collect();
        found.sort();
        found
    }
}

impl Shard {
    fn apply(&mut self, commit: &Commit) {
        self.position = commit.to.0;
        for write in &commit.records {
            match &write.text {
                Some(text) => drop(self.records.insert(write.key.clone(), (text.clone(), write.listed.clone()))),
                None => drop(self.records.remove(&write.key)),
            }
        }
        for hour in &commit.forget_ids {
            self.ids.remove(hour);
        }
        for id in &commit.ids {
            self.ids.entry(commit.now.0 / Millis::HOUR).or_default().push(*id);
        }
        self.leads.retain(|_, lead| !commit.forget_leads.contains(&lead.subject));
        for lead in &commit.leads {
            self.leads.insert(lead.id.clone(), lead.clone());
        }
    }
}
