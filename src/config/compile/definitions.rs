//! `definitions`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::condition::{condition, conditions};
use super::counters::{Counters, subject};
use super::from::KnownSources;
use super::names::unique;
use super::rests_on;
use super::scopes::Scopes;
use super::settings::lasting;
use super::template;
use super::traits::Traits;
use crate::config::conditions::ConditionText;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, List};
use crate::config::shape::{DefinitionShape, Tiers};
use crate::config::yaml::Scalar;
use crate::counters::Counter;
use crate::event::SourceName;
use crate::expr::{Expr, Scope, Signal, Slot};
use crate::ids::SubjectKind;
use crate::qualify::{Definition, Tier};

/// Long enough that a count which hovers around its threshold doesn't send a lead a day.
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(30 * 86_400);

/// Compiles the definitions.
pub fn definitions(
    shape: Option<&List<DefinitionShape>>,
    counters: &Counters,
    scopes: &Scopes,
    (traits, sources): (&Traits, &KnownSources<'_>),
    findings: &mut Findings,
) -> Vec<Definition> {
    let Some(List(shapes)) = shape else { return Vec::new() };
    unique(shapes.iter().filter_map(|shape| shape.name.get()), "definition", findings);
    let mut compiled = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let from = sources.named(&shape.from, findings);
        if let Some(definition) = definition(shape, counters, scopes, from, findings) {
            rests_on::check(&definition, shape.name.get().map_or(shape.at, |name| name.at), counters, traits, findings);
            compiled.push(definition);
        }
    }
    compiled
}

fn definition(
    shape: &DefinitionShape,
    counters: &Counters,
    scopes: &Scopes,
    from: Vec<SourceName>,
    findings: &mut Findings,
) -> Option<Definition> {
    let name = shape.name.require("name", DefinitionShape::WHAT, shape.at, findings);
    let place = name.map_or(shape.at, |name| name.at);
    let of = shape.of.require("of", DefinitionShape::WHAT, place, findings).map(|at| subject(at.value));
    // Where it isn't said, what may be read is that of users: everything.
    let about = of.unwrap_or(SubjectKind::User);
    let intent = conditions(&shape.intent, scopes.conditions(about), &scopes.broken, findings);
    let fit = conditions(&shape.fit, scopes.conditions(about), &scopes.broken, findings);
    let when = when(shape, scopes.tiers(about), &scopes.broken, findings);
    let tiers = tiers(shape, scopes.tiers(about), &scopes.broken, findings);
    if let Some(sentence) = shape.sentence.get() {
        template::sentence(sentence, findings);
    }
    if shape.intent.is_absent() && shape.fit.is_absent() && shape.when.is_absent() {
        let problem =
            Problem::warning(place, Code::Suspicious, "this definition has no conditions: everybody qualifies");
        findings.push(problem.help("add `intent: [ … ]`, `fit: [ … ]` or both"));
    }
    let mut definition = Definition {
        name: Arc::from(name?.text.trim()),
        of: of?,
        intent: intent?,
        fit: fit?,
        when: when?,
        tiers: tiers?,
        cooldown_ms: i64::try_from(lasting(&shape.cooldown, DEFAULT_COOLDOWN).as_millis()).unwrap_or(i64::MAX),
        from,
        version: Arc::from(""),
        sentence: shape.sentence.get().map(|text| text.text.to_string()),
    };
    definition.version = version(&definition, &counters.compiled);
    Some(definition)
}

fn when(shape: &DefinitionShape, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Expr> {
    match &shape.when {
        Field::Set(text) => condition(text, scope, broken, findings),
        Field::Absent => {
            let default = ConditionText::whole(Scalar::made("intent && fit", shape.at));
            condition(&default, scope, &[], findings)
        }
        Field::Broken => None,
    }
}

fn tiers(shape: &DefinitionShape, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Vec<Tier>> {
    let Field::Set(Tiers(written)) = &shape.tiers else { return shape.tiers.is_absent().then(Vec::new) };
    let mut tiers: Vec<Tier> = Vec::with_capacity(written.len());
    for (key, text) in written {
        let number = tier_number(key, findings);
        let when = text.as_ref().and_then(|text| condition(text, scope, broken, findings));
        let (Some(number), Some(when)) = (number, when) else { continue };
        if tiers.last().is_some_and(|last| last.number > number) {
            let message = format!("tier {number} is tried after a lower one");
            let problem = Problem::warning(key.at, Code::Suspicious, message);
            findings.push(problem.help("the first tier whose condition is true counts: write the best one first"));
        }
        tiers.push(Tier { number, when });
    }
    (tiers.len() == written.len()).then_some(tiers)
}

fn tier_number(key: &Scalar, findings: &mut Findings) -> Option<u8> {
    let number = key.text.trim().parse().ok().filter(|number| (1..=99).contains(number));
    if number.is_none() {
        let problem = Problem::error(key.at, Code::BadValue, format!("`{}` is no number of a tier", key.shown));
        findings.push(problem.help("tiers are numbered from 1, the best"));
    }
    number
}

/// A hash over everything that decides who qualifies: changes whenever the meaning of the definition changes, and only then.
fn version(definition: &Definition, counters: &[Counter]) -> Arc<str> {
    let mut text = format!("{}\n{}\n{}\n", definition.name, definition.of, definition.cooldown_ms);
    if !definition.from.is_empty() {
        let _ = writeln!(text, "from {:?}", definition.from);
    }
    let intent = definition.intent.iter().map(|condition| ("intent", condition));
    let fit = definition.fit.iter().map(|condition| ("fit", condition));
    let all: Vec<(&str, &Expr)> = intent.chain(fit).chain([("when", &definition.when)]).collect();
    for (list, expr) in &all {
        let _ = writeln!(text, "{list} {}", expr.source());
    }
    for tier in &definition.tiers {
        let _ = writeln!(text, "tier {} {}", tier.number, tier.when.source());
    }
    let mut signals: Vec<&Signal> = definition.slots().filter_map(Slot::signal).collect();
    signals.sort_by(|a, b| a.name.cmp(&b.name));
    signals.dedup();
    for Signal { name, of, meaning, label: _ } in signals {
        let _ = writeln!(text, "signal {name} {of} {meaning:?}");
    }
    let mut used: Vec<&Counter> = definition
        .slots()
        .filter_map(|slot| if let Slot::Counter(id, _) = slot { counters.get(usize::from(id.0)) } else { None })
        .collect();
    used.sort_by(|a, b| a.name.cmp(&b.name));
    used.dedup_by(|a, b| a.name == b.name);
    for counter in used {
        let filter = counter.filter.as_ref().map(Expr::source);
        let Counter { name, of, events, aggregate, window, from, .. } = counter;
        let _ = write!(text, "counter {name} {of} {events:?} {filter:?} {aggregate:?} {window:?}");
        let _ = if from.is_empty() { writeln!(text) } else { writeln!(text, " from {from:?}") };
    }
    Arc::from(hex::encode(Sha256::digest(text)).get(..8).unwrap_or_default())
}
