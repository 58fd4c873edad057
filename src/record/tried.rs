//! An attempt to deliver something that failed: for whoever asks why a lead is late.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// So many of a delivery are kept, the last ones, until the destination has taken what they were about. What it took is not worth them: a
/// destination notes how often each delivery had failed, and the records of millions of leads stay small.
pub const MAX_TRIED: usize = 5;

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The event of the lead's life that was sent.
    pub id: Arc<str>,
    /// When it had failed.
    pub at: Millis,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// What was asked last, `POST /crm/v3/objects/contacts`; `None`: nothing was.
    pub asked: Option<Box<str>>,
    /// With which status that was answered; `None`: it was not.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Box<str>,
    /// The beginning of the answer, where the error doesn't say it.
    pub said: Option<Box<str>>,
}

impl Tried {
    pub(super) fn bytes(&self) -> usize {
        let texts = [self.asked.as_ref(), Some(&self.error), self.said.as_ref()];
        128 + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>()
    }
}
