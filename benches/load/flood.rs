//! Leads routed and delivered a second: events that make a user qualify each, in batches, as fast as they are taken; the clock
//! stops when the last signed lead is at the receiver.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::args::Args;
use crate::closed::send;
use crate::harness::http::Connection;
use crate::measure::kept;
use crate::program::Program;
use crate::receiver::Counter;
use crate::story::{WRITE_KEY, head};
use crate::table::{Table, one_decimal, thousands};
use crate::world::{Store, World};

/// Connections that send; a few are enough.
const CONNECTIONS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the receiver is measured alone.
const ALONE: Duration = Duration::from_secs(1);

pub async fn table(args: &Args) -> Table {
    let mut table = Table::new([
        "leads routed and delivered",
        "leads",
        "all acknowledged after",
        "all delivered after",
        "leads/s",
        "receiver alone, requests/s",
    ]);
    for store in args.two_stores() {
        let label = format!("{}: leads a second", store.label());
        eprintln!("{label}");
        kept(&label, one(args, store).await).into_iter().for_each(|row| table.row(row));
    }
    table
}

async fn one(args: &Args, store: Store) -> anyhow::Result<[String; 6]> {
    let crm = Counter::start()?;
    let world = World::start(&Program::of_this_code(), store, 1, &crm.url()).await?;
    let address = world.address()?;
    // What a server does only once, it has done: connections are open, code is in memory.
    let warm = args.batch.min(args.leads);
    flood(address, "warm", warm, args.batch).await?;
    delivered(&world, &crm, warm).await?;

    let start = Instant::now();
    flood(address, "flood", args.leads, args.batch).await?;
    let acknowledged = start.elapsed().as_secs_f64();
    let last = delivered(&world, &crm, warm + args.leads).await?;
    let seconds = last.saturating_duration_since(start).as_secs_f64();

    let example = crm.example();
    let lead: Value = serde_json::from_slice(&example).context("a delivery is not JSON")?;
    ensure!(lead["lead"]["routing"]["owner"].is_string(), "a lead came without an owner: {lead}");
    let alone = crm.alone(&example, ALONE).await?;
    Ok([
        store.label(),
        thousands(args.leads as f64),
        format!("{} s", one_decimal(acknowledged)),
        format!("{} s", one_decimal(seconds)),
        thousands(args.leads as f64 / seconds),
        thousands(alone),
    ])
}

async fn flood(address: SocketAddr, name: &'static str, leads: usize, batch: usize) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let senders = (0..CONNECTIONS).map(|_| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                if first >= leads {
                    return anyhow::Ok(());
                }
                let users = first..(first + batch).min(leads);
                send(&mut connection, request(address, name, users).as_bytes()).await?;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.context("a sender ended early")??;
    }
    Ok(())
}

fn request(address: SocketAddr, name: &str, users: std::ops::Range<usize>) -> String {
    let event = |user| {
        format!(
            r#"{{"type":"track","event":"Demo Requested","userId":"{name}-{user}","messageId":"{name}-message-{user}"}}"#
        )
    };
    let items: Vec<String> = users.map(event).collect();
    let body = format!(r#"{{"writeKey":"{WRITE_KEY}","batch":[{}]}}"#, items.join(","));
    head(address, "/v1/batch", body.len()) + &body
}

/// Waits until so many leads have arrived; answers when the last one did.
async fn delivered(world: &World, crm: &Counter, leads: usize) -> anyhow::Result<Instant> {
    let start = Instant::now();
    loop {
        match crm.count() {
            (count, Some(last)) if count >= leads => return Ok(last),
            (count, _) if start.elapsed() > PATIENCE => {
                let queues = world.servers[0].admin("/queues").await.unwrap_or_default();
                anyhow::bail!("only {count} of {leads} leads arrived; the rest: {queues}");
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
