//! Requests to Attio, and its answers: `{"data": …}`.

use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::Attio;
use super::answers::{failure, silent};
use crate::crm::exchange::{Request, Response};
use crate::crm::retry::Failure;
use crate::crm::session::Session;

/// Attributes, each with its values.
pub(super) type Values = Map<String, Value>;

/// One conversation.
pub(super) struct Talk<'t, 's> {
    pub attio: &'t Attio,
    pub session: &'t mut Session<'s>,
}

impl Talk<'_, '_> {
    /// `{api}v2/…`
    pub fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.attio.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v2").extend(parts);
        }
        url
    }

    /// Sends a request in the name of the token; the answer may be anything.
    pub async fn ask(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Response, Failure> {
        let request = Request { method, ..Request::get(url) }.bearer(&self.attio.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.session.send(request).await
    }

    /// As [`Talk::ask`], for what has to go well; returns what it is about.
    pub async fn hear(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Value, Failure> {
        let answer = self.ask(method, url, body).await?;
        if !answer.is_success() {
            return Err(failure(&answer, self.session.now()));
        }
        let said: Option<Value> = answer.json();
        said.and_then(|mut said| said.get_mut("data").map(Value::take)).ok_or_else(|| silent(&answer))
    }

    /// The oldest record with a value of an attribute.
    pub async fn find(&self, object: &str, attribute: &str, value: &str) -> Result<Option<Value>, Failure> {
        let sort = json!([{ "attribute": "created_at", "direction": "asc" }]);
        let body = json!({ "filter": { attribute: value }, "sorts": sort, "limit": 1 });
        let url = self.url(&["objects", object, "records", "query"]);
        match self.hear(Method::POST, url, Some(&body)).await? {
            Value::Array(all) => Ok(all.into_iter().next()),
            _ => Ok(None),
        }
    }

    /// Makes a record, or changes the one that has the same value of a unique attribute; returns its id.
    pub async fn assert(&self, object: &str, attribute: &str, values: &Values) -> Result<String, Failure> {
        let mut url = self.url(&["objects", object, "records"]);
        url.query_pairs_mut().append_pair("matching_attribute", attribute);
        let said = self.hear(Method::PUT, url, Some(&json!({ "data": { "values": values } }))).await?;
        id(&said).ok_or_else(|| Failure::unanswered(format!("nothing was written: {said}"), "silent failure"))
    }

    /// Changes a record; with nothing to change there is no request.
    pub async fn change(&self, object: &str, id: &str, values: &Values) -> Result<(), Failure> {
        if values.is_empty() {
            return Ok(());
        }
        let url = self.url(&["objects", object, "records", id]);
        self.hear(Method::PATCH, url, Some(&json!({ "data": { "values": values } }))).await.map(drop)
    }
}

/// A record's id.
pub(super) fn id(record: &Value) -> Option<String> {
    record.pointer("/id/record_id")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The first value of an attribute of a record, as it is written; `None` where it has none, or one that is not of one piece.
pub(super) fn value<'r>(record: &'r Value, attribute: &str) -> Option<&'r Value> {
    let first = record.get("values")?.get(attribute)?.get(0)?;
    let plain = ["value", "currency_value", "referenced_actor_id", "target_record_id", "domain", "email_address"];
    let plain = plain.iter().find_map(|name| first.get(*name));
    plain.or_else(|| first.pointer("/option/title")).or_else(|| first.pointer("/status/title"))
}

/// A reference to a record.
pub(super) fn reference(object: &str, id: &str) -> Value {
    json!([{ "target_object": object, "target_record_id": id }])
}
