//! The crash campaign: servers and Redis are killed with SIGKILL at random moments under load, servers are stopped for longer than
//! a lease and go on, and in the end the books must balance. Every acknowledged event is counted once, every lead arrived, none is
//! missing and none is doubled, its news is in order, one content under one idempotency key; the reps' turns are shared out evenly,
//! to the last lead.
//!
//! `CRASH_KILLS` sets the number of kills, `CRASH_SEED` repeats a campaign's dice (not its timing).

mod accounts;
mod books;
mod ledger;
mod sender;
mod world;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_on_the_embedded_store() {
    campaign("embedded", World::embedded(seed()).await, number("CRASH_KILLS", 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_on_redis_with_two_servers() {
    campaign("Redis, two servers", World::redis(seed(), 2).await, number("CRASH_KILLS", 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_on_redis_with_three_servers() {
    campaign("Redis, three servers", World::redis(seed(), 3).await, number("CRASH_KILLS", 8)).await;
}

async fn campaign(name: &str, mut world: World, kills: u64) {
    let start = Instant::now();
    let mut dice = StdRng::seed_from_u64(world.seed);
    println!("crash campaign on {name}, seed {}", world.seed);
    let senders = world.send();
    for kill in 0..kills {
        tokio::time::sleep(pause(&world, &mut dice)).await;
        // One server in the middle of a campaign, however short it is, sleeps through its lease.
        if world.has_several_servers() && (kill == kills / 2 || dice.random_ratio(1, 10)) {
            world.stop_and_continue(&mut dice).await;
        } else {
            world.kill_and_restart(&mut dice).await;
        }
    }
    world.ledger.stop_making();
    senders.finish().await;
    let books = accounts::settle(&world).await;
    println!("{}", books.table(name, start.elapsed(), &world));
    books.check();
}

/// How long the world stays as it is. Where shards change hands by leases, now and then for long enough that they do.
fn pause(world: &World, dice: &mut StdRng) -> Duration {
    let longest = if world.has_several_servers() && dice.random_ratio(1, 4) { 7_000 } else { 600 };
    Duration::from_millis(dice.random_range(30..longest))
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .filter(|text| !text.is_empty())
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}

fn seed() -> u64 {
    number("CRASH_SEED", rand::random::<u32>().into())
}
