//! What holds a lead back, and what `explain` says of it: never, shadow, quiet start, old events, each, settle.

use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::{HeldBack, HeldBackBy, LeadEventType};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const TASKS: &str = "
counters: { tasks: { of: user, event: Task Created } }
definitions:
  - { name: heavy, of: user, intent: [ tasks >= 3 ], OPTIONS }
";

fn heavy(options: &str) -> String {
    TASKS.replace("OPTIONS", options)
}

async fn held_back(desk: &Desk, user: &str) -> (Option<bool>, Option<HeldBack>) {
    let explained = desk.explain(&RecordKey::user(user)).await.expect("is known");
    let definition = &explained.definitions[0];
    (definition.qualifies, definition.held_back.clone())
}

async fn by(desk: &Desk, user: &str) -> Option<HeldBackBy> {
    held_back(desk, user).await.1.map(|held| held.by)
}

#[tokio::test]
async fn never_excludes_when_it_is_true_and_not_when_it_is_unknown() {
    let desk = Desk::new(&heavy("never: [ user.role == \"employee\" ]"));
    desk.send(vec![desk.told(handraiser::event::Call::Identify, "eva", None, json!({ "role": "employee" }))]).await;
    desk.track_times("eva", "Task Created", 3).await;
    let (qualifies, held) = held_back(&desk, "eva").await;
    let expected = HeldBack { by: HeldBackBy::Never, until: None, what: Some("user.role == \"employee\"".to_owned()) };
    assert_eq!((qualifies, held), (Some(true), Some(expected)));
    assert!(desk.leads().await.is_empty());
    desk.track_times("ana", "Task Created", 3).await;
    assert_eq!(desk.leads().await.len(), 1, "nothing is known of ana's role");
    assert_eq!(by(&desk, "ana").await, None);
    // Whoever comes to be excluded lapses.
    desk.send(vec![desk.told(handraiser::event::Call::Identify, "ana", None, json!({ "role": "employee" }))]).await;
    let kinds: Vec<_> = desk.taken(2).await.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [LeadEventType::Qualified, LeadEventType::Lapsed]);
}

#[tokio::test]
async fn what_is_never_a_lead_is_said_once_for_all_definitions() {
    let never = "never: { user: user.role == \"employee\", account: account.plan == \"enterprise\" }";
    let desk = Desk::new(&format!("{}\n{never}", heavy("")));
    desk.group("ana", "acme", json!({ "plan": "enterprise" })).await;
    desk.group("ben", "bolt", json!({ "plan": "free" })).await;
    for user in ["ana", "ben"] {
        desk.track_times(user, "Task Created", 3).await;
    }
    let leads = desk.leads().await;
    assert_eq!(leads.iter().map(|lead| &*lead.subject.id).collect::<Vec<_>>(), ["ben"]);
    assert_eq!(by(&desk, "ana").await, Some(HeldBackBy::Never));
    // The account is a customer no longer: its people are looked at again.
    desk.pass(Millis::SECOND).await;
    desk.group("cy", "acme", json!({ "plan": "free" })).await;
    desk.pass(2 * Millis::SECOND).await;
    assert_eq!(desk.leads().await.len(), 2);
}

#[tokio::test]
async fn a_shadow_s_leads_are_counted_and_nobody_is_told() {
    let desk = Desk::new(&heavy("mode: shadow, tiers: { 1: tasks >= 5, 2: true }"));
    desk.track_times("ana", "Task Created", 5).await;
    let leads = desk.leads().await;
    assert_eq!((leads.len(), leads[0].shadow, leads[0].tier, &leads[0].routing), (1, true, 1, &None));
    assert_eq!(by(&desk, "ana").await, Some(HeldBackBy::Shadow));
    desk.pass(Millis::MINUTE).await;
    assert!(desk.taken(0).await.is_empty());
    // Live with `start: send`, those who stand in the shadow are sent at last.
    desk.reload(&heavy("start: send, tiers: { 1: tasks >= 5, 2: true }")).await;
    desk.track_times("ana", "Task Created", 1).await;
    let taken = desk.taken(1).await;
    assert_eq!((taken[0].kind, taken[0].lead.shadow), (LeadEventType::Qualified, false));
}

#[tokio::test]
async fn who_qualifies_when_a_definition_appears_is_noted_and_not_sent() {
    let other = heavy("").replace("name: heavy", "name: other").replace("tasks >= 3", "tasks >= 300");
    let desk = Desk::configured_as(&other);
    desk.track_times("ana", "Task Created", 3).await;
    desk.track_times("ben", "Task Created", 2).await;
    desk.reload(&heavy("")).await;
    for user in ["ana", "ben"] {
        desk.track_times(user, "Task Created", 1).await;
    }
    desk.track_times("cy", "Task Created", 3).await;
    let mut leads: Vec<_> = desk.leads().await.into_iter().map(|lead| lead.subject.id).collect();
    leads.sort_unstable();
    assert_eq!(leads, ["ben", "cy"], "ana qualified before; ben's own event made the difference; cy is new");
    assert_eq!(by(&desk, "ana").await, Some(HeldBackBy::QuietStart));
    // Loosened: two were not enough before.
    desk.reload(&heavy("cooldown: 1d").replace("tasks >= 3", "tasks >= 1")).await;
    desk.track_times("ana", "Task Created", 1).await;
    assert_eq!(desk.leads().await.len(), 2);
    // Whoever wants them gets them.
    desk.reload(&heavy("start: send")).await;
    desk.track_times("ana", "Task Created", 1).await;
    assert_eq!(desk.leads().await.len(), 3);
}

#[tokio::test]
async fn a_quiet_start_asks_the_account_how_things_stood() {
    let with = |plan: &str| heavy(&format!("fit: [ account.plan == \"{plan}\" ]"));
    let desk = Desk::configured_as(&with("none"));
    for (user, account) in [("ana", "acme"), ("ben", "bolt")] {
        desk.group(user, account, json!({ "plan": "free" })).await;
        desk.track_times(user, "Task Created", if user == "ana" { 3 } else { 2 }).await;
    }
    desk.reload(&with("free")).await;
    for user in ["ana", "ben"] {
        desk.track_times(user, "Task Created", 1).await;
    }
    let leads = desk.leads().await;
    assert_eq!(leads.iter().map(|lead| &*lead.subject.id).collect::<Vec<_>>(), ["ben"]);
    assert_eq!(by(&desk, "ana").await, Some(HeldBackBy::QuietStart));
}

#[tokio::test]
async fn a_history_that_is_loaded_makes_no_leads_unless_it_is_asked_for() {
    for (options, expected) in [("", 0), ("fresh: 400d", 1)] {
        let desk = Desk::new(&heavy(options));
        let past = desk.clock.now().plus(-90 * Millis::DAY);
        let history = (0..5).map(|_| Event { timestamp: past, ..desk.track("ana", "Task Created") });
        desk.send(history.collect()).await;
        assert_eq!(desk.leads().await.len(), expected);
        desk.track_times("ana", "Task Created", 1).await;
        assert_eq!(desk.leads().await.len(), expected, "what was noted is no edge later");
        let held = by(&desk, "ana").await;
        assert_eq!(held, (expected == 0).then_some(HeldBackBy::OldEvent));
    }
}

#[tokio::test]
async fn each_new_event_makes_a_lead_and_the_cooldown_merges() {
    let desk = Desk::new(
        "
counters: { asked: { of: user, event: Talk To Sales } }
definitions:
  - { name: raised hand, of: user, each: asked, cooldown: 7d }
",
    );
    desk.track_times("ana", "Something Else", 1).await;
    let expected = HeldBack { by: HeldBackBy::Each, until: None, what: Some("asked".to_owned()) };
    assert_eq!(held_back(&desk, "ana").await, (Some(true), Some(expected)));
    desk.track_times("ana", "Talk To Sales", 2).await;
    assert_eq!(desk.leads().await.len(), 1);
    desk.pass(8 * Millis::DAY).await;
    assert_eq!(desk.leads().await.len(), 1, "nothing happened");
    desk.track_times("ana", "Talk To Sales", 1).await;
    desk.track_times("ana", "Something Else", 1).await;
    assert_eq!(desk.leads().await.len(), 2);
    assert_eq!(by(&desk, "ana").await, None);
}

#[tokio::test]
async fn a_tier_moves_once_in_a_while_and_the_last_one_stands() {
    let desk = Desk::new(
        "
counters: { tasks: { of: user, event: Task Created, within: 10m } }
definitions:
  - { name: heavy, of: user, intent: [ tasks >= 1 ], tiers: { 1: tasks >= 5, 2: tasks >= 3, 3: true }, settle: 5m }
",
    );
    desk.track_times("ana", "Task Created", 1).await;
    desk.track_times("ana", "Task Created", 2).await;
    assert_eq!(desk.leads().await[0].tier, 3, "it has just become a lead");
    desk.track_times("ana", "Task Created", 2).await;
    desk.pass(5 * Millis::MINUTE).await;
    let lead = &desk.leads().await[0];
    assert_eq!((lead.tier, lead.revision), (1, 2), "at the end of the time, in silence, in one step");
}
