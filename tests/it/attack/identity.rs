//! Whoever has a public write key says that a known user is somebody else, changes what a server said, or deletes people.

use handraiser::event::{Call, Event, SourceName, Trust};
use handraiser::ids::RecordKey;
use serde_json::json;

use crate::desk::Desk;

const COUNTERS: &str = "
counters:
  tasks: { of: user, event: Task Created }
  account_tasks: { of: account, event: Task Created }
definitions: [ { name: busy, of: user, intent: [ tasks > 1000 ] } ]
";

fn public(event: Event) -> Event {
    Event { trust: Trust::Public, ..event }
}

fn alias(desk: &Desk, from: &str, to: &str) -> Event {
    Event { previous_id: Some(from.into()), ..desk.event(Call::Alias, to) }
}

async fn tasks(desk: &Desk, user: &str) -> serde_json::Value {
    desk.count(&RecordKey::user(user), "tasks").await
}

#[tokio::test]
async fn a_known_user_is_not_moved_to_an_attacker() {
    let desk = Desk::new(COUNTERS);
    desk.send(vec![public(desk.track("victim", "Task Created"))]).await;
    let thefts = [
        public(alias(&desk, "victim", "mallory")),
        public(desk.identify("mallory", "victim")),
        public(alias(&desk, "victim", "mallory")),
    ];
    desk.send(thefts.into()).await;
    desk.send(vec![public(desk.track("victim", "Task Created"))]).await;
    assert_eq!((tasks(&desk, "victim").await, tasks(&desk, "mallory").await), (json!(2), json!(0)));
    let text = desk.text(&RecordKey::user("victim")).await;
    assert!(text.contains("refused:mallory\t") && !text.contains("merged_into"), "{text}");
    // Nor is what nobody signed, behind a signature over another event.
    desk.send(vec![Event { covered: false, ..alias(&desk, "victim", "mallory") }]).await;
    assert_eq!((tasks(&desk, "victim").await, tasks(&desk, "mallory").await), (json!(2), json!(0)));
    // A server may: it is how a product renames its users.
    desk.send(vec![alias(&desk, "victim", "renamed")]).await;
    assert_eq!(tasks(&desk, "renamed").await, json!(2));
}

#[tokio::test]
async fn an_id_that_was_tied_before_anybody_knew_it_is_its_own_once_it_is_known() {
    for by in [Trust::Server, Trust::Public] {
        let desk = Desk::new(COUNTERS);
        desk.send(vec![public(alias(&desk, "victim", "mallory"))]).await;
        let first = Event { trust: by, ..desk.track("victim", "Task Created") };
        desk.send(vec![first, public(desk.track("victim", "Task Created"))]).await;
        assert_eq!((tasks(&desk, "victim").await, tasks(&desk, "mallory").await), (json!(2), json!(0)), "{by:?}");
        // Nor does whoever forgets the attacker delete the victim.
        desk.engine.forget(&RecordKey::user("mallory")).await.expect("a store in memory");
        assert_eq!(tasks(&desk, "victim").await, json!(2), "{by:?}");
        desk.send(vec![public(alias(&desk, "victim", "mallory"))]).await;
        desk.send(vec![desk.track("victim", "Task Created")]).await;
        assert_eq!(tasks(&desk, "victim").await, json!(3), "{by:?}");
    }
}

#[tokio::test]
async fn browsers_still_tie_their_anonymous_ids_and_may_say_so_twice() {
    let desk = Desk::new(COUNTERS);
    let visit = |name: &str| public(Event { call: Call::Track, name: Some(name.into()), ..desk.visit("anon-1") });
    desk.send(vec![visit("Task Created"), visit("Task Created")]).await;
    desk.send(vec![public(desk.identify("ana", "anon-1"))]).await;
    desk.send(vec![public(desk.identify("ana", "anon-1")), visit("Task Created")]).await;
    assert_eq!(tasks(&desk, "ana").await, json!(3));
    // The first user of a browser keeps what it did; the second one begins anew.
    desk.send(vec![public(desk.identify("bob", "anon-1")), public(desk.track("bob", "Task Created"))]).await;
    assert_eq!((tasks(&desk, "ana").await, tasks(&desk, "bob").await), (json!(3), json!(1)));
    desk.send(vec![public(alias(&desk, "anon-2", "ana"))]).await;
    assert!(desk.text(&RecordKey::user("ana")).await.contains("alias:anon-2\t"));
}

#[tokio::test]
async fn what_a_server_said_stays_whatever_a_browser_says() {
    for public_first in [false, true] {
        let desk = Desk::new(COUNTERS);
        let said = |trust, group: &str, plan: &str| {
            let user = Event { trust, ..desk.told(Call::Identify, "ana", None, json!({ "role": plan })) };
            let group = Event { trust, ..desk.told(Call::Group, "ana", Some(group), json!({ "plan": plan })) };
            vec![user, group]
        };
        let (honest, forged) = (said(Trust::Server, "acme", "free"), said(Trust::Public, "evil", "enterprise"));
        let calls = if public_first { [forged, honest] } else { [honest, forged] };
        for calls in calls {
            desk.clock.advance(1_000);
            desk.send(calls).await;
        }
        let taken_away =
            Event { trust: Trust::Public, ..desk.told(Call::Identify, "ana", None, json!({ "role": null })) };
        desk.send(vec![taken_away]).await;
        // The forged call about the server's account.
        let forged = desk.told(Call::Group, "mallory", Some("acme"), json!({ "plan": "enterprise", "seats": 5 }));
        desk.send(vec![public(forged)]).await;
        desk.clock.advance(5_000);
        desk.send(vec![public(desk.track("ana", "Task Created"))]).await;
        let ana = desk.explain(&RecordKey::user("ana")).await.expect("known");
        assert_eq!((&ana.traits["role"], &ana.accounts[0]), (&json!("free"), &"acme".to_owned()));
        let acme = desk.explain(&RecordKey::account("acme")).await.expect("known");
        assert_eq!((&acme.traits["plan"], &acme.traits["seats"]), (&json!("free"), &json!(5)));
        assert_eq!(acme.counters["account_tasks"], json!(1));
    }
}

#[tokio::test]
async fn what_rests_on_a_server_does_not_hear_a_browser_and_a_lead_says_who_spoke() {
    let desk = Desk::with_sources(
        "backend: { write_key: b, trust: server }",
        "
traits: { account: { plan: { type: text, from: backend } } }
counters:
  paid: { of: account, event: Seat Paid, from: backend }
  seats: { of: account, event: Seat Paid }
definitions:
  - { name: paying, of: account, from: backend, intent: [ paid >= 2 ], fit: [ account.plan == \"free\" ] }
",
    );
    let from = |source: &str, trust, event: Event| Event { source: SourceName::new(source), trust, ..event };
    let browser = |event| from("app", Trust::Public, event);
    let backend = |event| from("backend", Trust::Server, event);
    let group = |plan: &str| desk.told(Call::Group, "ana", Some("acme"), json!({ "plan": plan, "name": "Acme" }));
    // The browser is first, and later, and often; nobody hears it on the plan.
    desk.send(vec![browser(group("free"))]).await;
    desk.send((0..5).map(|_| browser(desk.track("ana", "Seat Paid"))).collect()).await;
    let acme = desk.explain(&RecordKey::account("acme")).await.expect("known");
    assert_eq!(acme.traits.get("plan"), None);
    assert_eq!((&acme.counters["paid"], &acme.counters["seats"]), (&json!(0), &json!(5)));
    desk.send(vec![backend(group("free")), backend(desk.track("ana", "Seat Paid"))]).await;
    desk.send(vec![browser(group("enterprise")), browser(desk.track("ana", "Seat Paid"))]).await;
    assert!(desk.leads().await.is_empty());
    desk.send(vec![backend(desk.track("ana", "Seat Paid"))]).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    let sources: Vec<_> = lead.sources.iter().map(|source| (source.name.as_str(), source.trust)).collect();
    assert_eq!(sources, [("app", Trust::Public), ("backend", Trust::Server)]);
}

#[tokio::test]
async fn a_message_that_is_sent_again_once_its_user_is_known_counts_once() {
    let desk = Desk::new(COUNTERS);
    let visit = Event { call: Call::Track, name: Some("Task Created".into()), ..desk.visit("anon-1") };
    // The answer got lost, the person signed in, and the SDK sends what it has once more.
    let again = Event { user_id: Some("ana".into()), ..visit.clone() };
    desk.send(vec![public(visit.clone())]).await;
    desk.send(vec![public(desk.identify("ana", "anon-1"))]).await;
    desk.send(vec![public(again.clone()), public(again.clone())]).await;
    assert_eq!(tasks(&desk, "ana").await, json!(1));
    assert_eq!(desk.engine.duplicates().values().sum::<u64>(), 2);
    desk.send(vec![public(visit), public(desk.track("ana", "Task Created"))]).await;
    assert_eq!(tasks(&desk, "ana").await, json!(2));
}

#[tokio::test]
async fn who_is_forgotten_does_not_come_back_by_an_id_that_was_crowded_out() {
    let desk = Desk::new(COUNTERS);
    let visit = || public(Event { call: Call::Track, name: Some("Task Created".into()), ..desk.visit("her-phone") });
    desk.send(vec![visit(), public(desk.identify("ana", "her-phone"))]).await;
    // A stranger who knows her id ties a thousand others to it, so that her own is not among those that are kept.
    desk.clock.advance(1_000);
    desk.send((0..1_000).map(|n| public(desk.identify("ana", &format!("made-up-{n}")))).collect()).await;
    let ana = desk.text(&RecordKey::user("ana")).await;
    assert!(!ana.contains("alias:her-phone"), "it was crowded out");
    desk.send(vec![visit()]).await;
    assert_eq!(tasks(&desk, "ana").await, json!(2));
    desk.engine.forget(&RecordKey::user("ana")).await.expect("a store in memory");
    desk.send(vec![visit()]).await;
    desk.send(vec![visit()]).await;
    assert_eq!(tasks(&desk, "her-phone").await, json!(2), "it is somebody whom nobody knows");
    let ana = desk.explain(&RecordKey::user("ana")).await;
    assert!(ana.is_none_or(|ana| ana.counters["tasks"] == json!(0)));
}

#[tokio::test]
async fn an_operator_unlinks_an_id_for_good() {
    let desk = Desk::new(COUNTERS);
    let visit = || public(Event { call: Call::Track, name: Some("Task Created".into()), ..desk.visit("anon-1") });
    desk.send(vec![visit(), public(desk.identify("mallory", "anon-1"))]).await;
    let unlinked = desk.engine.unlink("anon-1").await.expect("a store in memory");
    assert_eq!(unlinked.as_deref(), Some("mallory"));
    assert_eq!(desk.engine.unlink("anon-1").await.expect("a store in memory"), None);
    desk.send(vec![visit(), public(desk.identify("mallory", "anon-1")), visit()]).await;
    assert_eq!((tasks(&desk, "anon-1").await, tasks(&desk, "mallory").await), (json!(2), json!(1)));
    let mallory = desk.text(&RecordKey::user("mallory")).await;
    assert!(!mallory.contains("alias:"), "{mallory}");
}
