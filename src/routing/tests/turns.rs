use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::team;
use crate::routing::{ON_THEIR_WAY, REMEMBERED, Team, Turn, assign};
use crate::store::Fields;
use crate::time::Millis;

const NOON: Millis = Millis(1_795_262_400_000);

fn apply(fields: &mut Fields, turn: &Turn) {
    for (name, value) in turn.set.iter() {
        fields.insert(name.into(), value.into());
    }
    for name in &turn.unset {
        fields.remove(name);
    }
}

/// Gives one lead and keeps what changed; the leads `stored` reached their reps.
fn give_after(team: &Team, fields: &mut Fields, lead: &str, stored: &[Arc<str>]) -> String {
    let turn = assign(team, fields, lead, stored, NOON).expect("the team has reps");
    apply(fields, &turn);
    turn.rep.to_string()
}

/// Gives one lead that stays on its way.
fn give(team: &Team, fields: &mut Fields, lead: &str) -> String {
    give_after(team, fields, lead, &[])
}

/// How many leads of a kind the record remembers.
fn remembered(fields: &Fields, kind: &str) -> usize {
    fields.keys().filter(|name| name.starts_with(kind)).count()
}

fn give_many(team: &Team, fields: &mut Fields, leads: std::ops::Range<usize>) -> Vec<String> {
    leads.map(|lead| give(team, fields, &format!("lead {lead}"))).collect()
}

#[test]
fn goes_round_in_the_order_of_the_roster() {
    let mut fields = Fields::new();
    assert_eq!(give_many(&team(&["ana", "ben", "cy"]), &mut fields, 0..5), ["ana", "ben", "cy", "ana", "ben"]);
}

#[test]
fn the_record_can_be_read_by_a_person() {
    let mut fields = Fields::new();
    give_many(&team(&["ana", "ben", "cy"]), &mut fields, 0..2);
    insta::assert_debug_snapshot!(fields, @r#"
    {
        "given:lead 0": "1 2026-11-21T12:00:00.000Z ana",
        "given:lead 1": "2 2026-11-21T12:00:00.000Z ben",
        "turn:ana": "1 2026-11-21T12:00:00.000Z",
        "turn:ben": "2 2026-11-21T12:00:00.000Z",
        "turn:cy": "0 2026-11-21T12:00:00.000Z",
        "turns": "2",
    }
    "#);
}

#[test]
fn a_lead_given_before_goes_to_the_same_rep_and_takes_no_turn() {
    let (team, mut fields) = (team(&["ana", "ben"]), Fields::new());
    give(&team, &mut fields, "first");
    let again = assign(&team, &fields, "first", &[], NOON).expect("reps");
    assert_eq!((&*again.rep, again.set.len(), again.unset.len()), ("ana", 0, 0));
    assert_eq!(give(&team, &mut fields, "second"), "ben");
}

#[test]
fn a_lead_whose_rep_left_goes_to_another() {
    let mut fields = Fields::new();
    give(&team(&["ana", "ben"]), &mut fields, "first");
    assert_eq!(give(&team(&["ben"]), &mut fields, "first"), "ben");
}

#[test]
fn a_joiner_waits_one_round_and_is_not_flooded() {
    let mut fields = Fields::new();
    give_many(&team(&["ana", "ben"]), &mut fields, 0..20);
    let after = give_many(&team(&["joiner", "ana", "ben"]), &mut fields, 20..26);
    assert_eq!(after, ["ana", "joiner", "ben", "ana", "joiner", "ben"]);
}

#[test]
fn a_rep_who_left_is_forgotten_and_returns_as_a_joiner() {
    let mut fields = Fields::new();
    give_many(&team(&["ana", "ben"]), &mut fields, 0..2);
    give_many(&team(&["ben"]), &mut fields, 2..10);
    assert!(!fields.contains_key("turn:ana"));
    assert_eq!(give_many(&team(&["ana", "ben"]), &mut fields, 10..14), ["ana", "ben", "ana", "ben"]);
}

#[test]
fn an_empty_team_gives_to_nobody() {
    assert_eq!(assign(&team(&[]), &Fields::new(), "lead", &[], NOON), None);
}

#[test]
fn leads_that_reached_their_reps_are_bounded_in_number_and_in_age() {
    let (team, mut fields, mut stored) = (team(&["ana", "ben"]), Fields::new(), Vec::new());
    for lead in (0..1_000).map(|lead| Arc::<str>::from(format!("lead {lead}"))) {
        give_after(&team, &mut fields, &lead, &stored);
        stored = vec![lead];
    }
    assert_eq!(remembered(&fields, "given:"), 1, "the last one is on its way");
    assert_eq!(remembered(&fields, "kept:"), usize::try_from(REMEMBERED).expect("small") - 1);

    let turn = assign(&team, &fields, "a week later", &stored, NOON.plus(8 * Millis::DAY)).expect("reps");
    apply(&mut fields, &turn);
    assert_eq!((remembered(&fields, "given:"), remembered(&fields, "kept:")), (1, 0));
}

/// The worker of one lead is killed after the turn; by the time its lease has run out, thousands of others were given.
#[test]
fn a_lead_on_its_way_keeps_its_turn_however_many_come_after_it() {
    let (team, mut fields) = (team(&["ana", "ben", "cy"]), Fields::new());
    let rep = give(&team, &mut fields, "waits");
    let mut stored = Vec::new();
    for lead in (0..1_000).map(|lead| Arc::<str>::from(format!("lead {lead}"))) {
        give_after(&team, &mut fields, &lead, &stored);
        stored = vec![lead];
    }
    let again = assign(&team, &fields, "waits", &stored, NOON).expect("reps");
    assert_eq!((&*again.rep, again.set.len()), (&*rep, 0), "no second turn");
}

#[test]
fn leads_that_never_arrive_are_bounded_as_well() {
    let (team, mut fields) = (team(&["ana", "ben"]), Fields::new());
    for turn in 1..ON_THEIR_WAY + 20 {
        fields.insert(format!("given:lead {turn}").into(), format!("{turn} {} ana", NOON.rfc3339()).into());
    }
    give(&team, &mut fields, "last");
    assert_eq!(remembered(&fields, "given:"), ON_THEIR_WAY);
    assert!(!fields.contains_key("given:lead 20") && fields.contains_key("given:lead 21"), "the oldest go");
}

#[test]
fn a_lead_that_changes_hands_is_on_its_way_again() {
    let mut fields = Fields::new();
    give(&team(&["ana", "ben"]), &mut fields, "first");
    give_after(&team(&["ana", "ben"]), &mut fields, "second", &[Arc::from("first")]);
    assert!(fields.contains_key("kept:first") && !fields.contains_key("given:first"));
    assert_eq!(give(&team(&["ben", "cy"]), &mut fields, "first"), "ben");
    assert_eq!(give(&team(&["ana", "ben", "cy"]), &mut fields, "first"), "ben");
}

#[test]
fn garbage_in_the_record_harms_nobody() {
    let text = |text: &str| Box::<str>::from(text);
    let mut fields = Fields::from([
        (text("turns"), text("many")),
        (text("turn:ana"), text("")),
        (text("given:x"), text("ana")),
        (text("other"), text("kept")),
    ]);
    assert_eq!(give(&team(&["ana", "ben"]), &mut fields, "lead"), "ana");
    assert!(fields.contains_key("other") && !fields.contains_key("given:x"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the roster changes, within a stretch of unchanged roster nobody gets two leads more than anybody else, only
    /// members get any, and the same lead never changes hands while its rep is there.
    #[test]
    fn is_fair_within_every_roster(rosters in prop::collection::vec((prop::collection::btree_set("[a-f]", 1..6), 0..30usize), 1..6)) {
        let (mut fields, mut lead) = (Fields::new(), 0);
        for (roster, leads) in rosters {
            let team = team(&roster.iter().map(String::as_str).collect::<Vec<_>>());
            let mut counts: BTreeMap<_, usize> = roster.iter().map(|rep| (rep.clone(), 0)).collect();
            for _ in 0..leads {
                let name = format!("lead {lead}");
                let rep = give(&team, &mut fields, &name);
                prop_assert_eq!(&give(&team, &mut fields, &name), &rep);
                *counts.get_mut(&rep).expect("only members get leads") += 1;
                lead += 1;
            }
            let (least, most) = (counts.values().min(), counts.values().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{counts:?}");
        }
    }
}
