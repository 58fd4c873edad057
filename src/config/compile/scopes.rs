//! Which names conditions may use where.

use std::collections::BTreeMap;

use super::counters::Counters;
use super::traits::Traits;
use crate::counters::Aggregate;
use crate::expr::{Scope, Type};
use crate::ids::CounterId;

/// What may be read where.
#[derive(Debug)]
pub struct Scopes {
    /// `intent` and `fit`: counters, traits, the event at hand.
    pub conditions: Scope,
    /// `when` and `tiers`: all of that, and the flags `intent` and `fit`.
    pub tiers: Scope,
    /// Routes: the lead, and the traits of its user and account.
    pub routes: Scope,
}

impl Scopes {
    pub fn new(counters: &Counters, traits: &Traits) -> Self {
        let known: BTreeMap<_, _> = counters
            .compiled
            .iter()
            .zip(0_u16..)
            .map(|(counter, id)| (counter.name.clone(), (CounterId(id), counter.of, reads_as(&counter.aggregate))))
            .collect();
        let bare = Scope {
            user_traits: Some(traits.user.clone()),
            account_traits: Some(traits.account.clone()),
            trait_rules: traits.rules.clone(),
            ..Scope::default()
        };
        let conditions = Scope { counters: known, event: true, ..bare.clone() };
        let tiers = Scope { flags: true, ..conditions.clone() };
        Self { conditions, tiers, routes: Scope { lead: true, ..bare } }
    }
}

/// The type that a counter reads as.
pub const fn reads_as(aggregate: &Aggregate) -> Type {
    match aggregate {
        Aggregate::FirstSeen | Aggregate::LastSeen => Type::Time,
        Aggregate::Count
        | Aggregate::Sum(_)
        | Aggregate::DistinctProperty(_)
        | Aggregate::DistinctUsers
        | Aggregate::ActiveDays => Type::Number,
    }
}
