use std::collections::BTreeMap;

use proptest::prelude::*;

use super::team;
use crate::record::TeamTurns;
use crate::routing::reps::{Refusal, Why};
use crate::routing::turns::take;
use crate::routing::{Rep, Team};
use crate::time::Millis;

const NOON: Millis = Millis(1_795_262_400_000);

fn give(team: &Team, turns: &mut TeamTurns) -> String {
    take(team, turns, NOON, |_, _| None).expect("the team has reps").rep.to_string()
}

fn give_many(team: &Team, turns: &mut TeamTurns, leads: usize) -> Vec<String> {
    (0..leads).map(|_| give(team, turns)).collect()
}

fn unless(may: bool) -> Option<Refusal> {
    (!may).then_some(Refusal { why: Why::Absent, until: None })
}

fn weighed(reps: &[(&str, u32)]) -> Team {
    let mut team = team(&[]);
    team.reps = reps.iter().map(|(name, weight)| Rep { weight: *weight, ..Rep::new(*name) }).collect();
    team
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
    let after = give_many(&team(&["ana", "ben"]), &mut turns, 4);
    assert_eq!(after.iter().filter(|rep| *rep == "ana").count(), 2, "{after:?}");
}

#[test]
fn weights_are_heeded_and_spread_evenly() {
    let mut turns = TeamTurns::default();
    let team = weighed(&[("ana", 200), ("ben", 100), ("new", 50)]);
    assert_eq!(give_many(&team, &mut turns, 7), ["ana", "ben", "new", "ana", "ben", "ana", "ana"]);
    let all = give_many(&team, &mut turns, 700);
    let share = |rep: &str| all.iter().filter(|one| *one == rep).count();
    assert_eq!((share("ana"), share("ben"), share("new")), (400, 200, 100));
    let turn = take(&team, &mut turns, NOON, |rep, _| unless(&*rep.name == "ana")).expect("she may");
    let told = "round robin in team enterprise: ben is absent, new is absent; ana's turn (waited longest, weight 2)";
    assert_eq!(turn.reason, told);
}

#[test]
fn whoever_comes_back_is_level_with_those_who_stayed() {
    let mut turns = TeamTurns::default();
    let team = team(&["ana", "ben", "cy"]);
    give_many(&team, &mut turns, 9);
    for _ in 0..40 {
        assert_ne!(&*take(&team, &mut turns, NOON, |rep, _| unless(&*rep.name != "ana")).expect("others").rep, "ana");
    }
    let after = give_many(&team, &mut turns, 9);
    assert_eq!(after.iter().filter(|rep| *rep == "ana").count(), 3, "{after:?}");
}

#[test]
fn nobody_gets_anything_who_may_not() {
    let mut turns = TeamTurns::default();
    give(&team(&["ana"]), &mut turns);
    assert_eq!(take(&team(&[]), &mut turns, NOON, |_, _| None), None);
    assert_eq!(take(&team(&["ana"]), &mut turns, NOON, |_, _| unless(false)), None);
    assert_eq!(turns.turns, 1);
}

#[derive(Clone, Debug)]
enum Step {
    /// So many leads.
    Leads(usize),
    /// A rep goes away, or comes back.
    Away(usize),
    /// A rep leaves the team, or joins it.
    Member(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..20usize).prop_map(Step::Leads),
        2 => (0..6usize).prop_map(Step::Away),
        1 => (0..6usize).prop_map(Step::Member),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whoever comes and goes: of two reps who could be given leads all the while, what each got by weight differs by no more than
    /// one turn of each; and nobody gets anything who is away, or no member.
    #[test]
    fn is_fair_to_those_who_are_there(weights in prop::collection::vec(prop::sample::select(vec![25_u32, 50, 100, 200, 300, 1_000]), 6), steps in steps()) {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let mut turns = TeamTurns::default();
        let (mut away, mut gone) = ([false; 6], [false; 6]);
        // Since each has been there without a break: how many leads everybody had got by then.
        let mut since: BTreeMap<usize, [u32; 6]> = (0..6).map(|rep| (rep, [0; 6])).collect();
        let mut served = [0_u32; 6];
        for step in steps {
            match step {
                Step::Away(rep) => away[rep] = !away[rep],
                Step::Member(rep) => gone[rep] = !gone[rep],
                Step::Leads(leads) => {
                    let there = |rep: usize| !away[rep] && !gone[rep];
                    since.retain(|rep, _| there(*rep));
                    (0..6).filter(|rep| there(*rep)).for_each(|rep| {
                        since.entry(rep).or_insert(served);
                    });
                    let members: Vec<_> = (0..6).filter(|rep| !gone[*rep]).map(|rep| (NAMES[rep], weights[rep])).collect();
                    let team = weighed(&members);
                    let index = |name: &str| NAMES.iter().position(|one| *one == name).expect("one of them");
                    for _ in 0..leads {
                        let Some(turn) = take(&team, &mut turns, NOON, |rep, _| unless(!away[index(&rep.name)])) else {
                            prop_assert!((0..6).all(|rep| !there(rep)));
                            break;
                        };
                        prop_assert!(there(index(&turn.rep)));
                        served[index(&turn.rep)] += 1;
                        for (one, from) in &since {
                            for (other, then) in &since {
                                // Since both have been there.
                                let from: Vec<u32> = from.iter().zip(then).map(|(a, b)| *a.max(b)).collect();
                                let got = |rep: usize| f64::from(served[rep] - from[rep]) * 100.0 / f64::from(weights[rep]);
                                let bound = 100.0 / f64::from(weights[*one]) + 100.0 / f64::from(weights[*other]);
                                prop_assert!((got(*one) - got(*other)).abs() <= bound + 1e-6, "{served:?} {weights:?}");
                            }
                        }
                    }
                }
            }
        }
    }
}
