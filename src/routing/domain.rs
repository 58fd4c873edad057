//! Which company's a lead is, by its domain.

use super::{LeadFacts, RouteTo, Routes};
use crate::expr::Value;
use crate::lead::LeadEvent;
use crate::record::email::company_domain;
use crate::time::Millis;

/// The domain of a lead's company, where a route asks whose the leads of that are. What belongs to nobody's company, as free mail does, has none.
pub fn domain_of(by: Routes<'_>, event: &LeadEvent, now: Millis) -> Option<String> {
    let reads = by.routes.iter().find_map(|route| match &route.to {
        RouteTo::DomainOwner { reads, .. } => Some(reads),
        _ => None,
    })?;
    let facts = LeadFacts::new(event, now);
    reads.iter().find_map(|formula| match formula.value(&facts) {
        Value::Text(text) => company_domain(&text),
        _ => None,
    })
}
