//! A definition that appears is decided about for everybody, also for who does nothing any more: once, whatever is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::config::load_text;
use handraiser::engine::Engine;
use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::HeldBackBy;
use handraiser::record::{Record, Subject};
use handraiser::store::{LeadQuery, MemoryStore, SharedStore};
use handraiser::time::{Clock, Millis};
use serde_json::json;

use crate::desk::Desk;
use crate::faulty_store::FaultyStore;
use crate::harness::events::blank;
use crate::harness::{eventually, settings};
use crate::history::killed::{NoCrm, ROUGH, options};
use crate::history::{archive, hasty};

const NOBODY: &str = "
traits: { account: { plan: text } }
counters: { tasks: { of: user, event: Task Created }, done: { of: account, event: Task Created } }
definitions: [ { name: nobody, of: user, intent: [ tasks >= 1000000 ] } ]
";

fn with(definitions: &str) -> String {
    NOBODY.replace("definitions: [", &format!("definitions: [ {definitions},"))
}

async fn who(desk: &Desk) -> Vec<String> {
    let mut who: Vec<String> = desk.leads().await.into_iter().map(|lead| lead.subject.id).collect();
    who.sort();
    who
}

#[tokio::test]
async fn who_is_silent_becomes_a_lead_where_that_is_asked_for() {
    let desk = Desk::configured_as(NOBODY);
    for (user, account, tasks) in [("ana", "acme", 3), ("ben", "bolt", 2), ("cy", "acme", 3)] {
        desk.group(user, account, json!({ "plan": if account == "acme" { "free" } else { "team" } })).await;
        desk.track_times(user, "Task Created", tasks).await;
    }
    desk.looked().await;
    assert_eq!(who(&desk).await, Vec::<String>::new());
    // Of users, of accounts, and of users by way of their accounts.
    desk.reload(&with("{ name: heavy, of: user, intent: [ tasks >= 3 ], start: send }")).await;
    desk.looked().await;
    assert_eq!(who(&desk).await, ["ana", "cy"]);
    desk.reload(&with("{ name: large, of: account, intent: [ done >= 6 ], start: send }")).await;
    desk.looked().await;
    assert_eq!(who(&desk).await, ["acme", "ana", "cy"]);
    let ours = "{ name: ours, of: user, intent: [ tasks >= 2, done < 4 ], fit: [ account.plan == team ], start: send }";
    desk.reload(&with(&ours.replace("== team", "== \"team\""))).await;
    desk.looked().await;
    assert_eq!(who(&desk).await, ["acme", "ana", "ben", "cy"]);
    // Nobody is one twice, however often they are looked at.
    desk.engine.walk_again(&[].into()).await.expect("a store in memory takes it");
    desk.looked().await;
    assert_eq!(who(&desk).await.len(), 4);
}

#[tokio::test]
async fn a_quiet_start_holds_for_the_silent_and_time_makes_leads_of_them() {
    let desk = Desk::configured_as(NOBODY);
    desk.track_times("ana", "Task Created", 3).await;
    desk.pass(5 * Millis::DAY).await;
    desk.track_times("ben", "Task Created", 3).await;
    desk.pass(Millis::DAY).await;
    let cy = RecordKey::user("cy");
    desk.track_times("cy", "Task Created", 1).await;
    desk.looked().await;
    let before = desk.text(&cy).await;
    desk.reload(&with("{ name: gone, of: user, intent: [ tasks >= 3, now - user.last_seen > 3d ] }")).await;
    desk.looked().await;
    assert_eq!(who(&desk).await, Vec::<String>::new(), "ana was gone already");
    let ana = desk.explain(&RecordKey::user("ana")).await.expect("is known");
    assert_eq!(ana.definitions[0].held_back.as_ref().map(|held| held.by), Some(HeldBackBy::QuietStart));
    assert_eq!(desk.text(&cy).await, before, "of whom nothing came is not written");
    // Nothing happens, and ben has been silent for long enough by then.
    desk.pass(3 * Millis::DAY).await;
    assert_eq!(who(&desk).await, ["ben"]);
    // Who wants those that were noted gets them, without an event of theirs.
    desk.reload(&with("{ name: gone, of: user, intent: [ tasks >= 3, now - user.last_seen > 3d ], start: send }"))
        .await;
    desk.looked().await;
    assert_eq!(who(&desk).await, ["ana", "ben"]);
}

/// Whoever is busy while the figures are filled is noted like whoever is silent.
#[tokio::test]
async fn a_quiet_start_holds_while_figures_are_filled() {
    let (_directory, archive) = archive();
    let desk = Desk::archived(
        "definitions: [ { name: nobody, of: user, intent: [ tasks >= 1000000 ] } ]\ncounters: { tasks: { of: user, event: Task Created } }",
        hasty(&archive),
    );
    let task = |user: &str, minutes: u64| {
        let properties = json!({ "minutes": minutes }).as_object().cloned().unwrap_or_default();
        Event { properties, ..desk.track(user, "Task Created") }
    };
    desk.send(vec![task("ana", 50), task("ben", 50), task("cy", 5)]).await;
    desk.looked().await;
    let minutes = "
counters: { tasks: { of: user, event: Task Created }, minutes: { of: user, event: Task Created, sum: properties.minutes } }
definitions:
  - { name: worked, of: user, intent: [ minutes >= 40 ] }
  - { name: nobody, of: user, intent: [ tasks >= 1000000 ] }
";
    desk.reload(minutes).await;
    // Before it is filled, as far as a test can be quick enough.
    desk.send(vec![task("ana", 1)]).await;
    desk.looked().await;
    desk.pass(10 * Millis::MINUTE).await;
    for user in ["ana", "ben"] {
        let explained = desk.explain(&RecordKey::user(user)).await.expect("is known");
        assert_eq!(explained.definitions[0].qualifies, Some(true), "{user}");
        let held = explained.definitions[0].held_back.as_ref().map(|held| held.by);
        assert_eq!(held, Some(HeldBackBy::QuietStart), "{user}");
    }
    assert_eq!(who(&desk).await, Vec::<String>::new());
    desk.send(vec![task("cy", 40)]).await;
    assert_eq!(who(&desk).await, ["cy"], "an edge of today is one");
}

const OF_MEMBERS: &str = "
counters: { tasks: { of: user, event: Task Created } }
signals: { heavy_people: { of: account, is: 'members.count(m, m.tasks >= 3)' } }
definitions:
  - { name: nobody, of: user, intent: [ tasks >= 1000000 ] }
  - { name: team, of: account, intent: [ heavy_people >= 2 ] }
  - { name: in a team, of: user, intent: [ tasks >= 3, heavy_people >= 2 ] }
";

async fn two_teams_act(desk: &Desk) {
    for (user, account, tasks) in [("ana", "acme", 3), ("ben", "acme", 3), ("cy", "bolt", 3), ("dan", "bolt", 2)] {
        desk.group(user, account, json!({})).await;
        desk.track_times(user, "Task Created", tasks).await;
    }
    desk.looked().await;
}

/// Two of acme and one of bolt are heavy, before anybody asks for it.
async fn two_teams() -> Desk {
    let desk = Desk::configured_as(
        "counters: { tasks: { of: user, event: Task Created } }\ndefinitions: [ { name: nobody, of: user, intent: [ tasks >= 1000000 ] } ]",
    );
    two_teams_act(&desk).await;
    desk
}

/// An account knows nothing yet of what a new definition asks of its members; how they stood when it appeared is no edge.
#[tokio::test]
async fn a_quiet_start_holds_for_what_silent_members_tell() {
    let desk = two_teams().await;
    desk.reload(OF_MEMBERS).await;
    desk.looked().await;
    desk.pass(5 * Millis::SECOND).await;
    assert_eq!(who(&desk).await, Vec::<String>::new());
    for key in [RecordKey::account("acme"), RecordKey::user("ana"), RecordKey::user("ben")] {
        let explained = desk.explain(&key).await.expect("is known");
        let team = explained.definitions.iter().find(|one| one.qualifies == Some(true)).expect("qualifies");
        assert_eq!(team.held_back.as_ref().map(|held| held.by), Some(HeldBackBy::QuietStart), "{key}");
    }
    // Whoever does something in acme changes nothing there.
    desk.track_times("ana", "Task Created", 1).await;
    desk.pass(5 * Millis::SECOND).await;
    assert_eq!(who(&desk).await, Vec::<String>::new());
    desk.track_times("dan", "Task Created", 1).await;
    desk.pass(5 * Millis::SECOND).await;
    assert_eq!(who(&desk).await, ["bolt", "cy", "dan"], "an edge of today is one");
    // Who wants the others gets them.
    desk.reload(&OF_MEMBERS.replace("heavy_people >= 2 ]", "heavy_people >= 2 ], start: send")).await;
    desk.looked().await;
    desk.pass(5 * Millis::SECOND).await;
    assert_eq!(who(&desk).await, ["acme", "ana", "ben", "bolt", "cy", "dan"]);
}

/// Whoever does something before everybody was looked at tells first how they stood.
#[tokio::test]
async fn a_quiet_start_holds_for_what_busy_members_tell() {
    let desk = two_teams().await;
    desk.reload(OF_MEMBERS).await;
    desk.send(["ana", "ben", "cy"].map(|user| desk.track(user, "Task Created")).to_vec()).await;
    desk.pass(5 * Millis::SECOND).await;
    assert_eq!(who(&desk).await, Vec::<String>::new());
    desk.track_times("dan", "Task Created", 1).await;
    desk.pass(5 * Millis::SECOND).await;
    desk.looked().await;
    assert_eq!(who(&desk).await, ["bolt", "cy", "dan"]);
}

/// Where what is asked of members is itself filled from the archive, they tell it when it is.
#[tokio::test]
async fn a_quiet_start_holds_for_members_whose_figures_are_filled() {
    let (_directory, archive) = archive();
    let desk = Desk::archived(
        "counters: { done: { of: user, event: Other } }\ndefinitions: [ { name: nobody, of: user, intent: [ done >= 1000000 ] } ]",
        hasty(&archive),
    );
    two_teams_act(&desk).await;
    desk.reload(OF_MEMBERS).await;
    // Before they are filled, as far as a test can be quick enough.
    desk.send(["ana", "ben"].map(|user| desk.track(user, "Other")).to_vec()).await;
    desk.looked().await;
    desk.pass(10 * Millis::MINUTE).await;
    assert_eq!(who(&desk).await, Vec::<String>::new());
    desk.track_times("dan", "Task Created", 1).await;
    desk.pass(5 * Millis::SECOND).await;
    assert_eq!(who(&desk).await, ["bolt", "cy", "dan"], "an edge of today is one");
}

/// What a trait is read as decides as much as what is asked of it.
#[tokio::test]
async fn a_trait_that_is_read_otherwise_is_a_new_definition() {
    let said = |ty: &str, start: &str| {
        format!(
            "traits: {{ account: {{ employees: {ty} }} }}
definitions: [ {{ name: large, of: account, intent: [ account.employees >= 200 ], start: {start} }} ]"
        )
    };
    let desk = Desk::configured_as(&said("number", "quiet"));
    for (user, account) in [("ana", "acme"), ("ben", "bolt")] {
        desk.group(user, account, json!({ "employees": "500-1000" })).await;
    }
    desk.looked().await;
    desk.reload(&said("band", "quiet")).await;
    desk.looked().await;
    desk.track_times("ana", "Something", 1).await;
    assert_eq!(who(&desk).await, Vec::<String>::new());
    for account in ["acme", "bolt"] {
        let explained = desk.explain(&RecordKey::account(account)).await.expect("is known");
        assert_eq!(explained.definitions[0].qualifies, Some(true));
        let held = explained.definitions[0].held_back.as_ref().map(|held| held.by);
        assert_eq!(held, Some(HeldBackBy::QuietStart), "{account}");
    }
    desk.reload(&said("band", "send")).await;
    desk.looked().await;
    assert_eq!(who(&desk).await, ["acme", "bolt"]);
}

const BEFORE: &str = "
sources: { app: { write_key: k } }
counters: { tasks: { of: user, event: Task Created }, done: { of: account, event: Task Created } }
definitions: [ { name: nobody, of: user, intent: [ tasks >= 1000000 ] } ]
routes: [ { name: all, to: self_serve } ]
";
const AFTER: &str = "
sources: { app: { write_key: k } }
counters: { tasks: { of: user, event: Task Created }, done: { of: account, event: Task Created } }
definitions:
  - { name: sent, of: user, intent: [ tasks >= 2 ], start: send }
  - { name: noted, of: user, intent: [ tasks >= 2 ] }
  - { name: together, of: user, intent: [ tasks >= 2, done >= 100 ], start: send }
  - { name: large, of: account, intent: [ done >= 100 ], start: send }
routes: [ { name: all, to: self_serve } ]
";
/// More than are looked at at once.
const USERS: usize = 2_400;
const ACCOUNTS: usize = 40;

fn tasks(user: usize) -> usize {
    1 + user % 2
}

fn history() -> Vec<Arc<Event>> {
    let task = |user: usize, n: usize| Event {
        user_id: Some(format!("user-{user}").into()),
        context_group_id: Some(format!("account-{}", user % ACCOUNTS).into()),
        name: Some("Task Created".into()),
        ..blank(&format!("m{n}-{user}"), Clock::System.now())
    };
    (0..USERS).flat_map(|user| (0..tasks(user)).map(move |n| Arc::new(task(user, n)))).collect()
}

async fn submit(engine: &Engine, events: Vec<Arc<Event>>) {
    while engine.submit(events.clone(), Vec::new()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Everybody is silent; a configuration takes force; servers are killed while they look.
async fn campaign(store: SharedStore, servers: usize) {
    let load =
        |text: &str| load_text("test.yaml", text, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config;
    let rules = Arc::new(ArcSwap::new(Arc::clone(&load(BEFORE).rules)));
    let start = |number: usize, store: &SharedStore| {
        let settings = settings::engine(&format!("server-{number}"));
        Engine::start(Arc::clone(store), Arc::clone(&rules), Clock::System, Arc::new(NoCrm), settings)
    };
    let first = start(0, &store);
    for some in history().chunks(500) {
        submit(&first, some.to_vec()).await;
    }
    first.settle().await.expect("everything is applied");
    drop(first);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let after = load(AFTER).rules;
    let since = after.follow(&rules.load(), Clock::System.now());
    rules.store(Arc::new(after.since(since)));
    let faulty = |seed: u64| Arc::new(FaultyStore::new(Arc::clone(&store), seed, ROUGH)) as SharedStore;
    let mut running: Vec<Engine> = (1..=servers).map(|number| start(number, &faulty(number as u64))).collect();
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        // Live traffic goes on beside it: somebody else, who has not a task.
        let page = Event { user_id: Some("user-x".into()), ..blank(&format!("x{round}"), Clock::System.now()) };
        submit(&running[round % servers], vec![Arc::new(page)]).await;
        let number = round % servers;
        running[number] = start(100 + round, &faulty(1_000 + round as u64));
    }
    drop(running);
    let last = start(999, &store);
    eventually("everybody is looked at", Duration::from_secs(120), async || {
        let walks = last.walks().await.ok()?;
        walks.iter().all(|walk| walk.open.is_empty()).then_some(())
    })
    .await;
    last.settle().await.expect("everything is applied");
    let mut expected: BTreeMap<(String, String), usize> = BTreeMap::new();
    for user in (0..USERS).filter(|user| tasks(*user) >= 2) {
        expected.insert(("sent".into(), format!("user:user-{user}")), 1);
        // Accounts of even numbers have people with two tasks each.
        expected.insert(("together".into(), format!("user:user-{user}")), 1);
        let account = format!("account:account-{}", user % ACCOUNTS);
        expected.insert(("large".into(), account), 1);
    }
    let query = LeadQuery { limit: 100_000, ..LeadQuery::default() };
    let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
    for lead in store.leads(&query).await.expect("leads") {
        *found.entry((lead.definition, lead.subject.to_string())).or_default() += 1;
    }
    let differing: Vec<_> =
        expected.keys().chain(found.keys()).filter(|one| expected.get(one) != found.get(one)).collect();
    assert_eq!(differing, Vec::<&(String, String)>::new());
    for user in [0, 1, 2_398, 2_399] {
        let key = RecordKey::user(&format!("user-{user}"));
        let text = store.load(std::slice::from_ref(&key)).await.expect("a record").remove(0).expect("is there");
        let Record::Subject(subject) = Record::read(key.kind, &text).0 else { panic!("{key} is a user") };
        let Subject { standings, .. } = *subject;
        let noted = standings.get("noted").map(|standing| standing.quiet.is_some());
        assert_eq!(noted, (tasks(user) >= 2).then_some(true), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_while_it_looks() {
    campaign(Arc::new(MemoryStore::new(options())), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_look_at_their_own_shards() {
    campaign(Arc::new(MemoryStore::new(options())), 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_that_commit_apart_are_looked_at_apart() {
    campaign(Arc::new(MemoryStore::apart(options())), 3).await;
}
