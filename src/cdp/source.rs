//! Where events come from: a named source and how it proves itself.

use std::collections::BTreeSet;

use crate::event::{Call, SourceName, Trust};
use crate::record::LeadQuota;
use crate::secret::Secret;

/// One configured source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name; webhooks post to `/v1/webhook/<name>`.
    pub name: SourceName,
    /// Write keys that SDKs present (Basic, body or Bearer); several are valid at once while keys rotate.
    pub write_keys: Vec<Secret>,
    /// How a webhook sender proves itself; with `None`, a write key is the proof.
    pub proof: Option<Proof>,
    /// How old a signed event may be, in milliseconds. Deletions have a bound of their own where this is `None`. Read only where a
    /// request that somebody recorded could be sent again ([`Proof::is_replayable`]).
    pub max_age_ms: Option<i64>,
    /// How much it may bring in.
    pub quotas: Quotas,
    /// Whether event times are corrected for the sender's clock. SDK sources: yes. Webhook sources: the CDP already did.
    pub correct_time: bool,
    /// How far it is believed.
    pub trust: Trust,
    /// Which calls are taken; `None`: all.
    pub allow: Option<BTreeSet<Call>>,
}

/// How much a source may bring in an hour; `None`: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Events, by each server.
    pub events: Option<u32>,
    /// Events of one client address, by each server.
    pub client_events: Option<u32>,
    /// Users and accounts that nothing was known of, in the shards of each server.
    pub subjects: Option<u32>,
    /// Ids that were merged into users, in the shards of each server.
    pub merges: Option<u32>,
    /// Leads; those beyond it are held. Counted exactly.
    pub leads: Option<LeadQuota>,
}

impl Source {
    /// A source as it is where nothing else is said: who can sign is a server, whose CDP has corrected the times already; a write key
    /// may stand in a page. It has no quotas.
    pub fn new(name: &str, write_keys: Vec<Secret>, proof: Option<Proof>) -> Self {
        Self {
            name: SourceName::new(name),
            write_keys,
            max_age_ms: None,
            correct_time: proof.is_none(),
            trust: if proof.is_some() { Trust::Server } else { Trust::Public },
            allow: None,
            quotas: Quotas::default(),
            proof,
        }
    }
}

/// How a webhook sender proves that it is the one; all secrets of a list are valid at once, so that they can rotate.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// Segment's `X-Signature`: hex HMAC-SHA1. With `strict`, a batch signed over its first element only is refused.
    Segment {
        /// The shared secrets, as they are set in Segment.
        secrets: Vec<Secret>,
        /// Whether a batch of which only the first event is signed is refused.
        strict: bool,
    },
    /// A header that carries hex (or `sha256=` and hex) HMAC-SHA256 over the raw body.
    HmacSha256 {
        /// The name of the header, in any case; by default `X-Signature`.
        header: String,
        /// The keys of the HMAC: the secrets' bytes as they are.
        secrets: Vec<Secret>,
    },
    /// Standard Webhooks 1.0 (<https://www.standardwebhooks.com>), `whsec_…` secrets, five minutes' tolerance.
    StandardWebhooks {
        /// The base64 of the keys; `whsec_` before it may be missing.
        secrets: Vec<Secret>,
    },
    /// A fixed header, as RudderStack's webhook destination can send.
    Header {
        /// The name of the header, in any case.
        name: String,
        /// Each of these values proves the sender.
        values: Vec<Secret>,
    },
    /// `Authorization: Basic`.
    Basic {
        /// The user that the sender must name.
        user: String,
        /// Each of these passwords goes with the user.
        passwords: Vec<Secret>,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// Each of these tokens proves the sender.
        tokens: Vec<Secret>,
    },
}

impl Proof {
    /// Whether a request that somebody recorded would be believed again at any time: the signature names no moment. Whoever
    /// recorded a secret in a header has no need of the recording.
    pub const fn is_replayable(&self) -> bool {
        matches!(self, Self::Segment { .. } | Self::HmacSha256 { .. })
    }
}
