//! Leads that find nobody of their team wait for the first who is there, in order, for as long as they may.

use handraiser::event::{Call, Event};
use handraiser::ids::RecordKey;
use handraiser::lead::{Lead, LeadEvent, LeadEventType};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::{Desk, START};

const SIGNED_UP: &str = "
traits: { user: { seats: number, plan: text } }
counters: { signups: { of: user, event: Signed Up } }
definitions:
  - name: signed up
    of: user
    intent: [ signups > 0 ]
    tiers: { 1: user.plan == \"pro\", 2: \"true\" }
    rank: user.seats
";
const HOURS: &str = "reps: { ana@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00 } }";

/// The desk starts on a Saturday, at 10:00 in the morning of UTC.
fn desk(teams: &str, reps: &str) -> Desk {
    Desk::documented(&sections(teams, reps))
}

fn sections(teams: &str, reps: &str) -> String {
    format!("{SIGNED_UP}\nteams: {teams}\n{reps}\nroutes: [ {{ name: all, to: dach }} ]")
}

fn at(text: &str) -> Millis {
    Millis::parse(text).expect("a moment")
}

async fn turn(desk: &Desk, text: &str) {
    desk.pass(at(text).since(desk.clock.now())).await;
}

async fn sign_up(desk: &Desk, user: &str, plan: &str, seats: Option<u32>) {
    let traits = json!({ "plan": plan, "seats": seats });
    desk.send(vec![desk.told(Call::Identify, user, None, traits), desk.track(user, "Signed Up")]).await;
}

async fn lead(desk: &Desk, user: &str) -> Lead {
    let found = desk.leads().await.into_iter().find(|lead| lead.subject.id == user);
    found.unwrap_or_else(|| panic!("{user} has a lead"))
}

/// Whose lead somebody is, or since when it waits.
async fn whose(desk: &Desk, user: &str) -> String {
    match lead(desk, user).await {
        Lead { waits: Some(waits), routing: None, .. } => format!("waits since {}", waits.since),
        Lead { routing: Some(routing), waits: None, .. } => routing.owner.unwrap_or_else(|| "nobody".to_owned()),
        other => panic!("it is routed, or waits: {other:?}"),
    }
}

async fn waiting_record(desk: &Desk, user: &str) -> String {
    desk.text(&RecordKey::wait("dach", &lead(desk, user).await.id)).await
}

fn users(taken: &[LeadEvent]) -> Vec<&str> {
    let mut users: Vec<_> = taken.iter().map(|event| &*event.lead.subject.id).collect();
    users.sort_unstable();
    users
}

#[tokio::test]
async fn leads_wait_for_monday_and_go_out_by_tier_rank_and_age() {
    let reps = "reps: { ana@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00, caps: { day: 2 } } }";
    let desk = desk("{ dach: { reps: [ana@x.example] } }", reps);
    assert_eq!(desk.clock.now(), START);
    for (user, plan, seats) in [
        ("free first", "free", Some(5)),
        ("free big", "free", Some(50)),
        ("pro unknown", "pro", None),
        ("pro small", "pro", Some(1)),
        ("free last", "free", Some(5)),
    ] {
        sign_up(&desk, user, plan, seats).await;
        desk.pass(Millis::SECOND).await;
    }
    assert_eq!(whose(&desk, "free big").await, "waits since 2026-11-21T10:00:01.000Z");
    let reason = lead(&desk, "free big").await.waits.expect("it waits").reason;
    let expected = "route `all`: always; nobody of team dach is there (ana@x.example is off until Mon 2026-11-23 09:00), so that it waits \
                    for the first of them";
    assert_eq!(reason, expected);
    turn(&desk, "2026-11-23T07:59:59Z").await;
    assert!(desk.taken(0).await.is_empty(), "nobody is there yet");
    assert_eq!(desk.turns("dach").await, 0);
    turn(&desk, "2026-11-23T08:00:00Z").await;
    assert_eq!(users(&desk.taken(2).await), ["pro small", "pro unknown"], "the best tier first");
    turn(&desk, "2026-11-24T08:00:00Z").await;
    assert_eq!(users(&desk.taken(4).await)[..2], ["free big", "free first"], "then the greatest rank, then the oldest");
    assert!(whose(&desk, "free last").await.starts_with("waits since"), "ana has had two today as well");
    turn(&desk, "2026-11-25T08:00:00Z").await;
    let last = desk.taken(5).await.pop().expect("five").lead;
    let reason = last.routing.expect("it is routed").reason;
    assert!(
        reason.contains("; it waited 3d 21h for team dach; round robin in team dach: ana@x.example's turn"),
        "{reason}"
    );
    assert_eq!(waiting_record(&desk, "free last").await, "");
    assert!(!desk.text(&RecordKey::team("dach")).await.contains("opens"), "nobody waits any more");
}

#[tokio::test]
async fn who_comes_while_somebody_is_there_waits_for_nothing() {
    let desk = desk("{ dach: { reps: [ana@x.example] } }", HOURS);
    turn(&desk, "2026-11-23T09:00:00Z").await;
    sign_up(&desk, "kim", "pro", None).await;
    assert_eq!(whose(&desk, "kim").await, "ana@x.example");
    let taken = desk.taken(1).await;
    assert_eq!((taken[0].kind, &taken[0].lead.waits), (LeadEventType::Qualified, &None));
}

#[tokio::test]
async fn a_lead_waits_no_longer_than_it_may_and_not_for_somebody_who_comes_too_late() {
    let reps = "reps: { ana@x.example: { paused: true }, ben@x.example: { time_zone: UTC, hours: Mo-Fr 09:00-17:00 } }";
    let teams = "{ dach: { reps: [ana@x.example], max_wait: 4h, otherwise: late },
      late: { reps: [ben@x.example], max_wait: 8h, otherwise: night }, night: { reps: [cy@x.example] } }";
    let desk = desk(teams, reps);
    sign_up(&desk, "kim", "pro", None).await;
    assert_eq!(
        whose(&desk, "kim").await,
        "waits since 2026-11-21T10:00:00.000Z",
        "who is paused may be back any minute"
    );
    turn(&desk, "2026-11-21T13:59:59Z").await;
    assert!(whose(&desk, "kim").await.starts_with("waits since"));
    turn(&desk, "2026-11-21T14:00:00Z").await;
    assert_eq!(whose(&desk, "kim").await, "cy@x.example", "ben comes on Monday only, which is beyond his eight hours");
    let reason = lead(&desk, "kim").await.routing.expect("routed").reason;
    let expected = "it waited 4h for team dach; nobody of team dach is there (ana@x.example is paused); nobody of team late is there \
                    (ben@x.example is off until Mon 2026-11-23 09:00); round robin in team night: cy@x.example's turn";
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(waiting_record(&desk, "kim").await, "");
    // In the small hours of Monday ben comes soon enough.
    turn(&desk, "2026-11-23T01:00:00Z").await;
    sign_up(&desk, "lee", "pro", None).await;
    turn(&desk, "2026-11-23T05:00:00Z").await;
    assert_eq!(whose(&desk, "lee").await, "waits since 2026-11-23T05:00:00.000Z");
    turn(&desk, "2026-11-23T09:00:00Z").await;
    assert_eq!(whose(&desk, "lee").await, "ben@x.example");
    assert_eq!(desk.taken(2).await.len(), 2);
}

#[tokio::test]
async fn nobody_waits_for_those_who_never_come_nor_where_others_take_over_at_once() {
    let away = "reps: { ana@x.example: { left: 2026-01-01 } }";
    let desk = desk("{ dach: { reps: [ana@x.example] } }", away);
    sign_up(&desk, "kim", "pro", None).await;
    assert_eq!(whose(&desk, "kim").await, "nobody");
    let desk =
        self::desk("{ dach: { reps: [ana@x.example], otherwise: night }, night: { reps: [cy@x.example] } }", HOURS);
    sign_up(&desk, "kim", "pro", None).await;
    assert_eq!(whose(&desk, "kim").await, "cy@x.example");
}

#[tokio::test]
async fn other_rules_call_those_who_wait() {
    let desk = desk("{ dach: { reps: [ana@x.example] } }", HOURS);
    for user in ["kim", "lee"] {
        sign_up(&desk, user, "pro", None).await;
    }
    assert!(whose(&desk, "kim").await.starts_with("waits since"));
    desk.reload(&sections("{ dach: { reps: [ana@x.example, ben@x.example] } }", HOURS)).await;
    assert_eq!(
        (whose(&desk, "kim").await, whose(&desk, "lee").await),
        ("ben@x.example".into(), "ben@x.example".into())
    );
    // A team that is no more lets its leads go.
    desk.reload(&sections("{ dach: { reps: [ana@x.example] } }", HOURS)).await;
    sign_up(&desk, "max", "pro", None).await;
    assert!(whose(&desk, "max").await.starts_with("waits since"));
    let other = sections("{ other: { reps: [ana@x.example] } }", HOURS).replace("to: dach", "to: other");
    desk.reload(&other).await;
    assert_eq!(whose(&desk, "max").await, "nobody");
    assert_eq!(desk.taken(3).await.len(), 3);
}

#[tokio::test]
async fn whoever_is_forgotten_waits_for_nobody_and_takes_no_turn() {
    let desk = desk("{ dach: { reps: [ana@x.example] } }", HOURS);
    sign_up(&desk, "kim", "pro", None).await;
    sign_up(&desk, "lee", "pro", None).await;
    let record = RecordKey::wait("dach", &lead(&desk, "kim").await.id);
    assert!(desk.text(&record).await.contains("\"kim\""));
    desk.engine.forget(&RecordKey::user("kim")).await.expect("it is forgotten");
    desk.settle().await;
    assert_eq!(desk.text(&record).await, "");
    turn(&desk, "2026-11-23T08:00:00Z").await;
    assert_eq!(users(&desk.taken(1).await), ["lee"]);
    assert_eq!(desk.turns("dach").await, 1);
}

#[tokio::test]
async fn who_turns_out_to_be_another_waits_as_them_or_not_at_all() {
    let desk = desk("{ dach: { reps: [ana@x.example] } }", HOURS);
    for anonymous in ["a-1", "a-2"] {
        let event = Event { user_id: None, anonymous_id: Some(anonymous.into()), ..desk.track("", "Signed Up") };
        desk.send(vec![event]).await;
    }
    sign_up(&desk, "kim", "pro", None).await;
    // Kim has a lead that waits; lee has none.
    desk.send(vec![desk.identify("kim", "a-1"), desk.identify("lee", "a-2")]).await;
    let reason = lead(&desk, "a-1").await.routing.expect("it is told").reason;
    let own = lead(&desk, "kim").await.id;
    assert_eq!(reason, format!("nobody gets it: this turned out to be user:kim, whose lead is {own}"));
    turn(&desk, "2026-11-23T08:00:00Z").await;
    assert_eq!(users(&desk.taken(2).await), ["a-2", "kim"]);
    assert_eq!((whose(&desk, "a-2").await, desk.turns("dach").await), ("ana@x.example".to_owned(), 2));
    desk.pass(Millis::DAY).await;
    assert_eq!(desk.taken(2).await.len(), 2);
}

#[tokio::test]
async fn more_than_are_called_at_once_all_go_out_in_one_morning() {
    let desk = desk(
        "{ dach: { reps: [ana@x.example, ben@x.example] } }",
        "reps:
  ana@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00 }
  ben@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00 }",
    );
    for some in 0..7 {
        desk.send((0..100).map(|number| desk.track(&format!("user {some} {number}"), "Signed Up")).collect()).await;
    }
    assert!(desk.taken(0).await.is_empty());
    turn(&desk, "2026-11-23T08:00:00Z").await;
    let taken = desk.taken(700).await;
    let anas = taken
        .iter()
        .filter(|event| event.lead.routing.as_ref().is_some_and(|r| r.owner.as_deref() == Some("ana@x.example")));
    assert_eq!((taken.len(), anas.count(), desk.turns("dach").await), (700, 350, 700));
}

#[tokio::test]
async fn who_comes_to_be_worth_more_while_they_wait_moves_up() {
    let reps = "reps: { ana@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00, caps: { day: 1 } } }";
    let desk = desk("{ dach: { reps: [ana@x.example] } }", reps);
    for user in ["kim", "lee"] {
        sign_up(&desk, user, "free", None).await;
        desk.pass(Millis::SECOND).await;
    }
    desk.send(vec![desk.told(Call::Identify, "lee", None, json!({ "plan": "pro" }))]).await;
    assert_eq!((lead(&desk, "lee").await.tier, lead(&desk, "lee").await.waits.is_some()), (1, true));
    turn(&desk, "2026-11-23T08:00:00Z").await;
    let taken = desk.taken(2).await;
    let told: Vec<_> = taken.iter().map(|event| (&*event.lead.subject.id, event.kind)).collect();
    assert_eq!(told, [("lee", LeadEventType::Qualified), ("lee", LeadEventType::TierChanged)]);
    assert!(taken.iter().all(|event| event.lead.waits.is_none() && event.lead.routing.is_some()));
    assert!(whose(&desk, "kim").await.starts_with("waits since"));
}

#[tokio::test]
async fn a_lead_that_lapses_and_comes_again_while_it_waits_waits_no_longer_than_it_may() {
    let paused = "reps: { ana@x.example: { paused: true } }";
    let desk = desk("{ dach: { reps: [ana@x.example], max_wait: 1d } }", paused);
    let sections = sections("{ dach: { reps: [ana@x.example], max_wait: 1d } }", paused);
    let intent = "intent: [ user.plan == \"pro\" ]\n    start: send\n    cooldown: 1m";
    desk.reload(&sections.replace("intent: [ signups > 0 ]", intent)).await;
    for plan in ["pro", "free", "pro"] {
        desk.send(vec![desk.told(Call::Identify, "kim", None, json!({ "plan": plan }))]).await;
        desk.pass(Millis::HOUR).await;
    }
    assert!(desk.taken(0).await.is_empty());
    desk.pass(Millis::DAY).await;
    desk.pass(Millis::DAY).await;
    let told: Vec<_> = desk.taken(3).await.iter().map(|event| event.kind).collect();
    assert_eq!(told, [LeadEventType::Qualified, LeadEventType::Lapsed, LeadEventType::Qualified]);
}

#[tokio::test]
async fn who_comes_to_be_known_in_the_moment_in_which_their_team_opens_waits_no_longer() {
    let sections = "
traits: { user: { locale: text }, account: { country: country, employees: number } }
counters: { signups: { of: user, event: Signed Up } }
definitions: [ { name: signed up, of: user, intent: [ signups > 0 ] } ]
teams: { dach: { reps: [ana@x.example, ben@x.example] } }
reps:
  ana@x.example: { languages: [de, fr], hours: Mo-Fr 09:00-17:00 }
  ben@x.example: { languages: [de], hours: Mo-Fr 09:00-17:00 }
territories: { wait: 10m, rows: [ { country: DE, employees: 1000+, to: dach } ] }
routes:
  - { name: table, to: territories }
  - { name: rest, to: dach, needs: { language: user.locale } }
";
    let desk = Desk::documented(sections);
    let shards = desk.store.shards();
    // Their timers are worked right before the team is called.
    let beside = (0..).map(|number| format!("user {number}"));
    let beside = beside.filter(|user| shards.of(&RecordKey::user(user)) == shards.of(&RecordKey::team("dach")));
    let users: Vec<String> = beside.take(2).collect();
    for (user, day, locale) in [(&users[0], "2026-11-22T12:00:00Z", "de"), (&users[1], "2026-11-23T08:50:00Z", "fr")] {
        turn(&desk, day).await;
        desk.group(user, "acme", json!({ "country": "DE" })).await;
        let locale = json!({ "locale": locale });
        desk.send(vec![desk.told(Call::Identify, user, None, locale), desk.track(user, "Signed Up")]).await;
    }
    turn(&desk, "2026-11-23T09:00:00Z").await;
    desk.pass(Millis::MINUTE).await;
    desk.pass(Millis::HOUR).await;
    assert!(whose(&desk, &users[0]).await.ends_with("@x.example"));
    assert_eq!(whose(&desk, &users[1]).await, "ana@x.example");
}

#[tokio::test]
async fn news_of_a_lead_whose_owner_has_left_goes_out_and_the_lead_to_the_next_who_is_there() {
    let teams = "{ dach: { reps: [ana@x.example, ben@x.example], sla: { accept: 1h } } }";
    let ben = "ben@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00 }";
    let desk = desk(teams, &format!("reps: {{ {ben} }}"));
    sign_up(&desk, "kim", "free", None).await;
    assert_eq!(whose(&desk, "kim").await, "ana@x.example");
    desk.reload(&sections(teams, &format!("reps: {{ {ben}, ana@x.example: {{ left: 2026-11-01 }} }}"))).await;
    desk.send(vec![desk.told(Call::Identify, "kim", None, json!({ "plan": "pro" }))]).await;
    let told: Vec<_> = desk.taken(2).await.iter().map(|event| (event.kind, event.lead.tier)).collect();
    assert_eq!(told, [(LeadEventType::Qualified, 2), (LeadEventType::TierChanged, 1)]);
    assert_eq!(whose(&desk, "kim").await, "ana@x.example", "nobody else is there");
    turn(&desk, "2026-11-23T08:00:00Z").await;
    let told = desk.taken(3).await.pop().expect("it is told");
    assert_eq!((told.kind, whose(&desk, "kim").await), (LeadEventType::Assigned, "ben@x.example".to_owned()));
    assert!(told.lead.timestamps.accept_by.is_some(), "they have their own time");
}
