//! What answers of Pipedrive mean that are no success. Pure.
//!
//! | answer                                  | then                                                                  |
//! |-----------------------------------------|-----------------------------------------------------------------------|
//! | 401, 402, 403, 404, 410                 | tried again: the token, the plan or the address concern every lead    |
//! | 403 that is a page                      | asked too often for too long: left alone for ten minutes              |
//! | 400, 422                                | dead at once, unless it may be for something that was looked up before |
//! | 429, nothing left of the day            | an hour later: the day ends at midnight of the server that it is on   |
//! | 429 otherwise                           | when it says, else 2 s later; a minute at most                        |
//! | 5xx                                     | tried again                                                           |

use std::time::Duration;

use serde_json::Value;

use crate::crm::exchange::{Response, excerpt};
use crate::crm::retry::{Failure, retry_after};
use crate::time::Millis;

/// The window in which Pipedrive counts.
pub(super) const WINDOW: Duration = Duration::from_secs(2);
/// What is left of the day's tokens.
pub(super) const LEFT: &str = "x-daily-ratelimit-token-remaining";

const HOUR: Duration = Duration::from_hours(1);
const BLOCKED: Duration = Duration::from_mins(10);
const MINUTE: Duration = Duration::from_mins(1);

/// What an answer means that is no success.
pub(super) fn failure(answer: &Response, now: Millis) -> Failure {
    let said: Option<Value> = answer.json().filter(Value::is_object);
    let told = said.as_ref().and_then(told).unwrap_or_else(|| answer.excerpt());
    let error = format!("{}: {told}", answer.status_line());
    let kind = format!("status {}", answer.status);
    let waits = |what: &str| Failure::unanswered(format!("{error}; {what}"), &kind);
    let denied = |what: &str| Failure::denied(format!("{error}; {what}"), &kind);
    match answer.status {
        429 if answer.header(LEFT).is_some_and(|left| left.trim() == "0") => {
            Failure::busy(format!("{error}; the company's tokens of the day are used up"), &kind, HOUR)
        }
        429 => {
            let asked = answer.retry_after().and_then(|value| retry_after(value, now));
            let reset = answer.header("x-ratelimit-reset").and_then(|value| value.trim().parse().ok());
            let wait = asked.or_else(|| reset.map(Duration::from_secs)).unwrap_or(WINDOW);
            Failure::busy(error, &kind, wait.clamp(WINDOW, MINUTE))
        }
        // Not of Pipedrive itself: of what stands before it.
        403 if said.is_none() => {
            let error =
                "403 Forbidden: Pipedrive blocks whoever asks on after being told that it was too often; lower `limit`";
            Failure::busy(error.to_owned(), "blocked", BLOCKED)
        }
        401 => denied("the token is wrong, or was made anew: put the new one in"),
        402 => waits("the account has to be paid for"),
        403 if said.as_ref().is_some_and(|said| said.get("code").is_some()) => {
            waits("the plan allows no more of it: make room, or change the plan")
        }
        403 => denied("the token's user may not do that: give them the permission, or take the token of another"),
        404 | 410 => waits("see whether `url` is the company's own address"),
        _ => Failure::answered(answer, error, now),
    }
}

/// It said yes, and there is nothing in its answer that was written.
pub(super) fn silent(answer: &Response) -> Failure {
    let error = format!("{}, but nothing was written: {}", answer.status_line(), answer.excerpt());
    Failure::unanswered(error, "silent failure")
}

/// What is wrong, and what would mend it, as it says.
fn told(said: &Value) -> Option<String> {
    let text = |name: &str| said.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let error = text("error").or_else(|| text("message"))?;
    let code = text("code").map(|code| format!("{code}: ")).unwrap_or_default();
    let info = text("error_info").filter(|info| !info.contains("developers.pipedrive.com"));
    Some(excerpt(&format!("{code}{error}{}", info.map(|info| format!(" ({info})")).unwrap_or_default())))
}
