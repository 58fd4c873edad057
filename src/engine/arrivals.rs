//! Which leads reached the reps whose turns they took, so that the teams' records may forget them in time.
//!
//! Only what this process saw: a lead whose worker was killed right after its last commit stays noted as on its way, until it is
//! a week old (see `routing`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::routing::TeamName;

#[derive(Default)]
pub(super) struct Arrivals {
    leads: Mutex<Leads>,
}

#[derive(Default)]
struct Leads {
    /// Leads that this process is working on, and the teams whose turns they took.
    under_way: BTreeMap<Arc<str>, TeamName>,
    /// Leads that are stored with their reps, and whose teams don't know yet.
    arrived: BTreeMap<TeamName, Vec<Arc<str>>>,
}

impl Arrivals {
    fn leads(&self) -> MutexGuard<'_, Leads> {
        self.leads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn of `team` was taken for `lead`.
    pub fn set_out(&self, lead: &str, team: &TeamName) {
        self.leads().under_way.insert(Arc::from(lead), Arc::clone(team));
    }

    /// `lead` is stored with its rep, or it is not in this process's hands any more.
    pub fn over(&self, lead: &str, arrived: bool) {
        let mut leads = self.leads();
        if let Some((lead, team)) = leads.under_way.remove_entry(lead)
            && arrived
        {
            leads.arrived.entry(team).or_default().push(lead);
        }
    }

    /// The leads that `team` should be told of with its next turn.
    pub fn of(&self, team: &TeamName) -> Vec<Arc<str>> {
        self.leads().arrived.get(team).cloned().unwrap_or_default()
    }

    /// `team` was told of `told`.
    pub fn told(&self, team: &TeamName, told: &[Arc<str>]) {
        if let Some(arrived) = self.leads().arrived.get_mut(team) {
            arrived.retain(|lead| !told.contains(lead));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_is_told_of_its_leads_that_arrived_until_it_knows() {
        let (arrivals, sales) = (Arrivals::default(), TeamName::from("sales"));
        for lead in ["a", "b", "c"] {
            arrivals.set_out(lead, &sales);
        }
        arrivals.over("a", true);
        arrivals.over("b", false);
        arrivals.over("unknown", true);
        let told = arrivals.of(&sales);
        assert_eq!(told, [Arc::from("a")]);
        arrivals.over("c", true);
        arrivals.told(&sales, &told);
        assert_eq!(arrivals.of(&sales), [Arc::from("c")]);
        assert!(arrivals.of(&TeamName::from("support")).is_empty());
    }
}
