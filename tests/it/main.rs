//! The program from outside: real HTTP, real stores, real SDKs.

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
