//! The ledger: all figures of one subject, and the one place where an event changes them.

use compact_str::CompactString;
use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bucket::{Bucket, Width};
use super::distinct::{self, Distinct};
use super::plan::{ANY, PAGES, Plan, Planned, SCREENS, is_use};
use super::series::{Buckets, DAILY_RETENTION, Daily, Extreme, Series, from_micros, micros, room};
use super::spec::{Aggregate, Counter, Window};
use crate::event::facts::EventFacts;
use crate::event::{Call, Event};
use crate::expr::amount;
use crate::ids::{CounterId, SubjectKind};
use crate::time::Millis;

/// How many event names are counted per day for one subject without being asked; names that a counter reads always are.
pub const MAX_EVENT_NAMES: usize = 100;

/// A declared counter's own series, with the meaning that its figures have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// A hash of what is counted; the figures of a counter that was declared otherwise are not read.
    pub fingerprint: u32,
    /// How wide the series' buckets are.
    pub width: Width,
    /// What was counted.
    pub series: Series,
}

/// All figures of one subject. The names stand in sorted vectors: a tree's nodes have room for eleven, used or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Counts per day by event, `track:Task Created`, `page:Pricing`, `any`, …
    pub daily: LiteMap<CompactString, Daily>,
    /// Own series by the counter's name.
    pub own: LiteMap<CompactString, Own>,
}

/// A counter's figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Figure {
    /// A count or a sum; 0 when nothing was counted.
    Number(f64),
    /// When something happened for the first or the last time.
    Moment(Millis),
    /// A first or last time of something that never happened.
    Never,
}

impl Ledger {
    /// Counts `event` at `now`, which decides what is too old to be kept. `user` is whose event it is, for distinct users; `seed` is
    /// the store's own (see [`distinct::hash`]).
    pub fn apply(
        &mut self,
        plan: &Plan,
        of: SubjectKind,
        event: &Event,
        user: Option<&str>,
        (now, seed): (Millis, u64),
    ) {
        if is_use(event.call) {
            self.apply_daily(plan, event, now);
        }
        for id in plan.touched(of, event) {
            if let (Some(counter), Some(Planned::Own { fingerprint, width })) =
                (plan.counters.get(usize::from(id.0)), plan.planned.get(usize::from(id.0)))
            {
                self.apply_own(plan, counter, *fingerprint, *width, event, user, (now, seed));
            }
        }
    }

    fn apply_daily(&mut self, plan: &Plan, event: &Event, now: Millis) {
        let (day, today) = (plan.days.of(event.timestamp), plan.days.of(now));
        self.count_day(plan, ANY, day, today);
        match (event.call, event.name.as_deref()) {
            (Call::Track, Some(name)) => self.count_named(plan, "track:", name, day, today),
            (Call::Page, name) => {
                self.count_day(plan, PAGES, day, today);
                if let Some(name) = name {
                    self.count_named(plan, "page:", name, day, today);
                }
            }
            (Call::Screen, name) => {
                self.count_day(plan, SCREENS, day, today);
                if let Some(name) = name {
                    self.count_named(plan, "screen:", name, day, today);
                }
            }
            _ => {}
        }
    }

    fn count_named(&mut self, plan: &Plan, kind: &str, name: &str, day: Bucket, today: Bucket) {
        let mut key = CompactString::from(kind);
        key.push_str(name);
        self.count_day(plan, &key, day, today);
    }

    fn count_day(&mut self, plan: &Plan, key: &str, day: Bucket, today: Bucket) {
        if let Some(daily) = self.daily.get_mut(key) {
            daily.add(day, today);
        } else if self.daily.len() < MAX_EVENT_NAMES || plan.referenced.contains(key) {
            let mut daily = Daily::default();
            daily.add(day, today);
            self.daily.insert(key.into(), daily);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the counter's plan is two words that belong to it")]
    fn apply_own(
        &mut self,
        plan: &Plan,
        counter: &Counter,
        fingerprint: u32,
        width: Width,
        event: &Event,
        user: Option<&str>,
        (now, seed): (Millis, u64),
    ) {
        if !(counter.from.is_empty() || counter.from.contains(&event.source)) {
            return;
        }
        if let Some(filter) = &counter.filter
            && filter.test(&EventFacts { event, now }) != Some(true)
        {
            return;
        }
        let bucket = width.bucket(event.timestamp, &plan.days);
        let oldest = oldest(counter.window, width, plan, now);
        if bucket < oldest {
            return;
        }
        if let Some(change) = Change::of(&counter.aggregate, event, user, bucket, seed) {
            let own = self.own_series(&counter.name, fingerprint, width, &change);
            change.apply(&mut own.series, bucket);
            own.series.cut(oldest);
        }
    }

    fn own_series(&mut self, name: &str, fingerprint: u32, width: Width, change: &Change) -> &mut Own {
        let fresh = || Own { fingerprint, width, series: change.empty_series() };
        if self.own.get(name).is_some_and(|own| own.fingerprint != fingerprint) {
            self.own.remove(name);
        }
        self.own.entry(name.into()).or_insert_with(fresh)
    }

    /// A counter's figure at `now`.
    pub fn read(&self, plan: &Plan, id: CounterId, now: Millis) -> Figure {
        let index = usize::from(id.0);
        let (Some(counter), Some(planned)) = (plan.counters.get(index), plan.planned.get(index)) else {
            return Figure::Never;
        };
        match planned {
            Planned::Daily { keys, days } => Figure::Number(self.read_daily(keys, *days, counter.window, plan, now)),
            Planned::Own { fingerprint, width } => self.read_own(counter, *fingerprint, *width, plan, now),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are out of reach")]
    fn read_daily(&self, keys: &[Box<str>], days: bool, window: Window, plan: &Plan, now: Millis) -> f64 {
        let oldest = window.oldest(now, &plan.days);
        let found = keys.iter().filter_map(|key| self.daily.get(&**key));
        if days {
            let mut seen: Vec<Bucket> = found.flat_map(|daily| daily.days.since(oldest).map(|(day, _)| day)).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.len() as f64
        } else {
            found.map(|daily| daily.count(oldest)).sum::<u64>() as f64
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are out of reach")]
    fn read_own(&self, counter: &Counter, fingerprint: u32, width: Width, plan: &Plan, now: Millis) -> Figure {
        let oldest = oldest(counter.window, width, plan, now);
        let own = self.own.get(&*counter.name).filter(|own| own.fingerprint == fingerprint);
        match own.map(|own| &own.series) {
            Some(Series::Counts(buckets)) => Figure::Number(buckets.since(oldest).map(|(_, n)| n).sum::<u64>() as f64),
            Some(Series::Sums(buckets)) => Figure::Number(from_micros(buckets.since(oldest).map(|(_, n)| n).sum())),
            Some(Series::Distinct(set)) => Figure::Number(set.count(oldest) as f64),
            Some(Series::Moment(_, at)) => Figure::Moment(*at),
            None if matches!(counter.aggregate, Aggregate::FirstSeen | Aggregate::LastSeen) => Figure::Never,
            None => Figure::Number(0.0),
        }
    }

    /// Takes in the figures of somebody who turned out to be the same subject.
    pub fn merge(&mut self, other: &Self) {
        for (key, theirs) in other.daily.iter() {
            self.daily.entry(key.clone()).or_default().merge(theirs);
        }
        for (name, theirs) in other.own.iter() {
            match self.own.get_mut(name) {
                Some(mine) if mine.fingerprint == theirs.fingerprint => mine.series.merge(&theirs.series),
                Some(_) => {}
                None => drop(self.own.insert(name.clone(), theirs.clone())),
            }
        }
    }

    /// About how many bytes they take in memory.
    pub fn bytes(&self) -> usize {
        let name = |name: &CompactString| name.len().saturating_sub(24);
        let daily = self.daily.iter().map(|(key, daily)| name(key) + daily.days.bytes());
        let own = self.own.iter().map(|(key, own)| name(key) + own.series.bytes());
        room(self.daily.len()) * size_of::<(CompactString, Daily)>()
            + room(self.own.len()) * size_of::<(CompactString, Own)>()
            + daily.sum::<usize>()
            + own.sum::<usize>()
    }

    /// In every count of distinct users: `from` was `to` all along; with `None`, `from` is forgotten.
    pub fn rename_user(&mut self, plan: &Plan, from: &str, to: Option<&str>, seed: u64) {
        let from = distinct::hash(from, seed);
        for counter in plan.counters.iter().filter(|c| c.aggregate == Aggregate::DistinctUsers) {
            if let Some(Own { series: Series::Distinct(set), .. }) = self.own.get_mut(&*counter.name) {
                match to {
                    Some(to) => set.rename(from, distinct::hash(to, seed)),
                    None => set.remove(from),
                };
            }
        }
    }
}

/// The oldest bucket that a window sees in a series of the given width.
pub(super) fn oldest(window: Window, width: Width, plan: &Plan, now: Millis) -> Bucket {
    match (window, width) {
        (Window::Lifetime, _) => Bucket::MIN,
        // Active days within minutes or hours: the days that the window touches.
        (Window::Minutes(m), Width::Day) => plan.days.of(now.plus(-i64::from(m) * Millis::MINUTE + 1)),
        (window, _) => window.oldest(now, &plan.days),
    }
}

/// What one event does to one series.
enum Change {
    Count,
    Add(i128),
    See(u64),
    Moment(Extreme, Millis),
}

impl Change {
    /// `None` when the event has nothing for this aggregate.
    fn of(aggregate: &Aggregate, event: &Event, user: Option<&str>, bucket: Bucket, seed: u64) -> Option<Self> {
        match aggregate {
            Aggregate::Count => Some(Self::Count),
            Aggregate::Sum(path) => property(event, path).and_then(number).and_then(micros).map(Self::Add),
            Aggregate::DistinctProperty(path) => {
                property(event, path).and_then(|value| hash_value(value, seed)).map(Self::See)
            }
            Aggregate::DistinctUsers => user.map(|user| Self::See(distinct::hash(user, seed))),
            Aggregate::ActiveDays => Some(Self::See(distinct::hash(&bucket.to_string(), seed))),
            Aggregate::FirstSeen => Some(Self::Moment(Extreme::First, event.timestamp)),
            Aggregate::LastSeen => Some(Self::Moment(Extreme::Last, event.timestamp)),
        }
    }

    fn empty_series(&self) -> Series {
        match self {
            Self::Count => Series::Counts(Buckets::default()),
            Self::Add(_) => Series::Sums(Buckets::default()),
            Self::See(_) => Series::Distinct(Distinct::default()),
            Self::Moment(extreme, at) => Series::Moment(*extreme, *at),
        }
    }

    fn apply(&self, series: &mut Series, bucket: Bucket) {
        match (self, series) {
            (Self::Count, Series::Counts(buckets)) => buckets.add(bucket, 1),
            (Self::Add(amount), Series::Sums(buckets)) => buckets.add(bucket, *amount),
            (Self::See(hash), Series::Distinct(set)) => drop(set.add(*hash, bucket)),
            (Self::Moment(_, at), Series::Moment(Extreme::First, kept)) => *kept = (*at).min(*kept),
            (Self::Moment(_, at), Series::Moment(Extreme::Last, kept)) => *kept = (*at).max(*kept),
            // The fingerprint fixes the shape; a series of another shape can't have this fingerprint.
            _ => {}
        }
    }
}

fn property<'a>(event: &'a Event, path: &[Box<str>]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let start = event.properties.get(&**first)?;
    rest.iter().try_fold(start, |value, step| value.get(&**step))
}

/// A number, also when it was sent as text (`"39.95"`, as Segment's own examples do), or as an amount of money (`"$39.95"`).
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => amount(s),
        _ => None,
    }
}

fn hash_value(value: &Value, seed: u64) -> Option<u64> {
    match value {
        Value::Null => None,
        Value::String(s) => Some(distinct::hash(s, seed)),
        other => Some(distinct::hash(&other.to_string(), seed)),
    }
}

const _: () = assert!(DAILY_RETENTION >= 90, "the longest window is 90 days");
