//! News that is being sent: what may go out next, and what is under way. In memory of the destination's owner alone; the agenda in
//! the store says the same to whoever comes after it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::dispatch::{Admission, Dispatcher};
use super::input::Input;
use crate::ids::RecordKey;
use crate::record::{News, Remembered};
use crate::time::Millis;

/// How many deliveries that may go out are remembered for a destination. The agenda has the others.
const MAX_READY: usize = 4_096;

#[derive(Default)]
struct Lane {
    ready: VecDeque<RecordKey>,
    /// Those in `ready`, and those under way.
    known: HashSet<RecordKey>,
    under_way: usize,
    /// Those under way that have been answered; what came of it is not applied yet.
    answered: HashSet<RecordKey>,
    parked: Option<Millis>,
}

#[derive(Default)]
pub(super) struct Deliveries(BTreeMap<Arc<str>, Lane>);

impl Deliveries {
    /// A delivery may go out; returns whether there is room to remember it.
    pub fn ready(&mut self, destination: &Arc<str>, key: &RecordKey) -> bool {
        let lane = self.0.entry(Arc::clone(destination)).or_default();
        if lane.known.contains(key) {
            return true;
        }
        if lane.ready.len() >= MAX_READY {
            return false;
        }
        lane.known.insert(key.clone());
        lane.ready.push_back(key.clone());
        true
    }

    /// How many of a destination are remembered.
    pub fn len(&self, destination: &str) -> usize {
        self.0.get(destination).map_or(0, |lane| lane.known.len())
    }

    /// Takes what may go out now.
    pub fn take(&mut self, dispatcher: &dyn Dispatcher, now: Millis) -> Vec<RecordKey> {
        let mut taken = Vec::new();
        for (destination, lane) in self.0.iter_mut().filter(|(_, lane)| !lane.ready.is_empty()) {
            match dispatcher.admission(destination, now) {
                Admission::Parked(until) => lane.parked = Some(until.max(now.plus(1))),
                Admission::Open(most) => {
                    while lane.under_way < most
                        && let Some(key) = lane.ready.pop_front()
                    {
                        lane.under_way += 1;
                        taken.push(key);
                    }
                }
            }
        }
        taken
    }

    /// Destinations that take nothing for now, and until when.
    pub fn parked(&mut self) -> Vec<(Arc<str>, Millis)> {
        let parked = self.0.iter_mut().filter_map(|(name, lane)| Some((Arc::clone(name), lane.parked.take()?)));
        parked.collect()
    }

    /// Sends the first news of a delivery.
    pub fn send(
        &self,
        key: RecordKey,
        (news, remembered): (News, Remembered),
        dispatcher: &Arc<dyn Dispatcher>,
        answers: &mpsc::UnboundedSender<Input>,
    ) {
        let (dispatcher, answers) = (Arc::clone(dispatcher), answers.clone());
        let Some((destination, _)) = key.as_delivery() else { return };
        let destination: Arc<str> = destination.into();
        tokio::spawn(async move {
            let deadline = dispatcher.deadline(&destination);
            let sending = {
                let (dispatcher, destination, news) = (Arc::clone(&dispatcher), Arc::clone(&destination), news.clone());
                tokio::spawn(async move { dispatcher.deliver(&destination, &news, &remembered).await })
            };
            let abort = sending.abort_handle();
            let attempt = match tokio::time::timeout(deadline, sending).await {
                Ok(Ok(attempt)) => attempt,
                Ok(Err(_)) => dispatcher.failed(&destination, &news, "the delivery panicked, which is our own fault"),
                Err(_) => {
                    abort.abort();
                    dispatcher.failed(&destination, &news, "the delivery took too long, which is our own fault")
                }
            };
            // Nobody hears it when the server stops; then it is sent again under the same id.
            let _ = answers.send(Input::Attempted(key, attempt));
        });
    }

    /// A delivery has been answered: another one may take its place. It stays known until what came of it is applied, since the
    /// store's agenda still says that it is due.
    pub fn answered(&mut self, key: &RecordKey) {
        if let Some(lane) = self.lane_of(key)
            && lane.known.contains(key)
            && lane.answered.insert(key.clone())
        {
            lane.under_way = lane.under_way.saturating_sub(1);
        }
    }

    /// A delivery is under way no longer.
    pub fn returned(&mut self, key: &RecordKey) {
        self.answered(key);
        if let Some(lane) = self.lane_of(key) {
            lane.known.remove(key);
            lane.answered.remove(key);
        }
    }

    fn lane_of(&mut self, key: &RecordKey) -> Option<&mut Lane> {
        self.0.get_mut(key.as_delivery()?.0)
    }

    /// How many are under way and not answered.
    pub fn under_way(&self) -> usize {
        self.0.values().map(|lane| lane.under_way).sum()
    }

    /// Forgets what may go out; what is under way stays so.
    pub fn forget_ready(&mut self) {
        for lane in self.0.values_mut() {
            for key in lane.ready.drain(..) {
                lane.known.remove(&key);
            }
        }
    }

    /// Forgets destinations that belong to another server now.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.0.retain(|destination, _| stays(destination));
    }
}
