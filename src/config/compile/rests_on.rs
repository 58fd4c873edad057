//! Definitions with `from`: neither they nor what ends their leads reads anything that other sources can change.

use super::counters::Counters;
use super::traits::Traits;
use crate::cdp::Source;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::ConfigShape;
use crate::config::source::Span;
use crate::config::suggest::all_of;
use crate::event::{SourceName, Trust};
use crate::expr::Slot;
use crate::qualify::{Definition, Endings};

/// Whether all of `inner` are among `outer`; nothing at all means every source.
fn is_within(inner: &[SourceName], outer: &[SourceName]) -> bool {
    !inner.is_empty() && inner.iter().all(|source| outer.contains(source))
}

/// What a condition reads, and how to make it something that nobody else can change.
type Offender = (String, String);

/// Whatever is read of `slots` that other sources than `outer` can change.
fn offenders<'s>(
    slots: impl Iterator<Item = &'s Slot>,
    outer: &[SourceName],
    (counters, traits): (&Counters, &Traits),
) -> Vec<Offender> {
    let from = outer.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ");
    let mut found: Vec<Offender> = Vec::new();
    for slot in slots {
        let offender = match slot {
            Slot::Counter(id, _) => match counters.compiled.get(usize::from(id.0)) {
                Some(counter) if !is_within(&counter.from, outer) => {
                    let name = &counter.name;
                    (format!("counter `{name}`"), format!("add `from: [{from}]` to the counter"))
                }
                _ => continue,
            },
            Slot::Trait { of, .. } | Slot::About { of, .. } => {
                let name = slot.trait_name().unwrap_or_default();
                if is_within(traits.heard_on(*of, name), outer) {
                    continue;
                }
                let help = format!("declare it as `traits: {{ {of}: {{ {name}: {{ type: …, from: [{from}] }} }} }}`");
                (format!("trait `{of}.{name}`"), help)
            }
            Slot::FirstSeen(of) | Slot::LastSeen(of) => {
                let help = "use `.first_at` or `.last_at` of a counter with `from`".to_owned();
                (format!("time `{of}.first_seen` or `{of}.last_seen`"), help)
            }
            Slot::MemberEvents => {
                let help = format!("ask for a counter of users with `from: [{from}]`, as `m.<counter>`");
                ("number `m.events`".to_owned(), help)
            }
            // What a signal or a condition on members reads is among the slots as well.
            Slot::Id(_)
            | Slot::Event(_)
            | Slot::Lead(_)
            | Slot::Intent
            | Slot::Fit
            | Slot::Now
            | Slot::Signal(..)
            | Slot::Members(_) => continue,
        };
        if !found.contains(&offender) {
            found.push(offender);
        }
    }
    found
}

/// Reports whatever a definition with `from` reads that other sources can change.
pub fn check(definition: &Definition, at: Span, counters: &Counters, traits: &Traits, findings: &mut Findings) {
    let outer = &definition.from;
    if outer.is_empty() {
        return;
    }
    let all = all_of(outer.iter().map(SourceName::as_str));
    for (what, help) in offenders(definition.slots(), outer, (counters, traits)) {
        let message = format!("the definition is from {all} alone, but the {what} is not");
        findings.push(Problem::error(at, Code::BadValue, message).help(help));
    }
}

/// Reports what ends leads although others than those whom their definitions rest on can change it. Nothing is heard of a lead
/// that was won or lost, so whoever can end it can hide it.
pub fn check_endings(
    shape: &ConfigShape,
    endings: &Endings,
    (definitions, sources): (&[Definition], &[Source]),
    declared: (&Counters, &Traits),
    findings: &mut Findings,
) {
    let Some(shape) = shape.outcomes.get() else { return };
    let slots: Vec<Slot> = endings.slots().map(|(_, slot)| slot).collect();
    let mut told = Vec::new();
    for definition in definitions.iter().filter(|definition| !definition.from.is_empty()) {
        let all = all_of(definition.from.iter().map(SourceName::as_str));
        for (what, help) in offenders(slots.iter(), &definition.from, declared) {
            if !told.contains(&what) {
                let name = &definition.name;
                let message =
                    format!("leads of `{name}` are from {all} alone, but the {what}, which ends them, is not");
                findings.push(Problem::error(shape.at, Code::BadValue, message).help(help));
                told.push(what);
            }
        }
    }
    let servers = sources.iter().filter(|source| source.trust == Trust::Server);
    let servers: Vec<_> = servers.map(|source| source.name.clone()).collect();
    // Where no source is believed more than another, there is nobody to leave this to.
    if servers.is_empty() || servers.len() == sources.len() {
        return;
    }
    for (what, help) in offenders(slots.iter(), &servers, declared) {
        if !told.contains(&what) {
            let message = format!("anybody with a public write key can end leads by the {what}");
            findings.push(Problem::warning(shape.at, Code::Insecure, message).help(help));
        }
    }
}
