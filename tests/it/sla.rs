//! How soon the owner of a lead takes it on, and what happens where they don't.

use handraiser::apply::message::Made;
use handraiser::lead::{Ending, Lead, LeadEventType, Progress};
use handraiser::time::Millis;

use crate::desk::Desk;

/// The clock begins at 2026-11-21T10:00Z, a Saturday.
fn sections(sla: &str, reps: &str) -> String {
    format!(
        "
counters:
  seen: {{ of: user, event: Seen }}
definitions:
  - {{ name: keen, of: user, intent: [ seen > 0 ], tiers: {{ 1: seen > 5, 2: seen > 0 }} }}
{reps}
teams: {{ sales: {{ reps: [ ana@x.example, ben@x.example, cy@x.example ], sla: {sla} }} }}
routes: [ {{ name: all, to: sales }} ]
"
    )
}

const SLA: &str = "{ accept: 30m, tiers: { 1: 10m }, remind: 5m, reassign: 1, then: head@x.example }";

fn desk(sla: &str) -> Desk {
    Desk::documented(&sections(sla, ""))
}

async fn lead(desk: &Desk, user: &str, times: usize) -> Lead {
    desk.track_times(user, "Seen", times).await;
    desk.pass(Millis::SECOND).await;
    now(desk, user).await
}

async fn now(desk: &Desk, user: &str) -> Lead {
    desk.leads().await.into_iter().find(|lead| lead.subject.id == user).expect("there is one")
}

fn owner(lead: &Lead) -> &str {
    lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()).unwrap_or_default()
}

fn reason(lead: &Lead) -> &str {
    lead.routing.as_ref().map_or("", |routing| &routing.reason)
}

/// What is told of leads, by kind.
async fn told(desk: &Desk, count: usize) -> Vec<LeadEventType> {
    desk.taken(count).await.iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_lead_that_nobody_takes_on_is_reminded_of_goes_to_another_and_then_to_the_head() {
    let desk = desk(SLA);
    let made = lead(&desk, "ada", 1).await;
    assert_eq!(owner(&made), "ana@x.example");
    let routed = Millis::parse(made.timestamps.routed.as_deref().expect("it is routed")).expect("a moment");
    assert_eq!(made.timestamps.accept_by, Some(routed.plus(30 * Millis::MINUTE).rfc3339()));
    desk.pass(24 * Millis::MINUTE).await;
    assert_eq!(now(&desk, "ada").await.revision, 1);
    desk.pass(Millis::MINUTE).await;
    assert_eq!(told(&desk, 2).await, [LeadEventType::Qualified, LeadEventType::Reminded]);
    desk.pass(5 * Millis::MINUTE).await;
    let second = now(&desk, "ada").await;
    assert_eq!(owner(&second), "ben@x.example", "{second:?}");
    assert!(reason(&second).contains("ana@x.example has not accepted it in time"), "{}", reason(&second));
    assert!(second.timestamps.accept_by > made.timestamps.accept_by);
    desk.pass(26 * Millis::MINUTE).await;
    desk.pass(5 * Millis::MINUTE).await;
    let third = now(&desk, "ada").await;
    assert_eq!(owner(&third), "head@x.example", "{third:?}");
    assert!(
        reason(&third).contains("none of 2 reps accepted it, the last not within 30m of working time"),
        "{}",
        reason(&third)
    );
    assert_eq!(third.timestamps.accept_by, None);
    desk.pass(3 * Millis::DAY).await;
    let kinds = [
        LeadEventType::Qualified,
        LeadEventType::Reminded,
        LeadEventType::Assigned,
        LeadEventType::Reminded,
        LeadEventType::Assigned,
    ];
    assert_eq!(told(&desk, 5).await, kinds, "and nothing more");
    let history = now(&desk, "ada").await.history;
    let what: Vec<(&str, Option<&str>)> = history.iter().map(|one| (&*one.what, one.owner.as_deref())).collect();
    let expected = [
        ("qualified", None),
        ("routed", Some("ana@x.example")),
        ("reminded", None),
        ("assigned", Some("ben@x.example")),
        ("reminded", None),
        ("assigned", Some("head@x.example")),
    ];
    assert_eq!(what, expected);
}

#[tokio::test]
async fn the_clock_stops_when_it_is_taken_on_given_away_or_over() {
    let desk = desk(SLA);
    let ways = [
        ("ada", Made::Came(Progress::Accepted)),
        ("bea", Made::Came(Progress::Working)),
        ("cleo", Made::ended(Ending::Rejected, None)),
        ("dora", Made::given("cy@x.example")),
    ];
    for (user, made) in &ways {
        let lead = lead(&desk, user, 1).await;
        desk.engine.became(&lead.id, made.clone()).await.expect("it is taken");
    }
    let owners: Vec<String> =
        [owner(&now(&desk, "ada").await), owner(&now(&desk, "bea").await)].map(str::to_owned).into();
    desk.pass(Millis::DAY).await;
    assert_eq!([owner(&now(&desk, "ada").await), owner(&now(&desk, "bea").await)].map(str::to_owned).to_vec(), owners);
    assert_eq!(owner(&now(&desk, "dora").await), "cy@x.example");
    for (user, _) in ways {
        let lead = now(&desk, user).await;
        assert_eq!((lead.revision, lead.timestamps.accept_by), (2, None), "{user}");
    }
}

#[tokio::test]
async fn better_leads_have_less_time_and_nobody_gets_one_twice() {
    let desk = desk("{ accept: 1h, tiers: { 1: 10m }, reassign: 9 }");
    let made = lead(&desk, "ada", 6).await;
    assert_eq!(made.tier, 1);
    let mut owners = vec![owner(&made).to_owned()];
    for _ in 0..2 {
        desk.pass(11 * Millis::MINUTE).await;
        owners.push(owner(&now(&desk, "ada").await).to_owned());
    }
    assert_eq!(owners, ["ana@x.example", "ben@x.example", "cy@x.example"]);
    desk.pass(5 * Millis::DAY).await;
    let last = now(&desk, "ada").await;
    assert_eq!((owner(&last), last.revision), ("cy@x.example", 4), "all had it: it stays with the last");
}

#[tokio::test]
async fn time_counts_while_the_owner_works() {
    let reps = "reps: { ana@x.example: { hours: Mo-Fr 09:00-17:00, time_zone: UTC } }";
    let desk = Desk::documented(&sections("{ accept: 2h }", reps));
    // It is Saturday: the others are there, ana is not.
    let hours: Vec<Lead> =
        [lead(&desk, "ada", 1).await, lead(&desk, "bea", 1).await, lead(&desk, "cleo", 1).await].into();
    assert!(hours.iter().all(|lead| owner(lead) != "ana@x.example"));
    let desk = Desk::documented(&sections(
        "{ accept: 2h, reassign: 0 }",
        &reps.replace("Mo-Fr 09:00-17:00", "Sa 10:00-11:00; Mo 09:00-17:00"),
    ));
    let made = lead(&desk, "ada", 1).await;
    assert_eq!(owner(&made), "ana@x.example");
    let routed = Millis::parse(made.timestamps.routed.as_deref().expect("it is routed")).expect("a moment");
    let monday = Millis::parse("2026-11-23T09:00:00Z").expect("a moment");
    let closes = Millis::parse("2026-11-21T11:00:00Z").expect("a moment");
    let due = monday.plus(2 * Millis::HOUR - closes.since(routed));
    assert_eq!(made.timestamps.accept_by, Some(due.rfc3339()));
}

/// A turn that was taken for a lead which is accepted in the same moment is given back, and no open lead is left behind.
#[tokio::test]
async fn whoever_accepts_in_the_last_moment_has_it() {
    let desk = desk(SLA);
    let made = lead(&desk, "ada", 1).await;
    desk.clock.advance(31 * Millis::MINUTE);
    desk.engine.became(&made.id, Made::Came(Progress::Accepted)).await.expect("it is taken");
    desk.pass(Millis::DAY).await;
    let stands = now(&desk, "ada").await;
    let team = desk.text(&handraiser::ids::RecordKey::team("sales")).await;
    assert_eq!(team.matches("open=1").count(), 1, "{team}");
    if owner(&stands) == "ana@x.example" {
        assert_eq!(stands.progress, Some(Progress::Accepted));
    } else {
        assert_eq!(owner(&stands), "ben@x.example", "it was too late by then");
    }
}

/// Somebody leaves: their open leads go to whoever else has the next turn, also where the team promises nothing.
#[tokio::test]
async fn what_is_taken_from_a_rep_goes_to_somebody_else_of_the_team() {
    for sla in [SLA, "{ accept: 30d }"] {
        let desk = desk(sla);
        let made = lead(&desk, "ada", 1).await;
        lead(&desk, "bea", 1).await;
        desk.engine.became(&made.id, Made::Came(Progress::Accepted)).await.expect("it is taken");
        desk.engine.became(&made.id, Made::Taken).await.expect("it is taken");
        desk.settle().await;
        let taken = now(&desk, "ada").await;
        assert_eq!(owner(&taken), "cy@x.example", "{}: {}", sla, reason(&taken));
        assert!(reason(&taken).contains("it was taken from ana@x.example by hand"), "{}", reason(&taken));
        assert_eq!((taken.progress, taken.revision), (None, 3));
        assert!(taken.timestamps.accept_by.is_some(), "the next one has their own time");
        let team = desk.text(&handraiser::ids::RecordKey::team("sales")).await;
        assert_eq!(team.matches("open=1").count(), 2, "{team}");
    }
}

/// Where nobody else is there, a lead that was accepted stays so.
#[tokio::test]
async fn what_nobody_else_can_take_stays_as_it_was() {
    let reps = "reps: { ben@x.example: { paused: true }, cy@x.example: { paused: true } }";
    for (sla, has_it) in [("{ accept: 1h }", "ana@x.example"), (SLA, "head@x.example")] {
        let desk = Desk::documented(&sections(sla, reps));
        let made = lead(&desk, "ada", 1).await;
        desk.engine.became(&made.id, Made::Came(Progress::Accepted)).await.expect("it is taken");
        desk.engine.became(&made.id, Made::Taken).await.expect("it is taken");
        desk.pass(Millis::DAY).await;
        let stands = now(&desk, "ada").await;
        assert_eq!(owner(&stands), has_it, "{}", reason(&stands));
        if has_it == "ana@x.example" {
            assert_eq!((stands.progress, stands.revision), (Some(Progress::Accepted), 2));
        } else {
            assert!(reason(&stands).contains("it was taken from ana@x.example by hand"), "{}", reason(&stands));
        }
    }
}

/// What nobody takes on is known as overdue until somebody does, whatever else is told of it.
#[tokio::test]
async fn what_all_have_missed_stays_overdue() {
    let desk = desk("{ accept: 1h, reassign: 1 }");
    let made = lead(&desk, "ada", 1).await;
    for _ in 0..2 {
        desk.pass(61 * Millis::MINUTE).await;
    }
    let missed = now(&desk, "ada").await;
    assert_eq!((owner(&missed), missed.revision), ("ben@x.example", 2));
    desk.track_times("ada", "Seen", 6).await;
    desk.pass(Millis::DAY).await;
    let hotter = now(&desk, "ada").await;
    assert_eq!((hotter.tier, owner(&hotter), hotter.revision), (1, "ben@x.example", 3));
    assert!(missed.timestamps.accept_by.is_some());
    assert_eq!(hotter.timestamps.accept_by, missed.timestamps.accept_by);
    desk.engine.became(&made.id, Made::Came(Progress::Accepted)).await.expect("it is taken");
    assert_eq!(now(&desk, "ada").await.timestamps.accept_by, None);
}
