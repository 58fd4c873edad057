//! What leads on paper are counted by.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::whose::Owner;

/// How many leads, by tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// So far.
    pub before: BTreeMap<u8, usize>,
    /// On paper.
    pub after: BTreeMap<u8, usize>,
}

impl Counts {
    /// How many in all: so far, and on paper.
    pub fn all(&self) -> (usize, usize) {
        (self.before.values().sum(), self.after.values().sum())
    }
}

/// A team, or all that goes by no team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The team.
    pub team: Option<Arc<str>>,
    /// All its leads.
    pub all: Counts,
    /// By who got them.
    pub owners: Vec<RepCounts>,
}

/// What one rep gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepCounts {
    /// The rep, or what stands in the place of one.
    pub owner: Owner,
    /// The leads.
    pub leads: Counts,
    /// The most in a week, so far and on paper.
    pub busiest_week: (usize, usize),
}

/// What a rep gets in a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Load {
    /// The Monday on which it begins.
    pub week: String,
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// How many leads so far.
    pub before: usize,
    /// And on paper.
    pub after: usize,
}

/// Somebody whose turn it was and who could not be given the lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOverCount {
    /// The rep's e-mail address.
    pub rep: String,
    /// Why, as leads say it: `absent`, `cap_day`, …
    pub reason: &'static str,
    /// How many leads.
    pub leads: usize,
}

/// How many leads something is said of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What is said.
    pub what: String,
    /// Of how many leads.
    pub leads: usize,
}

/// How long leads of a team wait for somebody to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitedCount {
    /// The team that had them in the end; `null` for none.
    pub team: Option<Arc<str>>,
    /// How many waited.
    pub leads: usize,
    /// How long the one in the middle did, in seconds.
    pub median_s: i64,
    /// And the one that waited longest.
    pub longest_s: i64,
}

/// How many leads of a team would not be taken on in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LateCount {
    /// The team.
    pub team: Arc<str>,
    /// Of how many it is known.
    pub leads: usize,
    /// How many of them are too late, and go to somebody else where the team's `sla` says so.
    pub late: usize,
}

/// Leads that are not routed on paper, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Of definitions that are a shadow: nobody is told of them.
    pub shadows: usize,
    /// Held, since their source made too many.
    pub held: usize,
    /// Qualified before or after the time that was asked about.
    pub elsewhen: usize,
}
