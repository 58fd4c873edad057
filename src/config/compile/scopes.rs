//! Which names conditions may use where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::Counters;
use super::traits::Traits;
use crate::config::read::List;
use crate::config::shape::DefinitionShape;
use crate::crm::Known;
use crate::expr::{Readable, Scope, Signal};
use crate::ids::{CounterId, SubjectKind};

/// What may be read where.
#[derive(Debug)]
pub struct Scopes {
    users: About,
    accounts: About,
    /// Routes: the lead, its signals, and the traits of its user and account.
    pub routes: Scope,
    /// Names of counters and signals that can't be used: what is wrong with them is reported where they are declared.
    pub broken: Vec<Arc<str>>,
    /// What templates may name, once the signals are known.
    pub nameable: Known,
}

/// What may be read in conditions about one kind of subject.
#[derive(Debug)]
struct About {
    /// `intent`, `fit` and signals: counters, signals, traits, the event at hand.
    conditions: Scope,
    /// `when` and `tiers`: all of that, and the flags `intent` and `fit`.
    tiers: Scope,
}

impl About {
    fn new(of: SubjectKind, all: &Scope) -> Self {
        let conditions = Scope { about: Some(of), ..all.clone() };
        let tiers = Scope { flags: true, ..conditions.clone() };
        Self { conditions, tiers }
    }
}

impl Scopes {
    pub fn new(counters: &Counters, traits: &Traits, definitions: Option<&List<DefinitionShape>>) -> Self {
        let known: BTreeMap<_, _> = counters
            .compiled
            .iter()
            .zip(0_u16..)
            .map(|(counter, id)| {
                let figures = counter.aggregate.figures();
                (counter.name.clone(), Readable { id: CounterId(id), of: counter.of, figures })
            })
            .collect();
        let bare = Scope {
            user_traits: Some(traits.user.clone()),
            account_traits: Some(traits.account.clone()),
            trait_rules: traits.rules.clone(),
            ..Scope::default()
        };
        let named = definitions.into_iter().flat_map(|List(all)| all).filter_map(|shape| shape.name.get());
        let why = "a definition is no condition: name what both ask for under `signals`, and read that";
        let unreadable = named.map(|name| (Arc::from(name.text.trim()), why)).collect();
        let all = Scope { counters: known, event: true, unreadable, ..bare.clone() };
        Self {
            users: About::new(SubjectKind::User, &all),
            accounts: About::new(SubjectKind::Account, &all),
            routes: Scope { lead: true, as_told: true, ..bare },
            broken: counters.broken.clone(),
            nameable: Known::default(),
        }
    }

    /// Lets conditions read a signal.
    pub fn add(&mut self, signal: &Arc<Signal>) {
        let About { conditions, tiers } = &mut self.users;
        let [of_users, their_tiers] = [conditions, tiers];
        let About { conditions, tiers } = &mut self.accounts;
        for scope in [of_users, their_tiers, conditions, tiers, &mut self.routes] {
            scope.signals.insert(Arc::clone(&signal.name), Arc::clone(signal));
        }
    }

    /// What `intent`, `fit` and signals about such a subject may read.
    pub const fn conditions(&self, of: SubjectKind) -> &Scope {
        &self.about(of).conditions
    }

    /// What `when` and `tiers` about such a subject may read.
    pub const fn tiers(&self, of: SubjectKind) -> &Scope {
        &self.about(of).tiers
    }

    const fn about(&self, of: SubjectKind) -> &About {
        match of {
            SubjectKind::User => &self.users,
            SubjectKind::Account => &self.accounts,
        }
    }
}
