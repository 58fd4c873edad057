//! Which names conditions may use where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::Counters;
use super::traits::Traits;
use crate::config::read::List;
use crate::config::shape::DefinitionShape;
use crate::expr::{Readable, Scope};
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
        let why = "a definition is no condition: write what both ask for in both";
        let unreadable = named.map(|name| (Arc::from(name.text.trim()), why)).collect();
        let conditions = Scope { counters: known, event: true, unreadable, ..bare.clone() };
        let tiers = Scope { flags: true, ..conditions.clone() };
        Self { conditions, tiers, routes: Scope { lead: true, ..bare } }
    }
}
