//! Configurations made by hand, for tests that are not about the configuration file.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use handraiser::cdp::WantedProperties;
use handraiser::config::{Config, Limits, ServerSettings, StoreKind, StoreSettings};
use handraiser::identity::Partitions;

/// A configuration that counts nothing and sends nothing anywhere.
pub fn empty() -> Config {
    Config {
        version: Arc::from("test"),
        server: ServerSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            workers: Some(1),
            admin_token: None,
            limits: Limits { event_bytes: 32 << 10, request_bytes: 4_000_000, batch_events: 2500, in_flight: 1024 },
            otlp_endpoint: None,
            drain_timeout: Duration::from_secs(5),
        },
        store: StoreSettings {
            kind: StoreKind::Memory,
            partitions: Partitions::default(),
            remember: Duration::from_secs(48 * 3600),
            idle_subjects: None,
            rejected_log: 1000,
        },
        sources: Vec::new(),
        accounts: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
        user_traits: BTreeMap::new(),
        account_traits: BTreeMap::new(),
        counters: Vec::new(),
        definitions: Vec::new(),
        teams: Vec::new(),
        routes: Vec::new(),
        destinations: Vec::new(),
        wanted_properties: WantedProperties::All,
    }
}
