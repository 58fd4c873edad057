//! Whose turn it is: round robin over a team's record.
//!
//! The record is made to be read by a person:
//!
//! | field             | value                                                | meaning                                          |
//! |-------------------|------------------------------------------------------|--------------------------------------------------|
//! | `turns`           | `131`                                                | how many leads the team was given in all         |
//! | `turn:<rep>`      | `129 2026-11-21T09:30:00.000Z`                       | the rep's last turn: its number, and when it was |
//! | `given:<lead id>` | `131 2026-11-21T09:30:05.000Z ana@example.com`       | who gets a lead that is on its way to them       |
//! | `kept:<lead id>`  | the same                                             | who got a lead; the newest [`REMEMBERED`] turns  |
//!
//! Whoever waited longest is next. A rep who joins (or comes back) goes to the end of the line, so that nobody is flooded; a
//! rep who left the team is forgotten and gets nothing more. A lead that was given before goes to the same rep again, so that
//! a crash between the turn and the lead's own commit neither skips a rep nor gives one lead to two.
//!
//! A lead on its way is remembered however many turns come after it: the lead of a worker that was killed waits for its lease
//! to run out, and hundreds of others may be given meanwhile. Once it is stored with its rep, the team's next turn notes that,
//! and from then on it may be forgotten. Only a lead that stays on its way for a week, or behind [`ON_THEIR_WAY`] others, is
//! forgotten before, and takes a second turn if it comes back after all.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{Assign, Team};
use crate::store::{FieldList, Fields};
use crate::time::Millis;

/// How many turns back a team remembers leads that reached their reps: whoever held a lead and lost its lease unawares may
/// still ask whose it is.
pub const REMEMBERED: u64 = 128;

/// How many leads on their way a team remembers: far more than there can be, also when servers are killed all the time.
pub const ON_THEIR_WAY: usize = 4_096;

/// How long a lead is remembered at most.
const REMEMBERED_FOR: i64 = 7 * Millis::DAY;

const TURNS: &str = "turns";
const TURN: &str = "turn:";
const GIVEN: &str = "given:";
const KEPT: &str = "kept:";

/// The outcome of a turn: who, why, and what changes in the team's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// `round robin in team enterprise: ana@example.com's turn (waited longest)`.
    pub reason: String,
    /// Fields of the team's record to write; none when the lead had been given before.
    pub set: FieldList,
    /// Fields to remove: of reps who left, and of leads that may be forgotten or that reached their reps.
    pub unset: Vec<Box<str>>,
}

/// Gives `lead` to a rep of `team`, whose record holds `fields`, and notes that the leads `stored` reached theirs. `None` when
/// the team has no reps.
#[must_use]
pub fn assign(team: &Team, fields: &Fields, lead: &str, stored: &[Arc<str>], now: Millis) -> Option<Turn> {
    let Assign::RoundRobin = team.assign;
    if let Some(rep) = already_given(team, fields, lead) {
        return Some(Turn { reason: reason(team, &rep), rep, set: FieldList::default(), unset: Vec::new() });
    }
    let turns = fields.get(TURNS).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let last_turn = |rep: &str| fields.get(&*format!("{TURN}{rep}")).and_then(|text| number(text));
    // Someone without a turn has just joined: they stand where the line ends now. Ties are settled by the order of the roster.
    let rep = team.reps.iter().min_by_key(|rep| last_turn(rep).unwrap_or(turns))?;

    let turn = turns + 1;
    let mut set = FieldList::from([
        (TURNS.to_owned(), turn.to_string()),
        (format!("{TURN}{rep}"), format!("{turn} {}", now.rfc3339())),
        (format!("{GIVEN}{lead}"), format!("{turn} {} {rep}", now.rfc3339())),
    ]);
    for joiner in team.reps.iter().filter(|other| *other != rep && last_turn(other).is_none()) {
        set.push(&format!("{TURN}{joiner}"), &format!("{turns} {}", now.rfc3339()));
    }
    let mut unset = outdated(team, fields, turn, now);
    for stored in stored.iter().filter(|stored| &***stored != lead) {
        let given: Box<str> = format!("{GIVEN}{stored}").into();
        // What is outdated already just goes.
        if let Some(value) = fields.get(&given).filter(|_| !unset.contains(&given)) {
            set.push(&format!("{KEPT}{stored}"), value);
            unset.push(given);
        }
    }
    Some(Turn { rep: Arc::clone(rep), reason: reason(team, rep), set, unset })
}

fn reason(team: &Team, rep: &str) -> String {
    format!("round robin in team {}: {rep}'s turn (waited longest)", team.name)
}

/// The rep who was given `lead` before, unless they left the team.
fn already_given(team: &Team, fields: &Fields, lead: &str) -> Option<Arc<str>> {
    let rep_in = |kind: &str| {
        let rep = fields.get(&*format!("{kind}{lead}"))?.splitn(3, ' ').nth(2)?;
        team.reps.iter().find(|member| &***member == rep).cloned()
    };
    // A lead that was routed anew since it reached a rep who left is on its way again.
    rep_in(GIVEN).or_else(|| rep_in(KEPT))
}

/// The turns of reps who left, and the leads that were given too long ago to matter.
fn outdated(team: &Team, fields: &Fields, turn: u64, now: Millis) -> Vec<Box<str>> {
    // Moments of this form can be compared as text.
    let oldest = now.plus(-REMEMBERED_FOR).rfc3339();
    let old = |value: &str| value.split(' ').nth(1).is_none_or(|at| at < oldest.as_str());
    let overtaken = |value: &str| number(value).is_none_or(|given| given + REMEMBERED <= turn);
    let left = |rep: &str| !team.reps.iter().any(|member| &**member == rep);
    let goes = |name: &str, value: &str| {
        name.strip_prefix(TURN).is_some_and(left)
            || (name.starts_with(GIVEN) && (old(value) || number(value).is_none()))
            || (name.starts_with(KEPT) && (old(value) || overtaken(value)))
    };
    let mut gone: Vec<_> =
        fields.iter().filter(|(name, value)| goes(name, value)).map(|(name, _)| name.clone()).collect();
    gone.extend(too_many(fields));
    gone
}

/// The oldest leads on their way, beyond what a record may hold once another one is added.
fn too_many(fields: &Fields) -> Vec<Box<str>> {
    let mut given: Vec<_> = fields.iter().filter(|(name, _)| name.starts_with(GIVEN)).collect();
    if given.len() < ON_THEIR_WAY {
        return Vec::new();
    }
    given.sort_unstable_by_key(|(_, value)| Reverse(number(value)));
    given.into_iter().skip(ON_THEIR_WAY - 1).map(|(name, _)| name.clone()).collect()
}

/// The number that a value starts with.
fn number(value: &str) -> Option<u64> {
    value.split(' ').next()?.parse().ok()
}
