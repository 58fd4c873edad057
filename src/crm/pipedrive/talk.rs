//! Requests to Pipedrive, and its answers: `{"success": true, "data": …}`.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Map, Value};
use url::Url;

use super::Pipedrive;
use super::answers::{failure, silent};
use crate::crm::exchange::{Request, Response};
use crate::crm::retry::Failure;
use crate::crm::session::Session;

/// Fields and their values.
pub(super) type Values = Map<String, Value>;

/// One conversation.
pub(super) struct Talk<'t, 's> {
    pub pipedrive: &'t Pipedrive,
    pub session: &'t mut Session<'s>,
}

impl Talk<'_, '_> {
    /// `{url}api/v2/…`
    pub fn v2(&self, parts: &[&str]) -> Url {
        self.url("v2", parts)
    }

    /// `{url}api/v1/…`, for what there is nowhere else: leads, notes, users.
    pub fn v1(&self, parts: &[&str]) -> Url {
        self.url("v1", parts)
    }

    fn url(&self, version: &str, parts: &[&str]) -> Url {
        let mut url = self.pipedrive.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", version]).extend(parts);
        }
        url
    }

    /// Sends a request in the name of the token; the answer may be anything.
    pub async fn ask(&self, method: Method, url: Url, body: Option<&Values>) -> Result<Response, Failure> {
        let token = self.pipedrive.token.expose().trim();
        let request = Request { method, ..Request::get(url) }.secret(HeaderName::from_static("x-api-token"), token);
        let request = match body {
            Some(body) => request.json(&Value::Object(body.clone())),
            None => request,
        };
        self.session.send(request).await
    }

    /// As [`Talk::ask`], for what has to go well; returns all that was said.
    pub async fn hear(&self, method: Method, url: Url, body: Option<&Values>) -> Result<Value, Failure> {
        let answer = self.ask(method, url, body).await?;
        if !answer.is_success() {
            return Err(failure(&answer, self.session.now()));
        }
        let said: Option<Value> = answer.json();
        said.filter(|said| said.get("success") == Some(&Value::Bool(true))).ok_or_else(|| silent(&answer))
    }

    /// What there is to read.
    pub async fn read(&self, url: Url) -> Result<Value, Failure> {
        self.hear(Method::GET, url, None).await.map(|said| part(said, "data"))
    }

    /// A record; `None` where there is none any more.
    pub async fn record(&self, url: Url) -> Result<Option<Value>, Failure> {
        let answer = self.ask(Method::GET, url, None).await?;
        match answer.status {
            404 | 410 => Ok(None),
            200..=299 => {
                let said: Value = answer.json().ok_or_else(|| silent(&answer))?;
                let is_there = |data: &&Value| data.is_object() && data.get("is_deleted") != Some(&Value::Bool(true));
                Ok(said.get("data").filter(is_there).cloned())
            }
            _ => Err(failure(&answer, self.session.now())),
        }
    }

    /// Makes or changes a record; returns it. Who says yes and shows none has written nothing.
    pub async fn write(&self, method: Method, url: Url, values: &Values) -> Result<Value, Failure> {
        let said = self.hear(method, url, Some(values)).await?;
        let data = said.get("data").filter(|data| id(data).is_some()).cloned();
        data.ok_or_else(|| Failure::unanswered(format!("nothing was written: {said}"), "silent failure"))
    }

    /// What a search by exactly this finds: each as far as the search shows it.
    pub async fn search(&self, kind: &str, fields: &str, term: &str) -> Result<Vec<Value>, Failure> {
        let mut url = self.v2(&[kind, "search"]);
        let pairs = [("term", term), ("fields", fields), ("exact_match", "true"), ("limit", "10")];
        url.query_pairs_mut().extend_pairs(pairs);
        let Value::Array(items) = part(self.read(url).await?, "items") else { return Ok(Vec::new()) };
        let mut items: Vec<Value> = items.into_iter().map(|item| part(item, "item")).collect();
        // The oldest first: of two that people made, it is the one that others know.
        items.sort_by_key(|item| item.get("id").and_then(Value::as_u64));
        Ok(items)
    }

    /// The records of a kind that were made last, the newest first. A search may not know them yet.
    pub async fn newest(&self, kind: &str, custom_field: Option<&str>) -> Result<Vec<Value>, Failure> {
        let mut url = self.v2(&[kind]);
        url.query_pairs_mut().extend_pairs([("sort_by", "add_time"), ("sort_direction", "desc"), ("limit", "100")]);
        if let Some(field) = custom_field {
            url.query_pairs_mut().append_pair("custom_fields", field);
        }
        match self.read(url).await? {
            Value::Array(all) => Ok(all),
            _ => Ok(Vec::new()),
        }
    }
}

/// A part of what was said; `null` where there is none.
pub(super) fn part(mut said: Value, name: &str) -> Value {
    said.get_mut(name).map(Value::take).unwrap_or_default()
}

/// A record's id: a number, or that of a lead.
pub(super) fn id(record: &Value) -> Option<String> {
    match record.get("id")? {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// An id, as Pipedrive wants to be told it.
pub(super) fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| id.into(), Value::from)
}
