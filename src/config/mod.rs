//! The configuration: one file per section, diagnostics that point at the place, compiled into the domain's own types.
//!
//! [`load()`] reads a file and what it includes: text → tree with places (`yaml`) → shape (`shape`, `read`) → domain types
//! (`compile`). Every step reports all that is wrong with it, and goes on with what is right. [`watch`] keeps a running
//! server's configuration up to date. The JSON Schema and `docs/configuration.md` are made from `shape` by [`schema`].

mod attached;
mod compile;
pub mod diagnostic;
mod findings;
mod lint;
mod load;
mod path;
mod read;
mod redact;
pub mod reference;
mod scalar;
pub mod schema;
mod shape;
mod source;
mod suggest;
mod traps;
pub mod watch;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use diagnostic::{Diagnostic, Severity};
pub use load::{Loaded, load, load_text, process_env};

use crate::cdp::source::Secret;
use crate::cdp::{Source, WantedProperties};
use crate::counters::Counter;
use crate::crm::Destination;
use crate::identity::Partitions;
use crate::qualify::Definition;
use crate::qualify::expr::Type;
use crate::routing::{Route, Team};

/// A configuration that was checked in whole and is ready to be run. Immutable; a reload makes a new one.
#[derive(Clone, Debug)]
pub struct Config {
    /// The first 12 hex digits of a hash over all files: which configuration is in force.
    pub version: Arc<str>,
    /// How the HTTP server runs.
    pub server: ServerSettings,
    /// Where everything durable is kept.
    pub store: StoreSettings,
    /// Where events come from; requests of anybody else are refused.
    pub sources: Vec<Source>,
    /// Where the account of an event is found, tried in order.
    pub accounts: Vec<AccountKey>,
    /// The time zone of calendar days.
    pub time_zone: jiff::tz::TimeZone,
    /// Declared traits, by canonical name; Segment's reserved traits are always among them.
    pub user_traits: BTreeMap<Box<str>, Type>,
    /// The same for accounts.
    pub account_traits: BTreeMap<Box<str>, Type>,
    /// `CounterId(n)` is `counters[n]`.
    pub counters: Vec<Counter>,
    /// What makes a subject a lead, in the order in which it is written.
    pub definitions: Vec<Definition>,
    /// The teams that routes name.
    pub teams: Vec<Team>,
    /// In order; the first match wins.
    pub routes: Vec<Route>,
    /// Where leads are delivered; each lead goes to all of them.
    pub destinations: Vec<Destination>,
    /// Which properties of events any of the above reads.
    pub wanted_properties: WantedProperties,
}

/// One place where the account of an event may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountKey {
    /// `context.groupId`.
    ContextGroupId,
    /// The `groupId` of a group call.
    GroupId,
    /// A path in the event, such as `context.traits.company.id` (see `Event::context_traits`), `traits.company.id` or
    /// `properties.workspace_id`: its root and the steps below.
    Path(PathRoot, Vec<Box<str>>),
    /// The account of the user's last group call.
    LastGroup,
    /// The company part of the user's work e-mail address; never a free-mail domain.
    EmailDomain,
}

/// Where in an event the path of an [`AccountKey::Path`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRoot {
    /// `properties` of a track, page or screen call.
    Properties,
    /// `traits` of an identify call; those of a group call are the account's own and name no other.
    Traits,
    /// `context.traits` of a call other than identify (see `Event::context_traits`).
    ContextTraits,
}

/// The `server` section, its defaults filled in.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The address to listen at; changing it needs a restart.
    pub listen: SocketAddr,
    /// HTTP worker threads; `None`: one per core.
    pub workers: Option<usize>,
    /// The bearer token of the admin API; without one the admin API answers nobody.
    pub admin_token: Option<Secret>,
    /// How large and how many requests may be.
    pub limits: Limits,
    /// Where traces go (an OTLP/HTTP endpoint), if anywhere.
    pub otlp_endpoint: Option<String>,
    /// How long a graceful stop may take.
    pub drain_timeout: Duration,
}

/// Bounds on what a request may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// One event: 32 KiB in Segment's and RudderStack's documentation.
    pub event_bytes: usize,
    /// A request, decompressed: Segment 500 KB, RudderStack 4,000 KB.
    pub request_bytes: usize,
    /// Events in a batch: 2,500.
    pub batch_events: usize,
    /// Requests being worked at once; beyond it the answer is 429.
    pub in_flight: usize,
}

/// The `store` section, its defaults filled in.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Which store it is, and where.
    pub kind: StoreKind,
    /// How many partitions the store has: 1 to 4,096, by default 64. Fixed when the store is created.
    pub partitions: Partitions,
    /// How long message ids are remembered.
    pub remember: Duration,
    /// Subjects that nothing was heard of for this long may leave; `None`: they stay.
    pub idle_subjects: Option<Duration>,
    /// How many rejected events are kept.
    pub rejected_log: usize,
}

/// Which store is used; changing it needs a restart.
#[derive(Clone, Debug)]
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

/// What a commit must survive before it is acknowledged, on Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What Redis is configured for; a start-up warning says what could be lost.
    Redis,
    /// The server refuses to start unless Redis runs with `appendfsync always`.
    Fsync,
    /// Each commit waits (`WAIT`) for so many replicas.
    Replicas(u8),
}
