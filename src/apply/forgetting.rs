//! Forgetting a subject, as a deletion request demands: its record, its leads and their deliveries; for a user every id that was
//! merged into them as well, and their traces in their accounts. Counts that name nobody stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Body, Context, Effects};
use crate::ids::{RecordKey, RecordKind};
use crate::record::Subject;

pub(super) fn forget(subject: &mut Box<Subject>, key: &RecordKey, context: &Context<'_>, effects: &mut Effects) {
    effects.forget_leads = true;
    for destination in &context.rules.destinations {
        for lead in subject.leads.keys() {
            effects.send(RecordKey::delivery(destination, lead), Body::Forget, context);
        }
        // Leads may have been made for an id before it was merged into this one.
        let homes = subject.leads.values().map(|home| home.as_ref().unwrap_or(&key.id));
        for home in homes.collect::<BTreeSet<_>>() {
            let scrub = Body::Scrub { user: RecordKey::new(key.kind, home).to_string().into() };
            effects.send(RecordKey::destination(destination), scrub, context);
        }
    }
    if key.kind == RecordKind::User {
        for account in &subject.ties.accounts {
            for id in subject.ties.aliases.keys().chain([&key.id]) {
                let body = Body::Rename { from: Arc::clone(id), to: None };
                effects.send(RecordKey::account(account), body, context);
            }
        }
        for alias in subject.ties.aliases.keys() {
            effects.send(RecordKey::user(alias), Body::Forget, context);
        }
    }
    let mut forgotten = Box::<Subject>::default();
    forgotten.forgotten = Some(context.now);
    *subject = forgotten;
}
