//! When reps may be given leads: their hours, holidays, absences and caps, and whether they left. Pure.
//!
//! Whoever may not is refused with a reason, and with the moment from which on that one holds no longer, as far as it can be computed;
//! [`Availability::next`] follows these to the moment at which nothing is left to refuse.

mod given;
mod hours;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

pub use given::{Caps, day_of};
pub use hours::{Hours, Unusable, country_holidays};
pub use refusal::{Refusal, Why};

use crate::record::Given;
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
}

impl Availability {
    /// Of somebody of whom nothing is said but where they are.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, left: None, paused: false, absent: Vec::new(), hours: None, caps: Caps::default() }
    }

    /// Why they may not be given anything at `now` by whoever names them: they left, are paused, or absent for days.
    pub fn is_away(&self, now: Millis) -> Option<Refusal> {
        if self.left.is_some_and(|left| left <= now) {
            return Some(Refusal { why: Why::Left, until: None });
        }
        if self.paused {
            return Some(Refusal { why: Why::Paused, until: None });
        }
        let is_in = |(from, until): &&(Millis, Millis)| *from <= now && now < *until;
        let absent = self.absent.iter().find(is_in)?;
        Some(Refusal { why: Why::Absent, until: Some(absent.1) })
    }

    /// Why they may not be given another lead of their team at `now`, of which they were `given` so many.
    pub fn refuses(&self, given: Given, now: Millis) -> Option<Refusal> {
        self.is_away(now).or_else(|| self.is_off(now)).or_else(|| self.caps.refuse(given, &self.zone, now))
    }

    fn is_off(&self, now: Millis) -> Option<Refusal> {
        let hours = self.hours.as_ref()?;
        let why = hours.closed(&self.zone, now)?;
        Some(Refusal { why, until: hours.next_open(&self.zone, now) })
    }

    /// When they may be given another lead; `None` when nobody knows.
    pub fn next(&self, given: Given, now: Millis) -> Option<Millis> {
        let mut at = now;
        for _ in 0..MAX_STEPS {
            match self.refuses(given, at) {
                None => return Some(at),
                Some(refusal) => at = refusal.until.filter(|until| *until > at)?,
            }
        }
        None
    }
}
