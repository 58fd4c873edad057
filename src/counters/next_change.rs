//! When a figure may change by time alone: a bucket leaves its window or enters it, or a period of the calendar ends.

use super::bucket::Bucket;
use super::calendar;
use super::ledger::Ledger;
use super::plan::Plan;
use super::range::{self, Range};
use super::read::Found;
use super::series::Series;
use super::spec::Counter;
use crate::expr::{Drift, Period, Reading, Way};
use crate::ids::CounterId;
use crate::time::Millis;

impl Ledger {
    /// When a counter's figure may change after `now` though nothing is counted, and which way. `None`: not before an event.
    pub fn next_change(&self, plan: &Plan, id: CounterId, reading: Reading, now: Millis) -> Option<Drift> {
        let (counter, planned) = plan.counter(id)?;
        let range = range::range(reading, counter.window, now, &plan.days)?;
        let found = self.found(planned, range.width);
        match reading {
            Reading::Reached => None,
            Reading::Per(period, _) => {
                found.first(range.from, Bucket::MAX)?;
                let next = match period {
                    Period::Hour => range.to.saturating_add(1),
                    period => calendar::next(period, range.to),
                };
                Some(Drift { at: range.width.start(next, &plan.days), way: Way::Any })
            }
            Reading::Decayed(_) => {
                found.first(range.from, Bucket::MAX)?;
                let newest = range.width.bucket(now, &plan.days);
                Some(Drift { at: range.width.start(newest.saturating_add(1), &plan.days), way: found.way(range) })
            }
            Reading::During { .. } => {
                // Once the first bucket is put together with what is older, the figure is known no longer.
                let kept = plan.told_apart(planned, range.width)?;
                let at = range.width.start(range.from.saturating_add(kept), &plan.days);
                (at > now && found.first(range.from, Bucket::MAX).is_some()).then_some(Drift { at, way: Way::Any })
            }
            reading => rolling(&found, counter, reading, range, plan),
        }
    }
}

/// Where single buckets leave and enter.
fn rolling(found: &Found<'_>, counter: &Counter, reading: Reading, range: Range, plan: &Plan) -> Option<Drift> {
    let first = found.first(range.from, range.to);
    let leaves = first.and_then(|first| range::leaves(reading, counter.window, first, &plan.days));
    let behind = found.first(range.to, Bucket::MAX);
    let enters = behind.and_then(|first| range::enters(reading, counter.window, first, &plan.days));
    let at = leaves.into_iter().chain(enters).min()?;
    Some(Drift { at, way: if enters.is_some() { Way::Any } else { found.way(range) } })
}

impl Found<'_> {
    /// Which way the figure goes as buckets leave.
    fn way(&self, Range { from, to, .. }: Range) -> Way {
        let falls = match self {
            Self::Daily(_) | Self::Own(None | Some(Series::Counts(_) | Series::Moment(..) | Series::Busiest(_))) => {
                true
            }
            // Of no event there is none: then it is unknown.
            Self::Own(Some(Series::Least(_) | Series::Greatest(_) | Series::Values(..) | Series::Steps(_))) => false,
            Self::Own(Some(Series::Sums(buckets))) => buckets.between(from, to).all(|(_, amount)| *amount >= 0),
            // Once a window needs no sample any more, its count is another kind of number.
            Self::Own(Some(Series::Distinct(set))) => set.is_exact(from),
            Self::Own(Some(Series::Seen(seen))) => {
                let counts = || seen.between(from, to).map(|(_, n)| n);
                counts().zip(counts().skip(1)).all(|(one, next)| next <= one)
            }
        };
        if falls { Way::Down } else { Way::Any }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::plan::Reads;
    use super::super::read::Figure;
    use super::super::spec::{Aggregate, Counter, EventMatch, Window};
    use super::*;
    use crate::event::Event;
    use crate::expr::{Slot, Span};
    use crate::ids::SubjectKind;

    const NOW: Millis = Millis(1_795_253_400_000);

    fn plan(aggregate: Aggregate, window: Window, reading: Reading) -> Plan {
        let counter = Counter {
            name: Arc::from("c"),
            of: SubjectKind::User,
            events: vec![EventMatch::Track(Arc::from("x"))],
            was: None,
            filter: None,
            from: Vec::new(),
            aggregate,
            window,
            label: None,
        };
        let mut reads = Reads::default();
        reads.note(SubjectKind::User, &Slot::Counter(CounterId(0), reading));
        Plan::new(&[counter], &reads, TimeZone::get("Europe/Berlin").unwrap())
    }

    fn event(timestamp: Millis, value: i8) -> Event {
        let properties = [("value".to_owned(), Value::from(value))].into_iter().collect();
        Event { user_id: Some("u".into()), name: Some("x".into()), properties, ..Event::blank("m", timestamp) }
    }

    fn aggregate() -> impl Strategy<Value = Aggregate> {
        let value: Arc<[Box<str>]> = Arc::from(vec![Box::from("value")]);
        proptest::sample::select(vec![
            Aggregate::Count,
            Aggregate::Sum(Arc::clone(&value)),
            Aggregate::DistinctProperty(value),
            Aggregate::Days,
        ])
    }

    fn window() -> impl Strategy<Value = Window> {
        prop_oneof![
            (1..40_u16).prop_map(Window::Days),
            (1..4_000_u32).prop_map(Window::Minutes),
            Just(Window::Lifetime)
        ]
    }

    /// Every reading that an aggregate has.
    fn reading(distinct: bool) -> impl Strategy<Value = Reading> {
        let span = || prop_oneof![(2..60_u16).prop_map(Span::Days), (61..9_000_u32).prop_map(Span::Minutes)];
        let period = || proptest::sample::select(vec![Period::Day, Period::Week, Period::Month, Period::Quarter]);
        let since = prop_oneof![
            2 => Just(Reading::Own),
            2 => span().prop_map(Reading::Within),
            1 => period().prop_map(Reading::This),
        ];
        let any = prop_oneof![
            span().prop_map(|span| match span {
                Span::Days(days) => Reading::Between(span, Span::Days(days / 2)),
                Span::Minutes(minutes) => Reading::Between(span, Span::Minutes(minutes / 3 + 1)),
            }),
            period().prop_map(Reading::Previous),
            (period(), 1..4_u16).prop_map(|(period, n)| Reading::Per(period, n)),
            (1..50_u16).prop_map(|n| Reading::Per(Period::Hour, n)),
            (1..6_u16).prop_map(|days| Reading::Decayed(Span::Days(days))),
            (60..500_u32).prop_map(|minutes| Reading::Decayed(Span::Minutes(minutes))),
            (0..60_i64, 1..30_i64, any::<bool>()).prop_map(|(from, days, hours)| {
                let from = NOW.plus(-from * Millis::DAY);
                Reading::During { hours, from, to: from.plus(days * 5 * Millis::HOUR) }
            }),
        ];
        prop_oneof![3 => since, 4 => any].prop_filter("not of different values", move |reading| {
            !distinct || matches!(reading, Reading::Own | Reading::Within(_) | Reading::This(_))
        })
    }

    fn aggregate_and_reading() -> impl Strategy<Value = (Aggregate, Reading)> {
        aggregate().prop_flat_map(|aggregate| {
            let distinct = matches!(aggregate, Aggregate::DistinctProperty(_));
            (Just(aggregate), reading(distinct))
        })
    }

    proptest! {
        #[test]
        fn no_figure_changes_before_it_was_told(
            (aggregate, reading) in aggregate_and_reading(),
            window in window(),
            events in proptest::collection::vec((0..60_000_i64, -3..5_i8), 0..6),
            steps in proptest::collection::vec(1..2_000_i64, 40),
        ) {
            let plan = plan(aggregate, window, reading);
            let mut ledger = Ledger::default();
            for (minutes, value) in events {
                let event = event(NOW.plus(-minutes * Millis::MINUTE), value);
                ledger.apply(&plan, SubjectKind::User, &event, Some("u"), (NOW, 1));
            }
            let (id, mut at) = (CounterId(0), NOW);
            let (mut told, mut figure) = (ledger.next_change(&plan, id, reading, at), ledger.read(&plan, id, reading, at));
            // To the millisecond before each moment, at it, and at moments between.
            let exact = |told: Option<Drift>| told.into_iter().flat_map(|drift| [drift.at.plus(-1), drift.at]);
            for minutes in steps {
                let further = at.plus(minutes * Millis::MINUTE);
                for next in exact(told).chain([further]).filter(|next| *next > at).collect::<Vec<_>>() {
                    let now = ledger.read(&plan, id, reading, next);
                    if told.is_none_or(|drift| next < drift.at) {
                        prop_assert_eq!(&now, &figure, "told {:?}, changed at {:?}", told, next);
                    }
                    if let (Some(Drift { way: Way::Down, .. }), Figure::Number(now), Figure::Number(before)) = (told, &now, &figure) {
                        prop_assert!(now <= before);
                    }
                }
                at = further;
                (told, figure) = (ledger.next_change(&plan, id, reading, at), ledger.read(&plan, id, reading, at));
                prop_assert!(told.is_none_or(|drift| drift.at > at), "told {told:?} at {at:?}");
            }
        }
    }
}
