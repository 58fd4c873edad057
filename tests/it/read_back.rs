//! What people make of leads in a CRM comes back, and goes to everybody else who is told of the lead.

use std::sync::atomic::Ordering;

use handraiser::ids::RecordKey;
use handraiser::lead::{Ending, Lead, LeadEventType, Progress};
use handraiser::record::{SeenOwner, Stage};
use handraiser::time::Millis;

use crate::desk::Desk;

const SECTIONS: &str = "
counters:
  seen: { of: user, event: Seen }
definitions:
  - { name: keen, of: user, intent: [ seen > 0 ] }
reps:
  ana@x.example: {}
  ben@x.example: {}
teams: { sales: { reps: [ ana@x.example ], credit: [ duplicate ] } }
routes: [ { name: whose it is, to: account_owner }, { name: all, to: sales } ]
";

async fn desk() -> Desk {
    let desk = Desk::documented(SECTIONS);
    desk.read_back().await;
    desk
}

async fn lead(desk: &Desk, user: &str) -> Lead {
    desk.track_times(user, "Seen", 1).await;
    desk.pass(Millis::SECOND).await;
    now(desk, user).await
}

async fn now(desk: &Desk, user: &str) -> Lead {
    desk.leads().await.into_iter().find(|lead| lead.subject.id == user).expect("there is one")
}

/// Until it was asked once more, and what it said is done.
async fn asked(desk: &Desk) {
    desk.pass(Millis::MINUTE).await;
    desk.pass(Millis::SECOND).await;
}

fn owner(lead: &Lead) -> Option<&str> {
    lead.routing.as_ref()?.owner.as_deref()
}

#[tokio::test]
async fn how_far_people_come_with_a_lead_comes_back_and_is_told_once() {
    let desk = desk().await;
    let made = lead(&desk, "ada").await;
    desk.crm.change(&made.id, |record| record.stage = Stage::Accepted);
    asked(&desk).await;
    let accepted = now(&desk, "ada").await;
    assert_eq!((accepted.progress, accepted.revision), (Some(Progress::Accepted), 2));
    asked(&desk).await;
    desk.crm.change(&made.id, |record| record.stage = Stage::Working);
    asked(&desk).await;
    let working = now(&desk, "ada").await;
    assert_eq!((working.progress, working.revision), (Some(Progress::Working), 3));
    assert_eq!(working.timestamps.accepted, accepted.timestamps.accepted, "it was taken on once");
    assert!(working.timestamps.worked > working.timestamps.accepted);
    desk.crm.change(&made.id, |record| (record.stage, record.reason) = (Stage::Lost, Some("too small".into())));
    asked(&desk).await;
    let lost = now(&desk, "ada").await;
    assert_eq!(
        (lost.outcome, lost.outcome_reason.as_deref(), lost.revision),
        (Some(Ending::Lost), Some("too small"), 4)
    );
    desk.crm.change(&made.id, |record| record.stage = Stage::Won);
    asked(&desk).await;
    assert_eq!(now(&desk, "ada").await.outcome, Some(Ending::Lost), "the first who says what became of it is heard");
    let kinds: Vec<_> = desk.taken(4).await.iter().map(|event| event.kind).collect();
    let all = [LeadEventType::Qualified, LeadEventType::Accepted, LeadEventType::Working, LeadEventType::Lost];
    assert_eq!(kinds, all);
}

/// A contact that was closed a year ago is no lead that was turned down.
#[tokio::test]
async fn what_people_made_of_a_record_before_it_held_the_lead_is_nothing_of_the_lead() {
    let desk = desk().await;
    *desk.crm.stood.lock().expect("nobody panicked") = Some(Stage::Rejected);
    let made = lead(&desk, "ada").await;
    asked(&desk).await;
    let open = now(&desk, "ada").await;
    assert_eq!((open.outcome, open.progress, open.revision), (None, None, 1));
    desk.crm.change(&made.id, |record| record.stage = Stage::Working);
    asked(&desk).await;
    assert_eq!(now(&desk, "ada").await.progress, Some(Progress::Working));
    desk.crm.change(&made.id, |record| record.stage = Stage::Rejected);
    asked(&desk).await;
    assert_eq!(now(&desk, "ada").await.outcome, Some(Ending::Rejected), "now it was turned down");
}

#[tokio::test]
async fn whom_people_give_a_lead_has_it_and_the_next_ones_of_its_account() {
    let desk = desk().await;
    desk.group("ada", "acme", serde_json::json!({})).await;
    desk.group("bea", "acme", serde_json::json!({})).await;
    let made = lead(&desk, "ada").await;
    assert_eq!(owner(&made), Some("ana@x.example"));
    asked(&desk).await;
    assert_eq!(now(&desk, "ada").await.revision, 1, "whom it was written by us is no news");
    let ben = || Some(SeenOwner { id: "ben@x.example".into(), email: Some("ben@x.example".into()) });
    desk.crm.change(&made.id, |record| record.owner = ben());
    asked(&desk).await;
    let given = now(&desk, "ada").await;
    assert_eq!((owner(&given), given.revision), (Some("ben@x.example"), 2));
    assert_eq!(given.routing.as_ref().map(|routing| &*routing.reason), Some("ben@x.example was given the lead in crm"));
    assert_eq!(owner(&lead(&desk, "bea").await), Some("ben@x.example"), "the account is theirs by that");
    asked(&desk).await;
    assert_eq!(desk.crm.owner_of(&made.id).as_deref(), Some("ben@x.example"), "nobody takes it from them");
    assert_eq!(now(&desk, "ada").await.revision, 2);
}

#[tokio::test]
async fn a_lead_that_was_turned_down_for_a_listed_reason_gives_the_turn_back() {
    let desk = desk().await;
    let made = lead(&desk, "ada").await;
    let before = desk.text(&RecordKey::team("sales")).await;
    assert!(before.contains("open=1"), "{before}");
    desk.crm.change(&made.id, |record| (record.stage, record.reason) = (Stage::Rejected, Some("Duplicate".into())));
    asked(&desk).await;
    let rejected = now(&desk, "ada").await;
    assert_eq!((rejected.outcome, rejected.outcome_reason.as_deref()), (Some(Ending::Rejected), Some("Duplicate")));
    let after = desk.text(&RecordKey::team("sales")).await;
    assert!(!after.contains("open="), "it is open no longer: {after}");
    assert_ne!(before, after, "the turn was given back");
}

#[tokio::test]
async fn a_destination_that_is_away_is_asked_again_for_all_that_it_did_not_say() {
    let desk = desk().await;
    let made = lead(&desk, "ada").await;
    desk.crm.down.store(true, Ordering::SeqCst);
    desk.crm.change(&made.id, |record| record.stage = Stage::Working);
    asked(&desk).await;
    let record = desk.text(&RecordKey::destination("crm")).await;
    assert!(record.contains("it is down"), "{record}");
    assert_eq!(now(&desk, "ada").await.progress, None);
    desk.crm.down.store(false, Ordering::SeqCst);
    asked(&desk).await;
    assert_eq!(now(&desk, "ada").await.progress, Some(Progress::Working));
    let record = desk.text(&RecordKey::destination("crm")).await;
    assert!(!record.contains("it is down"), "{record}");
}

#[tokio::test]
async fn a_destination_that_is_not_asked_any_more_leaves_the_agenda() {
    let desk = desk().await;
    desk.reload(SECTIONS).await;
    asked(&desk).await;
    let record = desk.text(&RecordKey::destination("crm")).await;
    assert!(!record.contains("asked"), "{record}");
    let lists = desk.store.lists().await.expect("a store in memory answers");
    assert!(!lists.iter().any(|list| list.list.as_str() == "read_back" && list.records > 0), "{lists:?}");
}

#[tokio::test]
async fn a_destination_that_is_paused_is_asked_nothing_and_then_all_that_was_missed() {
    let desk = desk().await;
    let made = lead(&desk, "ada").await;
    asked(&desk).await;
    desk.engine.pause("crm", None).await.expect("a store in memory answers");
    desk.crm.change(&made.id, |record| record.stage = Stage::Accepted);
    for _ in 0..5 {
        asked(&desk).await;
    }
    assert_eq!(now(&desk, "ada").await.progress, None);
    desk.engine.resume("crm").await.expect("a store in memory answers");
    desk.pass(Millis::SECOND).await;
    assert_eq!(now(&desk, "ada").await.progress, Some(Progress::Accepted), "without waiting for its next turn");
}
