//! What a configuration means to the engine: its plan and which definitions read what.

use std::sync::Arc;

use crate::config::Config;
use crate::counters::Plan;
use crate::identity::SubjectKind;
use crate::qualify::Definition;
use crate::qualify::expr::{Slot, TraitOf};

/// A configuration prepared for applying events. Made once per configuration.
pub(super) struct Setup {
    pub config: Arc<Config>,
    pub plan: Plan,
    /// Whether a definition of accounts reads the user at hand.
    pub accounts_read_users: bool,
}

impl Setup {
    pub fn new(config: Arc<Config>) -> Self {
        let plan = Plan::new(&config.counters, config.time_zone.clone());
        let of_accounts = config.definitions.iter().filter(|d| d.of == SubjectKind::Account);
        let accounts_read_users =
            of_accounts.flat_map(Definition::slots).any(|slot| is_of(slot, &plan, SubjectKind::User));
        Self { config, plan, accounts_read_users }
    }

    /// The definitions about one kind of subject.
    pub fn definitions(&self, of: SubjectKind) -> impl Iterator<Item = &Definition> {
        self.config.definitions.iter().filter(move |definition| definition.of == of)
    }
}

fn is_of(slot: &Slot, plan: &Plan, kind: SubjectKind) -> bool {
    let of = match slot {
        Slot::Counter(id) => return plan.counters.get(usize::from(id.0)).is_some_and(|c| c.of == kind),
        Slot::Trait { of, .. } | Slot::Id(of) | Slot::FirstSeen(of) | Slot::LastSeen(of) => *of,
        _ => return false,
    };
    (of == TraitOf::User) == (kind == SubjectKind::User)
}
