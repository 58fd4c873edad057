//! The engine of a server with its destinations, as a process of its own: what it takes of memory is its alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::apply::Rules;
use handraiser::apply::rules::RulesParts;
use handraiser::crm::webhook::Body;
use handraiser::crm::{Deliverer, Destination, Http, Kind, RetryPolicy, Webhook};
use handraiser::engine::Engine;
use handraiser::secret::Secret;
use handraiser::time::Clock;
use serde::{Deserialize, Serialize};

use crate::harness::{Process, settings};
use crate::queue;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=";

/// What the process is to do.
#[derive(Serialize, Deserialize)]
pub struct Orders {
    pub redis: String,
    /// Where the healthy destination is, and how much is under way to it at once.
    pub healthy: SocketAddr,
    pub concurrency: usize,
    /// Where each dead destination is.
    pub dead: Vec<SocketAddr>,
}

impl Orders {
    /// Starts the process; dropping it ends it.
    pub fn start(&self, directory: &std::path::Path) -> anyhow::Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--engine", &serde_json::to_string(self)?]);
        Ok(Process::start(&mut command, &directory.join("engine.log")))
    }
}

/// Runs until it is ended.
pub async fn serve(orders: &str) -> anyhow::Result<()> {
    let orders: Orders = serde_json::from_str(orders)?;
    let store = queue::open(&orders.redis).await?;
    let healthy = destination("healthy", orders.healthy, orders.concurrency);
    let dead = orders.dead.iter().enumerate().map(|(n, at)| destination(&queue::dead(n), *at, 8));
    let destinations = Arc::new(ArcSwap::from_pointee(dead.chain([healthy]).collect::<Vec<_>>()));
    let deliverer = Deliverer::new(destinations, Clock::System);
    let rules = Arc::new(ArcSwap::from_pointee(Rules::new(RulesParts::default())));
    let _engine = Engine::start(store, rules, Clock::System, Arc::new(deliverer), settings::engine("one"));
    std::future::pending().await
}

/// As configured by default, but for the addresses that it may be at.
fn destination(name: &str, at: SocketAddr, concurrency: usize) -> Destination {
    Destination {
        name: Arc::from(name),
        kind: Kind::Webhook(Webhook {
            url: format!("http://{at}/leads").parse().unwrap_or_else(|error| panic!("{at}: {error}")),
            secrets: vec![Secret::new(SECRET)],
            headers: Vec::new(),
            body: Body::Event,
        }),
        http: Http {
            timeout: Duration::from_secs(10),
            max_response_bytes: 65_536,
            ca: None,
            allow_addresses: "127.0.0.0/8".parse().into_iter().collect(),
        },
        retry: RetryPolicy { max_attempts: 15, base: Duration::from_secs(1), cap: Duration::from_secs(300) },
        concurrency,
        read_back: None,
        pushes: None,
    }
}

/// Where dead destinations are: nobody listens, nobody answers, and whoever answers breaks off. Dropping it frees the ports.
pub struct Graveyard {
    pub addresses: [SocketAddr; 3],
    _hangs: TcpListener,
    breaks_off: tokio::task::JoinHandle<()>,
}

impl Graveyard {
    pub fn open() -> anyhow::Result<Self> {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (refuses, hangs, breaks_off) = (listen()?.local_addr()?, listen()?, listen()?);
        let addresses = [refuses, hangs.local_addr()?, breaks_off.local_addr()?];
        breaks_off.set_nonblocking(true)?;
        let breaks_off = tokio::net::TcpListener::from_std(breaks_off)?;
        let breaks_off = tokio::spawn(async move { while breaks_off.accept().await.is_ok() {} });
        // Nobody accepts there: connections are made by the kernel, as many as it keeps, and requests go unanswered.
        Ok(Self { addresses, _hangs: hangs, breaks_off })
    }
}

impl Drop for Graveyard {
    fn drop(&mut self) {
        self.breaks_off.abort();
    }
}
