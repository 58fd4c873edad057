//! What routes asked of a lead and did not learn, where that mattered.

use std::collections::BTreeSet;

use crate::expr::Value;
use crate::lead::LeadEvent;
use crate::routing::territory::Territories;
use crate::routing::{LeadFacts, RouteTo, Routes};
use crate::time::Millis;

/// What is not known of a lead that a route asked before `decided` was reached: a figure of a condition, a dimension of a territory that might
/// have taken it.
pub(super) fn unknown(by: Routes<'_>, event: &LeadEvent, decided: Option<&str>, now: Millis) -> Vec<Box<str>> {
    let facts = LeadFacts::new(event, now);
    let mut all: BTreeSet<Box<str>> = BTreeSet::new();
    for route in by.routes {
        match route.when.as_ref().map(|when| (when, when.test(&facts))) {
            Some((when, None)) => {
                let observed = when.explain(&facts).observed.into_iter();
                all.extend(observed.filter(|one| one.met.is_none()).map(|one| Box::from(one.what)));
            }
            Some((_, Some(false))) => {}
            None | Some((_, Some(true))) => match (&route.to, by.territories) {
                (RouteTo::Territories, Some(table)) => all.extend(unclear(table, &facts, now)),
                (RouteTo::Named(formula), _) if matches!(formula.value(&facts), Value::Unknown) => {
                    all.insert(Box::from(formula.source()));
                }
                _ => {}
            },
        }
        if decided == Some(&*route.name) {
            break;
        }
    }
    all.into_iter().collect()
}

/// The dimensions that a territory asked for, which might have taken the lead before another.
fn unclear(table: &Territories, facts: &LeadFacts<'_>, now: Millis) -> Vec<Box<str>> {
    let choice = table.choose(facts, now);
    let Some((row, _)) = &choice.unclear else { return Vec::new() };
    let asked = table.dimensions.iter().zip(&row.cells).zip(&choice.facts);
    let unknown = asked.filter(|((_, cell), fact)| cell.holds(fact).is_none());
    unknown.map(|((dimension, _), _)| Box::from(&*dimension.name)).collect()
}
