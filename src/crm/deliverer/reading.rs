//! Asking a destination what people made of the leads there: under the same limits and the same circuit breaker as deliveries.

use std::time::Duration;

use super::link::{DestinationLink, Leave};
use crate::apply::message::ReadBack;
use crate::crm::backoff::later;
use crate::crm::line::Line;
use crate::crm::retry::{Failure, Verdict};
use crate::crm::session::Session;
use crate::crm::{Destination, adapter};
use crate::time::{Clock, Millis};

/// When the rest of what changed is asked for.
const REST: Duration = Duration::from_secs(1);

/// Asks for all that changed since a moment; `every` so many milliseconds.
pub(super) async fn read_back(
    destination: &Destination,
    link: &DestinationLink,
    (since, every): (Millis, i64),
    clock: &Clock,
) -> ReadBack {
    let at = clock.now();
    let usual = at.plus(every);
    let leave = match Leave::take(link, at) {
        Ok(leave) => leave,
        // Deliveries say when it is back.
        Err(until) => return failed("it takes nothing for now".to_owned(), at, until.min(usual)),
    };
    let answer = ask(destination, link, since, clock).await;
    let now = clock.now();
    match answer {
        Ok(read) => {
            leave.delivered(now);
            link.meters.read.increment(1);
            let seen = read.leads.into_iter().map(|(lead, seen)| (lead.into(), seen)).collect();
            let next = if read.is_all { usual.max(now) } else { later(now, REST) };
            ReadBack { at, seen, until: Some(read.until), next, error: None }
        }
        Err(failure) => {
            // Otherwise nothing was learned of it.
            if failure.of_destination {
                leave.failed(&failure, destination.retry.cap, now);
            }
            if failure.verdict == Verdict::Paced {
                // Deliveries come first.
                let wait = failure.retry_after.unwrap_or(REST);
                return failed(failure.error, at, later(now, wait).min(usual.max(now)));
            }
            link.meters.unread.increment(1);
            link.could_not_read(&failure.reason);
            failed(failure.error, at, usual.max(now))
        }
    }
}

async fn ask(
    destination: &Destination,
    link: &DestinationLink,
    since: Millis,
    clock: &Clock,
) -> Result<adapter::ReadBack, Failure> {
    let connections =
        link.connections(destination).map_err(|error| Failure::unanswered(error.to_string(), error.kind()))?;
    let (adapter, memo) = (destination.kind.adapter(), link.memo(&destination.kind));
    let line = Line {
        connections,
        http: &destination.http,
        pace: link.pace(),
        limits: adapter.limits(),
        room: link.room(),
        clock,
        watch: None,
    };
    let mut session = Session::new(&line, clock, &memo);
    adapter.read_back(since, &mut session).await
}

/// It could not be asked.
pub(super) fn failed(error: String, at: Millis, next: Millis) -> ReadBack {
    ReadBack { at, seen: Vec::new(), until: None, next, error: Some(error.into()) }
}
