//! Which route takes a lead, and what it says about the owner.

use std::sync::Arc;

use super::{LeadFacts, Route, RouteTarget, Team};
use crate::lead::{LeadEvent, Routing};
use crate::time::Millis;

/// What the routes say about a lead.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<'c> {
    /// Decided.
    Settled(Routing),
    /// A rep of this team is next: take a turn, then call [`Pending::settle`].
    Turn(Pending<'c>),
}

/// A decision that waits for the team's turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending<'c> {
    /// The team whose turn has to be taken.
    pub team: &'c Team,
    route: Arc<str>,
    because: String,
}

impl Pending<'_> {
    /// The decision, now that `rep` has the turn for `reason`.
    #[must_use]
    pub fn settle(self, rep: &str, reason: &str) -> Routing {
        Routing {
            route: Some(self.route.to_string()),
            team: Some(self.team.name.to_string()),
            owner: Some(rep.to_owned()),
            reason: format!("{}; {reason}", self.because),
        }
    }

    /// The decision when the team has nobody to take a turn.
    #[must_use]
    pub fn nobody(self) -> Routing {
        Routing {
            route: Some(self.route.to_string()),
            team: Some(self.team.name.to_string()),
            owner: None,
            reason: format!("{}; team {} has no reps, so nobody owns it", self.because, self.team.name),
        }
    }
}

/// Decides about `event`. `existing` is how the lead was routed before, if it was: an owner who is still there keeps it.
#[must_use]
pub fn decide<'c>(
    routes: &[Route],
    teams: &'c [Team],
    event: &LeadEvent,
    existing: Option<&Routing>,
    now: Millis,
) -> Decision<'c> {
    if let Some(kept) = existing.and_then(|existing| keep(routes, teams, existing)) {
        return Decision::Settled(kept);
    }
    let facts = LeadFacts::new(event, now);
    // Unknown is not true: a route asks for what is known.
    let matching = |route: &&Route| route.when.as_ref().is_none_or(|when| when.test(&facts) == Some(true));
    match routes.iter().find(matching) {
        Some(route) => follow(route, teams),
        None => Decision::Settled(unrouted()),
    }
}

fn unrouted() -> Routing {
    Routing { route: None, team: None, owner: None, reason: "no route matched".to_owned() }
}

/// The owner keeps the lead as long as they are in a team, or a route names them.
fn keep(routes: &[Route], teams: &[Team], existing: &Routing) -> Option<Routing> {
    let owner = existing.owner.as_deref()?;
    let member = |team: &&Team| team.reps.iter().any(|rep| &**rep == owner);
    let same = |team: &&Team| existing.team.as_deref() == Some(&*team.name);
    let team = teams.iter().filter(member).find(same).or_else(|| teams.iter().find(member));
    let named = || routes.iter().any(|route| matches!(&route.to, RouteTarget::Rep(rep) if &**rep == owner));
    let whose = match team {
        Some(team) => format!("in team {}", team.name),
        None if named() => "named by a route".to_owned(),
        None => return None,
    };
    Some(Routing {
        route: existing.route.clone(),
        team: team.map(|team| team.name.to_string()),
        owner: Some(owner.to_owned()),
        reason: format!("{owner} owns this lead already and is still {whose}"),
    })
}

fn follow<'c>(route: &Route, teams: &'c [Team]) -> Decision<'c> {
    let condition = route.when.as_ref().map_or("always", |when| when.source());
    let because = format!("route `{}`: {condition}", route.name);
    let routing = |owner: Option<&str>, reason: String| {
        let owner = owner.map(str::to_owned);
        Decision::Settled(Routing { route: Some(route.name.to_string()), team: None, owner, reason })
    };
    match &route.to {
        RouteTarget::SelfServe => routing(None, format!("{because}; self-serve, the product follows up")),
        RouteTarget::Rep(rep) => routing(Some(rep), format!("{because}; goes to {rep}")),
        RouteTarget::Team(name) => match teams.iter().find(|team| team.name == *name) {
            Some(team) => Decision::Turn(Pending { team, route: Arc::clone(&route.name), because }),
            // A checked configuration has every team that its routes name. Fails open: the lead is delivered without an owner.
            None => routing(None, format!("{because}; team {name} is not configured, so nobody owns it")),
        },
    }
}
