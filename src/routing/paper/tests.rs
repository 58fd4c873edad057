use jiff::tz::TimeZone;

use super::{Change, Owner, Paper, Report};
use crate::config::{Config, load_text};
use crate::crm::sample;
use crate::lead::{Lead, Routing};
use crate::record::LeadHold;
use crate::time::Millis;

const COMPANY: &str = "
traits: { account: { country: country, employees: band } }
teams:
  emea: { reps: [gus@x.example, hana@x.example], otherwise: night }
  night: { reps: [ivo@x.example] }
  day: { reps: [pia@x.example] }
reps:
  gus@x.example: { caps: { day: 2 } }
  hana@x.example: { hours: Mo-Fr 09:00-17:00 }
  ivo@x.example: { absent: [2026-11-25] }
  pia@x.example: { hours: Mo-Fr 09:00-17:00, left: 2026-11-26 }
territories:
  rows:
    - { name: Large, country: DE, employees: 1000+, to: day }
    - { name: DACH, region: DACH, employees: <1000, to: emea }
    - { name: Nordics, region: Nordics, to: emea }
routes:
  - { name: tier 3, when: lead.tier == 3, to: self_serve }
  - { name: table, to: territories }
  - { name: paying, when: account.plan == 'paid', to: night }
";

fn company(text: &str) -> Config {
    let text = text.replace("employees: band }", "employees: band, plan: text }");
    load_text("new.yaml", &text, &|_| None).unwrap_or_else(|all| panic!("{all:#?}")).config
}

/// A lead of an account with these traits that qualified at noon of a day of November 2026, so many minutes later.
fn lead(id: &str, (day, minute): (u32, u32), traits: &[(&str, &str)], owner: Option<&str>) -> Lead {
    let mut lead = sample::full().lead;
    lead.id = id.to_owned();
    lead.timestamps.qualified = format!("2026-11-{day:02}T12:{minute:02}:00.000Z");
    let account = lead.account.as_mut().expect("it has one");
    account.traits = traits.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let (route, team) = (Some("old".to_owned()), Some("emea".to_owned()));
    lead.routing = owner.map(|owner| Routing { route, team, owner: Some(owner.to_owned()), ..Routing::default() });
    lead
}

fn on_paper(leads: impl IntoIterator<Item = Lead>) -> Report {
    let config = company(COMPANY);
    let mut paper = Paper::new(config.rules.routes(), None, (None, None));
    leads.into_iter().for_each(|lead| paper.take(lead).expect("it has a moment"));
    paper.report(&TimeZone::UTC)
}

fn owners(report: &Report) -> Vec<String> {
    report.lines.iter().map(|line| format!("{} {}", line.lead, line.after)).collect()
}

const DACH: &[(&str, &str)] = &[("country", "AT"), ("employees", "50")];

#[test]
fn turns_go_by_time_whatever_the_order_in_which_leads_are_read_and_the_first_news_of_each_counts() {
    let all = || (0..4).map(|n| lead(&n.to_string(), (23, n), DACH, Some("gus@x.example")));
    let later = Lead { revision: 7, tier: 3, ..lead("1", (23, 1), DACH, None) };
    let first = Lead { revision: 1, ..lead("1", (23, 1), DACH, Some("gus@x.example")) };
    let report =
        on_paper(all().filter(|lead| lead.id != "1").collect::<Vec<_>>().into_iter().rev().chain([later, first]));
    let expected =
        ["0 gus@x.example (emea)", "1 hana@x.example (emea)", "2 gus@x.example (emea)", "3 hana@x.example (emea)"];
    assert_eq!(owners(&report), expected);
    assert_eq!((report.stay, report.other_rep, report.moved), (2, 2, 0));
    assert_eq!(report.changes().iter().map(|line| line.change).collect::<Vec<_>>(), [Change::OtherRep; 2]);
    assert_eq!(owners(&on_paper(all())), expected);
}

#[test]
fn everybody_is_asked_as_they_were_then_and_otherwise_passes_on() {
    // A Sunday: hana is off, gus takes two, ivo the others; on Wednesday the 25th ivo is absent.
    let on = |day: u32, minutes: std::ops::Range<u32>| {
        minutes.map(move |minute| lead(&format!("{day}.{minute}"), (day, minute), DACH, None))
    };
    let report = on_paper(on(22, 0..4));
    let whose: Vec<&str> = report.lines.iter().filter_map(|line| line.after.owner.rep()).collect();
    assert_eq!(whose, ["gus@x.example", "gus@x.example", "ivo@x.example", "ivo@x.example"]);
    let reason = &report.lines[2].reason;
    assert!(reason.contains("gus@x.example has the day's cap of leads until Mon 2026-11-23 00:00"), "{reason}");

    let left = COMPANY.replace("ivo@x.example: { absent: [2026-11-25] }", "ivo@x.example: { left: 2026-11-22 }");
    let left = company(&left);
    let mut paper = Paper::new(left.rules.routes(), None, (None, None));
    on(22, 0..3).for_each(|lead| paper.take(lead).expect("it has a moment"));
    let report = paper.report(&TimeZone::UTC);
    assert_eq!(report.lines[2].after.owner, Owner::Nobody, "{}", report.lines[2].reason);
}

#[test]
fn who_was_passed_over_is_counted_with_the_reason() {
    let report = on_paper((0..6).map(|minute| lead(&minute.to_string(), (23, minute), DACH, None)));
    let passed: Vec<_> = report.passed_over().into_iter().map(|one| (one.rep, one.reason, one.leads)).collect();
    assert_eq!(passed, [("gus@x.example".to_owned(), "cap_day", 2)]);
    let weeks: Vec<_> = report.weeks().into_iter().map(|load| (load.week, load.rep.to_string(), load.after)).collect();
    let monday = || "2026-11-23".to_owned();
    assert_eq!(weeks, [(monday(), "gus@x.example".to_owned(), 2), (monday(), "hana@x.example".to_owned(), 4)]);
}

#[test]
fn what_is_not_known_is_counted_where_it_mattered() {
    let report = on_paper([
        lead("nowhere", (23, 0), &[("plan", "free")], None),
        lead("size", (23, 1), &[("country", "CH"), ("plan", "free")], None),
        lead("plan", (23, 2), &[("country", "JP"), ("employees", "5")], None),
        lead("all", (23, 3), &[("country", "SE"), ("plan", "free")], None),
        Lead { tier: 3, ..lead("tier", (23, 4), &[], None) },
    ]);
    let unknown: Vec<_> = report.unknown().into_iter().map(|count| (count.what, count.leads)).collect();
    let of = |what: &str, leads: usize| (what.to_owned(), leads);
    assert_eq!(unknown, [of("employees", 2), of("account.plan", 1), of("country", 1)]);
    let whose = |at: usize| report.lines[at].after.to_string();
    assert_eq!((whose(0), whose(1), whose(2)), ("no route".into(), "no route".into(), "no route".into()));
    assert_eq!((whose(3), whose(4)), ("gus@x.example (emea)".into(), "self-serve".into()));
}

#[test]
fn who_gains_and_loses_is_told_by_team_rep_and_tier() {
    let mut leads: Vec<Lead> = (0..3).map(|n| lead(&n.to_string(), (23, n), DACH, Some("pia@x.example"))).collect();
    leads[0].tier = 2;
    leads.push(lead("self", (23, 9), &[("country", "JP")], None));
    let groups = on_paper(leads).groups();
    let told: Vec<_> = groups
        .iter()
        .flat_map(|group| {
            let of = |owner: &super::RepCounts| (owner.owner.to_string(), owner.leads.all(), owner.busiest_week);
            group.owners.iter().map(of)
        })
        .collect();
    let of = |who: &str, leads: (usize, usize), busiest: (usize, usize)| (who.to_owned(), leads, busiest);
    assert_eq!(
        told,
        [
            of("gus@x.example", (0, 2), (0, 2)),
            of("hana@x.example", (0, 1), (0, 1)),
            of("pia@x.example", (3, 0), (3, 0)),
            of("no route", (0, 1), (0, 0)),
            of("not routed", (1, 0), (0, 0)),
        ]
    );
    assert_eq!(groups[0].all.before, [(1, 2), (2, 1)].into());
}

#[test]
fn two_configurations_are_compared_by_what_both_make_of_the_same_leads() {
    let (new, old) = (company(COMPANY), company(&COMPANY.replace("Nordics, to: emea", "Nordics, to: night")));
    let mut paper = Paper::new(new.rules.routes(), Some(old.rules.routes()), (None, None));
    for n in 0..8 {
        let country = if n % 2 == 0 { "AT" } else { "SE" };
        let traits = [("country", country), ("employees", "50")];
        // Who got them is of no interest.
        paper.take(lead(&n.to_string(), (23, n), &traits, Some("somebody@x.example"))).expect("it has a moment");
    }
    let report = paper.report(&TimeZone::UTC);
    let from_night = report.lines.iter().filter(|line| line.before.team.as_deref() == Some("night"));
    assert_eq!((from_night.count(), report.moved), (4, 4));
}

#[test]
fn leads_that_nobody_was_told_of_and_those_of_other_times_are_left_out_and_counted() {
    let config = company(COMPANY);
    let at = |text| Millis::parse(text);
    let period = (at("2026-11-23T00:00:00Z"), at("2026-11-24T00:00:00Z"));
    let mut paper = Paper::new(config.rules.routes(), None, period);
    let hold = LeadHold { source: "web".to_owned(), discarded: false, because: None };
    for lead in [
        lead("early", (22, 0), DACH, None),
        lead("late", (24, 0), DACH, None),
        Lead { shadow: true, ..lead("shadow", (23, 0), DACH, None) },
        Lead { hold: Some(hold), ..lead("held", (23, 0), DACH, None) },
        Lead { revision: 2, ..lead("changed", (23, 0), DACH, None) },
    ] {
        paper.take(lead).expect("it has a moment");
    }
    let mut broken = lead("broken", (23, 0), DACH, None);
    broken.timestamps.qualified = "yesterday".to_owned();
    assert!(paper.take(broken).is_err_and(|error| error.to_string().contains("`yesterday`")));
    let report = paper.report(&TimeZone::UTC);
    assert_eq!((report.leads, report.changed_since), (1, 1));
    let out = report.left_out;
    assert_eq!((out.elsewhen, out.shadows, out.held), (2, 1, 1));
}

/// Friday noon until Monday, by a team that works in the week: leads wait, the best tier first, and those that may not wait so long don't.
#[test]
fn leads_wait_for_the_first_who_is_there_in_the_order_of_their_worth() {
    let text = "
traits: { account: { country: country } }
teams:
  patient: { reps: [ ana@x.example, ben@x.example ] }
  hasty: { reps: [ ana@x.example ], max_wait: 2h, otherwise: self_serve }
reps:
  ana@x.example: { hours: 'Mo-Fr 09:00-12:00,13:00-17:00', caps: { day: 1 } }
  ben@x.example: { hours: Mo-Fr 10:00-17:00 }
routes:
  - { name: hasty, when: account.country == 'FR', to: hasty }
  - { name: rest, to: patient }
";
    let config = company(text);
    let mut paper = Paper::new(config.rules.routes(), None, (None, None));
    // Saturday, three of them; the second is of the best tier, and the third is worth more than the first.
    let of = |id: &str, at: (u32, u32), tier: u8, rank: u32, country: &str| Lead {
        tier,
        rank: Some(rank.into()),
        ..lead(id, at, &[("country", country)], None)
    };
    for lead in [
        of("first", (21, 0), 2, 1, "DE"),
        of("best", (21, 1), 1, 1, "DE"),
        of("worth", (21, 2), 2, 7, "DE"),
        of("hasty", (21, 3), 1, 1, "FR"),
        // In the lunch break of a Tuesday, which ends within two hours.
        of("lunch", (24, 5), 1, 1, "FR"),
    ] {
        paper.take(lead).expect("it has a moment");
    }
    let report = paper.report(&TimeZone::UTC);
    let told: Vec<_> = report.lines.iter().map(|line| (&*line.lead, line.after.to_string(), line.waited_s)).collect();
    let monday = 45 * 3_600;
    assert_eq!(
        told,
        [
            ("first", "ben@x.example (patient)".to_owned(), monday + 3_600),
            ("best", "ana@x.example (patient)".to_owned(), monday - 60),
            ("worth", "ben@x.example (patient)".to_owned(), monday + 3_600 - 2 * 60),
            ("hasty", "self-serve".to_owned(), 0),
            ("lunch", "ana@x.example (hasty)".to_owned(), 55 * 60),
        ]
    );
    let reason = &report.lines[1].reason;
    assert!(reason.contains("it waited 1d 20h for team patient"), "{reason}");
    let waits: Vec<_> = report.waits().into_iter().map(|one| (one.team, one.leads, one.longest_s)).collect();
    assert_eq!(waits, [(Some("hasty".into()), 1, 3_300), (Some("patient".into()), 3, monday + 3_600)]);
}

#[test]
fn leads_that_would_not_be_taken_on_in_time_are_counted_by_who_has_them_on_paper() {
    // On a Monday at noon: hana works until five, gus always.
    let taken = |id: &str, minute: u32, after: Option<i64>| {
        let mut lead = lead(id, (23, minute), DACH, Some("gus@x.example"));
        let routed = Millis::parse(&lead.timestamps.qualified).expect("a moment");
        lead.timestamps.routed = Some(routed.rfc3339());
        lead.timestamps.accepted = after.map(|minutes| routed.plus(minutes * Millis::MINUTE).rfc3339());
        lead.timestamps.lapsed = None;
        (lead.outcome, lead.progress) = (None, None);
        lead
    };
    let promised = COMPANY.replace("otherwise: night }\n  night", "otherwise: night, sla: { accept: 30m } }\n  night");
    let config = company(&promised);
    let mut paper = Paper::new(config.rules.routes(), None, (None, None));
    // In time, too late, never, and one of which it can't be known yet.
    let leads = [taken("a", 0, Some(29)), taken("b", 1, Some(31)), taken("c", 2, None), taken("d", 59, None)];
    leads.into_iter().for_each(|lead| paper.take(lead).expect("it has a moment"));
    let report = paper.report(&TimeZone::UTC);
    let late: Vec<_> = report.late().into_iter().map(|one| (one.team.to_string(), one.leads, one.late)).collect();
    assert_eq!(late, [("emea".to_owned(), 3, 2)]);
    assert!(on_paper([taken("a", 0, None)]).late().is_empty(), "nothing is promised");
}
