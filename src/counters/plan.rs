//! The plan: for a configuration, which counters an event touches and where each counter's figure is read from.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use compact_str::CompactString;

use super::bucket::{Bucket, Days, Width};
use super::range::{Need, need};
use super::series::{DAILY_RETENTION, Extreme};
use super::spec::{Aggregate, Counter, EventMatch};
use crate::event::{Call, Event};
use crate::expr::{Reading, Slot};
use crate::ids::{CounterId, SourceName, SubjectKind};

/// Where the daily counts of every event are kept under: any use at all.
pub const ANY: &str = "any";
/// All page calls, whatever their name.
pub const PAGES: &str = "page";
/// All screen calls, whatever their name.
pub const SCREENS: &str = "screen";

/// Who reads which counter, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads(BTreeSet<(CounterId, SubjectKind, Reading)>);

impl Reads {
    /// Notes that a condition about `by` reads `slot`.
    pub fn note(&mut self, by: SubjectKind, slot: &Slot) {
        if let Slot::Counter(id, reading) = slot {
            self.0.insert((*id, by, *reading));
        }
    }

    fn of(&self, id: CounterId) -> impl Iterator<Item = (SubjectKind, Reading)> + '_ {
        self.0.iter().filter(move |(counter, ..)| *counter == id).map(|(_, by, reading)| (*by, *reading))
    }
}

/// What is kept for a counter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Tells what is counted, so that a changed declaration does not read figures of another meaning: a hash of the events, the
    /// filter, the sources and the aggregate.
    pub fingerprint: u32,
    /// The daily counts that are kept of every event name anyway and hold the counter's days, as they stand in the ledger:
    /// `track:Task Created`, `any`, …; `None` when it has a series of its own for them.
    pub daily: Option<Box<[Box<str>]>>,
    /// What is kept for this counter alone.
    pub kept: Vec<Kept>,
}

/// A series of a counter's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name in the ledger: `tasks`, `tasks@10m`, `tasks@first`.
    pub key: CompactString,
    /// Its name while the counter had another one.
    pub was: Option<CompactString>,
    /// What is in it.
    pub holds: Holds,
    /// How many buckets are told apart; [`Bucket::MAX`]: all.
    pub buckets: Bucket,
    /// Whether what is older than those is kept as one figure.
    pub older: bool,
}

/// What a series holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Figures in buckets of a width.
    Buckets(Width),
    /// A first or a last time.
    Moment(Extreme),
}

/// How a configuration's counters are applied and read.
#[derive(Debug)]
pub struct Plan {
    /// The counters as declared; a [`CounterId`] is a position in this list.
    pub counters: Vec<Counter>,
    /// What is kept for each counter, in the same order.
    pub planned: Vec<Planned>,
    /// The calendar days of the configured time zone.
    pub days: Days,
    /// Whether the figures of a counter stay when it comes to mean something else, for the case that it comes back: what the archive
    /// has filled once is not filled again.
    pub keeps_meanings: bool,
    /// Daily counts that are kept even where a subject has too many event names, each with how many days of it are told apart.
    daily: HashMap<Box<str>, Bucket, ahash::RandomState>,
    /// Track calls that a counter asks for by name.
    tracks: HashSet<Arc<str>, ahash::RandomState>,
    users: Touched,
    accounts: Touched,
    /// What a user's record tells an account's, and the other way round.
    pub(super) user_tells: Told,
    pub(super) account_tells: Told,
}

/// What conditions read from another record than that which has the figures.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Daily counts by key: how many days, and whether what is older counts.
    pub daily: Vec<(Box<str>, Bucket, bool)>,
    /// Series of counters' own.
    pub own: Vec<CompactString>,
    /// First and last times.
    pub moments: Vec<(CounterId, Extreme)>,
}

/// Which counters of their own an event touches, by its kind and name.
#[derive(Debug, Default)]
struct Touched {
    any: Vec<CounterId>,
    tracks: HashMap<Arc<str>, Vec<CounterId>, ahash::RandomState>,
    pages: Vec<(Option<Arc<str>>, CounterId)>,
    screens: Vec<(Option<Arc<str>>, CounterId)>,
}

impl Plan {
    /// The plan for `counters` that are read so, with calendar days of `zone`.
    pub fn new(counters: &[Counter], reads: &Reads, zone: jiff::tz::TimeZone) -> Self {
        let ids = || (0..=u16::MAX).map(CounterId);
        let planned = counters.iter().zip(ids()).map(|(counter, id)| plan_one(counter, reads.of(id))).collect();
        let mut plan = Self {
            counters: counters.to_vec(),
            planned,
            days: Days::new(zone),
            keeps_meanings: false,
            daily: [ANY, PAGES, SCREENS].map(|key| (Box::from(key), DAILY_RETENTION)).into_iter().collect(),
            tracks: HashSet::default(),
            users: Touched::default(),
            accounts: Touched::default(),
            user_tells: Told::default(),
            account_tells: Told::default(),
        };
        let names = counters.iter().flat_map(|counter| &counter.events).filter_map(|event| match event {
            EventMatch::Track(name) => Some(Arc::clone(name)),
            _ => None,
        });
        plan.tracks.extend(names);
        for (counter, id) in counters.iter().zip(ids()) {
            plan.add(counter, id, reads);
        }
        plan
    }

    fn add(&mut self, counter: &Counter, id: CounterId, reads: &Reads) {
        let Some(Planned { daily, kept, .. }) = self.planned.get(usize::from(id.0)).cloned() else { return };
        if !kept.is_empty() {
            match counter.of {
                SubjectKind::User => self.users.insert(counter, id),
                SubjectKind::Account => self.accounts.insert(counter, id),
            }
        }
        let days = reads.of(id).filter_map(|(_, reading)| day_need(counter, reading)).map(|need| need.buckets);
        let days = days.chain(day_need(counter, Reading::Own).map(|need| need.buckets)).max().unwrap_or(0);
        for key in daily.iter().flatten() {
            let retention = self.daily.entry(key.clone()).or_insert(DAILY_RETENTION);
            *retention = (*retention).max(days);
        }
        // A user's record goes to the account and comes back with the answer, so that it is decided about by what it was.
        let told = reads.of(id).filter(|(by, _)| counter.of == SubjectKind::User || *by != counter.of);
        let own = (counter.of == SubjectKind::User).then_some((SubjectKind::User, Reading::Own));
        for (_, reading) in told.chain(own) {
            let tells = match counter.of {
                SubjectKind::User => &mut self.user_tells,
                SubjectKind::Account => &mut self.account_tells,
            };
            tells.add(counter, id, reading, (daily.as_deref(), &kept));
        }
    }

    /// A counter, and what is kept for it.
    pub fn counter(&self, id: CounterId) -> Option<(&Counter, &Planned)> {
        let index = usize::from(id.0);
        self.counters.get(index).zip(self.planned.get(index))
    }

    /// Whether a counter reads these daily counts.
    pub fn is_referenced(&self, key: &str) -> bool {
        self.daily.contains_key(key)
    }

    /// How many buckets of that width are told apart; `None` when all are, or none are kept.
    pub(super) fn told_apart(&self, planned: &Planned, width: Width) -> Option<Bucket> {
        let days = planned.daily.as_ref().filter(|_| width == Width::Day);
        let kept = || planned.kept.iter().find(|kept| kept.holds == Holds::Buckets(width)).map(|kept| kept.buckets);
        let buckets = days.map_or_else(kept, |keys| keys.iter().map(|key| self.daily_retention(key)).min());
        buckets.filter(|buckets| *buckets < Bucket::MAX)
    }

    /// How many days of these daily counts are told apart.
    pub fn daily_retention(&self, key: &str) -> Bucket {
        self.daily.get(key).copied().unwrap_or(DAILY_RETENTION)
    }

    /// Whether it is a track call of a name that no counter asks for.
    pub fn is_unasked(&self, event: &Event) -> bool {
        event.call == Call::Track && event.name.as_deref().is_some_and(|name| !self.tracks.contains(name))
    }

    /// The names under which the archive knows the series of counters' own: their keys, with what their figures mean. Each with its
    /// counter.
    pub fn own_series(&self) -> impl Iterator<Item = (CompactString, CounterId)> {
        let ids = (0..=u16::MAX).map(CounterId);
        let of_one = |(planned, id): (&Planned, CounterId)| {
            let names: Vec<_> = planned.kept.iter().map(|kept| (meaning(&kept.key, planned.fingerprint), id)).collect();
            names
        };
        self.planned.iter().zip(ids).flat_map(of_one)
    }

    /// The counters of `of` with a series of their own that look at `event` (filters not yet applied).
    pub(super) fn touched<'a>(&'a self, of: SubjectKind, event: &'a Event) -> impl Iterator<Item = CounterId> + 'a {
        let touched = match of {
            SubjectKind::User => &self.users,
            SubjectKind::Account => &self.accounts,
        };
        touched.by(event)
    }
}

/// A series by its key and by what its figures mean.
pub fn meaning(key: &str, fingerprint: u32) -> CompactString {
    compact_str::format_compact!("{key}#{fingerprint:08x}")
}

impl Touched {
    fn insert(&mut self, counter: &Counter, id: CounterId) {
        for event in &counter.events {
            match event {
                EventMatch::Any => self.any.push(id),
                EventMatch::Track(name) => self.tracks.entry(Arc::clone(name)).or_default().push(id),
                EventMatch::Page(name) => self.pages.push((name.clone(), id)),
                EventMatch::Screen(name) => self.screens.push((name.clone(), id)),
            }
        }
    }

    fn by<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = CounterId> + 'a {
        let name = event.name.as_deref();
        let tracks = match (event.call, name) {
            (Call::Track, Some(name)) => self.tracks.get(name).map_or(&[][..], Vec::as_slice),
            _ => &[],
        };
        let named: &[(Option<Arc<str>>, CounterId)] = match event.call {
            Call::Page => &self.pages,
            Call::Screen => &self.screens,
            _ => &[],
        };
        let named = named.iter().filter(move |(want, _)| want.is_none() || want.as_deref() == name).map(|(_, id)| *id);
        let any = if is_use(event.call) { self.any.as_slice() } else { &[] };
        any.iter().chain(tracks).copied().chain(named)
    }
}

/// Whether a call is a sign of use: track, page and screen are; identify, group and alias say who somebody is.
pub const fn is_use(call: Call) -> bool {
    matches!(call, Call::Track | Call::Page | Call::Screen)
}

impl Told {
    fn add(
        &mut self,
        counter: &Counter,
        id: CounterId,
        reading: Reading,
        (daily, kept): (Option<&[Box<str>]>, &[Kept]),
    ) {
        let moment = match reading {
            Reading::FirstAt => Some(Extreme::First),
            Reading::LastAt => Some(Extreme::Last),
            _ => None,
        };
        if let Some(extreme) = moment.filter(|extreme| !self.moments.contains(&(id, *extreme))) {
            self.moments.push((id, extreme));
        }
        let Some(need) = need(reading, counter.window) else { return };
        match daily.filter(|_| need.width == Width::Day) {
            Some(keys) => keys.iter().for_each(|key| self.add_daily(key, need)),
            None => {
                let keys = kept.iter().filter(|kept| kept.holds == Holds::Buckets(need.width)).map(|kept| &kept.key);
                let fresh: Vec<_> = keys.filter(|key| !self.own.contains(key)).cloned().collect();
                self.own.extend(fresh);
            }
        }
    }

    fn add_daily(&mut self, key: &str, need: Need) {
        match self.daily.iter_mut().find(|(known, ..)| **known == *key) {
            Some((_, days, older)) => {
                *days = (*days).max(need.buckets);
                *older |= need.older;
            }
            None => self.daily.push((key.into(), need.buckets, need.older)),
        }
    }
}

/// What a reading needs in days.
fn day_need(counter: &Counter, reading: Reading) -> Option<Need> {
    need(reading, counter.window).filter(|need| need.width == Width::Day)
}

fn plan_one(counter: &Counter, reads: impl Iterator<Item = (SubjectKind, Reading)>) -> Planned {
    let readings: BTreeSet<Reading> = reads.map(|(_, reading)| reading).chain([Reading::Own]).collect();
    let mut needs: Vec<Need> = Vec::new();
    for need in readings.iter().filter_map(|reading| need(*reading, counter.window)) {
        match needs.iter_mut().find(|known| known.width == need.width) {
            Some(known) => {
                known.buckets = known.buckets.max(need.buckets);
                known.older |= need.older;
            }
            None => needs.push(need),
        }
    }
    let daily = daily_keys(counter, &needs);
    if daily.is_some() {
        needs.retain(|need| need.width != Width::Day);
    }
    let mut kept: Vec<Kept> = needs.into_iter().map(|need| kept_buckets(counter, need)).collect();
    let moments = [(Reading::FirstAt, Extreme::First, "first"), (Reading::LastAt, Extreme::Last, "last")];
    kept.extend(moments.into_iter().filter(|(reading, ..)| readings.contains(reading)).map(|(_, extreme, word)| {
        Kept {
            key: compact_str::format_compact!("{}@{word}", counter.name),
            was: counter.was.as_ref().map(|was| compact_str::format_compact!("{was}@{word}")),
            holds: Holds::Moment(extreme),
            buckets: 0,
            older: true,
        }
    }));
    Planned { fingerprint: fingerprint(counter), daily, kept }
}

fn kept_buckets(counter: &Counter, need: Need) -> Kept {
    let key = |name: &str| match need.width {
        Width::Day => CompactString::from(name),
        Width::Minutes(minutes) => compact_str::format_compact!("{name}@{minutes}m"),
    };
    // How many days there were can't be put together with how many there are.
    let all = counter.aggregate == Aggregate::Days && need.older;
    let (buckets, older) = if all { (Bucket::MAX, false) } else { (need.buckets, need.older) };
    let was = counter.was.as_deref().map(key);
    Kept { key: key(&counter.name), was, holds: Holds::Buckets(need.width), buckets, older }
}

/// Counts of everything in whole days are those that are kept of every event name anyway.
fn daily_keys(counter: &Counter, needs: &[Need]) -> Option<Box<[Box<str>]>> {
    let plain = counter.filter.is_none() && counter.from.is_empty();
    let fits = match counter.aggregate {
        Aggregate::Count => true,
        Aggregate::Days => !needs.iter().any(|need| need.width == Width::Day && need.older),
        _ => false,
    };
    (plain && fits && needs.iter().any(|need| need.width == Width::Day)).then(|| keys_of(&counter.events))
}

fn keys_of(events: &[EventMatch]) -> Box<[Box<str>]> {
    let mut keys: Vec<Box<str>> = events.iter().map(daily_key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into()
}

fn daily_key(event: &EventMatch) -> Box<str> {
    match event {
        EventMatch::Any => ANY.into(),
        EventMatch::Track(name) => format!("track:{name}").into(),
        EventMatch::Page(None) => PAGES.into(),
        EventMatch::Page(Some(name)) => format!("page:{name}").into(),
        EventMatch::Screen(None) => SCREENS.into(),
        EventMatch::Screen(Some(name)) => format!("screen:{name}").into(),
    }
}

/// A hash of everything that gives a series its meaning. How far back it is read is not part of it.
fn fingerprint(counter: &Counter) -> u32 {
    let filter = counter.filter.as_ref().map_or_else(String::new, crate::expr::Expr::normal);
    let mut from: Vec<&str> = counter.from.iter().map(SourceName::as_str).collect();
    from.sort_unstable();
    let mut events: Vec<String> = counter.events.iter().map(|event| format!("{event:?}")).collect();
    events.sort_unstable();
    events.dedup();
    let text = format!("{}|{events:?}|{filter}|{}|{:?}", counter.of, from.join(" "), counter.aggregate);
    #[expect(clippy::cast_possible_truncation, reason = "32 bits tell declarations apart well enough")]
    let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as u32;
    hash
}
