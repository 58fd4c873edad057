//! What answers of Attio mean that are no success. Pure.
//!
//! | answer                                        | then                                                            |
//! |-----------------------------------------------|-----------------------------------------------------------------|
//! | 401, 403, 404                                 | tried again: the token, the plan or the object concern every lead |
//! | 400 about an attribute that there isn't       | tried again: so does that                                       |
//! | 400 about a value that another record has      | tried again: then that record is found                          |
//! | 400, 422                                      | dead at once, unless it may be for something that was looked up before |
//! | 409                                           | tried again: somebody wrote at the same time                    |
//! | 429                                           | when it says, else a second later; a minute at most             |
//! | 5xx                                           | tried again                                                     |

use std::time::Duration;

use serde_json::Value;

use crate::crm::exchange::{Response, excerpt};
use crate::crm::retry::{Failure, retry_after};
use crate::time::Millis;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What an answer means that is no success.
pub(super) fn failure(answer: &Response, now: Millis) -> Failure {
    let said: Value = answer.json().unwrap_or_default();
    let code = said.get("code").and_then(Value::as_str).unwrap_or_default();
    let told = told(&said).unwrap_or_else(|| answer.excerpt());
    let error = format!("{}: {told}", answer.status_line());
    let kind = format!("status {}", answer.status);
    let waits = |what: &str| Failure::unanswered(format!("{error}; {what}"), &kind);
    let denied = |what: &str| Failure::denied(format!("{error}; {what}"), &kind);
    match answer.status {
        429 => {
            let asked = answer.retry_after().and_then(|value| retry_after(value, now)).unwrap_or(SECOND);
            Failure::busy(error, &kind, asked.clamp(SECOND, MINUTE))
        }
        401 => denied("the token is wrong, or was revoked: put a new one in"),
        403 if code == "billing_error" => waits("the plan of the workspace does not allow it"),
        403 => denied("give the token the scopes that docs/crm/attio.md lists"),
        404 => waits("see whether `object` is the slug of an object of the workspace, and is switched on"),
        409 => Failure::unanswered(error, &kind),
        // A record that was made just now, and was not to be found yet.
        400 if code.contains("conflict") || code.contains("unique") => Failure::unanswered(error, &kind),
        400 if told.contains("attribute") && (told.contains("found") || told.contains("nknown")) => {
            waits("write `create_attributes: true`, make it in Attio, or take it out of the mapping")
        }
        _ => Failure::answered(answer, error, now),
    }
}

/// It said yes, and there is nothing in its answer that was written.
pub(super) fn silent(answer: &Response) -> Failure {
    let error = format!("{}, but nothing was written: {}", answer.status_line(), answer.excerpt());
    Failure::unanswered(error, "silent failure")
}

/// `validation_type: Body payload validation error, data.values.tier: must be a number`
fn told(said: &Value) -> Option<String> {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = Some(text(said, "message")).filter(|message| !message.is_empty())?;
    let details = said.get("validation_errors").and_then(Value::as_array);
    let detail = |detail: &Value| {
        let path = detail.get("path").and_then(Value::as_array).into_iter().flatten();
        let path: Vec<String> =
            path.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        format!(", {}: {}", path.join("."), text(detail, "message"))
    };
    let details: String = details.into_iter().flatten().map(detail).collect();
    Some(excerpt(&format!("{}: {message}{details}", text(said, "code"))))
}
