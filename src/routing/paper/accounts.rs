//! Whose the leads of an account are, where routes want to know: the first of them decides, those that come meanwhile wait for it, and all
//! go to one owner. Owners begin anew on paper, as turns do.

use std::collections::HashMap;
use std::sync::Arc;

use crate::lead::LeadEvent;
use crate::record::AccountOwner;
use crate::routing::{RouteTo, Routes, is_known};
use crate::time::Millis;

/// Leads that may be decided about, by their numbers.
type Ready = Vec<(usize, Box<LeadEvent>)>;

#[derive(Default)]
struct Account {
    owner: Option<AccountOwner>,
    deciding: Option<usize>,
    asking: Ready,
}

/// Accounts with leads.
#[derive(Default)]
pub(super) struct Accounts {
    by_id: HashMap<Box<str>, Account>,
    /// The account of each lead that asked and is nobody's yet.
    of_lead: HashMap<usize, Box<str>>,
}

impl Accounts {
    /// Whether a route asks.
    pub(super) fn matter(by: Routes<'_>) -> bool {
        by.routes.iter().any(|route| matches!(route.to, RouteTo::AccountOwner { .. }))
    }

    /// A lead asks; answers the leads that may be decided about now.
    pub(super) fn ask(&mut self, by: Routes<'_>, number: usize, event: Box<LeadEvent>, now: Millis) -> Ready {
        let Some(id) = id_of(&event) else { return vec![(number, event)] };
        self.of_lead.insert(number, Box::from(id));
        let account = self.by_id.entry(Box::from(id)).or_default();
        if account.is_owned(by, now) {
            return vec![(number, event)];
        }
        if account.deciding.is_some() {
            account.asking.push((number, event));
            return Vec::new();
        }
        account.deciding = Some(number);
        vec![(number, event)]
    }

    /// Who owns the leads of its account.
    pub(super) fn owner(&self, event: &LeadEvent) -> Option<&AccountOwner> {
        self.by_id.get(id_of(event)?)?.owner.as_ref()
    }

    /// A lead is somebody's, or nobody's; answers those that waited for it.
    pub(super) fn owned(&mut self, by: Routes<'_>, number: usize, owner: Option<&str>, now: Millis) -> Ready {
        let Some(account) = self.of_lead.remove(&number).and_then(|id| self.by_id.get_mut(&id)) else {
            return Vec::new();
        };
        account.deciding = account.deciding.filter(|deciding| *deciding != number);
        let is_owned = account.is_owned(by, now);
        match (&mut account.owner, owner) {
            (Some(known), Some(owner)) if *known.rep == *owner => known.at = now,
            (known, Some(owner)) if !is_owned => {
                *known = Some(AccountOwner { rep: Arc::from(owner), at: now, pinned: false });
            }
            _ => {}
        }
        if account.is_owned(by, now) {
            return std::mem::take(&mut account.asking);
        }
        if account.deciding.is_some() || account.asking.is_empty() {
            return Vec::new();
        }
        let next = account.asking.remove(0);
        account.deciding = Some(next.0);
        vec![next]
    }
}

impl Account {
    fn is_owned(&self, by: Routes<'_>, now: Millis) -> bool {
        let left = |rep: &str| by.reps.get(rep).is_some_and(|one| one.left.is_some_and(|left| left <= now));
        self.owner.as_ref().is_some_and(|owner| is_known(by, &owner.rep) && !left(&owner.rep))
    }
}

fn id_of(event: &LeadEvent) -> Option<&str> {
    event.lead.account.as_ref().map(|account| &*account.id)
}
