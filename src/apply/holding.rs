//! Leads of a source that makes too many are held: Admit → (Hold) → Judged. Each lead of such a source asks the source's record, which
//! counts them; what is beyond the quota waits in a record of its own until an operator says what becomes of it. Leads of other
//! sources never pass here.

use super::message::Judged;
use super::{Applying, Body};
use crate::event::SourceName;
use crate::ids::RecordKey;
use crate::record::{Held, Hold, LeadHold, SourceLeads};

/// A lead asks its source's record whether it may go on its way.
pub(super) fn admit(leads: &mut SourceLeads, wants: &Held, applying: &mut Applying<'_>) {
    let source = SourceName::new(&applying.key.id);
    // A quota that is configured no longer holds nobody up.
    let quota = applying.rules.lead_quotas.get(&source).copied().unwrap_or(u32::MAX);
    if leads.count(quota, applying.now) {
        judge(wants, None, applying);
        return;
    }
    applying.send(RecordKey::hold(source.as_str(), &wants.lead), Body::Hold(Box::new(wants.clone())));
    judge(wants, Some(LeadHold { source: source.to_string(), discarded: false }), applying);
    applying.effects.held = Some((source, leads.held == 1));
}

/// An operator says what becomes of a held lead.
pub(super) fn release(hold: &mut Hold, discard: bool, applying: &mut Applying<'_>) {
    let Some((_, held)) = hold.0.take() else { return };
    let source = applying.key.as_hold().map(|(source, _)| source.to_owned()).unwrap_or_default();
    judge(&held, discard.then_some(LeadHold { source, discarded: true }), applying);
}

fn judge(held: &Held, hold: Option<LeadHold>, applying: &mut Applying<'_>) {
    let Held { subject, definition, event, .. } = held.clone();
    applying.send(subject, Body::Judged(Box::new(Judged { definition, event, hold })));
}
