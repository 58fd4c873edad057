//! What the engine asks of those who send news to destinations.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::apply::Attempt;
use crate::apply::message::ReadBack;
use crate::record::{News, Remembered};
use crate::time::Millis;

/// Sends news to destinations. The owner of a destination's shard is the only one that calls it for that destination, so that
/// limits hold for the whole installation.
#[async_trait]
pub trait Dispatcher: Send + Sync + 'static {
    /// Whether news of `destination` may go out now.
    fn admission(&self, destination: &str, now: Millis) -> Admission;

    /// So much was begun for `destination` as its admission allows, or less, for want of more.
    fn is_full(&self, destination: &str, is_full: bool) {
        let _ = (destination, is_full);
    }

    /// Sends the first news of a lead, and returns what came of it; returns within [`Self::deadline`]. News may be sent that was
    /// sent before by somebody who died before they could say so: then it is sent again under the same id.
    async fn deliver(&self, destination: &str, news: &News, before: &Before) -> Attempt;

    /// How long [`Self::deliver`] may take.
    fn deadline(&self, destination: &str) -> Duration;

    /// Asks a destination what people made of the leads there, of all that changed since a moment; it is asked `every` so many
    /// milliseconds.
    async fn read_back(&self, destination: &str, since: Millis, every: i64) -> ReadBack;

    /// What is to become of news whose delivery panicked or did not return in time.
    fn failed(&self, destination: &str, news: &News, error: &str) -> Attempt;
}

/// What came before news that is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// What earlier deliveries of the lead left.
    pub remembered: Remembered,
    /// How the lead stands, as JSON of the newest lead event that the destination took, where that one is newer than the news.
    pub newer: Option<Arc<str>>,
    /// Whether the destination may have taken this very news already: it was tried before, or it was there when this server began to work
    /// for the destination, and whoever did before may not have said so any more.
    pub may_be_there: bool,
}

/// Whether a destination takes news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// At most so many at once.
    Open(usize),
    /// None before this moment.
    Parked(Millis),
}
