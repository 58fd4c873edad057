//! All that is measured of one store, or of the bare echo, with an ordinary number of users.

use std::time::Duration;

use crate::args::{Args, Part, Target};
use crate::closed::{self, Rate};
use crate::harness::hooks::Receiver;
use crate::lag::{self, Lag};
use crate::latency::Summary;
use crate::people::People;
use crate::program::Program;
use crate::story::{batches, singles};
use crate::world::World;
use crate::{leads, open};

const WARM_UP: Duration = Duration::from_secs(2);

/// All figures of one target and one build.
pub struct Stand {
    pub label: String,
    pub single: Rate,
    pub batch: Rate,
    /// From event to 200, at so many requests a second.
    pub ack: Option<(f64, Summary)>,
    /// From event to webhook.
    pub lead: Option<Summary>,
    pub lag: Option<Lag>,
}

pub async fn measure(args: &Args, program: &Program, target: Target, label: &str) -> anyhow::Result<Stand> {
    let crm = Receiver::start(|_| 200).await;
    let world = match target.store() {
        Some(store) => World::start(program, store, 1, &crm.url()).await?,
        None => World::echo().await?,
    };
    let address = world.address()?;
    let length = args.length();
    let singles = |seed| singles(address, args.connections, args.users, seed);
    let batches = || batches(address, args.batch_connections, args.batch, People::Any(args.users));
    let say = |what| eprintln!("{label}: {what}");

    say("warming up");
    closed::run(&world, singles(1), WARM_UP).await?;
    say("single events");
    let single = closed::run(&world, singles(100), length).await?;
    say("batches");
    let batch = closed::run(&world, batches(), length).await?;
    let mut stand = Stand { label: label.to_owned(), single, batch, ack: None, lead: None, lag: None };
    // Of an earlier build only the rates are compared.
    let is_now = program.commit.is_none();
    if is_now && args.wants(Part::Latency) {
        say("latency at half of the highest rate");
        let rate = single.requests_per_second() / 2.0;
        stand.ack = Some((rate, open::run(address, singles(200), rate, length).await?));
    }
    if is_now && target != Target::Echo && args.wants(Part::Latency) {
        world.settle().await?;
        say("from event to webhook");
        stand.lead = Some(leads::run(address, &crm, args.leads_per_second, length).await?);
    }
    if is_now && target != Target::Echo && args.wants(Part::Lag) {
        world.settle().await?;
        say("lag at half of the highest rate of batches");
        stand.lag = Some(lag::run(address, batches(), batch.events_per_second() / 2.0, length).await?);
    }
    Ok(stand)
}
