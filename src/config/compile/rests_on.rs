//! Definitions with `from`: they read nothing that other sources can change.

use super::counters::Counters;
use super::traits::Traits;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::source::Span;
use crate::config::suggest::all_of;
use crate::event::SourceName;
use crate::expr::Slot;
use crate::qualify::Definition;

/// Whether all of `inner` are among `outer`; nothing at all means every source.
fn is_within(inner: &[SourceName], outer: &[SourceName]) -> bool {
    !inner.is_empty() && inner.iter().all(|source| outer.contains(source))
}

/// Reports whatever a definition with `from` reads that other sources can change.
pub fn check(definition: &Definition, at: Span, counters: &Counters, traits: &Traits, findings: &mut Findings) {
    let outer = &definition.from;
    if outer.is_empty() {
        return;
    }
    let all = all_of(outer.iter().map(SourceName::as_str));
    let from = outer.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ");
    let mut told = Vec::new();
    for slot in definition.slots() {
        let (what, help) = match slot {
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
            // What a signal reads is among the slots as well.
            Slot::Id(_)
            | Slot::Event(_)
            | Slot::Lead(_)
            | Slot::Intent
            | Slot::Fit
            | Slot::Now
            | Slot::Signal(..)
            | Slot::Members(_)
            | Slot::MemberEvents => {
                continue;
            }
        };
        if !told.contains(&what) {
            let message = format!("the definition is from {all} alone, but the {what} is not");
            findings.push(Problem::error(at, Code::BadValue, message).help(help));
            told.push(what);
        }
    }
}
