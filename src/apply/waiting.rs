//! Leads that find nobody of their team wait there: Assign → Wait, and when somebody is there again Wake → Assign. Each waits in a record
//! of its own, in the order of its place, so that a million that wait cost a team no more than one; the team's record says when
//! somebody is there, and whoever owns the shard calls them then, some at a time. Leads that ask for more than that somebody is there wait in
//! classes, each with a list and a moment of its own, so that one that nobody may be given yet keeps nobody waiting behind it.

use std::sync::Arc;

use super::message::{AssignOutcome, Assigned};
use super::promising::drop_promise;
use super::routing::{close_lead, first, first_of, store};
use super::unclear::clear;
use super::{Applying, Body};
use crate::ids::{DefinitionName, RecordKey};
use crate::record::{LeadClass, Routing, Standing, Subject, TeamTurns, Unassigned, Wait, Waits};
use crate::routing::{
    Decision, Patience, Team, Waited, assign as take_turn, class_of, close, credit as give_back, is_open, opens, waits,
};
use crate::time::Millis;

/// A lead whose time is over asks again after so many milliseconds, in case its question crossed another one.
pub(super) const ASK_AGAIN: i64 = Millis::MINUTE;
/// So many classes of leads that were others' before wait for a team. Of the others there are no more than the configuration has
/// skills, tiers with caps, and languages that somebody of the team speaks.
const MAX_CLASSES: usize = 64;

/// A lead wants a rep: the team takes a turn, or lets it wait, or passes it on.
pub(super) fn assign(turns: &mut TeamTurns, assign: &Unassigned, applying: &mut Applying<'_>) {
    let Some(team) = team(&assign.pending.team, applying) else {
        // Fails open: the lead is delivered without an owner.
        return settle(assign, assign.pending.clone().gone(), applying);
    };
    // Those that wait are being called: whoever comes now stands behind them.
    let is_called = turns.opens().is_some_and(|at| at <= applying.now);
    let is_behind = is_called && assign.may_wait && assign.waits_since.is_none() && team.max_wait != Some(0);
    let turn = if is_behind { None } else { take_turn(team, turns, assign.into(), applying.present()) };
    if let Some(turn) = turn {
        let routing = assign.pending.clone().settle(&turn, waited(assign, applying.now));
        return settle(assign, routing, applying);
    }
    let since = assign.waits_since.unwrap_or(applying.now);
    let behind = is_behind.then(|| Patience { until: team.max_wait.map(|most| since.plus(most)) });
    let patience =
        behind.or_else(|| waits(team, turns, assign.into(), since, applying.present())).filter(|_| assign.may_wait);
    let Some(patience) = patience else { return pass_on(team, turns, assign, applying) };
    let class = class_of(team, assign.into());
    if !class.not.is_empty() && !turns.waits.contains_key(&class) && turns.waits.len() >= MAX_CLASSES {
        return pass_on(team, turns, assign, applying);
    }
    let at = if is_behind { applying.now } else { opens(team, turns, (&class).into(), applying.present()) };
    line_up(team, turns, (assign, since, patience, class.name()), applying);
    turns.waits.insert(class, at);
}

/// Lets a lead wait, and tells its subject what it doesn't know yet.
fn line_up(
    team: &Team,
    turns: &TeamTurns,
    waits: (&Unassigned, Millis, Patience, Arc<str>),
    applying: &mut Applying<'_>,
) {
    let (assign, since, Patience { until }, class) = waits;
    if assign.waits_since.is_none() || assign.until != until {
        let reason = assign.pending.waits(team, turns, assign.into(), applying.present());
        let waits = Waits { team: Arc::clone(&team.name), since, until, reason };
        answer(assign, AssignOutcome::Waits(waits), applying);
    }
    let to = RecordKey::wait(&team.name, &assign.lead.lead);
    applying.send(to, Body::Wait(Box::new(Unassigned { waits_since: Some(since), until, class, ..assign.clone() })));
}

/// The lead waits no longer for this team.
fn pass_on(team: &Team, turns: &TeamTurns, assign: &Unassigned, applying: &mut Applying<'_>) {
    let waited = waited(assign, applying.now);
    match assign.pending.clone().otherwise(team, turns, (assign.into(), waited), applying.routes(), applying.now) {
        Decision::Settled(routing) => settle(assign, routing, applying),
        Decision::Turn(pending) => {
            let to = RecordKey::team(&pending.team);
            let assign = Unassigned { pending, waits_since: None, until: None, ..assign.clone() };
            applying.send(to, Body::Assign(Box::new(assign)));
        }
    }
}

fn waited(assign: &Unassigned, now: Millis) -> Option<Waited> {
    let ms = now.since(assign.waits_since?);
    Some(Waited { team: Arc::clone(&assign.pending.team), ms })
}

fn settle(assign: &Unassigned, routing: Routing, applying: &mut Applying<'_>) {
    answer(assign, AssignOutcome::Settled(routing), applying);
}

fn answer(assign: &Unassigned, outcome: AssignOutcome, applying: &mut Applying<'_>) {
    let lead = assign.lead.clone();
    let needs = assign.pending.needs.clone();
    let assigned = Assigned { definition: lead.definition, lead: lead.lead, event: lead.event, needs, outcome };
    applying.send(lead.subject, Body::Assigned(Box::new(assigned)));
}

fn team<'a>(name: &str, applying: &Applying<'a>) -> Option<&'a Team> {
    applying.rules.teams.iter().find(|team| *team.name == *name)
}

/// What became of a rep's lead gives them the turn back.
pub(super) fn credit(turns: &mut TeamTurns, rep: &str, applying: &Applying<'_>) {
    if let Some(team) = team(&applying.key.id, applying) {
        give_back(team, turns, rep);
    }
}

/// A lead of a rep is open no longer: another may go to them.
pub(super) fn closed(turns: &mut TeamTurns, rep: &str, applying: &Applying<'_>) {
    close(turns, rep);
    turns.waits.values_mut().for_each(|opens| *opens = applying.now.min(*opens));
}

/// So many of those of a class that wait were called; when there were none, nobody of it waits.
pub(super) fn called(turns: &mut TeamTurns, class: &LeadClass, leads: u32, applying: &Applying<'_>) {
    if leads == 0 {
        turns.waits.remove(class);
    } else if let Some(opens) = turns.waits.get_mut(class) {
        *opens = applying.now;
    }
}

/// Somebody may be there, or other rules say when.
pub(super) fn look(turns: &mut TeamTurns, applying: &Applying<'_>) {
    let team = team(&applying.key.id, applying);
    let mut waits = std::mem::take(&mut turns.waits);
    for (class, at) in &mut waits {
        let (asks, present) = (class.into(), applying.present());
        let team = team.filter(|team| !is_open(team, turns, asks, present));
        // The leads of a team that is no more are called, to go on their way.
        *at = team.map_or(applying.now, |team| opens(team, turns, asks, present));
    }
    turns.waits = waits;
}

/// A lead that waits was called, or has waited for as long as it may.
pub(super) fn ask_again(wait: &mut Wait, applying: &mut Applying<'_>) {
    if let Some(assign) = wait.0.take() {
        applying.send(RecordKey::team(&assign.pending.team), Body::Assign(assign));
    }
}

/// A lead that waits is worth more by now, or less.
pub(super) fn worth(wait: &mut Wait, tier: u8, rank: Option<f32>, applying: &mut Applying<'_>) {
    let Some(assign) = &mut wait.0 else { return };
    (assign.tier, assign.rank) = (tier, rank);
    let class = team(&assign.pending.team, applying).map(|team| class_of(team, (&**assign).into()).name());
    if class.is_some_and(|class| class != assign.class) {
        // Of its tier somebody may be given another one, or nobody any more.
        ask_again(wait, applying);
    }
}

/// Leads that have waited for as long as they may ask once more, and are passed on.
pub(super) fn press(subject: &mut Subject, applying: &mut Applying<'_>) {
    let now = applying.now;
    let is_due = |standing: &&mut Standing| {
        standing.waits.as_ref().and_then(|waits| waits.until).is_some_and(|until| until <= now)
    };
    for standing in subject.standings.values_mut().filter(is_due) {
        let event = first_of(standing);
        if let (Some(waits), Some(event)) = (&mut standing.waits, event) {
            waits.until = Some(now.plus(ASK_AGAIN));
            applying.send(RecordKey::wait(&waits.team, &event.lead.id), Body::Wake { may_expire: false });
        }
    }
}

/// A lead's subject is forgotten: it waits no longer.
pub(super) fn leave(subject: &mut Subject, definition: &DefinitionName, applying: &mut Applying<'_>) {
    if let Some(standing) = subject.standings.get_mut(definition) {
        close_lead(standing, applying);
        drop_promise(standing, applying);
        clear(standing, applying);
    }
    let waits = subject.standings.get(definition).and_then(|standing| standing.waits.as_ref());
    if let Some((waits, event)) = waits.zip(first(subject, definition)) {
        applying.send(RecordKey::wait(&waits.team, &event.lead.id), Body::Forget);
    }
}

/// Somebody turned out to be this user, who has a lead of their own by the same definition: the other's waits no longer.
pub(super) fn drop_merged(user: &Subject, standing: &mut Standing, applying: &mut Applying<'_>) {
    close_lead(standing, applying);
    drop_promise(standing, applying);
    clear(standing, applying);
    let Some(mut event) = first_of(standing) else { return };
    if let Some(hold) = event.lead.hold.as_ref().filter(|hold| !hold.discarded) {
        applying.send(RecordKey::hold(&hold.source, &event.lead.id), Body::Forget);
    } else if let Some(waits) = &standing.waits {
        applying.send(RecordKey::wait(&waits.team, &event.lead.id), Body::Forget);
    } else {
        return;
    }
    event.lead.hold = None;
    let own = user.standings.get(&*event.lead.definition).map_or("", |own| &own.lead_id);
    let reason = format!("nobody gets it: this turned out to be {}, whose lead is {own}", applying.key);
    event.lead.routing = Some(Routing { reason, ..Routing::default() });
    store(user, &event.lead, applying);
}
