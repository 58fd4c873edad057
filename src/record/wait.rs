//! Leads that want a rep of a team, and those of them that wait since nobody is there.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AgendaList;
use super::hold::Held;
use super::needs::{LeadClass, Needs};
use crate::time::Millis;

/// A routing decision that waits for a team's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The team whose turn has to be taken.
    pub team: Arc<str>,
    /// The route that leads there.
    pub route: Arc<str>,
    /// Why it does.
    pub because: String,
    /// What the lead asks of whoever gets it.
    pub needs: Needs,
}

/// A lead that wants a rep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unassigned {
    /// The lead, and its subject, which is answered.
    pub lead: Held,
    /// The route that leads to the team.
    pub pending: Pending,
    /// The lead's tier; 1 is the best.
    pub tier: u8,
    /// What its definition's `rank` came to, as exactly as its place needs it.
    pub rank: Option<f32>,
    /// Whether it may wait for one. News of a lead that is out without an owner may not.
    pub may_wait: bool,
    /// Since when it wants one.
    pub since: Millis,
    /// Since when it waits for somebody of this team.
    pub waits_since: Option<Millis>,
    /// Until when at most, as its subject knows.
    pub until: Option<Millis>,
    /// Reps who must not get it: they had it already.
    pub not: Vec<Arc<str>>,
    /// The name of the class that it waits in: see [`LeadClass`].
    pub class: Arc<str>,
}

/// How many bits of a place are its time: seconds until the year 2106.
const SECONDS_BITS: u32 = 32;
/// And how many its rank: a sign, eight bits of magnitude, and nine of the three first digits or so.
const RANK_BITS: u32 = 18;
/// Tiers beyond this one are as good as it.
const MAX_TIER: u8 = 7;

impl Unassigned {
    /// See [`place`].
    pub fn place(&self) -> Millis {
        place(self.tier, self.rank, self.since)
    }

    /// A lead that begins to want somebody.
    pub fn new(lead: Held, pending: Pending, (tier, rank): (u8, Option<f32>), since: Millis) -> Self {
        let (not, class) = (Vec::new(), Arc::from(LeadClass::ANY));
        Self { lead, pending, tier, rank, may_wait: true, since, waits_since: None, until: None, not, class }
    }
}

/// Where a lead stands among those that wait for its team: by tier, then by rank, the greatest first and those of which it isn't known last,
/// then by how long it waits. Ranks that differ by less than their third digit are the same here, as are times within a second. 53 bits,
/// which every store keeps exactly.
pub fn place(tier: u8, rank: Option<f32>, since: Millis) -> Millis {
    let tier = i64::from(tier.min(MAX_TIER));
    let seconds = since.0.div_euclid(Millis::SECOND).clamp(0, i64::from(u32::MAX));
    Millis((tier << (RANK_BITS + SECONDS_BITS)) | (i64::from(descending(rank)) << SECONDS_BITS) | seconds)
}

/// Ranks as whole numbers, the greatest first.
fn descending(rank: Option<f32>) -> u32 {
    let last = (1 << RANK_BITS) - 1;
    let Some(rank) = rank.filter(|rank| !rank.is_nan()) else { return last };
    let bits = rank.to_bits();
    // Floating-point numbers are ordered as their bits are, but for their sign.
    let ascending = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    last - (ascending >> (u32::BITS - RANK_BITS)).min(last)
}

/// A lead that waits for a rep, or none any more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wait(pub Option<Box<Unassigned>>);

impl Wait {
    pub(super) fn agenda(&self, team: &str) -> Option<(AgendaList, Millis)> {
        self.0.as_ref().map(|assign| (AgendaList::Wait(Arc::from(team), Arc::clone(&assign.class)), assign.place()))
    }

    /// About how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        256 + self.0.as_ref().map_or(0, |assign| size_of::<Unassigned>() + assign.pending.because.len())
    }
}

/// Whom a lead waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The team that it waits for.
    pub team: Arc<str>,
    /// Since when.
    pub since: Millis,
    /// Until when at most.
    pub until: Option<Millis>,
    /// Why, in a sentence.
    pub reason: String,
}

/// The same, as a lead tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct LeadWaits {
    /// The team of which nobody is there who may be given it; `null`: it waits until more is known of it.
    pub team: Option<String>,
    /// Since when it waits, RFC 3339.
    pub since: String,
    /// Until when at most, RFC 3339; `null`: as long as it takes.
    pub until: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
}

impl From<&Waits> for LeadWaits {
    fn from(waits: &Waits) -> Self {
        let Waits { team, since, until, reason } = waits;
        let until = until.map(Millis::rfc3339);
        Self { team: Some(team.to_string()), since: since.rfc3339(), until, reason: reason.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RecordKey;

    fn waits(tier: u8, rank: Option<f32>, since: i64) -> Millis {
        let lead = Held { subject: RecordKey::user("u"), definition: "d".into(), lead: "l".into(), event: "e".into() };
        let (because, needs) = (String::new(), Needs::default());
        let pending = Pending { team: "t".into(), route: "r".into(), because, needs };
        Unassigned::new(lead, pending, (tier, rank), Millis(since * Millis::SECOND)).place()
    }

    #[test]
    fn the_best_tier_comes_first_then_the_greatest_rank_then_who_waits_longest() {
        let now = 1_795_000_000;
        let in_order = [
            waits(1, Some(f32::INFINITY), now),
            waits(1, Some(1e30), now + 9),
            waits(1, Some(1000.0), now),
            waits(1, Some(1000.0), now + 1),
            waits(1, Some(995.0), now),
            waits(1, Some(0.5), now),
            waits(1, Some(0.0), now),
            waits(1, Some(-2.0), now),
            waits(1, Some(-300.0), now),
            waits(1, None, now),
            waits(1, None, now + 100),
            waits(2, Some(9.0), now - 100),
            waits(7, None, now),
        ];
        assert!(in_order.is_sorted_by(|a, b| a < b), "{in_order:?}");
        assert_eq!(waits(200, None, now), waits(7, None, now));
        assert!(in_order.iter().all(|place| place.0 < 1 << 53));
    }
}
