use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::*;
use crate::record::{Absence, RosterChange, SaidBy};

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("it is there")
}

fn at(text: &str) -> Millis {
    Millis::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn works(hours: &str, holidays: &[Date]) -> Availability {
    let hours = Hours::new(hours, holidays).expect("hours");
    Availability { hours: Some(hours), ..Availability::new(berlin()) }
}

fn why(rep: &Availability, text: &str) -> Option<&'static str> {
    rep.alone().refuses(Given::default(), 0, at(text)).map(|refusal| refusal.why.as_str())
}

fn next(rep: &Availability, text: &str) -> Option<String> {
    rep.alone().next(Given::default(), 0, at(text)).map(Millis::rfc3339)
}

#[test]
fn hours_are_those_of_the_reps_clock() {
    let ana = works("Mo-Fr 09:00-12:30,13:30-17:00", &[]);
    for (moment, expected) in [
        ("2026-11-30T07:59:59.999Z", Some("off_hours")),
        ("2026-11-30T08:00:00Z", None),
        ("2026-11-30T11:29:59.999Z", None),
        ("2026-11-30T11:30:00Z", Some("off_hours")),
        ("2026-11-30T12:30:00Z", None),
        ("2026-11-30T16:00:00Z", Some("off_hours")),
        // In summer the day begins an hour earlier.
        ("2026-07-06T07:00:00Z", None),
        ("2026-07-05T10:00:00Z", Some("off_hours")),
    ] {
        assert_eq!(why(&ana, moment), expected, "{moment}");
    }
    assert_eq!(next(&ana, "2026-11-30T11:45:00Z").as_deref(), Some("2026-11-30T12:30:00.000Z"), "after lunch");
    assert_eq!(next(&ana, "2026-11-27T16:00:00Z").as_deref(), Some("2026-11-30T08:00:00.000Z"), "on Monday");
    assert_eq!(next(&ana, "2027-03-26T17:00:00Z").as_deref(), Some("2027-03-29T07:00:00.000Z"), "by summer's clock");
}

#[test]
fn holidays_are_off_unless_the_hours_say_otherwise() {
    let days = country_holidays("DE").expect("known");
    let ana = works("Mo-Fr 09:00-17:00", &days);
    assert_eq!(why(&ana, "2026-12-25T10:00:00Z"), Some("holiday"));
    assert_eq!(why(&ana, "2026-12-24T10:00:00Z"), None);
    assert_eq!(next(&ana, "2026-12-25T10:00:00Z").as_deref(), Some("2026-12-28T08:00:00.000Z"));
    let ben = works("Mo-Fr 09:00-17:00; PH 10:00-12:00", &days);
    assert_eq!((why(&ben, "2026-12-25T09:30:00Z"), why(&ben, "2026-12-25T11:30:00Z")), (None, Some("holiday")));
    assert!(country_holidays("XX").is_none());
}

#[test]
fn one_reason_gives_way_to_another_until_none_is_left() {
    let mut ana = works("Mo-Fr 09:00-17:00", &[]);
    ana.absent = vec![(at("2026-12-23T23:00:00Z"), at("2027-01-02T23:00:00Z"))];
    assert_eq!(why(&ana, "2026-12-24T10:00:00Z"), Some("absent"));
    assert_eq!(next(&ana, "2026-12-23T16:30:00Z").as_deref(), Some("2027-01-04T08:00:00.000Z"));
    ana.left = Some(at("2027-01-03T00:00:00Z"));
    assert_eq!(next(&ana, "2026-12-23T16:30:00Z"), None, "they left before they came back");
    ana.left = None;
    ana.paused = true;
    assert_eq!((why(&ana, "2026-12-01T10:00:00Z"), next(&ana, "2026-12-01T10:00:00Z")), (Some("paused"), None));
}

#[test]
fn caps_count_in_the_days_and_weeks_of_where_they_are() {
    let mut ana = works("Mo-Fr 09:00-17:00", &[]);
    ana.caps = Caps { day: Some(2), week: Some(3), ..Caps::default() };
    let monday = at("2026-11-30T09:00:00Z");
    let today = day_of(&ana.zone, monday);
    let mut given = Given::default().and_one(today, 2);
    assert_eq!(ana.alone().refuses(given, 0, monday), None);
    given = given.and_one(today, 2);
    assert_eq!(ana.alone().refuses(given, 0, monday).map(|refusal| refusal.why), Some(Why::CapDay));
    assert_eq!(ana.alone().next(given, 0, monday).map(Millis::rfc3339).as_deref(), Some("2026-12-01T08:00:00.000Z"));
    given = given.and_one(today + 1, 2);
    let tuesday = monday.plus(Millis::DAY);
    assert_eq!(ana.alone().refuses(given, 0, tuesday).map(|refusal| refusal.why), Some(Why::CapWeek));
    assert_eq!(ana.alone().next(given, 0, tuesday).map(Millis::rfc3339).as_deref(), Some("2026-12-07T08:00:00.000Z"));
    assert_eq!(given.on(today), given, "what came a little late counts for the day at hand");
}

#[test]
fn caps_of_a_tier_hold_back_leads_of_that_tier_alone() {
    let mut ana = works("Mo-Fr 09:00-17:00", &[]);
    ana.caps = Caps { tiers: vec![TierCap { tier: 1, day: Some(1), week: Some(2) }], ..Caps::default() };
    let monday = at("2026-11-30T09:00:00Z");
    let given = Given::default().and_one(day_of(&ana.zone, monday), 1).and_one(day_of(&ana.zone, monday), 2);
    let why = |given, tier, at| ana.alone().refuses(given, tier, at).map(|refusal| refusal.why);
    assert_eq!((why(given, 1, monday), why(given, 2, monday), why(given, 0, monday)), (Some(Why::CapTier), None, None));
    let next = |given, at| ana.alone().next(given, 1, at).map(Millis::rfc3339);
    assert_eq!(next(given, monday).as_deref(), Some("2026-12-01T08:00:00.000Z"));
    let tuesday = monday.plus(Millis::DAY);
    let given = given.and_one(day_of(&ana.zone, tuesday), 1);
    assert_eq!(next(given, tuesday.plus(Millis::DAY)).as_deref(), Some("2026-12-07T08:00:00.000Z"), "two in a week");
}

#[test]
fn what_was_asked_before_changes_no_answer() {
    let days = country_holidays("DE").expect("known");
    let asked = works("Mo-Fr 22:00-26:00; Su 01:30-03:30", &days);
    let start = at("2026-10-23T00:00:00Z");
    // Two weeks around the night in which the clock is set back, there and back again.
    let steps = (0..14 * 96).chain((0..14 * 96).rev().step_by(7));
    for moment in steps.map(|step| start.plus(step * 15 * Millis::MINUTE)) {
        let fresh = works("Mo-Fr 22:00-26:00; Su 01:30-03:30", &days);
        let (one, other) =
            (asked.alone().refuses(Given::default(), 0, moment), fresh.alone().refuses(Given::default(), 0, moment));
        assert_eq!(one, other, "{}", moment.rfc3339());
        if let Some(until) = one.and_then(|refusal| refusal.until) {
            assert!(
                until > moment && asked.alone().refuses(Given::default(), 0, until).is_none(),
                "{}",
                moment.rfc3339()
            );
        }
    }
}

#[test]
fn hours_that_nobody_can_read_are_refused() {
    assert!(Hours::new("Mo-Fr nine to five", &[]).is_err());
    assert_eq!(works("off", &[]).alone().next(Given::default(), 0, at("2026-12-01T10:00:00Z")), None);
}

/// Every server of a store says which rules it has; that somebody was asked for makes no others of them.
#[test]
fn what_was_asked_shows_nowhere() {
    let ana = works("Mo-Fr 09:00-17:00", &country_holidays("DE").expect("known"));
    let before = format!("{ana:?}");
    assert_eq!(why(&ana, "2026-12-25T10:00:00Z"), Some("holiday"));
    assert_eq!(format!("{ana:?}"), before);
    assert_ne!(before, format!("{:?}", works("Mo-Fr 09:00-16:00", &[])));
}

#[test]
fn what_is_said_by_hand_counts_as_what_the_file_says() {
    let ana = works("Mo-Fr 09:00-17:00", &[]);
    let mut roster = Roster::default();
    let mut away = |from: &str, until: Option<&str>| {
        let absence = Absence { from: at(from), until: until.map(at), by: SaidBy::Hand, reason: None };
        roster.change(&RosterChange::Away { rep: "Ana@x.example".into(), absence }, at("2026-11-30T00:00:00Z"));
    };
    away("2026-11-30T10:00:00Z", Some("2026-11-30T12:00:00Z"));
    away("2026-11-30T11:00:00Z", Some("2026-12-02T23:00:00Z"));
    away("2026-12-10T00:00:00Z", None);
    let there = Presence::new("ana@x.example", Some(&ana), &roster);
    let refused = |text| there.is_away(at(text)).map(|refusal| refusal.sentence("ana", there.zone()));
    assert_eq!(refused("2026-11-30T09:00:00Z"), None);
    assert_eq!(refused("2026-11-30T11:00:00Z").as_deref(), Some("ana is absent until Thu 2026-12-03 00:00"));
    assert_eq!(refused("2027-11-30T11:00:00Z").as_deref(), Some("ana is paused"));
    let next = |text| there.next(Given::default(), 0, at(text)).map(Millis::rfc3339);
    assert_eq!(next("2026-11-30T10:00:00Z").as_deref(), Some("2026-12-03T08:00:00.000Z"), "when she works");
    assert_eq!(next("2026-12-10T10:00:00Z"), None, "nobody knows");
    // Of somebody of whom nothing else is said, too.
    let ben = Presence::new("ana@x.example", None, &roster);
    let refused = ben.is_away(at("2026-11-30T11:00:00Z")).expect("she is away");
    assert_eq!(refused.sentence("ana", ben.zone()), "ana is absent until Wed 2026-12-02 23:00 UTC");
}
