//! The world around the program under test: the real binary, real Redis servers, a receiver that stands for the CRM, all on
//! free loopback ports and all gone when the test ends. The load bench uses it too.
#![allow(dead_code, unused_imports, reason = "the tests and the bench each use a part of it")]

mod children;
pub mod events;
pub mod hooks;
pub mod http;
mod redis;
pub mod server;
pub mod settings;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

pub use children::Process;
pub use redis::Redis;
pub use server::Server;

/// A loopback address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port can be bound");
    listener.local_addr().expect("a bound socket has an address")
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
