//! Salesforce: a lead becomes a Lead, or a Contact with a Task on the account that is there. Each lead event is one look at what stands
//! there and one composite of changes, written as a whole or not at all.

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
use crate::record::seen::STOOD;
use crate::time::Millis;

/// Writes what a duplicate rule only warns of.
const DUPLICATE_RULE: HeaderName = HeaderName::from_static("sforce-duplicate-rule-header");

#[async_trait]
impl Adapter for Salesforce {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let told = news.read()?;
        let event = told.newest();
        let found = read::read(self, event, session).await?;
        if let Some(lead) = found.lead.as_ref().filter(|lead| read::text(lead, LEAD_ID).is_none())
            && session.recall(STOOD).is_none()
        {
            // What people made of it before it held this lead was not this lead's doing.
            let usual = back::default_status(self, session).await?;
            session.remember(STOOD, back::by_status(lead, &self.stages, &usual).as_str());
        }
        let mut plan = plan::plan(self, event, &found, &session.remembered)?;
        let nodes = std::mem::take(&mut plan.nodes);
        if !nodes.is_empty()
            && let Err(failure) = self.write(event, nodes, session).await
        {
            for (name, text) in plan.in_doubt(&session.remembered) {
                session.remember(&name, &text);
            }
            return Err(failure);
        }
        for (name, text) in &plan.remember {
            session.remember(name, text);
        }
        Ok(())
    }

    /// A token that is refused and renewed, a look, the default status, a look at the contact of a converted lead, the composite of changes,
    /// and a token between.
    fn exchanges(&self) -> u32 {
        8
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
        if !request.url.path().ends_with("/composite") {
            return None;
        }
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        // A look is one as well, of which each part is answered by itself.
        let is_change = body.get("allOrNone") == Some(&Value::Bool(true));
        let nodes = body.get("compositeRequest").filter(|_| is_change)?.as_array()?.iter();
        let parts: Vec<Value> = nodes
            .map(|node| {
                json!({ "body": { "id": "001000000000000AAA", "success": true }, "httpStatusCode": 201, "referenceId": node.get("referenceId") })
            })
            .collect();
        let body = json!({ "compositeResponse": parts }).to_string().into_bytes();
        Some(Response { status: 200, body, ..Response::default() })
    }
}

impl Salesforce {
    async fn write(&self, event: &LeadEvent, nodes: Vec<Value>, session: &Session<'_>) -> Result<(), Failure> {
        let count = nodes.len();
        // Not a graph: of that one's parts the documentation knows no headers (REST API 258), and each part needs its own.
        let body = json!({ "allOrNone": true, "compositeRequest": nodes });
        let mut request = Request::new(Method::POST, self.at("composite")).json(&body);
        if self.allow_duplicates {
            request = request.header(DUPLICATE_RULE, HeaderValue::from_static("allowSave=true"));
        }
        let answer = login::call(self, session, request).await?;
        let said = answer.json::<Value>().filter(|_| answer.is_success());
        let parts = said.as_ref().and_then(|body| body.get("compositeResponse")?.as_array());
        let Some(parts) = parts.filter(|parts| parts.len() == count) else {
            return Err(refusal::answered(&answer, session.now()));
        };
        let is_done = |part: &Value| part.get("httpStatusCode").and_then(Value::as_u64).is_some_and(|code| code < 300);
        if parts.iter().all(is_done) {
            return Ok(());
        }
        let refusals: Vec<_> = parts.iter().filter(|part| !is_done(part)).flat_map(refusal::of_part).collect();
        if refusals.iter().any(refusal::Refusal::is_of_owner) {
            read::unlearn_owner(event, session);
        }
        if refusals.is_empty() {
            let error = format!("nothing was written: {}", answer.excerpt());
            return Err(Failure { verdict: Verdict::Failed, ..Failure::refused(error, "no success") });
        }
        Err(refusal::failure(&refusals, answer.header("sforce-limit-info")))
    }
}

#[cfg(test)]
mod tests;
