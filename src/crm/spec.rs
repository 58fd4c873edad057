//! Destinations, as declared.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::authorities::Authorities;
use crate::secret::Secret;

/// The name of a destination, as configured; news on its way to it stands in the list `deliver:<name>`.
pub type DestinationName = Arc<str>;

/// Where leads are delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Its name, which is part of its deliveries' ids.
    pub name: DestinationName,
    /// What is sent, and where.
    pub webhook: Webhook,
    /// When a failed delivery is tried again, and when it is given up.
    pub retry: RetryPolicy,
    /// How many deliveries may be under way at once.
    pub concurrency: usize,
    /// Private address ranges that this destination may be reached at; public ones are always allowed.
    pub allow_addresses: Vec<IpNet>,
}

/// A generic webhook, signed by Standard Webhooks (<https://www.standardwebhooks.com>).
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where to post. It may hold a secret, so no message shows it.
    pub url: url::Url,
    /// `whsec_…`; the first signs, and so do the others while receivers move over. Empty: not signed.
    pub secrets: Vec<Secret>,
    /// Sent with every request. Values may be secret.
    pub headers: Vec<(String, Secret)>,
    /// A minijinja template that makes the body from the lead event; `None` sends it as it is.
    pub template: Option<Arc<str>>,
    /// Who may vouch for the receiver, in place of the authorities that the machine trusts.
    pub ca: Option<Authorities>,
    /// The whole exchange, connection to last byte of the answer.
    pub timeout: Duration,
    /// How much of an answer is read.
    pub max_response_bytes: usize,
}

/// When a failed delivery is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all; after the last one the delivery is dead.
    pub max_attempts: u32,
    /// The wait after the first failure; doubled after each further one, with jitter.
    pub base: Duration,
    /// The longest wait; also caps `Retry-After`.
    pub cap: Duration,
}
