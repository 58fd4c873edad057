//! The plan: for a configuration, which counters an event touches and where each counter's figure is read from.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bucket::{Days, Width};
use super::spec::{Aggregate, Counter, EventMatch, Window};
use crate::event::{Call, Event};
use crate::ids::{CounterId, SourceName, SubjectKind};

/// Where the daily counts of every event are kept under: any use at all.
pub const ANY: &str = "any";
/// All page calls, whatever their name.
pub const PAGES: &str = "page";
/// All screen calls, whatever their name.
pub const SCREENS: &str = "screen";

/// Where a counter's figure comes from.
#[derive(Clone, Debug)]
pub enum Planned {
    /// From the counts per day that are kept of every event name anyway.
    Daily {
        /// Which daily counts are added up, as they stand in the ledger: `track:Task Created`, `any`, …
        keys: Vec<Box<str>>,
        /// Whether days are counted, not events.
        days: bool,
    },
    /// From a series of its own, kept under the counter's name. The fingerprint tells what is in it, so that a changed
    /// declaration does not read figures of another meaning.
    Own {
        /// A hash of the events, the filter, the sources, the aggregate and the width.
        fingerprint: u32,
        /// How wide the series' buckets are.
        width: Width,
    },
}

/// How a configuration's counters are applied and read.
#[derive(Debug)]
pub struct Plan {
    /// The counters as declared; a [`CounterId`] is a position in this list.
    pub counters: Vec<Counter>,
    /// Where the figure of each counter comes from, in the same order.
    pub planned: Vec<Planned>,
    /// The calendar days of the configured time zone.
    pub days: Days,
    /// Daily counts that are kept even where a subject has too many event names.
    pub referenced: HashSet<Box<str>>,
    /// Track calls that a counter asks for by name.
    tracks: HashSet<Arc<str>, ahash::RandomState>,
    users: Touched,
    accounts: Touched,
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
    /// The plan for `counters`, with calendar days of `zone`.
    pub fn new(counters: &[Counter], zone: jiff::tz::TimeZone) -> Self {
        let mut plan = Self {
            counters: counters.to_vec(),
            planned: counters.iter().map(plan_one).collect(),
            days: Days::new(zone),
            referenced: [ANY, PAGES, SCREENS].map(Box::from).into_iter().collect(),
            tracks: HashSet::default(),
            users: Touched::default(),
            accounts: Touched::default(),
        };
        let names = counters.iter().flat_map(|counter| &counter.events).filter_map(|event| match event {
            EventMatch::Track(name) => Some(Arc::clone(name)),
            _ => None,
        });
        plan.tracks.extend(names);
        for (index, counter) in counters.iter().enumerate() {
            let id = CounterId(u16::try_from(index).unwrap_or(u16::MAX));
            match plan.planned.get(index) {
                Some(Planned::Daily { keys, .. }) => plan.referenced.extend(keys.iter().cloned()),
                _ => plan.touched_mut(counter.of).insert(counter, id),
            }
        }
        plan
    }

    /// Whether it is a track call of a name that no counter asks for.
    pub fn is_unasked(&self, event: &Event) -> bool {
        event.call == Call::Track && event.name.as_deref().is_some_and(|name| !self.tracks.contains(name))
    }

    fn touched_mut(&mut self, of: SubjectKind) -> &mut Touched {
        match of {
            SubjectKind::User => &mut self.users,
            SubjectKind::Account => &mut self.accounts,
        }
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

fn plan_one(counter: &Counter) -> Planned {
    let from_daily = counter.filter.is_none()
        && counter.from.is_empty()
        && matches!(
            (&counter.aggregate, counter.window),
            (Aggregate::Count, Window::Lifetime | Window::Days(_)) | (Aggregate::ActiveDays, Window::Days(_))
        );
    if from_daily {
        Planned::Daily { keys: daily_keys(&counter.events), days: counter.aggregate == Aggregate::ActiveDays }
    } else {
        Planned::Own { fingerprint: fingerprint(counter), width: own_width(counter) }
    }
}

/// The width of a counter's own series. Active days are days, whatever the window.
fn own_width(counter: &Counter) -> Width {
    match (&counter.aggregate, counter.window) {
        (Aggregate::ActiveDays, _) => Width::Day,
        (_, window) => window.width(),
    }
}

fn daily_keys(events: &[EventMatch]) -> Vec<Box<str>> {
    let mut keys: Vec<Box<str>> = events.iter().map(daily_key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
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

/// A hash of everything that gives a series its meaning. The length of a window is not part of it: within one width, a
/// changed window keeps what there is of the past.
fn fingerprint(counter: &Counter) -> u32 {
    let filter = counter.filter.as_ref().map_or("", |f| f.source());
    let from = counter.from.iter().map(SourceName::as_str).collect::<Vec<_>>().join(" ");
    let text = format!("{:?}|{filter}|{from}|{:?}|{:?}", counter.events, counter.aggregate, own_width(counter));
    #[expect(clippy::cast_possible_truncation, reason = "32 bits tell declarations apart well enough")]
    let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as u32;
    hash
}
