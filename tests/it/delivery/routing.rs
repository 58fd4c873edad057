//! The router over a store: exactly one owner and one delivery for each lead, whoever dies in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use handraiser::cdp::source::Secret;
use handraiser::config::Durability;
use handraiser::crm::deliveries::queue_of;
use handraiser::engine::queue::{Handler, Runner, Settings, Work};
use handraiser::engine::queues;
use handraiser::engine::route_worker::Router;
use handraiser::identity::RecordKey;
use handraiser::lead::{Lead, LeadEvent, LeadEventType};
use handraiser::routing::{Assign, Route, RouteTarget, Team};
use handraiser::store::{
    Claimed, Commit, Entry, EntryState, MemoryStore, RedisSettings, RedisStore, SharedStore, StoreOptions,
};

use super::plant::{PATIENCE, Plant, config, destination, event};
use crate::harness::{Redis, eventually};

fn plant(reps: &[&str]) -> Plant {
    let plant = Plant::new(Vec::new());
    configure(&plant, reps);
    plant
}

/// One team that gets everything, and two destinations.
fn configure(plant: &Plant, reps: &[&str]) {
    let reps = reps.iter().map(|rep| Arc::from(*rep)).collect();
    let team = Team { name: Arc::from("enterprise"), reps, assign: Assign::RoundRobin };
    let route = Route { name: Arc::from("all"), when: None, to: RouteTarget::Team(Arc::from("enterprise")) };
    let destinations = vec![destination("crm", "http://127.0.0.1:9/"), destination("slack", "http://127.0.0.1:9/")];
    plant.config.store(config(destinations, vec![team], vec![route]).into());
}

/// Queues a lead event as the engine does.
async fn qualify(plant: &Plant, lead: &str, revision: u32, kind: LeadEventType) {
    let mut event = event(lead, revision);
    (event.kind, event.lead.routing, event.lead.timestamps.routed) = (kind, None, None);
    let subject = RecordKey::account(lead);
    let now = plant.clock.now();
    let entry = Entry {
        id: format!("route:{}", event.id),
        queue: queues::route(),
        lane: Some(lead.to_owned()),
        subject: subject.to_string(),
        due: now,
        created: now,
        attempts: 0,
        last_error: None,
        payload: serde_json::to_string(&event).expect("plain data"),
    };
    let partition = plant.store.partitions().of(&subject);
    let commit = Commit { partition, now, enqueue: vec![entry], ..Commit::default() };
    plant.store.commit(commit).await.expect("the store takes it");
    plant.wakes.wake(&queues::route(), partition);
}

fn router(plant: &Plant) -> Router {
    Router::new(Arc::clone(&plant.store), Arc::clone(&plant.config), plant.clock.clone())
}

fn start(plant: &Plant) -> Runner {
    Runner::start(queues::route(), plant.around(), Arc::new(router(plant)), Settings::default())
}

async fn routed(plant: &Plant, count: usize) -> Vec<LeadEvent> {
    let rows = plant.until(EntryState::Pending, "crm", count).await;
    rows.iter().map(|row| serde_json::from_str(&row.entry.payload).expect("a lead event")).collect()
}

async fn stored(plant: &Plant, lead: &str) -> Lead {
    let row = plant.store.lead(lead).await.expect("the store answers").expect("it is stored");
    serde_json::from_str(&row.json).expect("a lead")
}

fn owner(lead: &Lead) -> &str {
    lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()).expect("it has an owner")
}

#[tokio::test]
async fn a_lead_gets_an_owner_and_goes_to_every_destination() {
    let plant = plant(&["ana", "ben"]);
    let runner = start(&plant);
    qualify(&plant, "acme", 1, LeadEventType::Qualified).await;
    let event = routed(&plant, 1).await.remove(0);
    let reason = "route `all`: always; round robin in team enterprise: ana's turn (waited longest)";
    assert_eq!(event.lead.routing.as_ref().expect("routed").reason, reason);
    assert!(event.lead.timestamps.routed.is_some());
    assert_eq!(stored(&plant, "acme").await, event.lead);

    let other = plant.until(EntryState::Pending, "slack", 1).await.remove(0).entry;
    assert_eq!((other.lane.as_deref(), other.id.as_str()), (Some("acme"), "evt_acme_1/slack"));
    assert!(plant.rows(EntryState::Pending, &queues::route()).await.is_empty());
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_tier_change_keeps_the_owner_while_they_are_there() {
    let plant = plant(&["ana", "ben"]);
    let runner = start(&plant);
    qualify(&plant, "acme", 1, LeadEventType::Qualified).await;
    routed(&plant, 1).await;
    qualify(&plant, "acme", 2, LeadEventType::TierChanged).await;
    routed(&plant, 2).await;
    let kept = stored(&plant, "acme").await;
    assert_eq!((kept.revision, owner(&kept)), (2, "ana"));
    let reason = "ana owns this lead already and is still in team enterprise";
    assert_eq!(kept.routing.as_ref().expect("routed").reason, reason);

    configure(&plant, &["ben"]);
    qualify(&plant, "acme", 3, LeadEventType::TierChanged).await;
    routed(&plant, 3).await;
    assert_eq!(owner(&stored(&plant, "acme").await), "ben");
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn whoever_dies_between_the_turn_and_the_lead_changes_nothing() {
    let plant = plant(&["ana", "ben", "cy"]);
    qualify(&plant, "first", 1, LeadEventType::Qualified).await;
    let partition = plant.store.partitions().of(&RecordKey::account("first"));
    let lease = std::time::Duration::ZERO;
    let claims = plant.store.claim(partition, &queues::route(), plant.clock.now(), lease, 1).await.expect("it answers");
    let claimed: &Claimed = claims.claimed.first().expect("it was queued");
    // The turn is taken, and the commit of the lead never happens.
    let Work::Commit(_) = router(&plant).handle(claimed).await.expect("the store answers") else {
        panic!("a routed lead is committed")
    };
    let runner = start(&plant);
    routed(&plant, 1).await;
    assert_eq!(owner(&stored(&plant, "first").await), "ana", "the turn that was taken counts");
    qualify(&plant, "second", 1, LeadEventType::Qualified).await;
    routed(&plant, 2).await;
    assert_eq!(owner(&stored(&plant, "second").await), "ben", "and nobody was skipped");
    runner.drain(PATIENCE).await;
}

/// Routes 203 leads with as many processes as there are handles of one store.
async fn share_turns(stores: Vec<SharedStore>) {
    let reps = ["ana", "ben", "cy", "dee", "eve"];
    let plants: Vec<_> = stores
        .into_iter()
        .map(|store| {
            let mut plant = plant(&reps);
            plant.store = store;
            plant
        })
        .collect();
    let runners: Vec<_> = plants.iter().map(start).collect();
    for lead in 0..203 {
        qualify(&plants[lead % plants.len()], &format!("lead{lead}"), 1, LeadEventType::Qualified).await;
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for event in routed(&plants[0], 203).await {
        *counts.entry(owner(&event.lead).to_owned()).or_default() += 1;
    }
    let (least, most) = (counts.values().min().expect("reps"), counts.values().max().expect("reps"));
    assert!(counts.len() == reps.len() && most - least <= 1, "{counts:?}");
    for runner in runners {
        runner.drain(PATIENCE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_share_turns_without_skipping_or_doubling() {
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    share_turns(vec![Arc::clone(&store), Arc::clone(&store), Arc::clone(&store), store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_share_turns_over_redis() {
    let redis = Redis::start("everysec").await;
    let mut stores: Vec<SharedStore> = Vec::new();
    for _ in 0..3 {
        let settings = RedisSettings::new(vec![Secret::new(&redis.url())], false, Durability::Redis);
        let store = RedisStore::open(settings, StoreOptions::default()).await.expect("the store opens");
        stores.push(Arc::new(store));
    }
    share_turns(stores).await;
    let record = redis.cli(&["--raw", "KEYS", "*team:enterprise*"]);
    let turns = redis.cli(&["--raw", "HGET", record.lines().next().expect("the team's record"), "turns"]);
    assert_eq!(turns.trim(), "203", "{record}");
}

#[tokio::test]
async fn a_payload_that_is_no_lead_is_a_dead_letter_not_a_loop() {
    let plant = plant(&["ana"]);
    let subject = RecordKey::account("acme");
    let (partition, now) = (plant.store.partitions().of(&subject), plant.clock.now());
    let entry = Entry {
        id: "broken".to_owned(),
        queue: queues::route(),
        lane: None,
        subject: subject.to_string(),
        due: now,
        created: now,
        attempts: 0,
        last_error: None,
        payload: "{}".to_owned(),
    };
    let commit = Commit { partition, now, enqueue: vec![entry], ..Commit::default() };
    plant.store.commit(commit).await.expect("the store takes it");
    let runner = start(&plant);
    let dead = eventually("a dead letter", PATIENCE, async || {
        plant.rows(EntryState::Dead, &queues::route()).await.into_iter().next()
    })
    .await;
    assert!(dead.entry.last_error.expect("why").starts_with("the payload is no lead event: missing field"));
    assert!(plant.rows(EntryState::Pending, &queue_of("crm")).await.is_empty());
    runner.drain(PATIENCE).await;
}
