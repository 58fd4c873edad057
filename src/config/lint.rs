//! Legal, but surely not what was meant: what only shows once everything is compiled.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::conditions::{ConditionText, Conditions};
use super::diagnostic::Code;
use super::findings::{Findings, Problem};
use super::read::{Field, Many, Named};
use super::shape::{ConfigShape, DefinitionShape, Tiers};
use super::source::Span;
use super::suggest::fold;
use super::weak;
use super::yaml::Scalar;
use crate::counters::{Aggregate, Counter, Window};
use crate::expr::{Signal, Slot};
use crate::qualify::{Definition, Endings};
use crate::routing::territory::{Row, Territories};
use crate::routing::{Route, RouteTarget, RouteTo, Team};
use crate::time::Millis;

/// What is looked at beside the file's shape.
pub struct Compiled<'a> {
    pub counters: &'a [Counter],
    pub signals: &'a [Arc<Signal>],
    pub definitions: &'a [Definition],
    pub endings: &'a Endings,
    pub territories: Option<&'a Territories>,
    pub teams: &'a [Team],
    pub routes: &'a [Route],
}

/// Adds the warnings.
pub fn lint(shape: &ConfigShape, compiled: &Compiled<'_>, findings: &mut Findings) {
    let definitions = shape.definitions.get().map_or(&[][..], |list| &list.0);
    // Where something is broken, what it would have used looks unused.
    let whole = !findings.has_errors();
    if whole {
        unused_counters(shape, compiled, findings);
        unused_teams(shape, compiled, findings);
        reps(shape, compiled, findings);
    }
    similar_events(shape, findings);
    for definition in definitions {
        constant_conditions(definition, compiled, findings);
        unreachable_tiers(definition, compiled, findings);
        for text in conditions(definition) {
            impossible(text, compiled.counters, findings);
        }
    }
    if whole {
        missing_parts(shape, findings);
        admin_token(shape, findings);
        weak::warn(shape, findings);
    }
}

/// Reps whom nobody knows, and teams whose reps are gone.
fn reps(shape: &ConfigShape, compiled: &Compiled<'_>, findings: &mut Findings) {
    let target = |to: &RouteTarget, rep: &str| matches!(to, RouteTarget::Rep(named) if named.eq_ignore_ascii_case(rep));
    let gone = |team: &Team| {
        team.reps.iter().all(|rep| rep.availability.as_ref().is_some_and(|one| one.left == Some(Millis(i64::MIN))))
    };
    for (name, rep) in shape.reps.get().into_iter().flat_map(|Named(all)| all) {
        let address = name.text.trim();
        let is_in = |team: &&Team| team.reps.iter().any(|rep| rep.name.eq_ignore_ascii_case(address));
        let mut teams = compiled.teams.iter().filter(is_in);
        let routed = || compiled.routes.iter().any(|one| matches!(&one.to, RouteTo::Target(to) if target(to, address)));
        let rows = || compiled.territories.is_some_and(|table| table.rows.iter().any(|row| target(&row.to, address)));
        let first = teams.next();
        // A trait may name whom no team does.
        let named = || compiled.routes.iter().any(|one| matches!(one.to, RouteTo::Named(_)));
        if first.is_none() && !routed() && !rows() && !named() {
            let message = format!("no team, route or territory names `{}`", name.shown.trim());
            findings.push(Problem::warning(name.at, Code::Unused, message).help("add them to a team, or remove this"));
        }
        let left = rep.as_ref().and_then(|rep| rep.left.get()).is_some_and(|left| left.text.trim() == "true");
        if let Some(team) = first.filter(|_| left) {
            let message = format!("`{}` left, and is still in team `{}`", name.shown.trim(), team.name);
            findings.push(Problem::warning(name.at, Code::Suspicious, message).help("take them out of the team"));
        }
        let caps = rep.as_ref().is_some_and(|rep| rep.caps.get().is_some());
        if let (true, Some(first), Some(second)) = (caps, first, teams.next()) {
            let message = format!(
                "the caps of `{}` hold in `{}` and in `{}`, each for itself",
                name.shown.trim(),
                first.name,
                second.name
            );
            findings.push(
                Problem::warning(name.at, Code::Suspicious, message).help("halve them, or keep the rep in one team"),
            );
        }
    }
    for (name, _) in shape.teams.get().into_iter().flat_map(|Named(all)| all) {
        if compiled.teams.iter().any(|team| team.name == name.text && !team.reps.is_empty() && gone(team)) {
            let message = format!("everybody in team `{}` left", name.shown.trim());
            findings.push(
                Problem::warning(name.at, Code::Suspicious, message)
                    .help("add somebody who is there, or route to another team"),
            );
        }
    }
}

fn unused_counters(shape: &ConfigShape, compiled: &Compiled<'_>, findings: &mut Findings) {
    let mut used = HashSet::new();
    for definition in compiled.definitions {
        let read = definition.slots().chain(definition.ranked_by()).chain(definition.chosen_by());
        used.extend(read.filter_map(counter_of));
        used.extend(definition.each.map(|id| id.0));
    }
    used.extend(compiled.signals.iter().flat_map(|signal| signal.slots()).filter_map(counter_of));
    used.extend(compiled.endings.slots().filter_map(|(_, slot)| counter_of(&slot)));
    let sentences: String = compiled
        .definitions
        .iter()
        .filter_map(|definition| definition.sentence.as_deref())
        .collect::<Vec<_>>()
        .join("\n");
    let declared = shape.counters.get().map_or(&[][..], |Named(counters)| counters.as_slice());
    for ((name, _), id) in declared.iter().zip(0_u16..) {
        if !used.contains(&id) && !sentences.contains(&*name.text) {
            let message = format!("no definition reads the counter `{}`", name.shown);
            findings.push(Problem::warning(name.at, Code::Unused, message).help("use it in a condition, or remove it"));
        }
    }
}

fn counter_of(slot: &Slot) -> Option<u16> {
    if let Slot::Counter(id, _) = slot { Some(id.0) } else { None }
}

fn unused_teams(shape: &ConfigShape, compiled: &Compiled<'_>, findings: &mut Findings) {
    let routes = shape.routes.get().map_or(&[][..], |list| &list.0);
    let named =
        |team: &Scalar| routes.iter().filter_map(|route| route.to.get()).any(|to| to.text.trim() == &*team.text);
    let has_rows = |team: &Scalar| {
        let leads_there = |row: &Row| matches!(&row.to, RouteTarget::Team(name) if **name == *team.text);
        compiled.territories.is_some_and(|table| table.rows.iter().any(leads_there))
    };
    let is_other = |team: &Scalar| {
        let leads_there = |to: &RouteTarget| matches!(to, RouteTarget::Team(name) if **name == *team.text);
        compiled.teams.iter().any(|other| other.otherwise.as_ref().is_some_and(leads_there))
    };
    let used = |team: &Scalar| named(team) || has_rows(team) || is_other(team);
    for (name, _) in shape.teams.get().into_iter().flat_map(|Named(teams)| teams) {
        if !used(name) {
            let message = format!("no route leads to the team `{}`", name.shown);
            findings.push(Problem::warning(name.at, Code::Unused, message).help("add a route to it, or remove it"));
        }
    }
}

/// Events are told apart by every letter: `Task created` is another event than `Task Created`.
fn similar_events(shape: &ConfigShape, findings: &mut Findings) {
    let counters = shape.counters.get().map_or(&[][..], |Named(counters)| counters.as_slice());
    let events =
        counters.iter().filter_map(|(_, counter)| counter.as_ref()?.event.get()).flat_map(|Many(events)| events);
    let mut seen: HashMap<String, &Scalar> = HashMap::new();
    for event in events {
        let first = *seen.entry(fold(&event.text)).or_insert(event);
        if first.text.trim() != event.text.trim() {
            let message = format!("`{}` is not the same event as `{}`", event.shown, first.shown);
            let place = findings.sources.name_place(first.at);
            let help = format!("if it should be, write it as at {place}: every letter counts");
            findings.push(Problem::warning(event.at, Code::Suspicious, message).help(help));
        }
    }
}

/// Conditions that don't depend on anything.
fn constant_conditions(shape: &DefinitionShape, compiled: &Compiled<'_>, findings: &mut Findings) {
    let Some(definition) = compiled_of(shape, compiled) else { return };
    let lists = [(&shape.intent, &definition.intent), (&shape.fit, &definition.fit)];
    let pairs =
        lists.into_iter().flat_map(|(texts, list)| texts.get().into_iter().flat_map(|Conditions(all)| all).zip(list));
    for (text, condition) in pairs {
        let Some(constant) = condition.constant() else { continue };
        let message = format!("this condition is always {constant}");
        let help = if constant { "remove it" } else { "nobody can qualify: fix the condition, or remove it" };
        findings.push(Problem::warning(text.at(findings), Code::Unreachable, message).help(help));
    }
}

fn compiled_of<'a>(shape: &DefinitionShape, compiled: &Compiled<'a>) -> Option<&'a Definition> {
    let name = shape.name.get()?.text.trim();
    compiled.definitions.iter().find(|one| &*one.name == name)
}

fn unreachable_tiers(shape: &DefinitionShape, compiled: &Compiled<'_>, findings: &mut Findings) {
    let Some(Tiers(tiers)) = shape.tiers.get() else { return };
    let Some(definition) = compiled_of(shape, compiled) else { return };
    let mut always: Option<u8> = None;
    for ((key, _), tier) in tiers.iter().zip(&definition.tiers) {
        let constant = tier.when.constant();
        if let Some(before) = always {
            let message = format!("nobody can reach tier {}: tier {before} before it takes everybody", tier.number);
            findings.push(Problem::warning(key.at, Code::Unreachable, message).help("move it up, or remove it"));
        } else if constant == Some(false) {
            let message = format!("nobody can reach tier {}: its condition is always false", tier.number);
            findings.push(Problem::warning(key.at, Code::Unreachable, message).help("fix the condition, or remove it"));
        } else if constant == Some(true) {
            always = Some(tier.number);
        }
    }
}

fn conditions(shape: &DefinitionShape) -> impl Iterator<Item = &ConditionText> {
    let lists = [&shape.intent, &shape.fit].into_iter().filter_map(Field::get).flat_map(|Conditions(all)| all);
    let tiers = shape.tiers.get().into_iter().flat_map(|Tiers(tiers)| tiers).filter_map(|(_, text)| text.as_ref());
    lists.chain(shape.when.get()).chain(tiers)
}

/// A counter compared with a number.
static COMPARISON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b([A-Za-z_][A-Za-z0-9_]*)\s*(<=|>=|==|!=|<|>)\s*(-?[0-9]+(?:\.[0-9]+)?)")
        .expect("the pattern is well-formed")
});

/// Comparisons with figures that the counter can't have.
fn impossible(text: &ConditionText, counters: &[Counter], findings: &mut Findings) {
    for found in COMPARISON.captures_iter(text.text()) {
        let (Some(whole), Some(name), Some(operator), Some(number)) =
            (found.get(0), found.get(1), found.get(2), found.get(3))
        else {
            continue;
        };
        // `properties.tasks > 1` and `'tasks > 1'` are about something else.
        if text.is_substituted(&whole.range()) {
            continue;
        }
        let before = text.text().get(..name.start()).unwrap_or_default();
        if before.ends_with('.') || before.matches(['\'', '"']).count() % 2 == 1 {
            continue;
        }
        let Some(counter) = counters.iter().find(|counter| &*counter.name == name.as_str()) else { continue };
        let Ok(number) = number.as_str().parse::<f64>() else { continue };
        let Some(verdict) = verdict(counter, operator.as_str(), number) else { continue };
        let at = text.locate(findings, &whole.range());
        let message = format!("`{}` is always {}: {}", whole.as_str(), verdict.0, verdict.1);
        findings
            .push(Problem::warning(at, Code::Unreachable, message).help("fix the number, or remove the comparison"));
    }
}

fn verdict(counter: &Counter, operator: &str, number: f64) -> Option<(bool, String)> {
    let most = match (&counter.aggregate, counter.window) {
        (Aggregate::Sum(_) | Aggregate::Min(_) | Aggregate::Max(_) | Aggregate::First(_) | Aggregate::Last(_), _) => {
            return None;
        }
        (Aggregate::Days, Window::Days(days)) => f64::from(days),
        _ => f64::INFINITY,
    };
    let (never, always) = match operator {
        "<" => (number <= 0.0, number > most),
        "<=" => (number < 0.0, number >= most),
        ">" => (number >= most, number < 0.0),
        ">=" => (number > most, number <= 0.0),
        "==" => (number < 0.0 || number > most || number.fract() != 0.0, false),
        _ => return None,
    };
    let why = if number > 0.0 && most.is_finite() {
        format!("there are at most {most} days to be active on")
    } else if number.fract() != 0.0 && operator == "==" {
        "it counts in whole numbers".to_owned()
    } else {
        "it counts from 0".to_owned()
    };
    match (never, always) {
        (true, _) => Some((false, why)),
        (_, true) => Some((true, why)),
        _ => None,
    }
}

/// A configuration that does nothing.
fn missing_parts(shape: &ConfigShape, findings: &mut Findings) {
    let whole = Span { end: shape.at.start, ..shape.at };
    let empty = |absent: bool, field: &str, message: &str, help: &str, findings: &mut Findings| {
        if absent {
            let message = format!("no `{field}`: {message}");
            findings.push(Problem::warning(whole, Code::Suspicious, message).help(help));
        }
    };
    let sources = shape.sources.get().is_none_or(|Named(all)| all.is_empty());
    let definitions = shape.definitions.get().is_none_or(|list| list.0.is_empty());
    let destinations = shape.destinations.get().is_none_or(|Named(all)| all.is_empty());
    let routes = shape.routes.get().is_none_or(|list| list.0.is_empty());
    empty(sources, "sources", "no event can come in", "add `sources:` with a write key", findings);
    empty(definitions, "definitions", "nobody ever qualifies", "add `definitions:`", findings);
    if !definitions {
        empty(destinations, "destinations", "leads go nowhere", "add `destinations:` with a webhook", findings);
        empty(routes, "routes", "leads get no owner", "add `routes:`, if only one to `self_serve`", findings);
    }
}

fn admin_token(shape: &ConfigShape, findings: &mut Findings) {
    let server = shape.server.get();
    let at = server.map_or(Span { end: shape.at.start, ..shape.at }, |server| server.at);
    match server.map(|server| &server.admin_token) {
        Some(Field::Broken | Field::Set(_)) => {}
        Some(Field::Absent) | None => {
            let problem = Problem::warning(at, Code::Suspicious, "no admin token: the admin API answers nobody");
            findings.push(problem.help("add `server: { admin_token: ${HANDRAISER_ADMIN_TOKEN} }`"));
        }
    }
}
