//! `teams` and `routes`.

use std::sync::Arc;
use std::time::Duration;

use super::by_itself::by_itself;
use super::condition::{condition, value};
use super::names::{check_address, unique};
use super::needs::needs;
use super::scopes::Scopes;
use super::sla::sla;
use crate::config::conditions::ConditionText;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, Field, List, Many, Named};
use crate::config::scalar::Lasting;
use crate::config::shape::{AssignWord, RouteShape, TeamShape};
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;
use crate::expr::Expr;
use crate::routing::{Assign, Rep, Route, RouteTarget, RouteTo, Team};

/// The greatest weight of a rep, in hundredths.
const MAX_WEIGHT: u32 = 100 * Rep::WEIGHT_ONE;
/// The longest that leads may be told to wait.
const MAX_WAIT: Duration = Duration::from_hours(90 * 24);
/// The target that needs no team.
const SELF_SERVE: &str = "self_serve";
/// The target that is whoever owns the leads of the same account.
const ACCOUNT_OWNER: &str = "account_owner";
/// The target that is whoever owns the leads of the same company, by its domain.
const DOMAIN_OWNER: &str = "domain_owner";
/// For how long they count where nothing else is said, and at most.
const DOMAIN_OWNER_LASTS: Duration = Duration::from_hours(180 * 24);
const DOMAIN_OWNER_MOST: Duration = Duration::from_hours(731 * 24);
/// The names of the others, that no team may have.
const TARGETS: [&str; 4] = [SELF_SERVE, TERRITORIES, ACCOUNT_OWNER, DOMAIN_OWNER];
/// The target that is a table.
pub const TERRITORIES: &str = "territories";

/// Every team that can be used, and the names of all.
#[derive(Debug, Default)]
pub struct Teams {
    pub compiled: Vec<Team>,
    pub names: Vec<Arc<str>>,
}

/// Compiles the teams.
pub fn teams(shape: Option<&Named<TeamShape>>, scopes: &Scopes, findings: &mut Findings) -> Teams {
    let mut teams = Teams::default();
    let Some(Named(declared)) = shape else { return teams };
    unique(declared.iter().map(|(name, _)| name), "team", findings);
    for (name, shape) in declared {
        teams.names.push(name.text.clone());
        if name.text.contains('@') || TARGETS.contains(&&*name.text) {
            let problem =
                Problem::error(name.at, Code::BadValue, format!("`{}` can't be the name of a team", name.shown));
            findings.push(problem.help("routes could not tell it from a rep's address or from `self_serve`"));
        }
        teams.compiled.extend(shape.as_ref().and_then(|shape| team(name, shape, scopes, findings)));
    }
    for (name, shape) in declared {
        let Some(written) = shape.as_ref().and_then(|shape| shape.otherwise.get()) else { continue };
        let to = otherwise(written, &teams, findings);
        if let Some(team) = teams.compiled.iter_mut().find(|team| team.name == name.text) {
            team.otherwise = to;
            // Whoever says where else leads go wants them there, unless they say for how long to wait.
            team.max_wait.get_or_insert(0);
        }
        if leads_back(&teams.compiled, &name.text) {
            let message = format!("the leads of `{}` would go round in a circle", name.shown);
            let help = "`otherwise` of one of these teams has to lead elsewhere";
            findings.push(Problem::error(written.at, Code::BadValue, message).help(help));
        }
    }
    teams
}

/// Who gets a team's leads while nobody of it is there.
fn otherwise(written: &Scalar, teams: &Teams, findings: &mut Findings) -> Option<RouteTarget> {
    let found = target_of(written.text.trim(), teams);
    match &found {
        Some(RouteTarget::Rep(_)) => check_address(written, findings),
        Some(_) => {}
        None => {
            let known = || teams.names.iter().map(|name| &**name).chain([SELF_SERVE]);
            let otherwise = || format!("there is {}; a rep is named by e-mail address", one_of(known()));
            let help = did_you_mean(written.text.trim(), known(), otherwise);
            let message = format!("unknown team `{}`", findings.shown(written));
            findings.push(Problem::error(written.at, Code::UnknownName, message).help(help));
        }
    }
    found
}

/// Whether the leads of a team may come back to it.
fn leads_back(teams: &[Team], name: &str) -> bool {
    let next = |name: &str| match teams.iter().find(|team| *team.name == *name)?.otherwise.as_ref()? {
        RouteTarget::Team(next) => Some(next.clone()),
        _ => None,
    };
    let chain = std::iter::successors(next(name), |name| next(name)).take(teams.len());
    chain.into_iter().any(|next| *next == *name)
}

fn team(name: &Scalar, shape: &TeamShape, scopes: &Scopes, findings: &mut Findings) -> Option<Team> {
    let List(written) = shape.reps.require("reps", TeamShape::WHAT, name.at, findings)?;
    let weights = weights(shape, written, findings);
    let mut reps: Vec<Rep> = Vec::with_capacity(written.len());
    for rep in written {
        let address = rep.text.trim();
        check_address(rep, findings);
        if reps.iter().any(|known| known.name.eq_ignore_ascii_case(address)) {
            let message = format!("`{}` is in this team twice", findings.shown(rep));
            let problem = Problem::warning(rep.at, Code::Duplicate, message);
            findings.push(problem.help("remove one: a turn is counted per address"));
            continue;
        }
        let weight = weights.iter().find(|(name, _)| name.eq_ignore_ascii_case(address)).map(|(_, weight)| *weight);
        reps.push(Rep { weight: weight.unwrap_or(Rep::WEIGHT_ONE), ..Rep::new(address) });
    }
    if reps.is_empty() {
        let problem = Problem::error(name.at, Code::BadValue, format!("the team `{}` has no reps", name.shown));
        findings.push(problem.help("add `reps: [name@example.com]`, or route to `self_serve`"));
    }
    let assign = match shape.assign.get().map(|at| at.value) {
        Some(AssignWord::RoundRobin) | None => Assign::RoundRobin,
        Some(AssignWord::Order) => Assign::Order,
        Some(AssignWord::LeastLoaded) => Assign::LeastLoaded,
    };
    if let (Assign::Order, Some(written)) = (assign, shape.assign.get())
        && !weights.is_empty()
    {
        let problem =
            Problem::warning(written.scalar.at, Code::Suspicious, "weights say nothing where leads go in order");
        findings.push(problem.help("remove `weights`, or share leads in turn: `assign: round_robin`"));
    }
    let credit = shape.credit.get().into_iter().flat_map(|Many(all)| all);
    let credit = credit.map(|reason| reason.text.trim().to_lowercase().into()).collect();
    let max_wait = shape.max_wait.get().map(|at| wait_of(at, findings));
    let sla = shape.sla.get().and_then(|shape| sla(shape, findings));
    let needs = shape.needs.get().map(|shape| needs(shape, scopes, findings)).unwrap_or_default();
    Some(Team { name: name.text.clone(), reps, assign, credit, max_wait, otherwise: None, sla, needs })
}

/// How long a lead may wait, in milliseconds.
fn wait_of(written: &At<Lasting>, findings: &mut Findings) -> i64 {
    let wait = written.value.0;
    if wait > MAX_WAIT {
        let help = "at most 90d; without `max_wait` and `otherwise` a lead waits for as long as it takes";
        let problem = Problem::error(written.scalar.at, Code::BadValue, "no lead should wait for so long");
        findings.push(problem.help(help));
    }
    i64::try_from(wait.min(MAX_WAIT).as_millis()).unwrap_or(i64::MAX)
}

/// The weights of a team's reps, in hundredths.
fn weights<'s>(shape: &'s TeamShape, reps: &[Scalar], findings: &mut Findings) -> Vec<(&'s str, u32)> {
    let mut weights = Vec::new();
    for (name, weight) in shape.weights.get().into_iter().flat_map(|Named(all)| all) {
        let (address, Some(weight)) = (name.text.trim(), weight) else { continue };
        let known = || reps.iter().map(|rep| rep.text.trim());
        if !known().any(|rep| rep.eq_ignore_ascii_case(address)) {
            let message = format!("`{}` is no rep of this team", findings.shown(name));
            let help = did_you_mean(address, known(), || format!("it has {}", one_of(known())));
            findings.push(Problem::error(name.at, Code::UnknownName, message).help(help));
        }
        let hundredths = (weight.value.0 * f64::from(Rep::WEIGHT_ONE)).round();
        if (1.0..=f64::from(MAX_WEIGHT)).contains(&hundredths) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just looked at")]
            weights.push((address, hundredths as u32));
        } else {
            let message = format!("the weight {} is out of bounds", weight.value.0);
            let help = "0.01 to 100; whoever should get nothing leaves the team";
            findings.push(Problem::error(weight.scalar.at, Code::BadValue, message).help(help));
        }
    }
    weights
}

/// Compiles the routes.
pub fn routes(shape: Option<&List<RouteShape>>, teams: &Teams, scopes: &Scopes, findings: &mut Findings) -> Vec<Route> {
    let Some(List(shapes)) = shape else { return Vec::new() };
    unique(shapes.iter().filter_map(|shape| shape.name.get()), "route", findings);
    let compiled: Vec<Route> = shapes.iter().filter_map(|shape| route(shape, teams, scopes, findings)).collect();
    if compiled.len() == shapes.len() {
        check_order(shapes, &compiled, findings);
    }
    compiled
}

fn route(shape: &RouteShape, teams: &Teams, scopes: &Scopes, findings: &mut Findings) -> Option<Route> {
    let name = shape.name.require("name", RouteShape::WHAT, shape.at, findings);
    let to = shape.to.require("to", RouteShape::WHAT, shape.at, findings);
    let to = to.and_then(|to| target(to, within(shape, to, findings), teams, scopes, findings));
    let when = match &shape.when {
        Field::Set(text) => Some(condition(text, &scopes.routes, &scopes.broken, findings)?),
        Field::Absent => None,
        Field::Broken => return None,
    };
    let (to, needs) = (to?, shape.needs.get().map(|shape| needs(shape, scopes, findings)).unwrap_or_default());
    Some(Route { name: Arc::from(name?.text.trim()), when, to, needs })
}

/// For how long an owner counts, in milliseconds.
fn within(shape: &RouteShape, to: &Scalar, findings: &mut Findings) -> Option<i64> {
    let within = shape.within.get()?;
    if ![ACCOUNT_OWNER, DOMAIN_OWNER].contains(&to.text.trim()) {
        let problem = Problem::error(
            within.scalar.at,
            Code::BadValue,
            "`within` says how long an owner of the account or the domain counts",
        );
        findings.push(problem.help("remove it, or write `to: account_owner` or `to: domain_owner`"));
    }
    if to.text.trim() == DOMAIN_OWNER && within.value.0 > DOMAIN_OWNER_MOST {
        let problem = Problem::error(within.scalar.at, Code::BadValue, "`within` is out of bounds");
        findings.push(problem.help("at most `2y`: who owned a domain's leads is kept for as long"));
    }
    i64::try_from(within.value.0.as_millis()).ok()
}

fn target(
    to: &Scalar,
    within: Option<i64>,
    teams: &Teams,
    scopes: &Scopes,
    findings: &mut Findings,
) -> Option<RouteTo> {
    let text = to.text.trim();
    if text == TERRITORIES {
        return Some(RouteTo::Territories);
    }
    if text == ACCOUNT_OWNER {
        return Some(RouteTo::AccountOwner { within });
    }
    if text == DOMAIN_OWNER {
        let usual = i64::try_from(DOMAIN_OWNER_LASTS.as_millis()).unwrap_or(i64::MAX);
        let reads = by_itself("domain", to.at, &scopes.routes, findings);
        return Some(RouteTo::DomainOwner { within: within.unwrap_or(usual), reads });
    }
    if let Some(found) = target_of(text, teams) {
        if let RouteTarget::Rep(_) = found {
            check_address(to, findings);
        }
        return Some(RouteTo::Target(found));
    }
    if text.starts_with("account.") || text.starts_with("user.") {
        let written = ConditionText::whole(to.clone());
        return value(&written, &scopes.routes, &scopes.broken, findings).map(RouteTo::Named);
    }
    let known = || teams.names.iter().map(|name| &**name).chain(TARGETS);
    let help =
        did_you_mean(text, known(), || format!("there is {}; a rep is named by e-mail address", one_of(known())));
    let message = format!("unknown team `{}`", findings.shown(to));
    findings.push(Problem::error(to.at, Code::UnknownName, message).help(help));
    None
}

/// What a target's name means.
pub fn target_of(text: &str, teams: &Teams) -> Option<RouteTarget> {
    if let Some(team) = teams.names.iter().find(|name| ***name == *text) {
        return Some(RouteTarget::Team(team.clone()));
    }
    match text {
        SELF_SERVE => Some(RouteTarget::SelfServe),
        _ => text.contains('@').then(|| RouteTarget::Rep(Arc::from(text))),
    }
}

/// Routes that can never match, and leads that no route matches.
fn check_order(shapes: &[RouteShape], routes: &[Route], findings: &mut Findings) {
    let mut catch_all: Option<&str> = None;
    for (shape, route) in shapes.iter().zip(routes) {
        let Some(name) = shape.name.get() else { continue };
        let constant = route.when.as_ref().map_or(Some(true), Expr::constant);
        let shown = name.shown.trim();
        if let Some(earlier) = catch_all {
            let message = format!("the route `{shown}` can never match: `{earlier}` before it always does");
            findings.push(Problem::warning(name.at, Code::Unreachable, message).help("move it up, or remove it"));
        } else if constant == Some(false) {
            let message = format!("the route `{shown}` can never match: its condition is always false");
            findings
                .push(Problem::warning(name.at, Code::Unreachable, message).help("fix the condition, or remove it"));
        } else if constant == Some(true) && matches!(route.to, RouteTo::Target(_)) {
            catch_all = Some(shown);
        }
    }
    if let (None, Some(name)) = (catch_all, shapes.last().and_then(|last| last.name.get())) {
        let problem = Problem::warning(name.at, Code::Suspicious, "a lead that no route matches gets no owner");
        let help = "end with a route without `when`, for example `{ name: everyone else, to: self_serve }`";
        findings.push(problem.help(help));
    }
}
