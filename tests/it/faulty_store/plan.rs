//! What goes wrong, how often, and the dice that decide it.

use std::collections::BTreeMap;
use std::time::Duration;

use handraiser::store::LEASE;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::Instant;

/// How often what goes wrong: so many of 1,000 calls, and how long it takes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    /// Calls that fail before they did anything.
    pub refused: u64,
    /// Appends, commits and heartbeats that are done, and an error is answered.
    pub lost: u64,
    /// Those that an error is answered to first, and that are done afterwards, within [`FaultPlan::late_by`]: requests that were
    /// still on their way when somebody lost patience.
    pub late: u64,
    /// How long after the error.
    pub late_by: Duration,
    /// Appends to several shards of which only the first shards got theirs, and an error is answered.
    pub torn: u64,
    /// Calls that take up to [`FaultPlan::delay`], on the way there and again on the way back.
    pub delayed: u64,
    /// How long each way.
    pub delay: Duration,
    /// Heartbeats with which a silence begins: for up to [`FaultPlan::silence`] none gets through, while everything else
    /// goes on.
    pub silences: u64,
    /// How long; more than a lease, so that the shards find other owners.
    pub silence: Duration,
    /// Commits that are refused as if another server had worked the shards.
    pub moved: u64,
    /// Reads of logs and commits that panic, as a defect would.
    pub panics: u64,
    /// How long each commit takes, beside what else delays it.
    pub commits_take: Duration,
}

impl FaultPlan {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        refused: 0,
        lost: 0,
        late: 0,
        late_by: Duration::ZERO,
        torn: 0,
        delayed: 0,
        delay: Duration::ZERO,
        silences: 0,
        silence: Duration::ZERO,
        moved: 0,
        panics: 0,
        commits_take: Duration::ZERO,
    };
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            refused: 20,
            lost: 20,
            late: 10,
            late_by: Duration::from_secs(2),
            torn: 50,
            delayed: 200,
            delay: Duration::from_millis(50),
            silences: 20,
            silence: LEASE.saturating_mul(3),
            moved: 10,
            panics: 0,
            commits_take: Duration::ZERO,
        }
    }
}

/// A fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// See [`FaultPlan::refused`].
    Refused,
    /// See [`FaultPlan::lost`].
    Lost,
    /// See [`FaultPlan::late`].
    Late,
    /// See [`FaultPlan::torn`].
    Torn,
    /// See [`FaultPlan::delayed`].
    Delayed,
    /// A heartbeat that fell into a silence; see [`FaultPlan::silences`].
    Silenced,
    /// See [`FaultPlan::moved`].
    Moved,
    /// See [`FaultPlan::panics`].
    Panicked,
}

/// What decides, and what was decided.
pub(super) struct Chance {
    dice: StdRng,
    plan: FaultPlan,
    silent_until: Option<Instant>,
    pub happened: BTreeMap<Fault, u64>,
}

/// What becomes of a change that does not go well.
pub(super) enum Fate {
    Refused,
    Lost,
    /// It happens so much later.
    Late(Duration),
}

impl Chance {
    pub(super) fn new(seed: u64, plan: FaultPlan) -> Self {
        Self { dice: StdRng::seed_from_u64(seed), plan, silent_until: None, happened: BTreeMap::new() }
    }

    pub(super) const fn commits_take(&self) -> Duration {
        self.plan.commits_take
    }

    pub(super) fn replan(&mut self, plan: FaultPlan) {
        self.plan = plan;
        self.silent_until = None;
    }

    /// Whether something happens that is to happen so many times in 1,000; if so, it is counted.
    fn strikes(&mut self, fault: Fault, per_thousand: u64) -> bool {
        let strikes = self.dice.random_range(0..1_000) < per_thousand;
        if strikes {
            self.count(fault);
        }
        strikes
    }

    fn count(&mut self, fault: Fault) {
        *self.happened.entry(fault).or_default() += 1;
    }

    /// Whether a heartbeat gets lost because it falls into a silence.
    pub(super) fn silences(&mut self) -> bool {
        let now = Instant::now();
        if self.silent_until.is_some_and(|until| now < until) {
            self.count(Fault::Silenced);
            return true;
        }
        let FaultPlan { silences, silence, .. } = self.plan;
        let begins = self.strikes(Fault::Silenced, silences);
        self.silent_until = begins.then(|| now + self.dice.random_range(Duration::ZERO..=silence));
        begins
    }

    /// When an append is torn: after how many of its shards.
    pub(super) fn tears_after(&mut self, shards: usize) -> Option<usize> {
        if shards < 2 || !self.strikes(Fault::Torn, self.plan.torn) {
            return None;
        }
        Some(self.dice.random_range(1..shards))
    }

    /// How long a call takes, each way.
    pub(super) fn delays(&mut self) -> Option<Duration> {
        let FaultPlan { delayed, delay, .. } = self.plan;
        self.strikes(Fault::Delayed, delayed).then(|| self.dice.random_range(Duration::ZERO..=delay))
    }

    /// Whether a call that changes nothing is refused.
    pub(super) fn refuses(&mut self) -> bool {
        self.strikes(Fault::Refused, self.plan.refused)
    }

    /// Whether a commit is refused as if another server had been at work.
    pub(super) fn moves(&mut self) -> bool {
        self.plan.moved > 0 && self.strikes(Fault::Moved, self.plan.moved)
    }

    /// Panics, if it is to.
    pub(super) fn panics(&mut self) {
        let panics = self.plan.panics > 0 && self.strikes(Fault::Panicked, self.plan.panics);
        assert!(!panics, "a planned panic");
    }

    /// What becomes of a change; `None` when all goes well.
    pub(super) fn of_change(&mut self) -> Option<Fate> {
        let FaultPlan { refused, lost, late, late_by, .. } = self.plan;
        if self.strikes(Fault::Refused, refused) {
            Some(Fate::Refused)
        } else if self.strikes(Fault::Lost, lost) {
            Some(Fate::Lost)
        } else if self.strikes(Fault::Late, late) {
            Some(Fate::Late(self.dice.random_range(Duration::ZERO..=late_by)))
        } else {
            None
        }
    }
}
