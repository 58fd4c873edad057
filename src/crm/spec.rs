//! Destinations, as declared.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use super::adapter::Adapter;
use super::attio::Attio;
use super::authorities::Authorities;
use super::hubspot::HubSpot;
use super::pipedrive::Pipedrive;
use super::push::Pushes;
use super::retry::RetryPolicy;
use super::salesforce::Salesforce;
use super::slack::Slack;
use super::webhook::Webhook;
use crate::record::Credentials;

/// The name of a destination, as configured; news on its way to it stands in the list `deliver:<name>`.
pub type DestinationName = Arc<str>;

/// Where leads are delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Its name, which is part of its deliveries' ids.
    pub name: DestinationName,
    /// What it is, and how it is spoken to.
    pub kind: Kind,
    /// How it is reached.
    pub http: Http,
    /// When a failed delivery is tried again, and when it is given up.
    pub retry: RetryPolicy,
    /// How many deliveries may be under way at once.
    pub concurrency: usize,
    /// How long after one time it is asked again what people made of its leads; `None`: never.
    pub read_back: Option<Duration>,
    /// How it is known that a push which says that something has changed there is its own; `None`: none is taken.
    pub pushes: Option<Pushes>,
}

impl Destination {
    /// What tells its credentials from others, as they are configured.
    pub fn credentials(&self) -> Credentials {
        let mut hasher = Sha256::new();
        for part in self.kind.adapter().credentials() {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
        let [first, second, ..] = <[u8; 32]>::from(hasher.finalize());
        Credentials::from_le_bytes([first, second])
    }
}

/// What a destination is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Anything that takes a POST.
    Webhook(Webhook),
    /// Channels of a Slack workspace.
    Slack(Slack),
    /// An account of HubSpot.
    HubSpot(HubSpot),
    /// An account of Pipedrive.
    Pipedrive(Pipedrive),
    /// A workspace of Attio.
    Attio(Attio),
    /// An org of Salesforce.
    Salesforce(Box<Salesforce>),
}

impl Kind {
    /// How it is spoken to.
    pub fn adapter(&self) -> &dyn Adapter {
        match self {
            Self::Webhook(webhook) => webhook,
            Self::Slack(slack) => slack,
            Self::HubSpot(hubspot) => hubspot,
            Self::Pipedrive(pipedrive) => pipedrive,
            Self::Attio(attio) => attio,
            Self::Salesforce(salesforce) => &**salesforce,
        }
    }
}

/// How a destination is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Each exchange, from the connection to the last byte of the answer.
    pub timeout: Duration,
    /// How much of an answer is read.
    pub max_response_bytes: usize,
    /// Who may vouch for the receiver, in place of the authorities that the machine trusts.
    pub ca: Option<Authorities>,
    /// Private address ranges that it may be reached at; public ones are always allowed.
    pub allow_addresses: Vec<IpNet>,
}
