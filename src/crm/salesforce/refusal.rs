//! What Salesforce says when it doesn't do something, and what that means for a delivery. Pure.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::crm::exchange::{Response, excerpt};
use crate::crm::retry::{Failure, Verdict};
use crate::time::Millis;

/// How long all deliveries wait when the calls of a day are used up: the limit is over the last 24 hours, so some come free all the time.
const A_WHILE: Duration = Duration::from_mins(15);
/// How long they wait when too many long calls are under way.
const A_MOMENT: Duration = Duration::from_secs(30);

/// What stands in the way of this record alone: it would again, until a person changes it, or a rule.
const OF_RECORD: [&str; 14] = [
    "REQUIRED_FIELD_MISSING",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "FIELD_INTEGRITY_EXCEPTION",
    "DUPLICATES_DETECTED",
    "INVALID_EMAIL_ADDRESS",
    "STRING_TOO_LONG",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_CROSS_REFERENCE_KEY",
    "MALFORMED_ID",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    "TRANSFER_REQUIRES_READ",
    "MULTIPLE_CHOICES",
];

/// The app, or the user that it runs as, may do nothing.
const OF_APP: [&str; 2] = ["INVALID_SESSION_ID", "API_DISABLED_FOR_ORG"];

/// One error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// `REQUIRED_FIELD_MISSING`
    #[serde(rename = "errorCode")]
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// What it is about.
    #[serde(default)]
    pub fields: Vec<String>,
}

impl Refusal {
    fn is_of_record(&self) -> bool {
        OF_RECORD.contains(&self.code.as_str())
    }

    /// Whether the user who was to own the record is not active any more.
    pub fn is_of_owner(&self) -> bool {
        matches!(self.code.as_str(), "INACTIVE_OWNER_OR_USER" | "OPERATION_WITH_INACTIVE_USER")
    }

    fn told(&self) -> String {
        let fields = if self.fields.is_empty() { String::new() } else { format!(" ({})", self.fields.join(", ")) };
        let fix = fix(&self.code).map_or_else(String::new, |fix| format!("; {fix}"));
        excerpt(&format!("{}{fields}: {}", self.code, self.message)) + &fix
    }
}

/// The errors that a body lists.
pub fn refusals(body: &Value) -> Vec<Refusal> {
    let all = body.as_array().into_iter().flatten();
    all.filter_map(|one| Refusal::deserialize(one).ok()).collect()
}

/// What an answer with such a status means that is no success.
pub fn answered(answer: &Response, now: Millis) -> Failure {
    let refusals = answer.json().as_ref().map(refusals).unwrap_or_default();
    if refusals.is_empty() {
        let text = format!("{}: {}", answer.status_line(), answer.excerpt());
        // No more is known: only a body that lists errors says that it is this record's fault.
        let verdict = if answer.status == 401 { Verdict::Denied } else { Verdict::Failed };
        return Failure { verdict, ..Failure::answered(answer, text, now) };
    }
    failure(&refusals, answer.header("sforce-limit-info"))
}

/// What errors mean; `usage` is how many of the day's calls were used.
pub fn failure(refusals: &[Refusal], usage: Option<&str>) -> Failure {
    // What was stopped by another error says nothing by itself.
    let causes: Vec<&Refusal> =
        match refusals.iter().filter(|refusal| refusal.code != "PROCESSING_HALTED").collect::<Vec<_>>() {
            causes if causes.is_empty() => refusals.iter().collect(),
            causes => causes,
        };
    let error = causes.iter().map(|refusal| refusal.told()).collect::<Vec<_>>().join("; ");
    let code = causes.first().map_or("unknown", |refusal| refusal.code.as_str());
    if code == "REQUEST_LIMIT_EXCEEDED" {
        let wait = if causes.iter().any(|refusal| refusal.message.contains("oncurrent")) { A_MOMENT } else { A_WHILE };
        let usage = usage.map_or_else(String::new, |usage| format!(" ({})", excerpt(usage)));
        return Failure::busy(format!("{error}{usage}"), "limit", wait);
    }
    if !causes.is_empty() && causes.iter().all(|refusal| refusal.is_of_record()) {
        return Failure::refused(error, "refused");
    }
    let verdict = if OF_APP.contains(&code) { Verdict::Denied } else { Verdict::Failed };
    Failure { verdict, ..Failure::refused(error, code_in_log(code)) }
}

/// Codes go into the logs; what a receiver made up does not.
fn code_in_log(code: &str) -> &str {
    let is_code = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if is_code { code } else { "error" }
}

/// What to do about it.
pub fn fix(code: &str) -> Option<&'static str> {
    Some(match code {
        "REQUIRED_FIELD_MISSING" => {
            "map the field under `once`, or give it a default in Salesforce; then replay the delivery"
        }
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" | "FIELD_FILTER_VALIDATION_EXCEPTION" => {
            "a validation rule of the org; map what it asks for, or except the integration user; then replay the delivery"
        }
        "DUPLICATES_DETECTED" => {
            "a duplicate rule of the org; `allow_duplicates: true` writes the record all the same where the rule lets one"
        }
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => "the field takes only the values of its picklist",
        "MULTIPLE_CHOICES" => "make the field unique, and merge the records",
        "INVALID_FIELD" | "INVALID_FIELD_FOR_INSERT_UPDATE" | "NOT_FOUND" | "INVALID_TYPE" => {
            "make the field, and let the integration user's permission set read and edit it; `handraiser crm test` lists them all"
        }
        "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" => {
            "give the integration user's permission set read, create and edit on leads, contacts, accounts and tasks, and view all"
        }
        "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => "the edition or the integration user has no API access",
        "UNSUPPORTED_API_VERSION" => "set `api_version` to one that the org offers",
        _ => return None,
    })
}

/// The errors of a part of a composite. A part that finds several records lists them in place of an error.
pub fn of_part(part: &Value) -> Vec<Refusal> {
    let body = part.get("body").unwrap_or(&Value::Null);
    if part.get("httpStatusCode").and_then(Value::as_u64) == Some(300) {
        let message = format!("several records have this external id: {body}");
        return vec![Refusal { code: "MULTIPLE_CHOICES".to_owned(), message, fields: Vec::new() }];
    }
    refusals(body)
}
