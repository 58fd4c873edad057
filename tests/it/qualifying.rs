//! From events to leads: edges, cooldowns, tiers, decisions that need a user and their account, merges, retries.

use std::sync::atomic::Ordering;

use handraiser::event::{Call, Event};
use handraiser::ids::RecordKey;
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;

const TEAM_PLAN: &str = "
counters:
  tasks: { of: account, event: Task Created, within: 30d, label: [task created, tasks created] }
definitions:
  - name: team plan
    of: account
    intent: [ tasks > 3 ]
    fit: [ account.plan == \"free\" ]
    tiers: { 1: account.employees >= 500, 2: true }
    cooldown: 60d
";

#[tokio::test]
async fn crossing_a_threshold_makes_one_lead_and_no_second() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free", "name": "Acme", "employees": "51-200"})).await;
    desk.track_times("ana", "Task Created", 3).await;
    assert!(desk.leads().await.is_empty(), "three are not more than three");
    desk.track_times("ana", "Task Created", 5).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!((lead.definition.as_str(), lead.tier, lead.revision), ("team plan", 2, 1));
    assert_eq!(lead.subject.id, "acme");
    assert_eq!(lead.summary, "Acme: 4 tasks created in the last 30 days.");
    assert_eq!(lead.usage["tasks"], json!(4));
    let observed: Vec<_> = lead.reasons.iter().map(|r| (r.condition.as_str(), r.met)).collect();
    assert_eq!(
        observed,
        [
            ("tasks > 3", Some(true)),
            ("account.plan == \"free\"", Some(true)),
            ("account.employees >= 500", Some(false))
        ]
    );
    assert_eq!(desk.taken(1).await.len(), 1);
}

#[tokio::test]
async fn one_is_not_called_as_several_are() {
    let desk = Desk::new(&TEAM_PLAN.replace("tasks > 3", "tasks >= 1"));
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 1).await;
    assert_eq!(desk.leads().await[0].summary, "acme: 1 task created in the last 30 days.");
}

#[tokio::test]
async fn what_is_not_known_is_neither_true_nor_false() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({})).await;
    desk.track_times("ana", "Task Created", 9).await;
    assert!(desk.leads().await.is_empty(), "the plan is not known");
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    assert_eq!(desk.leads().await.len(), 1, "learning a trait decides as well");
}

#[tokio::test]
async fn a_duplicate_counts_nothing_and_qualifies_nobody() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    let event = desk.track("ana", "Task Created");
    for _ in 0..10 {
        desk.send(vec![event.clone(), event.clone()]).await;
    }
    let explained = desk.explain(&RecordKey::account("acme")).await.expect("is known");
    assert_eq!(explained.counters["tasks"], json!(1));
    assert!(desk.leads().await.is_empty());
    assert_eq!(desk.engine.duplicates().values().sum::<u64>(), 19);
}

#[tokio::test]
async fn a_second_lead_needs_an_edge_and_the_end_of_the_cooldown() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 4).await;
    // The window empties; the definition is seen to be false; then it is true again, within the cooldown.
    desk.clock.advance(40 * Millis::DAY);
    desk.track_times("ana", "Task Created", 1).await;
    desk.track_times("ana", "Task Created", 4).await;
    assert_eq!(desk.leads().await.len(), 1, "the cooldown lasts 60 days");
    desk.clock.advance(25 * Millis::DAY);
    desk.track_times("ana", "Task Created", 1).await;
    let leads = desk.leads().await;
    assert_eq!(leads.len(), 2, "the edge within the cooldown is taken by the first event after it");
    assert_ne!(leads[0].id, leads[1].id);
}

#[tokio::test]
async fn without_an_edge_there_is_no_second_lead_after_the_cooldown() {
    let desk = Desk::new(&TEAM_PLAN.replace(", within: 30d", ""));
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 4).await;
    desk.clock.advance(100 * Millis::DAY);
    desk.track_times("ana", "Task Created", 4).await;
    assert_eq!(desk.leads().await.len(), 1);
}

#[tokio::test]
async fn a_change_of_tier_revises_the_lead() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free", "employees": 20})).await;
    desk.track_times("ana", "Task Created", 4).await;
    desk.clock.advance(Millis::HOUR);
    desk.group("ana", "acme", json!({"employees": "1,200"})).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!((lead.tier, lead.revision), (1, 2));
    let events = desk.taken(2).await;
    let ids: Vec<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!(events.len(), 2);
    assert_ne!(ids[0], ids[1], "each event of a lead's life has an idempotency key of its own");
}

/// Long after the team's record has forgotten the lead, and while nothing gets out to the CRM, its owner keeps it, and no turn is
/// taken for it again.
#[tokio::test]
async fn a_change_of_tier_keeps_the_owner() {
    const OTHERS: usize = 200;
    let routes = "teams: { sales: { reps: [ ana@x.example, ben@x.example ] } }\nroutes: [ { name: all, to: sales } ]";
    let desk = Desk::with(TEAM_PLAN, routes);
    desk.crm.down.store(true, Ordering::SeqCst);
    let qualify = async |account: &str| {
        desk.group(account, account, json!({"plan": "free", "employees": 20})).await;
        desk.track_times(account, "Task Created", 4).await;
    };
    let acme = async || desk.leads().await.into_iter().find(|lead| lead.subject.id == "acme").expect("a lead");
    qualify("acme").await;
    let owner = acme().await.routing.expect("it is routed").owner;
    assert!(owner.is_some());
    for n in 0..OTHERS {
        qualify(&format!("account-{n}")).await;
    }
    desk.clock.advance(Millis::SECOND);
    desk.group("ana", "acme", json!({"employees": "1,200"})).await;
    let lead = acme().await;
    assert_eq!((lead.revision, lead.tier), (2, 1));
    assert_eq!(lead.routing.expect("it is routed").owner, owner);
    assert_eq!(desk.turns("sales").await, OTHERS as u64 + 1, "no turn for a lead that has its owner");
    desk.crm.down.store(false, Ordering::SeqCst);
    desk.pass(Millis::MINUTE).await;
    let taken = desk.taken(OTHERS + 2).await;
    let of_acme: Vec<_> = taken.iter().filter(|event| event.lead.id == lead.id).collect();
    assert_eq!(of_acme.iter().map(|event| event.lead.revision).collect::<Vec<_>>(), [1, 2]);
    assert!(of_acme.iter().all(|event| event.lead.routing.as_ref().is_some_and(|routing| routing.owner == owner)));
}

/// Counts visits, and makes no lead.
const VISITS: &str = "
counters:
  visits: { of: user, page: any }
definitions:
  - { name: visitor, of: user, intent: [ visits > 1000 ] }
";

/// Ids are tied one to the next, as by an admin who renames users again and again; what the first one does still counts.
#[tokio::test]
async fn long_chains_of_merges_lead_to_their_end() {
    let desk = Desk::new(VISITS);
    for n in 0..20 {
        let (old, new) = (format!("user-{n}"), format!("user-{}", n + 1));
        desk.send(vec![desk.event(Call::Page, &old)]).await;
        desk.send(vec![Event { previous_id: Some(old.as_str().into()), ..desk.event(Call::Alias, &new) }]).await;
    }
    desk.send(vec![desk.event(Call::Page, "user-0")]).await;
    assert_eq!(desk.count(&RecordKey::user("user-20"), "visits").await, json!(21));
}

/// The link of an idle anonymous id left the store, the user stayed; what the id does next belongs to the user again.
#[tokio::test]
async fn an_id_whose_link_expired_may_be_linked_again() {
    let desk =
        Desk::with(VISITS, "store: { memory: {}, idle_subjects: 10d }\nroutes: [ { name: all, to: self_serve } ]");
    for visits in [2, 4, 6] {
        desk.send(vec![desk.visit("browser-1"), desk.visit("browser-1")]).await;
        desk.send(vec![desk.identify("ana", "browser-1")]).await;
        assert_eq!(desk.count(&RecordKey::user("ana"), "visits").await, json!(visits));
        for _ in 0..2 {
            desk.pass(6 * Millis::DAY).await;
            desk.send(vec![desk.event(Call::Identify, "ana")]).await;
        }
        assert_eq!(desk.text(&RecordKey::user("browser-1")).await, "", "nothing was heard of it for twelve days");
    }
}

/// Who they are, in a company that fits, and enough use; or one telling attempt.
#[tokio::test]
async fn a_user_is_decided_about_with_their_account_at_hand() {
    let desk = Desk::new(
        "
counters:
  minutes: { of: user, event: Session Ended, sum: properties.minutes }
definitions:
  - name: partner at a firm
    of: user
    intent: [ 'minutes >= 60 || (event.name == \"User Invited\" && event.properties.seats > 10)' ]
    fit: [ 'user.title.containsAny([\"partner\", \"operations\"])', account.industry == \"legal\", account.employees > 20 ]
",
    );
    desk.send(vec![desk.told(Call::Identify, "pat", None, json!({"title": "Managing Partner", "name": "Pat"}))]).await;
    desk.group("pat", "firm", json!({"industry": "legal", "employees": "51-200", "name": "Firm LLP"})).await;
    let session = |minutes| {
        let mut event = desk.track("pat", "Session Ended");
        event.properties.insert("minutes".to_owned(), json!(minutes));
        event
    };
    desk.send(vec![session(30.5)]).await;
    assert!(desk.leads().await.is_empty());
    desk.send(vec![session(29.5)]).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!(lead.account.as_ref().and_then(|account| account.name.as_deref()), Some("Firm LLP"));
    assert_eq!(lead.contact.as_ref().and_then(|contact| contact.title.as_deref()), Some("Managing Partner"));

    // The other branch: one attempt to invite many, by somebody with no hour of use.
    desk.send(vec![desk.told(Call::Identify, "sam", None, json!({"title": "Head of Operations"}))]).await;
    desk.group("sam", "firm", json!({})).await;
    let mut invite = desk.track("sam", "User Invited");
    invite.properties.insert("seats".to_owned(), json!(11));
    desk.send(vec![invite]).await;
    assert_eq!(desk.leads().await.len(), 2);
}

#[tokio::test]
async fn an_anonymous_past_counts_once_its_user_is_known() {
    let desk = Desk::new(
        "
counters:
  visits: { of: user, page: Pricing }
definitions:
  - { name: comparing prices, of: user, intent: [ visits >= 3 ] }
",
    );
    let visit = || Event {
        user_id: None,
        anonymous_id: Some("anon-1".into()),
        name: Some("Pricing".into()),
        ..desk.event(Call::Page, "")
    };
    desk.send(vec![visit(), visit()]).await;
    desk.send(vec![Event { name: Some("Pricing".into()), ..desk.event(Call::Page, "ana") }]).await;
    assert!(desk.leads().await.is_empty());
    let identify = Event { anonymous_id: Some("anon-1".into()), ..desk.event(Call::Identify, "ana") };
    desk.send(vec![identify]).await;
    let lead = desk.leads().await.pop().expect("a lead of the merged user");
    assert_eq!((lead.subject.id.as_str(), &lead.usage["visits"]), ("ana", &json!(3)));
    let explained = desk.explain(&RecordKey::user("anon-1")).await.expect("is known");
    assert_eq!(explained.merged_into.as_deref(), Some("ana"));
}

/// The past of an anonymous id is what lifts the user over the threshold, and the definition reads their account: the lead comes
/// at once, whole, and no second one with the next event.
#[tokio::test]
async fn a_merge_alone_qualifies_a_user_who_has_accounts() {
    let desk = Desk::new(
        "
counters:
  visits: { of: user, page: Pricing }
definitions:
  - { name: comparing prices, of: user, intent: [ visits >= 3 ], fit: [ account.plan == \"free\" ] }
",
    );
    let visit = |user: &str| Event { name: Some("Pricing".into()), ..desk.event(Call::Page, user) };
    let anonymous = || Event { user_id: None, anonymous_id: Some("anon-1".into()), ..visit("") };
    // The group that was joined last, not the account that became known last.
    desk.group("ana", "acme", json!({"plan": "free", "name": "Acme"})).await;
    desk.send(vec![Event { context_group_id: Some("other".into()), ..visit("ana") }, anonymous(), anonymous()]).await;
    let identify = Event { anonymous_id: Some("anon-1".into()), ..desk.event(Call::Identify, "ana") };
    desk.send(vec![identify]).await;
    let lead = desk.leads().await.pop().expect("a lead of the merged user");
    assert_eq!((lead.subject.id.as_str(), &lead.usage["visits"]), ("ana", &json!(3)));
    assert_eq!(lead.account.as_ref().and_then(|account| account.name.as_deref()), Some("Acme"));
    desk.send(vec![visit("ana")]).await;
    assert_eq!(desk.leads().await.len(), 1);
}

/// A link and what the anonymous id did may come in one batch, in any order; all of it belongs to the user.
#[tokio::test]
async fn a_link_and_its_past_may_share_a_batch() {
    let desk = Desk::new(VISITS);
    for n in 0..20 {
        let (user, anonymous) = (format!("user-{n}"), format!("anon-{n}"));
        let visit =
            || Event { user_id: None, anonymous_id: Some(anonymous.as_str().into()), ..desk.event(Call::Page, "") };
        let identify = Event { anonymous_id: Some(anonymous.as_str().into()), ..desk.event(Call::Identify, &user) };
        desk.send(vec![visit(), identify, visit(), visit()]).await;
        assert_eq!(desk.count(&RecordKey::user(&user), "visits").await, json!(3));
    }
}

#[tokio::test]
async fn a_deletion_request_leaves_nothing_that_names_the_user() {
    let desk = Desk::new(TEAM_PLAN);
    desk.send(vec![desk.told(Call::Identify, "ana", None, json!({"email": "ana@acme.example"}))]).await;
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 2).await;
    desk.send(vec![desk.event(Call::Delete, "ana")]).await;
    assert!(desk.explain(&RecordKey::user("ana")).await.is_none());
    let account = desk.explain(&RecordKey::account("acme")).await.expect("is known");
    assert_eq!(account.counters["tasks"], json!(2), "what counts for the account and names nobody stays");
    desk.track_times("ben", "Task Created", 1).await;
    desk.group("ben", "acme", json!({})).await;
    desk.track_times("ben", "Task Created", 2).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert!(lead.people.iter().all(|person| person.user_id != "ana"), "{:#?}", lead.people);
}

/// A hand that is raised before anybody knows whose account it is: the click is remembered until the account says how it stands.
#[tokio::test]
async fn a_raised_hand_waits_for_its_account() {
    let desk = Desk::new(
        "
counters: { asked: { of: user, event: Talk To Sales } }
definitions:
  - { name: raised, of: user, each: asked, fit: [ account.plan == \"free\" ], cooldown: 0 }
  - { name: clicked, of: user, intent: [ event.name == \"Talk To Sales\" ], fit: [ account.plan == \"free\" ], cooldown: 0 }
  - { name: anybody, of: user, each: asked, cooldown: 0 }
",
    );
    let of = |leads: Vec<handraiser::lead::Lead>, user: &str| {
        let those = leads.into_iter().filter(|lead| lead.subject.id == user);
        let mut names: Vec<String> = those.map(|lead| lead.definition).collect();
        names.sort();
        names
    };
    desk.group("zoe", "acme.com", json!({"plan": "free"})).await;
    // The browser sends the click before the group call.
    desk.track_times("ana", "Talk To Sales", 1).await;
    assert_eq!(of(desk.leads().await, "ana"), ["anybody"]);
    desk.track_times("ana", "Something Else", 1).await;
    desk.group("ana", "acme.com", json!({})).await;
    assert_eq!(of(desk.leads().await, "ana"), ["anybody", "clicked", "raised"]);
    // Nobody ever sends one, and the work e-mail address tells.
    let email = json!({"email": "ben@acme.com"});
    desk.send(vec![desk.told(Call::Identify, "ben", None, email), desk.track("ben", "Talk To Sales")]).await;
    assert_eq!(of(desk.leads().await, "ben"), ["anybody"]);
    desk.pass(3 * Millis::SECOND).await;
    assert_eq!(of(desk.leads().await, "ben"), ["anybody", "clicked", "raised"]);
    // Another click is another lead, and time alone makes none.
    desk.pass(Millis::DAY).await;
    desk.track_times("ben", "Something Else", 1).await;
    desk.track_times("ben", "Talk To Sales", 1).await;
    assert_eq!(of(desk.leads().await, "ben"), ["anybody", "anybody", "clicked", "clicked", "raised", "raised"]);
    assert_eq!(of(desk.leads().await, "ana"), ["anybody", "clicked", "raised"]);
}

/// What comes without an account while the account of an earlier event is being asked is decided about when that one has answered.
#[tokio::test]
async fn an_event_without_an_account_is_decided_about_though_an_account_is_being_asked() {
    let desk = Desk::new(
        "
counters: { asked: { of: user, event: Talk To Sales }, made: { of: user, event: Task Created } }
definitions:
  - { name: free user, of: user, intent: [ made >= 1 ], fit: [ account.plan == \"free\" ] }
  - { name: hand, of: user, each: asked }
  - { name: asked once, of: user, intent: [ asked >= 1 ] }
",
    );
    desk.group("zoe", "acme", json!({"plan": "free"})).await;
    let at_work = |user: &str| {
        let mut made = desk.track(user, "Task Created");
        made.context_group_id = Some("acme".into());
        made
    };
    let names = async |user: &str| {
        let leads = desk.leads().await.into_iter().filter(|lead| lead.subject.id == user);
        let mut names: Vec<String> = leads.map(|lead| lead.definition).collect();
        names.sort();
        names
    };
    desk.send(vec![at_work("ana"), desk.track("ana", "Talk To Sales")]).await;
    desk.send(vec![desk.track("ben", "Talk To Sales"), at_work("ben")]).await;
    desk.send(vec![at_work("cy"), at_work("cy"), desk.track("cy", "Talk To Sales"), at_work("cy")]).await;
    for user in ["ana", "ben", "cy"] {
        assert_eq!(names(user).await, ["asked once", "free user", "hand"], "{user}");
    }
}
