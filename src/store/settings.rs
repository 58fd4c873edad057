//! Which store is used, and how it is set up.

use std::path::PathBuf;

use super::Durability;
use crate::ids::Shards;
use crate::secret::Secret;

/// How the store is set up; no more than opening it needs.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Which store it is, and where.
    pub kind: StoreKind,
    /// How many shards the store has. Fixed when the store is created.
    pub shards: Shards,
    /// How many rejected events are kept.
    pub rejected_log: usize,
}

/// Which store is used; changing it needs a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// For tests and backtests: gone with the process.
    Memory,
    /// A database file on this machine, owned by one server process.
    Embedded {
        /// The file, relative to the working directory; it is made when it is missing, its directory as well.
        path: PathBuf,
    },
    /// Redis or Redis Cluster, shared by any number of server processes.
    Redis {
        /// The server's URL, or those of several nodes of a cluster. They may hold a password.
        urls: Vec<Secret>,
        /// Whether it is a Redis Cluster.
        cluster: bool,
        /// What a commit must survive before it is acknowledged.
        durability: Durability,
    },
}
