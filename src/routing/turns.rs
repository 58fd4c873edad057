//! Whose turn it is: start-time fair queueing over a team's record.
//!
//! Everybody has a place in line. Whoever stands first is next, and goes back by one turn, divided by their weight: who has twice the
//! weight goes back half as far. Nothing is counted over a period and nothing is ever set back, so that weights and rosters may change at
//! any time. A rep who joins, or comes back, is level with whoever is first then: neither flooded with what they missed, nor sent to the
//! end for what they had before.
//!
//! Of two reps who could be given leads all the while, however long: what each was given, divided by their weight, differs by no more
//! than one turn of each, `1/w + 1/v`. Each lead asks once, since a message arrives exactly once, so that this holds whatever is killed.

use std::sync::Arc;

use super::reps::{Refusal, Why, day_of};
use super::{Assign, Presence, Present, Rep, Team};
use crate::record::{Given, PassedOver, Place, TeamTurns, Unassigned};
use crate::time::Millis;

/// A turn of somebody with weight 1, in the unit of [`Place::behind`].
const TURN: u64 = 1_000_000_000;
/// So many who were passed over are told of.
const MAX_TOLD: usize = 20;
/// And so many of them in a sentence.
const MAX_SAID: usize = 3;

/// The outcome of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// `round robin in team enterprise: ana@example.com's turn (waited longest)`.
    pub reason: String,
    /// Who would have been next, and could not be given it.
    pub passed_over: Vec<PassedOver>,
}

/// What a lead asks of whoever gets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asks<'a> {
    /// These must not get it: they had it already.
    pub not: &'a [Arc<str>],
}

impl<'a> From<&'a Unassigned> for Asks<'a> {
    fn from(lead: &'a Unassigned) -> Self {
        Self { not: &lead.not }
    }
}

/// Takes the next turn of `team` for a lead that `asks` for it, among the reps who may be given that. `None` when there are none.
pub fn assign(team: &Team, turns: &mut TeamTurns, asks: Asks<'_>, present: Present<'_>) -> Option<Turn> {
    let now = present.now;
    let turn = take(team, turns, now, |rep, place| refuses(rep, place, asks, present))?;
    let rep = team.reps.iter().find(|rep| rep.name == turn.rep)?;
    let bounded = rep.availability.as_ref().filter(|availability| !availability.caps.is_none());
    if let Some(place) = turns.reps.get_mut(&turn.rep) {
        place.given.open = place.given.open.saturating_add(1);
        if let Some(availability) = bounded {
            place.given = place.given.and_one(day_of(&availability.zone, now));
        }
    }
    Some(turn)
}

/// Gives a rep a turn back. It brings them to the front of the line at most, so that nobody is flooded by it.
pub fn credit(team: &Team, turns: &mut TeamTurns, rep: &str) {
    let weight = team.reps.iter().find(|one| *one.name == *rep).map(|one| one.weight);
    if let (Some(weight), Some(place)) = (weight, turns.reps.get_mut(rep)) {
        place.behind = place.behind.saturating_sub(turn_of(weight));
    }
}

/// A lead of a rep is open no longer.
pub fn close(turns: &mut TeamTurns, rep: &str) {
    if let Some(place) = turns.reps.get_mut(rep) {
        place.given.open = place.given.open.saturating_sub(1);
    }
}

/// How far somebody of a weight goes back by one turn.
fn turn_of(weight: u32) -> u64 {
    TURN * u64::from(Rep::WEIGHT_ONE) / u64::from(weight)
}

/// Why a rep may not be given a lead.
pub(super) fn refusal(rep: &Rep, turns: &TeamTurns, asks: Asks<'_>, present: Present<'_>) -> Option<Refusal> {
    refuses(rep, turns.reps.get(&rep.name), asks, present)
}

fn refuses(rep: &Rep, place: Option<&Place>, asks: Asks<'_>, present: Present<'_>) -> Option<Refusal> {
    if asks.not.iter().any(|one| one.eq_ignore_ascii_case(&rep.name)) {
        return Some(Refusal { why: Why::HadIt, until: None });
    }
    presence(rep, present).refuses(place.map_or_else(Given::default, |place| place.given), present.now)
}

fn presence<'a>(rep: &'a Rep, present: Present<'a>) -> Presence<'a> {
    Presence::new(&rep.name, rep.availability.as_deref(), present.roster)
}

/// When the first of the team may be given a lead; `None` when nobody knows.
pub fn next_opening(team: &Team, turns: &TeamTurns, asks: Asks<'_>, present: Present<'_>) -> Option<Millis> {
    let next = |rep: &Rep| {
        let place = turns.reps.get(&rep.name);
        match refuses(rep, place, asks, present) {
            None => Some(present.now),
            Some(Refusal { why: Why::HadIt, .. }) => None,
            Some(_) => presence(rep, present).next(place.map_or_else(Given::default, |place| place.given), present.now),
        }
    };
    team.reps.iter().filter_map(next).min()
}

/// Takes a turn, among those whom nothing refuses.
pub(super) fn take(
    team: &Team,
    turns: &mut TeamTurns,
    now: Millis,
    refuses: impl Fn(&Rep, Option<&Place>) -> Option<Refusal>,
) -> Option<Turn> {
    let known = team.reps.iter().filter(|rep| turns.reps.contains_key(&rep.name)).count();
    if known < turns.reps.len() {
        turns.reps.retain(|name, _| team.reps.iter().any(|rep| rep.name == *name));
    }
    let mut here: Vec<&Rep> = Vec::with_capacity(team.reps.len());
    let mut away: Vec<(&Rep, Refusal)> = Vec::new();
    for rep in &team.reps {
        match refuses(rep, turns.reps.get(&rep.name)) {
            Some(refusal) => away.push((rep, refusal)),
            None => here.push(rep),
        }
    }
    for (rep, _) in &away {
        if let Some(place) = turns.reps.get_mut(&rep.name) {
            place.away = true;
        }
    }
    // Where the line begins: whoever comes anew begins there.
    let stood = here.iter().filter_map(|rep| turns.reps.get(&rep.name)).filter(|place| !place.away);
    let first = stood.map(|place| place.behind).min().unwrap_or(0);
    let joined = Place { behind: first, turn: turns.turns, at: now, away: false, given: Given::default() };
    for rep in &here {
        let place = turns.reps.entry(Arc::clone(&rep.name)).or_insert_with(|| joined.clone());
        if std::mem::take(&mut place.away) {
            place.behind = place.behind.max(first);
        }
    }
    // Whoever is equally far in line goes by how long they have waited, and then by the order of the roster.
    let place_of = |rep: &&&Rep| turns.reps.get(&rep.name).map_or((0, 0), |place| (place.behind, place.turn));
    let next = match team.assign {
        Assign::RoundRobin => *here.iter().min_by_key(place_of)?,
        Assign::Order => *here.first()?,
        Assign::LeastLoaded => *here.iter().min_by_key(|rep| (load_of(rep, turns), place_of(rep)))?,
    };
    let stands = place_of(&&next);
    // Nobody who has no place yet, or stands behind, was passed over.
    let load = load_of(next, turns);
    let is_before = |rep: &Rep| match team.assign {
        Assign::LeastLoaded => load_of(rep, turns) < load,
        Assign::RoundRobin => turns.reps.get(&rep.name).is_none_or(|place| (place.behind, place.turn) < stands),
        Assign::Order => {
            team.reps.iter().map(|one| &one.name).take_while(|name| **name != next.name).any(|name| *name == rep.name)
        }
    };
    away.retain(|(rep, _)| is_before(rep));
    turns.turns += 1;
    let turn = turns.turns;
    let place = turns.reps.get_mut(&next.name)?;
    let passed = place.behind;
    *place = Place { behind: passed + turn_of(next.weight), turn, at: now, away: false, given: place.given };
    for place in turns.reps.values_mut() {
        place.behind = place.behind.saturating_sub(passed);
    }
    Some(told(team, next, &away))
}

/// How many open leads somebody has for their weight, in a unit that compares.
fn load_of(rep: &Rep, turns: &TeamTurns) -> u64 {
    let open = turns.reps.get(&rep.name).map_or(0, |place| place.given.open);
    u64::from(open) * turn_of(rep.weight)
}

fn told(team: &Team, next: &Rep, away: &[(&Rep, Refusal)]) -> Turn {
    let weighs = match next.weight {
        Rep::WEIGHT_ONE => String::new(),
        weight => format!(", weight {}", f64::from(weight) / f64::from(Rep::WEIGHT_ONE)),
    };
    let before = said(away).map_or_else(String::new, |said| format!("{said}; "));
    let reason = match team.assign {
        Assign::RoundRobin => {
            format!("round robin in team {}: {before}{}'s turn (waited longest{weighs})", team.name, next.name)
        }
        Assign::LeastLoaded => {
            format!("by load in team {}: {before}{} has the fewest open leads{weighs}", team.name, next.name)
        }
        Assign::Order => format!("in order in team {}: {before}{} is the first who is there", team.name, next.name),
    };
    let passed_over = away.iter().take(MAX_TOLD).map(|(rep, refusal)| PassedOver {
        rep: rep.name.to_string(),
        reason: refusal.why,
        until: refusal.until.map(Millis::rfc3339),
    });
    Turn { rep: Arc::clone(&next.name), reason, passed_over: passed_over.collect() }
}

/// `ana@example.com is absent until Sun 2027-01-03 00:00, ben@example.com left and 3 more`.
pub(super) fn said(away: &[(&Rep, Refusal)]) -> Option<String> {
    let told = away.iter().take(MAX_SAID).map(|(rep, refusal)| {
        let zone = rep.availability.as_ref().map(|availability| &availability.zone);
        refusal.sentence(&rep.name, zone)
    });
    let told: Vec<String> = told.collect();
    let more = away.len().saturating_sub(MAX_SAID);
    (!told.is_empty()).then(|| match more {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    })
}
