//! Stand-ins of the vendors whose APIs the destinations speak to: they keep what they are told, and hold callers to the documented rules.

pub mod attio;
mod attio_shown;
pub mod bucket;
pub mod hubspot;
pub mod pipedrive;
pub mod salesforce;
pub mod slack;
pub mod soql;
pub mod standin;
