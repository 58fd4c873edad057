//! What becomes of leads: won, or lost, once, by the first that happens.

use handraiser::apply::message::Made;
use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::{Ending, HeldBackBy, LeadEventType};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

use LeadEventType::{Lapsed, Lost, Qualified, Won};

const PRODUCT: &str = "
counters:
  tasks:     { of: user, event: Task Created }
  purchased: { of: account, event: Purchased }
  signed:    { of: user, event: Contract Signed }
definitions:
  - { name: active, of: user, intent: [ tasks >= 2 ], cooldown: 0 }
  - { name: on trial, of: account, fit: [ account.plan == \"trial\" ], cooldown: 0 }
outcomes:
  won: [ purchased, signed, account.plan == \"team\" ]
  lost: now - account.trial_ends_at > 7d
";

async fn kinds(desk: &Desk, count: usize, subject: &str) -> Vec<LeadEventType> {
    let taken = desk.taken(count).await;
    taken.iter().filter(|event| event.lead.subject.id == subject).map(|event| event.kind).collect()
}

#[tokio::test]
async fn an_event_of_the_user_or_of_a_colleague_wins_the_lead_once() {
    let desk = Desk::new(PRODUCT);
    desk.group("ana", "acme", json!({})).await;
    desk.group("ben", "acme", json!({})).await;
    desk.track_times("ana", "Task Created", 2).await;
    desk.pass(Millis::MINUTE).await;
    // Who bought is a colleague.
    desk.track_times("ben", "Purchased", 1).await;
    desk.pass(2 * Millis::SECOND).await;
    assert_eq!(kinds(&desk, 2, "ana").await, [Qualified, Won]);
    desk.track_times("ana", "Contract Signed", 1).await;
    desk.track_times("ben", "Purchased", 1).await;
    desk.pass(Millis::MINUTE).await;
    let lead = &desk.leads().await[0];
    assert_eq!((lead.outcome, lead.revision, lead.timestamps.ended.is_some()), (Some(Ending::Won), 2, true));
    let explained = desk.explain(&RecordKey::user("ana")).await.expect("known");
    let held = explained.definitions[0].held_back.clone().expect("it is over");
    assert_eq!((held.by, held.what.as_deref()), (HeldBackBy::Ended, Some("won")));
    assert_eq!(explained.definitions[0].outcome, Some(Ending::Won));
}

/// What was so when the lead was made says nothing of what became of it.
#[tokio::test]
async fn what_was_true_or_happened_before_is_no_outcome() {
    let desk = Desk::new(PRODUCT);
    desk.group("ana", "acme", json!({ "plan": "team" })).await;
    desk.track_times("ana", "Purchased", 1).await;
    desk.pass(Millis::MINUTE).await;
    desk.track_times("ana", "Task Created", 2).await;
    let before = desk.clock.now();
    desk.pass(Millis::HOUR).await;
    // It happened before the lead was made, and arrives only now.
    desk.send(vec![Event { timestamp: before.plus(-1), ..desk.track("ana", "Contract Signed") }]).await;
    assert_eq!(kinds(&desk, 1, "ana").await, [Qualified]);
    desk.group("ana", "acme", json!({ "plan": "free" })).await;
    desk.pass(Millis::MINUTE).await;
    desk.group("ana", "acme", json!({ "plan": "team" })).await;
    desk.pass(Millis::MINUTE).await;
    assert_eq!(kinds(&desk, 2, "ana").await, [Qualified, Won], "it became true anew");
}

/// The same moment makes the definition false and ends the lead: it was won, and did not lapse.
#[tokio::test]
async fn a_lead_that_is_won_does_not_lapse_by_it() {
    let desk = Desk::new(PRODUCT);
    desk.group("ana", "acme", json!({ "plan": "trial" })).await;
    desk.pass(Millis::SECOND).await;
    desk.group("ana", "acme", json!({ "plan": "team" })).await;
    assert_eq!(kinds(&desk, 2, "acme").await, [Qualified, Won]);
    // Another trial is another lead.
    desk.pass(Millis::SECOND).await;
    desk.group("ana", "acme", json!({ "plan": "trial" })).await;
    assert_eq!(kinds(&desk, 3, "acme").await, [Qualified, Won, Qualified]);
}

#[tokio::test]
async fn time_alone_loses_a_lead_that_had_lapsed_already() {
    let desk = Desk::new(PRODUCT);
    let ends = desk.clock.now().plus(2 * Millis::DAY).rfc3339();
    desk.group("ana", "acme", json!({ "plan": "trial", "trial_ends_at": ends })).await;
    desk.pass(Millis::SECOND).await;
    desk.group("ana", "acme", json!({ "plan": "free" })).await;
    desk.pass(8 * Millis::DAY).await;
    assert_eq!(kinds(&desk, 2, "acme").await, [Qualified, Lapsed]);
    desk.pass(2 * Millis::DAY).await;
    assert_eq!(kinds(&desk, 3, "acme").await, [Qualified, Lapsed, Lost]);
    desk.pass(30 * Millis::DAY).await;
    assert_eq!(desk.leads().await[0].revision, 3);
}

/// A CRM or a person says what became of a lead: of a user with an account, of a part of an account's lead, of an account.
#[tokio::test]
async fn whoever_knows_better_says_what_became_of_a_lead() {
    let desk = Desk::new(PRODUCT);
    desk.group("ana", "acme", json!({ "plan": "trial" })).await;
    desk.track_times("ana", "Task Created", 2).await;
    desk.pass(Millis::MINUTE).await;
    let leads = desk.leads().await;
    assert_eq!(leads.len(), 2, "hers, and her account's");
    for lead in &leads {
        let told = desk
            .engine
            .became(&lead.id, Made::ended(Ending::Lost, Some("chose a competitor")))
            .await
            .expect("it is taken");
        assert_eq!(told.expect("there is one").id, lead.id);
    }
    // The first who says so is heard, and nothing happens by itself any more.
    desk.engine.became(&leads[0].id, Made::ended(Ending::Won, None)).await.expect("it is taken");
    desk.track_times("ben", "Purchased", 1).await;
    desk.track_times("ana", "Contract Signed", 1).await;
    desk.pass(Millis::MINUTE).await;
    for lead in desk.leads().await {
        assert_eq!((lead.outcome, lead.revision), (Some(Ending::Lost), 2), "{lead:?}");
        assert_eq!(lead.outcome_reason.as_deref(), Some("chose a competitor"));
        assert_eq!(lead.account.map(|account| account.id).as_deref(), Some("acme"), "it still knows the account");
    }
    let kinds: Vec<_> = desk.taken(4).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == Lost).count(), 2, "{kinds:?}");
    assert!(desk.engine.became("lead_unknown", Made::ended(Ending::Won, None)).await.expect("it is asked").is_none());
}

#[tokio::test]
async fn what_became_of_a_part_became_of_its_account_s_lead() {
    let desk =
        Desk::with(PRODUCT, "leads: { one_per: account, within: 30d }\nroutes: [ { name: all, to: self_serve } ]");
    desk.group("ana", "acme", json!({})).await;
    desk.group("ben", "acme", json!({})).await;
    desk.track_times("ana", "Task Created", 2).await;
    desk.pass(Millis::MINUTE).await;
    desk.track_times("ben", "Task Created", 2).await;
    desk.pass(Millis::MINUTE).await;
    let leads = desk.leads().await;
    let first = leads.iter().find(|lead| lead.joined_count == 1).expect("ben became part of it").id.clone();
    let told =
        desk.engine.became(&first, Made::ended(Ending::Won, None)).await.expect("it is taken").expect("there is one");
    assert!(told.json.contains(r#""outcome":"won""#), "{}", told.json);
}
