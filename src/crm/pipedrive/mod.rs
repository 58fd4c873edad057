//! Pipedrive: an organization, a person and a lead for each lead, and a note of each thing that happens to it.
//!
//! Pipedrive keeps nothing unique, so that whatever is made has to be looked for before: by a field of ours that holds our id, or by the
//! e-mail address. Its search lags behind what was written; so what it doesn't find is looked for among the newest records as well, and
//! deliveries that may want the same record look one after the other. What people changed stays: an owner is only written over the one
//! that was written last, and a lead that somebody archived or deleted is neither opened nor made again. One that became a deal is
//! followed there.

mod answers;
mod back;
mod fields;
mod notes;
mod organizations;
mod persons;
mod prove;
mod records;
mod talk;
mod users;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
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

/// An account of Pipedrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipedrive {
    /// A user's API token: what is made is made by that user.
    pub token: Secret,
    /// The company's own address; ends with a slash.
    pub url: Url,
    /// Whether fields of ours that are missing there are made.
    pub create_fields: bool,
    /// What is mapped on persons.
    pub person: Fields,
    /// What is mapped on organizations.
    pub organization: Fields,
    /// What is mapped on leads.
    pub lead: Fields,
    /// What labels of leads, and stages of deals, mean here.
    pub stages: Stages,
    /// How often it may be asked, and how often searched.
    pub limits: [Limit; 2],
}

#[async_trait]
impl Adapter for Pipedrive {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let told = news.read()?;
        let mut talk = Talk { pipedrive: self, session: &mut *session };
        let came = match records::write(&mut talk, told.newest()).await {
            Ok(written) => notes::write(&mut talk, &told.event, &written).await,
            Err(failure) => Err(failure),
        };
        session.doubt(came)
    }

    fn exchanges(&self) -> u32 {
        // Fields of three kinds of record and their making, users, three records that are looked for, read and written, and the note.
        60
    }

    fn limits(&self) -> &[Limit] {
        &self.limits
    }

    fn reads_back(&self) -> bool {
        true
    }

    async fn read_back(&self, since: Millis, session: &mut Session<'_>) -> Result<ReadBack, Failure> {
        back::read(&mut Talk { pipedrive: self, session }, since).await
    }

    fn credentials(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    async fn test(&self, owners: &[&str], session: &mut Session<'_>) -> Vec<Proof> {
        prove::all(&mut Talk { pipedrive: self, session }, owners).await
    }

    fn pretend(&self, request: &Request) -> Option<Response> {
        if request.method == Method::GET {
            return None;
        }
        let said: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        // A field that would be made: its name stands for its code.
        let (code, kind) = (said.get("field_name"), said.get("field_type"));
        let data = match code {
            Some(code) => {
                json!({ "field_code": code, "field_name": code, "field_type": kind, "is_custom_field": true })
            }
            None => json!({ "id": 1 }),
        };
        let body = json!({ "success": true, "data": data });
        Some(Response { status: 200, body: body.to_string().into_bytes(), ..Response::default() })
    }
}

#[cfg(test)]
mod tests;
