//! Delivery into the CRM: the generic webhook, and the worker that retries, signs, and guards addresses.
//!
//! Every destination has its own queue (`deliver:<name>`), worker, connections and circuit breaker, so that a slow or dead
//! CRM delays nobody else. A delivery is on the wire at least once, always with the same id: a receiver that remembers ids
//! takes each exactly once. News of one lead arrives in order.
//!
//! An adapter for another kind of destination is one file beside [`webhook`]: it makes a request of a lead event and a
//! verdict of the answer. A trait comes with the second one.

pub mod authorities;
pub mod breaker;
pub mod client;
pub mod deliveries;
pub mod guard;
pub mod receiver;
pub mod retry;
pub mod sample;
pub mod schema;
pub mod sign;
pub mod spec;
pub mod template;
pub mod webhook;
pub mod worker;

pub use authorities::Authorities;
pub use deliveries::Deliveries;
pub use receiver::Receiver;
pub use spec::{Destination, DestinationName, RetryPolicy, Webhook};
pub use template::{TemplateError, check_template, template_warning};
