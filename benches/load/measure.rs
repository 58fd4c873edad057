//! What is measured, in which order. A table is printed as soon as it is made; one that fails says why, and the others go on.

use crate::args::{Args, Part, Target};
use crate::program::Program;
use crate::table::Table;
use crate::{flood, machine, many, redis_tool, report, several, stand};

/// The tables that belong together.
pub type Tables = anyhow::Result<Vec<Table>>;

pub async fn all(args: &Args) -> anyhow::Result<()> {
    let before = if args.no_before { Vec::new() } else { Program::before(&args.before) };
    let programs: Vec<Program> = [Program::of_this_code()].into_iter().chain(before).collect();
    println!("Machine: {}.\n{} s each; {} connections.\n", machine::describe(), args.seconds, args.connections);

    let mut failed = Vec::new();
    let mut print = |what: &'static str, made: Tables| match made {
        Ok(tables) => tables.iter().for_each(|table| print!("{table}")),
        Err(error) => {
            eprintln!("{what}: {error:#}");
            failed.push(what);
        }
    };
    if [Part::Throughput, Part::Latency, Part::Lag].iter().any(|part| args.wants(*part)) {
        print("stores", stores(args, &programs).await);
    }
    if args.wants(Part::Leads) {
        print("leads", flood::tables(args).await);
    }
    if args.wants(Part::Users) {
        print("users", many::tables(args, &programs).await);
    }
    if args.wants(Part::Servers) {
        print("servers", several::servers(args, &programs).await);
    }
    if args.wants(Part::Cluster) {
        print("cluster", several::cluster(args).await);
    }
    if args.wants(Part::Redis) {
        print("redis-benchmark", redis_tool::tables(args));
    }
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

/// Every store with this code; those of an earlier build are measured next to it.
async fn stores(args: &Args, programs: &[Program]) -> Tables {
    let mut stands = Vec::new();
    let mut echo = None;
    for target in &args.only {
        let builds = if *target == Target::Echo { 1 } else { programs.len() };
        for program in programs.iter().take(builds) {
            let stand = stand::measure(args, program, *target).await?;
            if *target == Target::Echo {
                echo = Some(stand.single);
            }
            stands.push(stand);
        }
    }
    Ok(vec![
        report::throughput(&stands, echo.as_ref(), args.batch),
        report::latency(&stands),
        report::lag(&stands),
        report::cpu(&stands),
    ])
}
