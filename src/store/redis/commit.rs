//! Commits: from [`Commit`]s to the arguments of `lua/commit.lua`, and from its answer to a result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::encode::Encoder;
use super::keys::STATE;
use super::relay::Sent;
use super::script::{self, Call, Script};
use super::shared::Core;
use super::{decode, errors, log};
use crate::store::{Commit, CommitError, StoreError};

/// How long a commit waits for a slot to be moved to another node.
const MOVING_PATIENCE: Duration = Duration::from_secs(5);
const MOVING_PAUSE: Duration = Duration::from_millis(20);

impl Core {
    pub async fn commit(self: &Arc<Self>, commits: Vec<Commit>) -> Result<(), CommitError> {
        if self.settings.cluster && commits.len() > 1 {
            return Err(StoreError::Unusable("on a cluster, a commit names one shard".to_owned()).into());
        }
        if commits.is_empty() {
            return Ok(());
        }
        // Not waited for: what comes back may have less than what this was made from, at the same position.
        self.health.is_up()?;
        let name = format!("{:016x}", rand::random::<u64>());
        let call = self.commit_call(&commits, &name);
        let answer = self.patiently(&script::COMMIT, &call).await?;
        let moved = moved(&answer);
        if moved.is_empty() {
            self.committed(commits, answer).await;
            return Ok(());
        }
        Err(CommitError::Moved(moved.into_iter().filter_map(|at| commits.get(at)).map(|commit| commit.shard).collect()))
    }

    /// Runs a script that refuses while a slot is moved, again and again as long as it does so: nothing has happened then, and
    /// for the caller it is better to wait than to begin again.
    pub(super) async fn patiently(&self, script: &Script, call: &Call) -> Result<Value, StoreError> {
        let until = Instant::now() + MOVING_PATIENCE;
        loop {
            let answer = self.eval_durably(script, call).await?;
            if !decode::is_moving(&answer) {
                return Ok(answer);
            }
            if Instant::now() > until {
                return Err(errors::moving());
            }
            tokio::time::sleep(MOVING_PAUSE).await;
        }
    }

    fn commit_call(&self, commits: &[Commit], name: &str) -> Call {
        let mut call = Call::default();
        call.arg(name);
        for commit in commits {
            call.key(self.keys.of(commit.shard, STATE)).show(commit.from.0);
            match commit.step {
                Some(step) => call.show(step),
                None => call.arg(""),
            };
        }
        for commit in commits {
            Encoder::new(&mut call, &self.keys, &self.options, self.settings.cluster).commit(commit, name);
        }
        call
    }

    /// What follows from a commit that happened: on a cluster the messages' journey.
    async fn committed(self: &Arc<Self>, commits: Vec<Commit>, answer: Value) {
        if !self.settings.cluster {
            return;
        }
        for commit in commits {
            if !commit.messages.is_empty() {
                let last = decode::text(answer.clone()).and_then(|id| log::position(&id));
                let sent = last.map(|last| Sent { last: last.0, messages: commit.messages });
                self.relay_soon(commit.shard, sent).await;
            }
        }
    }
}

/// Which of the commits were refused, by their places.
fn moved(answer: &Value) -> Vec<usize> {
    let Value::Array(answer) = answer else { return Vec::new() };
    let places = answer.iter().skip(1).cloned().filter_map(decode::int);
    places.filter_map(|place| usize::try_from(place).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_places() {
        let refusal = [Value::BulkString(b"moved".to_vec()), Value::Int(0), Value::Int(2)];
        assert_eq!(moved(&Value::Array(refusal.to_vec())), [0, 2]);
        assert!(moved(&Value::BulkString(b"0-17".to_vec())).is_empty());
        assert!(moved(&Value::Int(1)).is_empty());
    }
}
