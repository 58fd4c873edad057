//! What becomes of a delivery after an attempt. Pure.
//!
//! | what happened                                    | then                                                          |
//! |--------------------------------------------------|---------------------------------------------------------------|
//! | 2xx                                              | done                                                          |
//! | 400, 413, 414, 415, 422, 431                     | dead at once: this message is refused, and would be again     |
//! | 410                                              | dead at once: the receiver wants no more of it                |
//! | 401, 403                                         | tried again: it refuses the credentials, which concerns every delivery |
//! | any other answer (3xx, 404, 429, 5xx)            | tried again: what is wrong is the destination, not the message |
//! | no answer (connection, TLS, deadline, address)   | tried again                                                   |
//! | 429, 503 with `Retry-After`                      | tried again; all deliveries to the destination pause so long  |
//!
//! Standard Webhooks would have everything but 410 tried again. A body that the CRM refuses stays the same however often it
//! is sent, though, and while it is tried it holds back the later news of the same lead; so it is given up at once, where an
//! operator sees it, fixes the CRM or the template, and replays it. A wrong token or path (401, 403, 404) is different: it
//! concerns every delivery, and once it is fixed all of them go through without anybody's help. While credentials are refused no delivery
//! uses up its attempts, and when that goes on the destination is paused ([`super::denials`]).
//!
//! The wait doubles from `base` to `cap`, and is drawn between half of `base` and the whole wait ("full jitter"), so that
//! deliveries that failed together don't come back together. `Retry-After` is honoured up to `cap`.

use std::time::Duration;

use super::backoff::{Backoff, later, spread};
use super::exchange::Response;
use crate::apply::message::AttemptOutcome;
use crate::time::Millis;

/// When a failed delivery is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all; after the last one the delivery is dead.
    pub max_attempts: u32,
    /// The wait after the first failure; doubled after each further one, with jitter.
    pub base: Duration,
    /// The longest wait; also caps `Retry-After`.
    pub cap: Duration,
}

impl RetryPolicy {
    /// The waits between attempts.
    pub const fn backoff(&self) -> Backoff {
        Backoff { base: self.base, cap: self.cap }
    }
}

/// What a delivery attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination took it (2xx).
    Delivered,
    /// The destination is alive, but this message will never be taken.
    Refused,
    /// Nothing is wrong with the message; try again.
    Failed,
    /// As [`Verdict::Failed`]: the destination refuses the credentials.
    Denied,
    /// As [`Verdict::Failed`], and the destination is alive: it says when it will have time again.
    Busy,
    /// Our own limit lets nothing pass for now: no attempt was made.
    Paced,
}

/// The verdict on an answer: its status, and whether it says when to come back.
pub const fn verdict(status: u16, says_when: bool) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        400 | 410 | 413 | 414 | 415 | 422 | 431 => Verdict::Refused,
        401 | 403 => Verdict::Denied,
        429 | 503 if says_when => Verdict::Busy,
        _ => Verdict::Failed,
    }
}

/// One attempt that did not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether it is worth trying again; never [`Verdict::Delivered`].
    pub verdict: Verdict,
    /// For the operator: the status and the first bytes of the answer, or what prevented one.
    pub error: String,
    /// The same in a word for the logs, which hold nothing that a receiver said.
    pub reason: String,
    /// How long the receiver asked to be left alone, from now.
    pub retry_after: Option<Duration>,
    /// Whether it says something about the destination: an answer, or none where there should be one. What went wrong here does not.
    pub of_destination: bool,
}

impl Failure {
    /// What an answer means that is no success; `error` is what an operator is told of it.
    pub fn answered(answer: &Response, error: String, now: Millis) -> Self {
        let retry_after = answer.retry_after().and_then(|value| retry_after(value, now));
        let verdict = verdict(answer.status, retry_after.is_some());
        Self { verdict, error, reason: format!("status {}", answer.status), retry_after, of_destination: true }
    }

    /// There is no answer, for this reason; `kind` is the same in a word.
    pub fn unanswered(error: String, kind: &str) -> Self {
        Self { verdict: Verdict::Failed, error, reason: kind.to_owned(), retry_after: None, of_destination: true }
    }

    /// The destination refuses the credentials, or what they may do; `kind` is the same in a word.
    pub fn denied(error: String, kind: &str) -> Self {
        Self { verdict: Verdict::Denied, ..Self::unanswered(error, kind) }
    }

    /// The destination refuses this news, and would again.
    pub fn refused(error: String, reason: &str) -> Self {
        Self { verdict: Verdict::Refused, error, reason: reason.to_owned(), retry_after: None, of_destination: true }
    }

    /// The destination is alive and wants to be left alone for so long.
    pub fn busy(error: String, reason: &str, wait: Duration) -> Self {
        let reason = reason.to_owned();
        Self { verdict: Verdict::Busy, error, reason, retry_after: Some(wait), of_destination: true }
    }

    /// Our own limit lets nothing pass for so long.
    pub fn paced(wait: Duration) -> Self {
        let error = "waits until the destination may be asked again".to_owned();
        Self {
            verdict: Verdict::Paced,
            error,
            reason: "limit".to_owned(),
            retry_after: Some(wait),
            of_destination: true,
        }
    }

    /// It went wrong before anything was sent: `verdict` says whether it may be otherwise when the configuration has changed.
    pub fn here(verdict: Verdict, error: String, reason: &str) -> Self {
        Self { verdict, error, reason: reason.to_owned(), retry_after: None, of_destination: false }
    }
}

/// What becomes of news that had failed `attempts` times before this failure.
pub fn outcome(policy: &RetryPolicy, attempts: u32, failure: Failure, now: Millis, seed: u64) -> AttemptOutcome {
    let attempts = attempts.saturating_add(1);
    let error = failure.error.into();
    if failure.verdict == Verdict::Refused || attempts >= policy.max_attempts {
        return AttemptOutcome::Dead { error };
    }
    let wait = match failure.retry_after {
        // Beyond what was asked for, so that not everyone comes back in the same instant.
        Some(asked) => asked.min(policy.cap).saturating_add(spread(Duration::ZERO, policy.base, seed)),
        None => Duration::ZERO,
    };
    let wait = wait.max(policy.backoff().wait(attempts, seed));
    AttemptOutcome::Retry { due: later(now, wait), counts: true, error }
}

/// Reads `Retry-After`: seconds, or an HTTP date (never negative). What can't be read is as if it weren't there.
pub fn retry_after(value: &str, now: Millis) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    // The IMF form of an HTTP date is an RFC 2822 date; the two obsolete forms are not worth the code.
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let wait = Millis(at.as_millisecond()).since(now).max(0);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
