//! What one attempt asked of a destination last, what that answered, and how long its answers took.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::exchange::{Request, Response};

/// So much of an answer is kept until it is known whether anybody is to see it, in bytes.
const KEPT: usize = 2_048;

/// Sees what goes over a line in one attempt.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Option<Exchange>,
    exchanges: u32,
    answering: Duration,
}

/// A request, and its answer as far as it has come.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was asked for.
    pub method: Method,
    /// Of whom. It may hold a secret.
    pub url: Url,
    /// What it answered; `None`: nothing.
    pub status: Option<u16>,
    /// The beginning of its answer.
    pub said: Vec<u8>,
}

impl Watch {
    pub(super) fn asks(&self, request: &Request) {
        let exchange =
            Exchange { method: request.method.clone(), url: request.url.clone(), status: None, said: Vec::new() };
        self.seen(|seen| seen.last = Some(exchange));
    }

    /// The answer, or that there is none, came after so long.
    pub(super) fn answered(&self, answer: Option<&Response>, took: Duration) {
        self.seen(|seen| {
            seen.exchanges += 1;
            seen.answering += took;
            if let Some((last, answer)) = seen.last.as_mut().zip(answer) {
                last.status = Some(answer.status);
                last.said = answer.body.get(..KEPT).unwrap_or(&answer.body).to_vec();
            }
        });
    }

    /// The last exchange.
    pub fn last(&self) -> Option<Exchange> {
        self.seen(|seen| seen.last.clone())
    }

    /// How long an answer took, in the mean, what was waited for beside them left out.
    pub fn answer_took(&self) -> Option<Duration> {
        self.seen(|seen| seen.answering.checked_div(seen.exchanges))
    }

    fn seen<T>(&self, f: impl FnOnce(&mut Seen) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
