//! What a kind of destination has to be able to do. Each kind is one folder beside this file.

use async_trait::async_trait;
use serde::Serialize;

use super::exchange::{Request, Response};
use super::pace::Limit;
use super::retry::{Failure, Verdict};
use super::session::Session;
use crate::lead::LeadEvent;
use crate::record::Seen;
use crate::time::Millis;

/// One lead event on its way.
#[derive(Clone, Copy, Debug)]
pub struct LeadNews<'n> {
    /// The event's id: the same over all attempts.
    pub id: &'n str,
    /// The lead event as JSON.
    pub json: &'n str,
    /// A later lead event, as JSON, that the destination took already: how the lead stands is what that one says.
    pub newer: Option<&'n str>,
}

impl LeadNews<'_> {
    /// The lead event, with the newer one.
    ///
    /// # Errors
    /// When they can't be read as such.
    pub fn read(&self) -> Result<Told, Failure> {
        Ok(Told { event: read(self.json)?, newer: self.newer.map(read).transpose()? })
    }
}

/// What a lead event says.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened.
    pub event: LeadEvent,
    newer: Option<LeadEvent>,
}

impl Told {
    /// How the lead stands: records are written by that.
    pub fn newest(&self) -> &LeadEvent {
        self.newer.as_ref().unwrap_or(&self.event)
    }
}

fn read(json: &str) -> Result<LeadEvent, Failure> {
    serde_json::from_str(json)
        .map_err(|error| Failure::here(Verdict::Refused, format!("the payload is no lead event: {error}"), "payload"))
}

/// A kind of destination: which requests bring a lead event over, and what their answers mean. It does no I/O but through its
/// [`Session`] and keeps nothing. A delivery may break off between any two requests, and is then made again from its beginning: whatever
/// is sent twice has to end in one record.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// Brings a lead event over.
    ///
    /// # Errors
    /// What went wrong, and whether it is worth trying again.
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure>;

    /// How many requests a delivery makes at most: the whole of it may take so many times as long as one of them.
    fn exchanges(&self) -> u32 {
        1
    }

    /// How often it may be asked.
    fn limits(&self) -> &[Limit] {
        &[]
    }

    /// Whether it can be asked what people made of the leads that were brought over.
    fn reads_back(&self) -> bool {
        false
    }

    /// What people made of the leads that were brought over, of all that changed there since `since`. One call is made at a time for a
    /// destination. It may tell what has not changed, and what was told before; what it leaves out is told by the next call, from
    /// [`ReadBack::until`] on.
    ///
    /// # Errors
    /// What went wrong; then everything is asked again from `since` on.
    async fn read_back(&self, since: Millis, session: &mut Session<'_>) -> Result<ReadBack, Failure> {
        let _ = session;
        Ok(ReadBack { leads: Vec::new(), until: since, is_all: true })
    }

    /// What it proves itself by: when the destination refuses it, it is tried again by others. No answer that is kept shows any of it.
    fn credentials(&self) -> Vec<&str>;

    /// Whether the URL of its requests is a secret.
    fn secret_url(&self) -> bool {
        false
    }

    /// Proves, without changing anything, that deliveries will work: credentials, fields, owners (`owners`: the reps that leads may go to,
    /// by e-mail address).
    async fn test(&self, owners: &[&str], session: &mut Session<'_>) -> Vec<Proof>;

    /// What it would likely answer to a request that changes something, for those who only want to see the requests; `None` for a request
    /// that changes nothing, which may be sent.
    fn pretend(&self, request: &Request) -> Option<Response>;

    /// What it would answer to a question that it refuses, if what was only pretended to be made were there: that there is nothing yet. `None`
    /// where the refusal says something else.
    fn pretend_nothing(&self, request: &Request) -> Option<Response> {
        let _ = request;
        None
    }
}

/// What a destination says of leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// The leads by their ids, as they stand there.
    pub leads: Vec<(String, Seen)>,
    /// From when on to ask the next time: nothing that changes there later than this was left out. Where a search knows of a change some
    /// seconds late, it is so much earlier than the call.
    pub until: Millis,
    /// Whether nothing was left out up to the call itself; else the next call is made at once.
    pub is_all: bool,
}

/// So many leads are told of by one call at most; an adapter stops at the first page beyond it.
pub const MOST_READ_BACK: usize = 1_000;

/// Something that was looked at to see whether deliveries will work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What was looked at: `credentials`, `owners`.
    pub what: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it; nothing where it is fine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Proof {
    /// It is as it should be.
    pub fn good(what: &str, found: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: true, found: found.into(), fix: None }
    }

    /// It is not.
    pub fn bad(what: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: false, found: found.into(), fix: Some(fix.into()) }
    }
}
