//! Leads of a source that makes too many are held: Admit → (Hold) → Judged. Each lead of such a source asks the source's record, which
//! counts them; what is beyond the quota waits in a record of its own until an operator says what becomes of it, or until it has waited for
//! too long. Only so many wait, which the source's record counts as well: each hold tells it when it is over (Unheld). What is beyond that
//! is let go. Leads of other sources never pass here.

use super::message::Judged;
use super::{Applying, Body};
use crate::event::SourceName;
use crate::ids::RecordKey;
use crate::record::{Admission, Held, Hold, LeadHold, LeadQuota, LetGo, SourceLeads};

/// A lead of a source did not go on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldUp {
    /// The source.
    pub source: SourceName,
    /// Why it was let go; `None`: it is held.
    pub let_go: Option<LetGo>,
    /// Whether it is the first of its hour that is held, or that is let go for lack of room.
    pub is_first: bool,
}

/// A lead asks its source's record whether it may go on its way.
pub(super) fn admit(leads: &mut SourceLeads, wants: &Held, applying: &mut Applying<'_>) {
    let source = SourceName::new(&applying.key.id);
    // A quota that is configured no longer holds nobody up.
    let all = LeadQuota { an_hour: u32::MAX, held: LeadQuota::HELD, held_for: LeadQuota::HELD_FOR };
    let quota = applying.rules.lead_quotas.get(&source).unwrap_or(&all);
    let (because, is_first) = match leads.count(quota, applying.now) {
        Admission::Goes => return judge(wants, None, applying),
        Admission::Held => {
            applying.send(RecordKey::hold(source.as_str(), &wants.lead), Body::Hold(Box::new(wants.clone())));
            (None, leads.held == 1)
        }
        Admission::Dropped => (Some(LetGo::Full), leads.dropped == 1),
    };
    let hold = LeadHold { source: source.to_string(), discarded: because.is_some(), because };
    judge(wants, Some(hold), applying);
    applying.effects.held_up = Some(HeldUp { source, let_go: because, is_first });
}

/// One of a source's leads is held no longer.
pub(super) fn unheld(leads: &mut SourceLeads) {
    leads.waiting = leads.waiting.saturating_sub(1);
}

/// A lead is held from now on.
pub(super) fn hold(hold: &mut Hold, held: &Held, applying: &mut Applying<'_>) {
    if hold.0.replace((applying.now, held.clone())).is_some() {
        // It was counted already.
        tell_source(applying);
    }
}

/// An operator says what becomes of a held lead.
pub(super) fn release(hold: &mut Hold, discard: bool, applying: &mut Applying<'_>) {
    let Some((_, held)) = hold.0.take() else { return };
    let hold = discard.then(|| LeadHold { source: source_of(applying), discarded: true, because: None });
    judge(&held, hold, applying);
    tell_source(applying);
}

/// A lead may have been held for too long.
pub(super) fn look(hold: &mut Hold, applying: &mut Applying<'_>) {
    let source = source_of(applying);
    let quota = applying.rules.lead_quotas.get(&SourceName::new(&source));
    let held_for = quota.map_or(LeadQuota::HELD_FOR, |quota| quota.held_for);
    let Some((_, held)) = hold.0.take_if(|(since, _)| since.plus(held_for) <= applying.now) else { return };
    let expired = LeadHold { source: source.clone(), discarded: true, because: Some(LetGo::Expired) };
    judge(&held, Some(expired), applying);
    tell_source(applying);
    let source = SourceName::new(&source);
    applying.effects.held_up = Some(HeldUp { source, let_go: Some(LetGo::Expired), is_first: false });
}

/// The lead's subject is forgotten, or makes nothing of it any more.
pub(super) fn forget(hold: &mut Hold, applying: &mut Applying<'_>) {
    if hold.0.take().is_some() {
        tell_source(applying);
    }
}

fn source_of(applying: &Applying<'_>) -> String {
    applying.key.as_hold().map(|(source, _)| source.to_owned()).unwrap_or_default()
}

fn tell_source(applying: &mut Applying<'_>) {
    let source = RecordKey::source(&source_of(applying));
    applying.send(source, Body::Unheld);
}

fn judge(held: &Held, hold: Option<LeadHold>, applying: &mut Applying<'_>) {
    let Held { subject, definition, event, lead } = held.clone();
    applying.send(subject, Body::Judged(Box::new(Judged { definition, event, lead, hold })));
}
