//! Delivery into the CRM: the generic webhook, and the [`Deliverer`] that signs, guards addresses, and judges answers.
//!
//! The engine keeps the news of each lead for each destination, in order, and says when one is due; the owner of a
//! destination's shard is the only one that sends to it. Here is what happens between the two: every destination has its own
//! connections and circuit breaker, so that a slow or dead CRM delays nobody else. News is on the wire at least once, always
//! under the same id: a receiver that remembers ids takes each exactly once.
//!
//! An adapter for another kind of destination is one file beside [`webhook`]: it makes a request of a lead event and a
//! verdict of the answer. A trait comes with the second one.

pub mod authorities;
mod backoff;
pub mod breaker;
pub mod client;
pub mod deliverer;
pub mod guard;
mod outage;
pub mod receiver;
pub mod retry;
pub mod sample;
pub mod sign;
pub mod spec;
pub mod template;
pub mod webhook;

pub use authorities::Authorities;
pub use deliverer::{Deliverer, SharedDestinations};
pub use receiver::Receiver;
pub use sample::Known;
pub use spec::{Destination, DestinationName, RetryPolicy, Webhook};
pub use template::{Over, TemplateError, check_template, names_in, template_warning};
