//! Which properties of events a configuration reads.

use std::sync::Arc;

use crate::cdp::WantedProperties;
use crate::counters::Counter;
use crate::expr::{Expr, Signal, Slot};
use crate::qualify::{Definition, Endings};
use crate::record::{AccountKey, PathRoot};

pub fn wanted(
    accounts: &[AccountKey],
    counters: &[Counter],
    signals: &[Arc<Signal>],
    (definitions, endings): (&[Definition], &Endings),
) -> WantedProperties {
    let keys = accounts.iter().filter_map(|key| match key {
        AccountKey::Path(PathRoot::Properties, steps) => Some(steps.first()),
        _ => None,
    });
    let counted = counters.iter().filter_map(|counter| counter.aggregate.property().map(|path| path.first()));
    let filters = counters.iter().filter_map(|counter| counter.filter.as_ref()).flat_map(Expr::slots);
    let ranked = definitions.iter().flat_map(Definition::ranked_by);
    let slots = definitions
        .iter()
        .flat_map(Definition::slots)
        .chain(ranked)
        .chain(endings.conditions().flat_map(Expr::slots))
        .chain(signals.iter().flat_map(|one| one.slots()))
        .chain(filters);
    let read = slots.filter_map(|slot| match slot {
        Slot::Event(path) if path.first().is_some_and(|root| **root == *"properties") => Some(path.get(1)),
        _ => None,
    });
    // A path without a step reads them all.
    let names: Option<Vec<&str>> = keys.chain(counted).chain(read).map(|step| step.map(|name| &**name)).collect();
    names.map_or(WantedProperties::All, WantedProperties::from_iter)
}
