//! Which route takes a lead, and what it says about the owner.

use std::sync::Arc;

use super::territory::{Choice, Territories, Unknown};
use super::turns::{Asks, lacks, refusal, said};
use super::waiting::Waited;
use super::{LeadFacts, Presence, Present, Reps, Route, RouteTarget, RouteTo, Team, Turn};
use crate::expr::{Formula, Value, duration_text};
use crate::lead::{LeadEvent, Routing};
use crate::record::{AccountOwner, NO_NEEDS, Needs, Owners, Pending, Roster, TeamTurns};
use crate::time::Millis;

/// What decides who gets a lead.
#[derive(Clone, Copy, Debug)]
pub struct Routes<'r> {
    /// In order; the first that matches decides.
    pub routes: &'r [Route],
    /// The teams that routes name.
    pub teams: &'r [Team],
    /// When reps may be given leads.
    pub reps: &'r Reps,
    /// The table of territories, if there is one.
    pub territories: Option<&'r Territories>,
    /// Who is away, beside what is said in `reps`.
    pub roster: &'r Roster,
}

impl<'r> Routes<'r> {
    /// What is known of when a rep is there.
    pub fn presence(self, rep: &str) -> Presence<'r> {
        Presence::new(rep, self.reps.get(rep).map(AsRef::as_ref), self.roster)
    }

    /// A moment, and who is away then.
    pub const fn present(self, now: Millis) -> Present<'r> {
        Present { now, roster: self.roster }
    }
}

/// What the routes say about a lead.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Decided.
    Settled(Routing),
    /// A rep of this team is next: take a turn, then call [`Pending::settle`].
    Turn(Pending),
}

impl Pending {
    /// The decision, now that `turn` was taken.
    pub fn settle(self, turn: &Turn, waited: Option<Waited>) -> Routing {
        let reason = match waited {
            Some(waited) => format!("{waited}; {}", turn.reason),
            None => turn.reason.clone(),
        };
        Routing { passed_over: turn.passed_over.clone(), ..self.routing(Some(&turn.rep), &reason) }
    }

    /// Why the lead waits for somebody of `team`.
    pub fn waits(&self, team: &Team, turns: &TeamTurns, asks: Asks<'_>, present: Present<'_>) -> String {
        format!("{}; {}, so that it waits for the first of them", self.because, self.nobody(team, turns, asks, present))
    }

    /// Why nobody of the team can take a turn.
    fn nobody(&self, team: &Team, turns: &TeamTurns, asks: Asks<'_>, present: Present<'_>) -> String {
        let refused = |rep| Some((rep, refusal(rep, turns, asks, present)?));
        let away: Vec<_> = team.reps.iter().filter_map(refused).collect();
        match said(&away) {
            Some(said) => format!("nobody of team {} is there ({said})", self.team),
            None => format!("team {} has no reps", self.team),
        }
    }

    /// The decision when nobody of `team` can take a turn and the lead waits no longer: the team, or whoever else, that is to get its
    /// leads then.
    pub fn otherwise(
        self,
        team: &Team,
        turns: &TeamTurns,
        (asks, waited): (Asks<'_>, Option<Waited>),
        by: Routes<'_>,
        now: Millis,
    ) -> Decision {
        let nobody = self.nobody(team, turns, asks, by.present(now));
        let why = waited.map_or_else(|| nobody.clone(), |waited| format!("{waited}; {nobody}"));
        let settled = |owner: Option<&str>, then: &str| {
            let because = format!("{}; {why}", self.because);
            Decision::Settled(Routing { team: None, ..Self { because, ..self.clone() }.routing(owner, then) })
        };
        match &team.otherwise {
            Some(RouteTarget::Team(next)) => {
                Decision::Turn(Self { team: Arc::clone(next), because: format!("{}; {why}", self.because), ..self })
            }
            Some(RouteTarget::SelfServe) => settled(None, "self-serve, the product follows up"),
            Some(RouteTarget::Rep(rep)) => match by.presence(rep).is_away(now) {
                Some(away) => {
                    settled(None, &format!("{}, so nobody owns it", away.sentence(rep, by.presence(rep).zone())))
                }
                None => settled(Some(rep), &format!("goes to {rep}")),
            },
            None => Decision::Settled(self.routing(None, &format!("{why}, so nobody owns it"))),
        }
    }

    /// The decision when the team is no longer configured.
    pub fn gone(self) -> Routing {
        let why = format!("team {} is not configured, so nobody owns it", self.team);
        self.routing(None, &why)
    }

    fn routing(self, owner: Option<&str>, why: &str) -> Routing {
        Routing {
            route: Some(self.route.to_string()),
            team: Some(self.team.to_string()),
            owner: owner.map(str::to_owned),
            reason: format!("{}; {why}", self.because),
            ..Routing::default()
        }
    }
}

/// A lead of which too little is known to say in which territory it is, where those wait for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotClear {
    /// For so many milliseconds.
    pub wait: i64,
    /// What isn't known, in a sentence.
    pub reason: String,
}

/// Decides about a lead that nobody owns; `owners` own those that have something in common with it.
pub fn decide(by: Routes<'_>, event: &LeadEvent, owners: Owners<'_>, now: Millis) -> Decision {
    let unclear = |NotClear { reason, .. }| Decision::Settled(Routing { reason, ..Routing::default() });
    decide_if_clear(by, event, owners, now, false).unwrap_or_else(unclear)
}

/// The same, where it may wait until more is known.
///
/// # Errors
/// When it should.
pub fn decide_if_clear(
    by: Routes<'_>,
    event: &LeadEvent,
    owners: Owners<'_>,
    now: Millis,
    may_wait: bool,
) -> Result<Decision, NotClear> {
    let facts = LeadFacts::new(event, now);
    // What routes before the one that decides had to say.
    let mut passed = String::new();
    for route in by.routes {
        // Unknown is not true: a route asks for what is known.
        if route.when.as_ref().is_some_and(|when| when.test(&facts) != Some(true)) {
            continue;
        }
        let because =
            format!("{passed}route `{}`: {}", route.name, route.when.as_ref().map_or("always", |when| when.source()));
        let found = match &route.to {
            RouteTo::Target(to) => Ok((to.clone(), NO_NEEDS.clone(), String::new())),
            RouteTo::Territories => match by.territories {
                Some(table) => {
                    let choice = table.choose(&facts, now);
                    if let (Some(wait), Some((row, why))) = (table.wait.filter(|_| may_wait), &choice.unclear) {
                        let place = format!("`{}` ({})", row.name, row.place);
                        let reason = format!("{because}; no territory is certain yet: {why}, which {place} asks for");
                        return Err(NotClear { wait, reason });
                    }
                    territory(table, choice)
                }
                None => continue,
            },
            RouteTo::AccountOwner { within } => rep(owner_of(by, "the account", owners.account, *within, now)),
            RouteTo::DomainOwner { within, .. } => rep(owner_of(by, "the domain", owners.domain, Some(*within), now)),
            RouteTo::Named(formula) => rep(named(by, formula, &facts)),
        };
        let followed = found
            .map_err(|why| format!("{because}; {why}; "))
            .and_then(|(to, needs, why)| follow((route, &facts), (&to, needs), by, format!("{because}{why}"), now));
        match followed {
            Ok(decision) => return Ok(decision),
            Err(why) => passed = why,
        }
    }
    Ok(Decision::Settled(Routing { reason: format!("{passed}no route matched"), ..Routing::default() }))
}

/// Where a route leads, what it asks of whoever gets the lead there beside what the route asks, and why; or why it leads nowhere.
type Found = Result<(RouteTarget, Needs, String), String>;

/// Of one rep nothing is asked.
fn rep(found: Result<(RouteTarget, String), String>) -> Found {
    found.map(|(to, why)| (to, NO_NEEDS.clone(), why))
}

/// Where the table of territories leads, or why it leads nowhere.
fn territory(table: &Territories, choice: Choice<'_>) -> Found {
    let place = |row: &super::territory::Row| format!("`{}` ({})", row.name, row.place);
    let unclear = choice.unclear.filter(|_| table.unknown == Unknown::NextRoute || choice.row.is_none());
    match (choice.row, unclear) {
        (_, Some((row, why))) => Err(format!("no territory is certain: {why}, which {} asks for", place(row))),
        (Some(row), None) => {
            let why = row.because(&table.dimensions, &choice.facts);
            Ok((row.to.clone(), row.needs.clone(), format!("; territory {}: {why}", place(row))))
        }
        (None, None) => Err("no territory matched".to_owned()),
    }
}

/// Whoever owns the leads of the same account or domain, or why that is nobody.
fn owner_of(
    by: Routes<'_>,
    what: &str,
    owner: Option<&AccountOwner>,
    within: Option<i64>,
    now: Millis,
) -> Result<(RouteTarget, String), String> {
    let Some(AccountOwner { rep, at, pinned }) = owner else {
        return Err(format!("nobody owns a lead of {what}"));
    };
    if !is_known(by, rep) {
        return Err(format!("{rep} owned {what}'s leads, and is in no team any more"));
    }
    #[expect(clippy::cast_precision_loss, reason = "it is shown in two units")]
    let ago = duration_text(now.since(*at) as f64);
    if !pinned && within.is_some_and(|within| at.plus(within) <= now) {
        return Err(format!("{rep} was given {what}'s last lead {ago} ago, which is too long"));
    }
    let why = if *pinned { format!("was given {what} by hand") } else { format!("owns {what}'s leads") };
    Ok((RouteTarget::Rep(Arc::clone(rep)), format!("; {rep} {why}")))
}

/// The rep whose address a formula comes to, or why that is nobody.
fn named(by: Routes<'_>, formula: &Formula, facts: &LeadFacts<'_>) -> Result<(RouteTarget, String), String> {
    let source = formula.source();
    match formula.value(facts) {
        // What strangers can say of themselves leads to nobody but reps.
        Value::Text(address) if is_known(by, address.trim()) => {
            Ok((RouteTarget::Rep(Arc::from(address.trim())), format!("; {source} says so")))
        }
        Value::Text(address) => Err(format!("`{address}`, which {source} says, is no rep")),
        _ => Err(format!("{source} is not known")),
    }
}

/// Whether the owner of an account's leads is a rep who has not left.
pub fn owns(by: Routes<'_>, owner: &AccountOwner, now: Millis) -> bool {
    let has_left = by.reps.get(&owner.rep).is_some_and(|rep| rep.has_left(now));
    !has_left && is_known(by, &owner.rep)
}

/// Whether somebody is a rep: in a team, among `reps`, or named by a route or a territory.
pub fn is_known(by: Routes<'_>, address: &str) -> bool {
    let is_it = |to: &RouteTarget| matches!(to, RouteTarget::Rep(rep) if rep.eq_ignore_ascii_case(address));
    by.reps.get(address).is_some()
        || by.teams.iter().flat_map(|team| &team.reps).any(|rep| rep.name.eq_ignore_ascii_case(address))
        || by
            .teams
            .iter()
            .filter_map(|team| team.sla.as_ref()?.then.as_ref())
            .any(|rep| rep.eq_ignore_ascii_case(address))
        || by.routes.iter().any(|route| matches!(&route.to, RouteTo::Target(to) if is_it(to)))
        || by.territories.is_some_and(|table| table.rows.iter().any(|row| is_it(&row.to)))
}

/// The owner keeps the lead as long as they are in a team, or a route or a territory names them, or it was given to them by hand; though
/// they are absent, but not when they left.
pub fn keep(by: Routes<'_>, existing: &Routing, now: Millis) -> Option<Routing> {
    let owner = existing.owner.as_deref()?;
    if by.reps.get(owner).is_some_and(|rep| rep.has_left(now)) {
        return None;
    }
    let member = |team: &&Team| team.reps.iter().any(|rep| &*rep.name == owner);
    let same = |team: &&Team| existing.team.as_deref() == Some(&*team.name);
    let team = by.teams.iter().filter(member).find(same).or_else(|| by.teams.iter().find(member));
    let is_owner = |to: &RouteTarget| matches!(to, RouteTarget::Rep(rep) if &**rep == owner);
    let whose = match team {
        Some(team) => format!("in team {}", team.name),
        None if by.routes.iter().any(|route| matches!(&route.to, RouteTo::Target(to) if is_owner(to))) => {
            "named by a route".to_owned()
        }
        None if by.territories.is_some_and(|table| table.rows.iter().any(|row| is_owner(&row.to))) => {
            "named by a territory".to_owned()
        }
        None if by.reps.get(owner).is_some() => "among `reps`".to_owned(),
        // No route gave it to them but people, here or in a CRM, who may know reps that are not listed.
        None if existing.route.is_none() => "whom it was given to".to_owned(),
        None => return None,
    };
    Some(Routing {
        route: existing.route.clone(),
        team: team.map(|team| team.name.to_string()),
        owner: Some(owner.to_owned()),
        reason: format!("{owner} owns this lead already and is still {whose}"),
        ..Routing::default()
    })
}

/// The decision of a route that leads to `to`; what has to be said when nobody is to be found there for days, and the next decides.
fn follow(
    (route, facts): (&Route, &LeadFacts<'_>),
    (to, asks): (&RouteTarget, Needs),
    by: Routes<'_>,
    because: String,
    now: Millis,
) -> Result<Decision, String> {
    let routing = |owner: Option<&str>, reason: String| {
        let owner = owner.map(str::to_owned);
        Decision::Settled(Routing { route: Some(route.name.to_string()), owner, reason, ..Routing::default() })
    };
    if let RouteTarget::Rep(rep) = to
        && let Some(refusal) = by.presence(rep).is_away(now)
    {
        return Err(format!("{because}; {}; ", refusal.sentence(rep, by.presence(rep).zone())));
    }
    Ok(match to {
        RouteTarget::SelfServe => routing(None, format!("{because}; self-serve, the product follows up")),
        RouteTarget::Rep(rep) => routing(Some(rep), format!("{because}; goes to {rep}")),
        RouteTarget::Team(name) => match by.teams.iter().find(|team| team.name == *name) {
            Some(team) => {
                let needs = asks.and(route.needs.of(facts)).and(team.needs.of(facts));
                if let Some(nobody) = nobody_knows(team, &needs, now) {
                    return Err(format!("{because}; {nobody}; "));
                }
                let (team, route) = (Arc::clone(&team.name), Arc::clone(&route.name));
                Decision::Turn(Pending { team, route, because, needs })
            }
            // A checked configuration has every team that its routes name. Fails open: the lead is delivered without an owner.
            None => routing(None, format!("{because}; team {name} is not configured, so nobody owns it")),
        },
    })
}

/// What has to be said when nobody of a team may ever be given a lead that needs this.
fn nobody_knows(team: &Team, needs: &Needs, now: Millis) -> Option<String> {
    let has_left = |rep: &super::Rep| rep.availability.as_ref().is_some_and(|known| known.has_left(now));
    if *needs == NO_NEEDS || team.reps.iter().any(|rep| lacks(rep, needs).is_none() && !has_left(rep)) {
        return None;
    }
    let skills = (!needs.skills.is_empty()).then(|| format!("has the skills {}", needs.skills.join(" and ")));
    let language = needs.language.as_ref().map(|language| format!("speaks {language}"));
    let what: Vec<String> = skills.into_iter().chain(language).collect();
    Some(format!("nobody of team {} {}", team.name, what.join(" and ")))
}
