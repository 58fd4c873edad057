//! Handraiser: product usage in, routed sales leads out.
//!
//! The map of the crate; `ARCHITECTURE.md` tells the story. Pure modules (marked so) do no I/O, read no clock and roll no
//! dice; everything that touches the outside stands in `engine`, `store`, `crm`, `http` and `cli`.

pub mod apply;
pub mod backtest;
pub mod cdp;
pub mod cli;
pub mod config;
pub mod counters;
pub mod crm;
pub mod engine;
pub mod event;
pub mod expr;
pub mod history;
pub mod http;
pub mod ids;
pub mod lead;
pub mod qualify;
pub mod record;
pub mod routing;
pub mod secret;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod visible;
