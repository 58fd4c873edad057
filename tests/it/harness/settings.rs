//! Configurations made by hand, for tests that are not about the configuration file.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use handraiser::apply::Rules;
use handraiser::apply::rules::RulesParts;
use handraiser::cdp::{Limits, WantedProperties};
use handraiser::config::{Config, EdgeLimits, EngineOptions, ServerSettings};
use handraiser::engine::EngineSettings;
use handraiser::ids::Shards;
use handraiser::store::{StoreKind, StoreSettings};

/// A configuration that counts nothing and sends nothing anywhere.
pub fn empty() -> Config {
    Config {
        version: Arc::from("test"),
        server: ServerSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_listen: None,
            workers: Some(1),
            trusted_proxies: Vec::new(),
            admin_token: None,
            limits: Limits::DEFAULT,
            edge: EdgeLimits::DEFAULT,
            otlp_endpoint: None,
            drain_timeout: Duration::from_secs(5),
        },
        history: None,
        store: StoreSettings { kind: StoreKind::Memory, shards: Shards::default(), rejected_log: 1_000 },
        engine: EngineOptions {
            remember: Duration::from_secs(48 * 3_600),
            memory_bytes: 64 << 20,
            max_backlog_entries: 20_000,
        },
        sources: Vec::new(),
        rules: Arc::new(Rules::new(RulesParts::default())),
        re_route: None,
        destinations: Vec::new(),
        calendars: handraiser::config::Calendars::default(),
        wanted_properties: WantedProperties::All,
        accept: BTreeSet::default(),
        written: Arc::default(),
    }
}

/// How the engine of the server `name` runs.
pub fn engine(name: &str) -> EngineSettings {
    EngineSettings {
        server: Arc::from(name),
        memory_bytes: 64 << 20,
        appliers: 2,
        max_backlog_entries: 20_000,
        remember: Duration::from_secs(48 * 3_600),
        history: None,
    }
}
