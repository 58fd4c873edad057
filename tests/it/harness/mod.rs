//! The world around the program under test: the real binary, real Redis servers, a receiver that stands for the CRM, all on
//! free loopback ports and all gone when the test ends. The load bench uses it too.
#![allow(dead_code, unused_imports, reason = "the tests and the bench each use a part of it")]

mod children;
pub mod endpoint;
pub mod events;
pub mod hooks;
pub mod http;
mod redis;
pub mod server;
pub mod settings;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use children::Process;
pub use redis::Redis;
pub use server::Server;

/// Below the ports that connections and listeners on port 0 get, so that none of them takes one before its server does.
const FIRST_PORT: u16 = 10_000;
const PORTS: u32 = 20_000;
static HANDED_OUT: AtomicU32 = AtomicU32::new(0);

/// A loopback address that nobody listens on, and that no other test of this program is given.
pub fn free_address() -> SocketAddr {
    // Programs that run at the same time begin elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS {
        let next = begin.wrapping_add(HANDED_OUT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = FIRST_PORT + u16::try_from(next).unwrap_or_default();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("none of {PORTS} loopback ports from {FIRST_PORT} is free")
}

/// Asks `done` again and again until it answers something; fails the test after `limit`, naming what was awaited.
pub async fn eventually<T>(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(result) = done().await {
            return result;
        }
        assert!(start.elapsed() < limit, "still waiting after {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
