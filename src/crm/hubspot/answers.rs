//! What answers of HubSpot mean that are no success. Pure.
//!
//! | answer                                            | then                                                      |
//! |---------------------------------------------------|-----------------------------------------------------------|
//! | 401, 403                                          | tried again: the token or its scopes concern every lead   |
//! | 400, a property that there isn't                  | tried again: so does that                                 |
//! | 400, a unique value that another record has       | tried again: by then that one is found                    |
//! | 400 otherwise                                     | dead at once, told by category and property, unless it may be for an owner who was looked up before |
//! | 409                                               | tried again: somebody was quicker; then it is found       |
//! | 423                                               | the record is locked: 2 s later                           |
//! | 429 by the second                                 | when it says, else 10 s later; a minute at most           |
//! | 429 by the day                                    | an hour later: the day ends at the account's own midnight |
//! | 477                                               | the account is being moved: when it says, else an hour later |
//! | 404, 5xx                                          | tried again                                               |

use std::time::Duration;

use serde_json::Value;

use crate::crm::exchange::{Response, excerpt};
use crate::crm::retry::{Failure, retry_after};
use crate::time::Millis;

/// Why a write failed that names a property that HubSpot doesn't have.
pub(super) const UNKNOWN_PROPERTY: &str = "unknown property";

/// Somebody else has a value that is nobody else's.
const TAKEN: &str = "CONFLICTING_UNIQUE_VALUE";

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What an answer means that is no success.
pub(super) fn failure(answer: &Response, now: Millis) -> Failure {
    let said: Value = answer.json().unwrap_or_default();
    let asked = answer.retry_after().and_then(|value| retry_after(value, now));
    let told = told(&said).unwrap_or_else(|| answer.excerpt());
    let error = format!("{}: {told}", answer.status_line());
    let busy = |wait| Failure::busy(error.clone(), &format!("status {}", answer.status), wait);
    match answer.status {
        429 if said.get("policyName").and_then(Value::as_str).is_some_and(|policy| policy.contains("DAILY")) => {
            busy(HOUR)
        }
        429 => busy(asked.unwrap_or(Duration::from_secs(10)).min(MINUTE)),
        423 => busy(Duration::from_secs(2)),
        477 => busy(asked.unwrap_or(HOUR)),
        401 => Failure::denied(format!("{error}; the token is wrong, or was revoked: put a new one in"), "status 401"),
        403 => Failure::denied(format!("{error}{}", scopes(&said)), "status 403"),
        400 => of_details(&said, error),
        409 => Failure::unanswered(error, "status 409"),
        _ => Failure::answered(answer, error, now),
    }
}

/// What an error of one record among several means, as the 207 has it that they came in.
pub(super) fn of_record(error: &Value, now: Millis) -> Failure {
    let status = match error.get("category").and_then(Value::as_str) {
        Some("CONFLICT") => 409,
        Some("RATE_LIMITS") => 429,
        Some("OBJECT_NOT_FOUND") => 404,
        Some("VALIDATION_ERROR") | None => 400,
        Some(_) if error.get("status").is_some_and(|status| *status == "error") => 400,
        Some(_) => 500,
    };
    failure(&Response { status, body: error.to_string().into_bytes(), ..Response::default() }, now)
}

/// It said yes, and there is nothing in its answer that was written.
pub(super) fn silent(answer: &Response) -> Failure {
    let error = format!("{}, but nothing was written: {}", answer.status_line(), answer.excerpt());
    Failure::unanswered(error, "silent failure")
}

/// A 400: of this lead, unless a property is missing, which is so for each of them.
fn of_details(said: &Value, error: String) -> Failure {
    let details = details(said);
    let missing: Vec<&str> = details
        .iter()
        .filter(|detail| detail.code == "PROPERTY_DOESNT_EXIST")
        .map(|detail| detail.property.as_str())
        .collect();
    if details.iter().any(|detail| detail.code == TAKEN) {
        // The record is there, by an attempt whose answer was lost: the next one finds it.
        return Failure::unanswered(error, "taken");
    }
    if missing.is_empty() {
        return Failure::refused(error, "status 400");
    }
    let fix = if missing.iter().all(|name| name.starts_with("handraiser_")) {
        "write `create_properties: true`, or create it in HubSpot".to_owned()
    } else {
        format!("create {} in HubSpot, or take it out of the mapping", missing.join(", "))
    };
    Failure::unanswered(format!("{error}; {fix}"), UNKNOWN_PROPERTY)
}

/// What is wrong with one property.
struct Detail {
    property: String,
    code: String,
    message: String,
}

/// `VALIDATION_ERROR, dealstage (INVALID_OPTION): …`, so that what failed for one reason begins alike.
fn told(said: &Value) -> Option<String> {
    let category = said.get("category").and_then(Value::as_str).or_else(|| said.get("errorType")?.as_str());
    let category = category.or_else(|| said.get("policyName")?.as_str());
    let details = details(said);
    let message = said.get("message").and_then(Value::as_str).unwrap_or_default();
    if details.is_empty() {
        return match (category, said.get("policyName").and_then(Value::as_str)) {
            (None, _) if message.is_empty() => None,
            (category, Some(policy)) => {
                Some(excerpt(&format!("{} ({policy}): {message}", category.unwrap_or_default())))
            }
            (category, None) => Some(excerpt(&format!("{}: {message}", category.unwrap_or("error")))),
        };
    }
    let each = details.iter().map(|Detail { property, code, message }| format!("{property} ({code}): {message}"));
    let each = each.collect::<Vec<_>>().join("; ");
    Some(excerpt(&format!("{}, {each}", category.unwrap_or("error"))))
}

/// What is wrong with which property: as a list of its own, or as one within the message.
fn details(said: &Value) -> Vec<Detail> {
    let own = said.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut details: Vec<Detail> = own.iter().filter_map(of_list).collect();
    if details.is_empty() {
        let message = said.get("message").and_then(Value::as_str).unwrap_or_default();
        let list = message.find("[{").and_then(|at| message.get(at..));
        let list =
            list.and_then(|list| serde_json::Deserializer::from_str(list).into_iter::<Vec<Value>>().next()?.ok());
        details.extend(list.unwrap_or_default().iter().filter_map(of_message));
    }
    details
}

fn of_list(error: &Value) -> Option<Detail> {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let property = error.pointer("/context/propertyName/0").and_then(Value::as_str).or_else(|| text("in"))?;
    Some(Detail {
        property: property.to_owned(),
        code: text("code").or_else(|| text("subCategory")).unwrap_or("INVALID").to_owned(),
        message: text("message").unwrap_or_default().to_owned(),
    })
}

fn of_message(error: &Value) -> Option<Detail> {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    Some(Detail {
        property: text("name")?.to_owned(),
        code: text("error").unwrap_or("INVALID").to_owned(),
        message: text("localizedErrorMessage").or_else(|| text("message")).unwrap_or_default().to_owned(),
    })
}

/// Which scopes the token lacks, where it says so.
fn scopes(said: &Value) -> String {
    let lists = ["requiredGranularScopes", "requiredScopes"];
    let list = |of: &Value| lists.iter().find_map(|name| of.pointer(&format!("/context/{name}"))?.as_array().cloned());
    let all = list(said).or_else(|| list(said.pointer("/errors/0")?)).unwrap_or_default();
    let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
    match all.as_slice() {
        [] => "; the token lacks a scope".to_owned(),
        all => excerpt(&format!("; give the token the scope {}", all.join(" or "))),
    }
}

/// The id of the contact that has an address already, where a refusal says so: it may have it as a second one.
pub(super) fn existing(answer: &Response) -> Option<String> {
    let said: Value = answer.json()?;
    let (_, rest) = said.get("message")?.as_str()?.split_once("Existing ID:")?;
    let id: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    (answer.status == 409 && !id.is_empty()).then_some(id)
}

/// Records can't be found by a property: there is none of that name, or its values need not be unique.
pub(super) fn not_unique(answer: &Response, property: &str) -> Failure {
    let said = told(&answer.json().unwrap_or_default()).unwrap_or_else(|| answer.excerpt());
    let fix =
        format!("`{property}` has to be there, with unique values: write `create_properties: true`, or create it");
    Failure::unanswered(format!("{}: {said}; {fix}", answer.status_line()), UNKNOWN_PROPERTY)
}
