//! Whose the leads of an account are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hold::Held;
use crate::time::Millis;

/// Whose the leads of an account are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOwner {
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// When they were given its last lead, or the account.
    pub at: Millis,
    /// Whether somebody gave it to them by hand, so that nothing but that takes it away.
    pub pinned: bool,
}

/// Whose the leads of an account are, and which wait until that is decided. Where nobody owns them, the first lead that asks decides, and
/// those that ask meanwhile wait for what comes of it: so that all go to one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// Who owns them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountOwner>,
    /// The lead that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deciding: Option<Held>,
    /// When to ask whether it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_at: Option<Millis>,
    /// Those that wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asking: Vec<Held>,
}

impl Ownership {
    /// About how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + 256 * (self.asking.len() + 1)
    }
}
