//! Handraiser: product usage in, routed sales leads out.
//!
//! The map of the crate; `ARCHITECTURE.md` tells the story. Pure modules (marked so) do no I/O, read no clock and roll no
//! dice; everything that touches the outside stands in `engine`, `store`, `crm`, `http` and `cli`.

pub mod cdp;
pub mod cli;
pub mod config;
pub mod counters;
pub mod crm;
pub mod engine;
pub mod http;
pub mod identity;
pub mod lead;
pub mod qualify;
pub mod routing;
pub mod server;
pub mod store;
pub mod subject;
pub mod telemetry;
pub mod time;
