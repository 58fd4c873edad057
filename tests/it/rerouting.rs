//! Leads that are out go where the routes of now say, on command.

use handraiser::apply::message::Made;
use handraiser::ids::RecordKey;
use handraiser::lead::{Lead, LeadEventType, Progress};
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
    desk.engine.became(&lead.id, Made::Rerouted).await.expect("it is told");
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
