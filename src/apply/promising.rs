//! What a team promises of its leads: until when whoever is given one has taken it on.

use std::sync::Arc;

use super::{Applying, Body};
use crate::ids::{DefinitionName, RecordKey};
use crate::record::{Held, Needs, Pending, Routing, Sla, Standing, Unassigned};
use crate::routing::{Presence, SlaRule};

/// The promise of a team whose rep is given a lead of this tier, after those who `had` it.
pub(super) fn promise(routing: &Routing, tier: u8, had: &[Arc<str>], applying: &Applying<'_>) -> Option<Box<Sla>> {
    let (team, owner) = routing.team.as_deref().zip(routing.owner.as_deref())?;
    let rule = rule(team, applying)?;
    let (due, remind) = rule.due(tier, presence(owner, applying), applying.now);
    let had = had.iter().cloned().chain([owner.into()]).collect();
    let (team, since) = (team.into(), applying.now);
    Some(Box::new(Sla { team, since, due, remind, had, taken: false, asks: None, spent: false, waits: None }))
}

/// The lead is of another tier now, whose leads have another time.
pub(super) fn retier(standing: &mut Standing, applying: &Applying<'_>) {
    let tier = standing.tier;
    let Some(sla) = standing.sla.as_mut().filter(|sla| !sla.spent) else { return };
    let Some((rule, owner)) = rule(&sla.team, applying).zip(sla.had.last()) else { return };
    let (due, remind) = rule.due(tier, presence(owner, applying), sla.since);
    // Who was reminded knows.
    (sla.due, sla.remind) = (due, remind.filter(|_| sla.remind.is_some()));
}

fn presence<'a>(owner: &str, applying: &Applying<'a>) -> Presence<'a> {
    Presence::new(owner, applying.rules.reps.get(owner).map(AsRef::as_ref), applying.roster)
}

/// What a team promises now.
pub(super) fn rule<'a>(team: &str, applying: &Applying<'a>) -> Option<&'a SlaRule> {
    applying.rules.teams.iter().find(|known| *known.name == *team)?.sla.as_ref()
}

/// Whether a lead is still waiting to be taken on, or was taken from its owner.
pub(super) fn is_due(standing: &Standing) -> bool {
    let is_open = |sla: &Sla| sla.taken || standing.accepted_at.is_none();
    standing.sla.as_deref().is_some_and(is_open) && standing.is_own()
}

/// Nothing is promised of a lead any more: the question who else may get it waits for nobody.
pub(super) fn drop_promise(standing: &mut Standing, applying: &mut Applying<'_>) {
    if let Some(waits) = standing.sla.take().and_then(|sla| sla.waits) {
        applying.send(RecordKey::wait(&waits.team, &standing.lead_id), Body::Forget);
    }
}

/// Whoever was given a lead in vain, since it was accepted meanwhile, has their turn back.
pub(super) fn let_go(routing: &Routing, applying: &mut Applying<'_>) {
    if let (Some(team), Some(rep)) = (&routing.team, &routing.owner) {
        let rep: Arc<str> = rep.as_str().into();
        applying.send(RecordKey::team(team), Body::Closed { rep: Arc::clone(&rep) });
        applying.send(RecordKey::team(team), Body::Credit { rep });
    }
}

/// Asks the team who else may get a lead than those who had it. Where somebody is named who gets it otherwise, nobody is waited for.
pub(super) fn ask(
    sla: &mut Sla,
    (definition, lead, tier): (DefinitionName, Arc<str>, u8),
    (because, needs): (String, Option<&Needs>),
    applying: &mut Applying<'_>,
) {
    let event: Arc<str> = format!("{lead} {}", sla.had.len()).into();
    sla.asks = Some(Arc::clone(&event));
    let (route, needs) = (Arc::from("to somebody else"), needs.cloned().unwrap_or_default());
    let pending = Pending { team: Arc::clone(&sla.team), route, because, needs };
    let lead = Held { subject: applying.key.clone(), definition, lead, event };
    let may_wait = sla.taken || rule(&sla.team, applying).is_none_or(|rule| rule.then.is_none());
    let wants =
        Unassigned { may_wait, not: sla.had.clone(), ..Unassigned::new(lead, pending, (tier, None), applying.now) };
    applying.send(RecordKey::team(&sla.team), Body::Assign(Box::new(wants)));
}

/// Whether a lead may be taken from its owner: one that a team gave, and that is on its way to nobody else.
pub(super) fn may_be_taken(standing: &Standing) -> bool {
    let is_given = standing.routing.as_ref().is_some_and(|routing| routing.team.is_some() && routing.owner.is_some());
    is_given && may_be_rerouted(standing)
}

/// Whether it may be sent elsewhere: one that is out, whoever has it, and that is on its way to nobody else.
pub(super) fn may_be_rerouted(standing: &Standing) -> bool {
    let is_asked = standing.sla.as_ref().is_some_and(|sla| sla.asks.is_some());
    standing.routing.is_some() && !is_asked && standing.is_own() && standing.hold.is_none() && standing.queue.is_empty()
}

/// Takes it from them: somebody else of the team has the next turn.
pub(super) fn take(standing: &mut Standing, definition: DefinitionName, applying: &mut Applying<'_>) {
    let Some((team, owner)) = standing.routing.as_ref().and_then(|one| one.team.as_deref().zip(one.owner.as_deref()))
    else {
        return;
    };
    let because = format!("it was taken from {owner} by hand");
    let (team, owner) = (Arc::from(team), Arc::from(owner));
    let now = applying.now;
    let begun = || {
        Box::new(Sla {
            team,
            since: now,
            due: now,
            remind: None,
            had: vec![owner],
            taken: true,
            asks: None,
            spent: false,
            waits: None,
        })
    };
    let (lead, tier) = (standing.lead_id.as_str().into(), standing.tier);
    let needs = standing.needs.clone();
    let sla = standing.sla.get_or_insert_with(begun);
    (sla.taken, sla.spent) = (true, false);
    ask(sla, (definition, lead, tier), (because, needs.as_deref()), applying);
}

/// Asks another team who gets a lead that belongs there by now.
pub(super) fn ask_elsewhere(
    standing: &mut Standing,
    definition: &DefinitionName,
    pending: Pending,
    applying: &mut Applying<'_>,
) {
    let (team, now) = (Arc::clone(&pending.team), applying.now);
    let (needs, because) = (pending.needs.clone(), format!("it was sent on by the routes of now; {}", pending.because));
    drop_promise(standing, applying);
    let mut sla = Sla {
        team,
        since: now,
        due: now,
        remind: None,
        had: Vec::new(),
        taken: true,
        asks: None,
        spent: false,
        waits: None,
    };
    let lead = (Arc::clone(definition), standing.lead_id.as_str().into(), standing.tier);
    ask(&mut sla, lead, (because, Some(&needs)), applying);
    standing.sla = Some(Box::new(sla));
    standing.needs = Some(Box::new(needs)).filter(|needs| **needs != Needs::default());
}
