//! Whose turn it is: start-time fair queueing over a team's record.
//!
//! Everybody has a place in line. Whoever stands first is next, and goes back by one turn, divided by their weight: who has twice the
//! weight goes back half as far. Nothing is counted over a period and nothing is ever set back, so that weights and rosters may change at
//! any time. A rep who joins, or comes back, is level with whoever is first then: neither flooded with what they missed, nor sent to the
//! end for what they had before.
//!
//! Who lacks what a lead asks for keeps their place: what others are given meanwhile brings them forward, by some turns at most, so that
//! whoever knows more than others is not given the leads for everybody on top of those that only they can take.
//!
//! Of two reps who could be given the same leads all the while, however long: what each was given, divided by their weight, differs by no more
//! than one turn of each, `1/w + 1/v`. Each lead asks once, since a message arrives exactly once, so that this holds whatever is killed.

use std::sync::Arc;

use super::reps::{Refusal, Why, day_of};
use super::{Assign, Presence, Present, Rep, Team};
use crate::record::{Given, LeadClass, NO_NEEDS, Needs, PassedOver, Place, TeamTurns, Unassigned};
use crate::time::Millis;

/// A turn of somebody with weight 1, in the unit of [`Place::behind`].
const TURN: u64 = 1_000_000_000;
/// So far ahead are those at most who lacked what leads asked for.
const MAX_AHEAD: u64 = 10 * TURN;
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
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a> {
    /// What they have to know.
    pub needs: &'a Needs,
    /// The lead's tier, of which they may have been given enough; 0: whichever.
    pub tier: u8,
    /// These must not get it: they had it already.
    pub not: &'a [Arc<str>],
}

impl Default for Asks<'_> {
    fn default() -> Self {
        Self { needs: &NO_NEEDS, tier: 0, not: &[] }
    }
}

impl<'a> From<&'a Unassigned> for Asks<'a> {
    fn from(lead: &'a Unassigned) -> Self {
        Self { needs: &lead.pending.needs, tier: lead.tier, not: &lead.not }
    }
}

impl<'a> From<&'a LeadClass> for Asks<'a> {
    fn from(class: &'a LeadClass) -> Self {
        Self { needs: &class.needs, tier: class.tier, not: &class.not }
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
            place.given = place.given.and_one(day_of(&availability.zone, now), asks.tier);
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
    if let Some(why) = unfit(rep, asks) {
        return Some(Refusal { why, until: None });
    }
    let given = place.map_or_else(Given::default, |place| place.given);
    presence(rep, present).refuses(given, asks.tier, present.now)
}

/// Why a rep may not be given a lead whenever they are there.
pub(super) fn unfit(rep: &Rep, asks: Asks<'_>) -> Option<Why> {
    if asks.not.iter().any(|one| one.eq_ignore_ascii_case(&rep.name)) {
        return Some(Why::HadIt);
    }
    lacks(rep, asks.needs)
}

/// What a rep lacks of what a lead needs.
pub(super) fn lacks(rep: &Rep, needs: &Needs) -> Option<Why> {
    // Most leads ask for nothing.
    if *needs == NO_NEEDS {
        return None;
    }
    let knows = rep.availability.as_ref().map(|availability| &availability.knows);
    if !needs.skills.iter().all(|skill| knows.is_some_and(|knows| knows.has(skill))) {
        return Some(Why::Skill);
    }
    let speaks = |language: &Arc<str>| knows.is_some_and(|knows| knows.speaks(language));
    needs.language.as_ref().is_some_and(|language| !speaks(language)).then_some(Why::Language)
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
            Some(Refusal { why, .. }) if is_for_good(why) => None,
            Some(_) => {
                let given = place.map_or_else(Given::default, |place| place.given);
                presence(rep, present).next(given, asks.tier, present.now)
            }
        }
    };
    team.reps.iter().filter_map(next).min()
}

/// Whether somebody may never be given a lead for it, as the rules are.
pub(super) const fn is_for_good(why: Why) -> bool {
    matches!(why, Why::HadIt | Why::Skill | Why::Language)
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
    // Who lacks what this lead asks for is there, and keeps their place.
    let lacking = away.iter().filter(|(_, refusal)| matches!(refusal.why, Why::Skill | Why::Language));
    let lacking = lacking.filter_map(|(rep, _)| turns.reps.get(&rep.name)).filter(|place| !place.away);
    let ahead = lacking.map(|place| place.behind).min();
    for (rep, refusal) in &away {
        if !matches!(refusal.why, Why::Skill | Why::Language)
            && let Some(place) = turns.reps.get_mut(&rep.name)
        {
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
    let stood = place.behind;
    *place = Place { behind: stood + turn_of(next.weight), turn, at: now, away: false, given: place.given };
    // Whoever stands first is where the line begins, and nobody is brought far forward.
    let passed = ahead.map_or(stood, |ahead| stood.min(ahead.max(stood.saturating_sub(MAX_AHEAD))));
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
