//! Whose the leads of an account are, where routes want to know: the first of them decides, those that come meanwhile wait for it, and all
//! go to one owner. Owners begin anew on paper, as turns do.

use std::collections::HashMap;

use crate::lead::LeadEvent;
use crate::record::owner::Given;
use crate::record::{AccountOwner, Ownership};
use crate::routing::{RouteTo, Routes, owns};
use crate::time::Millis;

/// Leads that may be decided about, by their numbers.
type Ready = Vec<(usize, Box<LeadEvent>)>;

/// Accounts with leads.
#[derive(Default)]
pub(super) struct Accounts {
    by_id: HashMap<Box<str>, Ownership<usize>>,
    /// The leads that asked and are nobody's yet.
    asked: HashMap<usize, Box<LeadEvent>>,
}

impl Accounts {
    /// Whether a route asks.
    pub(super) fn matter(by: Routes<'_>) -> bool {
        by.routes.iter().any(|route| matches!(route.to, RouteTo::AccountOwner { .. }))
    }

    /// A lead asks; answers the leads that may be decided about now.
    pub(super) fn ask(&mut self, by: Routes<'_>, number: usize, event: Box<LeadEvent>, now: Millis) -> Ready {
        let Some(id) = id_of(&event) else { return vec![(number, event)] };
        let ready = self.by_id.entry(Box::from(id)).or_default().ask(number, |owner| owns(by, owner, now));
        self.asked.insert(number, event);
        self.ready(ready)
    }

    /// Who owns the leads of its account.
    pub(super) fn owner(&self, event: &LeadEvent) -> Option<&AccountOwner> {
        self.by_id.get(id_of(event)?)?.owner.as_ref()
    }

    /// A lead is somebody's, or nobody's; answers those that waited for it.
    pub(super) fn owned(&mut self, by: Routes<'_>, number: usize, owner: Option<&str>, now: Millis) -> Ready {
        let account = self.asked.remove(&number).and_then(|event| self.by_id.get_mut(id_of(&event)?));
        let Some(account) = account else { return Vec::new() };
        let given = Given { owner, by_hand: false, at: now };
        let ready = account.given(|deciding| *deciding == number, given, |owner| owns(by, owner, now));
        self.ready(ready)
    }

    fn ready(&self, numbers: impl IntoIterator<Item = usize>) -> Ready {
        numbers.into_iter().filter_map(|number| Some((number, self.asked.get(&number)?.clone()))).collect()
    }
}

fn id_of(event: &LeadEvent) -> Option<&str> {
    event.lead.account.as_ref().map(|account| &*account.id)
}
