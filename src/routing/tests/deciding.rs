use std::sync::Arc;

use super::team;
use crate::crm::sample;
use crate::expr::{Scope, compile};
use crate::lead::Routing;
use crate::record::TeamTurns;
use crate::routing::{Decision, Route, RouteTarget, RouteTo, Routes, assign, decide};
use crate::time::Millis;

fn always(name: &str, to: RouteTarget) -> Route {
    Route { name: Arc::from(name), when: None, to: RouteTo::Target(to) }
}

fn owned_by(owner: &str, team: Option<&str>) -> Routing {
    Routing {
        route: Some("large accounts".to_owned()),
        team: team.map(str::to_owned),
        owner: Some(owner.to_owned()),
        reason: "once".to_owned(),
    }
}

fn settled(routes: &[Route], reps: &[&str], existing: Option<&Routing>) -> Routing {
    let teams = [team(reps)];
    let by = Routes { routes, teams: &teams, territories: None };
    match decide(by, &sample::full(), existing, Millis(0)) {
        Decision::Settled(routing) => routing,
        Decision::Turn(pending) => match assign(&teams[0], &mut TeamTurns::default(), Millis(0), |_| true) {
            Some(turn) => pending.settle(&turn),
            None => pending.nobody(),
        },
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
    assert_eq!(routing, Routing { route: None, team: None, owner: None, reason: "no route matched".to_owned() });
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
