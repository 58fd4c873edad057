//! Looks again at leads of which too little was known, with what is known by now.

use std::sync::Arc;

use super::message::{Became, Made};
use super::routing::{first, route};
use super::{Applying, following, unclear};
use crate::ids::DefinitionName;
use crate::record::{Standing, Subject};

/// Looks at those whose time has come. Who has waited for as long as they may is routed by what is known.
pub(super) fn look(subject: &mut Subject, applying: &mut Applying<'_>) {
    let now = applying.now;
    let next = |standing: &Standing| standing.unclear.as_ref().map(|unclear| unclear.next);
    let ripe = subject.standings.iter().filter(|(_, standing)| next(standing).is_some_and(|next| next <= now));
    let ripe: Vec<DefinitionName> = ripe.map(|(name, _)| Arc::clone(name)).collect();
    for definition in ripe {
        let event = first(subject, &definition);
        let Some(standing) = subject.standings.get_mut(&definition) else { continue };
        let Some(waits) = standing.unclear.as_deref_mut() else { continue };
        match event.filter(|event| *event.lead.id == *waits.lead) {
            None => unclear::clear(standing, applying),
            Some(event) if waits.until <= now => {
                let waits = waits.clone();
                route(subject, &definition, event, waits.owners(), applying);
            }
            Some(_) => {
                // In case its account doesn't answer.
                waits.next = waits.until;
                let became = Became { lead: Arc::clone(&waits.lead), made: Made::Again };
                following::became(subject, &became, applying);
            }
        }
    }
}
