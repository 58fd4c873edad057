//! What came of sending the first news of a lead.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::{Credentials, Remembered, Tried};
use crate::time::Millis;

/// What came of sending a delivery's first news.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The event of the lead's life that was sent.
    pub id: Arc<str>,
    /// When the answer came.
    pub at: Millis,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// What the destination calls the things that belong to the lead, where that has changed.
    pub remembered: Option<Remembered>,
    /// What is kept of it where it failed.
    pub tried: Option<Box<Tried>>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AttemptOutcome {
    /// The destination took it.
    Delivered {
        /// The lead.
        lead: Box<str>,
        /// The definition.
        definition: Box<str>,
        /// `lead.qualified`, …
        kind: Box<str>,
    },
    /// It is tried again.
    Retry {
        /// When.
        due: Millis,
        /// Whether it counts as an attempt.
        counts: bool,
        /// Why it failed.
        error: Box<str>,
    },
    /// The destination refuses the credentials for good: it is tried again when they have changed, and nothing is sent meanwhile.
    Denied {
        /// When it may be tried again at the earliest.
        due: Millis,
        /// Why it failed.
        error: Box<str>,
        /// Which credentials those were.
        credentials: Credentials,
    },
    /// It is given up.
    Dead {
        /// Why.
        error: Box<str>,
    },
}
