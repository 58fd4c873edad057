//! A connection that is shared: one Redis or a cluster behind one face.

use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

use super::decode;
use super::script::{Call, Script};

/// A connection shared by any number of callers; it reconnects by itself.
#[derive(Clone)]
pub(super) enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    pub async fn cmd(&self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(link) => cmd.query_async(&mut link.clone()).await,
            Self::Cluster(link) => cmd.query_async(&mut link.clone()).await,
        }
    }

    /// Sends several commands at once; all their keys must live in one slot.
    pub async fn pipe(&self, pipe: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single(link) => pipe.query_async(&mut link.clone()).await,
            Self::Cluster(link) => pipe.query_async(&mut link.clone()).await,
        }
    }

    /// Asks every master; each answer comes with the node's address.
    pub async fn masters(&self, cmd: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        match self {
            Self::Single(link) => Ok(vec![("redis".to_owned(), cmd.query_async(&mut link.clone()).await?)]),
            Self::Cluster(link) => {
                let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answer = link.clone().route_command(cmd.clone(), everywhere).await?.extract_error()?;
                let Value::Map(answers) = answer else { return Ok(Vec::new()) };
                Ok(answers.into_iter().filter_map(|(node, value)| Some((decode::text(node)?, value))).collect())
            }
        }
    }

    pub async fn eval(&self, script: &Script, call: &Call) -> RedisResult<Value> {
        match self.cmd(&script.by_hash(call)).await {
            Err(error) if is_unknown_script(&error) => self.cmd(&script.whole(call)).await,
            answer => answer,
        }
    }

    pub async fn eval_and_wait(&self, script: &Script, call: &Call, fence: Fence) -> RedisResult<Value> {
        let run = async |cmd: Cmd| {
            let mut pipe = redis::pipe();
            pipe.add_command(cmd);
            self.pipe_and_wait(pipe, fence).await
        };
        let mut answers = match run(script.by_hash(call)).await {
            Err(error) if is_unknown_script(&error) => run(script.whole(call)).await?,
            answers => answers?,
        };
        Ok(answers.pop().unwrap_or_default())
    }

    /// Sends several commands, and waits until replicas have what they did.
    pub async fn pipe_and_wait(&self, mut pipe: Pipeline, fence: Fence) -> RedisResult<Vec<Value>> {
        pipe.cmd("WAIT").arg(fence.replicas).arg(u64::try_from(fence.wait.as_millis()).unwrap_or(1));
        let mut answers = self.pipe(&pipe).await?;
        match answers.pop().map(decode::count) {
            Some(reached) if reached >= u64::from(fence.replicas) => Ok(answers),
            // Fails closed: it may have happened on the master, but not where it has to.
            reached => Err(RedisError::from((
                ErrorKind::Extension,
                "too few replicas have it",
                format!("{} of {}", reached.unwrap_or(0), fence.replicas),
            ))),
        }
    }
}

/// How many replicas must have a write, and how long to wait for them.
#[derive(Clone, Copy)]
pub(super) struct Fence {
    pub replicas: u8,
    pub wait: Duration,
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
