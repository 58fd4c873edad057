//! Whose the leads of a company are that has several accounts, or none: kept by its domain, for as long as a route says that it counts.

use serde::{Deserialize, Serialize};

use super::hold::Held;
use super::owner::{AccountOwner, Ownership};
use crate::time::Millis;

/// A lead that asks whose the leads of its domain are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainAsk {
    /// It.
    pub lead: Held,
    /// Who owns the leads of its account, as that has said.
    pub owner: Option<AccountOwner>,
}

/// Whose the leads of a company's domain are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Who owns them, and which leads wait until that is decided.
    pub ownership: Ownership<DomainAsk>,
    /// When its owner counts no longer, so that nothing has to be kept.
    pub leaves: Option<Millis>,
}

impl Domain {
    /// When something is to be done though nothing happens.
    pub(super) fn wakes_at(&self) -> Option<Millis> {
        self.ownership.check_at.into_iter().chain(self.leaves).min()
    }

    /// Whether there is nothing to keep.
    pub(super) const fn is_empty(&self) -> bool {
        let Ownership { owner, deciding, check_at, asking } = &self.ownership;
        owner.is_none() && deciding.is_none() && check_at.is_none() && asking.is_empty() && self.leaves.is_none()
    }
}
