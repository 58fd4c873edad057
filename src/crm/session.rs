//! What an adapter has in hand while it brings one lead event over: the wire, and what is known of the lead and of the destination.

use std::time::Duration;

use async_trait::async_trait;

use super::exchange::{Request, Response};
use super::memo::{Memo, Turn};
use super::retry::{Failure, Verdict};
use crate::record::delivery::Remembered;
use crate::time::{Clock, Millis};

/// Brings requests to a destination, no more often than it may be asked.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends a request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// When there is none.
    async fn exchange(&self, request: Request) -> Result<Response, Failure>;
}

/// One delivery under way, or one test.
pub struct Session<'s> {
    wire: &'s dyn Wire,
    clock: &'s Clock,
    memo: &'s Memo,
    /// What earlier deliveries of the lead left, and what this one leaves.
    pub remembered: Remembered,
    /// Whether the destination may have taken this very news already: it was tried before, or handed to an owner who may have died
    /// before they could say so. Where a second request would make a second record, the first has to be looked for.
    pub may_be_there: bool,
    /// What was looked up earlier and is taken for granted, by its name.
    relied_on: Vec<Box<str>>,
}

impl<'s> Session<'s> {
    /// Over `wire`; `memo` is what is known of the destination.
    pub const fn new(wire: &'s dyn Wire, clock: &'s Clock, memo: &'s Memo) -> Self {
        Self { wire, clock, memo, remembered: Remembered::new(), may_be_there: false, relied_on: Vec::new() }
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        self.wire.exchange(request).await
    }

    /// The time.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What is known of the destination by this name.
    pub fn known(&self, name: &str) -> Option<String> {
        self.memo.get(name, self.now())
    }

    /// The same of what was looked up there, and may be so no longer: see [`Session::doubt`].
    pub fn looked_up(&mut self, name: &str) -> Option<String> {
        let known = self.known(name)?;
        self.relied_on.push(name.into());
        Some(known)
    }

    /// What came of a delivery. One that was refused may have been refused for what was looked up earlier and has changed since: that is
    /// forgotten, and the delivery fails, so that it is made again by what is so now. That says nothing of the destination.
    ///
    /// # Errors
    /// As it came, or made to be tried again.
    pub fn doubt(&mut self, came: Result<(), Failure>) -> Result<(), Failure> {
        let is_refused = |failure: &Failure| failure.verdict == Verdict::Refused && failure.of_destination;
        if self.relied_on.is_empty() || !came.as_ref().is_err_and(is_refused) {
            return came;
        }
        for name in std::mem::take(&mut self.relied_on) {
            self.unlearn(&name);
        }
        came.map_err(|failure| Failure { verdict: Verdict::Failed, of_destination: false, ..failure })
    }

    /// Remembers something of the destination for so long.
    pub fn learn(&self, name: &str, text: impl Into<String>, hold: Duration) {
        self.memo.put(name, text, self.now(), hold);
    }

    /// Something of the destination turned out to be so no longer.
    pub fn unlearn(&self, name: &str) {
        self.memo.forget(name);
    }

    /// Waits until no other delivery to the destination holds the turn of this name.
    pub async fn turn(&self, name: &str) -> Turn {
        self.memo.turn(name).await
    }

    /// What an earlier delivery of the lead left by this name.
    pub fn recall(&self, name: &str) -> Option<&str> {
        self.remembered.get(name).map(AsRef::as_ref)
    }

    /// Keeps something with the lead.
    pub fn remember(&mut self, name: &str, text: &str) {
        self.remembered.insert(name.into(), text.into());
    }
}
