//! What a team promises of its leads: until when whoever is given one has taken it on.

use std::sync::Arc;

use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::record::{Routing, Sla, Standing};
use crate::routing::{Presence, SlaRule};

/// The promise of a team whose rep is given a lead of this tier, after those who `had` it.
pub(super) fn promise(routing: &Routing, tier: u8, had: &[Arc<str>], applying: &Applying<'_>) -> Option<Box<Sla>> {
    let (team, owner) = routing.team.as_deref().zip(routing.owner.as_deref())?;
    let rule = rule(team, applying)?;
    let (due, remind) = rule.due(tier, presence(owner, applying), applying.now);
    let had = had.iter().cloned().chain([owner.into()]).collect();
    Some(Box::new(Sla { team: team.into(), since: applying.now, due, remind, had, asks: None }))
}

/// The lead is of another tier now, whose leads have another time.
pub(super) fn retier(standing: &mut Standing, applying: &Applying<'_>) {
    let tier = standing.tier;
    let Some(sla) = &mut standing.sla else { return };
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

/// Whether a lead is still waiting to be taken on.
pub(super) fn is_due(standing: &Standing) -> bool {
    standing.sla.is_some() && standing.accepted_at.is_none() && standing.is_own()
}

/// Whoever was given a lead in vain, since it was accepted meanwhile, has their turn back.
pub(super) fn let_go(routing: &Routing, applying: &mut Applying<'_>) {
    if let (Some(team), Some(rep)) = (&routing.team, &routing.owner) {
        let rep: Arc<str> = rep.as_str().into();
        applying.send(RecordKey::team(team), Body::Closed { rep: Arc::clone(&rep) });
        applying.send(RecordKey::team(team), Body::Credit { rep });
    }
}
