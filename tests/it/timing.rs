//! What time alone decides: dates that pass, windows that empty, cooldowns that end, in silence.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use handraiser::config::load_text;
use handraiser::engine::{Dispatcher, Engine};
use handraiser::event::{Call, Event};
use handraiser::ids::RecordKey;
use handraiser::lead::LeadEventType;
use handraiser::store::embedded::Tuning;
use handraiser::store::{EmbeddedStore, LeadQuery, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};
use serde_json::json;

use crate::desk::{Desk, START};
use crate::harness::events::blank;
use crate::harness::{eventually, settings};

const TRIAL: &str = "
traits: { account: { trial_ends_at: time } }
definitions:
  - { name: trial done, of: account, intent: [ now >= account.trial_ends_at ] }
";

/// How many subjects wait for a moment.
async fn waiting(store: &SharedStore) -> u64 {
    let lists = store.lists().await.expect("the store answers");
    lists.iter().filter(|list| list.list.as_str() == "wakes").map(|list| list.records).sum()
}

async fn kinds(desk: &Desk, count: usize) -> Vec<LeadEventType> {
    desk.taken(count).await.iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_date_that_passes_makes_a_lead_in_silence() {
    let desk = Desk::configured_as(TRIAL);
    let ends = START.plus(14 * Millis::DAY);
    desk.group("ana", "acme", json!({ "trial_ends_at": ends.rfc3339() })).await;
    assert_eq!(waiting(&desk.store).await, 1);
    desk.pass(14 * Millis::DAY - 1).await;
    assert!(desk.leads().await.is_empty(), "a millisecond is left");
    desk.pass(1).await;
    let leads = desk.leads().await;
    assert_eq!((leads.len(), &*leads[0].timestamps.qualified), (1, &*ends.rfc3339()));
    assert_eq!(leads[0].source, None, "no event made the difference");
    assert_eq!(waiting(&desk.store).await, 0, "nothing can change any more");
}

#[tokio::test]
async fn a_trial_that_is_extended_ends_when_it_ends() {
    let desk = Desk::configured_as(TRIAL);
    let ends = |days: i64| json!({ "trial_ends_at": START.plus(days * Millis::DAY).rfc3339() });
    desk.group("ana", "acme", ends(14)).await;
    desk.pass(Millis::DAY).await;
    desk.group("ana", "acme", ends(900)).await;
    desk.pass(20 * Millis::DAY).await;
    assert!(desk.leads().await.is_empty(), "it was extended");
    desk.pass(900 * Millis::DAY).await;
    assert_eq!(desk.leads().await.len(), 1, "no date is too far");
}

#[tokio::test]
async fn a_user_becomes_a_lead_when_the_account_s_trial_ends() {
    let desk = Desk::configured_as(
        "
traits: { account: { trial_ends_at: time } }
counters: { tasks: { of: user, event: Task Created } }
definitions:
  - { name: heavy user, of: user, intent: [ tasks >= 3 ], fit: [ now >= account.trial_ends_at ] }
",
    );
    let ends = |days: i64| json!({ "trial_ends_at": START.plus(days * Millis::DAY).rfc3339() });
    desk.group("ana", "acme", ends(14)).await;
    desk.group("ben", "acme", ends(14)).await;
    desk.track_times("ana", "Task Created", 3).await;
    desk.track_times("ben", "Task Created", 2).await;
    assert_eq!(waiting(&desk.store).await, 1, "who can't qualify then doesn't wait for it");
    desk.pass(Millis::SECOND).await;
    // A colleague's call changes the date of those who are silent.
    desk.group("ben", "acme", ends(7)).await;
    desk.pass(2 * Millis::SECOND).await;
    desk.pass(7 * Millis::DAY).await;
    let leads = desk.leads().await;
    assert_eq!(leads.iter().map(|lead| &*lead.subject.id).collect::<Vec<_>>(), ["ana"]);
}

#[tokio::test]
async fn a_colleague_s_call_makes_a_lead_of_who_is_silent() {
    let desk = Desk::new(
        "
counters: { tasks: { of: user, event: Task Created } }
definitions:
  - { name: heavy user, of: user, intent: [ tasks >= 3 ], fit: [ account.plan == \"pro\" ], tiers: { 1: true } }
",
    );
    desk.group("ana", "acme", json!({ "plan": "free" })).await;
    desk.track_times("ana", "Task Created", 3).await;
    desk.group("ben", "acme", json!({ "plan": "pro" })).await;
    desk.pass(2 * Millis::SECOND).await;
    let leads = desk.leads().await;
    assert_eq!(leads.iter().map(|lead| &*lead.subject.id).collect::<Vec<_>>(), ["ana"]);
    let explained = desk.explain(&RecordKey::user("ana")).await.expect("is known");
    assert_eq!(explained.definitions[0].lead_id.as_ref(), Some(&leads[0].id));
}

const BURST: &str = "
counters: { clicks: { of: user, event: Clicked, within: 1m } }
definitions:
  - { name: eager, of: user, intent: [ clicks >= 2 ], cooldown: COOLDOWN }
";

/// A lapse that no event saw lost the next lead.
#[tokio::test]
async fn what_lapses_in_silence_has_lapsed() {
    use LeadEventType::{Lapsed, Qualified};
    let desk = Desk::new(&BURST.replace("COOLDOWN", "0"));
    desk.track_times("ana", "Clicked", 2).await;
    desk.pass(3 * Millis::MINUTE).await;
    let leads = desk.leads().await;
    assert_eq!((leads.len(), leads[0].revision), (1, 2));
    assert!(leads[0].timestamps.lapsed.is_some());
    desk.track_times("ana", "Clicked", 2).await;
    assert_eq!(desk.leads().await.len(), 2);
    assert_eq!(kinds(&desk, 3).await, [Qualified, Lapsed, Qualified]);
}

#[tokio::test]
async fn what_became_true_again_meanwhile_is_a_lead_at_the_end_of_the_cooldown() {
    let desk = Desk::new(&BURST.replace("COOLDOWN", "1h").replace("within: 1m", "within: 1h"));
    desk.track_times("ana", "Clicked", 2).await;
    desk.crm.down.store(false, Ordering::SeqCst);
    desk.pass(61 * Millis::MINUTE).await;
    // The cooldown is over, and so is the window. The next lead begins another one.
    desk.track_times("ana", "Clicked", 2).await;
    assert_eq!(desk.leads().await.len(), 2);
    let desk = Desk::new(&BURST.replace("COOLDOWN", "1h").replace("within: 1m", "within: 30m"));
    desk.track_times("ana", "Clicked", 2).await;
    desk.pass(40 * Millis::MINUTE).await;
    desk.track_times("ana", "Clicked", 2).await;
    assert_eq!(desk.leads().await.len(), 1, "the cooldown is not over");
    desk.pass(20 * Millis::MINUTE).await;
    assert_eq!(desk.leads().await.len(), 2, "nothing happened, and it is true");
}

#[tokio::test]
async fn who_can_t_change_by_time_is_on_no_list() {
    let desk = Desk::new(
        "
counters:
  tasks: { of: user, event: Task Created, within: 30d }
  ever: { of: user, event: Task Created }
definitions:
  - { name: heavy, of: user, intent: [ tasks > 50 ] }
  - { name: loyal, of: user, intent: [ ever > 2 ] }
  - { name: growing, of: user, when: 'tasks > 10 || user.role == \"admin\"' }
",
    );
    for user in 0..30 {
        desk.track_times(&format!("user-{user}"), "Task Created", 3).await;
    }
    assert_eq!(waiting(&desk.store).await, 0, "three tasks never become more than fifty by leaving the window");
    desk.track_times("user-1", "Task Created", 8).await;
    // Until then they wait for their account.
    desk.pass(25 * Millis::HOUR).await;
    assert_eq!(waiting(&desk.store).await, 1, "eleven may become ten");
    desk.pass(30 * Millis::DAY).await;
    assert_eq!(waiting(&desk.store).await, 0);
    let explained = desk.explain(&RecordKey::user("user-1")).await.expect("is known");
    assert_eq!(explained.counters["tasks"], json!(0));
}

fn embedded(path: &std::path::Path) -> SharedStore {
    Arc::new(EmbeddedStore::open(path, StoreOptions::default(), Tuning::default()).expect("the store opens"))
}

fn start(store: &SharedStore, name: &str) -> Engine {
    let text = format!("sources: {{ app: {{ write_key: k }} }}\n{TRIAL}");
    let config = load_text("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config;
    let rules = Arc::new(ArcSwap::new(Arc::clone(&config.rules)));
    let nobody = Arc::clone(&Desk::new("").crm) as Arc<dyn Dispatcher>;
    Engine::start(Arc::clone(store), rules, Clock::System, nobody, settings::engine(name))
}

/// By the machine's clock, in the store on disk, and over a restart.
#[tokio::test(flavor = "multi_thread")]
async fn it_fires_within_a_second_and_survives_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("time.db");
    let ends = Clock::System.now().plus(4_000);
    {
        let store = embedded(&path);
        let engine = start(&store, "before");
        for account in ["acme", "bolt"] {
            let at = if account == "acme" { ends } else { ends.plus(Millis::DAY) };
            let traits = json!({ "trial_ends_at": at.rfc3339() }).as_object().cloned().unwrap_or_default();
            let event = Event {
                call: Call::Group,
                user_id: Some("ana".into()),
                group_id: Some(account.into()),
                traits,
                ..blank(account, Clock::System.now())
            };
            engine.submit(vec![Arc::new(event)], Vec::new()).await.expect("it is taken");
        }
        engine.settle().await.expect("the store answers");
        assert_eq!(waiting(&store).await, 2);
        assert!(engine.drain(Duration::from_secs(5)).await);
        store.close().await.expect("it closes");
    }
    let store = embedded(&path);
    let started = Instant::now();
    let _engine = start(&store, "after");
    let lead = eventually("the lead", Duration::from_secs(20), async || {
        store.leads(&LeadQuery { limit: 10, ..LeadQuery::default() }).await.ok()?.pop()
    })
    .await;
    let late = Clock::System.now().since(ends);
    println!("{late} ms after its time, {:?} after the start", started.elapsed());
    assert!((0..1_000).contains(&late), "{late} ms late");
    assert_eq!(lead.subject, RecordKey::account("acme"));
}
