//! Signals: named once, and read in conditions, tiers, other signals, routes and leads.

use handraiser::event::Call;
use handraiser::ids::RecordKey;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const PRODUCT: &str = "
counters:
  tasks:   { of: account, event: Task Created, within: 30d, label: [task created, tasks created] }
  exports: { of: account, event: Exported }
  sent:    { of: user, event: Message Sent, within: 7d }
signals:
  # Written before what it reads.
  ready: { of: account, all: [ engagement >= 30, account.plan == \"free\" ] }
  engagement:
    of: account
    points:
      - { give: 30, when: tasks > 3, label: creates tasks }
      - { give: 2, each: exports, cap: 5, label: exports }
      - { give: -40, when: account.plan == \"student\" }
  talker: { of: user, is: sent >= 2 }
definitions:
  - { name: ready account, of: account, intent: ready, tiers: { 1: engagement > 34, 2: true } }
  - { name: talker at a ready account, of: user, intent: [ talker, ready ], cooldown: 0 }
";

const ROUTES: &str = "
teams: { sales: { reps: [ ana@x.example ] }, later: { reps: [ ben@x.example ] } }
routes:
  - { name: engaged, when: engagement > 34 && lead.signals.ready == true, to: sales }
  - { name: others, to: later }
";

#[tokio::test]
async fn signals_are_read_wherever_something_is_decided_and_told() {
    let desk = Desk::with(PRODUCT, ROUTES);
    desk.group("kim", "acme", json!({"plan": "free", "name": "Acme"})).await;
    desk.track_times("kim", "Exported", 4).await;
    desk.track_times("kim", "Task Created", 4).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!((lead.definition.as_str(), lead.tier), ("ready account", 1));
    assert_eq!(json!(lead.signals), json!({ "engagement": 35, "ready": true }));
    let points = json!({ "engagement": [
        { "label": "creates tasks", "times": 1, "points": 30 },
        { "label": "exports", "times": 4, "points": 5 },
    ] });
    assert_eq!(json!(lead.points), points);
    assert_eq!(lead.routing.as_ref().and_then(|routing| routing.team.as_deref()), Some("sales"));
    let explained = desk.explain(&RecordKey::account("acme")).await.expect("it is known");
    assert_eq!(json!(explained.signals), json!({ "engagement": 35, "ready": true }));
    assert_eq!(json!(explained.points), points);

    // A user's lead tells of the account as well, whichever of the two comes last.
    desk.track_times("kim", "Message Sent", 2).await;
    let lead =
        desk.leads().await.into_iter().find(|lead| lead.definition.starts_with("talker")).expect("a second lead");
    assert_eq!(json!(lead.signals), json!({ "engagement": 35, "ready": true, "talker": true }));
    assert_eq!(
        (&lead.usage["sent"], &lead.usage["tasks"]),
        (&json!(2), &json!(4)),
        "what the account's signal read, too"
    );
}

#[tokio::test]
async fn what_takes_points_away_keeps_a_lead_back() {
    let desk = Desk::new(PRODUCT);
    desk.group("kim", "uni", json!({"plan": "student"})).await;
    desk.track_times("kim", "Task Created", 9).await;
    assert!(desk.leads().await.is_empty());
    assert_eq!(desk.explain(&RecordKey::account("uni")).await.expect("known").signals["engagement"], json!(-10));
}

const HELD_FOR: &str = "
counters:
  seats: { of: account, event: Seat Added, within: 2d }
  seen:  { of: user, event: Seen, within: 1d }
signals:
  full:  { of: account, is: seats >= 2 }
  there: { of: user, any: [ seen >= 1, full ] }
definitions:
  - { name: full for a week, of: account, intent: 'full && now - full.since >= duration(\"7d\")' }
  - { name: full again, of: account, intent: full.times >= 2 }
  - { name: there again, of: user, intent: there.times >= 2 }
";

/// Adds seats on the first days of these, and looks at the account a day later.
async fn days(desk: &Desk, all: &[bool]) {
    for full in all {
        if *full {
            desk.track_times("kim", "Seat Added", 2).await;
        } else {
            desk.track_times("kim", "Anything", 1).await;
        }
        desk.pass(Millis::DAY).await;
    }
}

#[tokio::test]
async fn since_when_and_how_often_are_remembered() {
    let desk = Desk::new(HELD_FOR);
    desk.group("kim", "acme", json!({})).await;
    days(&desk, &[true; 6]).await;
    assert!(desk.leads().await.is_empty(), "it was not full for a week");
    days(&desk, &[true]).await;
    let names = async || {
        let mut names: Vec<_> = desk.leads().await.into_iter().map(|lead| lead.definition).collect();
        names.sort();
        names
    };
    assert_eq!(names().await, ["full for a week"]);
    let text = desk.text(&RecordKey::account("acme")).await;
    assert!(text.contains("signal:full\t1 2026-"), "{text}");
    days(&desk, &[false, false]).await;
    let text = desk.text(&RecordKey::account("acme")).await;
    assert!(text.contains("signal:full\t1 -"), "{text}");
    days(&desk, &[true]).await;
    assert_eq!(names().await, ["full again", "full for a week", "there again"]);
}

/// What hangs on the account is noted with its answer, also when it is a colleague who makes the difference.
#[tokio::test]
async fn what_is_remembered_of_a_user_hangs_on_their_account_too() {
    let desk = Desk::new(HELD_FOR);
    desk.group("kim", "acme", json!({})).await;
    desk.group("lou", "acme", json!({})).await;
    desk.track_times("lou", "Seat Added", 2).await;
    desk.pass(Millis::MINUTE).await;
    let text = desk.text(&RecordKey::user("kim")).await;
    assert!(text.contains("signal:there\t1 2026-"), "{text}");
    // Of a signal that nothing remembers there is no line.
    assert!(!text.contains("signal:full"), "{text}");
}

#[tokio::test]
async fn a_signal_may_read_the_event_at_hand() {
    let desk = Desk::new(
        "
signals: { big_import: { of: user, is: 'event.name == \"Imported\" && event.properties.rows > 1000' } }
definitions: [ { name: importer, of: user, intent: big_import } ]
",
    );
    let import = |rows: i64| {
        let mut event = desk.track("kim", "Imported");
        event.properties.insert("rows".to_owned(), json!(rows));
        event
    };
    desk.send(vec![desk.event(Call::Identify, "kim"), import(10)]).await;
    assert!(desk.leads().await.is_empty());
    desk.send(vec![import(2000)]).await;
    assert_eq!(desk.leads().await[0].signals["big_import"], json!(true));
}

/// A signal that time alone ends is noted when it ends, though nothing happens and no decision hangs on it.
#[tokio::test]
async fn what_time_ends_is_noted_when_it_ends() {
    let desk = Desk::new(
        "
counters: { seen: { of: user, event: Seen, within: 2h } }
signals:
  here: { of: user, is: seen > 0 }
  days_known: { of: user, is: (now - user.first_seen) / 1d }
definitions:
  - { name: came back, of: user, intent: [ here, here.times >= 2 ] }
  - { name: known for long, of: user, intent: days_known >= 10, cooldown: 0 }
",
    );
    desk.track_times("kim", "Seen", 1).await;
    desk.pass(4 * Millis::HOUR).await;
    assert!(desk.text(&RecordKey::user("kim")).await.contains("signal:here\t1 -"));
    desk.track_times("kim", "Seen", 1).await;
    assert_eq!(desk.leads().await[0].definition, "came back");
    desk.pass(10 * Millis::DAY).await;
    assert!(desk.leads().await.iter().any(|lead| lead.definition == "known for long"));
}

#[tokio::test]
async fn a_signal_that_asks_how_often_another_became_true_hears_of_it_at_once() {
    let desk = Desk::new(
        "
signals:
  # Named before what it asks for.
  again: { of: account, is: free.times >= 2 }
  free:  { of: account, is: 'account.plan == \"free\"' }
definitions: [ { name: back to free, of: account, intent: again.times >= 1 } ]
",
    );
    for (plan, leads) in [("free", 0), ("team", 0), ("free", 1)] {
        desk.group("kim", "acme", json!({ "plan": plan })).await;
        assert_eq!(desk.leads().await.len(), leads, "{plan}");
        desk.pass(Millis::HOUR).await;
    }
}
