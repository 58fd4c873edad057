//! The crash campaign: the server and Redis are killed with SIGKILL at random moments under load, and in the end the books
//! must balance. Every acknowledged event is counted once, every lead arrived, none is missing and none is doubled under its
//! idempotency key; the reps' turns are shared out evenly, within three leads.
//!
//! With `CRASH_REDIS=1` (`make crash-long`) Redis itself is killed as well.
//!
//! `CRASH_KILLS` sets the number of kills (20), `CRASH_SEED` repeats a campaign's dice (not its timing).

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
    campaign("embedded", World::embedded(seed()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute; `make crash-long` runs it"]
async fn books_balance_on_redis_with_two_servers() {
    campaign("Redis, two servers", World::redis(seed()).await).await;
}

async fn campaign(name: &str, mut world: World) {
    let start = Instant::now();
    let mut dice = StdRng::seed_from_u64(world.seed);
    println!("crash campaign on {name}, seed {}", world.seed);
    let senders = world.send();
    for _ in 0..number("CRASH_KILLS", 20) {
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
