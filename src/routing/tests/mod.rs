mod deciding;
mod facts;
mod turns;

use std::sync::Arc;

use super::{Assign, Rep, RouteNeeds, Team};

fn team(reps: &[&str]) -> Team {
    let reps = reps.iter().map(|rep| Rep::new(*rep)).collect();
    Team {
        name: Arc::from("enterprise"),
        reps,
        assign: Assign::RoundRobin,
        credit: Vec::new(),
        max_wait: None,
        otherwise: None,
        sla: None,
        needs: RouteNeeds::default(),
    }
}
