//! News that is being sent: what may go out next, and what is under way. In memory of the destination's owner alone; the agenda in
//! the store says the same to whoever comes after it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::dispatch::{Admission, Before, Dispatcher};
use super::input::Input;
use crate::ids::RecordKey;
use crate::record::{Credentials, News, Pause, PausedBy};
use crate::time::Millis;

/// How many deliveries that may go out are remembered for a destination. The agenda has the others.
const MAX_READY: usize = 4_096;
/// With so many the agenda need not be asked for more.
const PLENTY: usize = 1_024;
/// A destination that takes nothing for now is asked again so soon, in milliseconds, where something is done anyway: a reload may have
/// brought it back. A thousand of them that are asked each time would hold up everybody else's deliveries.
const ASKED_AGAIN: i64 = 250;
/// A destination that refuses the credentials is sent one delivery so often, in milliseconds: it may have been mended at its end.
const TRIED_AGAIN: i64 = 15 * Millis::MINUTE;

/// What may be sent to a destination that is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Nothing.
    Shut,
    /// From this moment on one delivery.
    Refused(Credentials, Millis),
}

#[derive(Default)]
struct Lane {
    ready: VecDeque<RecordKey>,
    /// Those in `ready`, and those under way.
    known: HashSet<RecordKey>,
    under_way: usize,
    /// Those under way that have been answered; what came of it is not applied yet.
    answered: HashSet<RecordKey>,
    /// Until when it takes nothing, and when it said so.
    parked: Option<(Millis, Millis)>,
}

impl Lane {
    fn rests(&self, now: Millis) -> bool {
        self.parked.is_some_and(|(until, asked)| until > now && (0..ASKED_AGAIN).contains(&now.since(asked)))
    }
}

#[derive(Default)]
pub(super) struct Deliveries {
    lanes: BTreeMap<Arc<str>, Lane>,
    /// Destinations that nothing is sent to, or little.
    paused: HashMap<Arc<str>, Gate>,
}

impl Deliveries {
    /// A delivery may go out; returns whether there is room to remember it.
    pub fn ready(&mut self, destination: &Arc<str>, key: &RecordKey) -> bool {
        let lane = self.lanes.entry(Arc::clone(destination)).or_default();
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
        self.lanes.get(destination).map_or(0, |lane| lane.known.len())
    }

    /// Destinations to which something is under way that is not answered, or whose answer is not applied.
    pub fn busy(&self) -> impl Iterator<Item = &str> {
        let is_busy = |lane: &Lane| lane.under_way > 0 || !lane.answered.is_empty();
        self.lanes.iter().filter(move |(_, lane)| is_busy(lane)).map(|(destination, _)| &**destination)
    }

    /// Takes what may go out now, to destinations that `stays` wants.
    pub fn take(&mut self, dispatcher: &dyn Dispatcher, now: Millis, stays: impl Fn(&str) -> bool) -> Vec<RecordKey> {
        let mut taken = Vec::new();
        let ready = |destination: &str, lane: &Lane| !lane.ready.is_empty() && !lane.rests(now) && stays(destination);
        for (destination, lane) in self.lanes.iter_mut().filter(|(destination, lane)| ready(destination, lane)) {
            let gate = self.paused.get_mut(destination);
            let most_through = match gate {
                None => usize::MAX,
                Some(Gate::Refused(_, from)) if *from <= now => 1,
                Some(_) => continue,
            };
            match dispatcher.admission(destination, now) {
                Admission::Parked(until) => lane.parked = Some((until.max(now.plus(1)), now)),
                Admission::Open(most) => {
                    lane.parked = None;
                    while lane.under_way < most.min(most_through)
                        && let Some(key) = lane.ready.pop_front()
                    {
                        lane.under_way += 1;
                        taken.push(key);
                    }
                    dispatcher.is_full(destination, lane.under_way >= most);
                    if let Some(Gate::Refused(_, from)) = gate {
                        *from = now.plus(TRIED_AGAIN);
                    }
                }
            }
        }
        taken
    }

    /// When the first destination that takes nothing for now, and has something to take, may take it.
    pub fn opens(&self) -> Option<Millis> {
        let waiting = self.lanes.iter().filter(|(_, lane)| !lane.ready.is_empty());
        let opens = |(destination, lane): (&Arc<str>, &Lane)| {
            let parked = lane.parked.map(|(until, _)| until);
            match self.paused.get(destination) {
                None => parked,
                Some(Gate::Shut) => None,
                Some(Gate::Refused(_, from)) => parked.max(Some(*from)),
            }
        };
        waiting.filter_map(opens).min()
    }

    /// Whether so much for a destination may go out that the agenda need not be asked for more, and when it is worth asking again.
    pub fn has_enough(&self, destination: &str, now: Millis) -> Option<Millis> {
        let gate = self.paused.get(destination);
        if gate == Some(&Gate::Shut) {
            // Whoever opens it has it asked for.
            return Some(Millis(i64::MAX));
        }
        let lane = self.lanes.get(destination).filter(|lane| !lane.ready.is_empty())?;
        if let Some(Gate::Refused(_, from)) = gate {
            return Some((*from).max(now.plus(ASKED_AGAIN)));
        }
        match lane.parked {
            Some((until, _)) if until > now => Some(until),
            _ => (lane.ready.len() >= PLENTY).then(|| now.plus(50)),
        }
    }

    /// Sends the first news of a delivery.
    pub fn send(
        &self,
        key: RecordKey,
        (news, before): (News, Before),
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
                tokio::spawn(async move { dispatcher.deliver(&destination, &news, &before).await })
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
        self.lanes.get_mut(key.as_delivery()?.0)
    }

    /// How many are under way and not answered.
    pub fn under_way(&self) -> usize {
        self.lanes.values().map(|lane| lane.under_way).sum()
    }

    /// Forgets what may go out; what is under way stays so.
    pub fn forget_ready(&mut self) {
        for lane in self.lanes.values_mut() {
            for key in lane.ready.drain(..) {
                lane.known.remove(&key);
            }
        }
    }

    /// Forgets destinations that belong to another server now.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.lanes.retain(|destination, _| stays(destination));
    }

    /// Forgets which destinations are paused.
    pub fn forget_pauses(&mut self) {
        self.paused.clear();
    }

    /// Notes whether a destination is paused; returns whether it is so no longer.
    pub fn note_pause(&mut self, destination: &Arc<str>, pause: Option<&Pause>, now: Millis) -> bool {
        let Some(pause) = pause else { return self.paused.remove(destination).is_some() };
        let gate = match (pause.by, pause.credentials, self.paused.get(destination)) {
            (PausedBy::Refused, Some(by), Some(Gate::Refused(_, from))) => Gate::Refused(by, *from),
            (PausedBy::Refused, Some(by), _) => Gate::Refused(by, now.plus(TRIED_AGAIN)),
            _ => Gate::Shut,
        };
        self.paused.insert(Arc::clone(destination), gate);
        false
    }

    /// Destinations that refuse credentials, and which.
    pub fn refused(&self) -> impl Iterator<Item = (&Arc<str>, Credentials)> {
        self.paused.iter().filter_map(|(destination, gate)| match gate {
            Gate::Refused(by, _) => Some((destination, *by)),
            Gate::Shut => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;

    use super::*;
    use crate::apply::Attempt;

    /// Takes nothing before this moment; counts how often it is asked.
    struct Closed(Millis, AtomicUsize);

    #[async_trait]
    impl Dispatcher for Closed {
        fn admission(&self, _: &str, now: Millis) -> Admission {
            self.1.fetch_add(1, Ordering::Relaxed);
            if now < self.0 { Admission::Parked(self.0) } else { Admission::Open(8) }
        }

        async fn deliver(&self, _: &str, news: &News, _: &Before) -> Attempt {
            self.failed("", news, "")
        }

        fn deadline(&self, _: &str) -> Duration {
            Duration::ZERO
        }

        async fn read_back(&self, _: &str, _: Millis, _: i64) -> crate::apply::message::ReadBack {
            unreachable!("nothing is read")
        }

        fn failed(&self, _: &str, _: &News, _: &str) -> Attempt {
            unreachable!("nothing is sent")
        }
    }

    #[test]
    fn a_destination_that_takes_nothing_is_not_asked_each_time() {
        let (closed, name): (_, Arc<str>) = (Closed(Millis(60_000), AtomicUsize::new(0)), "crm".into());
        let mut deliveries = Deliveries::default();
        assert!(deliveries.ready(&name, &RecordKey::delivery("crm", "acme")));
        assert_eq!(deliveries.has_enough("crm", Millis(0)), None, "there may be more");
        for now in 0..1_000 {
            assert!(deliveries.take(&closed, Millis(now), |_| true).is_empty());
            assert_eq!(deliveries.opens(), Some(Millis(60_000)));
            assert_eq!(
                deliveries.has_enough("crm", Millis(now)),
                Some(Millis(60_000)),
                "the agenda is not asked either"
            );
        }
        assert_eq!(closed.1.load(Ordering::Relaxed), 4, "four times in a second: a reload may bring it back");
        assert_eq!(deliveries.take(&closed, Millis(60_000), |_| true).len(), 1);
        assert_eq!((deliveries.opens(), deliveries.has_enough("crm", Millis(60_000))), (None, None));
    }

    fn pause(by: PausedBy) -> Pause {
        Pause { since: Millis(0), by, why: None, credentials: Some(7).filter(|_| by == PausedBy::Refused) }
    }

    #[test]
    fn a_paused_destination_is_asked_for_nothing_until_it_is_resumed() {
        let (open, name): (_, Arc<str>) = (Closed(Millis(0), AtomicUsize::new(0)), "crm".into());
        let mut deliveries = Deliveries::default();
        assert!(!deliveries.note_pause(&name, Some(&pause(PausedBy::Hand)), Millis(0)));
        assert!(deliveries.ready(&name, &RecordKey::delivery("crm", "acme")));
        assert!(deliveries.take(&open, Millis(Millis::DAY), |_| true).is_empty());
        assert_eq!((deliveries.opens(), open.1.load(Ordering::Relaxed)), (None, 0));
        assert_eq!(deliveries.has_enough("crm", Millis(0)), Some(Millis(i64::MAX)), "nothing is looked for");
        assert!(deliveries.note_pause(&name, None, Millis(0)), "it may be sent something again");
        assert!(!deliveries.note_pause(&name, None, Millis(0)));
        assert_eq!(deliveries.take(&open, Millis(0), |_| true).len(), 1);
    }

    #[test]
    fn one_that_refuses_the_credentials_is_tried_now_and_then() {
        let (open, name): (_, Arc<str>) = (Closed(Millis(0), AtomicUsize::new(0)), "crm".into());
        let mut deliveries = Deliveries::default();
        let refuses = pause(PausedBy::Refused);
        deliveries.note_pause(&name, Some(&refuses), Millis(0));
        assert_eq!(deliveries.refused().map(|(name, by)| (&**name, by)).collect::<Vec<_>>(), [("crm", 7)]);
        for lead in ["a", "b", "c"] {
            assert!(deliveries.ready(&name, &RecordKey::delivery("crm", lead)));
        }
        let mut sent = Vec::new();
        for minute in 0..60 {
            let now = Millis(minute * Millis::MINUTE);
            assert!(deliveries.opens().is_none_or(|at| at.0 % TRIED_AGAIN == 0));
            for key in deliveries.take(&open, now, |_| true) {
                sent.push((minute, key.id.to_string()));
                deliveries.returned(&key);
                deliveries.ready(&name, &key);
                deliveries.note_pause(&name, Some(&refuses), now);
            }
        }
        let told: Vec<_> = sent.iter().map(|(minute, id)| (*minute, id.as_str())).collect();
        assert_eq!(told, [(15, "crm/a"), (30, "crm/b"), (45, "crm/c")], "another one each time");
    }
}
