//! Which route takes a lead, and what it says about the owner.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{LeadFacts, Route, RouteTarget, Team, TeamName, Turn};
use crate::lead::{LeadEvent, Routing};
use crate::time::Millis;

/// What the routes say about a lead.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Decided.
    Settled(Routing),
    /// A rep of this team is next: take a turn, then call [`Pending::settle`].
    Turn(Pending),
}

/// A decision that waits for a team's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The team whose turn has to be taken.
    pub team: TeamName,
    /// The route that leads there.
    pub route: Arc<str>,
    /// Why it does.
    pub because: String,
}

impl Pending {
    /// The decision, now that `turn` was taken.
    pub fn settle(self, turn: &Turn) -> Routing {
        self.routing(Some(&turn.rep), &turn.reason)
    }

    /// The decision when the team has nobody to take a turn.
    pub fn nobody(self) -> Routing {
        let why = format!("team {} has no reps, so nobody owns it", self.team);
        self.routing(None, &why)
    }

    fn routing(self, owner: Option<&str>, why: &str) -> Routing {
        Routing {
            route: Some(self.route.to_string()),
            team: Some(self.team.to_string()),
            owner: owner.map(str::to_owned),
            reason: format!("{}; {why}", self.because),
        }
    }
}

/// Decides about `event`. `existing` is how the lead was routed before, if it was: an owner who is still there keeps it.
pub fn decide(
    routes: &[Route],
    teams: &[Team],
    event: &LeadEvent,
    existing: Option<&Routing>,
    now: Millis,
) -> Decision {
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

fn follow(route: &Route, teams: &[Team]) -> Decision {
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
            Some(team) => {
                let (team, route) = (Arc::clone(&team.name), Arc::clone(&route.name));
                Decision::Turn(Pending { team, route, because })
            }
            // A checked configuration has every team that its routes name. Fails open: the lead is delivered without an owner.
            None => routing(None, format!("{because}; team {name} is not configured, so nobody owns it")),
        },
    }
}
