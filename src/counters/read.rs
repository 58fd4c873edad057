//! Figures, read from a ledger.

use smallvec::SmallVec;

use super::bucket::{Bucket, OLDER, Width};
use super::buckets::Buckets;
use super::ledger::Ledger;
use super::plan::{Holds, Plan, Planned, meaning};
use super::range::{self, Range};
use super::series::{Extreme, Micros, Series, from_micros};
use super::spec::{Aggregate, Counter};
use crate::expr::{Figures, Reading, Span};
use crate::ids::CounterId;
use crate::time::Millis;

/// A counter's figure.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// A count or a sum; 0 when nothing was counted.
    Number(f64),
    /// When something happened for the first or the last time.
    Moment(Millis),
    /// The first or the last value: a text, a number, true or false.
    Value(serde_json::Value),
    /// A number for each period, the oldest first.
    List(Vec<f64>),
    /// Of something that never happened, or that is known no longer.
    Never,
}

/// What is kept of a counter in buckets of one width.
pub(super) enum Found<'a> {
    /// The daily counts of several names.
    Daily(SmallVec<[&'a Buckets<u64>; 2]>),
    /// A series of its own.
    Own(Option<&'a Series>),
}

impl Ledger {
    /// A counter's figure at `now`.
    pub fn read(&self, plan: &Plan, id: CounterId, reading: Reading, now: Millis) -> Figure {
        let Some((counter, planned)) = plan.counter(id) else { return Figure::Never };
        match reading {
            Reading::FirstAt => self.moment(plan, planned, Extreme::First),
            Reading::LastAt => self.moment(plan, planned, Extreme::Last),
            reading => self.read_range(plan, (counter, planned), reading, now).unwrap_or(Figure::Never),
        }
    }

    fn read_range(
        &self,
        plan: &Plan,
        (counter, planned): (&Counter, &Planned),
        reading: Reading,
        now: Millis,
    ) -> Option<Figure> {
        let range = range::range(reading, counter.window, now, &plan.days)?;
        let found = self.found(planned, range.width);
        let aggregate = &counter.aggregate;
        match reading {
            Reading::Per(period, n) => {
                let edges = range::edges(period, n, now, &plan.days);
                let figures = edges.windows(2).map(|edges| match edges {
                    [from, to] => found.number(aggregate, Range { from: *from, to: *to, ..range }),
                    _ => 0.0,
                });
                Some(Figure::List(figures.collect()))
            }
            Reading::Decayed(half) => Some(Figure::Number(found.decayed(range, half, now, plan))),
            Reading::During { .. } if !found.is_known(range, planned, now, plan) => None,
            Reading::Reached => {
                let (Found::Own(Some(Series::Steps(steps))), Some(course)) = (&found, aggregate.course()) else {
                    return Some(Figure::Number(0.0));
                };
                Some(Figure::Number(steps.reached(course).into()))
            }
            _ => Some(found.figure(aggregate, range)),
        }
    }

    /// What is kept in buckets of that width.
    pub(super) fn found(&self, planned: &Planned, width: Width) -> Found<'_> {
        match &planned.daily {
            Some(keys) if width == Width::Day => {
                Found::Daily(keys.iter().filter_map(|key| self.daily.get(&**key)).collect())
            }
            _ => Found::Own(self.own_of(planned, Holds::Buckets(width))),
        }
    }

    fn own_of(&self, planned: &Planned, holds: Holds) -> Option<&Series> {
        let kept = planned.kept.iter().find(|kept| kept.holds == holds)?;
        let before = || kept.was.as_ref().and_then(|was| self.own.get(&**was));
        let own = self.own.get(&*kept.key).or_else(before).filter(|own| own.fingerprint == planned.fingerprint);
        let own = own.or_else(|| self.own.get(&meaning(&kept.key, planned.fingerprint)));
        own.map(|own| &own.series)
    }

    /// When it was counted first or last. What was counted before anybody asked is known by its day.
    pub(super) fn moment(&self, plan: &Plan, planned: &Planned, extreme: Extreme) -> Figure {
        let kept = match self.own_of(planned, Holds::Moment(extreme)) {
            Some(Series::Moment(_, at)) => Some(*at),
            _ => None,
        };
        let found = self.found(planned, Width::Day);
        let at = match (kept, extreme) {
            (Some(at), Extreme::Last) => Some(at),
            (None, Extreme::Last) => found.newest().map(|day| plan.days.start(day)),
            (kept, Extreme::First) => {
                let before = found.oldest().filter(|day| kept.is_none_or(|at| *day < plan.days.of(at)));
                before.filter(|day| *day != OLDER).map(|day| plan.days.start(day)).or(kept)
            }
        };
        at.map_or(Figure::Never, Figure::Moment)
    }
}

impl Found<'_> {
    /// Of no event there is no least, greatest, first or last value.
    fn figure(&self, aggregate: &Aggregate, range: Range) -> Figure {
        let Range { from, to, .. } = range;
        let number =
            |micros: Option<Micros>| micros.map_or(Figure::Never, |micros| Figure::Number(from_micros(micros)));
        match self {
            Self::Own(Some(Series::Least(buckets))) => number(buckets.between(from, to).map(|(_, n)| *n).min()),
            Self::Own(Some(Series::Greatest(buckets))) => number(buckets.between(from, to).map(|(_, n)| *n).max()),
            Self::Own(Some(Series::Values(extreme, buckets))) => {
                let told = buckets.between(from, to).map(|(_, told)| told);
                let told = if *extreme == Extreme::First { told.min() } else { told.max() };
                let value = told.and_then(|told| serde_json::from_str(&told.value).ok());
                value.map_or(Figure::Never, Figure::Value)
            }
            _ if matches!(aggregate.figures(), Figures::Extreme | Figures::Told) => Figure::Never,
            _ => Figure::Number(self.number(aggregate, range)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are out of reach")]
    fn number(&self, aggregate: &Aggregate, Range { from, to, .. }: Range) -> f64 {
        match self {
            Self::Daily(all) if *aggregate == Aggregate::Days => {
                let mut days: Vec<Bucket> =
                    all.iter().flat_map(|one| one.between(from, to)).map(|(day, _)| day).collect();
                days.sort_unstable();
                days.dedup();
                days.len() as f64
            }
            Self::Daily(all) => all.iter().flat_map(|one| one.between(from, to)).map(|(_, n)| n).sum::<u64>() as f64,
            Self::Own(Some(Series::Counts(buckets))) if *aggregate == Aggregate::Days => {
                buckets.between(from, to).count() as f64
            }
            Self::Own(Some(Series::Counts(buckets))) => buckets.between(from, to).map(|(_, n)| n).sum::<u64>() as f64,
            Self::Own(Some(Series::Sums(buckets))) => {
                from_micros(buckets.between(from, to).map(|(_, sum)| sum).sum::<Micros>())
            }
            Self::Own(Some(Series::Distinct(set))) => set.count(from) as f64,
            Self::Own(Some(Series::Seen(seen))) => seen.between(from, to).next().map_or(0, |(_, n)| *n) as f64,
            Self::Own(Some(Series::Busiest(busiest))) => busiest.count(from, to) as f64,
            Self::Own(Some(Series::Steps(steps))) => {
                aggregate.course().map_or(0, |course| steps.count(course, from, to)) as f64
            }
            Self::Own(_) => 0.0,
        }
    }

    /// What happened a half-life ago counts half.
    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are out of reach")]
    fn decayed(&self, range: Range, half: Span, now: Millis, plan: &Plan) -> f64 {
        let newest = range.width.bucket(now, &plan.days);
        let half = match half {
            Span::Days(days) => f64::from(days),
            Span::Minutes(minutes) => f64::from(minutes) / 60.0,
        };
        let weight = |bucket: Bucket| (-f64::from(newest.saturating_sub(bucket).max(0)) / half).exp2();
        let Range { from, to, .. } = range;
        let sum = match self {
            Self::Daily(all) => {
                let mut days = Buckets::default();
                all.iter().flat_map(|one| one.between(from, to)).for_each(|(day, n)| days.add(day, *n));
                days.iter().map(|(day, n)| *n as f64 * weight(day)).sum::<f64>()
            }
            Self::Own(Some(Series::Counts(buckets))) => {
                buckets.between(from, to).map(|(bucket, n)| *n as f64 * weight(bucket)).sum()
            }
            Self::Own(Some(Series::Sums(buckets))) => {
                buckets.between(from, to).map(|(bucket, sum)| from_micros(*sum) * weight(bucket)).sum()
            }
            Self::Own(_) => 0.0,
        };
        // Of what fades nobody needs more than six digits, and they read better.
        (sum * 1e6).round() / 1e6
    }

    /// Whether nothing that the range looks at was put together with what is older.
    fn is_known(&self, range: Range, planned: &Planned, now: Millis, plan: &Plan) -> bool {
        let Some(buckets) = plan.told_apart(planned, range.width) else { return true };
        let oldest = range.width.bucket(now, &plan.days).saturating_sub(buckets).saturating_add(1);
        range.from >= oldest || range.to <= range.from || self.oldest().is_none_or(|first| first >= oldest)
    }

    /// The first bucket from one on and before another in which there is something.
    pub(super) fn first(&self, from: Bucket, to: Bucket) -> Option<Bucket> {
        match self {
            Self::Daily(all) => all.iter().filter_map(|one| one.between(from, to).next()).map(|(day, _)| day).min(),
            Self::Own(Some(series)) => series.first(from, to),
            Self::Own(None) => None,
        }
    }

    fn oldest(&self) -> Option<Bucket> {
        self.first(OLDER, Bucket::MAX)
    }

    /// The newest bucket in which there is something.
    fn newest(&self) -> Option<Bucket> {
        let newest = match self {
            Self::Daily(all) => all.iter().filter_map(|one| one.iter().next_back()).map(|(day, _)| day).max(),
            Self::Own(Some(series)) => series.newest(),
            Self::Own(None) => None,
        };
        newest.filter(|day| *day != OLDER)
    }
}

impl Series {
    fn first(&self, from: Bucket, to: Bucket) -> Option<Bucket> {
        match self {
            Self::Counts(buckets) | Self::Seen(buckets) => buckets.between(from, to).next().map(|(bucket, _)| bucket),
            Self::Sums(buckets) | Self::Least(buckets) | Self::Greatest(buckets) => {
                buckets.between(from, to).next().map(|(bucket, _)| bucket)
            }
            Self::Values(_, buckets) => buckets.between(from, to).next().map(|(bucket, _)| bucket),
            Self::Busiest(busiest) => {
                busiest.iter().filter_map(|(_, counts)| counts.between(from, to).next()).map(|(bucket, _)| bucket).min()
            }
            Self::Steps(steps) => steps.edge(from, to, false),
            Self::Distinct(set) => set.first(from).filter(|bucket| *bucket < to),
            Self::Moment(..) => None,
        }
    }

    fn newest(&self) -> Option<Bucket> {
        match self {
            Self::Counts(buckets) | Self::Seen(buckets) => buckets.iter().next_back().map(|(bucket, _)| bucket),
            Self::Sums(buckets) | Self::Least(buckets) | Self::Greatest(buckets) => {
                buckets.iter().next_back().map(|(bucket, _)| bucket)
            }
            Self::Values(_, buckets) => buckets.iter().next_back().map(|(bucket, _)| bucket),
            Self::Busiest(busiest) => {
                busiest.iter().filter_map(|(_, counts)| counts.iter().next_back()).map(|(bucket, _)| bucket).max()
            }
            Self::Steps(steps) => steps.edge(OLDER, Bucket::MAX, true),
            Self::Distinct(set) => set.newest(),
            Self::Moment(..) => None,
        }
    }
}
