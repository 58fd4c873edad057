//! Routing over a store that several servers share: exactly one owner and one delivery to each destination for each lead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use handraiser::apply::message::Made;
use handraiser::config::load_text;
use handraiser::engine::Engine;
use handraiser::event::Event;
use handraiser::ids::RecordKey;
use handraiser::lead::{Lead, LeadEvent};
use handraiser::record::Ending;
use handraiser::secret::Secret;

use handraiser::store::{Durability, LeadQuery, MemoryStore, RedisSettings, RedisStore, SharedStore, StoreOptions};

use handraiser::time::{Clock, Millis};

use super::plant::{PATIENCE, Plant};
use crate::harness::{Redis, events, eventually};

const REPS: [&str; 5] = ["ana", "ben", "cy", "dee", "eve"];
const LEADS: usize = 203;

/// Everybody who signs up is a lead of one team and goes to two destinations that nobody listens at.
fn plant(store: SharedStore, reps: &[&str]) -> Plant {
    plant_with(store, reps, "", "")
}

/// The same, with more said of the team, and at the end of the configuration.
fn plant_with(store: SharedStore, reps: &[&str], team: &str, more: &str) -> Plant {
    let text = format!(
        r"
counters: {{ signups: {{ of: user, event: Signed Up }} }}
definitions:
  - {{ name: signed up, of: user, intent: [ signups > 0 ] }}
teams: {{ enterprise: {{ reps: [{}]{team} }} }}
routes: [ {{ name: all, to: enterprise }} ]
destinations:
  crm: {{ webhook: {{ url: 'http://127.0.0.1:9/' }}, allow_addresses: [127.0.0.0/8] }}
  slack: {{ webhook: {{ url: 'http://127.0.0.1:9/' }}, allow_addresses: [127.0.0.0/8] }}
{more}",
        reps.iter().map(|rep| format!("{rep}@example.com")).collect::<Vec<_>>().join(", ")
    );
    let config = load_text("routing.yaml", &text, &|_| None).unwrap_or_else(|wrong| panic!("{wrong:?}")).config;
    let plant = Plant::new(config.destinations.clone());
    plant.rules.store(config.rules);
    Plant { store, ..plant }
}

fn signed_up(plant: &Plant, user: &str) -> Arc<Event> {
    let name = Some("Signed Up".into());
    Arc::new(Event { user_id: Some(user.into()), name, ..events::blank(user, plant.clock.now()) })
}

async fn leads(store: &SharedStore, count: usize) -> Vec<Lead> {
    let query = LeadQuery { limit: 10_000, ..LeadQuery::default() };
    let rows = eventually("all leads are routed", PATIENCE, async || {
        let rows = store.leads(&query).await.expect("the store answers");
        let routed = rows.iter().filter(|row| !row.json.contains("\"routing\":null")).count();
        (routed == count).then_some(rows)
    });
    rows.await.iter().map(|row| serde_json::from_str(&row.json).expect("a lead")).collect()
}

fn owner(lead: &Lead) -> &str {
    lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()).expect("it has an owner")
}

#[tokio::test]
async fn a_lead_gets_an_owner_and_goes_to_every_destination() {
    let plant = plant(Arc::new(MemoryStore::new(StoreOptions::default())), &["ana", "ben"]);
    let engine = plant.start("one");
    engine.submit(vec![signed_up(&plant, "kim")], Vec::new()).await.expect("it is taken");
    engine.settle().await.expect("it is applied");
    let lead = leads(&plant.store, 1).await.remove(0);
    let reason = "route `all`: always; round robin in team enterprise: ana@example.com's turn (waited longest)";
    assert_eq!(lead.routing.as_ref().expect("routed").reason, reason);
    assert!(lead.timestamps.routed.is_some());
    for destination in ["crm", "slack"] {
        let pending = plant.pending(destination).await;
        let events: Vec<LeadEvent> =
            pending.iter().map(|news| serde_json::from_str(&news.json).expect("a lead event")).collect();
        assert_eq!(events.iter().map(|event| &event.lead).collect::<Vec<_>>(), [&lead], "{destination}");
    }
    engine.drain(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn leads_go_past_those_who_are_away_and_on_from_a_team_that_has_had_enough() {
    let more = "
reps:
  ana@example.com: { paused: true }
  ben@example.com: { caps: { day: 2 } }
";
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    let plant = plant_with(store, &["ana", "ben"], ", otherwise: night }, night: { reps: [cy@example.com]", more);
    let engine = plant.start("one");
    for user in ["kim", "lee", "max"] {
        engine.submit(vec![signed_up(&plant, user)], Vec::new()).await.expect("it is taken");
        engine.settle().await.expect("it is applied");
    }
    let leads = leads(&plant.store, 3).await;
    let mut told: Vec<_> = leads.iter().filter_map(|lead| lead.routing.as_ref()).collect();
    told.sort_by_key(|routing| (routing.owner.clone(), routing.reason.clone()));
    let owners: Vec<_> = told.iter().map(|routing| routing.owner.as_deref()).collect();
    assert_eq!(owners, [Some("ben@example.com"), Some("ben@example.com"), Some("cy@example.com")]);
    let passed: Vec<_> = told[0].passed_over.iter().map(|one| (one.rep.as_str(), one.reason.as_str())).collect();
    assert_eq!(passed, [("ana@example.com", "paused")]);
    assert_eq!(told[2].team.as_deref(), Some("night"));
    let why = &told[2].reason;
    assert!(why.contains("nobody of team enterprise is there (ana@example.com is paused, ben@example.com has the day's cap of leads until"), "{why}");
    engine.drain(Duration::from_secs(1)).await;
}

/// Makes and routes leads through as many servers as there are handles of one store.
async fn share_turns(stores: Vec<SharedStore>) {
    let plants: Vec<_> = stores.into_iter().map(|store| plant(store, &REPS)).collect();
    let engines: Vec<Engine> =
        plants.iter().enumerate().map(|(number, plant)| plant.start(&format!("server-{number}"))).collect();
    for number in 0..LEADS {
        let at = number % plants.len();
        let event = signed_up(&plants[at], &format!("user-{number}"));
        engines[at].submit(vec![event], Vec::new()).await.expect("it is taken");
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for lead in leads(&plants[0].store, LEADS).await {
        *counts.entry(owner(&lead).to_owned()).or_default() += 1;
    }
    let (least, most) = (counts.values().min().expect("reps"), counts.values().max().expect("reps"));
    assert!(counts.len() == REPS.len() && most - least <= 1, "{counts:?}");
    for engine in engines {
        engine.drain(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_servers_share_turns_without_skipping_or_doubling() {
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    share_turns(vec![Arc::clone(&store), Arc::clone(&store), Arc::clone(&store), store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_servers_share_turns_over_redis() {
    let redis = Redis::start("everysec").await;
    let mut stores: Vec<SharedStore> = Vec::new();
    for _ in 0..3 {
        let settings = RedisSettings::new(vec![Secret::new(&redis.url())], false, Durability::Redis);
        let store = RedisStore::open(settings, StoreOptions::default()).await.expect("the store opens");
        stores.push(Arc::new(store));
    }
    let store = Arc::clone(&stores[0]);
    share_turns(stores).await;
    let turns = store.load(&[RecordKey::team("enterprise")]).await.expect("it answers");
    let text = turns[0].as_deref().expect("the team has a record");
    assert!(text.starts_with(&format!("turns\t{LEADS}\n")), "{text}");
}

/// Two servers, of which one is killed again and again while leads that waited over the weekend go out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leads_that_waited_go_out_once_whoever_is_killed_meanwhile() {
    let hours = "
reps:
  ana@example.com: { time_zone: UTC, hours: Mo-Fr 09:00-17:00 }
  ben@example.com: { time_zone: UTC, hours: Mo-Fr 09:00-17:00, caps: { day: 100 } }
";
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    let saturday = Millis::parse("2026-11-28T12:00:00Z").expect("a moment");
    let plant = Plant { clock: Clock::manual(saturday), ..plant_with(Arc::clone(&store), &["ana", "ben"], "", hours) };
    let first = plant.start("first");
    for number in 0..LEADS {
        first.submit(vec![signed_up(&plant, &format!("user-{number}"))], Vec::new()).await.expect("it is taken");
    }
    first.settle().await.expect("it is applied");
    let waiting = async || {
        let lists = store.lists().await.expect("it answers");
        lists.iter().find(|list| list.list.as_str() == "wait:enterprise/any").map_or(0, |list| list.records)
    };
    assert_eq!(waiting().await, LEADS as u64);
    let second = plant.start("second");
    plant.clock.advance(Millis::parse("2026-11-30T09:00:00Z").expect("a moment").since(saturday));
    drop(first);
    for number in 0..12 {
        let other = plant.start(&format!("other-{number}"));
        tokio::time::sleep(Duration::from_millis(3 * number)).await;
        drop(other);
        // Whoever is dead has to be found out, by the clock.
        plant.clock.advance(2 * Millis::SECOND);
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for lead in leads(&store, LEADS).await {
        assert!(lead.waits.is_none());
        *counts.entry(owner(&lead).to_owned()).or_default() += 1;
    }
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("ana@example.com".to_owned(), 103), ("ben@example.com".to_owned(), 100)]
    );
    assert_eq!(waiting().await, 0);
    eventually("the team to know that nobody waits any more", PATIENCE, async || {
        let turns = store.load(&[RecordKey::team("enterprise")]).await.expect("it answers");
        let text = turns[0].as_deref().expect("the team has a record");
        text.starts_with(&format!("turns\t{LEADS}\nturn:")).then_some(())
    })
    .await;
    second.drain(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_lead_that_was_lost_for_a_listed_reason_gives_the_turn_back() {
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    let plant = plant_with(Arc::clone(&store), &["ana", "ben"], ", credit: [Spam]", "");
    let engine = plant.start("one");
    let mut owners = Vec::new();
    for (user, lost) in [("kim", "  spam "), ("lee", "no budget"), ("max", "spam"), ("nia", ""), ("oto", "")] {
        engine.submit(vec![signed_up(&plant, user)], Vec::new()).await.expect("it is taken");
        engine.settle().await.expect("it is applied");
        let lead =
            leads(&store, owners.len() + 1).await.into_iter().find(|lead| lead.subject.id == user).expect("made");
        owners.push(owner(&lead).split('@').next().unwrap_or_default().to_owned());
        if !lost.is_empty() {
            for _ in 0..2 {
                engine.became(&lead.id, Made::ended(Ending::Lost, Some(lost))).await.expect("it is told");
            }
        }
    }
    // Kim's spam puts ana level with ben, who waited longer; max's puts her level again.
    assert_eq!(owners, ["ana", "ben", "ana", "ana", "ben"]);
    engine.drain(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn who_has_the_fewest_open_leads_is_next_and_nobody_has_more_than_they_may() {
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    let more = "reps: { ana@example.com: { caps: { open: 2 } }, ben@example.com: { caps: { open: 2 } } }";
    let plant = plant_with(Arc::clone(&store), &["ana", "ben"], ", assign: least_loaded", more);
    let engine = plant.start("one");
    let mut owners = BTreeMap::new();
    let sign_up = async |user: &str| {
        engine.submit(vec![signed_up(&plant, user)], Vec::new()).await.expect("it is taken");
        engine.settle().await.expect("it is applied");
    };
    let lead = async |user: &str| {
        let rows = store.leads(&LeadQuery { limit: 100, ..LeadQuery::default() }).await.expect("leads");
        let mut leads = rows.iter().map(|row| serde_json::from_str::<Lead>(&row.json).expect("a lead"));
        leads.find(|lead| lead.subject.id == user).expect("made")
    };
    for user in ["kim", "lee", "max"] {
        sign_up(user).await;
        owners.insert(user, owner(&lead(user).await).to_owned());
    }
    assert_eq!(owners.values().collect::<Vec<_>>(), ["ana@example.com", "ben@example.com", "ana@example.com"]);
    // Both of ana's are over: she has none open, and ben one.
    for user in ["kim", "max"] {
        engine.became(&lead(user).await.id, Made::ended(Ending::Won, None)).await.expect("it is told");
    }
    for (user, expected) in [("nia", "ana"), ("oto", "ben"), ("pia", "ana")] {
        sign_up(user).await;
        assert_eq!(owner(&lead(user).await).split('@').next(), Some(expected), "{user}");
    }
    // Each has two: the next one waits until one of them is over, whenever that may be.
    sign_up("rio").await;
    let waits = lead("rio").await.waits.expect("it waits").reason;
    assert!(waits.contains("ana@example.com has as many open leads as they may"), "{waits}");
    engine.became(&lead("lee").await.id, Made::ended(Ending::Lost, None)).await.expect("it is told");
    let gone = async || Some(lead("rio").await).filter(|lead| lead.waits.is_none());
    assert_eq!(owner(&eventually("the lead goes out", PATIENCE, gone).await), "ben@example.com");
    engine.drain(Duration::from_secs(1)).await;
}
