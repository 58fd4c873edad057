//! Whose an event is, and when a user is decided about whose account matters.

use handraiser::event::{Call, Event};
use handraiser::ids::RecordKey;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const TASKS: &str = "
counters:
  tasks: { of: account, event: Task Created }
definitions:
  - { name: busy, of: account, intent: [ tasks > 1000 ] }
";

/// The requests in which the events of one moment arrive; each names its events by their numbers.
const ORDERS: [&[&[usize]]; 6] = [
    &[&[0, 1, 2, 3]],
    &[&[3, 2, 1, 0]],
    &[&[0], &[1], &[2], &[3]],
    &[&[3], &[2], &[1], &[0]],
    &[&[1, 3], &[0, 2]],
    &[&[2, 1], &[0], &[3]],
];

/// A browser sends identify, group and track calls at the same time, in requests of their own.
#[tokio::test]
async fn an_event_that_comes_before_the_group_call_it_follows_counts_for_the_account() {
    for later in [-5, 0, 5] {
        for order in ORDERS {
            let desk = Desk::new(TASKS);
            let group = desk.told(Call::Group, "ana", Some("acme"), json!({"name": "Acme"}));
            let mail = json!({"email": "ana@elsewhere.com"});
            let after = |event: Event| Event { timestamp: event.timestamp.plus(later), ..event };
            desk.clock.advance(100);
            let events = [
                desk.told(Call::Identify, "ana", None, mail),
                group,
                after(desk.track("ana", "Task Created")),
                after(desk.track("ana", "Task Created")),
            ];
            for request in order {
                desk.send(request.iter().map(|at| events[*at].clone()).collect()).await;
            }
            let what = format!("{order:?}, {later} ms later");
            assert_eq!(desk.count(&RecordKey::account("acme"), "tasks").await, json!(2), "{what}");
            desk.pass(Millis::MINUTE).await;
            assert_eq!(desk.count(&RecordKey::account("acme"), "tasks").await, json!(2), "{what}");
            assert!(desk.explain(&RecordKey::account("elsewhere.com")).await.is_none(), "{what}");
        }
    }
}

#[tokio::test]
async fn without_a_group_call_the_mail_domain_counts_soon() {
    let desk = Desk::new(TASKS);
    desk.send(vec![desk.track("ana", "Task Created")]).await;
    desk.send(vec![desk.told(Call::Identify, "ana", None, json!({"email": "ana@acme.com"}))]).await;
    desk.pass(3 * Millis::SECOND).await;
    assert_eq!(desk.count(&RecordKey::account("acme.com"), "tasks").await, json!(1));
}

#[tokio::test]
async fn of_two_calls_at_the_same_time_the_same_one_stands_whichever_comes_first() {
    let mut seen = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]] {
        let desk = Desk::new(TASKS);
        let calls = [
            desk.told(Call::Identify, "ana", None, json!({"title": "Head of Legal", "role": "admin", "city": "Wien"})),
            desk.told(Call::Identify, "ana", None, json!({"title": "Head of Sales", "role": "owner", "floor": 3})),
            desk.told(Call::Group, "ana", Some("acme"), json!({"plan": "free", "seats": 5})),
            desk.told(Call::Group, "ana", Some("acme"), json!({"plan": "team", "seats": 12})),
        ];
        for at in order {
            desk.send(vec![calls[at].clone()]).await;
        }
        let traits = async |key| desk.explain(&key).await.expect("is known").traits;
        seen.push((traits(RecordKey::user("ana")).await, traits(RecordKey::account("acme")).await));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

fn prices(conditions: &str) -> String {
    format!(
        "
counters:
  visits: {{ of: user, page: any }}
  tasks: {{ of: account, event: Task Created }}
definitions:
  - {{ name: prices, of: user, intent: [ visits >= 3 ], {conditions} }}
"
    )
}

async fn three_visits(desk: &Desk, user: &str) {
    for _ in 0..3 {
        desk.send(vec![desk.event(Call::Page, user)]).await;
    }
}

#[tokio::test]
async fn a_user_is_decided_about_once_and_with_the_accounts_state() {
    let wrong = ["account.plan == null", "!has(account.plan)", "tasks < 2", "tasks == 0"];
    let right = ["account.plan != null", "has(account.plan)", "tasks >= 2"];
    for (condition, leads) in
        wrong.map(|condition| (condition, 0)).into_iter().chain(right.map(|condition| (condition, 1)))
    {
        let desk = Desk::new(&prices(&format!("fit: [ '{condition}' ]")));
        desk.group("ben", "acme", json!({"plan": "team"})).await;
        desk.track_times("ben", "Task Created", 2).await;
        desk.group("ana", "acme", json!({})).await;
        three_visits(&desk, "ana").await;
        desk.pass(Millis::MINUTE).await;
        assert_eq!(desk.leads().await.len(), leads, "{condition}");
    }
}

#[tokio::test]
async fn the_first_tier_is_that_of_the_account() {
    let desk = Desk::new(&prices("tiers: { 1: account.employees >= 500, 2: 'account.employees == null', 3: true }"));
    desk.group("ana", "acme", json!({"employees": 600})).await;
    three_visits(&desk, "ana").await;
    desk.pass(Millis::MINUTE).await;
    let leads = desk.leads().await;
    assert_eq!(leads.iter().map(|lead| (lead.tier, lead.revision)).collect::<Vec<_>>(), [(1, 1)]);
    assert_eq!(desk.taken(1).await.len(), 1);
}

#[tokio::test]
async fn what_changes_in_an_account_decides_about_its_people_soon() {
    for condition in ["account.plan == \"free\"", "tasks >= 2"] {
        let desk = Desk::new(&prices(&format!("fit: [ '{condition}' ]")));
        for user in ["ana", "cem"] {
            desk.group(user, "acme", json!({"plan": "trial"})).await;
            three_visits(&desk, user).await;
        }
        desk.pass(Millis::HOUR).await;
        assert!(desk.leads().await.is_empty(), "{condition}");
        desk.group("ben", "acme", json!({"plan": "free"})).await;
        desk.track_times("ben", "Task Created", 2).await;
        desk.pass(2 * Millis::SECOND).await;
        let mut leads: Vec<_> = desk.leads().await.into_iter().map(|lead| lead.subject.id).collect();
        leads.sort();
        assert_eq!(leads, ["ana", "cem"], "{condition}");
    }
}

/// A group call that names nobody changes the account as well; who qualified gets their new tier by it.
#[tokio::test]
async fn a_call_about_the_account_alone_revises_the_leads_of_its_people() {
    let desk = Desk::new(&prices("tiers: { 1: account.employees >= 500, 2: true }"));
    desk.group("ana", "acme", json!({"employees": 5})).await;
    three_visits(&desk, "ana").await;
    assert_eq!(desk.leads().await[0].tier, 2);
    desk.clock.advance(Millis::HOUR);
    let group = desk.told(Call::Group, "", Some("acme"), json!({"employees": 900}));
    desk.send(vec![Event { user_id: None, ..group }]).await;
    desk.pass(2 * Millis::SECOND).await;
    let lead = &desk.leads().await[0];
    assert_eq!((lead.tier, lead.revision), (1, 2));
}
