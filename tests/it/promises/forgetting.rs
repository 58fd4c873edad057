//! A deletion request reaches whatever names the person.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use handraiser::apply::message::AccountEvent;
use handraiser::apply::{Body, Context, Message, NOTHING_HELD, apply};
use handraiser::config::load_text;
use handraiser::event::{Call, Event};
use handraiser::ids::{Position, RecordKey, RecordKind, ShardId};
use handraiser::lead::build::Origin;
use handraiser::record::outcomes::Told;
use handraiser::record::{Profile, Record};
use handraiser::store::ListName;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::{Desk, START};
use crate::harness::events::blank;

const DEFINITIONS: &str = "
counters:
  visits: { of: user, page: any }
  tasks: { of: account, event: Task Created }
  people: { of: account, event: Task Created, distinct: user }
definitions:
  - { name: visitor, of: user, intent: [ visits >= 3 ], tiers: { 1: account.employees >= 500, 2: true } }
  - { name: busy, of: account, intent: [ tasks >= 2 ], tiers: { 1: account.employees >= 500, 2: true } }
";
/// What names the person.
const TRACES: [&str; 5] = ["ada-77", "anon-88", "ada.l@firm.example", "Lovelace", "Countess"];

async fn qualify(desk: &Desk) {
    let who = json!({"email": "ada.l@firm.example", "name": "Ada Lovelace", "title": "Countess"});
    desk.send(vec![desk.visit("anon-88"), desk.visit("anon-88"), desk.visit("anon-88")]).await;
    desk.send(vec![desk.identify("ada-77", "anon-88")]).await;
    desk.send(vec![desk.told(Call::Identify, "ada-77", None, who)]).await;
    desk.group("ada-77", "acme", json!({"name": "Acme"})).await;
    desk.track_times("ada-77", "Task Created", 2).await;
    for _ in 0..3 {
        desk.send(vec![desk.event(Call::Page, "ada-77")]).await;
    }
}

/// Everything that the store holds of users, accounts, leads and deliveries, as text.
async fn everything(desk: &Desk) -> String {
    let mut keys = vec![
        RecordKey::user("ada-77"),
        RecordKey::user("anon-88"),
        RecordKey::account("acme"),
        RecordKey::destination("crm"),
    ];
    for list in desk.store.lists().await.expect("lists") {
        let listed = desk.store.listed(&ListName::new(list.list.as_str()), 1_000).await.expect("a list");
        keys.extend(listed.into_iter().map(|(_, key)| key).filter(|key| key.kind == RecordKind::Delivery));
    }
    let mut text = String::new();
    for key in &keys {
        text += &desk.text(key).await;
    }
    text + &serde_json::to_string(&desk.leads().await).expect("leads")
}

async fn assert_traceless(desk: &Desk) {
    let text = everything(desk).await;
    for trace in TRACES {
        assert!(!text.contains(trace), "`{trace}` is left:\n{text}");
    }
}

#[tokio::test]
async fn nothing_that_names_the_person_is_left_while_the_crm_is_down() {
    let desk = Desk::new(DEFINITIONS);
    desk.crm.down.store(true, Ordering::SeqCst);
    qualify(&desk).await;
    desk.track_times("ben", "Task Created", 1).await;
    let text = everything(&desk).await;
    for trace in TRACES {
        assert!(text.contains(trace), "`{trace}` is there to be forgotten:\n{text}");
    }
    let forgotten = desk.engine.forget(&RecordKey::user("anon-88")).await.expect("forgets").expect("is known");
    assert_eq!(forgotten.ids, ["ada-77", "anon-88"]);
    assert!(desk.explain(&RecordKey::user("ada-77")).await.is_none());
    assert!(desk.explain(&RecordKey::user("anon-88")).await.is_none());
    assert_traceless(&desk).await;
    let leads = desk.leads().await;
    assert_eq!(
        leads.iter().map(|lead| lead.definition.as_str()).collect::<Vec<_>>(),
        ["busy"],
        "the account's own stays"
    );
    assert_eq!(desk.count(&RecordKey::account("acme"), "tasks").await, json!(2), "counts that name nobody stay");

    // What is delivered later names them no longer.
    desk.crm.down.store(false, Ordering::SeqCst);
    desk.pass(Millis::MINUTE).await;
    for event in desk.taken(1).await {
        assert_eq!(event.lead.definition, "busy");
        let text = serde_json::to_string(&event).expect("an event");
        assert!(TRACES.iter().all(|trace| !text.contains(trace)), "{text}");
    }
    assert_traceless(&desk).await;
}

#[tokio::test]
async fn nothing_that_names_the_person_is_left_after_their_leads_were_delivered() {
    let desk = Desk::new(DEFINITIONS);
    qualify(&desk).await;
    desk.taken(2).await;
    desk.send(vec![desk.event(Call::Delete, "ada-77")]).await;
    assert_traceless(&desk).await;
    // An account's change tells those who wait for it; it tells nobody who was forgotten.
    let employees = desk.told(Call::Group, "ben", Some("acme"), json!({"employees": 900}));
    desk.send(vec![employees]).await;
    desk.pass(Millis::MINUTE).await;
    assert_traceless(&desk).await;
}

/// What was on its way to a destination that is configured no longer would be sent if that came back.
#[tokio::test]
async fn nothing_that_names_the_person_is_left_for_a_destination_that_left_the_configuration() {
    let desk = Desk::new(DEFINITIONS);
    desk.crm.down.store(true, Ordering::SeqCst);
    qualify(&desk).await;
    desk.without_destinations().await;
    let text = everything(&desk).await;
    assert!(text.contains("sent_to:crm") && text.contains("Lovelace"), "it waits there: {text}");
    desk.engine.forget(&RecordKey::user("ada-77")).await.expect("forgets").expect("is known");
    assert_traceless(&desk).await;
}

#[tokio::test]
async fn who_qualifies_again_after_they_were_forgotten_is_another_lead() {
    let desk = Desk::new(DEFINITIONS);
    let mut ids = Vec::new();
    for _ in 0..3 {
        qualify(&desk).await;
        ids.extend(desk.leads().await.into_iter().map(|lead| lead.id));
        for key in [RecordKey::user("ada-77"), RecordKey::account("acme")] {
            desk.engine.forget(&key).await.expect("forgets").expect("is known");
        }
        assert!(desk.leads().await.is_empty());
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert!(count >= 6, "one of the person and one of the account each time: {ids:?}");
    assert_eq!(ids.len(), count, "no id is used twice: {ids:?}");
}

/// Between an account's question to the team and the team's answer, the lead waits in the account's record.
#[test]
fn a_lead_that_waits_for_its_rep_names_them_no_longer() {
    let text = "
sources: { app: { write_key: k, trust: server } }
counters: { tasks: { of: account, event: Task Created } }
definitions: [ { name: busy, of: account, intent: [ tasks >= 1 ] } ]
teams: { sales: { reps: [ ana@x.example ] } }
routes: [ { name: all, to: sales } ]
destinations: { crm: { webhook: { url: 'http://127.0.0.1:9/' }, allow_addresses: [ 127.0.0.0/8 ] } }
";
    let config = load_text("test.yaml", text, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config;
    let origin = Origin { shard: ShardId(0), position: Position(1), index: 0, at: START };
    let context = Context {
        rules: &config.rules,
        origin,
        now: START,
        clock: START,
        seed: 0,
        archived: false,
        held: &NOTHING_HELD,
        roster: &handraiser::record::NOBODY_AWAY,
        shards: handraiser::ids::Shards::default(),
        puts_off: false,
    };
    let message = |to: &RecordKey, body| Message { to: to.clone(), at: START, hops: 0, body };
    let (acme, sales) = (RecordKey::account("acme"), RecordKey::team("sales"));
    let (mut account, mut team) = (Record::empty(RecordKind::Account), Record::empty(RecordKind::Team));

    let event = Event { user_id: Some("ada-77".into()), name: Some("Task Created".into()), ..blank("m", START) };
    let profile = Profile {
        email: Some("ada.l@firm.example".into()),
        name: Some("Ada Lovelace".into()),
        title: Some("Countess".into()),
    };
    let part = AccountEvent {
        event: Arc::new(event),
        user: "ada-77".into(),
        profile,
        asking: None,
        told: Told::default(),
        waited: false,
    };
    let asked = apply(&mut account, &message(&acme, Body::AccountEvent(Box::new(part))), &context).messages;
    assert!(account.write().is_some_and(|text| text.contains("Lovelace")), "the lead names them");
    let rename = Body::Rename { from: "ada-77".into(), to: None };
    apply(&mut account, &message(&acme, rename), &context);
    let answered =
        asked.iter().filter(|message| message.to == sales).flat_map(|ask| apply(&mut team, ask, &context).messages);
    let news: Vec<_> = answered.flat_map(|answer| apply(&mut account, &answer, &context).messages).collect();
    assert!(!news.is_empty(), "the lead is on its way to the CRM");
    let text = format!("{news:?}{}", account.write().unwrap_or_default());
    assert!(TRACES.iter().all(|trace| !text.contains(trace)), "{text}");
}
