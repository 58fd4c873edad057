//! When reps may be given leads, as it is written.

use crate::config::diagnostic::render_all;
use crate::config::{FeedAt, Loaded, load, load_text};
use crate::crm::sample;
use crate::routing::explain::explain;
use crate::time::Millis;

fn load_with(reps: &str) -> Result<Loaded, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("handraiser.yaml");
    let rest = "
time_zone: Europe/Berlin
teams: { dach: { reps: [ana@x.example, ben@x.example] } }
routes: [ { name: all, to: dach } ]
";
    std::fs::write(&path, format!("{rest}{reps}")).expect("written");
    let prefix = format!("{}/", directory.path().display());
    load(&path, &|_| None).map_err(|all| render_all(&all, false).replace(&prefix, ""))
}

fn tried(loaded: &Loaded, at: &str) -> Vec<String> {
    let now = Millis::parse(at).expect("a time");
    let told = explain(loaded.config.rules.routes(), &sample::full(), now).reps;
    told.into_iter().map(|rep| rep.because.unwrap_or(rep.rep)).collect()
}

#[test]
fn everything_that_is_said_of_a_rep_is_heeded() {
    let loaded = load_with(
        "
reps:
  Ana@x.example:
    hours: Mo-Fr 09:00-12:30,13:30-17:00
    holidays: [Germany, 2026-12-24]
    absent: [2027-01-04..2027-01-05, 2027-01-07]
    left: 2027-06-01
  ben@x.example: { time_zone: America/New_York, hours: Mo-Fr 09:00-17:00, caps: { day: 5 } }
",
    )
    .expect("right");
    assert_eq!(
        tried(&loaded, "2026-11-30T08:00:00Z"),
        ["ana@x.example", "ben@x.example is off until Mon 2026-11-30 09:00"]
    );
    assert_eq!(
        tried(&loaded, "2026-12-24T15:00:00Z"),
        ["ana@x.example has a holiday until Mon 2026-12-28 09:00", "ben@x.example"]
    );
    assert_eq!(tried(&loaded, "2027-01-05T22:59:59Z")[0], "ana@x.example is absent until Wed 2027-01-06 00:00");
    assert_eq!(tried(&loaded, "2027-01-07T12:00:00Z")[0], "ana@x.example is absent until Fri 2027-01-08 00:00");
    assert_eq!(tried(&loaded, "2027-05-31T22:00:00Z")[0], "ana@x.example left");
    let saturday = Millis::parse("2026-12-05T12:00:00Z").expect("a time");
    let explained = explain(loaded.config.rules.routes(), &sample::full(), saturday);
    assert_eq!(explained.opens.as_deref(), Some("2026-12-07T08:00:00.000Z"));
}

#[test]
fn calendars_are_files_beside_the_configuration_or_addresses_that_nothing_shows() {
    let loaded = load_with(
        "
reps:
  ana@x.example: { calendar: calendars/ana.ics }
  ben@x.example: { time_zone: Asia/Tokyo, calendar: 'https://calendar.example.com/private-5b2e/basic.ics' }
calendars: { every: 5m, allow_addresses: 10.0.0.0/8 }
",
    )
    .expect("right");
    let calendars = &loaded.config.calendars;
    let [ana, ben] = calendars.feeds.as_slice() else { panic!("{calendars:?}") };
    assert!(matches!(&ana.at, FeedAt::File(path) if path.is_absolute() && path.ends_with("calendars/ana.ics")));
    assert_eq!((&*ben.rep, ben.zone.iana_name()), ("ben@x.example", Some("Asia/Tokyo")));
    assert!(matches!(&ben.at, FeedAt::Url(url) if url.path() == "/private-5b2e/basic.ics"));
    assert_eq!((calendars.every.as_secs(), calendars.allow_addresses.len()), (300, 1));
    assert!(!format!("{calendars:?}").contains("5b2e"), "whoever has the address has the calendar");
    let kept = serde_json::to_string(&*loaded.config.written).expect("plain data");
    assert!(kept.contains("calendars/ana.ics") && !kept.contains("5b2e"), "{kept}");
    let wrong =
        "reps: { ana@x.example: { calendar: 'http://calendar.example.com/a.ics' } }\ncalendars: { every: 2s }\n";
    let said = load_with(wrong).expect_err("wrong");
    assert!(said.contains("`every` is out of bounds") && said.contains("1m to 1d"), "{said}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let said = load_with(
        "
reps:
  ana@x.example: { hours: nine to five, holidays: [Atlantis], absent: [2027-01-05..2027-01-04, soon], left: maybe, caps: { day: 0 } }
  ben@x.example: { time_zone: Europe/Berlinn }
  ben: {}
",
    )
    .expect_err("wrong");
    for expected in [
        "`nine to five` are no opening hours",
        "`Atlantis` is neither a country nor a date",
        "`2027-01-05..2027-01-04` ends before it begins",
        "`soon` is no date, and no stretch of days",
        "`maybe` is neither `true` nor a date",
        "unknown time zone `Europe/Berlinn`",
        "`ben` is no e-mail address",
        "a cap is 1 or more",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn whoever_is_there_otherwise_gets_the_leads() {
    let reason = |otherwise: [&str; 2], at: &str| {
        let [first, second] = otherwise;
        let loaded = load_text(
            "test.yaml",
            &format!(
                "
teams:
  dach: {{ reps: [ana@x.example], otherwise: {first} }}
  night: {{ reps: [ben@x.example], otherwise: {second} }}
reps:
  ana@x.example: {{ hours: 'Mo-Fr 09:00-17:00' }}
  ben@x.example: {{ hours: 'Mo-Fr 17:00-24:00' }}
  cy@x.example: {{ left: true }}
routes: [ {{ name: all, to: dach }} ]
"
            ),
            &|_| None,
        );
        match loaded {
            Ok(loaded) => {
                let now = Millis::parse(at).expect("a time");
                explain(loaded.config.rules.routes(), &sample::full(), now).reason
            }
            Err(all) => render_all(&all, false),
        }
    };
    let (day, evening, sunday) = ("2026-11-30T10:00:00Z", "2026-11-30T18:00:00Z", "2026-11-29T12:00:00Z");
    let to_night = ["night", "self_serve"];
    assert!(reason(to_night, day).ends_with("whoever's turn it is in team dach"));
    assert_eq!(
        reason(to_night, evening),
        "route `all`: always; nobody of team dach is there (ana@x.example is off until Tue 2026-12-01 09:00); whoever's turn it is in team night"
    );
    assert!(reason(to_night, sunday).ends_with("self-serve, the product follows up"), "{}", reason(to_night, sunday));
    assert!(reason(["dee@x.example", "self_serve"], sunday).ends_with("; goes to dee@x.example"));
    assert!(reason(["cy@x.example", "self_serve"], sunday).ends_with("; cy@x.example left, so nobody owns it"));
    assert!(reason(["night", "dach"], day).contains("would go round in a circle"));
    assert!(reason(["nihgt", "dach"], day).contains("unknown team `nihgt`"));
}

#[test]
fn what_is_surely_not_meant_is_warned_of() {
    let loaded = load_with(
        "
reps:
  ana@x.example: { left: true }
  ben@x.example: { left: true }
  cy@x.example: { paused: true }
",
    )
    .expect("right");
    let said = render_all(&loaded.warnings, false);
    for expected in [
        "`ana@x.example` left, and is still in team `dach`",
        "everybody in team `dach` left",
        "no team, route or territory names `cy@x.example`",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn a_promise_that_nobody_can_keep_is_refused_where_it_stands() {
    let text = "
time_zone: UTC
sources: { app: { write_key: k } }
teams:
  dach:
    reps: [ana@x.example]
    sla: { accept: 30m, tiers: { one: 5m }, remind: 45m, reassign: 100, then: nobody }
  west: { reps: [ben@x.example], sla: { remind: 5m } }
routes: [ { name: all, to: dach } ]
";
    let errors = load_text("h.yaml", text, &|_| None).expect_err("it is wrong");
    let told = render_all(&errors, false);
    for part in [
        "`one` is no tier",
        "`remind` is how long before the end of `accept` the owner is reminded",
        "no lead should go through so many hands",
        "`nobody` is no e-mail address",
        "accept",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(errors.len(), 5, "{told}");
}

#[test]
fn what_nobody_knows_is_told_where_it_is_asked_for() {
    let checked = |needs: &str| {
        let text = format!(
            "
teams: {{ dach: {{ reps: [ana@x.example, ben@x.example] }} }}
reps: {{ ana@x.example: {{ skills: [security], languages: [de] }}, ben@x.example: {{ skills: [billing] }} }}
routes: [ {{ name: all, to: dach, needs: {needs} }}, {{ name: rest, to: self_serve }} ]
"
        );
        match load_text("handraiser.yaml", &text, &|_| None) {
            Ok(loaded) => render_all(&loaded.warnings, false),
            Err(all) => render_all(&all, false),
        }
    };
    let told = checked("{ skills: [securty] }");
    assert!(told.contains("no rep has the skill `securty`") && told.contains("security"), "{told}");
    let told = checked("{ skills: [security, billing] }");
    assert!(told.contains("nobody of the team `dach` has all of these skills"), "{told}");
    let told = checked("{ skills: Security, language: user.locale }");
    assert!(told.contains("user.locale"), "a trait has to be declared: {told}");
    let told = checked("{ skills: Security }");
    assert!(!told.contains("no rep has") && !told.contains("nobody of the team"), "{told}");
}
