//! Routing and delivery over the real wire: a store, the workers, and receivers that behave in every way receivers do.

mod addresses;
mod attempts;
mod attio;
pub mod back;
mod hubspot;
mod pausing;
mod pipedrive;
pub mod plant;
mod reference_library;
mod routing;
mod salesforce;
mod slack;
mod spine;
pub mod tls;
mod trials;
mod wire;
