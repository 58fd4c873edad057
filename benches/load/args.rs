//! What can be asked of the bench.

use clap::{Parser, ValueEnum};

use crate::world::Store;

/// What is measured: a store, or the bare echo that the stores are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    Echo,
    Embedded,
    /// `appendfsync everysec`
    RedisEverysec,
    /// `appendfsync always`
    RedisAlways,
}

impl Target {
    pub fn label(self) -> String {
        self.store().map_or_else(|| "bare actix echo".to_owned(), Store::label)
    }

    /// The store of a server; the bare echo has none.
    pub const fn store(self) -> Option<Store> {
        match self {
            Self::Echo => None,
            Self::Embedded => Some(Store::Embedded),
            Self::RedisEverysec => Some(Store::EVERYSEC),
            Self::RedisAlways => Some(Store::Redis { appendfsync: "always" }),
        }
    }
}

/// The tables of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The highest rates of single events and of batches, and whose CPU they take
    Throughput,
    /// From event to 200, and from event to webhook
    Latency,
    /// From the log to applied, at half of the highest rate of batches
    Lag,
    /// Leads routed and delivered a second
    Leads,
    /// Few users and many: rate, memory, sizes
    Users,
    /// Several servers on one Redis
    Servers,
    /// Redis Cluster
    Cluster,
    /// Redis' own benchmark
    Redis,
}

/// Measures Handraiser under load on this machine.
#[derive(Debug, Parser)]
pub struct Args {
    /// Length of each measurement in seconds
    #[arg(long, default_value_t = 4)]
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

    /// The many users that rate, memory and sizes are measured with as well
    #[arg(long, default_value_t = 1_000_000)]
    pub many_users: u32,

    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Target::value_variants().to_vec())]
    pub only: Vec<Target>,

    /// Which tables to make
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::value_variants().to_vec())]
    pub parts: Vec<Part>,

    /// Commits that are built and measured beside this code
    #[arg(long, value_delimiter = ',', default_values_t = ["b7c1b6a".to_owned()], conflicts_with = "no_before")]
    pub before: Vec<String>,

    /// Measures no earlier commit
    #[arg(long)]
    pub no_before: bool,

    /// Leads a second while the way from event to webhook is timed
    #[arg(long, default_value_t = 100)]
    pub leads_per_second: u32,

    /// Leads that are made at once to find the highest rate of delivered ones
    #[arg(long, default_value_t = 20_000)]
    pub leads: usize,

    /// How many servers share one Redis
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    pub servers: Vec<usize>,

    /// How many masters a Redis Cluster has
    #[arg(long, value_delimiter = ',', default_values_t = [3, 6])]
    pub masters: Vec<usize>,

    /// Serves the echo on this port; the bench starts itself so
    #[arg(long, hide = true)]
    pub serve_echo: Option<u16>,

    /// What cargo passes to benches
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Args {
    pub fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    pub const fn length(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds)
    }

    /// The stores that long measurements are made with: one of each kind.
    pub fn two_stores(&self) -> impl Iterator<Item = Store> {
        let two = [Target::Embedded, Target::RedisEverysec];
        two.into_iter().filter(|target| self.only.contains(target)).filter_map(Target::store)
    }
}
