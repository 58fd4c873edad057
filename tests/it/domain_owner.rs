//! One company's leads go to one owner for some time, by its domain, whatever accounts they are of.

use handraiser::apply::message::Made;
use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::Lead;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const SECTIONS: &str = "
counters: { signups: { of: user, event: Signed Up } }
definitions: [ { name: signed up, of: user, intent: [ signups > 0 ] } ]
teams: { sales: { reps: [ana@x.example, ben@x.example, cy@x.example] } }
routes:
  - { name: whose it is, to: account_owner }
  - { name: whose company it is, to: domain_owner, within: 30d }
  - { name: all, to: sales }
";

fn desk() -> Desk {
    Desk::documented(SECTIONS)
}

async fn identify(desk: &Desk, user: &str, email: &str) {
    let traits = json!({ "email": email }).as_object().cloned().expect("an object");
    desk.send(vec![Event { traits, ..desk.identify(user, &format!("browser of {user}")) }]).await;
}

async fn sign_up(desk: &Desk, user: &str, account: &str, email: &str) {
    identify(desk, user, email).await;
    desk.send(vec![Event { context_group_id: Some(account.into()), ..desk.track(user, "Signed Up") }]).await;
}

async fn lead(desk: &Desk, user: &str) -> Lead {
    let found = desk.leads().await.into_iter().find(|lead| lead.subject.id == user);
    found.unwrap_or_else(|| panic!("{user} has a lead"))
}

async fn owner(desk: &Desk, user: &str) -> String {
    let routing = lead(desk, user).await.routing;
    routing.and_then(|routing| routing.owner).unwrap_or_else(|| panic!("{user}'s lead is somebody's"))
}

async fn domain(desk: &Desk, name: &str) -> String {
    desk.text(&RecordKey::domain(name)).await
}

#[tokio::test]
async fn accounts_of_one_domain_go_to_one_owner_and_free_mail_to_whoever_is_next() {
    let desk = desk();
    sign_up(&desk, "kim", "team one", "kim@acme.com").await;
    sign_up(&desk, "lee", "team two", "lee@eu.acme.com").await;
    sign_up(&desk, "max", "team three", "max@bolt.io").await;
    for user in ["nia", "oto"] {
        sign_up(&desk, user, &format!("{user}'s own"), &format!("{user}@gmail.com")).await;
    }
    assert_eq!(owner(&desk, "kim").await, "ana@x.example");
    assert_eq!(owner(&desk, "lee").await, "ana@x.example");
    assert_eq!(owner(&desk, "max").await, "ben@x.example");
    assert_eq!(owner(&desk, "nia").await, "cy@x.example");
    assert_eq!(owner(&desk, "oto").await, "ana@x.example");
    let reason = lead(&desk, "lee").await.routing.expect("routed").reason;
    assert!(reason.contains("ana@x.example owns the domain's leads"), "{reason}");
    assert_eq!(domain(&desk, "gmail.com").await, "");
}

#[tokio::test]
async fn those_that_come_in_one_instant_go_to_one_owner() {
    let desk = desk();
    for number in 0..60 {
        let email = format!("user{number}@company{}.com", number % 4);
        identify(&desk, &format!("user{number}"), &email).await;
    }
    // Accounts and domains cross, so that what waits for the one may wait for the other.
    let event = |number: usize| Event {
        context_group_id: Some(format!("account {}", number % 7).as_str().into()),
        ..desk.track(&format!("user{number}"), "Signed Up")
    };
    desk.send((0..60).map(event).collect()).await;
    assert_eq!(desk.taken(60).await.len(), 60, "none waits for another for ever");
    // Of the seven accounts each has one owner; a company's leads go there whose account isn't somebody's yet.
    for account in 0..7 {
        let mut owners = Vec::new();
        for number in (0..60).filter(|number| number % 7 == account) {
            owners.push(owner(&desk, &format!("user{number}")).await);
        }
        owners.dedup();
        assert_eq!(owners.len(), 1, "account {account}: {owners:?}");
    }
    assert!(desk.turns("sales").await <= 4, "no company's leads take more than the turn of the first of them");
}

#[tokio::test]
async fn it_counts_for_as_long_as_the_route_says_and_is_kept_no_longer() {
    let desk = desk();
    for (user, days) in [("kim", 0), ("lee", 29), ("max", 29)] {
        desk.pass(days * Millis::DAY).await;
        sign_up(&desk, user, user, &format!("{user}@acme.com")).await;
        assert_eq!(owner(&desk, user).await, "ana@x.example");
    }
    assert!(domain(&desk, "acme.com").await.contains("ana@x.example"));
    desk.pass(31 * Millis::DAY).await;
    desk.settle().await;
    assert_eq!(domain(&desk, "acme.com").await, "", "nothing is kept of it");
    sign_up(&desk, "nia", "nia", "nia@acme.com").await;
    assert_eq!(owner(&desk, "nia").await, "ben@x.example");
}

#[tokio::test]
async fn whoever_is_given_a_lead_by_hand_has_the_next_of_the_company() {
    let desk = desk();
    sign_up(&desk, "kim", "one", "kim@acme.com").await;
    let id = lead(&desk, "kim").await.id;
    desk.engine.became(&id, Made::given("cy@x.example")).await.expect("it is taken");
    sign_up(&desk, "lee", "two", "lee@acme.com").await;
    assert_eq!(owner(&desk, "lee").await, "cy@x.example");
}

#[tokio::test]
async fn whoever_is_forgotten_while_others_wait_for_them_lets_the_next_decide() {
    let hours = "reps: { ana@x.example: { hours: Mo-Fr 09:00-17:00 } }";
    let text = SECTIONS.replace(", ben@x.example, cy@x.example", "");
    let desk = Desk::documented(&format!("{text}{hours}"));
    for user in ["kim", "lee", "max"] {
        sign_up(&desk, user, user, &format!("{user}@acme.com")).await;
    }
    let waits = |leads: Vec<Lead>| leads.into_iter().filter(|lead| lead.waits.is_some()).map(|lead| lead.subject.id);
    assert_eq!(waits(desk.leads().await).collect::<Vec<_>>(), ["kim"], "the others go where this one does");
    desk.engine.forget(&RecordKey::user("kim")).await.expect("it is forgotten");
    desk.pass(10 * Millis::MINUTE).await;
    desk.pass(Millis::SECOND).await;
    assert_eq!(waits(desk.leads().await).collect::<Vec<_>>(), ["lee"]);
    desk.pass(3 * Millis::DAY).await;
    assert_eq!(desk.taken(2).await.len(), 2);
    assert_eq!(owner(&desk, "max").await, "ana@x.example");
}
