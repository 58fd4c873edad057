//! What a routing decision costs: a table of territories of 10,000 rows, 500 reps in 50 teams, and a lead with everything that a lead has.
//!
//! `cargo bench --bench routing`. The reps have time zones, hours, holidays, absences and caps; the leads of an account may have an owner, and
//! a lead may find nobody there. The table is of the kind that grows so large: 3,000 named accounts, 5,000 postal ranges of one country and
//! 1,500 of another, 500 rows of sizes and industries. Measured is all that follows from a lead event: reading what the table asks for,
//! finding the row, and taking a turn in its team.
#![expect(clippy::panic, reason = "a bench that panics has failed")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use handraiser::config::{Config, load_text};
use handraiser::crm::sample;
use handraiser::lead::LeadEvent;
use handraiser::record::{AccountOwner, Owners, TeamTurns};
use handraiser::routing::{Asks, Decision, Present, assign, decide, next_opening};
use handraiser::time::Millis;
use serde_json::json;

/// A Tuesday afternoon in Berlin: the reps there and in New York work, those in Tokyo don't.
const NOW: Millis = Millis(1_795_528_800_000);
/// The Saturday before: nobody works.
const WEEKEND: Millis = Millis(1_795_255_200_000);
const TEAMS: usize = 50;

fn configuration() -> Config {
    let mut text = String::from(
        "traits: { account: { domain: text, country: country, postal_code: text, industry: text, employees: band } }\nteams:\n",
    );
    for team in 0..TEAMS {
        let reps: Vec<String> = (0..10).map(|rep| format!("rep{rep}.team{team}@example.com")).collect();
        let _ = writeln!(text, "  team{team}: {{ reps: [{}] }}", reps.join(", "));
    }
    text.push_str("reps:\n");
    let places = [("Europe/Berlin", "DE"), ("America/New_York", "US"), ("Asia/Tokyo", "JP")];
    for (rep, (zone, holidays)) in (0..TEAMS * 10).zip(places.iter().cycle()) {
        let _ = writeln!(
            text,
            "  rep{}.team{}@example.com: {{ time_zone: {zone}, hours: 'Mo-Fr 08:30-12:30,13:00-17:30', holidays: {holidays}, \
             absent: [2026-12-24..2027-01-02, 2027-05-14], caps: {{ day: 1000000000, week: 1000000000, open: 1000000000 }} }}",
            rep % 10,
            rep / 10,
        );
    }
    text.push_str(
        "routes: [ { name: whose it is, to: account_owner }, { name: table, to: territories }, { name: rest, to: self_serve } ]\nterritories:\n  rows:\n",
    );
    let to = |row: usize| row % TEAMS;
    for row in 0..3_000 {
        let _ = writeln!(text, "    - {{ domain: account{row}.example, to: team{} }}", to(row));
    }
    for row in 0..5_000 {
        let _ = writeln!(
            text,
            "    - {{ country: US, postal_code: '{:05}-{:05}', to: team{} }}",
            row * 20,
            row * 20 + 19,
            to(row)
        );
    }
    for row in 0..1_500 {
        let _ = writeln!(text, "    - {{ country: DE, postal_code: '{:04}', to: team{} }}", 1_000 + row, to(row));
    }
    for (row, country) in ["FR", "GB", "IT", "ES", "NL"].into_iter().enumerate() {
        for band in 0..100 {
            let (least, most) = (band * 10, band * 10 + 9);
            let _ =
                writeln!(text, "    - {{ country: {country}, employees: {least}-{most}, to: team{} }}", to(row + band));
        }
    }
    load_text("bench.yaml", &text, &|_| None).unwrap_or_else(|all| panic!("{all:#?}")).config
}

fn lead(traits: &serde_json::Value) -> LeadEvent {
    let mut event = sample::full();
    let account = event.lead.account.iter_mut();
    account.for_each(|account| account.traits.extend(traits.as_object().cloned().unwrap_or_default()));
    event
}

fn decisions(criterion: &mut Criterion) {
    let config = configuration();
    let routes = config.rules.routes();
    assert_eq!(routes.territories.map_or(0, |table| table.rows.len()), 10_000);
    let mut group = criterion.benchmark_group("10,000 rows and 500 reps");
    for (name, traits) in [
        ("a named account", json!({ "domain": "account1500.example", "country": "US", "postal_code": "94107" })),
        (
            "the last of 5,000 postal ranges",
            json!({ "domain": "other.example", "country": "US", "postal_code": "00010" }),
        ),
        ("a size in a country", json!({ "domain": "other.example", "country": "FR", "employees": 640 })),
        ("no row", json!({ "domain": "other.example", "country": "JP" })),
    ] {
        let event = lead(&traits);
        let mut turns = TeamTurns::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| match decide(routes, black_box(&event), Owners::default(), NOW) {
                Decision::Turn(pending) => {
                    let team = config.rules.teams.iter().find(|team| team.name == pending.team);
                    let turn = team.and_then(|team| assign(team, &mut turns, Asks::default(), Present::at(NOW)));
                    black_box(turn.map(|turn| pending.settle(&turn, None)))
                }
                Decision::Settled(routing) => black_box(Some(routing)),
            });
        });
    }
    let event = lead(&json!({ "domain": "account1500.example", "country": "US", "postal_code": "94107" }));
    let owner = AccountOwner { rep: "rep0.team7@example.com".into(), at: WEEKEND, pinned: false };
    let owners = Owners { account: Some(&owner), ..Owners::default() };
    group.bench_function("the owner of the account", |bencher| {
        bencher.iter(|| match decide(routes, black_box(&event), owners, NOW) {
            Decision::Settled(routing) => black_box(routing),
            Decision::Turn(pending) => panic!("it has an owner: {pending:?}"),
        });
    });
    group.bench_function("nobody is there: when somebody will be, and why it waits", |bencher| {
        bencher.iter(|| {
            let Decision::Turn(pending) = decide(routes, black_box(&event), Owners::default(), WEEKEND) else {
                panic!("a team's")
            };
            let team = config.rules.teams.iter().find(|team| team.name == pending.team);
            let team = team.unwrap_or_else(|| panic!("no team {}", pending.team));
            let mut turns = TeamTurns::default();
            assert!(
                assign(team, &mut turns, Asks::default(), Present::at(WEEKEND)).is_none(),
                "nobody works at weekends"
            );
            black_box((
                next_opening(team, &turns, Asks::default(), Present::at(WEEKEND)),
                pending.waits(team, &turns, Asks::default(), Present::at(WEEKEND)),
            ))
        });
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
