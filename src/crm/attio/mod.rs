//! Attio: a company, a person, and a deal (or a record of an object of your own) for each lead, with a note of each thing that happens to it.
//!
//! Records are made by assertion on attributes of which Attio keeps the values unique: companies and leads by our ids, people by their
//! e-mail addresses. So whatever is sent twice ends in one record. An assertion overwrites, though; so each is looked for before, and of what
//! is there only what is ours is changed. An owner is only written over the one that was written last, and a lead that somebody deleted is
//! not made again.

mod answers;
mod attributes;
mod back;
mod members;
mod notes;
mod prove;
mod records;
mod talk;

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

/// A workspace of Attio.
#[derive(Clone, Debug, PartialEq)]
pub struct Attio {
    /// An access token of the workspace.
    pub token: Secret,
    /// Where its API is; ends with a slash.
    pub api: Url,
    /// What a lead is there: the slug of an object.
    pub object: Arc<str>,
    /// Whether attributes of ours that are missing there are made.
    pub create_attributes: bool,
    /// What is mapped on people.
    pub person: Fields,
    /// What is mapped on companies.
    pub company: Fields,
    /// What is mapped on the object that leads are.
    pub lead: Fields,
    /// What statuses mean here.
    pub stages: Stages,
    /// How often it may be asked: to write, and to read.
    pub limits: [Limit; 2],
}

#[async_trait]
impl Adapter for Attio {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let told = news.read()?;
        let mut talk = Talk { attio: self, session: &mut *session };
        let came = match records::write(&mut talk, told.newest()).await {
            Ok(Some(lead)) => notes::write(&mut talk, &told.event, &lead).await,
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        };
        session.doubt(came)
    }

    fn exchanges(&self) -> u32 {
        // Attributes of three objects and their making, members, three records that are looked for and written, and the note.
        45
    }

    fn limits(&self) -> &[Limit] {
        &self.limits
    }

    fn reads_back(&self) -> bool {
        true
    }

    async fn read_back(&self, since: Millis, session: &mut Session<'_>) -> Result<ReadBack, Failure> {
        back::read(&mut Talk { attio: self, session }, since).await
    }

    fn credentials(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    async fn test(&self, owners: &[&str], session: &mut Session<'_>) -> Vec<Proof> {
        prove::all(&mut Talk { attio: self, session }, owners).await
    }

    fn pretend(&self, request: &Request) -> Option<Response> {
        if request.method == Method::GET || request.url.path().ends_with("/query") {
            return None;
        }
        let body = json!({ "data": { "id": { "record_id": "1", "note_id": "1" }, "values": {} } });
        Some(Response { status: 200, body: body.to_string().into_bytes(), ..Response::default() })
    }
}

#[cfg(test)]
mod tests;
