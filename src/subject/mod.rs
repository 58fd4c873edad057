//! The state of one subject, a user or an account: traits, figures, ties to others, and where it stands with each
//! definition. Pure; [`fields`] writes it as the text fields that a store keeps.

pub mod fields;
pub mod people;
pub mod standing;
pub mod traits;

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
pub use people::Member;
pub use standing::Standing;
pub use traits::Traits;

use crate::counters::Ledger;
use crate::qualify::DefinitionName;
use crate::time::Millis;

/// Everything known of a user or an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// What calls have said about it.
    pub traits: Traits,
    /// What was counted for it.
    pub ledger: Ledger,
    /// Times of the first and the last event, by the events' own time.
    pub first_seen: Option<Millis>,
    /// The time of the last event; see `first_seen`.
    pub last_seen: Option<Millis>,
    /// Where it stands with each definition that it ever qualified for.
    pub standings: BTreeMap<DefinitionName, Standing>,
    /// Users only: ties to other ids and to accounts.
    pub user: UserTies,
    /// Accounts only: its most active people by their ids, at most [`people::MAX_MEMBERS`].
    pub members: BTreeMap<CompactString, Member>,
    /// Which of the plain fields above differ from what is stored.
    pub dirty: Dirty,
    /// Fields that are stored and must go.
    pub gone: Vec<Box<str>>,
}

/// A user's ties to other ids and to accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserTies {
    /// Whether the id was ever sent as a `userId`.
    pub known: bool,
    /// The record that holds this one's history since it was merged away, and when that was.
    pub merged_into: Option<(Arc<str>, Millis)>,
    /// Ids whose history was merged into this one, and when each was linked to it: an id whose link expired begins a new
    /// history, and may be linked again.
    pub aliases: BTreeMap<Arc<str>, Millis>,
    /// The user's accounts in the order in which they became known. Positions never change: remembered messages refer to
    /// them. At most [`MAX_ACCOUNTS`].
    pub accounts: Vec<Arc<str>>,
    /// Position of the account of the last group call, by the calls' own time, and that time.
    pub last_group: Option<(u8, Millis)>,
}

/// How many accounts of one user are kept; a note's index must fit a byte below 255.
pub const MAX_ACCOUNTS: usize = 250;

/// Which plain fields of a subject differ from what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// The time of the first event.
    pub first_seen: bool,
    /// The time of the last event.
    pub last_seen: bool,
    /// Anything of [`Subject::user`].
    pub ties: bool,
}

impl Subject {
    /// Notes that something happened at `at`.
    pub fn see(&mut self, at: Millis) {
        if self.first_seen.is_none_or(|first| at < first) {
            self.first_seen = Some(at);
            self.dirty.first_seen = true;
        }
        if self.last_seen.is_none_or(|last| at > last) {
            self.last_seen = Some(at);
            self.dirty.last_seen = true;
        }
    }

    /// Whether it holds anything beyond its ties.
    #[must_use]
    pub fn has_history(&self) -> bool {
        self.first_seen.is_some() || !self.traits.is_empty() || !self.user.aliases.is_empty()
    }

    /// Takes in the history of an id that turned out to be the same user, and was linked to it at `at`.
    pub fn merge(&mut self, id: &Arc<str>, at: Millis, other: &Self) {
        self.ledger.merge(&other.ledger);
        self.traits.merge(&other.traits);
        for at in [other.first_seen, other.last_seen].into_iter().flatten() {
            self.see(at);
        }
        for (definition, theirs) in &other.standings {
            self.standings.entry(Arc::clone(definition)).or_insert_with(|| Standing { dirty: true, ..theirs.clone() });
        }
        self.user.merge(id, at, &other.user);
        self.dirty.ties = true;
    }
}

impl UserTies {
    /// The position of an account, adding it when it is new; `None` when there are too many.
    pub fn account_index(&mut self, account: &str) -> Option<u8> {
        let at = self.accounts.iter().position(|a| &**a == account).or_else(|| {
            (self.accounts.len() < MAX_ACCOUNTS).then(|| {
                self.accounts.push(Arc::from(account));
                self.accounts.len() - 1
            })
        })?;
        u8::try_from(at).ok()
    }

    /// The account of the last group call.
    #[must_use]
    pub fn group(&self) -> Option<(&Arc<str>, u8)> {
        let (index, _) = self.last_group?;
        self.accounts.get(usize::from(index)).map(|account| (account, index))
    }

    /// Notes a group call of `account` at `at`; answers whether anything changed.
    pub fn join(&mut self, account: &str, at: Millis) -> bool {
        if self.last_group.is_some_and(|(_, last)| last > at) {
            let before = self.accounts.len();
            return self.account_index(account).is_some() && self.accounts.len() > before;
        }
        match self.account_index(account) {
            Some(index) => {
                let changed = self.last_group != Some((index, at));
                self.last_group = Some((index, at));
                changed
            }
            None => false,
        }
    }

    /// Whether the history that `id` had when it was linked at `at` is in here.
    #[must_use]
    pub fn has_absorbed(&self, id: &str, at: Millis) -> bool {
        self.aliases.get(id).is_some_and(|last| *last >= at)
    }

    fn merge(&mut self, id: &Arc<str>, at: Millis, other: &Self) {
        for (alias, at) in std::iter::once((id, at)).chain(other.aliases.iter().map(|(alias, at)| (alias, *at))) {
            let last = self.aliases.entry(Arc::clone(alias)).or_insert(at);
            *last = at.max(*last);
        }
        for account in &other.accounts {
            self.account_index(account);
        }
        if let (Some((account, _)), Some((_, at))) = (other.group(), other.last_group)
            && self.last_group.is_none_or(|(_, mine)| mine < at)
        {
            self.join(&Arc::clone(account), at);
        }
    }
}
