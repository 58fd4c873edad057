//! `definitions`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::condition::{condition, conditions, sort_key};
use super::counters::{Counters, subject};
use super::from::KnownSources;
use super::names::unique;
use super::rests_on;
use super::scopes::Scopes;
use super::settings::lasting;
use super::signals::number;
use super::template;
use super::traits::Traits;
use crate::config::conditions::{ConditionText, Conditions};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, List};
use crate::config::shape::{DefinitionShape, ModeWord, NeverShape, StartWord, Tiers};
use crate::config::suggest::{did_you_mean, one_of};
use crate::config::yaml::Scalar;
use crate::counters::Counter;
use crate::event::SourceName;
use crate::expr::{Expr, Formula, Scope, Signal, Slot, SortKey};
use crate::ids::{CounterId, SubjectKind};
use crate::qualify::{Definition, Tier};

/// Long enough that a count which hovers around its threshold doesn't send a lead a day.
const DEFAULT_COOLDOWN: Duration = Duration::from_secs(30 * 86_400);

/// So long before it arrived an event may have happened that makes a lead.
const DEFAULT_FRESH: Duration = Duration::from_secs(86_400);

/// Who is never a lead of any definition.
#[derive(Default)]
pub struct Never {
    user: Vec<Expr>,
    account: Vec<Expr>,
}

impl Never {
    /// Compiles `never`.
    pub fn new(shape: Option<&NeverShape>, scopes: &Scopes, findings: &mut Findings) -> Self {
        let Some(shape) = shape else { return Self::default() };
        let mut of = |of, field| conditions(field, scopes.conditions(of), &scopes.broken, findings).unwrap_or_default();
        Self { user: of(SubjectKind::User, &shape.user), account: of(SubjectKind::Account, &shape.account) }
    }

    fn of(&self, of: SubjectKind) -> impl Iterator<Item = &Expr> {
        self.user.iter().filter(move |_| of == SubjectKind::User).chain(&self.account)
    }
}

/// Compiles the definitions.
pub fn definitions(
    shape: Option<&List<DefinitionShape>>,
    never: &Never,
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
        if let Some(definition) = definition(shape, never, counters, scopes, from, findings) {
            rests_on::check(&definition, shape.name.get().map_or(shape.at, |name| name.at), counters, traits, findings);
            compiled.push(definition);
        }
    }
    compiled
}

fn definition(
    shape: &DefinitionShape,
    excluded: &Never,
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
    let never = conditions(&shape.never, scopes.conditions(about), &scopes.broken, findings);
    let each = each(shape, of, counters, findings);
    let rank = rank(&shape.rank, scopes.tiers(about), scopes, findings);
    let contact = contact(&shape.contact, of, scopes, findings);
    if let Some(sentence) = shape.sentence.get() {
        template::sentence(sentence, about, &scopes.nameable, findings);
    }
    if shape.intent.is_absent() && shape.fit.is_absent() && shape.when.is_absent() && shape.each.is_absent() {
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
        cooldown_ms: millis(lasting(&shape.cooldown, DEFAULT_COOLDOWN)),
        never: never?.into_iter().chain(excluded.of(of?).cloned()).collect(),
        each: each?,
        settle_ms: millis(lasting(&shape.settle, Duration::ZERO)),
        shadow: shape.mode.get().is_some_and(|mode| mode.value == ModeWord::Shadow),
        start_sends: shape.start.get().is_some_and(|start| start.value == StartWord::Send),
        fresh_ms: millis(lasting(&shape.fresh, DEFAULT_FRESH)),
        from,
        version: Arc::from(""),
        rank: rank?,
        contact: contact?.into(),
        goal: shape.goal.get().map(|goal| Arc::from(goal.text.trim())),
        sentence: shape.sentence.get().map(|text| text.text.to_string()),
    };
    definition.version = version(&definition, &counters.compiled);
    Some(definition)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The counter whose events make leads; `Some(None)` when there is none.
fn each(
    shape: &DefinitionShape,
    of: Option<SubjectKind>,
    counters: &Counters,
    findings: &mut Findings,
) -> Option<Option<CounterId>> {
    let Field::Set(name) = &shape.each else { return shape.each.is_absent().then_some(None) };
    let found = counters.compiled.iter().zip(0_u16..).find(|(counter, _)| *counter.name == *name.text.trim());
    let (problem, help) = match found {
        Some((counter, id)) if of.is_none_or(|of| counter.of == of) => return Some(Some(CounterId(id))),
        Some((counter, _)) => {
            let message =
                format!("`{}` counts for each {}, and the definition is about another", name.shown, counter.of);
            (Problem::error(name.at, Code::BadValue, message), format!("declare a counter `of: {}`", of?))
        }
        None if counters.broken.iter().any(|broken| **broken == *name.text.trim()) => return None,
        None => {
            let known = || counters.compiled.iter().map(|counter| &*counter.name);
            let help = did_you_mean(&name.text, known(), || format!("there is {}", one_of(known())));
            (
                Problem::error(name.at, Code::UnknownName, format!("there is no counter `{}`", findings.shown(name))),
                help,
            )
        }
    };
    findings.push(problem.help(help));
    None
}

/// What a lead's rank is; `Some(None)` when it has none.
fn rank(
    field: &Field<ConditionText>,
    scope: &Scope,
    scopes: &Scopes,
    findings: &mut Findings,
) -> Option<Option<Formula>> {
    let Field::Set(text) = field else { return field.is_absent().then_some(None) };
    number(text, scope, scopes, findings).map(Some)
}

/// What the people of an account are sorted by.
fn contact(
    field: &Field<Conditions>,
    of: Option<SubjectKind>,
    scopes: &Scopes,
    findings: &mut Findings,
) -> Option<Vec<SortKey>> {
    let Field::Set(Conditions(texts)) = field else { return field.is_absent().then(Vec::new) };
    if let (Some(SubjectKind::User), Some(first)) = (of, texts.first()) {
        let message = "the contact of a user's lead is the user";
        let problem = Problem::error(first.at(findings), Code::BadValue, message);
        findings.push(problem.help("remove `contact`, or make the definition `of: account`"));
        return None;
    }
    let scope = scopes.conditions(SubjectKind::Account);
    let keys: Vec<SortKey> = texts.iter().filter_map(|text| sort_key(text, scope, &scopes.broken, findings)).collect();
    (keys.len() == texts.len()).then_some(keys)
}

fn when(shape: &DefinitionShape, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Expr> {
    match &shape.when {
        Field::Set(text) => condition(text, scope, broken, findings),
        Field::Absent => {
            let default = ConditionText::whole(Scalar::made(Definition::BY_DEFAULT, shape.at));
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
    for condition in &definition.never {
        let _ = writeln!(text, "never {}", condition.source());
    }
    if let Some(counter) = definition.each.and_then(|id| counters.get(usize::from(id.0))) {
        let _ = writeln!(text, "each {}", counter.name);
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
    // How a trait is read decides as much as what is asked of it.
    let read = |slot: &Slot| match slot {
        Slot::Trait { of, path, ty, rule, .. } => Some(format!("trait {of} {path:?} {ty:?} {rule:?}")),
        Slot::About { of, name, rule: Some(rule), .. } => Some(format!("about {of} {name} {rule:?}")),
        _ => None,
    };
    let traits: BTreeSet<String> = definition.slots().filter_map(read).collect();
    for line in traits {
        let _ = writeln!(text, "{line}");
    }
    let mut used: Vec<&Counter> = definition
        .slots()
        .filter_map(|slot| if let Slot::Counter(id, _) = slot { counters.get(usize::from(id.0)) } else { None })
        .chain(definition.each.and_then(|id| counters.get(usize::from(id.0))))
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
