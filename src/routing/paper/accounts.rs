//! Whose the leads of an account or of a company's domain are, where routes want to know: the first of them decides, those that come meanwhile
//! wait for it, and all go to one owner. Owners begin anew on paper, as turns do.

use std::collections::HashMap;

use crate::lead::LeadEvent;
use crate::record::owner::Given;
use crate::record::{AccountOwner, Owners, Ownership};
use crate::routing::{RouteTo, Routes, domain_of, owns};
use crate::time::Millis;

/// Leads that may be decided about, by their numbers.
type Ready = Vec<(usize, Box<LeadEvent>)>;

/// Accounts, and domains, with leads.
#[derive(Default)]
pub(super) struct Accounts {
    by_id: HashMap<Box<str>, Ownership<usize>>,
    by_domain: HashMap<Box<str>, Ownership<usize>>,
    /// The leads that asked and are nobody's yet.
    asked: HashMap<usize, Asked>,
}

struct Asked {
    event: Box<LeadEvent>,
    account: Option<Box<str>>,
    domain: Option<Box<str>>,
}

impl Accounts {
    /// Whether what a route asks about a lead hangs on others.
    pub(super) fn matter(by: Routes<'_>, event: &LeadEvent, now: Millis) -> bool {
        event.lead.account.is_some() && asks_account(by) || domain_of(by, event, now).is_some()
    }

    /// A lead asks; answers the leads that may be decided about now.
    pub(super) fn ask(&mut self, by: Routes<'_>, number: usize, event: Box<LeadEvent>, now: Millis) -> Ready {
        let account =
            event.lead.account.as_ref().filter(|_| asks_account(by)).map(|account| account.id.as_str().into());
        let domain = domain_of(by, &event, now).map(Into::into);
        let counts = |owner: &AccountOwner| owns(by, owner, now);
        let ready = match &account {
            Some(id) => self.by_id.entry(Box::clone(id)).or_default().ask(number, counts),
            None => Some(number),
        };
        self.asked.insert(number, Asked { event, account, domain });
        let ready = self.ask_domains(ready, counts);
        self.ready(ready)
    }

    /// Those whose account has answered ask their domain.
    fn ask_domains(
        &mut self,
        numbers: impl IntoIterator<Item = usize>,
        counts: impl Fn(&AccountOwner) -> bool,
    ) -> Vec<usize> {
        let mut ready = Vec::new();
        for number in numbers {
            let domain = self.asked.get(&number).and_then(|asked| asked.domain.clone());
            ready.extend(match domain {
                Some(domain) => self.by_domain.entry(domain).or_default().ask(number, &counts),
                None => Some(number),
            });
        }
        ready
    }

    /// Who owns the leads that have something in common with one that asked.
    pub(super) fn owners(&self, number: usize) -> Owners<'_> {
        let Some(Asked { account, domain, .. }) = self.asked.get(&number) else { return Owners::default() };
        let account = account.as_ref().and_then(|id| self.by_id.get(id)?.owner.as_ref());
        let domain = domain.as_ref().and_then(|id| self.by_domain.get(id)?.owner.as_ref());
        Owners { account, domain }
    }

    /// A lead is somebody's, or nobody's; answers those that waited for it.
    pub(super) fn owned(&mut self, by: Routes<'_>, number: usize, owner: Option<&str>, now: Millis) -> Ready {
        let Some(Asked { account, domain, .. }) = self.asked.remove(&number) else { return Vec::new() };
        let given = Given { owner, by_hand: false, at: now };
        let (is_it, counts) = (|deciding: &usize| *deciding == number, |owner: &AccountOwner| owns(by, owner, now));
        let told = |all: &mut HashMap<Box<str>, Ownership<usize>>, id: Option<Box<str>>| {
            let known = id.and_then(|id| all.get_mut(&id));
            known.map_or_else(Vec::new, |known| known.given(is_it, given, counts))
        };
        let of_account = told(&mut self.by_id, account);
        let mut ready = told(&mut self.by_domain, domain);
        ready.extend(self.ask_domains(of_account, counts));
        self.ready(ready)
    }

    fn ready(&self, numbers: impl IntoIterator<Item = usize>) -> Ready {
        let event = |number| Some((number, self.asked.get(&number)?.event.clone()));
        numbers.into_iter().filter_map(event).collect()
    }
}

fn asks_account(by: Routes<'_>) -> bool {
    by.routes.iter().any(|route| matches!(route.to, RouteTo::AccountOwner { .. }))
}
