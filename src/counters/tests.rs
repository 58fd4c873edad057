//! Every aggregate, read in every way, beside a slow and obviously right reference: all events are kept, and each figure is computed
//! from all of them. Events come late, out of order, to two subjects who turn out to be one, while time passes.

#![expect(clippy::cast_precision_loss, reason = "the figures are small")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::identity::{Lost, Why, lost_figures};
use super::*;
use crate::event::Event;
use crate::expr::{Figures, Period, Reading, Scope, Slot, Span, compile};
use crate::ids::{CounterId, SubjectKind};
use crate::time::Millis;

/// 2026-08-01T00:00:00Z
const START: Millis = Millis(1_785_542_400_000);
const WITHIN: i64 = 3 * Millis::DAY;

fn path(name: &str) -> Arc<[Box<str>]> {
    Arc::from(vec![Box::from(name)])
}

fn track(name: &str) -> EventMatch {
    EventMatch::Track(Arc::from(name))
}

fn counter(name: &str, aggregate: Aggregate) -> Counter {
    Counter {
        name: Arc::from(name),
        of: SubjectKind::User,
        events: vec![track("A"), track("B"), track("C")],
        was: None,
        filter: None,
        from: Vec::new(),
        aggregate,
        window: Window::Lifetime,
        label: None,
    }
}

fn aggregates() -> Vec<Aggregate> {
    let steps = ["A", "B", "C"].map(Arc::from);
    vec![
        Aggregate::Count,
        Aggregate::Sum(path("value")),
        Aggregate::Min(path("value")),
        Aggregate::Max(path("value")),
        Aggregate::First(path("value")),
        Aggregate::Last(path("value")),
        Aggregate::Busiest(path("value")),
        Aggregate::Steps(Arc::from(steps.to_vec()), WITHIN),
        Aggregate::DistinctProperty(path("value")),
        Aggregate::DistinctEvents,
        Aggregate::DistinctUsers,
        Aggregate::Days,
    ]
}

fn readings(figures: Figures, end: Millis) -> Vec<Reading> {
    let spans = [1, 7, 30, 120].map(Span::Days).into_iter().chain([45, 600, 4_000].map(Span::Minutes));
    let mut all: Vec<Reading> = spans.map(Reading::Within).collect();
    let periods = [Period::Day, Period::Week, Period::Month, Period::Quarter];
    all.extend(periods.map(Reading::This));
    all.extend([Reading::Own, Reading::FirstAt, Reading::LastAt]);
    if figures == Figures::Distinct {
        return all;
    }
    all.extend(periods.map(Reading::Previous));
    all.push(Reading::Between(Span::Days(14), Span::Days(7)));
    all.push(Reading::Between(Span::Minutes(4_000), Span::Minutes(500)));
    let from = end.plus(-40 * Millis::DAY - 5 * Millis::HOUR);
    all.push(Reading::During { hours: false, from, to: from.plus(10 * Millis::DAY) });
    all.push(Reading::During { hours: true, from, to: from.plus(50 * Millis::HOUR) });
    if !matches!(figures, Figures::Extreme | Figures::Told) {
        all.extend(periods.map(|period| Reading::Per(period, 3)));
        all.push(Reading::Per(Period::Hour, 60));
    }
    if figures == Figures::Steps {
        all.push(Reading::Reached);
    }
    if figures == Figures::Days {
        // Days are counted over whole days.
        all.retain(|reading| range::need(*reading, Window::Lifetime).is_none_or(|need| need.width == Width::Day));
    }
    all
}

fn event(name: &str, at: Millis, value: Option<i8>, user: &str) -> Event {
    let properties = value.map(|value| ("value".to_owned(), json!(value))).into_iter().collect();
    Event { user_id: Some(user.into()), name: Some(name.into()), properties, ..Event::blank("m", at) }
}

/// The number of a period, one more for each that follows.
fn number(period: Period, at: Millis) -> i64 {
    let day = at.0.div_euclid(Millis::DAY);
    let date = jiff::Timestamp::from_millisecond(at.0).unwrap().to_zoned(TimeZone::UTC).date();
    let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
    match period {
        Period::Hour => at.0.div_euclid(Millis::HOUR),
        Period::Day => day,
        Period::Week => (day + 3).div_euclid(7),
        Period::Month => month,
        Period::Quarter => month.div_euclid(3),
    }
}

fn is_within(span: Span, at: Millis, now: Millis) -> bool {
    match span {
        Span::Days(days) => number(Period::Day, at) > number(Period::Day, now) - i64::from(days),
        Span::Minutes(minutes) => {
            let width =
                Millis::MINUTE * [(180, 1), (1_440, 10)].iter().find(|(to, _)| minutes <= *to).map_or(60, |(_, w)| *w);
            at.0.div_euclid(width) >= (now.0 - i64::from(minutes) * Millis::MINUTE + 1).div_euclid(width)
        }
    }
}

/// Whether a reading looks at what happened at `at`; `width` is that of its buckets where it has a choice.
fn looks_at(reading: Reading, at: Millis, now: Millis) -> bool {
    match reading {
        Reading::Own | Reading::Reached | Reading::FirstAt | Reading::LastAt => true,
        Reading::Within(span) => is_within(span, at, now),
        Reading::Between(Span::Minutes(from), Span::Minutes(to)) => {
            // Both ends are those of the longer one's buckets.
            let hour = |minutes: u32| (now.0 - i64::from(minutes) * Millis::MINUTE + 1).div_euclid(Millis::HOUR);
            (hour(from)..hour(to)).contains(&at.0.div_euclid(Millis::HOUR))
        }
        Reading::Between(from, to) => is_within(from, at, now) && !is_within(to, at, now),
        Reading::This(period) => number(period, at) >= number(period, now),
        Reading::Previous(period) => number(period, at) == number(period, now) - 1,
        Reading::During { hours, from, to } => {
            let period = if hours { Period::Hour } else { Period::Day };
            (number(period, from)..=number(period, to.plus(-1))).contains(&number(period, at))
        }
        Reading::Per(..) | Reading::Decayed(_) => unreachable!("read one by one"),
    }
}

/// When runs end: each as soon as it can after the one before.
fn runs(all: &[&Event]) -> Vec<Millis> {
    let (mut ends, mut after) = (Vec::new(), 0);
    let named = |at: usize, name: &str| all[at].name.as_deref() == Some(name);
    for c in 0..all.len() {
        let ab = |a: usize, b: usize| named(a, "A") && named(b, "B") && named(c, "C");
        let fits = |a: usize, b: usize| ab(a, b) && all[c].timestamp.since(all[a].timestamp) <= WITHIN;
        if (after..c).any(|a| (a + 1..c).any(|b| fits(a, b))) {
            ends.push(all[c].timestamp);
            after = c + 1;
        }
    }
    ends
}

fn expected(aggregate: &Aggregate, reading: Reading, events: &[Event], now: Millis) -> Figure {
    if let Reading::Per(period, n) = reading {
        let of = |back: i64| {
            let wanted = number(period, now) - back;
            let in_it = |event: &&Event| number(period, event.timestamp) == wanted;
            match aggregate {
                Aggregate::Steps(..) => {
                    let all: Vec<&Event> = events.iter().collect();
                    runs(&all).into_iter().filter(|end| number(period, *end) == wanted).count() as f64
                }
                _ => amount(aggregate, &events.iter().filter(in_it).collect::<Vec<_>>()),
            }
        };
        return Figure::List((1..=i64::from(n)).rev().map(of).collect());
    }
    let seen: Vec<&Event> = events.iter().filter(|event| looks_at(reading, event.timestamp, now)).collect();
    let values = || seen.iter().filter_map(|event| event.properties.get("value").and_then(Value::as_f64));
    let has_value = |event: &&Event| aggregate.property().is_none() || event.properties.contains_key("value");
    let moment = |at: Option<Millis>| at.map_or(Figure::Never, Figure::Moment);
    let extreme = |number: Option<f64>| number.map_or(Figure::Never, Figure::Number);
    let told =
        |event: Option<&&Event>| event.map_or(Figure::Never, |event| Figure::Value(event.properties["value"].clone()));
    let with_values: Vec<&Event> =
        seen.iter().copied().filter(|event| event.properties.contains_key("value")).collect();
    match (reading, aggregate) {
        (Reading::FirstAt, _) => moment(seen.iter().copied().filter(has_value).map(|event| event.timestamp).min()),
        (Reading::LastAt, _) => moment(seen.iter().copied().filter(has_value).map(|event| event.timestamp).max()),
        (Reading::Reached, _) => Figure::Number(f64::from(reached(&seen))),
        (_, Aggregate::Min(_)) => extreme(values().min_by(f64::total_cmp)),
        (_, Aggregate::Max(_)) => extreme(values().max_by(f64::total_cmp)),
        (_, Aggregate::First(_)) => told(with_values.first()),
        (_, Aggregate::Last(_)) => told(with_values.last()),
        (_, Aggregate::Steps(..)) => {
            let all: Vec<&Event> = events.iter().collect();
            Figure::Number(runs(&all).into_iter().filter(|end| looks_at(reading, *end, now)).count() as f64)
        }
        _ => Figure::Number(amount(aggregate, &seen)),
    }
}

fn reached(all: &[&Event]) -> u8 {
    let named = |event: &Event, name: &str| event.name.as_deref() == Some(name);
    let first = all.iter().position(|event| named(event, "A"));
    let two = |a: usize| all[a + 1..].iter().any(|b| named(b, "B") && b.timestamp.since(all[a].timestamp) <= WITHIN);
    match first {
        _ if !runs(all).is_empty() => 3,
        None => 0,
        Some(_) if (0..all.len()).any(|a| named(all[a], "A") && two(a)) => 2,
        Some(_) => 1,
    }
}

fn amount(aggregate: &Aggregate, seen: &[&Event]) -> f64 {
    let values = || seen.iter().filter_map(|event| event.properties.get("value").and_then(Value::as_i64));
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    values().for_each(|value| *counts.entry(value).or_default() += 1);
    let distinct = match aggregate {
        Aggregate::Count => seen.len(),
        Aggregate::Sum(_) => return values().sum::<i64>() as f64,
        Aggregate::Busiest(_) => counts.values().max().copied().unwrap_or(0),
        Aggregate::DistinctProperty(_) => counts.len(),
        Aggregate::DistinctEvents => seen.iter().map(|event| event.name.clone()).collect::<BTreeSet<_>>().len(),
        Aggregate::DistinctUsers => seen.iter().map(|event| event.user_id.clone()).collect::<BTreeSet<_>>().len(),
        Aggregate::Days => seen.iter().map(|event| number(Period::Day, event.timestamp)).collect::<BTreeSet<_>>().len(),
        other => unreachable!("{other:?} is no amount"),
    };
    distinct as f64
}

#[derive(Clone, Debug)]
struct Step {
    name: &'static str,
    /// How much time passes before it arrives, in minutes.
    passes: i64,
    /// How long before that it happened, in minutes.
    late: i64,
    value: Option<i8>,
    /// Which of the two subjects it is counted for.
    second: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let late = prop_oneof![5 => Just(0), 3 => 0..3_000_i64, 2 => 0..180_000_i64];
    let passes = prop_oneof![3 => 0..60_i64, 3 => 0..3_000_i64, 1 => 0..60_000_i64];
    let value = proptest::option::weighted(0.8, -3..6_i8);
    (proptest::sample::select(vec!["A", "B", "C"]), passes, late, value, any::<bool>())
        .prop_map(|(name, passes, late, value, second)| Step { name, passes, late, value, second })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn every_figure_is_that_of_the_reference(steps in proptest::collection::vec(step(), 0..40), rest in 0..60_000_i64) {
        let minutes: i64 = steps.iter().map(|step| step.passes).sum::<i64>() + rest;
        let end = START.plus(minutes * Millis::MINUTE + 777);
        for aggregate in aggregates() {
            let all = readings(aggregate.figures(), end);
            let mut reads = Reads::default();
            all.iter().for_each(|reading| reads.note(SubjectKind::Account, &Slot::Counter(CounterId(0), *reading)));
            let plan = Plan::new(&[counter("c", aggregate.clone())], &reads, TimeZone::UTC);
            let (mut one, mut other) = (Ledger::default(), Ledger::default());
            let (mut now, mut events) = (START, Vec::new());
            for (index, step) in steps.iter().enumerate() {
                now = now.plus(step.passes * Millis::MINUTE);
                // No two at the same time, so that it is plain which is the first.
                let at = now.plus(-step.late * Millis::MINUTE + i64::try_from(index).unwrap());
                let event = event(step.name, at, step.value, if step.second { "v" } else { "u" });
                let ledger = if step.second { &mut other } else { &mut one };
                ledger.apply(&plan, SubjectKind::User, &event, event.user_id.as_deref(), (now, 7));
                events.push(event);
            }
            one.merge(&other);
            events.sort_by_key(|event| event.timestamp);
            let told: Ledger = serde_json::from_str(&serde_json::to_string(&one.part(&plan, SubjectKind::User, end)).unwrap()).unwrap();
            for reading in all {
                let wanted = expected(&aggregate, reading, &events, end);
                let found = one.read(&plan, CounterId(0), reading, end);
                prop_assert_eq!(&found, &wanted, "{:?} {:?}", aggregate, reading);
                prop_assert_eq!(told.read(&plan, CounterId(0), reading, end), wanted, "told: {:?} {:?}", aggregate, reading);
                prop_assert_eq!(
                    told.next_change(&plan, CounterId(0), reading, end).map(|drift| drift.at),
                    one.next_change(&plan, CounterId(0), reading, end).map(|drift| drift.at),
                    "told: {:?} {:?}", aggregate, reading
                );
            }
        }
    }
}

#[test]
fn a_run_that_ends_within_the_window_may_begin_before_it_whenever_that_is_heard_of() {
    let steps = ["A", "B", "C"].map(Arc::from);
    let runs = Counter {
        window: Window::Minutes(300),
        ..counter("c", Aggregate::Steps(Arc::from(steps.to_vec()), 3 * Millis::DAY))
    };
    let mut reads = Reads::default();
    reads.note(SubjectKind::User, &Slot::Counter(CounterId(0), Reading::Reached));
    let plan = Plan::new(std::slice::from_ref(&runs), &reads, TimeZone::UTC);
    let all = [("A", 50), ("B", 40), ("C", 1)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut ledger = Ledger::default();
        for at in order {
            let (name, hours) = all[at];
            let event = event(name, START.plus(-hours * Millis::HOUR), None, "u");
            ledger.apply(&plan, SubjectKind::User, &event, None, (START, 7));
        }
        let read = |reading| ledger.read(&plan, CounterId(0), reading, START);
        assert_eq!(read(Reading::Own), Figure::Number(1.0), "{order:?}");
        assert_eq!(read(Reading::Reached), Figure::Number(3.0), "{order:?}");
    }
}

#[test]
fn what_happened_a_half_life_ago_counts_half() {
    let reading = Reading::Decayed(Span::Days(7));
    let mut reads = Reads::default();
    reads.note(SubjectKind::User, &Slot::Counter(CounterId(0), reading));
    let plan = Plan::new(&[counter("c", Aggregate::Count)], &reads, TimeZone::UTC);
    let mut ledger = Ledger::default();
    for days in [0, 7, 7, 14, 200] {
        let event = event("A", START.plus(-days * Millis::DAY), None, "u");
        ledger.apply(&plan, SubjectKind::User, &event, None, (START, 7));
    }
    assert_eq!(ledger.read(&plan, CounterId(0), reading, START), Figure::Number(2.25));
    assert_eq!(ledger.read(&plan, CounterId(0), reading, START.plus(7 * Millis::DAY)), Figure::Number(1.125));
}

fn declared(name: &str, filter: &str) -> Counter {
    let scope = Scope { event: true, ..Scope::default() };
    let filter = Some(compile(filter, &scope).unwrap());
    Counter { filter, ..counter(name, Aggregate::Count) }
}

fn plan(counter: &Counter) -> Plan {
    Plan::new(std::slice::from_ref(counter), &Reads::default(), TimeZone::UTC)
}

#[test]
fn a_counter_is_what_it_means() {
    let before = declared("c", "properties.a > 5 && properties.b == 'x'");
    let mut ledger = Ledger::default();
    let mut counted = event("A", START, None, "u");
    counted.properties.extend([("a".to_owned(), json!(9)), ("b".to_owned(), json!("x"))]);
    ledger.apply(&plan(&before), SubjectKind::User, &counted, None, (START, 7));
    let read = |ledger: &Ledger, counter: &Counter| ledger.read(&plan(counter), CounterId(0), Reading::Own, START);
    let mut reordered = declared("c", "(\"x\" == properties.b)   && 5 < properties.a");
    reordered.events.reverse();
    reordered.label = Some(Label { one: "a".into(), several: "b".into() });
    let renamed = Counter { name: "d".into(), was: Some("c".into()), ..reordered.clone() };
    for same in [&before, &reordered, &renamed] {
        assert_eq!(read(&ledger, same), Figure::Number(1.0), "{same:?}");
        assert_eq!(lost_figures(&plan(&before), &plan(same)), []);
    }
    ledger.apply(&plan(&renamed), SubjectKind::User, &counted, None, (START, 7));
    assert_eq!((read(&ledger, &renamed), ledger.own.len()), (Figure::Number(2.0), 1), "it goes on under its new name");

    let other = declared("c", "properties.a > 6 && properties.b == 'x'");
    let lost = |why| vec![Lost { counter: "c".into(), why }];
    assert_eq!(read(&ledger, &other), Figure::Number(0.0));
    assert_eq!(lost_figures(&plan(&before), &plan(&other)), lost(Why::CountsSomethingElse));
    assert_eq!(lost_figures(&plan(&before), &plan(&declared("e", "properties.a > 5"))), lost(Why::Removed));
    let daily = counter("c", Aggregate::Count);
    assert_eq!(lost_figures(&plan(&daily), &plan(&other)), [], "counts per day are kept whatever is declared");
}

#[test]
fn meanings_stay_from_one_version_of_the_program_to_the_next() {
    // Another number here throws the figures of every such counter away: only for a good reason.
    let planned = plan(&declared("c", "properties.a > 5 && properties.b == 'x'")).planned;
    insta::assert_snapshot!(format!("{:08x}", planned[0].fingerprint), @"39664f06");
}
