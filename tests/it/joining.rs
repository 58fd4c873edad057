//! One lead for each account: whoever else of it qualifies becomes part of that lead.

use handraiser::event::Call;
use handraiser::ids::RecordKey;
use handraiser::lead::{Ending, HeldBackBy, Lead, LeadEvent, LeadEventType};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

use LeadEventType::{Joined, Lapsed, Lost, Qualified, Won};

const PRODUCT: &str = "
counters:
  tasks:   { of: user, event: Task Created }
  asked:   { of: user, event: Asked }
  exports: { of: account, event: Exported }
  bought:  { of: user, event: Bought }
definitions:
  - { name: active, of: user, intent: [ tasks >= 2 ], fit: [ 'account.plan != \"closed\"' ], cooldown: 0 }
  - { name: raised hand, of: user, each: asked, cooldown: 0 }
  - { name: exporting, of: account, intent: [ exports >= 1 ] }
leads: { one_per: account, within: 30d }
outcomes: { won: bought, lost: account.plan == \"gone\" }
";
const TEAM: &str = "
teams: { sales: { reps: [ ana@x.example, ben@x.example ] } }
routes: [ { name: all, to: sales } ]
";

fn told(event: &LeadEvent) -> (LeadEventType, u32, &str) {
    (event.kind, event.lead.revision, &event.lead.id)
}

fn who(lead: &Lead) -> Vec<(&str, &str)> {
    lead.joined.iter().map(|joiner| (&*joiner.id, &*joiner.definition)).collect()
}

async fn desk() -> Desk {
    let desk = Desk::with(PRODUCT, TEAM);
    for user in ["kim", "lee", "mia"] {
        desk.group(user, "acme", json!({ "plan": "free" })).await;
    }
    desk
}

#[tokio::test]
async fn further_people_and_definitions_become_part_of_the_lead() {
    let desk = desk().await;
    desk.track_times("kim", "Task Created", 2).await;
    desk.track_times("lee", "Task Created", 2).await;
    desk.track_times("mia", "Exported", 1).await;
    let taken = desk.taken(3).await;
    let id = &*taken[0].lead.id;
    assert_eq!(taken.iter().map(told).collect::<Vec<_>>(), [(Qualified, 1, id), (Joined, 2, id), (Joined, 3, id)]);
    let owners: Vec<_> =
        taken.iter().map(|event| event.lead.routing.as_ref().and_then(|to| to.owner.clone())).collect();
    assert!(owners.iter().all(|owner| *owner == owners[0] && owner.is_some()), "{owners:?}");
    assert_eq!(desk.turns("sales").await, 1);
    let leads = desk.leads().await;
    assert_eq!(leads.len(), 1, "an account has one lead");
    assert_eq!((&*leads[0].subject.id, leads[0].joined_count), ("kim", 2));
    assert_eq!(who(&leads[0]), [("lee", "active"), ("acme", "exporting")]);
    let seen = &leads[0].joined[0];
    assert_eq!(seen.because, ["2 × Task Created", "the account’s plan is free"]);
    assert!(seen.summary.contains("lee"), "{}", seen.summary);
    let explained = desk.explain(&RecordKey::user("lee")).await.expect("known");
    let held = explained.definitions[0].held_back.clone().expect("it joined");
    assert_eq!((held.by, held.what.as_deref()), (HeldBackBy::Joined, Some(id)));
    assert_eq!(explained.definitions[0].lead_id.as_deref(), Some(id));
    let text = desk.text(&RecordKey::account("acme")).await;
    assert!(text.contains("open\t{"), "{text}");
}

#[tokio::test]
async fn whoever_has_no_account_has_a_lead_of_their_own() {
    let desk = desk().await;
    desk.group("zoe", "other", json!({})).await;
    for user in ["kim", "zoe", "nobody", "no one"] {
        desk.track_times(user, "Asked", 1).await;
    }
    let mut subjects: Vec<_> = desk.leads().await.into_iter().map(|lead| lead.subject.id).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["kim", "no one", "nobody", "zoe"]);
}

#[tokio::test]
async fn a_further_edge_of_the_same_definition_is_part_of_it_too() {
    let desk = desk().await;
    desk.track_times("kim", "Asked", 1).await;
    desk.track_times("kim", "Asked", 2).await;
    let taken = desk.taken(3).await;
    let kinds: Vec<_> = taken.iter().map(|event| event.kind).collect();
    assert_eq!((kinds, desk.leads().await.len()), (vec![Qualified, Joined, Joined], 1));
    assert_eq!(who(&taken[2].lead), [("kim", "raised hand"), ("kim", "raised hand")]);
}

/// A lead that is over makes place: by a lapse, by an outcome, by time, and when its subject is forgotten.
#[tokio::test]
async fn a_lead_that_is_over_makes_place_for_another() {
    let desk = desk().await;
    desk.track_times("kim", "Task Created", 2).await;
    desk.pass(Millis::SECOND).await;
    desk.group("kim", "acme", json!({ "plan": "closed" })).await;
    desk.pass(2 * Millis::SECOND).await;
    desk.track_times("lee", "Asked", 1).await;
    let taken = desk.taken(3).await;
    assert_eq!(taken.iter().map(|event| event.kind).collect::<Vec<_>>(), [Qualified, Lapsed, Qualified]);
    // Lost, as the account says.
    desk.group("kim", "acme", json!({ "plan": "gone" })).await;
    desk.pass(2 * Millis::SECOND).await;
    let lost = desk.leads().await.into_iter().filter(|lead| lead.outcome == Some(Ending::Lost)).count();
    assert_eq!(lost, 2, "one that has lapsed is lost as well");
    desk.group("kim", "acme", json!({ "plan": "free" })).await;
    desk.track_times("mia", "Asked", 1).await;
    desk.track_times("lee", "Asked", 1).await;
    let third = desk.leads().await.into_iter().find(|lead| lead.subject.id == "mia").expect("a lead");
    assert_eq!(who(&third), [("lee", "raised hand")]);
    // Forgotten.
    desk.send(vec![desk.event(Call::Delete, "mia")]).await;
    desk.track_times("lee", "Asked", 1).await;
    let fourth = desk.leads().await.into_iter().find(|lead| lead.outcome.is_none()).expect("a lead");
    assert_eq!((&*fourth.subject.id, fourth.joined_count), ("lee", 0));
    // After its time.
    desk.pass(31 * Millis::DAY).await;
    desk.track_times("kim", "Asked", 1).await;
    let open = desk.leads().await.into_iter().filter(|lead| lead.outcome.is_none()).count();
    assert_eq!(open, 2);
}

#[tokio::test]
async fn what_becomes_of_a_part_becomes_of_the_lead() {
    let desk = desk().await;
    desk.track_times("kim", "Task Created", 2).await;
    desk.track_times("lee", "Task Created", 2).await;
    desk.pass(Millis::MINUTE).await;
    desk.track_times("lee", "Bought", 1).await;
    let taken = desk.taken(3).await;
    let kinds: Vec<_> = taken.iter().map(|event| event.kind).collect();
    assert_eq!((kinds, &*taken[2].lead.subject.id), (vec![Qualified, Joined, Won], "kim"));
    desk.track_times("kim", "Bought", 1).await;
    desk.pass(Millis::MINUTE).await;
    assert_eq!(desk.leads().await[0].revision, 3, "once");
    assert!(desk.taken(3).await.iter().all(|event| event.kind != Lost));
}

#[tokio::test]
async fn who_is_forgotten_leaves_the_lead_that_they_were_part_of() {
    let desk = desk().await;
    desk.track_times("kim", "Task Created", 2).await;
    desk.track_times("lee", "Task Created", 2).await;
    assert_eq!(who(&desk.leads().await[0]).len(), 1);
    desk.send(vec![desk.event(Call::Delete, "lee")]).await;
    let lead = desk.leads().await.remove(0);
    assert_eq!((who(&lead), lead.joined_count), (Vec::new(), 1));
    let text = desk.text(&RecordKey::user("kim")).await;
    assert!(!text.contains("lee"), "{text}");
    // And nothing of them comes back with the next news.
    desk.track_times("mia", "Asked", 1).await;
    assert_eq!(who(&desk.leads().await[0]), [("mia", "raised hand")]);
}

/// Whose lead it is may turn out to be somebody else: who comes later becomes part of it all the same.
#[tokio::test]
async fn a_lead_whose_user_is_merged_takes_in_others() {
    let desk = Desk::with(PRODUCT, TEAM);
    let asked = |user: Option<&str>, anonymous: &str| handraiser::event::Event {
        user_id: user.map(Into::into),
        anonymous_id: Some(anonymous.into()),
        context_group_id: Some("acme".into()),
        ..desk.track("", "Asked")
    };
    desk.send(vec![asked(None, "anon-1")]).await;
    desk.send(vec![desk.identify("kim", "anon-1")]).await;
    desk.send(vec![asked(Some("lee"), "anon-2")]).await;
    let leads = desk.leads().await;
    assert_eq!(leads.len(), 1);
    assert_eq!(who(&leads[0]), [("lee", "raised hand")]);
}

#[tokio::test]
async fn without_it_everybody_is_a_lead() {
    let desk = Desk::with(&PRODUCT.replace("leads: { one_per: account, within: 30d }", ""), TEAM);
    for user in ["kim", "lee"] {
        desk.group(user, "acme", json!({})).await;
        desk.track_times(user, "Asked", 1).await;
    }
    assert_eq!(desk.leads().await.len(), 2);
    assert!(!desk.text(&RecordKey::account("acme")).await.contains("open\t"));
}
