//! News of a lead tells of its subject as of one moment after the other, whatever happens to servers meanwhile: shards come to another
//! server, which catches up on what the logs hold, while events go on arriving and commits take their time.

use std::collections::BTreeMap;
use std::time::Duration;

use handraiser::config::load_text;
use handraiser::event::{Call, Event};
use handraiser::lead::LeadEvent;
use handraiser::time::Millis;

use super::cluster::{Cluster, Setting};
use super::{GOOD_DAY, cases, first_seed, paused};
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
    for n in 0..ACCOUNTS * ACTS {
        let since_kill = n % (SLOW_TURNS + FAST_TURNS);
        if since_kill == 0 {
            cluster.kill(0);
        }
        let pause = if since_kill < SLOW_TURNS { SLOW_MS } else { FAST_MS };
        cluster.send(&mut turn(n, cluster.clock.now())).await;
        tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
        cluster.clock.advance(pause);
    }
    cluster.finish().await;
    let (taken, wrong) = cluster.crm.books();
    wrong.first().map_or_else(|| in_order(&taken), |wrong| Err(wrong.clone()))
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

#[test]
fn news_follows_the_events_while_shards_change_servers() {
    // Some calls take their time, and nothing else goes wrong.
    let slow = FaultPlan { delayed: 300, delay: Duration::from_millis(100), ..FaultPlan::NONE };
    let setting = Setting { servers: 1, appliers: 2, faults: slow, ..GOOD_DAY };
    for seed in first_seed()..first_seed() + u64::from(cases(6)) {
        let outcome = paused(play(&setting, seed));
        assert!(outcome.is_ok(), "seed {seed}: {}", outcome.unwrap_err());
    }
}
