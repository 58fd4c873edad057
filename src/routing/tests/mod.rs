mod deciding;
mod facts;
mod turns;

use std::sync::Arc;

use super::{Assign, Team};

fn team(reps: &[&str]) -> Team {
    let reps = reps.iter().map(|rep| Arc::from(*rep)).collect();
    Team { name: Arc::from("enterprise"), reps, assign: Assign::RoundRobin }
}
