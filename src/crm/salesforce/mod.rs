//! Salesforce: a lead becomes a Lead, or a Contact with a Task on the account that is there. Each lead event is one look at what stands
//! there and one graph of changes, written as a whole or not at all.

mod back;
mod jwt;
mod login;
mod org;
mod person;
mod plan;
mod prove;
mod read;
mod refusal;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

pub use jwt::{BadKey, check as check_key};
pub use org::{ACCOUNT_ID, LEAD_ID, Login, Matching, Salesforce, USER_ID};

use super::adapter::{Adapter, LeadNews, Proof, ReadBack};
use super::exchange::{Request, Response};
use super::retry::{Failure, Verdict};
use super::session::Session;
use crate::lead::LeadEvent;
use crate::time::Millis;

/// An update of an object would run the org's assignment rules, which give the record to whom they like.
const AUTO_ASSIGN: HeaderName = HeaderName::from_static("sforce-auto-assign");
/// Writes what a duplicate rule only warns of.
const DUPLICATE_RULE: HeaderName = HeaderName::from_static("sforce-duplicate-rule-header");

#[async_trait]
impl Adapter for Salesforce {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let event = news.event()?;
        let found = read::read(self, &event, session).await?;
        let plan = plan::plan(self, &event, &found, &session.remembered)?;
        if !plan.nodes.is_empty() {
            self.write(&event, plan.nodes, session).await?;
        }
        for (name, text) in &plan.remember {
            session.remember(name, text);
        }
        Ok(())
    }

    /// A token that is refused and renewed, a look, a second one at the contact of a converted lead, the graph, and a token between.
    fn exchanges(&self) -> u32 {
        7
    }

    fn reads_back(&self) -> bool {
        true
    }

    async fn read_back(&self, since: Millis, session: &mut Session<'_>) -> Result<ReadBack, Failure> {
        back::read(self, since, session).await
    }

    fn credentials(&self) -> Vec<&str> {
        match &self.login {
            Login::Secret(secret) => vec![&self.client_id, secret.expose()],
            Login::Jwt { key, user, audience } => vec![&self.client_id, key.expose(), user, audience],
        }
    }

    async fn test(&self, owners: &[&str], session: &mut Session<'_>) -> Vec<Proof> {
        prove::prove(self, owners, session).await
    }

    fn pretend(&self, request: &Request) -> Option<Response> {
        if !request.url.path().ends_with("/composite/graph") {
            return None;
        }
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let nodes = body.pointer("/graphs/0/compositeRequest")?.as_array()?.iter();
        let parts: Vec<Value> = nodes
            .map(|node| {
                json!({ "body": { "id": "001000000000000AAA", "success": true }, "httpStatusCode": 201, "referenceId": node.get("referenceId") })
            })
            .collect();
        let graph = json!({ "graphId": "lead", "isSuccessful": true, "graphResponse": { "compositeResponse": parts } });
        Some(Response {
            status: 200,
            body: json!({ "graphs": [graph] }).to_string().into_bytes(),
            ..Response::default()
        })
    }
}

impl Salesforce {
    async fn write(&self, event: &LeadEvent, nodes: Vec<Value>, session: &Session<'_>) -> Result<(), Failure> {
        let body = json!({ "graphs": [{ "graphId": "lead", "compositeRequest": nodes }] });
        let mut request = Request::new(Method::POST, self.at("composite/graph")).json(&body);
        request = request.header(AUTO_ASSIGN, HeaderValue::from_static("FALSE"));
        if self.allow_duplicates {
            request = request.header(DUPLICATE_RULE, HeaderValue::from_static("allowSave=true"));
        }
        let answer = login::call(self, session, request).await?;
        let graph = answer.json::<Value>().filter(|_| answer.is_success());
        let Some(graph) = graph.as_ref().and_then(|body| body.pointer("/graphs/0")) else {
            return Err(refusal::answered(&answer, session.now()));
        };
        if graph.get("isSuccessful") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        let parts = graph.pointer("/graphResponse/compositeResponse").and_then(Value::as_array);
        let refusals: Vec<_> = parts.into_iter().flatten().flat_map(refusal::of_part).collect();
        if refusals.iter().any(refusal::Refusal::is_of_owner) {
            read::unlearn_owner(event, session);
        }
        if refusals.is_empty() {
            let error = format!("the graph was not written: {}", answer.excerpt());
            return Err(Failure { verdict: Verdict::Failed, ..Failure::refused(error, "no success") });
        }
        Err(refusal::failure(&refusals, answer.header("sforce-limit-info")))
    }
}

#[cfg(test)]
mod tests;
