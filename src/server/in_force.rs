//! What a reload swaps beside the configuration itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::apply::Rules;
use crate::config::Config;
use crate::counters::identity::lost_figures;
use crate::crm::{Destination, SharedDestinations};
use crate::engine::SharedRules;
use crate::ids::DefinitionName;
use crate::time::Millis;

/// The parts of the configuration for those who know nothing of the whole.
#[derive(Clone)]
pub(super) struct InForce {
    pub rules: SharedRules,
    pub destinations: SharedDestinations,
}

impl InForce {
    pub(super) fn new(rules: &Arc<Rules>, destinations: &[Destination]) -> Self {
        let destinations = Arc::new(ArcSwap::from_pointee(destinations.to_vec()));
        Self { rules: Arc::new(ArcSwap::new(Arc::clone(rules))), destinations }
    }

    /// Takes note of since when definitions say what they say, as the store knows.
    pub(super) fn know(&self, since: BTreeMap<DefinitionName, Millis>) {
        self.rules.store(Arc::new(self.rules.load().since(since)));
    }

    pub(super) fn swap(&self, config: &Config, now: Millis) {
        for lost in lost_figures(&self.rules.load().plan, &config.rules.plan) {
            tracing::warn!(counter = %lost.counter, "figures from before the reload are read no longer: {}", lost.why.text());
        }
        // Destinations first, so that nothing is on its way to one that nobody knows.
        self.destinations.store(Arc::new(config.destinations.clone()));
        let since = config.rules.follow(&self.rules.load(), now);
        self.rules.store(Arc::new(config.rules.since(since)));
    }
}
