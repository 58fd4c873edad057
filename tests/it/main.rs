//! The program from outside: real HTTP, real stores, real SDKs.

mod admin;
mod cli;
mod counting;
mod delivery;
mod harness;
mod ingest;
mod store_conformance;
mod store_embedded;
