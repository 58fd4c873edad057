//! Why a lead goes where it goes: every route that was tried, every territory, and what would have been needed for another.

use serde::Serialize;

use super::territory::Failed;
use super::turns::{Asks, next_opening, refusal};
use super::{Decision, LeadFacts, RouteTo, Routes, Team, decide, decide_if_clear, is_open, waits};
use crate::expr::duration_text;
use crate::lead::LeadEvent;
use crate::record::{Needs, Owners, TeamTurns, Why};
use crate::time::Millis;

/// Why a lead goes where it goes.
#[derive(Clone, Debug, Serialize)]
pub struct RouteExplanation {
    /// The routes in order, as far as the one that decides.
    pub routes: Vec<RouteTried>,
    /// The route that decides.
    pub route: Option<String>,
    /// The team that shares it out, or that the owner is in.
    pub team: Option<String>,
    /// The rep, where it is no team's turn that says who.
    pub owner: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// What it waits to be known first, and for how long, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unclear: Option<String>,
    /// Of the team that shares it out: who may be given a lead, and who not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reps: Vec<RepTried>,
    /// When the first of them may be given one, RFC 3339, where nobody may; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
    /// What would have sent it elsewhere, as sentences: territories before the one that took it, of which one thing was missing.
    pub near: Vec<String>,
}

/// A route that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct RouteTried {
    /// Its name.
    pub name: String,
    /// Its condition as written; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Whether the condition is true; `null` where that isn't known.
    pub met: Option<bool>,
    /// Of the territories that were tried, if it leads there and got so far: those that matched, or failed in one thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub territories: Vec<TerritoryTried>,
    /// How many others were tried.
    pub others: usize,
}

/// A territory that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct TerritoryTried {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: String,
    /// What of it failed, in the order of the dimensions; nothing where it matches.
    pub failed: Vec<Failed>,
}

/// Whether a rep may be given a lead.
#[derive(Clone, Debug, Serialize)]
pub struct RepTried {
    /// The rep's e-mail address.
    pub rep: String,
    /// Why not; absent where they may. What they were given already is not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Why>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

fn reps(team: &Team, asks: Asks<'_>, by: Routes<'_>, now: Millis) -> Vec<RepTried> {
    let tried = |rep: &super::Rep| {
        let refused = refusal(rep, &TeamTurns::default(), asks, by.present(now));
        RepTried {
            rep: rep.name.to_string(),
            refused: refused.map(|refusal| refusal.why),
            because: refused.map(|refusal| refusal.sentence(&rep.name, rep.availability.as_ref().map(|one| &one.zone))),
        }
    };
    team.reps.iter().map(tried).collect()
}

/// Goes on from teams of which nobody is there.
fn settle(by: Routes<'_>, mut decision: Decision, tier: u8, now: Millis) -> Decision {
    let present = by.present(now);
    for _ in by.teams {
        let Decision::Turn(pending) = &decision else { break };
        let none = TeamTurns::default();
        let asks = Asks { needs: &pending.needs, tier, not: &[] };
        let team = by.teams.iter().find(|team| team.name == pending.team);
        let is_passed_on =
            |team: &&Team| !is_open(team, &none, asks, present) && waits(team, &none, asks, now, present).is_none();
        let Some(team) = team.filter(is_passed_on) else { break };
        decision = pending.clone().otherwise(team, &none, (asks, None), by, now);
    }
    decision
}

/// Explains what [`decide()`] says of a new lead.
pub fn explain(by: Routes<'_>, event: &LeadEvent, now: Millis) -> RouteExplanation {
    let facts = LeadFacts::new(event, now);
    #[expect(clippy::cast_precision_loss, reason = "it is shown in two units")]
    let unclear = decide_if_clear(by, event, Owners::default(), now, true)
        .err()
        .map(|not| format!("it waits for {} for that: {}", duration_text(not.wait as f64), not.reason));
    let mut needs = Needs::default();
    let (route, team, owner, reason) = match settle(by, decide(by, event, Owners::default(), now), event.lead.tier, now)
    {
        Decision::Settled(routing) => (routing.route, routing.team, routing.owner, routing.reason),
        Decision::Turn(pending) => {
            let reason = format!("{}; whoever's turn it is in team {}", pending.because, pending.team);
            needs = pending.needs;
            (Some(pending.route.to_string()), Some(pending.team.to_string()), None, reason)
        }
    };
    let shares = by.teams.iter().find(|one| owner.is_none() && team.as_deref() == Some(&*one.name));
    let asks = Asks { needs: &needs, tier: event.lead.tier, not: &[] };
    let reps = shares.map_or_else(Vec::new, |team| reps(team, asks, by, now));
    let nobody = shares.filter(|_| reps.iter().all(|rep| rep.refused.is_some()));
    let opens =
        nobody.and_then(|team| next_opening(team, &TeamTurns::default(), asks, by.present(now))).map(Millis::rfc3339);
    let mut explanation =
        RouteExplanation { routes: Vec::new(), route, team, owner, reason, unclear, reps, opens, near: Vec::new() };
    for one in by.routes {
        let met = one.when.as_ref().map_or(Some(true), |when| when.test(&facts));
        let when = one.when.as_ref().map(|when| when.source().to_owned());
        let table = by.territories.filter(|_| met == Some(true) && matches!(one.to, RouteTo::Territories));
        let mut others = 0;
        let territories = table.map_or_else(Vec::new, |table| {
            let mut tried = table.tried(&facts, now);
            if let Some(first) = tried.iter().position(|tried| tried.failed.is_empty()) {
                tried.truncate(first + 1);
            }
            let all = tried.len();
            tried.retain(|tried| tried.failed.is_empty() || tried.is_near());
            others = all - tried.len();
            explanation.near.extend(table.near(&facts, now));
            let told = |tried: super::territory::Tried<'_>| TerritoryTried {
                name: tried.row.name.to_string(),
                place: tried.row.place.to_string(),
                failed: tried.failed,
            };
            tried.into_iter().map(told).collect()
        });
        explanation.routes.push(RouteTried { name: one.name.to_string(), when, met, territories, others });
        if explanation.route.as_deref() == Some(&*one.name) {
            break;
        }
    }
    explanation
}
