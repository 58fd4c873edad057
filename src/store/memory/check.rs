//! What a caller must not get wrong. The other stores take it on trust; here it is refused, so that every test and every
//! simulation on this store looks for such mistakes.

use std::collections::BTreeSet;

use super::state::State;
use crate::ids::RecordKey;
use crate::store::{Commit, CommitError, Progress, StoreError};

impl State {
    /// Whether `commits` may happen: first whether they make sense, then whether each shard stands where its commit begins.
    pub(super) fn check(&self, commits: &[Commit]) -> Result<(), CommitError> {
        let mut named = BTreeSet::new();
        let wrong = commits.iter().find_map(|commit| {
            if named.insert(commit.shard) { None } else { Some(format!("{} is named twice", commit.shard)) }
        });
        if let Some(wrong) = wrong {
            return Err(refused(wrong));
        }
        let moved: Vec<_> = commits
            .iter()
            .filter(|commit| {
                self.shard(commit.shard).is_none_or(|shard| {
                    let Progress { position, step, .. } = shard.progress;
                    position != commit.from || commit.step.is_some_and(|expected| expected != step)
                })
            })
            .map(|commit| commit.shard)
            .collect();
        if !moved.is_empty() {
            return Err(CommitError::Moved(moved));
        }
        commits.iter().try_for_each(|commit| self.check_one(commit).map_err(refused))
    }

    fn check_one(&self, commit: &Commit) -> Result<(), String> {
        let Some(shard) = self.shard(commit.shard) else { return Err(format!("there is no shard {}", commit.shard)) };
        if commit.to < commit.from || commit.to > shard.progress.end {
            let end = shard.progress.end;
            return Err(format!(
                "{} can't move from {} to {}: its log ends at {end}",
                commit.shard, commit.from, commit.to
            ));
        }
        let elsewhere = |key: &&RecordKey| self.options.shards.of(key) != commit.shard;
        let keys = commit.records.iter().map(|write| &write.key);
        let subjects = commit.leads.iter().map(|lead| &lead.subject).chain(&commit.forget_leads);
        if let Some(key) = keys.clone().chain(subjects).find(elsewhere) {
            return Err(format!("`{key}` does not live in {}", commit.shard));
        }
        let mut named = BTreeSet::new();
        if let Some(twice) = keys.into_iter().find(|key| !named.insert(*key)) {
            return Err(format!("`{twice}` is written twice"));
        }
        for write in &commit.records {
            let listed = shard.listed(&write.key);
            if listed != write.was_listed.as_ref() {
                return Err(format!("`{}` stands in {listed:?}, not in {:?}", write.key, write.was_listed));
            }
            if write.text.is_none() && write.listed.is_some() {
                return Err(format!("`{}` is deleted and listed", write.key));
            }
        }
        if commit.block.is_some() && commit.step.is_none() {
            return Err("it leaves a block and has no number".to_owned());
        }
        let messages = &commit.messages;
        match messages.iter().find(|message| self.shard(message.shard).is_none()) {
            Some(message) => Err(format!("there is no shard {}", message.shard)),
            None => Ok(()),
        }
    }
}

fn refused(wrong: String) -> CommitError {
    StoreError::Unusable(format!("a commit that makes no sense: {wrong}")).into()
}
