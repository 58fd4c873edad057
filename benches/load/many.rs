//! Few users and many: everybody has one event first, in order; then comes the usual stream. The rate of both, the memory that the
//! server has at the end, and what the store has grown to.

use std::time::Duration;

use anyhow::ensure;

use crate::args::Args;
use crate::closed;
use crate::harness::hooks::Receiver;
use crate::machine::resident_bytes;
use crate::measure::kept;
use crate::people::People;
use crate::program::Program;
use crate::sizes::{self, Sizes};
use crate::story::{USERS_PER_ACCOUNT, batches};
use crate::table::{Table, megabytes, thousands};
use crate::world::{CACHE, Store, World};

/// How long filling may take; what is not reached by then is an error.
const FILL: Duration = Duration::from_secs(150);

pub async fn tables(args: &Args, programs: &[Program]) -> [Table; 2] {
    let cache = format!("resident MB at the end (`store.cache`: {CACHE})");
    let stream = format!("events/s in batches of {}", args.batch);
    let mut rates = Table::new(["users", "first event of each, events/s", &stream, &cache]);
    let mut sizes =
        Table::new(["size", "subjects", "bytes per subject", "events", "bytes per message id", "MB in all"]);
    for store in args.two_stores() {
        for program in programs {
            for users in [args.users, args.many_users] {
                let label = program.label(&format!("{} users, {}", thousands(f64::from(users)), store.label()));
                eprintln!("{label}");
                let measured = kept(&label, one(args, program, store, users).await);
                let Some(([fill, stream, resident], weighed)) = measured else { continue };
                rates.row([label.clone(), fill, stream, resident]);
                if let Some(weighed) = weighed {
                    sizes.row(weighed.cells(label));
                }
            }
        }
    }
    [rates, sizes]
}

async fn one(args: &Args, program: &Program, store: Store, users: u32) -> anyhow::Result<([String; 3], Option<Sizes>)> {
    let crm = Receiver::start(|_| 200).await;
    let mut world = World::start(program, store, 1, &crm.url()).await?;
    let empty = sizes::in_all(&world)?;
    let address = world.address()?;
    let stream = |people| batches(address, args.batch_connections, args.batch, people);

    let fill = closed::run(&world, stream(People::each(users)), FILL).await?;
    ensure!(fill.all_events() >= f64::from(users), "only {} users in {} s", fill.all_events(), FILL.as_secs());
    let rate = closed::run(&world, stream(People::Any(users)), args.length()).await?;
    let resident = world.servers.iter().map(|server| resident_bytes(server.pid())).sum();
    world.stop();
    let subjects = users + users / USERS_PER_ACCOUNT;
    let events = fill.all_events() + rate.all_events();
    // An earlier build keeps its tables otherwise.
    let sizes = program.commit.is_none().then(|| sizes::weigh(&world, empty, subjects, events)).transpose()?;
    let row = [thousands(fill.events_per_second()), thousands(rate.events_per_second()), megabytes(resident)];
    Ok((row, sizes))
}
