//! Delivery into the CRM: what each kind of it wants to be told and how, and the [`Deliverer`] that sends it.
//!
//! The engine keeps the news of each lead for each destination, in order, and says when one is due; the owner of a
//! destination's shard is the only one that sends to it. Here is what happens between the two: every destination has its own
//! connections and circuit breaker, so that a slow or dead CRM delays nobody else. News is on the wire at least once, always
//! under the same id: a receiver that remembers ids takes each exactly once.
//!
//! Each kind of destination has an [`adapter`], one folder each: it makes requests of a lead event, and says what the answers mean.
//! Retries, limits, circuit breakers, addresses and certificates are the same for all.

pub mod adapter;
pub mod attio;
pub mod authorities;
mod backoff;
pub mod breaker;
pub mod client;
pub mod deliverer;
mod denials;
pub mod exchange;
pub mod flow;
pub mod guard;
pub mod hubspot;
pub mod line;
pub mod mapping;
pub mod memo;
mod outage;
mod owners;
pub mod pace;
pub mod pipedrive;
pub mod push;
mod reading;
pub mod receiver;
pub mod redact;
pub mod retry;
pub mod room;
pub mod said;
pub mod salesforce;
pub mod sample;
pub mod session;
pub mod sign;
pub mod slack;
pub mod spec;
pub mod stages;
pub mod template;
pub mod told;
mod tried;
pub mod watch;
pub mod webhook;

pub use attio::Attio;
pub use authorities::Authorities;
pub use deliverer::{Deliverer, SharedDestinations};
pub use hubspot::HubSpot;
pub use pipedrive::Pipedrive;
pub use push::{Pusher, Pushes};
pub use receiver::Receiver;
pub use retry::RetryPolicy;
pub use sample::Known;
pub use spec::{Destination, DestinationName, Http, Kind};
pub use stages::Stages;
pub use template::{Over, TemplateError, check_template, names_in, template_warning};
pub use webhook::Webhook;
