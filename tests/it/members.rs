//! What is true of an account's people: asked by conditions about the account, told by the users when it changes.

use handraiser::event::{Call, Event};
use handraiser::ids::RecordKey;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const PRODUCT: &str = "
counters:
  tasks: { of: account, event: Task Created }
  sent:  { of: user, event: Message Sent, within: 3h }
signals:
  heavy: { of: user, is: sent >= 3 }
  buyer: { of: user, is: 'user.title.containsWord([\"cto\", \"head\"])' }
  heavy_people: { of: account, is: 'members.count(m, m.heavy)' }
definitions:
  - { name: whole team, of: account, intent: heavy_people >= 2 }
  - { name: with a buyer, of: account, intent: tasks >= 1, fit: 'members.exists(m, m.buyer)' }
  - { name: nobody idle, of: account, intent: 'members.all(m, m.sent.within(3h) > 0) && tasks >= 2' }
";

async fn names(desk: &Desk) -> Vec<String> {
    let mut names: Vec<_> = desk.leads().await.into_iter().map(|lead| lead.definition).collect();
    names.sort();
    names
}

#[tokio::test]
async fn people_count_by_what_is_true_of_each() {
    let desk = Desk::new(PRODUCT);
    for user in ["ana", "ben", "cy"] {
        desk.group(user, "acme", json!({})).await;
    }
    desk.track_times("ana", "Message Sent", 9).await;
    desk.track_times("ben", "Message Sent", 2).await;
    let heavy =
        async || desk.explain(&RecordKey::account("acme")).await.expect("known").signals["heavy_people"].clone();
    assert_eq!((names(&desk).await, heavy().await), (Vec::new(), json!(1)), "one of them alone is heavy");
    desk.track_times("ben", "Message Sent", 1).await;
    assert_eq!(names(&desk).await, ["whole team"]);
    assert_eq!(heavy().await, json!(2));
    // By time alone, though nobody does anything.
    desk.pass(5 * Millis::HOUR).await;
    assert_eq!(heavy().await, json!(0));
    let text = desk.text(&RecordKey::account("acme")).await;
    assert!(text.contains("asked\t") && text.contains("said:"), "{text}");
}

#[tokio::test]
async fn whoever_says_so_last_is_the_buyer() {
    let desk = Desk::new(PRODUCT);
    desk.group("ana", "acme", json!({})).await;
    desk.track_times("ana", "Task Created", 1).await;
    assert!(names(&desk).await.is_empty(), "no title is known");
    // An identify call has no account of its own, and changes what is true of a member.
    desk.send(vec![desk.told(Call::Identify, "ana", None, json!({"title": "Head of IT"}))]).await;
    assert_eq!(names(&desk).await, ["with a buyer"]);
}

#[tokio::test]
async fn all_is_true_only_when_it_is_of_everybody() {
    let desk = Desk::new(PRODUCT);
    desk.group("ana", "acme", json!({})).await;
    desk.group("ben", "acme", json!({})).await;
    desk.track_times("ana", "Message Sent", 1).await;
    desk.track_times("ana", "Task Created", 2).await;
    assert!(names(&desk).await.is_empty(), "ben sent nothing");
    desk.track_times("ben", "Message Sent", 1).await;
    assert_eq!(names(&desk).await, ["nobody idle"]);
}

/// An anonymous member and the user that they turn out to be are one.
#[tokio::test]
async fn a_member_who_was_two_counts_once() {
    let desk = Desk::new(PRODUCT);
    let sent = || Event {
        user_id: None,
        anonymous_id: Some("anon-1".into()),
        context_group_id: Some("acme".into()),
        ..desk.track("", "Message Sent")
    };
    desk.send(vec![sent(), sent(), sent()]).await;
    desk.group("ana", "acme", json!({})).await;
    desk.track_times("ana", "Message Sent", 1).await;
    desk.send(vec![desk.identify("ana", "anon-1")]).await;
    desk.track_times("ana", "Message Sent", 1).await;
    let account = desk.explain(&RecordKey::account("acme")).await.expect("known");
    assert_eq!(account.signals["heavy_people"], json!(1));
    desk.send(vec![desk.event(Call::Delete, "ana")]).await;
    let account = desk.explain(&RecordKey::account("acme")).await.expect("known");
    assert_eq!(account.signals["heavy_people"], json!(0), "whoever is forgotten counts no longer");
}

#[tokio::test]
async fn a_user_s_definition_reads_members_by_way_of_the_account_s_signal() {
    let desk = Desk::new(
        "
counters: { sent: { of: user, event: Message Sent } }
signals:
  busy_team: { of: account, is: 'members.count(m, m.sent >= 2) >= 2' }
definitions: [ { name: in a busy team, of: user, intent: [ sent >= 1, busy_team ] } ]
",
    );
    for user in ["ana", "ben"] {
        desk.group(user, "acme", json!({})).await;
        desk.track_times(user, "Message Sent", 2).await;
    }
    desk.pass(Millis::MINUTE).await;
    let who: std::collections::BTreeSet<_> = desk.leads().await.into_iter().map(|lead| lead.subject.id).collect();
    assert!(who.contains("ben"), "{who:?}");
}

const CONTACTS: &str = "
counters:
  tasks: { of: account, event: Task Created }
  asked: { of: user, event: Asked }
signals:
  buyer: { of: user, is: 'user.title.containsWord([\"cto\", \"head\"])' }
definitions:
  - { name: busy, of: account, each: tasks, cooldown: 0, contact: [ m.buyer, m.asked.last_at, m.events ] }
";

async fn contact(desk: &Desk) -> String {
    desk.track_times("zoe", "Task Created", 1).await;
    desk.pass(Millis::SECOND).await;
    desk.leads().await[0].contact.clone().expect("somebody").user_id
}

#[tokio::test]
async fn the_contact_is_the_first_by_its_keys() {
    let desk = Desk::new(CONTACTS);
    for user in ["ana", "ben", "cy", "zoe"] {
        desk.group(user, "acme", json!({})).await;
    }
    desk.track_times("ana", "Something", 9).await;
    assert_eq!(contact(&desk).await, "ana", "nobody stands out, and ana does most");
    desk.track_times("ben", "Asked", 1).await;
    assert_eq!(contact(&desk).await, "ben");
    desk.pass(Millis::MINUTE).await;
    desk.track_times("cy", "Asked", 1).await;
    assert_eq!(contact(&desk).await, "cy", "the later one");
    desk.send(vec![desk.told(Call::Identify, "ben", None, json!({"title": "CTO", "email": "ben@acme.example"}))]).await;
    assert_eq!(contact(&desk).await, "ben", "a buyer before all others");
    let lead = desk.leads().await[0].clone();
    assert_eq!(
        lead.contact.expect("ben").email.as_deref(),
        Some("ben@acme.example"),
        "an identify call has no account"
    );
    let text = desk.text(&RecordKey::account("acme")).await;
    assert!(text.contains("k:ben\t"), "{text}");
}

/// Of many people the most active are remembered; whoever a key speaks for is among them all the same.
#[tokio::test]
async fn the_buyer_is_not_lost_in_a_crowd() {
    let desk = Desk::new(CONTACTS);
    desk.send(vec![desk.told(Call::Identify, "eve", None, json!({"title": "CTO"}))]).await;
    desk.group("eve", "acme", json!({})).await;
    let crowd =
        (0..80).map(|n| Event { context_group_id: Some("acme".into()), ..desk.track(&format!("u{n}"), "Something") });
    desk.send(crowd.collect()).await;
    desk.group("zoe", "acme", json!({})).await;
    assert_eq!(contact(&desk).await, "eve");
}

#[tokio::test]
async fn a_condition_on_members_asks_how_much_each_did_in_this_account() {
    let desk = Desk::new(
        "
counters: { tasks: { of: account, event: Task Created } }
definitions:
  - { name: two at work, of: account, intent: 'members.count(m, m.events >= 3) >= 2' }
",
    );
    let at = |account: &str, user: &str| Event {
        context_group_id: Some(account.into()),
        ..desk.track(user, "Task Created")
    };
    desk.send((0..3).map(|_| at("acme", "ana")).collect()).await;
    desk.send(vec![at("acme", "ben"), at("acme", "ben"), at("other", "ben"), at("other", "ben")]).await;
    assert!(names(&desk).await.is_empty(), "ben did two things there");
    desk.send(vec![at("acme", "ben")]).await;
    let leads = desk.leads().await;
    assert_eq!(leads.iter().map(|lead| &*lead.subject.id).collect::<Vec<_>>(), ["acme"]);
}

/// The first thing that a member does may be the last one for long.
#[tokio::test]
async fn what_time_makes_true_of_a_member_is_heard_after_their_only_event() {
    let desk = Desk::new(
        "
counters: { sent: { of: user, event: Message Sent } }
definitions: [ { name: somebody left, of: account, intent: 'members.exists(m, now - m.sent.last_at > 2d)' } ]
",
    );
    let event = Event { context_group_id: Some("acme".into()), ..desk.track("ana", "Message Sent") };
    desk.send(vec![event]).await;
    desk.pass(2 * Millis::DAY).await;
    assert!(names(&desk).await.is_empty(), "two days are not more than two days");
    desk.pass(1).await;
    assert_eq!(names(&desk).await, ["somebody left"]);
}

/// What changes for a member changes the account, and with it what is true of a colleague.
#[tokio::test]
async fn a_colleague_hears_of_what_is_true_of_another_member() {
    let desk = Desk::new(
        "
counters: { sent: { of: user, event: Message Sent } }
signals: { lonely: { of: account, is: 'members.count(m, now - m.sent.last_at < 2d) < 2' } }
definitions: [ { name: left alone, of: user, intent: [ sent >= 3, lonely ] } ]
",
    );
    for user in ["ben", "ana"] {
        desk.group(user, "acme", json!({})).await;
        desk.track_times(user, "Message Sent", if user == "ana" { 3 } else { 1 }).await;
    }
    desk.pass(Millis::DAY).await;
    desk.track_times("ana", "Message Sent", 1).await;
    assert!(names(&desk).await.is_empty());
    desk.pass(Millis::DAY).await;
    desk.pass(2 * Millis::SECOND).await;
    assert_eq!(names(&desk).await, ["left alone"], "ben is silent for two days");
}
