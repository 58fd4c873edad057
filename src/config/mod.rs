//! The configuration: one file per section, diagnostics that point at the place, compiled into the domain's own types.
//!
//! [`load()`] reads a file and what it includes: text → tree with places (`yaml`) → shape (`shape`, `read`) → domain types
//! (`compile`). Every step reports all that is wrong with it, and goes on with what is right. [`watch`] keeps a running
//! server's configuration up to date. The JSON Schema and `docs/configuration.md` are made from `shape` by [`schema`].

mod attached;
mod compile;
mod conditions;
pub mod diagnostic;
pub mod diff;
pub mod fill;
mod findings;
mod foreign;
mod lint;
mod load;
pub mod losses;
mod path;
mod read;
mod redact;
mod scalar;
pub mod schema;
mod shape;
mod source;
mod suggest;
pub mod watch;
mod weak;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use compile::traits::known_traits;
pub use diagnostic::{Diagnostic, Severity};
pub use load::{Loaded, load, load_text, process_env};
pub use scalar::lasting;

use ipnet::IpNet;
use url::Url;

use crate::apply::Rules;
use crate::cdp::{Limits, Source, WantedProperties};
use crate::crm::Destination;
use crate::history::BucketAt;
use crate::record::{ReRoute, Written};
use crate::secret::Secret;
use crate::store::StoreSettings;

/// A configuration that was checked in whole and is ready to be run. Immutable; a reload makes a new one.
#[derive(Clone, Debug)]
pub struct Config {
    /// The first 12 hex digits of a hash over all files: which configuration is in force.
    pub version: Arc<str>,
    /// How the HTTP server runs.
    pub server: ServerSettings,
    /// Where everything durable is kept.
    pub store: StoreSettings,
    /// How the engine runs.
    pub engine: EngineOptions,
    /// Where the past is kept, if anywhere.
    pub history: Option<HistoryOptions>,
    /// Where events come from; requests of anybody else are refused.
    pub sources: Vec<Source>,
    /// What is counted, who becomes a lead, and who gets it.
    pub rules: Arc<Rules>,
    /// Where leads are delivered; each lead goes to all of them.
    pub destinations: Vec<Destination>,
    /// Which leads that are out go where its routes say when these are others than before; `None`: none.
    pub re_route: Option<ReRoute>,
    /// Calendars that say when reps are away.
    pub calendars: Calendars,
    /// Which properties of events any of the above reads.
    pub wanted_properties: WantedProperties,
    /// What a change to it may lose: sections (`sources`), and names in them (`sources.old`).
    pub accept: BTreeSet<Box<str>>,
    /// Its files, without secrets, and what they say.
    pub written: Arc<Written>,
}

/// Calendars that say when reps are away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendars {
    /// They.
    pub feeds: Vec<Feed>,
    /// How often they are read.
    pub every: Duration,
    /// Private ranges that they may be at.
    pub allow_addresses: Vec<IpNet>,
}

/// The calendar of a rep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The rep's address.
    pub rep: Arc<str>,
    /// Where they are.
    pub zone: jiff::tz::TimeZone,
    /// Where it is read from.
    pub at: FeedAt,
}

/// Where a calendar is read from.
#[derive(Clone, PartialEq, Eq)]
pub enum FeedAt {
    /// A file.
    File(PathBuf),
    /// A web server. Whoever has the address has the calendar, so that nothing shows it.
    Url(Url),
}

impl std::fmt::Debug for FeedAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url(_) => f.write_str("Url(…)"),
        }
    }
}

/// Where the past is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryPlace {
    /// In a directory.
    Directory(PathBuf),
    /// In a bucket.
    Bucket(BucketAt),
}

/// The `history` section, its defaults filled in; changing it needs a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Where.
    pub place: HistoryPlace,
    /// For how long; `None`: for good.
    pub keep: Option<Duration>,
}

/// The `server` section, its defaults filled in.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The address to listen at; changing it needs a restart.
    pub listen: SocketAddr,
    /// The address at which operators are answered, if it is one of its own; changing it needs a restart.
    pub admin_listen: Option<SocketAddr>,
    /// HTTP worker threads; `None`: one per core.
    pub workers: Option<usize>,
    /// The proxies that are believed about the address, the host and the scheme that a client used.
    pub trusted_proxies: Vec<IpNet>,
    /// The bearer token of the admin API; without one the admin API answers nobody.
    pub admin_token: Option<Secret>,
    /// How large and how many requests may be.
    pub limits: Limits,
    /// What bounds those who send, before anything is known of what they send.
    pub edge: EdgeLimits,
    /// Where traces go (an OTLP/HTTP endpoint), if anywhere.
    pub otlp_endpoint: Option<String>,
    /// How long a graceful stop may take.
    pub drain_timeout: Duration,
}

/// What bounds those who send, before anything is known of what they send; from `server.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// How large a request may be whose headers prove nothing.
    pub unproven_request_bytes: usize,
    /// How many bytes of bodies may be under way.
    pub bodies_bytes: usize,
    /// How many of them may be one client's.
    pub bodies_per_address_bytes: usize,
    /// How many bytes of a body must arrive in a second.
    pub body_bytes_per_s: usize,
    /// How many connections may be open.
    pub connections: usize,
    /// How many of them may be one client's.
    pub connections_per_address: usize,
}

impl EdgeLimits {
    /// What holds where nothing is configured.
    pub const DEFAULT: Self = Self {
        unproven_request_bytes: 1_000_000,
        bodies_bytes: 256_000_000,
        bodies_per_address_bytes: 128_000_000,
        body_bytes_per_s: 1_000,
        connections: 10_000,
        connections_per_address: 2_500,
    };
}

/// What the engine needs to know, from `store` and `server.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// How long message ids are remembered, so that a repeated event is counted once.
    pub remember: Duration,
    /// How many bytes the records that are kept in memory may take; changing it needs a restart.
    pub memory_bytes: usize,
    /// How many entries of one shard's log may wait to be applied; beyond it requests are refused.
    pub max_backlog_entries: u64,
}
