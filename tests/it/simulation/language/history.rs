//! What happened, as a list, and every figure computed from the whole list. No buckets are kept: where the documents say that whole
//! days or whole minutes count, an event's own day or minute is looked at.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use handraiser::ids::SubjectKind;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::terms::{Counter, Fold, How, Period, Product, Read, Seen, Span, Tally};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// One event.
#[derive(Clone, Debug)]
pub struct Happened {
    pub at: i64,
    pub user: String,
    pub account: Option<String>,
    pub what: What,
    pub value: Option<f64>,
    pub doc: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Track(u8),
    Page,
}

/// What something reads as; `Unknown` is neither true nor false.
#[derive(Clone, Debug, PartialEq)]
pub enum V {
    Unknown,
    Number(f64),
    Text(String),
    At(i64),
    Bool(bool),
}

#[derive(Default)]
pub struct History {
    pub zone: Option<TimeZone>,
    pub events: Vec<Happened>,
    /// Traits as they were said: of whom, the name, when, and the value.
    pub said: Vec<(SubjectKind, String, &'static str, i64, V)>,
    /// Who said something of an account besides.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// Dates that were looked up: the calendar is slow.
    pub dates: RefCell<HashMap<i64, Date>>,
    /// Which anonymous id turned out to be which user.
    pub same: BTreeMap<String, String>,
}

impl History {
    pub fn root<'a>(&'a self, id: &'a str) -> &'a str {
        self.same.get(id).map_or(id, String::as_str)
    }

    /// The trait's newest value; of two of the same time the greater one.
    pub fn told(&self, of: SubjectKind, id: &str, name: &str) -> V {
        let mine = self.said.iter().filter(|(kind, whose, what, ..)| *kind == of && whose == id && *what == name);
        let newest = mine.max_by(|(.., at, a), (.., other, b)| at.cmp(other).then_with(|| order(a).cmp(&order(b))));
        newest.map_or(V::Unknown, |(.., value)| value.clone())
    }

    pub fn date(&self, at: i64) -> Date {
        let look_up = || {
            let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
            jiff::Timestamp::from_millisecond(at).expect("a moment of these years").to_zoned(zone).date()
        };
        *self.dates.borrow_mut().entry(at).or_insert_with(look_up)
    }

    fn is_of(&self, event: &Happened, of: SubjectKind, id: &str) -> bool {
        match of {
            SubjectKind::User => self.root(&event.user) == id,
            SubjectKind::Account => event.account.as_deref() == Some(id),
        }
    }

    /// Whoever ever did or said something in an account.
    pub fn members(&self, account: &str) -> BTreeSet<String> {
        let mine = self.events.iter().filter(|event| event.account.as_deref() == Some(account));
        let did = mine.map(|event| self.root(&event.user).to_owned());
        did.chain(self.members.get(account).cloned().unwrap_or_default()).collect()
    }

    /// A counter's figure, however it is read.
    pub fn figure(&self, product: &Product, read: &Read, id: &str, now: i64) -> V {
        let counter = &product.counters[read.counter];
        let mine: Vec<&Happened> =
            self.events.iter().filter(|event| self.is_of(event, counter.of, id) && sees(counter, event)).collect();
        let moments = || mine.iter().map(|event| event.at);
        match read.how {
            How::FirstAt => moments().min().map_or(V::Unknown, V::At),
            How::LastAt => moments().max().map_or(V::Unknown, V::At),
            How::Reached => V::Number(reached(&counter.tally, &mine) as f64),
            How::Per(period, n, fold) => {
                let figures = self.starts(period, n, now).into_iter().map(|start| {
                    let within = |at: i64| self.start(period, at) == start;
                    number(&self.tally(counter, &mine, &within))
                });
                V::Number(folded(fold, &figures.collect::<Vec<f64>>()))
            }
            How::Decayed(half) => V::Number(self.decayed(counter, &mine, half, now)),
            How::During(length) => {
                let V::At(began) = self.told(counter.of, id, "began") else { return V::Unknown };
                let last = began + length.ms() - 1;
                let within = |at: i64| match length {
                    // Of days there are no hours.
                    Span::Minutes(_) if counter.tally != Tally::Days => {
                        (began.div_euclid(HOUR)..=last.div_euclid(HOUR)).contains(&at.div_euclid(HOUR))
                    }
                    _ => (self.date(began)..=self.date(last)).contains(&self.date(at)),
                };
                self.tally(counter, &mine, &within)
            }
            how => self.tally(counter, &mine, &|at| self.covers(counter, how, at, now)),
        }
    }

    /// Whether a reading looks at a moment.
    fn covers(&self, counter: &Counter, how: How, at: i64, now: i64) -> bool {
        match how {
            How::Own => counter.window.is_none_or(|window| self.back(window, width(window), at, now)),
            How::Within(span) => self.back(span, width(span), at, now),
            How::Between(from, to) => self.back(from, width(from), at, now) && !self.back(to, width(from), at, now),
            How::This(period) => self.start(period, at) == self.start(period, now),
            How::Previous(period) => self.start(period, at) == self.starts(period, 1, now)[0],
            _ => unreachable!("it is read elsewhere"),
        }
    }

    /// Whether a moment is within a stretch back from now. Of days, calendar days and today; else the bucket in which the stretch
    /// begins counts whole.
    fn back(&self, span: Span, width: i64, at: i64, now: i64) -> bool {
        match span {
            Span::Days(days) => {
                let first = self.date(now) - jiff::Span::new().days(days - 1);
                self.date(at) >= first
            }
            Span::Minutes(minutes) => at.div_euclid(width) >= (now - minutes * MINUTE + 1).div_euclid(width),
        }
    }

    /// When the period begins that a moment is in: milliseconds of an hour, or the days since 1970 of a date.
    fn start(&self, period: Period, at: i64) -> i64 {
        match period {
            Period::Hour => at.div_euclid(HOUR),
            period => days(first(period, self.date(at))),
        }
    }

    /// Where the last complete periods begin, the oldest first.
    fn starts(&self, period: Period, n: i64, now: i64) -> Vec<i64> {
        let mut starts = Vec::new();
        if period == Period::Hour {
            return (1..=n).rev().map(|back| now.div_euclid(HOUR) - back).collect();
        }
        let mut begin = first(period, self.date(now));
        for _ in 0..n {
            begin = first(period, begin.yesterday().expect("there was a day before"));
            starts.push(days(begin));
        }
        starts.reverse();
        starts
    }

    fn decayed(&self, counter: &Counter, mine: &[&Happened], half: Span, now: i64) -> f64 {
        let weight = |event: &&&Happened| {
            let (age, half, most) = match half {
                Span::Days(half) => (days(self.date(now)) - days(self.date(event.at)), half as f64, 10 * half),
                Span::Minutes(half) => {
                    let hours = now.div_euclid(HOUR) - event.at.div_euclid(HOUR);
                    // After ten half-lives nothing is left; of hours at least a day is looked at.
                    (hours, half as f64 / 60.0, ((half * 10).clamp(1_441, 90 * 1_440) + 59) / 60)
                }
            };
            if age > most { 0.0 } else { (-(age as f64) / half).exp2() }
        };
        let many = |event: &Happened| if counter.tally == Tally::Sum { event.value.unwrap_or(0.0) } else { 1.0 };
        let sum: f64 = mine.iter().map(|event| weight(&event) * many(event)).sum();
        // Of what fades nobody needs more than six digits.
        (sum * 1e6).round() / 1e6
    }

    /// The figure of what `within` lets through.
    fn tally(&self, counter: &Counter, mine: &[&Happened], within: &dyn Fn(i64) -> bool) -> V {
        let seen: Vec<&&Happened> = mine.iter().filter(|event| within(event.at)).collect();
        let values = || seen.iter().filter_map(|event| event.value);
        let docs = || seen.iter().filter_map(|event| Some((event.at, event.doc.clone()?)));
        let number = |n: usize| V::Number(n as f64);
        match &counter.tally {
            Tally::Count => number(seen.len()),
            Tally::Sum => V::Number(values().sum()),
            Tally::Min => values().reduce(f64::min).map_or(V::Unknown, V::Number),
            Tally::Max => values().reduce(f64::max).map_or(V::Unknown, V::Number),
            Tally::First => docs().min().map_or(V::Unknown, |(_, doc)| V::Text(doc)),
            Tally::Last => docs().max().map_or(V::Unknown, |(_, doc)| V::Text(doc)),
            Tally::Busiest => {
                let mut counts: BTreeMap<String, usize> = BTreeMap::new();
                docs().for_each(|(_, doc)| *counts.entry(doc).or_default() += 1);
                number(counts.into_values().max().unwrap_or(0))
            }
            Tally::Docs => number(docs().map(|(_, doc)| doc).collect::<BTreeSet<_>>().len()),
            Tally::Users => number(seen.iter().map(|event| self.root(&event.user)).collect::<BTreeSet<_>>().len()),
            Tally::Events => number(seen.iter().map(|event| event.what).collect::<BTreeSet<_>>().len()),
            Tally::Days => number(seen.iter().map(|event| self.date(event.at)).collect::<BTreeSet<_>>().len()),
            Tally::Steps(steps, limit) => {
                number(runs(steps, *limit, mine).into_iter().filter(|end| within(*end)).count())
            }
        }
    }
}

/// Events that have nothing of what a counter adds up are none of its events.
fn sees(counter: &Counter, event: &Happened) -> bool {
    let named = |seen: &Seen| match (seen, event.what) {
        (Seen::Any, _) | (Seen::Pages, What::Page) => true,
        (Seen::Track(n), What::Track(m)) => *n == m,
        _ => false,
    };
    let has = match &counter.tally {
        Tally::Sum | Tally::Min | Tally::Max => event.value.is_some(),
        Tally::First | Tally::Last | Tally::Busiest | Tally::Docs => event.doc.is_some(),
        Tally::Steps(steps, _) => {
            return matches!(event.what, What::Track(n) if steps.contains(&n)) && above(counter, event);
        }
        Tally::Count | Tally::Users | Tally::Events | Tally::Days => true,
    };
    counter.seen.iter().any(named) && has && above(counter, event)
}

fn above(counter: &Counter, event: &Happened) -> bool {
    counter.above.is_none_or(|least| event.value.is_some_and(|value| value > least as f64))
}

/// How wide the buckets of hours and minutes are: a 180th of the window or less.
fn width(span: Span) -> i64 {
    MINUTE
        * match span {
            Span::Days(_) => 24 * 60,
            Span::Minutes(0..=180) => 1,
            Span::Minutes(181..=1_440) => 10,
            Span::Minutes(_) => 60,
        }
}

fn days(date: Date) -> i64 {
    let epoch = jiff::civil::date(1970, 1, 1);
    i64::from(epoch.until(date).expect("dates of these years").get_days())
}

/// The first day of the period that a date is in.
fn first(period: Period, date: Date) -> Date {
    match period {
        Period::Hour | Period::Day => date,
        Period::Week => date - jiff::Span::new().days(i64::from(date.weekday().to_monday_zero_offset())),
        Period::Month => date.first_of_month(),
        Period::Quarter => jiff::civil::date(date.year(), (date.month() - 1) / 3 * 3 + 1, 1),
    }
}

fn order(value: &V) -> String {
    match value {
        V::Text(text) => text.clone(),
        V::At(at) => format!("{at:020}"),
        other => format!("{other:?}"),
    }
}

fn number(value: &V) -> f64 {
    match value {
        V::Number(number) => *number,
        _ => 0.0,
    }
}

fn folded(fold: Fold, list: &[f64]) -> f64 {
    let above = |least: i64| move |n: &&f64| **n > least as f64;
    match fold {
        Fold::Sum => list.iter().sum(),
        Fold::Avg => list.iter().sum::<f64>() / list.len() as f64,
        Fold::Min => list.iter().copied().fold(f64::INFINITY, f64::min),
        Fold::Max => list.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Fold::CountAbove(least) => list.iter().filter(above(least)).count() as f64,
        Fold::StreakAbove(least) => {
            let longest = list.split(|n| *n <= least as f64).map(<[f64]>::len).max();
            longest.unwrap_or(0) as f64
        }
    }
}

/// When runs through steps were completed. The first one is the one that is completed first; the next one begins behind it.
fn runs(steps: &[u8], limit: Span, mine: &[&Happened]) -> Vec<i64> {
    let mut left = in_order(steps, mine);
    let mut ends = Vec::new();
    while let Some(end) = (0..left.len()).find(|end| is_run(steps, limit, &left[..=*end])) {
        ends.push(left[end].0);
        left.drain(..=end);
    }
    ends
}

/// Each event's moment and which step it is.
fn in_order(steps: &[u8], mine: &[&Happened]) -> Vec<(i64, usize)> {
    let place = |event: &&Happened| {
        let What::Track(n) = event.what else { return None };
        Some((event.at, steps.iter().position(|step| *step == n)?))
    };
    let mut all: Vec<(i64, usize)> = mine.iter().filter_map(place).collect();
    all.sort_unstable();
    all
}

/// Whether the last of these completes a run: whether there is, from some first step on, one step after the other.
fn is_run(steps: &[u8], limit: Span, moments: &[(i64, usize)]) -> bool {
    goes_to(steps.len(), limit, moments) && moments.last().is_some_and(|(_, step)| *step == steps.len() - 1)
}

/// Whether somebody came as far as so many steps, the last of which is the last moment.
fn goes_to(steps: usize, limit: Span, moments: &[(i64, usize)]) -> bool {
    let Some((end, last)) = moments.last() else { return false };
    if *last + 1 != steps {
        return false;
    }
    (0..moments.len()).any(|from| {
        let (began, first) = moments[from];
        // From a first step that is recent enough, the next step is the next one that comes.
        first == 0 && end - began <= limit.ms() && {
            let mut next = 1;
            for (_, step) in &moments[from + 1..] {
                next += usize::from(*step == next && next + 1 < steps);
            }
            steps == 1 || next + 1 == steps
        }
    })
}

fn reached(tally: &Tally, mine: &[&Happened]) -> usize {
    let Tally::Steps(steps, limit) = tally else { return 0 };
    if !runs(steps, *limit, mine).is_empty() {
        return steps.len();
    }
    let moments = in_order(steps, mine);
    (1..=steps.len())
        .filter(|so_far| (0..moments.len()).any(|end| goes_to(*so_far, *limit, &moments[..=end])))
        .max()
        .unwrap_or(0)
}
