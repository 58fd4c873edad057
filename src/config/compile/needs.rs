//! `needs` of a route, a team, or a territory.

use std::sync::Arc;

use super::condition::value;
use super::scopes::Scopes;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{List, Many, Named};
use crate::config::shape::{NeedsShape, RouteShape, TeamShape};
use crate::config::source::Span;
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;
use crate::routing::{Reps, Route, RouteNeeds, RouteTarget, RouteTo, Team};

/// Compiles them; what is wrong is reported.
pub fn needs(shape: &NeedsShape, scopes: &Scopes, findings: &mut Findings) -> RouteNeeds {
    let language = shape.language.get().into_iter().flat_map(|Many(all)| all);
    let language = language.filter_map(|text| value(text, &scopes.routes, &scopes.broken, findings)).collect();
    RouteNeeds { skills: skills(shape).map(|skill| Arc::from(skill.text.trim())).collect(), language }
}

fn skills(shape: &NeedsShape) -> impl Iterator<Item = &Scalar> {
    shape.skills.get().into_iter().flat_map(|Many(all)| all)
}

/// Reports what nobody knows, and needs of routes that lead to no team.
pub fn check(
    shapes: Option<&List<RouteShape>>,
    routes: &[Route],
    (teams, reps): (&[Team], &Reps),
    findings: &mut Findings,
) {
    let shapes = shapes.into_iter().flat_map(|List(all)| all);
    for (shape, needs) in shapes.filter_map(|shape| Some((shape, shape.needs.get()?))) {
        let name = shape.name.get().map(|name| name.text.trim());
        let route = routes.iter().find(|route| Some(&*route.name) == name);
        for skill in skills(needs) {
            known_skill((skill.text.trim(), findings.shown(skill), skill.at), reps, findings);
        }
        match route.map(|route| &route.to) {
            Some(RouteTo::Target(RouteTarget::Team(team))) => {
                nobody_has(needs, team, teams, findings);
            }
            None | Some(RouteTo::Territories) => {}
            Some(_) => {
                let problem =
                    Problem::warning(needs.at, Code::Suspicious, "only reps of a team are chosen by what they know");
                findings.push(problem.help("remove `needs`, or lead the route to a team or to `territories`"));
            }
        }
    }
}

/// Reports the same of teams.
pub fn check_teams(shapes: Option<&Named<TeamShape>>, (teams, reps): (&[Team], &Reps), findings: &mut Findings) {
    let shapes = shapes.into_iter().flat_map(|Named(all)| all);
    for (name, needs) in shapes.filter_map(|(name, shape)| Some((name, shape.as_ref()?.needs.get()?))) {
        for skill in skills(needs) {
            known_skill((skill.text.trim(), findings.shown(skill), skill.at), reps, findings);
        }
        nobody_has(needs, &name.text, teams, findings);
    }
}

/// Whether somebody has it: else it is misspelt, or has yet to be said of somebody.
pub fn known_skill((text, shown, at): (&str, &str, Span), reps: &Reps, findings: &mut Findings) -> bool {
    if reps.all().any(|(_, rep)| rep.knows.has(text)) {
        return true;
    }
    let known = || reps.all().flat_map(|(_, rep)| rep.knows.skills.iter().map(|skill| &**skill));
    let otherwise = || match known().next() {
        Some(_) => format!("there is {}", one_of(known())),
        None => "say who has it: `reps: { ana@example.com: { skills: [...] } }`".to_owned(),
    };
    let message = format!("no rep has the skill `{shown}`");
    let help = did_you_mean(text, known(), otherwise);
    findings.push(Problem::error(at, Code::UnknownName, message).help(help));
    false
}

/// Each skill is somebody's, but nobody of the team has all of them.
fn nobody_has(needs: &NeedsShape, team: &str, teams: &[Team], findings: &mut Findings) {
    let Some(team) = teams.iter().find(|known| *known.name == *team) else { return };
    let has_all = |rep: &crate::routing::Rep| {
        rep.availability.as_ref().is_some_and(|known| skills(needs).all(|skill| known.knows.has(skill.text.trim())))
    };
    if skills(needs).next().is_some() && !team.reps.iter().any(has_all) {
        let message = format!("nobody of the team `{}` has all of these skills", team.name);
        let help = "the next route would decide, always; ask for less, or add them to `reps`";
        findings.push(Problem::warning(needs.at, Code::Unreachable, message).help(help));
    }
}
