//! One account's leads go to one owner: whoever owns them already, whoever a trait names, or whom an operator gives them to.

use handraiser::apply::message::Made;
use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::{Lead, LeadEventType};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const TEAM: &str = "{ reps: [ana@x.example, ben@x.example, cy@x.example] }";

fn sections(routes: &str, team: &str, more: &str) -> String {
    format!(
        "
traits: {{ account: {{ csm: text }} }}
counters:
  signups: {{ of: user, event: Signed Up }}
  invites: {{ of: user, event: Invited }}
definitions:
  - {{ name: signed up, of: user, intent: [ signups > 0 ] }}
  - {{ name: invited, of: user, intent: [ invites > 0 ] }}
teams: {{ sales: {team} }}
{more}
routes: [ {routes}, {{ name: all, to: sales }} ]"
    )
}

fn desk(routes: &str) -> Desk {
    Desk::documented(&sections(routes, TEAM, ""))
}

fn of(desk: &Desk, account: &str, user: &str, name: &str) -> Event {
    Event { context_group_id: Some(account.into()), ..desk.track(user, name) }
}

/// The owners of an account's leads, each once.
async fn owners(desk: &Desk, account: &str) -> Vec<String> {
    let is_its = |lead: &Lead| lead.account.as_ref().is_some_and(|its| its.id == account);
    let leads = desk.leads().await;
    let mut owners: Vec<String> =
        leads.iter().filter(|lead| is_its(lead)).filter_map(|lead| lead.routing.clone()?.owner).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

const FIRST: &str = "{ name: whose it is, to: account_owner }";

#[tokio::test]
async fn all_people_and_definitions_of_an_account_go_to_one_owner_though_they_come_at_once() {
    let desk = desk(FIRST);
    let mut events = Vec::new();
    for number in 0..60 {
        let (account, name) = (format!("account {}", number % 6), ["Signed Up", "Invited"][number % 2]);
        events.push(of(&desk, &account, &format!("user {number}"), name));
        events.push(of(&desk, &account, &format!("user {number}"), ["Invited", "Signed Up"][number % 2]));
    }
    desk.send(events).await;
    let taken = desk.taken(120).await;
    assert_eq!((taken.len(), desk.leads().await.len()), (120, 120));
    let mut all = Vec::new();
    for account in 0..6 {
        let owners = owners(&desk, &format!("account {account}")).await;
        assert_eq!(owners.len(), 1, "account {account}: {owners:?}");
        all.extend(owners);
    }
    all.sort_unstable();
    assert_eq!(all.len(), 6);
    assert_eq!(all.iter().filter(|owner| owner.starts_with("ana")).count(), 2, "accounts take turns: {all:?}");
    assert_eq!(desk.turns("sales").await, 6);
    let reason = taken.iter().filter_map(|event| event.lead.routing.as_ref()).find(|one| one.team.is_none());
    let reason = &reason.expect("most follow").reason;
    assert!(
        reason.contains("route `whose it is`: always; ") && reason.contains(" owns the account's leads; goes to "),
        "{reason}"
    );
}

#[tokio::test]
async fn who_left_owns_nothing_and_who_is_absent_keeps_the_account() {
    let desk = desk(FIRST);
    desk.send(vec![of(&desk, "acme", "kim", "Signed Up")]).await;
    assert_eq!(owners(&desk, "acme").await, ["ana@x.example"]);
    let absent = "reps: { ana@x.example: { absent: [2026-11-20..2026-11-22] } }";
    desk.reload(&sections(FIRST, TEAM, absent)).await;
    desk.send(vec![of(&desk, "acme", "lee", "Signed Up")]).await;
    assert_eq!(owners(&desk, "acme").await, ["ana@x.example", "ben@x.example"], "somebody stands in");
    desk.pass(3 * Millis::DAY).await;
    desk.send(vec![of(&desk, "acme", "max", "Signed Up")]).await;
    assert_eq!(
        desk.taken(3).await[2].lead.routing.as_ref().and_then(|one| one.owner.as_deref()),
        Some("ana@x.example")
    );
    desk.reload(&sections(FIRST, TEAM, "reps: { ana@x.example: { left: 2026-11-01 } }")).await;
    for user in ["nia", "oto"] {
        desk.send(vec![of(&desk, "acme", user, "Signed Up")]).await;
    }
    let last: Vec<_> = desk.taken(5).await[3..].iter().filter_map(|event| event.lead.routing.clone()?.owner).collect();
    assert_eq!(last, ["cy@x.example", "cy@x.example"], "the next in turn owns it from now on");
}

#[tokio::test]
async fn an_owner_counts_for_as_long_as_the_route_says() {
    let desk = desk("{ name: whose it is, to: account_owner, within: 30d }");
    for (user, days) in [("kim", 0), ("lee", 29), ("max", 29), ("nia", 31)] {
        desk.pass(days * Millis::DAY).await;
        desk.send(vec![of(&desk, "acme", user, "Signed Up")]).await;
    }
    let taken = desk.taken(4).await;
    let owners: Vec<_> = taken.iter().filter_map(|event| event.lead.routing.clone()?.owner).collect();
    assert_eq!(owners, ["ana@x.example", "ana@x.example", "ana@x.example", "ben@x.example"]);
    let reason = &taken[3].lead.routing.as_ref().expect("routed").reason;
    assert!(reason.contains("ana@x.example was given the account's last lead 31d ago, which is too long"), "{reason}");
}

#[tokio::test]
async fn whoever_was_given_the_last_lead_too_long_ago_makes_room_for_one_other() {
    let desk = desk("{ name: whose it is, to: account_owner, within: 30d }");
    desk.send(vec![of(&desk, "acme", "kim", "Signed Up")]).await;
    desk.pass(31 * Millis::DAY).await;
    desk.send(["lee", "max", "nia"].map(|user| of(&desk, "acme", user, "Signed Up")).to_vec()).await;
    desk.pass(Millis::DAY).await;
    desk.send(vec![of(&desk, "acme", "oto", "Signed Up")]).await;
    let taken = desk.taken(5).await;
    let given: Vec<_> = taken.iter().filter_map(|event| event.lead.routing.clone()?.owner).collect();
    assert_eq!(given, ["ana@x.example", "ben@x.example", "ben@x.example", "ben@x.example", "ben@x.example"]);
    assert_eq!(desk.turns("sales").await, 2);
    // What somebody said by hand holds however long ago it is.
    desk.engine.give_account("acme", Some("cy@x.example")).await.expect("it is taken");
    desk.pass(40 * Millis::DAY).await;
    desk.send(vec![of(&desk, "acme", "pia", "Signed Up")]).await;
    assert_eq!(owners(&desk, "acme").await.last().map(String::as_str), Some("cy@x.example"));
}

#[tokio::test]
async fn a_trait_names_the_rep_and_strangers_lead_nobody_astray() {
    let desk = desk("{ name: success manager, to: account.csm }");
    for (account, csm) in [("acme", json!("ben@x.example")), ("bolt", json!("eve@evil.example")), ("corp", json!(null))]
    {
        desk.group("u", account, json!({ "csm": csm })).await;
        desk.send(vec![of(&desk, account, &format!("user of {account}"), "Signed Up")]).await;
    }
    assert_eq!(owners(&desk, "acme").await, ["ben@x.example"]);
    assert_eq!(owners(&desk, "bolt").await, ["ana@x.example"]);
    assert_eq!(owners(&desk, "corp").await, ["ben@x.example"]);
    let reasons: Vec<_> =
        desk.taken(3).await.iter().filter_map(|event| Some(event.lead.routing.clone()?.reason)).collect();
    assert!(
        reasons.iter().any(|one| one.contains("`eve@evil.example`, which account.csm says, is no rep")),
        "{reasons:#?}"
    );
    assert!(reasons.iter().any(|one| one.contains("account.csm is not known")), "{reasons:#?}");
}

#[tokio::test]
async fn whoever_is_given_an_account_or_a_lead_by_hand_has_it() {
    let desk = desk(FIRST);
    desk.engine.give_account("acme", Some("cy@x.example")).await.expect("it is taken");
    desk.send(vec![of(&desk, "acme", "kim", "Signed Up"), of(&desk, "acme", "lee", "Signed Up")]).await;
    assert_eq!(owners(&desk, "acme").await, ["cy@x.example"]);
    assert_eq!(desk.turns("sales").await, 0);
    desk.engine.give_account("acme", None).await.expect("it is taken");
    assert!(!desk.text(&RecordKey::account("acme")).await.contains("owner\t"));
    desk.send(vec![of(&desk, "acme", "max", "Signed Up")]).await;
    assert_eq!(desk.turns("sales").await, 1);
    // A lead that is given to somebody else takes the account along.
    let lead = desk.leads().await.into_iter().find(|lead| lead.subject.id == "max").expect("it is there");
    let row =
        desk.engine.became(&lead.id, Made::given("cy@x.example")).await.expect("it is taken").expect("there is one");
    let assigned: Lead = serde_json::from_str(&row.json).expect("a lead");
    assert_eq!((assigned.revision, assigned.routing.expect("routed").owner.as_deref()), (2, Some("cy@x.example")));
    let told = desk.taken(4).await.pop().expect("told");
    assert_eq!(
        (told.kind, told.lead.summary == lead.summary, told.lead.account == lead.account),
        (LeadEventType::Assigned, true, true)
    );
    desk.send(vec![of(&desk, "acme", "nia", "Signed Up")]).await;
    assert_eq!(desk.turns("sales").await, 1, "it is cy's account");
    assert!(desk.engine.became("lead_none", Made::given("cy@x.example")).await.expect("it is asked").is_none());
}

#[tokio::test]
async fn a_lead_that_waits_may_be_given_to_somebody() {
    let hours = "reps: { ana@x.example: { hours: Mo-Fr 09:00-17:00 } }";
    let desk = Desk::documented(&sections(FIRST, "{ reps: [ana@x.example] }", hours));
    desk.send(vec![of(&desk, "acme", "kim", "Signed Up"), of(&desk, "acme", "lee", "Signed Up")]).await;
    let leads = desk.leads().await;
    let waits: Vec<_> = leads.iter().filter(|lead| lead.waits.is_some()).collect();
    assert_eq!((leads.len(), waits.len()), (2, 1), "the other one goes where this one does");
    desk.engine.became(&waits[0].id, Made::given("ana@x.example")).await.expect("it is taken");
    assert_eq!(owners(&desk, "acme").await, ["ana@x.example"]);
    assert_eq!((desk.taken(2).await.len(), desk.turns("sales").await), (2, 0));
    assert_eq!(desk.text(&RecordKey::wait("sales", &waits[0].id)).await, "");
}

#[tokio::test]
async fn whoever_is_forgotten_while_others_wait_for_them_lets_the_next_decide() {
    let hours = "reps: { ana@x.example: { hours: Mo-Fr 09:00-17:00 } }";
    let desk = Desk::documented(&sections(FIRST, "{ reps: [ana@x.example] }", hours));
    for user in ["kim", "lee", "max"] {
        desk.send(vec![of(&desk, "acme", user, "Signed Up")]).await;
    }
    desk.engine.forget(&RecordKey::user("kim")).await.expect("it is forgotten");
    desk.pass(10 * Millis::MINUTE).await;
    desk.pass(Millis::SECOND).await;
    let leads = desk.leads().await;
    let waits: Vec<_> = leads.iter().filter(|lead| lead.waits.is_some()).map(|lead| &*lead.subject.id).collect();
    assert_eq!((leads.len(), waits), (2, vec!["lee"]));
    // The account is forgotten as well: whoever still asks is routed by themselves.
    desk.engine.forget(&RecordKey::account("acme")).await.expect("it is forgotten");
    desk.settle().await;
    assert!(desk.leads().await.iter().all(|lead| lead.waits.is_some()));
    desk.pass(3 * Millis::DAY).await;
    assert_eq!(desk.taken(2).await.len(), 2);
}

#[tokio::test]
async fn whoever_gets_a_lead_of_somebody_who_left_owns_its_account() {
    let desk = desk(FIRST);
    desk.send(vec![of(&desk, "acme", "kim", "Signed Up")]).await;
    let lead = desk.leads().await.pop().expect("there is one");
    desk.reload(&sections(FIRST, TEAM, "reps: { ana@x.example: { left: 2026-11-01 } }")).await;
    desk.engine.became(&lead.id, Made::Rerouted { untouched: true }).await.expect("it is told");
    desk.settle().await;
    assert_eq!(owners(&desk, "acme").await, ["ben@x.example"]);
    desk.send(vec![of(&desk, "acme", "lee", "Signed Up")]).await;
    assert_eq!((owners(&desk, "acme").await, desk.turns("sales").await), (vec!["ben@x.example".to_owned()], 2));
}
