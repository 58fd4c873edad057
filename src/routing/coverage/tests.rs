use super::hours;
use crate::config::load_text;
use crate::time::Millis;

/// What is said of the teams of this configuration on Monday, 2026-11-30.
fn told(text: &str) -> Vec<String> {
    let text = format!("{text}\nroutes: [ {{ name: all, to: self_serve }} ]\n");
    let config = load_text("test.yaml", &text, &|_| None).unwrap_or_else(|all| panic!("{all:#?}")).config;
    let now = Millis::parse("2026-11-30T12:00:00Z").expect("a moment");
    let all = hours(&config.rules.teams, now);
    all.into_iter()
        .map(|one| format!("{}: {} {} {}", one.team, one.nobody.unwrap_or_default(), one.time_zone, one.days.join(" ")))
        .collect()
}

#[test]
fn hours_that_nobody_covers_are_told_by_the_clock_of_most() {
    let found = told(
        "
teams: { emea: { reps: [ a@x.example, b@x.example, c@x.example ] } }
reps:
  a@x.example: { time_zone: Europe/Berlin, hours: 'Mo-Fr 09:00-12:00,13:00-17:00' }
  b@x.example: { time_zone: Europe/Berlin, hours: 'Mo-Th 09:00-12:00,13:00-18:00' }
  c@x.example: { time_zone: America/New_York, hours: Mo 12:00-14:00 }
",
    );
    let expected = "emea: Mo 00:00-09:00, 12:00-13:00, 20:00-24:00; Tu-Th 00:00-09:00, 12:00-13:00, 18:00-24:00; \
                    Fr 00:00-09:00, 12:00-13:00, 17:00-24:00; Sa-Su all day Europe/Berlin ";
    assert_eq!(found, [expected]);
}

#[test]
fn whoever_left_or_is_paused_covers_nothing_and_whoever_has_no_hours_everything() {
    let found = told("
teams: { one: { reps: [ a@x.example, b@x.example ] }, two: { reps: [ a@x.example, c@x.example ] }, three: { reps: [ d@x.example ] } }
reps:
  a@x.example: { hours: Mo-Su 08:00-20:00 }
  b@x.example: { left: 2026-11-01 }
  d@x.example: { time_zone: Asia/Tokyo }
");
    assert_eq!(found, ["one: Mo-Su 00:00-08:00, 20:00-24:00 UTC "]);
}

#[test]
fn days_on_which_all_are_away_are_told_and_holidays_are_not_taken_for_the_rule() {
    let found = told("
teams: { emea: { reps: [ a@x.example, b@x.example ] } }
reps:
  a@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 00:00-24:00, holidays: [DE, 2026-12-08], absent: [2026-12-21..2026-12-23] }
  b@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 00:00-24:00, holidays: [DE], absent: [2026-12-22..2026-12-27, 2027-01-04] }
");
    assert_eq!(found, ["emea: Sa-Su all day Europe/Berlin 2026-12-22..2026-12-23 2026-12-25 2027-01-01"]);
}
