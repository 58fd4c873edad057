//! Working hours in the syntax of OpenStreetMap's `opening_hours`, and holidays.
//!
//! Hours are those of a wall clock. They are evaluated a calendar day at a time and turned into moments; the days that were asked about last are
//! kept, and the last stretch without hours, since evaluating a day takes longer than everything else that a decision needs. What is answered
//! hangs on the moment alone.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};
use compact_calendar::CompactCalendar;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use opening_hours::localization::Country;
use opening_hours::{Context, ContextHolidays, OpeningHours};

use super::Why;
use crate::time::Millis;

/// No opening is looked for further ahead, in days.
const MAX_AHEAD: usize = 400;

/// When somebody works.
pub struct Hours {
    written: OpeningHours,
    /// Whether the hours themselves say what holds on holidays; otherwise there are none then.
    says_holidays: bool,
    holidays: Arc<CompactCalendar>,
    /// Each at the place of its date.
    days: [ArcSwapOption<Day>; KEPT_DAYS],
    closed: ArcSwapOption<Closed>,
}

/// So many days are kept that were asked about: a decision asks about today, and about the day when somebody works again.
const KEPT_DAYS: usize = 4;

/// A stretch of time in which nobody works.
struct Closed {
    from: Millis,
    /// When somebody does again.
    opens: Millis,
}

impl fmt::Debug for Hours {
    /// What they say, without what was asked of them: rules are told apart by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, holidays, .. } = self;
        let holidays: Vec<NaiveDate> = holidays.iter().collect();
        f.debug_struct("Hours").field("written", &written.to_string()).field("holidays", &holidays).finish()
    }
}

/// A calendar day.
struct Day {
    date: Date,
    from: Millis,
    until: Millis,
    open: Vec<(Millis, Millis)>,
    is_holiday: bool,
}

/// Hours that can't be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// The public holidays of the whole of a country, by its ISO code; `None` where they are not known.
pub fn country_holidays(code: &str) -> Option<Vec<Date>> {
    let holidays = code.parse::<Country>().ok()?.holidays();
    let found: Vec<Date> = holidays.get_public().iter().filter_map(to_jiff_date).collect();
    (!found.is_empty()).then_some(found)
}

impl Hours {
    /// Reads hours: `Mo-Fr 09:00-12:30,13:30-17:00`. On holidays there are none, unless they say what holds on `PH`.
    ///
    /// # Errors
    /// When these are no opening hours.
    pub fn new(written: &str, holidays: &[Date]) -> Result<Self, Unusable> {
        let parsed = written.parse::<OpeningHours>().map_err(|error| Unusable(told(&error.to_string())))?;
        let holidays: CompactCalendar = holidays.iter().filter_map(|date| to_chrono(*date)).collect();
        let holidays = Arc::new(holidays);
        let known = ContextHolidays::new(Arc::clone(&holidays), Arc::default());
        let written_context = Context::default().with_holidays(known);
        Ok(Self {
            says_holidays: written.contains("PH"),
            written: parsed.with_context(written_context),
            holidays,
            days: Default::default(),
            closed: ArcSwapOption::empty(),
        })
    }

    /// Why nobody works at `now`; `None` when somebody does.
    pub fn closed(&self, zone: &TimeZone, now: Millis) -> Option<Why> {
        // A moment that no calendar knows is outside of everything.
        let Some(day) = self.day_at(zone, now) else { return Some(Why::OffHours) };
        if day.open.iter().any(|(from, until)| *from <= now && now < *until) {
            return None;
        }
        Some(if day.is_holiday { Why::Holiday } else { Why::OffHours })
    }

    /// Whether a day is a holiday.
    pub fn is_holiday(&self, date: Date) -> bool {
        to_chrono(date).is_some_and(|date| self.holidays.contains(date))
    }

    /// When somebody works next, after `now`.
    pub fn next_open(&self, zone: &TimeZone, now: Millis) -> Option<Millis> {
        if let Some(closed) = &*self.closed.load()
            && (closed.from..closed.opens).contains(&now)
        {
            return Some(closed.opens);
        }
        let opens = self.look_ahead(zone, now)?;
        if opens > now {
            self.closed.store(Some(Arc::new(Closed { from: now, opens })));
        }
        Some(opens)
    }

    fn look_ahead(&self, zone: &TimeZone, now: Millis) -> Option<Millis> {
        let mut day = self.day_at(zone, now)?;
        for _ in 0..MAX_AHEAD {
            if let Some((from, _)) = day.open.iter().find(|(_, until)| *until > now) {
                return Some((*from).max(now));
            }
            day = Arc::new(self.day(zone, day.date.tomorrow().ok()?)?);
        }
        None
    }

    /// Until when somebody works who does at `now`; `None` when nobody does, or no end is known. Hours may go on at midnight.
    pub fn open_until(&self, zone: &TimeZone, now: Millis) -> Option<Millis> {
        let mut day = self.day_at(zone, now)?;
        let mut until = now;
        for _ in 0..MAX_AHEAD {
            let Some((_, ends)) = day.open.iter().find(|(from, ends)| *from <= until && until < *ends) else {
                return (until > now).then_some(until);
            };
            until = *ends;
            if until < day.until {
                return Some(until);
            }
            day = Arc::new(self.day(zone, day.date.tomorrow().ok()?)?);
        }
        None
    }

    fn day_at(&self, zone: &TimeZone, now: Millis) -> Option<Arc<Day>> {
        let kept = self.days.iter().find_map(|kept| {
            let day = kept.load();
            day.as_ref().filter(|day| day.from <= now && now < day.until).map(Arc::clone)
        });
        if kept.is_some() {
            return kept;
        }
        let date = zone.to_datetime(jiff::Timestamp::from_millisecond(now.0).ok()?).date();
        let day = Arc::new(self.day(zone, date)?);
        let place = usize::try_from(date.day()).unwrap_or_default() % KEPT_DAYS;
        self.days.get(place)?.store(Some(Arc::clone(&day)));
        Some(day)
    }

    fn day(&self, zone: &TimeZone, date: Date) -> Option<Day> {
        let moment = |at: DateTime| at.to_zoned(zone.clone()).ok().map(|at| Millis(at.timestamp().as_millisecond()));
        let (from, until) = (moment(date.to_datetime(jiff::civil::Time::midnight()))?, {
            moment(date.tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight()))?
        });
        let day = to_chrono(date)?;
        let is_holiday = self.holidays.contains(day);
        let mut open = Vec::new();
        if self.says_holidays || !is_holiday {
            let (begins, ends) = (NaiveDateTime::from(day), NaiveDateTime::from(day.succ_opt()?));
            let ranges =
                self.written.iter_range(begins, ends).filter(|range| range.kind == opening_hours::RuleKind::Open);
            for range in ranges {
                let (begins, ends) = (moment(to_jiff(range.range.start)?)?, moment(to_jiff(range.range.end)?)?);
                open.push((begins.max(from), ends.min(until)));
            }
        }
        Some(Day { date, from, until, open, is_holiday })
    }
}

/// The last line of a parser's message, which says what it expected.
fn told(error: &str) -> String {
    error.lines().rev().find(|line| !line.trim().is_empty()).map_or("it can't be read", str::trim).to_owned()
}

fn to_chrono(date: Date) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(date.year().into(), date.month().try_into().ok()?, date.day().try_into().ok()?)
}

fn to_jiff_date(date: NaiveDate) -> Option<Date> {
    Date::new(date.year().try_into().ok()?, date.month().try_into().ok()?, date.day().try_into().ok()?).ok()
}

fn to_jiff(at: NaiveDateTime) -> Option<DateTime> {
    let time = jiff::civil::Time::new(at.hour().try_into().ok()?, at.minute().try_into().ok()?, 0, 0).ok()?;
    Some(to_jiff_date(at.date())?.to_datetime(time))
}
