//! HubSpot: a company and a contact for each lead, and a lead, a deal or neither of the two beside them.
//!
//! Every record is found by a property of which HubSpot keeps the values unique: companies by `handraiser_account_id`, contacts by their
//! e-mail address, leads and deals by `handraiser_lead_id`. So whatever is sent twice ends in one record. A company that was there before
//! is found by its domain, once, and is given our id. What people changed stays: an owner is only written over the one that was written
//! last, and a lead that somebody deleted is not made again.

mod answers;
mod back;
mod deals;
mod notes;
mod properties;
mod prove;
mod records;
mod status;
mod talk;
mod whose;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use url::Url;

use self::talk::Talk;
use super::adapter::{Adapter, LeadNews, Proof, ReadBack};
use super::exchange::{Request, Response};
use super::mapping::Fields;
use super::pace::Limit;
use super::retry::Failure;
use super::session::Session;
use super::stages::Stages;
use crate::secret::Secret;
use crate::time::Millis;

/// An account of HubSpot.
#[derive(Clone, Debug, PartialEq)]
pub struct HubSpot {
    /// A service key, or the access token of an app.
    pub token: Secret,
    /// Where its API is; ends with a slash.
    pub api: Url,
    /// Of its API: `2026-03`.
    pub version: Arc<str>,
    /// What a lead is there.
    pub object: Object,
    /// Whether properties of ours that are missing there are made.
    pub create_properties: bool,
    /// What is mapped on contacts.
    pub contact: Fields,
    /// What is mapped on companies.
    pub company: Fields,
    /// What is mapped on leads, or deals.
    pub lead: Fields,
    /// What stages mean here.
    pub stages: Stages,
    /// How often it may be asked, and how often searched.
    pub limits: [Limit; 2],
}

/// What a lead is in HubSpot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A lead; needs the Sales Hub.
    Lead,
    /// A deal.
    Deal,
    /// Nothing of its own: it stands on the contact, or on the company where nobody can be written to.
    None,
}

impl Object {
    /// Its records, as they stand in paths.
    const fn path(self) -> Option<&'static str> {
        match self {
            Self::Lead => Some("leads"),
            Self::Deal => Some("deals"),
            Self::None => None,
        }
    }
}

#[async_trait]
impl Adapter for HubSpot {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let told = news.read()?;
        let mut talk = Talk { hubspot: self, session: &mut *session };
        if self.create_properties {
            properties::ensure(&mut talk).await?;
        }
        let came = match records::write(&mut talk, told.newest()).await {
            Ok(written) => notes::write(&mut talk, &told.event, &written).await,
            Err(failure) => Err(failure),
        };
        if came.as_ref().is_err_and(|failure| failure.reason == answers::UNKNOWN_PROPERTY) {
            session.unlearn(properties::ALL_THERE);
        }
        session.doubt(came)
    }

    fn exchanges(&self) -> u32 {
        // Properties of three objects, an owner, three records that are read and written, what ties them together, and the note.
        30
    }

    fn limits(&self) -> &[Limit] {
        &self.limits
    }

    fn reads_back(&self) -> bool {
        true
    }

    async fn read_back(&self, since: Millis, session: &mut Session<'_>) -> Result<ReadBack, Failure> {
        back::read(&mut Talk { hubspot: self, session }, since).await
    }

    fn credentials(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    async fn test(&self, owners: &[&str], session: &mut Session<'_>) -> Vec<Proof> {
        prove::all(&mut Talk { hubspot: self, session }, owners).await
    }

    fn pretend(&self, request: &Request) -> Option<Response> {
        let path = request.url.path();
        if request.method == Method::GET || path.ends_with("/search") || path.ends_with("/batch/read") {
            return None;
        }
        let record = json!({ "id": "1", "properties": {} });
        let body = if path.contains("/batch/") { json!({ "results": [record] }) } else { record };
        Some(Response { status: 200, body: body.to_string().into_bytes(), ..Response::default() })
    }

    fn pretend_nothing(&self, request: &Request) -> Option<Response> {
        // A property that is yet to be made can't be asked for.
        let path = request.url.path();
        let asks = path.ends_with("/search") || path.ends_with("/batch/read");
        let body = json!({ "results": [] }).to_string().into_bytes();
        asks.then(|| Response { status: 200, body, ..Response::default() })
    }
}

#[cfg(test)]
mod tests;
