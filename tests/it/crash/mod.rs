//! The crash campaign: the server and Redis are killed with SIGKILL at random moments under load, and in the end the books
//! must balance. Every acknowledged event is counted once, every lead arrived, none is missing and none is doubled under its
//! idempotency key; the reps' turns are shared out evenly, to the last lead.
//!
//! `CRASH_KILLS` sets the number of kills, `CRASH_SEED` repeats a campaign's dice (not its timing). On Redis the default is
//! lower, because what a killed worker held comes back only when its lease runs out.

mod accounts;
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
    campaign("Redis, two servers", World::redis(seed()).await, number("CRASH_KILLS", 10)).await;
}

async fn campaign(name: &str, mut world: World, kills: u64) {
    let start = Instant::now();
    let mut dice = StdRng::seed_from_u64(world.seed);
    println!("crash campaign on {name}, seed {}", world.seed);
    let senders = world.send();
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(dice.random_range(30..600))).await;
        world.kill_and_restart(&mut dice).await;
    }
    world.ledger.stop_making();
    senders.finish().await;
    let books = accounts::settle(&world).await;
    println!("{}", books.table(name, start.elapsed(), &world));
    books.check();
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
