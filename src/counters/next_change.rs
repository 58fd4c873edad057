//! When a figure may change by time alone: the oldest bucket that its window sees leaves it.

use super::bucket::{Bucket, Days, Width};
use super::ledger::{Ledger, Own, oldest};
use super::plan::{Plan, Planned};
use super::series::Series;
use super::spec::Window;
use crate::expr::{Drift, Way};
use crate::ids::CounterId;
use crate::time::Millis;

impl Window {
    /// When a bucket of this width leaves the window; `None` where nothing ever does.
    fn left_by(self, bucket: Bucket, width: Width, days: &Days) -> Option<Millis> {
        match (self, width) {
            (Self::Lifetime, _) | (_, Width::Life) => None,
            (Self::Days(n), _) => Some(days.start(bucket.saturating_add(Bucket::from(n)))),
            // The window begins a millisecond after the moment that lies its length back.
            (Self::Minutes(m), width) => {
                let next = width.start(bucket.saturating_add(1), days);
                Some(next.plus(i64::from(m) * Millis::MINUTE - 1))
            }
        }
    }
}

impl Ledger {
    /// When a counter's figure may change after `now` though nothing is counted, and which way.
    pub fn next_change(&self, plan: &Plan, id: CounterId, now: Millis) -> Option<Drift> {
        let index = usize::from(id.0);
        let (counter, planned) = (plan.counters.get(index)?, plan.planned.get(index)?);
        if counter.window == Window::Lifetime {
            return None;
        }
        let (width, (first, way)) = match planned {
            Planned::Daily { keys, .. } => {
                let from = counter.window.oldest(now, &plan.days);
                let firsts = keys.iter().filter_map(|key| self.daily.get(&**key)?.days.since(from).next());
                (Width::Day, (firsts.map(|(day, _)| day).min()?, Way::Down))
            }
            Planned::Own { fingerprint, width } => {
                let own = self.own.get(&*counter.name).filter(|own| own.fingerprint == *fingerprint)?;
                (*width, first_of(own, oldest(counter.window, *width, plan, now))?)
            }
        };
        let at = counter.window.left_by(first, width, &plan.days)?;
        Some(Drift { at, way })
    }
}

/// The oldest bucket that a window sees which begins with `from`, and which way the figure goes as buckets leave.
fn first_of(own: &Own, from: Bucket) -> Option<(Bucket, Way)> {
    match &own.series {
        Series::Counts(buckets) => buckets.since(from).next().map(|(bucket, _)| (bucket, Way::Down)),
        Series::Sums(buckets) => {
            let (first, _) = buckets.since(from).next()?;
            let falls = buckets.since(from).all(|(_, amount)| amount >= 0);
            Some((first, if falls { Way::Down } else { Way::Any }))
        }
        Series::Distinct(set) => {
            let (entries, _) = set.parts();
            let first = entries.iter().map(|(_, newest)| *newest).filter(|newest| *newest >= from).min()?;
            // Once a window needs no sample any more, its count is another kind of number.
            Some((first, if set.is_exact(from) { Way::Down } else { Way::Any }))
        }
        Series::Moment(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::super::ledger::Figure;
    use super::super::spec::{Aggregate, Counter, EventMatch};
    use super::*;
    use crate::event::{Call, Event, SourceName, Trust};
    use crate::ids::SubjectKind;

    const NOW: Millis = Millis(1_795_253_400_000);

    fn plan(aggregate: Aggregate, window: Window) -> Plan {
        let counter = Counter {
            name: Arc::from("c"),
            of: SubjectKind::User,
            events: vec![EventMatch::Track(Arc::from("x"))],
            filter: None,
            from: Vec::new(),
            aggregate,
            window,
            label: None,
        };
        Plan::new(&[counter], TimeZone::get("Europe/Berlin").unwrap())
    }

    fn event(timestamp: Millis, value: i8) -> Event {
        Event {
            source: SourceName::new("app"),
            trust: Trust::Server,
            covered: true,
            call: Call::Track,
            message: None,
            message_id: "m".into(),
            user_id: Some("u".into()),
            anonymous_id: None,
            previous_id: None,
            group_id: None,
            context_group_id: None,
            name: Some("x".into()),
            timestamp,
            received_at: NOW,
            properties: [("value".to_owned(), Value::from(value))].into_iter().collect(),
            traits: Map::new(),
            context_traits: Map::new(),
        }
    }

    fn aggregate() -> impl Strategy<Value = Aggregate> {
        let value: Arc<[Box<str>]> = Arc::from(vec![Box::from("value")]);
        proptest::sample::select(vec![
            Aggregate::Count,
            Aggregate::Sum(Arc::clone(&value)),
            Aggregate::DistinctProperty(value),
            Aggregate::ActiveDays,
        ])
    }

    fn window() -> impl Strategy<Value = Window> {
        prop_oneof![
            (1..40_u16).prop_map(Window::Days),
            (1..4_000_u32).prop_map(Window::Minutes),
            Just(Window::Lifetime)
        ]
    }

    proptest! {
        #[test]
        fn no_figure_changes_before_it_was_told(
            aggregate in aggregate(),
            window in window(),
            events in proptest::collection::vec((0..60_000_i64, -3..5_i8), 0..6),
            steps in proptest::collection::vec(1..2_000_i64, 40),
        ) {
            let plan = plan(aggregate, window);
            let mut ledger = Ledger::default();
            for (minutes, value) in events {
                let event = event(NOW.plus(-minutes * Millis::MINUTE), value);
                ledger.apply(&plan, SubjectKind::User, &event, Some("u"), (NOW, 1));
            }
            let (id, mut at) = (CounterId(0), NOW);
            let (mut told, mut figure) = (ledger.next_change(&plan, id, at), ledger.read(&plan, id, at));
            // To the millisecond before each moment, at it, and at moments between.
            let exact = |told: Option<Drift>| told.into_iter().flat_map(|drift| [drift.at.plus(-1), drift.at]);
            for minutes in steps {
                let further = at.plus(minutes * Millis::MINUTE);
                for next in exact(told).chain([further]).filter(|next| *next > at).collect::<Vec<_>>() {
                    let now = ledger.read(&plan, id, next);
                    if told.is_none_or(|drift| next < drift.at) {
                        prop_assert_eq!(now, figure, "told {:?}, changed at {:?}", told, next);
                    }
                    if let (Some(Drift { way: Way::Down, .. }), Figure::Number(now), Figure::Number(before)) = (told, now, figure) {
                        prop_assert!(now <= before);
                    }
                }
                at = further;
                (told, figure) = (ledger.next_change(&plan, id, at), ledger.read(&plan, id, at));
                prop_assert!(told.is_none_or(|drift| drift.at > at), "told {told:?} at {at:?}");
            }
        }
    }
}
