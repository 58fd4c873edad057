//! Leads that are out go where the routes of now say, on command, or by themselves when these change.

use std::sync::Arc;

use handraiser::apply::message::Made;
use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::{Lead, LeadEventType, Progress};
use handraiser::record::{Ending, ReRoute, TookForce, Written};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

/// The desk begins on a Saturday.
fn sections(germans: &str) -> String {
    format!(
        "
traits: {{ account: {{ country: country }} }}
counters: {{ signups: {{ of: user, event: Signed Up }} }}
definitions: [ {{ name: signed up, of: user, intent: [ signups > 0 ] }} ]
teams:
  dach: {{ reps: [ana@x.example] }}
  us: {{ reps: [cy@x.example] }}
  night: {{ reps: [ivo@x.example] }}
reps: {{ ivo@x.example: {{ hours: Mo-Fr 09:00-17:00 }} }}
territories: {{ rows: [ {{ country: DE, to: {germans} }}, {{ country: US, to: us }} ] }}
routes: [ {{ name: table, to: territories }}, {{ name: rest, to: self_serve }} ]
"
    )
}

async fn lead(desk: &Desk, user: &str, country: &str) -> Lead {
    desk.group(user, &format!("account of {user}"), json!({ "country": country })).await;
    desk.send(vec![desk.track(user, "Signed Up")]).await;
    desk.pass(Millis::SECOND).await;
    now(desk, user).await
}

async fn now(desk: &Desk, user: &str) -> Lead {
    desk.leads().await.into_iter().find(|lead| lead.subject.id == user).expect("there is one")
}

async fn owner(desk: &Desk, user: &str) -> String {
    now(desk, user).await.routing.and_then(|routing| routing.owner).unwrap_or_else(|| "nobody".to_owned())
}

async fn reroute(desk: &Desk, lead: &Lead) {
    desk.engine.became(&lead.id, Made::Rerouted { untouched: false }).await.expect("it is told");
    desk.settle().await;
}

#[tokio::test]
async fn a_lead_goes_to_its_new_team_and_others_stay() {
    let desk = Desk::documented(&sections("dach"));
    let (kim, lee) = (lead(&desk, "kim", "DE").await, lead(&desk, "lee", "US").await);
    assert_eq!((owner(&desk, "kim").await, owner(&desk, "lee").await), ("ana@x.example".into(), "cy@x.example".into()));
    desk.engine.became(&kim.id, Made::Came(Progress::Accepted)).await.expect("it is told");
    desk.reload(&sections("us")).await;
    assert_eq!(owner(&desk, "kim").await, "ana@x.example", "what is out stays");
    reroute(&desk, &kim).await;
    reroute(&desk, &lee).await;
    let moved = now(&desk, "kim").await;
    assert_eq!((owner(&desk, "kim").await, moved.progress), ("cy@x.example".into(), None));
    let reason = moved.routing.expect("it is routed").reason;
    assert!(
        reason.starts_with("it was sent on by the routes of now; route `table`")
            && reason.contains("cy@x.example's turn"),
        "{reason}"
    );
    assert_eq!(now(&desk, "lee").await.revision, 1, "it is where it belongs");
    let kinds: Vec<_> = desk.taken(4).await.iter().map(|event| event.kind).collect();
    let expected =
        [LeadEventType::Qualified, LeadEventType::Qualified, LeadEventType::Accepted, LeadEventType::Assigned];
    assert_eq!(kinds, expected);
    let open = |team: &str| RecordKey::team(team);
    assert!(!desk.text(&open("dach")).await.contains("open=") && desk.text(&open("us")).await.contains("open=2"));
}

#[tokio::test]
async fn it_stays_until_somebody_of_its_new_team_is_there_and_goes_to_nobody_at_once() {
    let desk = Desk::documented(&sections("dach"));
    let (kim, lee) = (lead(&desk, "kim", "DE").await, lead(&desk, "lee", "DE").await);
    desk.reload(&sections("night")).await;
    reroute(&desk, &kim).await;
    assert_eq!(owner(&desk, "kim").await, "ana@x.example");
    assert!(desk.text(&RecordKey::wait("night", &kim.id)).await.contains("\"kim\""));
    desk.pass(2 * Millis::DAY).await;
    assert_eq!(owner(&desk, "kim").await, "ivo@x.example");
    assert_eq!(owner(&desk, "lee").await, "ana@x.example", "nobody said so");
    desk.reload(&sections("self_serve")).await;
    reroute(&desk, &lee).await;
    assert_eq!(owner(&desk, "lee").await, "nobody");
    desk.engine.became(&kim.id, Made::given("cy@x.example")).await.expect("it is given");
    desk.settle().await;
    reroute(&desk, &kim).await;
    assert_eq!(owner(&desk, "kim").await, "cy@x.example", "what was given by hand stays");
}

/// A server says that these routes have taken force, and time passes in which leads go where they say.
async fn takes_force(desk: &Desk, server: &str, routing: &str, re_route: Option<ReRoute>) {
    let (hash, routing, written) = (Arc::from(routing), Arc::from(routing), Written::default());
    let took = TookForce { hash, server: server.into(), written, routing, re_route };
    desk.engine.took_force(took).await.expect("it is told");
    desk.pass(10 * Millis::SECOND).await;
    for _ in 0..10 {
        desk.pass(Millis::SECOND / 10).await;
    }
}

#[tokio::test]
async fn open_leads_follow_their_territory_where_the_file_says_so() {
    let desk = Desk::documented(&sections("dach"));
    takes_force(&desk, "a", "first", Some(ReRoute::Untouched)).await;
    for user in ["kim", "lee", "max", "nia"] {
        lead(&desk, user, "DE").await;
    }
    let (lee, max, nia) = (now(&desk, "lee").await, now(&desk, "max").await, now(&desk, "nia").await);
    desk.engine.became(&lee.id, Made::Came(Progress::Accepted)).await.expect("it is told");
    desk.engine.became(&max.id, Made::given("ivo@x.example")).await.expect("it is given");
    desk.engine.became(&nia.id, Made::ended(Ending::Won, None)).await.expect("it is won");
    desk.reload(&sections("us")).await;
    takes_force(&desk, "a", "second", None).await;
    assert_eq!(owner(&desk, "kim").await, "ana@x.example", "never, says the file");
    desk.reload(&sections("self_serve")).await;
    takes_force(&desk, "a", "third", Some(ReRoute::Untouched)).await;
    assert_eq!(owner(&desk, "kim").await, "nobody");
    assert_eq!(owner(&desk, "lee").await, "ana@x.example", "she has accepted it");
    assert_eq!(owner(&desk, "max").await, "ivo@x.example", "what was given by hand stays");
    assert_eq!(owner(&desk, "nia").await, "ana@x.example", "it is over");
    let kim = now(&desk, "kim").await.revision;
    takes_force(&desk, "b", "third", Some(ReRoute::Untouched)).await;
    assert_eq!(now(&desk, "kim").await.revision, kim, "another server that comes to it changes nothing");
    desk.reload(&sections("us")).await;
    takes_force(&desk, "a", "fourth", Some(ReRoute::All)).await;
    assert_eq!(owner(&desk, "lee").await, "cy@x.example");
    assert_eq!(now(&desk, "lee").await.progress, None);
}

#[tokio::test]
async fn a_server_that_reloads_late_sends_on_what_it_owns() {
    let desk = Desk::documented(&sections("dach"));
    takes_force(&desk, "a", "first", Some(ReRoute::All)).await;
    lead(&desk, "kim", "DE").await;
    // Another server has the new file; the one that owns the lead has not.
    takes_force(&desk, "b", "second", Some(ReRoute::All)).await;
    assert_eq!(owner(&desk, "kim").await, "ana@x.example");
    desk.reload(&sections("us")).await;
    takes_force(&desk, "a", "second", Some(ReRoute::All)).await;
    assert_eq!(owner(&desk, "kim").await, "cy@x.example");
}

#[tokio::test]
async fn more_leads_than_a_page_has_each_move_once() {
    const LEADS: usize = 600;
    let desk = Desk::documented(&sections("dach"));
    takes_force(&desk, "a", "first", Some(ReRoute::All)).await;
    let account = json!({ "country": "DE" });
    desk.group("kim", "acme", account).await;
    let event = |number: usize| Event {
        context_group_id: Some("acme".into()),
        ..desk.track(&format!("user {number}"), "Signed Up")
    };
    desk.send((0..LEADS).map(event).collect()).await;
    assert_eq!(desk.taken(LEADS).await.len(), LEADS);
    desk.reload(&sections("us")).await;
    takes_force(&desk, "a", "second", Some(ReRoute::All)).await;
    let news = desk.taken(2 * LEADS).await;
    let moved = news.iter().filter(|event| event.kind == LeadEventType::Assigned);
    let mut moved: Vec<&str> = moved.map(|event| &*event.lead.id).collect();
    moved.sort_unstable();
    moved.dedup();
    assert_eq!((news.len(), moved.len()), (2 * LEADS, LEADS));
    assert!(
        desk.leads()
            .await
            .iter()
            .all(|lead| { lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()) == Some("cy@x.example") })
    );
    assert_eq!(desk.text(&RecordKey::team("dach")).await.matches("open=").count(), 0);
}

#[tokio::test]
async fn what_somebody_has_who_left_goes_to_another_of_the_same_team() {
    let both =
        sections("dach").replace("dach: { reps: [ana@x.example] }", "dach: { reps: [ana@x.example, ben@x.example] }");
    let desk = Desk::documented(&both);
    let (kim, lee) = (lead(&desk, "kim", "DE").await, lead(&desk, "lee", "DE").await);
    assert_eq!(
        (owner(&desk, "kim").await, owner(&desk, "lee").await),
        ("ana@x.example".into(), "ben@x.example".into())
    );
    desk.reload(&both.replace("reps: { ivo", "reps: { ana@x.example: { left: 2026-11-01 }, ivo")).await;
    for lead in [&kim, &lee] {
        reroute(&desk, lead).await;
    }
    assert_eq!(owner(&desk, "kim").await, "ben@x.example");
    assert_eq!(now(&desk, "lee").await.revision, 1, "its owner is there");
}
