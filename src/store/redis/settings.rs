//! Where Redis is, and what is demanded of it.

use std::time::Duration;

use crate::secret::Secret;
use crate::store::Durability;

/// How to reach Redis. The URLs may carry user, password and, for a single Redis, the number of a database:
/// `redis://user:password@host:6379/0`, `rediss://…` for TLS. With `?ca=/path/to/ca.pem` the certificates in that file are
/// trusted in place of the public ones.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// One for a single Redis; some nodes to start from for a cluster.
    pub urls: Vec<Secret>,
    /// Whether it is a Redis Cluster.
    pub cluster: bool,
    /// What a commit must survive before it is acknowledged.
    pub durability: Durability,
    /// What all keys begin with, so that several stores can share a Redis.
    pub prefix: String,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long Redis may take to answer before a call fails.
    pub response_timeout: Duration,
    /// How long calls wait for Redis to come back, from the moment it was lost, before they fail at once.
    pub patience: Duration,
}

impl RedisSettings {
    /// Settings with the usual prefix (`hr`) and times.
    pub fn new(urls: Vec<Secret>, cluster: bool, durability: Durability) -> Self {
        Self {
            urls,
            cluster,
            durability,
            prefix: "hr".to_owned(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
            patience: Duration::from_millis(500),
        }
    }
}
