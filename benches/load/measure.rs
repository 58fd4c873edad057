//! What is measured, in which order. A table is printed as soon as it is made.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::args::{Args, Part, Target};
use crate::program::Program;
use crate::table::Table;
use crate::{flood, machine, many, redis_tool, report, several, stand};

/// How many measurements have failed.
static FAILED: AtomicUsize = AtomicUsize::new(0);

/// What was measured; `None`, and a line that says why, when it could not be. The other measurements go on, the bench fails.
pub fn kept<T>(what: &str, measured: anyhow::Result<T>) -> Option<T> {
    let failed = |error: &anyhow::Error| {
        FAILED.fetch_add(1, Ordering::Relaxed);
        eprintln!("{what}: not measured: {error:#}");
    };
    measured.inspect_err(failed).ok()
}

pub async fn all(args: &Args) -> anyhow::Result<()> {
    let before = if args.no_before { Vec::new() } else { Program::before(&args.before) };
    let programs: Vec<Program> = [Program::of_this_code()].into_iter().chain(before).collect();
    println!("Machine: {}.\n{} s each; {} connections.\n", machine::describe(), args.seconds, args.connections);

    let print = |tables: &[Table]| tables.iter().for_each(|table| print!("{table}"));
    if [Part::Throughput, Part::Latency, Part::Lag].iter().any(|part| args.wants(*part)) {
        print(&stores(args, &programs).await);
    }
    if args.wants(Part::Leads) {
        print(&[flood::table(args).await]);
    }
    if args.wants(Part::Users) {
        print(&many::tables(args, &programs).await);
    }
    if args.wants(Part::Servers) {
        print(&[several::servers(args, &programs).await]);
    }
    if args.wants(Part::Cluster) {
        print(&[several::cluster(args).await]);
    }
    if args.wants(Part::Redis) {
        print(&[redis_tool::table(args)]);
    }
    let failed = FAILED.load(Ordering::Relaxed);
    anyhow::ensure!(failed == 0, "{failed} measurements failed");
    Ok(())
}

/// Every store with this code; those of an earlier build are measured next to it.
async fn stores(args: &Args, programs: &[Program]) -> [Table; 4] {
    let mut stands = Vec::new();
    let mut echo = None;
    for target in &args.only {
        let builds = if *target == Target::Echo { 1 } else { programs.len() };
        for program in programs.iter().take(builds) {
            let label = program.label(&target.label());
            let Some(stand) = kept(&label, stand::measure(args, program, *target, &label).await) else { continue };
            if *target == Target::Echo {
                echo = Some(stand.single);
            }
            stands.push(stand);
        }
    }
    [
        report::throughput(&stands, echo.as_ref(), args.batch),
        report::latency(&stands),
        report::lag(&stands),
        report::cpu(&stands),
    ]
}
