//! What makes a subject a product-qualified lead.

use std::sync::Arc;

use crate::expr::{Expr, Formula, Slot, SortKey, reached};
use crate::ids::{CounterId, DefinitionName, SourceName, SubjectKind};

/// A tier: its number (1 is the best) and what puts a lead there. The first tier whose condition is true wins.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its number, from 1.
    pub number: u8,
    /// What must be true for it; it may read the flags `intent` and `fit`.
    pub when: Expr,
}

/// One definition of a product-qualified lead.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name, which stands in its leads and is part of what their ids are made of.
    pub name: DefinitionName,
    /// Who qualifies: a user or an account.
    pub of: SubjectKind,
    /// Usage: all must be true for `intent` to be true. Empty: true.
    pub intent: Vec<Expr>,
    /// Who they are: all must be true for `fit` to be true. Empty: true.
    pub fit: Vec<Expr>,
    /// Whether the subject qualifies, over the flags `intent` and `fit`; by default `intent && fit`.
    pub when: Expr,
    /// In the order in which they are tried; empty means that every lead is of tier 1. When none is true, nobody qualifies.
    pub tiers: Vec<Tier>,
    /// After a lead, none for the same subject for this long, in milliseconds; 0 means never again until the condition was
    /// false in between.
    pub cooldown_ms: i64,
    /// Whoever one of these is true of is no lead.
    pub never: Vec<Expr>,
    /// Every new event of this counter makes a lead, if the conditions are true then; a further one within the cooldown doesn't.
    pub each: Option<CounterId>,
    /// A lead's tier moves at most once in so many milliseconds; what it is at the end of them stands.
    pub settle_ms: i64,
    /// Whether its leads are counted and shown, and nobody is told.
    pub shadow: bool,
    /// What becomes of those who qualify already when it appears or is loosened: whether they are made leads.
    pub start_sends: bool,
    /// An event that is older than so many milliseconds when it arrives makes no lead.
    pub fresh_ms: i64,
    /// It sees events of these sources only; those of all sources when it is empty.
    pub from: Vec<SourceName>,
    /// Changes whenever the meaning of the definition changes (a hash of its text): 8 hex digits.
    pub version: Arc<str>,
    /// What its leads are for.
    pub goal: Option<Arc<str>>,
    /// How much a lead of it is worth beside others of its tier: a number.
    pub rank: Option<Formula>,
    /// What an account's people are sorted by, the first of whom is the lead's contact; empty: by how active they are.
    pub contact: Arc<[SortKey]>,
    /// The opening sentence for the rep as a template over the lead, if one was written; else one is made.
    pub sentence: Option<String>,
}

impl Definition {
    /// Whether it reads the event at hand: then it is true of an event, and false again with the next.
    pub fn reads_event(&self) -> bool {
        self.slots().any(|slot| matches!(slot, Slot::Event(_)))
    }

    /// What `when` says where nobody wrote anything.
    pub const BY_DEFAULT: &str = "intent && fit";

    /// Whether `when` is what it is where nobody wrote anything.
    pub fn is_by_default(&self) -> bool {
        self.when.source().trim() == Self::BY_DEFAULT
    }

    /// Every condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Expr> {
        let lists = self.intent.iter().chain(&self.fit);
        lists.chain(self.tiers.iter().map(|tier| &tier.when)).chain([&self.when])
    }

    /// Every name that its leads' rank is made of, also by way of signals.
    pub fn ranked_by(&self) -> impl Iterator<Item = &Slot> {
        reached(self.rank.iter().flat_map(Formula::slots)).into_iter()
    }

    /// Every name of a user that its contact is chosen by, also by way of signals.
    pub fn chosen_by(&self) -> impl Iterator<Item = &Slot> {
        reached(self.contact.iter().flat_map(SortKey::slots)).into_iter()
    }

    /// Every name that decides who qualifies, also by way of signals.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        reached(self.conditions().chain(&self.never).flat_map(Expr::slots)).into_iter()
    }
}
