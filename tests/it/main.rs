//! The program from outside: real HTTP, real stores, real SDKs.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test that panics has failed")]

mod admin;
mod cli;
mod counting;
mod crash;
mod delivery;
mod docs;
mod fixtures;
mod harness;
mod ingest;
mod qualifying;
mod redis_conformance;
mod redis_faults;
mod redis_open;
mod redis_server;
mod sdk;
mod store_conformance;
mod store_embedded;
