//! The program from outside: real HTTP, real stores, real SDKs.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test that panics has failed")]

mod absences;
mod accept_links;
mod account_owner;
mod admin;
mod attack;
mod backfill;
mod backup;
mod changes;
mod cli;
mod crash;
mod criteria;
mod delivery;
mod desk;
mod docs;
mod documents;
mod domain_owner;
mod enriching;
mod explained;
mod faulty_store;
mod fixtures;
mod harness;
mod held;
mod history;
mod holding_back;
mod ingest;
mod joining;
mod layers;
mod members;
mod merges;
mod needs;
mod outcomes;
mod promises;
mod pushed;
mod qualifying;
mod read_back;
mod reasons;
mod recipes;
mod redis_cluster_faults;
mod redis_conformance;
mod redis_faults;
mod redis_load;
mod redis_open;
mod redis_server;
mod replay;
mod rerouting;
mod sdk;
mod signals;
mod simulation;
mod sla;
mod small_engine;
mod standins;
mod store_conformance;
mod store_embedded;
mod store_faulty;
mod territories;
mod timing;
mod unclear;
mod waiting;
mod xyzbites;
