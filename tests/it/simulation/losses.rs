//! A store that loses what came last, now and then: as a Redis does that is restarted from an older file, or whose replica takes over
//! and lacks the end of it. What it kept is what must have been counted in the end.

use std::time::Duration;

use handraiser::store::Moment;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::cluster::Cluster;
use super::reference::Reference;

/// What the store held at a moment, and what had been accepted by then.
struct Kept {
    moment: Moment,
    reference: Reference,
}

pub struct Losses {
    dice: StdRng,
    kept: Option<Kept>,
}

impl Losses {
    pub fn new(seed: u64) -> Self {
        Self { dice: StdRng::seed_from_u64(seed.wrapping_add(0x1055)), kept: None }
    }

    pub fn strike(&mut self) -> bool {
        self.dice.random_ratio(1, 3)
    }

    /// Time passes: what it did would be done again, at another time.
    pub fn keep_nothing(&mut self) {
        self.kept = None;
    }

    /// Keeps what there is, or loses what came since something was kept. Everything that was sent is acknowledged by now.
    pub async fn lose(&mut self, cluster: &Cluster, reference: &mut Reference) {
        // Servers are at work, or have nothing to do for long.
        let wait = if self.dice.random() { self.dice.random_range(0..200) } else { self.dice.random_range(200..4_000) };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let Some(memory) = &cluster.memory else { return };
        match self.kept.take() {
            Some(kept) if self.dice.random_ratio(1, 2) => {
                // As long as it takes to be started again, longer or shorter than anything waits to be committed.
                let away = Duration::from_millis(self.dice.random_range(10..1_500));
                cluster.lose(&kept.moment, away);
                *reference = kept.reference.clone();
                self.kept = Some(kept).filter(|_| self.dice.random());
            }
            _ => self.kept = Some(Kept { moment: memory.moment(), reference: reference.clone() }),
        }
    }
}
