use std::collections::BTreeMap;

use proptest::prelude::*;

use super::team;
use crate::record::TeamTurns;
use crate::routing::{Team, assign};
use crate::time::Millis;

const NOON: Millis = Millis(1_795_262_400_000);

fn give(team: &Team, turns: &mut TeamTurns) -> String {
    assign(team, turns, NOON).expect("the team has reps").rep.to_string()
}

fn give_many(team: &Team, turns: &mut TeamTurns, leads: usize) -> Vec<String> {
    (0..leads).map(|_| give(team, turns)).collect()
}

#[test]
fn goes_round_in_the_order_of_the_roster() {
    let mut turns = TeamTurns::default();
    assert_eq!(give_many(&team(&["ana", "ben", "cy"]), &mut turns, 5), ["ana", "ben", "cy", "ana", "ben"]);
}

#[test]
fn a_joiner_waits_one_round_and_is_not_flooded() {
    let mut turns = TeamTurns::default();
    give_many(&team(&["ana", "ben"]), &mut turns, 20);
    let after = give_many(&team(&["joiner", "ana", "ben"]), &mut turns, 6);
    assert_eq!(after, ["ana", "joiner", "ben", "ana", "joiner", "ben"]);
}

#[test]
fn a_rep_who_left_is_forgotten_and_returns_as_a_joiner() {
    let mut turns = TeamTurns::default();
    give_many(&team(&["ana", "ben"]), &mut turns, 2);
    give_many(&team(&["ben"]), &mut turns, 8);
    assert!(!turns.reps.contains_key("ana"));
    assert_eq!(give_many(&team(&["ana", "ben"]), &mut turns, 4), ["ana", "ben", "ana", "ben"]);
}

#[test]
fn an_empty_team_gives_to_nobody() {
    let mut turns = TeamTurns::default();
    give(&team(&["ana"]), &mut turns);
    assert_eq!(assign(&team(&[]), &mut turns, NOON), None);
    assert_eq!((turns.turns, turns.reps.len()), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the roster changes, within a stretch of unchanged roster nobody gets two leads more than anybody else, and only
    /// members get any.
    #[test]
    fn is_fair_within_every_roster(rosters in prop::collection::vec((prop::collection::btree_set("[a-f]", 1..6), 0..30usize), 1..6)) {
        let mut turns = TeamTurns::default();
        for (roster, leads) in rosters {
            let team = team(&roster.iter().map(String::as_str).collect::<Vec<_>>());
            let mut counts: BTreeMap<_, usize> = roster.iter().map(|rep| (rep.clone(), 0)).collect();
            for rep in give_many(&team, &mut turns, leads) {
                *counts.get_mut(&rep).expect("only members get leads") += 1;
            }
            let (least, most) = (counts.values().min(), counts.values().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{counts:?}");
        }
    }
}
