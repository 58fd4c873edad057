//! Whose the leads of an account are, or those of a company's domain.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hold::Held;
use crate::time::Millis;

/// Whose the leads of an account or of a domain are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOwner {
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// When they were given its last lead, or the account.
    pub at: Millis,
    /// Whether somebody gave it to them by hand, so that nothing but that takes it away.
    pub pinned: bool,
}

/// Whose the leads are that have something in common with one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owners<'o> {
    /// Who owns those of its account.
    pub account: Option<&'o AccountOwner>,
    /// Who owns those of its company's domain.
    pub domain: Option<&'o AccountOwner>,
}

/// So many leads of an account wait until it is decided whose they are; those beyond it are routed by themselves.
const MAX_ASKING: usize = 1_000;

/// Whose the leads of an account are, and which wait until that is decided. Where nobody owns them, the first lead that asks decides, and
/// those that ask meanwhile wait for what comes of it: so that all go to one. `L` is what names a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership<L = Held> {
    /// Who owns them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountOwner>,
    /// The lead that decides.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub deciding: Option<L>,
    /// When to ask whether it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_at: Option<Millis>,
    /// Those that wait for it.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub asking: Vec<L>,
}

const fn none<L>() -> Option<L> {
    None
}

impl<L> Default for Ownership<L> {
    fn default() -> Self {
        Self { owner: None, deciding: None, check_at: None, asking: Vec::new() }
    }
}

/// Whose a lead is, as it was decided.
#[derive(Clone, Copy, Debug)]
pub struct Given<'g> {
    /// The rep's e-mail address; `None`: nobody's.
    pub owner: Option<&'g str>,
    /// Whether somebody said so, so that it holds for the account as well.
    pub by_hand: bool,
    /// When.
    pub at: Millis,
}

/// The rules are those of `counts`: whether an owner is one who may be given another lead.
impl<L: Clone> Ownership<L> {
    fn is_owned(&self, counts: impl Fn(&AccountOwner) -> bool) -> bool {
        self.owner.as_ref().is_some_and(counts)
    }

    /// A lead asks; returns it when it may be decided about at once.
    pub fn ask(&mut self, lead: L, counts: impl Fn(&AccountOwner) -> bool) -> Option<L> {
        if self.is_owned(counts) || self.asking.len() >= MAX_ASKING {
            return Some(lead);
        }
        if self.deciding.is_some() {
            self.asking.push(lead);
            return None;
        }
        self.deciding = Some(lead.clone());
        Some(lead)
    }

    /// A lead, perhaps the one that decides, is somebody's or nobody's; returns those that may be decided about by now. Who owns the account's
    /// leads keeps them as long as they are there, though others stand in for them while they are away.
    pub fn given(
        &mut self,
        is_it: impl Fn(&L) -> bool,
        given: Given<'_>,
        counts: impl Fn(&AccountOwner) -> bool,
    ) -> Vec<L> {
        let Given { owner, by_hand, at } = given;
        self.deciding = self.deciding.take().filter(|deciding| !is_it(deciding));
        let is_owned = self.is_owned(&counts);
        match (&mut self.owner, owner) {
            (Some(known), Some(owner)) if *known.rep == *owner => known.at = at,
            (known, Some(owner)) if !is_owned || (by_hand && known.as_ref().is_none_or(|known| !known.pinned)) => {
                *known = Some(AccountOwner { rep: Arc::from(owner), at, pinned: false });
            }
            _ => {}
        }
        self.go_on(counts)
    }

    /// Those that may be decided about by now: all where somebody owns the leads, else the first, which decides.
    pub fn go_on(&mut self, counts: impl Fn(&AccountOwner) -> bool) -> Vec<L> {
        if self.is_owned(counts) {
            return std::mem::take(&mut self.asking);
        }
        if self.deciding.is_some() || self.asking.is_empty() {
            return Vec::new();
        }
        let next = self.asking.remove(0);
        self.deciding = Some(next.clone());
        vec![next]
    }
}

impl<L> Ownership<L> {
    /// About how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + 256 * (self.asking.len() + 1)
    }
}
