//! What can be asked of the bench.

use clap::Parser;

/// What is measured: a store, or the bare echo that the stores are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    Echo,
    Embedded,
    /// `appendfsync everysec`
    RedisEverysec,
    /// `appendfsync always`
    RedisAlways,
}

impl Target {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Echo => "bare actix echo",
            Self::Embedded => "embedded, fsync before ack",
            Self::RedisEverysec => "Redis, appendfsync everysec",
            Self::RedisAlways => "Redis, appendfsync always",
        }
    }

    /// The value of Redis' `appendfsync`, for stores on Redis.
    pub const fn appendfsync(self) -> Option<&'static str> {
        match self {
            Self::Echo | Self::Embedded => None,
            Self::RedisEverysec => Some("everysec"),
            Self::RedisAlways => Some("always"),
        }
    }
}

/// Measures Handraiser under load on this machine.
#[derive(Debug, Parser)]
pub struct Args {
    /// Length of each measurement in seconds
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,

    /// Keep-alive connections of the generator, each with one request under way
    #[arg(long, default_value_t = 64)]
    pub connections: usize,

    /// Connections for batches
    #[arg(long, default_value_t = 16)]
    pub batch_connections: usize,

    /// Events in a batch
    #[arg(long, default_value_t = 100)]
    pub batch: usize,

    /// Different users in the stream; every 20 of them share an account
    #[arg(long, default_value_t = 10_000)]
    pub users: u32,

    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',',
          default_values_t = [Target::Echo, Target::Embedded, Target::RedisEverysec, Target::RedisAlways])]
    pub only: Vec<Target>,

    /// Only the throughput of single events and batches
    #[arg(long)]
    pub throughput_only: bool,

    /// Leads a second while the way from event to webhook is timed
    #[arg(long, default_value_t = 100)]
    pub leads_per_second: u32,

    /// Serves the echo on this port; the bench starts itself so
    #[arg(long, hide = true)]
    pub serve_echo: Option<u16>,

    /// What cargo passes to benches
    #[arg(long, hide = true)]
    pub bench: bool,
}
