//! What came of the conditions on an account's members: of each member, true, false or not known. Kept as it is told, so that however
//! often and in whatever order it is told again the counts are right; an account looks at none of its members to know how many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// So many members of one account are remembered; of further ones it is not known what is true.
pub const MAX_TOLD: usize = 10_000;
/// So many different conditions on members there may be.
pub const MAX_CONDITIONS: usize = 32;

/// What a member tells of themself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Of each condition on members its fingerprint, and whether it is true.
    pub outcomes: Vec<(u32, Option<bool>)>,
    /// Of each key that members are sorted by its fingerprint, and its value where that is known.
    pub keys: Vec<(u32, f64)>,
}

/// Of how many members a condition is true, and of how many false. The others are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// True of so many.
    pub met: u32,
    /// False of so many.
    pub unmet: u32,
    /// Not known of so many.
    pub unknown: u32,
}

/// The outcomes of the conditions on the members of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The conditions by their fingerprints: of an outcome, the n-th two bits belong to the n-th.
    conditions: Vec<u32>,
    /// By a hash of the member's id.
    members: BTreeMap<u64, u64>,
    tallies: Vec<Tally>,
    /// Whether there were more members than are remembered.
    is_full: bool,
}

const UNKNOWN: u64 = 0;
const MET: u64 = 1;
const UNMET: u64 = 2;

impl Outcomes {
    /// Takes in what a member tells; returns whether that changed anything.
    pub fn hear(&mut self, member: u64, told: &[(u32, Option<bool>)]) -> bool {
        let conditions: Vec<u32> = told.iter().take(MAX_CONDITIONS).map(|(condition, _)| *condition).collect();
        let moved = conditions != self.conditions;
        if moved {
            self.turn_to(conditions);
        }
        let said = told.iter().take(MAX_CONDITIONS).zip(0..).fold(0, |said, ((_, met), at)| {
            let bits = met.map_or(UNKNOWN, |met| if met { MET } else { UNMET });
            said | bits << (2 * at)
        });
        if !self.members.contains_key(&member) && self.members.len() >= MAX_TOLD {
            let first = !self.is_full;
            self.is_full = true;
            return moved || first;
        }
        let before = self.members.insert(member, said);
        if before == Some(said) {
            return moved;
        }
        before.into_iter().for_each(|before| self.count(before, false));
        self.count(said, true);
        true
    }

    /// A member is one no longer, or is another one.
    pub fn rename(&mut self, from: u64, to: Option<u64>) {
        let Some(said) = self.members.remove(&from) else { return };
        self.count(said, false);
        if let Some(to) = to
            && !self.members.contains_key(&to)
        {
            self.members.insert(to, said);
            self.count(said, true);
        }
    }

    /// Of how many members a condition is true.
    pub fn tally(&self, condition: u32) -> Tally {
        let at = self.conditions.iter().position(|known| *known == condition);
        let all = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let tally =
            at.and_then(|at| self.tallies.get(at)).copied().unwrap_or(Tally { unknown: all, ..Tally::default() });
        Tally { unknown: tally.unknown + u32::from(self.is_full), ..tally }
    }

    /// Every condition with its tally.
    pub fn tallies(&self) -> impl Iterator<Item = (u32, Tally)> {
        self.conditions.iter().map(|condition| (*condition, self.tally(*condition)))
    }

    fn count(&mut self, said: u64, adds: bool) {
        for (tally, at) in self.tallies.iter_mut().zip(0..) {
            let place = match said >> (2 * at) & 3 {
                MET => &mut tally.met,
                UNMET => &mut tally.unmet,
                _ => &mut tally.unknown,
            };
            *place = if adds { place.saturating_add(1) } else { place.saturating_sub(1) };
        }
    }

    /// The conditions are others now; what was told of those that stay is kept.
    fn turn_to(&mut self, conditions: Vec<u32>) {
        let places: Vec<Option<usize>> =
            conditions.iter().map(|new| self.conditions.iter().position(|old| old == new)).collect();
        for said in self.members.values_mut() {
            let bits = |place: &Option<usize>| place.map_or(UNKNOWN, |at| *said >> (2 * at) & 3);
            *said = places.iter().zip(0..).fold(0, |out, (place, at)| out | bits(place) << (2 * at));
        }
        self.conditions = conditions;
        self.recount();
    }

    fn recount(&mut self) {
        self.tallies = vec![Tally::default(); self.conditions.len()];
        let all: Vec<u64> = self.members.values().copied().collect();
        all.into_iter().for_each(|said| self.count(said, true));
    }

    /// The parts as lines of a text: the conditions, whether it is full, and members by what is true of them.
    pub fn lines(&self) -> (&[u32], bool, BTreeMap<u64, Vec<u64>>) {
        let mut by_said: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        self.members.iter().for_each(|(member, said)| by_said.entry(*said).or_default().push(*member));
        (&self.conditions, self.is_full, by_said)
    }

    /// Reads the conditions of [`Self::lines`].
    pub fn read_conditions(&mut self, conditions: Vec<u32>, is_full: bool) {
        self.conditions = conditions;
        self.is_full = is_full;
        self.recount();
    }

    /// Reads members of [`Self::lines`]; their conditions stand before them.
    pub fn read_members(&mut self, said: u64, members: impl Iterator<Item = u64>) {
        for member in members {
            self.members.insert(member, said);
            self.count(said, true);
        }
    }

    /// About how many bytes they take in memory.
    pub fn bytes(&self) -> usize {
        self.members.len() * 20 + self.conditions.len() * 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_counts_once_in_any_order() {
        let mut outcomes = Outcomes::default();
        assert!(outcomes.hear(1, &[(7, Some(true)), (8, None)]));
        assert!(!outcomes.hear(1, &[(7, Some(true)), (8, None)]));
        outcomes.hear(2, &[(7, Some(false)), (8, Some(true))]);
        assert_eq!(outcomes.tally(7), Tally { met: 1, unmet: 1, unknown: 0 });
        assert_eq!(outcomes.tally(8), Tally { met: 1, unmet: 0, unknown: 1 });
        outcomes.hear(1, &[(7, Some(false)), (8, Some(false))]);
        assert_eq!(outcomes.tally(7), Tally { met: 0, unmet: 2, unknown: 0 });
        outcomes.rename(2, Some(1));
        assert_eq!(outcomes.tally(8), Tally { met: 0, unmet: 1, unknown: 0 }, "they are one now");
        outcomes.rename(1, None);
        assert_eq!(outcomes.tally(8), Tally::default());
    }

    #[test]
    fn other_conditions_keep_what_was_told_of_those_that_stay() {
        let mut outcomes = Outcomes::default();
        outcomes.hear(1, &[(7, Some(true)), (8, Some(false))]);
        outcomes.hear(2, &[(9, Some(true)), (8, Some(true))]);
        assert_eq!(outcomes.tally(8), Tally { met: 1, unmet: 1, unknown: 0 });
        assert_eq!(outcomes.tally(9), Tally { met: 1, unmet: 0, unknown: 1 });
        assert_eq!(outcomes.tally(7), Tally { met: 0, unmet: 0, unknown: 2 }, "nobody told of it");
    }

    #[test]
    fn of_those_beyond_the_bound_nothing_is_known() {
        let mut outcomes = Outcomes::default();
        for member in 0..=MAX_TOLD as u64 {
            outcomes.hear(member, &[(7, Some(false))]);
        }
        assert_eq!(outcomes.tally(7), Tally { met: 0, unmet: 10_000, unknown: 1 });
    }
}
