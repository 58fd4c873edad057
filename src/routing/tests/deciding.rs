use std::sync::Arc;

use jiff::tz::TimeZone;

use super::team;
use crate::crm::sample;
use crate::expr::{Scope, compile};
use crate::lead::Routing;
use crate::record::{NOBODY_AWAY, Owners, TeamTurns, Why};
use crate::routing::{
    Asks, Assign, Availability, Decision, Present, Reps, Route, RouteNeeds, RouteTarget, RouteTo, Routes, Team, assign,
    decide, keep, next_opening, waits,
};
use crate::time::Millis;

fn always(name: &str, to: RouteTarget) -> Route {
    Route { name: Arc::from(name), when: None, to: RouteTo::Target(to), needs: RouteNeeds::default() }
}

fn owned_by(owner: &str, team: Option<&str>) -> Routing {
    Routing {
        route: Some("large accounts".to_owned()),
        team: team.map(str::to_owned),
        owner: Some(owner.to_owned()),
        reason: "once".to_owned(),
        ..Routing::default()
    }
}

fn settled(routes: &[Route], reps: &[&str], existing: Option<&Routing>) -> Routing {
    let teams = [team(reps)];
    let by = Routes { routes, teams: &teams, reps: &Reps::default(), territories: None, roster: &NOBODY_AWAY };
    let kept = existing.and_then(|existing| keep(by, existing, Millis(0)));
    match kept.map_or_else(|| decide(by, &sample::full(), Owners::default(), Millis(0)), Decision::Settled) {
        Decision::Settled(routing) => routing,
        Decision::Turn(pending) => {
            match assign(&teams[0], &mut TeamTurns::default(), Asks::default(), Present::at(Millis(0))) {
                Some(turn) => pending.settle(&turn, None),
                None => {
                    match pending.otherwise(&teams[0], &TeamTurns::default(), (Asks::default(), None), by, Millis(0)) {
                        Decision::Settled(routing) => routing,
                        Decision::Turn(_) => panic!("there is no other team"),
                    }
                }
            }
        }
    }
}

#[test]
fn the_first_route_that_matches_decides() {
    let routes = [always("everyone", RouteTarget::SelfServe), always("never reached", RouteTarget::Rep("x".into()))];
    let routing = settled(&routes, &[], None);
    assert_eq!((routing.route.as_deref(), routing.owner), (Some("everyone"), None));
    assert_eq!(routing.reason, "route `everyone`: always; self-serve, the product follows up");
}

#[test]
fn without_a_match_the_lead_is_unrouted_and_says_so() {
    let routing = settled(&[], &["ana"], None);
    assert_eq!(
        routing,
        Routing { route: None, team: None, owner: None, reason: "no route matched".to_owned(), ..Routing::default() }
    );
}

#[test]
fn a_team_gives_the_lead_to_a_rep() {
    let routing = settled(&[always("all", RouteTarget::Team("enterprise".into()))], &["ana"], None);
    assert_eq!((routing.team.as_deref(), routing.owner.as_deref()), (Some("enterprise"), Some("ana")));
    assert_eq!(routing.reason, "route `all`: always; round robin in team enterprise: ana's turn (waited longest)");
}

#[test]
fn a_team_without_reps_or_without_configuration_loses_no_lead() {
    let routing = settled(&[always("all", RouteTarget::Team("enterprise".into()))], &[], None);
    assert_eq!(routing.reason, "route `all`: always; team enterprise has no reps, so nobody owns it");
    let routing = settled(&[always("all", RouteTarget::Team("gone".into()))], &[], None);
    assert_eq!(routing.reason, "route `all`: always; team gone is not configured, so nobody owns it");
}

#[test]
fn an_owner_who_is_still_there_keeps_the_lead() {
    let routes = [always("all", RouteTarget::SelfServe), always("boss", RouteTarget::Rep("dee".into()))];
    let kept = settled(&routes, &["ana"], Some(&owned_by("ana", Some("another team once"))));
    assert_eq!((kept.owner.as_deref(), kept.team.as_deref()), (Some("ana"), Some("enterprise")));
    assert_eq!(kept.reason, "ana owns this lead already and is still in team enterprise");
    let kept = settled(&routes, &[], Some(&owned_by("dee", None)));
    assert_eq!(kept.reason, "dee owns this lead already and is still named by a route");
}

#[test]
fn an_owner_who_left_or_nobody_at_all_keeps_nothing() {
    let routes = [always("all", RouteTarget::SelfServe)];
    assert_eq!(settled(&routes, &["ben"], Some(&owned_by("ana", Some("enterprise")))).owner, None);
    let nobody = Routing { owner: None, ..owned_by("", None) };
    assert_eq!(settled(&routes, &["ben"], Some(&nobody)).route.as_deref(), Some("all"));
}

#[test]
fn the_condition_that_decided_is_in_the_reason() {
    let scope = Scope { lead: true, ..Scope::default() };
    let when = |source| Some(compile(source, &scope).expect("it compiles"));
    let to_team = |name: &str, source| Route {
        needs: RouteNeeds::default(),
        name: Arc::from(name),
        when: when(source),
        to: RouteTo::Target(RouteTarget::Team("enterprise".into())),
    };
    let routes = [
        to_team("small", "lead.tier == 2"),
        to_team("unknowable", "lead.usage.nothing > 1"),
        to_team("large accounts", "lead.tier == 1"),
    ];
    let routing = settled(&routes, &["ana"], None);
    assert_eq!(
        routing.reason,
        "route `large accounts`: lead.tier == 1; round robin in team enterprise: ana's turn (waited longest)"
    );
}

fn said_of(reps: &[(&str, Availability)]) -> Reps {
    let mut said = Reps::default();
    for (name, availability) in reps {
        let Availability { left, paused, .. } = *availability;
        let absent = availability.absent.clone();
        said.insert(name, Availability { left, paused, absent, ..Availability::new(TimeZone::UTC) });
    }
    said
}

#[test]
fn a_route_to_somebody_who_is_away_passes_on() {
    let routes = [always("named", RouteTarget::Rep("ana@x.example".into())), always("rest", RouteTarget::SelfServe)];
    let absent = Availability { absent: vec![(Millis(0), Millis(86_400_000))], ..Availability::new(TimeZone::UTC) };
    let reps = said_of(&[("Ana@x.example", absent)]);
    let by = Routes { routes: &routes, teams: &[], reps: &reps, territories: None, roster: &NOBODY_AWAY };
    let Decision::Settled(routing) = decide(by, &sample::full(), Owners::default(), Millis(5)) else {
        panic!("it is settled")
    };
    assert_eq!(
        routing.reason,
        "route `named`: always; ana@x.example is absent until Fri 1970-01-02 00:00; route `rest`: always; self-serve, the product follows up"
    );
    let Decision::Settled(back) = decide(by, &sample::full(), Owners::default(), Millis(86_400_000)) else {
        panic!("it is settled")
    };
    assert_eq!(back.owner.as_deref(), Some("ana@x.example"));
}

#[test]
fn an_owner_keeps_a_lead_while_absent_and_not_when_they_left() {
    let routes = [always("named", RouteTarget::Rep("ana".into())), always("rest", RouteTarget::SelfServe)];
    let with = |availability| {
        let reps = said_of(&[("ana", availability)]);
        let by = Routes { routes: &routes, teams: &[], reps: &reps, territories: None, roster: &NOBODY_AWAY };
        match keep(by, &owned_by("ana", None), Millis(5))
            .map_or_else(|| decide(by, &sample::full(), Owners::default(), Millis(5)), Decision::Settled)
        {
            Decision::Settled(routing) => routing.owner,
            Decision::Turn(_) => panic!("there is no team"),
        }
    };
    let fresh = || Availability::new(TimeZone::UTC);
    assert_eq!(with(Availability { absent: vec![(Millis(0), Millis(9))], ..fresh() }).as_deref(), Some("ana"));
    assert_eq!(with(Availability { left: Some(Millis(6)), ..fresh() }).as_deref(), Some("ana"));
    assert_eq!(with(Availability { left: Some(Millis(5)), ..fresh() }), None);
}

#[test]
fn who_was_passed_over_and_why_is_told() {
    let mut team = team(&["ana", "ben"]);
    team.reps[0].availability = Some(Arc::new(Availability { paused: true, ..Availability::new(TimeZone::UTC) }));
    let turn = assign(&team, &mut TeamTurns::default(), Asks::default(), Present::at(Millis(0))).expect("ben is there");
    assert_eq!(turn.reason, "round robin in team enterprise: ana is paused; ben's turn (waited longest)");
    assert_eq!((turn.passed_over[0].rep.as_str(), turn.passed_over[0].reason), ("ana", Why::Paused));
}

#[test]
fn whoever_had_a_lead_already_is_passed_over() {
    let team = team(&["ana", "ben"]);
    let had_it: [Arc<str>; 1] = ["Ana".into()];
    let (asks, now) = (Asks { not: &had_it, ..Asks::default() }, Millis(0));
    let turn = assign(&team, &mut TeamTurns::default(), asks, Present::at(now)).expect("ben is there");
    assert_eq!(turn.reason, "round robin in team enterprise: ana had it already; ben's turn (waited longest)");
    assert_eq!((turn.passed_over[0].rep.as_str(), turn.passed_over[0].reason), ("ana", Why::HadIt));
    // Where somebody is there for others it doesn't wait for the rest of them.
    let both: [Arc<str>; 2] = ["ana".into(), "ben".into()];
    let asks = Asks { not: &both, ..Asks::default() };
    assert_eq!(assign(&team, &mut TeamTurns::default(), asks, Present::at(now)), None);
    assert_eq!(waits(&team, &TeamTurns::default(), asks, now, Present::at(now)), None);
    assert_eq!(next_opening(&team, &TeamTurns::default(), asks, Present::at(now)), None);
}

#[test]
fn in_order_the_first_of_the_roster_who_is_there_gets_it() {
    let paused = Availability { paused: true, ..Availability::new(jiff::tz::TimeZone::UTC) };
    let mut team = Team { assign: Assign::Order, ..team(&["ana", "ben", "cy"]) };
    let mut turns = TeamTurns::default();
    let mut next =
        |team: &Team| assign(team, &mut turns, Asks::default(), Present::at(Millis(0))).expect("somebody is there");
    let first = next(&team);
    assert_eq!(first.reason, "in order in team enterprise: ana is the first who is there");
    assert_eq!((&*first.rep, &*next(&team).rep), ("ana", "ana"));
    team.reps[0].availability = Some(Arc::new(paused));
    let second = next(&team);
    assert_eq!(second.reason, "in order in team enterprise: ana is paused; ben is the first who is there");
    assert_eq!((&*second.rep, second.passed_over.len()), ("ben", 1));
}
