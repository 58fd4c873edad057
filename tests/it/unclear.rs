//! Leads that wait until more is known of them, where a territory asks for it.

use handraiser::apply::message::Made;
use handraiser::ids::RecordKey;
use handraiser::lead::Lead;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const SECTIONS: &str = "
traits: { account: { country: country, employees: number } }
counters: { signups: { of: user, event: Signed Up }, uses: { of: account, event: Signed Up } }
definitions:
  - { name: signed up, of: user, intent: [ signups > 0 ] }
  - { name: used, of: account, intent: [ uses > 1 ] }
teams: { large: { reps: [ana@x.example] }, small: { reps: [ben@x.example] } }
territories:
  wait: 10m
  rows:
    - { name: large, country: DE, employees: 1000+, to: large }
    - { name: small, country: DE, to: small }
routes: [ { name: by territory, to: territories }, { name: rest, to: self_serve } ]
";

async fn lead(desk: &Desk, subject: &str) -> Lead {
    let found = desk.leads().await.into_iter().find(|lead| lead.subject.id == subject);
    found.unwrap_or_else(|| panic!("{subject} has a lead"))
}

/// Whose lead it is, or that it waits.
async fn whose(desk: &Desk, subject: &str) -> String {
    let lead = lead(desk, subject).await;
    match (lead.routing, lead.waits) {
        (Some(routing), None) => routing.owner.unwrap_or_else(|| "nobody".to_owned()),
        (None, Some(_)) => "waits".to_owned(),
        other => panic!("it is routed, or waits: {other:?}"),
    }
}

/// Somebody of a company of which nothing but its country is known.
async fn sign_up(desk: &Desk, user: &str, account: &str) {
    desk.group(user, account, json!({ "country": "DE" })).await;
    desk.send(vec![desk.track(user, "Signed Up")]).await;
    desk.settle().await;
}

fn listed(lead: &Lead) -> RecordKey {
    RecordKey::wait("?", &lead.id)
}

#[tokio::test]
async fn what_comes_to_be_known_within_the_time_decides() {
    let desk = Desk::documented(SECTIONS);
    sign_up(&desk, "kim", "acme").await;
    assert_eq!(whose(&desk, "kim").await, "waits");
    let waiting = lead(&desk, "kim").await;
    let waits = waiting.waits.as_ref().expect("it waits");
    assert_eq!(waits.team, None);
    let says = ["no territory is certain yet: employees", "`large`"];
    assert!(says.iter().all(|part| waits.reason.contains(part)), "{waits:?}");
    assert!(desk.text(&listed(&waiting)).await.contains("\"kim\""), "it is among those that wait");
    assert!(desk.taken(0).await.is_empty(), "no destination hears of it");
    desk.pass(Millis::MINUTE).await;
    assert_eq!(whose(&desk, "kim").await, "waits", "nothing more is known");
    desk.group("lee", "acme", json!({ "employees": 2000 })).await;
    desk.pass(2 * Millis::MINUTE).await;
    assert_eq!(whose(&desk, "kim").await, "ana@x.example");
    let event = desk.taken(1).await.pop().expect("one");
    assert_eq!(event.lead.account.expect("it has one").traits["employees"], json!(2000), "the lead says what decided");
    let history: Vec<String> = lead(&desk, "kim").await.history.into_iter().map(|one| one.what).collect();
    assert_eq!(history, ["qualified", "waits", "routed"]);
    assert_eq!(desk.text(&listed(&waiting)).await, "");
    desk.pass(Millis::HOUR).await;
    assert_eq!(desk.taken(1).await.len(), 1, "and nothing more is told");
}

#[tokio::test]
async fn what_comes_for_the_lead_itself_is_seen_at_once() {
    let desk = Desk::documented(SECTIONS);
    sign_up(&desk, "kim", "acme").await;
    sign_up(&desk, "lee", "acme").await;
    assert_eq!(whose(&desk, "acme").await, "waits");
    desk.group("kim", "acme", json!({ "employees": 20 })).await;
    desk.pass(2 * Millis::SECOND).await;
    assert_eq!(whose(&desk, "acme").await, "ben@x.example");
}

#[tokio::test]
async fn after_that_time_the_next_route_decides() {
    let desk = Desk::documented(SECTIONS);
    sign_up(&desk, "kim", "acme").await;
    desk.pass(9 * Millis::MINUTE).await;
    assert_eq!(whose(&desk, "kim").await, "waits");
    desk.pass(Millis::MINUTE).await;
    assert_eq!(whose(&desk, "kim").await, "nobody");
    let lead = lead(&desk, "kim").await;
    let reason = lead.routing.as_ref().expect("it is routed").reason.clone();
    assert!(reason.contains("no territory is certain: employees") && reason.contains("self-serve"), "{reason}");
    assert_eq!(desk.text(&listed(&lead)).await, "");
    assert_eq!(desk.taken(1).await.len(), 1);
}

#[tokio::test]
async fn whoever_is_forgotten_or_given_away_meanwhile_waits_no_longer() {
    let desk = Desk::documented(SECTIONS);
    sign_up(&desk, "kim", "acme").await;
    sign_up(&desk, "lee", "other").await;
    let (kim, lee) = (lead(&desk, "kim").await, lead(&desk, "lee").await);
    desk.engine.forget(&RecordKey::user("kim")).await.expect("it is forgotten");
    desk.engine.became(&lee.id, Made::given("cy@x.example")).await.expect("it is given");
    desk.settle().await;
    assert_eq!((desk.text(&listed(&kim)).await, desk.text(&listed(&lee)).await), (String::new(), String::new()));
    desk.pass(Millis::HOUR).await;
    assert_eq!(whose(&desk, "lee").await, "cy@x.example");
    assert_eq!(desk.taken(1).await.len(), 1);
}
