//! What one request, one event and one value may be.

use super::source::Source;

/// Bounds on what a request may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// One event: 32 KiB in Segment's and RudderStack's documentation.
    pub event_bytes: usize,
    /// A request, decompressed: Segment 500 KB, RudderStack 4,000 KB.
    pub request_bytes: usize,
    /// Events in a batch: 2,500.
    pub batch_events: usize,
    /// A request to a source with a proof. Segment does not send again what is answered with 413, so this is more than any CDP
    /// sends: its webhooks can be set to batches of 4,000 events.
    pub signed_request_bytes: usize,
    /// Events in a batch to a source with a proof: what is beyond it would be lost for good.
    pub signed_batch_events: usize,
    /// What a trait or a property may be.
    pub values: ValueLimits,
    /// Requests being worked at once; beyond it the answer is 429.
    pub in_flight: usize,
}

impl Limits {
    /// What holds where nothing is configured.
    pub const DEFAULT: Self = Self {
        event_bytes: 32 << 10,
        request_bytes: 4_000_000,
        batch_events: 2_500,
        signed_request_bytes: 64_000_000,
        signed_batch_events: 10_000,
        values: ValueLimits::DEFAULT,
        in_flight: 1_024,
    };

    /// How large a request of `source` may be.
    pub fn request_bytes_of(&self, source: &Source) -> usize {
        if source.proof.is_some() { self.signed_request_bytes } else { self.request_bytes }
    }

    /// How many events a batch of `source` may hold.
    pub fn batch_events_of(&self, source: &Source) -> usize {
        if source.proof.is_some() { self.signed_batch_events } else { self.batch_events }
    }
}

/// Bounds on the values of traits and properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// The text of one trait or property, everything within it included.
    pub bytes: usize,
    /// Elements of a list, and entries of an object.
    pub elements: usize,
}

impl ValueLimits {
    /// What holds where nothing else is configured.
    pub const DEFAULT: Self = Self { bytes: 1_024, elements: 100 };
}
