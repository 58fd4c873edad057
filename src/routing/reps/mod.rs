//! When reps may be given leads: their hours, holidays, absences and caps, and whether they left. Pure.
//!
//! Whoever may not is refused with a reason, and with the moment from which on that one holds no longer, as far as it can be computed;
//! [`Presence::next`] follows these to the moment at which nothing is left to refuse.

pub mod calendar;
mod given;
mod hours;
mod knows;
mod refusal;
#[cfg(test)]
mod tests;
mod working;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

pub use given::{Caps, TierCap, day_of};
pub use hours::{Hours, Unusable, country_holidays};
pub use knows::{Knows, language};
pub use refusal::{Refusal, Why};

use crate::record::{Absence, Given, NOBODY_AWAY, Roster};
use crate::time::Millis;

/// How often a reason may give way to another before nothing is expected any more.
const MAX_STEPS: usize = 1_000;

/// What is said of reps, by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Reps(BTreeMap<Box<str>, Arc<Availability>>);

impl Reps {
    /// Adds a rep.
    pub fn insert(&mut self, address: &str, availability: Availability) {
        self.0.insert(address.to_ascii_lowercase().into(), Arc::new(availability));
    }

    /// Everybody of whom something is said, by address in small letters.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Availability)> {
        self.0.iter().map(|(rep, availability)| (&**rep, &**availability))
    }

    /// What is said of a rep; addresses are the same in any case of letters.
    pub fn get(&self, address: &str) -> Option<&Arc<Availability>> {
        // Of most installations nothing is said.
        if self.0.is_empty() { None } else { self.0.get(&*address.to_ascii_lowercase()) }
    }
}

/// When a rep may be given leads.
#[derive(Debug)]
pub struct Availability {
    /// Where they are: their days begin and end there.
    pub zone: TimeZone,
    /// Since when they are gone for good.
    pub left: Option<Millis>,
    /// Whether they get nothing for now.
    pub paused: bool,
    /// When they are away: from the one moment until before the other, in order.
    pub absent: Vec<(Millis, Millis)>,
    /// When they work; `None`: always.
    pub hours: Option<Hours>,
    /// How much they may be given.
    pub caps: Caps,
    /// What they know that leads may ask for.
    pub knows: Knows,
}

impl Availability {
    /// Of somebody of whom nothing is said but where they are.
    pub fn new(zone: TimeZone) -> Self {
        let (caps, knows) = (Caps::default(), Knows::default());
        Self { zone, left: None, paused: false, absent: Vec::new(), hours: None, caps, knows }
    }

    /// What is known of when they are there, where nothing else is said.
    pub const fn alone(&self) -> Presence<'_> {
        Presence { availability: Some(self), absences: &[] }
    }

    /// Whether they are gone for good.
    pub fn has_left(&self, now: Millis) -> bool {
        self.left.is_some_and(|left| left <= now)
    }

    fn is_away(&self, now: Millis) -> Option<Refusal> {
        if self.has_left(now) {
            return Some(Refusal { why: Why::Left, until: None });
        }
        if self.paused {
            return Some(Refusal { why: Why::Paused, until: None });
        }
        let is_in = |(from, until): &&(Millis, Millis)| *from <= now && now < *until;
        let absent = self.absent.iter().find(is_in)?;
        Some(Refusal { why: Why::Absent, until: Some(absent.1) })
    }

    fn is_off(&self, now: Millis) -> Option<Refusal> {
        let hours = self.hours.as_ref()?;
        let why = hours.closed(&self.zone, now)?;
        Some(Refusal { why, until: hours.next_open(&self.zone, now) })
    }
}

/// A moment, and who is away as was said by then.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// The moment.
    pub now: Millis,
    /// Who is away, beside what the configuration says.
    pub roster: &'a Roster,
}

impl Present<'static> {
    /// A moment at which nobody is away but by the configuration.
    pub const fn at(now: Millis) -> Self {
        Self { now, roster: &NOBODY_AWAY }
    }
}

/// What is known of when a rep is there: what the configuration says, and what was said since.
#[derive(Clone, Copy, Debug)]
pub struct Presence<'a> {
    availability: Option<&'a Availability>,
    absences: &'a [Absence],
}

impl<'a> Presence<'a> {
    /// Of a rep of whom the configuration says this.
    pub fn new(rep: &str, availability: Option<&'a Availability>, roster: &'a Roster) -> Self {
        Self { availability, absences: roster.of(rep) }
    }

    /// Where they are, where that is said.
    pub fn zone(self) -> Option<&'a TimeZone> {
        self.availability.map(|availability| &availability.zone)
    }

    /// Why they may not be given anything at `now` by whoever names them: they left, are paused, or absent for days.
    pub fn is_away(self, now: Millis) -> Option<Refusal> {
        self.availability.and_then(|availability| availability.is_away(now)).or_else(|| {
            let held = self.absences.iter().filter(|absence| absence.holds(now));
            // Nobody knows when one ends that has no end, and of others the last counts.
            let until = held.map(|absence| absence.until).max_by_key(|until| until.unwrap_or(Millis(i64::MAX)))?;
            Some(Refusal { why: if until.is_some() { Why::Absent } else { Why::Paused }, until })
        })
    }

    /// Why they may not be given another lead of this tier by their team at `now`, of which they were `given` so many; of tier 0, whichever
    /// it is.
    pub fn refuses(self, given: Given, tier: u8, now: Millis) -> Option<Refusal> {
        self.is_away(now).or_else(|| {
            let availability = self.availability?;
            availability.is_off(now).or_else(|| availability.caps.refuse(given, tier, &availability.zone, now))
        })
    }

    /// When they may be given another lead; `None` when nobody knows.
    pub fn next(self, given: Given, tier: u8, now: Millis) -> Option<Millis> {
        let mut at = now;
        for _ in 0..MAX_STEPS {
            match self.refuses(given, tier, at) {
                None => return Some(at),
                Some(refusal) => at = refusal.until.filter(|until| *until > at)?,
            }
        }
        None
    }
}
