//! Delivery into the CRM: adapters, and the worker that retries, signs, and guards addresses.

pub mod spec;

pub use spec::{Destination, DestinationName, RetryPolicy, Webhook};
