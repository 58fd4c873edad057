//! A lead of which too little is known to say who gets it, for now.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AccountOwner, LeadWaits, Owners};
use crate::time::Millis;

/// The name that such leads wait under, where others wait for their teams.
pub const UNCLEAR: &str = "?";

/// Such a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclear {
    /// The lead.
    pub lead: Arc<str>,
    /// Since when it waits.
    pub since: Millis,
    /// Until when at most.
    pub until: Millis,
    /// When to look at it again.
    pub next: Millis,
    /// What isn't known.
    pub reason: String,
    /// Who owns the leads of its account, as that said.
    pub owner: Option<AccountOwner>,
    /// Who owns those of its domain, likewise.
    pub domain_owner: Option<AccountOwner>,
}

impl Unclear {
    /// Who owns those that have something in common with it.
    pub const fn owners(&self) -> Owners<'_> {
        Owners { account: self.owner.as_ref(), domain: self.domain_owner.as_ref() }
    }
}

impl From<&Unclear> for LeadWaits {
    fn from(unclear: &Unclear) -> Self {
        let Unclear { since, until, reason, .. } = unclear;
        Self { team: None, since: since.rfc3339(), until: Some(until.rfc3339()), reason: reason.clone() }
    }
}
