//! News of a lead tells of its subject as of one moment after the other, whatever happens to servers meanwhile: shards come to another
//! server, which catches up on what the logs hold, while events go on arriving and commits take their time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use handraiser::config::load_text;
use handraiser::event::{Call, Event};
use handraiser::ids::RecordKey;
use handraiser::lead::LeadEvent;
use handraiser::time::Millis;

use super::cluster::{Cluster, Setting};
use super::{GOOD_DAY, apart, cases, first_seed, paused};
use crate::faulty_store::FaultPlan;
use crate::harness::events::blank;

/// People of one account, who act in turn, so often each.
const PEOPLE: u64 = 10;
const ACTS: u64 = 20;
const ACCOUNTS: u64 = 40;
/// So much in each event that a log is read in several goes.
const PADDING: usize = 12_000;
/// Turns of all people of an account between two kills: a few while the lease runs out, and then many while the next server catches up.
const SLOW_TURNS: u64 = 50;
const FAST_TURNS: u64 = 150;
/// In the last of them it has caught up, and messages pass in memory.
const WATCHED: u64 = 50;
/// Between two turns.
const SLOW_MS: i64 = 250;
const FAST_MS: i64 = 10;

const PRODUCT: &str = "
sources: { app: { write_key: k } }
counters: { mine: { of: user, event: Acted } }
definitions:
  - { name: busy, of: user, intent: [ mine >= 5 ], tiers: { 1: mine >= 12, 2: true } }
destinations: { crm: { webhook: { url: \"http://127.0.0.1:9/\" }, allow_addresses: [ 127.0.0.0/8 ] } }
";

/// What the people of an account do in one turn.
fn turn(turn: u64, now: Millis) -> Vec<Event> {
    let account = turn / ACTS;
    let act = |person| {
        let mut event = blank(&format!("m{turn}-{person}"), now);
        (event.call, event.name) = (Call::Track, Some("Acted".into()));
        event.user_id = Some(format!("{account}-{person}").into());
        event.context_group_id = Some(format!("g{account}").into());
        event.properties.insert("padding".to_owned(), "x".repeat(PADDING).into());
        event
    };
    (0..PEOPLE).map(act).collect()
}

async fn play(setting: &Setting, seed: u64) -> Result<(), String> {
    let rules = load_text("order.yaml", PRODUCT, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config.rules;
    let mut cluster = Cluster::new(setting, seed, rules, Millis(1_795_000_000_000));
    let mut caught_up = None;
    for n in 0..ACCOUNTS * ACTS {
        let since_kill = n % (SLOW_TURNS + FAST_TURNS);
        if since_kill == 0 {
            cluster.kill(usize::try_from(n).unwrap_or_default() / 7);
        }
        if since_kill == SLOW_TURNS + FAST_TURNS - WATCHED && setting.servers == 1 {
            caught_up = Some(cluster.ends().await);
        }
        if since_kill == SLOW_TURNS + FAST_TURNS - 1
            && let Some(ends) = caught_up.take()
            && ends != cluster.ends().await
        {
            return Err(format!("turn {n}: messages still go through logs"));
        }
        let pause = if since_kill < SLOW_TURNS { SLOW_MS } else { FAST_MS };
        let mut events = turn(n, cluster.clock.now());
        // An entry in the log of each shard that has one of the people, and nothing else.
        caught_up.iter_mut().for_each(|ends| *ends += shards_of(&events, &cluster));
        cluster.send(&mut events).await;
        tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
        cluster.clock.advance(pause);
    }
    cluster.finish().await;
    let (taken, wrong) = cluster.crm.books();
    wrong.first().map_or_else(|| in_order(&taken), |wrong| Err(wrong.clone()))
}

fn shards_of(events: &[Event], cluster: &Cluster) -> u64 {
    let users = events.iter().filter_map(|event| event.user_id.as_deref());
    let shards: BTreeSet<_> = users.map(|user| cluster.store.shards().of(&RecordKey::user(user))).collect();
    shards.len() as u64
}

/// Everybody became a lead once, and a better one once; nobody's news fell back.
fn in_order(taken: &[LeadEvent]) -> Result<(), String> {
    let mut of: BTreeMap<&str, Vec<&LeadEvent>> = BTreeMap::new();
    taken.iter().for_each(|event| of.entry(&event.lead.subject.id).or_default().push(event));
    if of.len() as u64 != ACCOUNTS * PEOPLE {
        return Err(format!("leads of {} people", of.len()));
    }
    for (person, mut told) in of {
        told.sort_by_key(|event| event.lead.revision);
        let tiers: Vec<u8> = told.iter().map(|event| event.lead.tier).collect();
        if tiers != [2, 1] {
            let usage: Vec<_> = told.iter().map(|event| &event.lead.usage).collect();
            return Err(format!("{person}: tiers {tiers:?} with {usage:?}"));
        }
    }
    Ok(())
}

fn holds(setting: &Setting, cases: u32) {
    for seed in first_seed()..first_seed() + u64::from(cases) {
        let outcome = paused(play(setting, seed));
        assert!(outcome.is_ok(), "HANDRAISER_MODEL_SEED={seed}: {}", outcome.unwrap_err());
    }
}

/// Some calls take their time, and nothing else goes wrong.
const SLOW: FaultPlan = FaultPlan { delayed: 300, delay: Duration::from_millis(100), ..FaultPlan::NONE };

#[test]
fn news_follows_the_events_while_a_server_takes_over() {
    holds(&Setting { servers: 1, appliers: 2, faults: SLOW, ..GOOD_DAY }, cases(6));
}

#[test]
fn news_follows_the_events_while_shards_change_servers() {
    holds(&Setting { servers: 3, appliers: 2, faults: FaultPlan::default(), ..GOOD_DAY }, cases(3));
}

#[test]
fn news_follows_the_events_of_shards_that_commit_apart() {
    holds(&Setting { store: apart, servers: 2, faults: FaultPlan::default(), ..GOOD_DAY }, cases(3));
}
