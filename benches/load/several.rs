//! What sharing costs: several servers on one Redis, and one server on a Redis Cluster. Batches go to all servers in turn, so that
//! each server takes events for every shard; CPU counts until everything is applied.

use std::time::Duration;

use crate::args::Args;
use crate::closed::{self, Rate};
use crate::harness::hooks::Receiver;
use crate::measure::kept;
use crate::people::People;
use crate::program::Program;
use crate::story::batches;
use crate::table::{Table, one_decimal, thousands};
use crate::world::{Store, World};

const WARM_UP: Duration = Duration::from_secs(2);

/// The CPU of all servers and Redis together, against that of one server.
pub async fn servers(args: &Args, programs: &[Program]) -> Table {
    let mut table = Table::new(["servers on one Redis", "events/s", "µs of CPU for an event", "of one server's"]);
    for program in programs {
        let mut of_one = None;
        for count in &args.servers {
            let Some(rate) = rate(args, program, Store::EVERYSEC, *count).await else { continue };
            let micros = rate.micros(rate.cpu.servers_and_redis());
            if *count == 1 {
                of_one = Some(micros);
            }
            table.row([
                program.label(&count.to_string()),
                thousands(rate.events_per_second()),
                one_decimal(micros),
                of_one.map(|one| format!("{:.2}", micros / one)).unwrap_or_default(),
            ]);
        }
    }
    table
}

/// The CPU of all masters together, against that of a Redis that is no cluster.
pub async fn cluster(args: &Args) -> Table {
    let mut table = Table::new(["one server on", "events/s", "µs of Redis' CPU for an event", "µs of the server's"]);
    let clusters = args.masters.iter().map(|masters| Store::Cluster { masters: *masters });
    for store in [Store::EVERYSEC].into_iter().chain(clusters) {
        let Some(rate) = rate(args, &Program::of_this_code(), store, 1).await else { continue };
        table.row([
            store.label(),
            thousands(rate.events_per_second()),
            one_decimal(rate.micros(rate.cpu.redis)),
            one_decimal(rate.micros(rate.cpu.servers())),
        ]);
    }
    table
}

async fn rate(args: &Args, program: &Program, store: Store, servers: usize) -> Option<Rate> {
    let label = format!("{}: servers: {servers}", program.label(&store.label()));
    eprintln!("{label}");
    kept(&label, measure(args, program, store, servers).await)
}

async fn measure(args: &Args, program: &Program, store: Store, servers: usize) -> anyhow::Result<Rate> {
    let crm = Receiver::start(|_| 200).await;
    let world = World::start(program, store, servers, &crm.url()).await?;
    let address = world.address()?;
    let requests = || batches(address, args.batch_connections, args.batch, People::Any(args.users));
    closed::run(&world, requests(), WARM_UP).await?;
    closed::run(&world, requests(), args.length()).await
}
