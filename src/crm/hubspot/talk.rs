//! Requests to HubSpot, and its answers as records.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::HubSpot;
use super::answers::{failure, not_unique, of_record, silent};
use crate::crm::exchange::{Request, Response};
use crate::crm::retry::Failure;
use crate::crm::session::Session;

/// Properties and their values: always text.
pub(super) type Values = BTreeMap<String, String>;

/// One conversation.
pub(super) struct Talk<'t, 's> {
    pub hubspot: &'t HubSpot,
    pub session: &'t mut Session<'s>,
}

/// A record, as far as it is read.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Record {
    pub id: String,
    #[serde(default)]
    pub properties: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub associations: BTreeMap<String, Page>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub results: Vec<Record>,
}

impl Record {
    /// A property's value; `None` where it has none.
    pub fn value(&self, property: &str) -> Option<&str> {
        self.properties.get(property)?.as_deref().filter(|value| !value.is_empty())
    }

    /// The ids of what it is tied to.
    pub fn tied(&self, object: &str) -> Vec<String> {
        self.associations.get(object).into_iter().flat_map(|page| &page.results).map(|other| other.id.clone()).collect()
    }
}

/// A tie of a new record to another: the other's id, and the kind of tie.
pub(super) type Tie<'a> = (&'a str, u32);

impl Talk<'_, '_> {
    /// `{api}crm/{area}/{version}/…`
    pub fn url(&self, area: &str, parts: &[&str]) -> Url {
        let mut url = self.hubspot.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["crm", area, &self.hubspot.version]).extend(parts);
        }
        url
    }

    /// Sends a request in the name of the token; the answer may be anything.
    pub async fn ask(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Response, Failure> {
        let request = Request { method, ..Request::get(url) }.bearer(&self.hubspot.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.session.send(request).await
    }

    /// As [`Talk::ask`], for what has to go well.
    pub async fn tell(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Response, Failure> {
        let answer = self.ask(method, url, body).await?;
        if answer.is_success() { Ok(answer) } else { Err(failure(&answer, self.session.now())) }
    }

    /// The record whose `property` is `key`, with the values of `properties`. Not by path: a key may hold whatever people make up.
    pub async fn find(
        &self,
        object: &str,
        (property, key): (&str, &str),
        properties: &[&str],
    ) -> Result<Option<Record>, Failure> {
        let body = json!({ "idProperty": property, "inputs": [{ "id": key }], "properties": properties });
        let answer = self.ask(Method::POST, self.url("objects", &[object, "batch", "read"]), Some(&body)).await?;
        let said: Value = answer.json().unwrap_or_default();
        let found = said.pointer("/results/0").and_then(|found| Record::deserialize(found).ok());
        // 207: which of them there is not.
        let error =
            said.pointer("/errors/0").filter(|error| error.get("category").is_none_or(|is| *is != "OBJECT_NOT_FOUND"));
        match (answer.status, error) {
            (404, _) => Ok(None),
            (200..=299, Some(error)) => Err(of_record(error, self.session.now())),
            (200..=299, None) => Ok(found),
            // Not of this lead: that property can't be asked by.
            (400, _) if String::from_utf8_lossy(&answer.body).contains(property) => Err(not_unique(&answer, property)),
            _ => Err(failure(&answer, self.session.now())),
        }
    }

    /// Makes a record, tied to others; returns the answer, whatever it is.
    pub async fn create(&self, object: &str, values: &Values, ties: &[Tie<'_>]) -> Result<Response, Failure> {
        let tie = |(to, kind): &Tie<'_>| {
            let kind = json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind });
            json!({ "to": { "id": to }, "types": [kind] })
        };
        let body = json!({ "properties": values, "associations": ties.iter().map(tie).collect::<Vec<_>>() });
        self.ask(Method::POST, self.url("objects", &[object]), Some(&body)).await
    }

    /// Changes a record; with nothing to change there is no request.
    pub async fn change(&self, object: &str, id: &str, values: &Values) -> Result<(), Failure> {
        if values.is_empty() {
            return Ok(());
        }
        let body = json!({ "properties": values });
        record(&self.tell(Method::PATCH, self.url("objects", &[object, id]), Some(&body)).await?).map(drop)
    }

    /// Makes a record, or changes the one whose `property` is `key`; in one step, so that two who do so at once make one.
    pub async fn upsert(&self, object: &str, property: &str, key: &str, values: &Values) -> Result<String, Failure> {
        let input = json!({ "id": key, "idProperty": property, "properties": values });
        let body = json!({ "inputs": [input] });
        let answer = self.tell(Method::POST, self.url("objects", &[object, "batch", "upsert"]), Some(&body)).await?;
        let said: Value = answer.json().unwrap_or_default();
        // 207: what went wrong with which record stands beside those that went well.
        if let Some(error) = said.pointer("/errors/0") {
            return Err(of_record(error, self.session.now()));
        }
        let id = said.pointer("/results/0/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| silent(&answer))
    }

    /// Ties two records together in the way that is usual for them. What is tied already stays so.
    pub async fn tie(&self, (from, id): (&str, &str), (to, other): (&str, &str)) -> Result<(), Failure> {
        let url = self.url("objects", &[from, id, "associations", "default", to, other]);
        self.tell(Method::PUT, url, None).await.map(drop)
    }

    /// Records by their ids.
    pub async fn read(&self, object: &str, ids: &[String], properties: &[&str]) -> Result<Vec<Record>, Failure> {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({ "inputs": inputs, "properties": properties });
        let answer = self.tell(Method::POST, self.url("objects", &[object, "batch", "read"]), Some(&body)).await?;
        answer.json().map(|page: Page| page.results).ok_or_else(|| silent(&answer))
    }
}

/// The record that an answer holds. Who says yes and shows none has written nothing.
pub(super) fn record(answer: &Response) -> Result<Record, Failure> {
    answer.json().filter(|record: &Record| !record.id.is_empty()).ok_or_else(|| silent(answer))
}

/// What an operator mapped, as text: lists as HubSpot writes several choices.
pub(super) fn as_text(mapped: Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    mapped.into_iter().map(|(name, value)| (name, text(&value)))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}
