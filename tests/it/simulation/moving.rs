//! Servers come and go in order while events and deliveries go on: shards follow them, whatever fails in that moment, and what is being sent
//! of a lead ends before somebody else sends more of it.

use std::time::Duration;

use handraiser::config::load_text;
use handraiser::event::{Call, Event};
use handraiser::time::Millis;

use super::cluster::{Cluster, Setting};
use super::{GOOD_DAY, apart, cases, first_seed, paused};
use crate::faulty_store::FaultPlan;
use crate::harness::events::blank;

const PEOPLE: u64 = 12;
const TURNS: u64 = 24;
/// Turns between two servers that come, and for how many of them one stays.
const BETWEEN: u64 = 12;
const JOINED: u64 = 8;

/// Longer than heartbeats are apart.
const CRM_TAKES: Duration = Duration::from_millis(1_500);
/// Each act is news of a lead.
const PRODUCT: &str = "
sources: { app: { write_key: k } }
counters: { acts: { of: user, event: Acted } }
definitions:
  - { name: busy, of: user, intent: [ acts >= 1 ], tiers: { 1: acts % 2 == 0, 2: true } }
";

/// In every shard there is one of them.
fn destinations() -> String {
    let one =
        |n| format!("  d{n}: {{ webhook: {{ url: 'http://127.0.0.1:9/' }}, allow_addresses: [ 127.0.0.0/8 ] }}\n");
    format!("destinations:\n{}", (0..8).map(one).collect::<String>())
}

fn acts(turn: u64, now: Millis) -> Vec<Event> {
    let act = |person| {
        let mut event = blank(&format!("m{turn}-{person}"), now);
        (event.call, event.name) = (Call::Track, Some("Acted".into()));
        event.user_id = Some(format!("user-{person}").into());
        event
    };
    (0..PEOPLE).filter(|person| (turn + person).is_multiple_of(3)).map(act).collect()
}

async fn play(setting: &Setting, seed: u64) -> Result<(), String> {
    let product = format!("{PRODUCT}{}", destinations());
    let rules =
        load_text("moving.yaml", &product, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config.rules;
    let mut cluster = Cluster::new(setting, seed, rules, Millis(1_795_000_000_000));
    for turn in 0..TURNS {
        let now = cluster.clock.now();
        cluster.send(&mut acts(turn, now)).await;
        let pause = 100 + (seed.wrapping_mul(31) + turn * 17) % 400;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        cluster.clock.advance(pause.cast_signed());
        match turn % BETWEEN {
            0 => cluster.join(),
            JOINED if (turn / BETWEEN).is_multiple_of(2) => cluster.leave().await,
            JOINED => cluster.replace(0).await,
            _ => {}
        }
    }
    // What nobody works is waited for in vain.
    tokio::time::timeout(Duration::from_mins(30), cluster.finish()).await.map_err(|_| "some of it is never worked")?;
    cluster.every_shard_is_worked()?;
    cluster.no_news_overlapped()?;
    cluster.crm.books().1.first().map_or(Ok(()), |wrong| Err(wrong.clone()))
}

fn holds(setting: &Setting, cases: u32) {
    for seed in first_seed()..first_seed() + u64::from(cases) {
        let outcome = paused(play(setting, seed));
        assert!(outcome.is_ok(), "HANDRAISER_MODEL_SEED={seed}: {}", outcome.unwrap_err());
    }
}

#[test]
fn news_of_a_lead_never_overlaps_while_servers_come_and_go() {
    holds(&Setting { servers: 1, appliers: 2, crm_takes: CRM_TAKES, ..GOOD_DAY }, cases(2));
    holds(&Setting { store: apart, servers: 1, crm_takes: CRM_TAKES, ..GOOD_DAY }, cases(2));
}

#[test]
fn shards_follow_the_servers_though_commits_are_refused_meanwhile() {
    let refused = FaultPlan { moved: 300, delayed: 500, delay: Duration::from_millis(200), ..FaultPlan::NONE };
    holds(&Setting { servers: 1, appliers: 2, faults: refused, crm_takes: CRM_TAKES, ..GOOD_DAY }, cases(3));
    holds(&Setting { store: apart, servers: 1, faults: refused, crm_takes: CRM_TAKES, ..GOOD_DAY }, cases(2));
}
