//! The ledger: all figures of one subject, and the one place where an event changes them.

use std::sync::Arc;

use compact_str::CompactString;
use litemap::LiteMap;
use serde_json::Value;

use super::bucket::{Bucket, OLDER, Width};
use super::buckets::{Buckets, add};
use super::distinct::{self, Distinct};
use super::plan::{ANY, Holds, Kept, PAGES, Plan, Planned, SCREENS, is_use, meaning};
use super::series::{Daily, Extreme, Series, Told, greatest, least, micros, room};
use super::spec::{Aggregate, Counter};
use super::steps::{Course, MAX_STEPS};
use crate::event::facts::EventFacts;
use crate::event::{Call, Event};
use crate::expr::amount;
use crate::ids::SubjectKind;
use crate::time::Millis;

/// How many event names are counted per day for one subject without being asked; names that a counter reads always are.
pub const MAX_EVENT_NAMES: usize = 100;

/// So much is kept of a text that a counter keeps as the first or the last value.
pub const MAX_VALUE_BYTES: usize = 256;

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
    /// Own series by the counter's name, and what else is kept for it: `tasks`, `tasks@10m`, `tasks@first`.
    pub own: LiteMap<CompactString, Own>,
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
            if let Some((counter, planned)) = plan.counter(id)
                && counts(counter, event, now)
                && let Some(change) = Change::of(&counter.aggregate, event, user, seed)
            {
                self.apply_own(plan, planned, &change, event.timestamp, now);
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
        if !self.daily.contains_key(key) {
            if self.daily.len() >= MAX_EVENT_NAMES && !plan.is_referenced(key) {
                return;
            }
            self.daily.insert(key.into(), Daily::default());
        }
        if let Some(daily) = self.daily.get_mut(key) {
            daily.add(day, 1);
            daily.cut(today.saturating_sub(plan.daily_retention(key) - 1), true, add);
        }
    }

    fn apply_own(&mut self, plan: &Plan, planned: &Planned, change: &Change, at: Millis, now: Millis) {
        for kept in &planned.kept {
            let bucket = match kept.bucket(at, now, plan) {
                Some(bucket) => bucket,
                // A run that ends within the window may begin before it, and whoever came so far came so far.
                None if matches!(change, Change::Step(..)) => kept.width().bucket(at, &plan.days),
                None => continue,
            };
            let change = match kept.holds {
                Holds::Buckets(_) => change.clone(),
                Holds::Moment(extreme) => Change::Moment(extreme, at),
            };
            let own = self.own_series(plan, kept, planned.fingerprint, &change);
            change.apply(&mut own.series, bucket);
            own.series.cut(kept.oldest(now, plan), kept.older);
        }
    }

    fn own_series(&mut self, plan: &Plan, kept: &Kept, fingerprint: u32, change: &Change) -> &mut Own {
        if let Some(was) = &kept.was
            && !self.own.contains_key(&*kept.key)
            && let Some(own) = self.own.remove(&**was)
        {
            self.own.insert(kept.key.clone(), own);
        }
        let fresh = || Own { fingerprint, width: kept.width(), series: change.empty_series() };
        if self.own.get(&*kept.key).is_some_and(|own| own.fingerprint != fingerprint) {
            let before = self.own.remove(&*kept.key);
            if let Some(before) = before.filter(|_| plan.keeps_meanings) {
                self.own.insert(meaning(&kept.key, before.fingerprint), before);
            }
        }
        if plan.keeps_meanings
            && !self.own.contains_key(&*kept.key)
            && let Some(back) = self.own.remove(&meaning(&kept.key, fingerprint))
        {
            self.own.insert(kept.key.clone(), back);
        }
        self.own.entry(kept.key.clone()).or_insert_with(fresh)
    }

    /// Takes in the figures of somebody who turned out to be the same subject.
    pub fn merge(&mut self, other: &Self) {
        for (key, theirs) in other.daily.iter() {
            self.daily.entry(key.clone()).or_default().merge(theirs, add);
        }
        for (name, theirs) in other.own.iter() {
            match self.own.get_mut(name) {
                Some(mine) if mine.fingerprint == theirs.fingerprint => mine.series.merge(&theirs.series),
                Some(_) => {
                    let key = meaning(name, theirs.fingerprint);
                    match self.own.get_mut(&key) {
                        Some(mine) => mine.series.merge(&theirs.series),
                        None => drop(self.own.insert(key, theirs.clone())),
                    }
                }
                None => drop(self.own.insert(name.clone(), theirs.clone())),
            }
        }
    }

    /// How many signs of use there ever were.
    pub fn uses(&self) -> u64 {
        self.daily.get(ANY).map_or(0, |any| any.iter().map(|(_, n)| n).sum())
    }

    /// About how many bytes they take in memory.
    pub fn bytes(&self) -> usize {
        let name = |name: &CompactString| name.len().saturating_sub(24);
        let daily = self.daily.iter().map(|(key, daily)| name(key) + daily.bytes());
        let own = self.own.iter().map(|(key, own)| name(key) + own.series.bytes());
        room(self.daily.len()) * size_of::<(CompactString, Daily)>()
            + room(self.own.len()) * size_of::<(CompactString, Own)>()
            + daily.sum::<usize>()
            + own.sum::<usize>()
    }

    /// In every count of distinct users: `from` was `to` all along; with `None`, `from` is forgotten.
    pub fn rename_user(&mut self, plan: &Plan, from: &str, to: Option<&str>, seed: u64) {
        let from = distinct::hash(from, seed);
        let counters = plan.counters.iter().zip(&plan.planned);
        let people = counters.filter(|(counter, _)| counter.aggregate == Aggregate::DistinctUsers);
        for kept in people.flat_map(|(_, planned)| &planned.kept) {
            if let Some(Own { series: Series::Distinct(set), .. }) = self.own.get_mut(&*kept.key) {
                match to {
                    Some(to) => set.rename(from, distinct::hash(to, seed)),
                    None => set.remove(from),
                };
            }
        }
    }
}

/// Whether a counter counts an event that one of its names fits.
fn counts(counter: &Counter, event: &Event, now: Millis) -> bool {
    let filter = counter.filter.as_ref();
    (counter.from.is_empty() || counter.from.contains(&event.source))
        && filter.is_none_or(|filter| filter.test(&EventFacts { event, now }) == Some(true))
}

impl Kept {
    /// The width of its buckets; of a moment, which has none, any will do.
    pub(super) const fn width(&self) -> Width {
        match self.holds {
            Holds::Buckets(width) => width,
            Holds::Moment(_) => Width::Day,
        }
    }

    /// The oldest bucket that is told apart.
    pub(super) fn oldest(&self, now: Millis, plan: &Plan) -> Bucket {
        if self.buckets == Bucket::MAX {
            return OLDER;
        }
        self.width().bucket(now, &plan.days).saturating_sub(self.buckets).saturating_add(1)
    }

    /// The bucket of an event; `None` when it is too old to be counted here.
    fn bucket(&self, at: Millis, now: Millis, plan: &Plan) -> Option<Bucket> {
        // Where nothing is told apart, everything is older than that.
        let told_apart = self.buckets > 0;
        let bucket = self.width().bucket(at, &plan.days);
        if told_apart && bucket >= self.oldest(now, plan) { Some(bucket) } else { self.older.then_some(OLDER) }
    }
}

/// What one event does to one series.
#[derive(Clone)]
enum Change {
    Count,
    Add(i128),
    See(u64),
    Least(i128),
    Greatest(i128),
    Value(Extreme, Told),
    Busy(u64),
    Step(Millis, u8, Course),
    Moment(Extreme, Millis),
}

impl Change {
    /// `None` when the event has nothing for this aggregate.
    fn of(aggregate: &Aggregate, event: &Event, user: Option<&str>, seed: u64) -> Option<Self> {
        match aggregate {
            Aggregate::Count | Aggregate::Days => Some(Self::Count),
            Aggregate::Sum(path) => property(event, path).and_then(number).and_then(micros).map(Self::Add),
            Aggregate::DistinctProperty(path) => {
                property(event, path).and_then(|value| hash_value(value, seed)).map(Self::See)
            }
            Aggregate::Min(path) => property(event, path).and_then(number).and_then(micros).map(Self::Least),
            Aggregate::Max(path) => property(event, path).and_then(number).and_then(micros).map(Self::Greatest),
            Aggregate::First(path) => told(event, path).map(|told| Self::Value(Extreme::First, told)),
            Aggregate::Last(path) => told(event, path).map(|told| Self::Value(Extreme::Last, told)),
            Aggregate::Busiest(path) => property(event, path).and_then(|value| hash_value(value, seed)).map(Self::Busy),
            Aggregate::Steps(names, _) => {
                let fits = |name: &Arc<str>| event.call == Call::Track && event.name.as_deref() == Some(&**name);
                let bits = names.iter().take(MAX_STEPS).zip(0..).filter(|(name, _)| fits(name));
                let mask = bits.fold(0, |mask, (_, bit)| mask | 1 << bit);
                Some(Self::Step(event.timestamp, mask, aggregate.course()?)).filter(|_| mask != 0)
            }
            Aggregate::DistinctEvents => {
                let name = event.name.as_deref().unwrap_or_default();
                Some(Self::See(distinct::hash(&format!("{:?} {name}", event.call), seed)))
            }
            Aggregate::DistinctUsers => user.map(|user| Self::See(distinct::hash(user, seed))),
        }
    }

    fn empty_series(&self) -> Series {
        match self {
            Self::Count => Series::Counts(Buckets::default()),
            Self::Add(_) => Series::Sums(Buckets::default()),
            Self::See(_) => Series::Distinct(Distinct::default()),
            Self::Least(_) => Series::Least(Buckets::default()),
            Self::Greatest(_) => Series::Greatest(Buckets::default()),
            Self::Value(extreme, _) => Series::Values(*extreme, Buckets::default()),
            Self::Busy(_) => Series::Busiest(Box::default()),
            Self::Step(..) => Series::Steps(Box::default()),
            Self::Moment(extreme, at) => Series::Moment(*extreme, *at),
        }
    }

    fn apply(&self, series: &mut Series, bucket: Bucket) {
        match (self, series) {
            (Self::Count, Series::Counts(buckets)) => buckets.add(bucket, 1),
            (Self::Add(amount), Series::Sums(buckets)) => buckets.add(bucket, *amount),
            (Self::See(hash), Series::Distinct(set)) => drop(set.add(*hash, bucket)),
            (Self::Least(new), Series::Least(buckets)) => buckets.put(bucket, *new, least),
            (Self::Greatest(new), Series::Greatest(buckets)) => buckets.put(bucket, *new, greatest),
            (Self::Value(extreme, told), Series::Values(_, buckets)) => {
                buckets.put(bucket, told.clone(), |there, new| extreme.join_told(there, new));
            }
            (Self::Busy(hash), Series::Busiest(busiest)) => busiest.add(*hash, bucket),
            (Self::Step(at, mask, course), Series::Steps(steps)) => steps.add((*at, bucket, *mask), *course),
            (Self::Moment(extreme, at), series) => series.merge(&Series::Moment(*extreme, *at)),
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

/// A value that is a text, a number, or true or false, as JSON; of a text the first [`MAX_VALUE_BYTES`].
fn told(event: &Event, path: &[Box<str>]) -> Option<Told> {
    let value = match property(event, path)? {
        Value::String(text) => {
            Value::from(text.get(..text.floor_char_boundary(MAX_VALUE_BYTES)).unwrap_or_default()).to_string()
        }
        value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Told { at: event.timestamp, value: value.into() })
}

fn hash_value(value: &Value, seed: u64) -> Option<u64> {
    match value {
        Value::Null => None,
        Value::String(s) => Some(distinct::hash(s, seed)),
        other => Some(distinct::hash(&other.to_string(), seed)),
    }
}
