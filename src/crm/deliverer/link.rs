//! The ways to one destination: its connections, its circuit breaker, and what was told of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::crm::backoff::later;
use crate::crm::breaker::{Breaker, Circuit};
use crate::crm::client::{Connections, SendError};
use crate::crm::denials::{Denial, Denials};
use crate::crm::flow::Flow;
use crate::crm::memo::Memo;
use crate::crm::outage::{Outage, Transition};
use crate::crm::pace::Pace;
use crate::crm::retry::{Failure, Verdict};
use crate::crm::room::{Room, Rooms};
use crate::crm::watch::Watch;
use crate::crm::{Destination, DestinationName, Kind};
use crate::time::Millis;

/// What is known of the ways to one destination. No lock is held while anything is sent.
pub(super) struct DestinationLink {
    name: DestinationName,
    pub(super) meters: Meters,
    state: Mutex<LinkState>,
    pace: Mutex<Pace>,
    /// Whether as much is under way as may be, and how much that is.
    is_full: AtomicBool,
    flow: Mutex<Flow>,
    /// What was learned of it, as long as it is spoken to in the same way.
    memo: Mutex<Option<(Kind, Arc<Memo>)>>,
    connections: Mutex<Option<Connections>>,
    rooms: Rooms,
}

/// The metric series of a destination, looked up once instead of with every delivery.
pub(super) struct Meters {
    pub delivered: Counter,
    pub retried: Counter,
    pub dead: Counter,
    /// Times that it was asked what people made of the leads there, and in vain.
    pub read: Counter,
    pub unread: Counter,
    /// How long an exchange took.
    pub exchange: Histogram,
    /// From receiving the event to its delivery.
    pub event_to_delivered: Histogram,
    /// How many deliveries may be under way at once.
    pub at_once: Gauge,
}

impl Meters {
    fn new(destination: &str) -> Self {
        let name = || destination.to_owned();
        let asked = |outcome| counter!("handraiser_read_back_total", "destination" => name(), "outcome" => outcome);
        let count = |outcome| counter!("handraiser_deliveries_total", "destination" => name(), "outcome" => outcome);
        Self {
            delivered: count("delivered"),
            retried: count("retried"),
            dead: count("dead"),
            read: asked("answered"),
            unread: asked("failed"),
            exchange: histogram!("handraiser_delivery_seconds", "destination" => name()),
            event_to_delivered: histogram!("handraiser_event_to_delivered_seconds", "destination" => name()),
            at_once: gauge!("handraiser_deliveries_at_once", "destination" => name()),
        }
    }
}

#[derive(Default)]
struct LinkState {
    breaker: Breaker,
    outage: Outage,
    denials: Denials,
}

impl DestinationLink {
    pub(super) fn new(name: DestinationName, rooms: &Rooms) -> Self {
        let meters = Meters::new(&name);
        Self {
            name,
            meters,
            state: Mutex::default(),
            pace: Mutex::default(),
            is_full: AtomicBool::new(false),
            flow: Mutex::default(),
            memo: Mutex::default(),
            connections: Mutex::default(),
            rooms: rooms.of_another(),
        }
    }

    /// What went out to the destination lately.
    pub(super) const fn pace(&self) -> &Mutex<Pace> {
        &self.pace
    }

    /// What large answers of one delivery may take.
    pub(super) fn room(&self) -> Room {
        self.rooms.begin()
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many deliveries may be under way at once, of `setting` at most.
    pub(super) fn most(&self, setting: usize) -> usize {
        self.flow().most(setting)
    }

    /// Whether as much is under way as may be.
    pub(super) fn is_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// A delivery was under way, and failed so if it did.
    pub(super) fn flowed(&self, failure: Option<&Failure>, watch: &Watch, setting: usize, now: Millis) {
        let (took, is_full) = (watch.answer_took(), self.is_full.load(Ordering::Relaxed));
        let is_trouble =
            |failure: &Failure| failure.of_destination && matches!(failure.verdict, Verdict::Failed | Verdict::Busy);
        let mut flow = self.flow();
        if failure.is_some_and(is_trouble) {
            flow.troubled(took, now);
        } else if let Some(took) = took.filter(|_| failure.is_none_or(|failure| failure.verdict != Verdict::Paced)) {
            flow.answered(took, is_full, setting, now);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
        self.meters.at_once.set(flow.most(setting) as f64);
    }

    /// What was learned of the destination, as it is configured now.
    pub(super) fn memo(&self, kind: &Kind) -> Arc<Memo> {
        let mut kept = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, memo)) if of == kind => Arc::clone(memo),
            _ => Arc::clone(&kept.insert((kind.clone(), Arc::default())).1),
        }
    }

    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn admits(&self, now: Millis) -> Circuit {
        self.state().breaker.admits(now)
    }

    /// The connections, made anew when it has changed whom they may reach or trust.
    pub(super) fn connections(&self, destination: &Destination) -> Result<Connections, SendError> {
        let (allowed, ca) = (&destination.http.allow_addresses, destination.http.ca.as_ref());
        let mut kept = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(made) if made.allowed() == allowed && made.authorities() == ca => Ok(made.clone()),
            _ => Ok(kept.insert(Connections::new(allowed, ca)?).clone()),
        }
    }

    /// A delivery was given up.
    pub(super) fn gave_up(&self, now: Millis, reason: &str) {
        self.meters.dead.increment(1);
        let change = self.state().outage.gave_up(now);
        self.tell(change, reason);
    }

    /// It could not be asked what people made of the leads there.
    pub(super) fn could_not_read(&self, reason: &str) {
        let destination = &self.name;
        tracing::warn!(%destination, reason, "what people made of the leads there can't be read; it is asked again");
    }

    fn answered(&self, now: Millis) {
        let mut state = self.state();
        if state.breaker.succeeded() {
            self.flow().begin_anew();
        }
        let change = state.outage.answered(now);
        drop(state);
        self.tell(change, "");
    }

    /// A refused message comes from a living destination, and so does a wish to be left alone for a while; anything else speaks
    /// against the destination.
    fn failed(&self, failure: &Failure, longest_pause: Duration, now: Millis) {
        if failure.verdict == Verdict::Refused {
            return self.answered(now);
        }
        let mut state = self.state();
        if let Some(wait) = failure.retry_after {
            state.breaker.pause(later(now, wait.min(longest_pause)));
        }
        if failure.verdict == Verdict::Paced {
            return;
        }
        let change = if failure.verdict == Verdict::Busy {
            state.outage.paused(now)
        } else {
            let opened = state.breaker.failed(now).is_some();
            state.outage.failed(now, opened)
        };
        drop(state);
        self.tell(change, &failure.reason);
    }

    /// It took a delivery, or refused it for its own sake.
    pub(super) fn knew_us(&self, now: Millis) {
        self.state().denials.knew_us(now);
    }

    /// It refused the credentials that news came with which was handed over at `created`.
    pub(super) fn denied(&self, created: Millis, now: Millis, reason: &str) -> Denial {
        let denial = self.state().denials.denied(created, now);
        if denial.tell {
            let destination = &self.name;
            tracing::error!(
                %destination,
                reason,
                "a destination refuses the credentials, and is sent nothing more: put new ones in, or `handraiser resume` it once it is mended there"
            );
        }
        denial
    }

    fn tell(&self, change: Option<Transition>, reason: &str) {
        let destination = &self.name;
        match change {
            None => {}
            Some(Transition::Away) => {
                tracing::warn!(%destination, reason, "a destination takes no deliveries for now; they wait for it");
            }
            Some(Transition::Back { away_ms, failures }) => {
                tracing::info!(%destination, away_ms, failures, "a destination takes deliveries again");
            }
            Some(Transition::GivenUp { deliveries }) => {
                tracing::warn!(%destination, deliveries, reason, "gave up deliveries; they are among the dead letters");
            }
        }
    }
}

/// The circuit breaker's leave to make one attempt. Given back unused, for example because the server stops, it makes room for
/// another probe.
pub(super) struct Leave<'c> {
    link: &'c DestinationLink,
    used: bool,
}

impl<'c> Leave<'c> {
    /// `Err` says until when the delivery has to wait.
    pub(super) fn take(link: &'c DestinationLink, now: Millis) -> Result<Self, Millis> {
        link.state().breaker.begin(now)?;
        Ok(Self { link, used: false })
    }

    pub(super) fn delivered(mut self, now: Millis) {
        self.used = true;
        self.link.answered(now);
    }

    pub(super) fn failed(mut self, failure: &Failure, longest_pause: Duration, now: Millis) {
        self.used = true;
        self.link.failed(failure, longest_pause, now);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.used {
            self.link.state().breaker.abandoned();
        }
    }
}
