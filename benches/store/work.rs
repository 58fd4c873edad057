//! Committing for a while, and what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handraiser::cdp::MessageHash;
use handraiser::identity::{PartitionId, RecordKey};
use handraiser::store::{Commit, Note, SharedStore, Write};
use handraiser::time::Clock;

use crate::process;

/// What a run came to.
pub struct Outcome {
    latencies: Vec<Duration>,
    took: Duration,
    cpu_micros: f64,
}

impl Outcome {
    pub fn row(mut self, store: &str, batch: usize) -> Vec<String> {
        self.latencies.sort_unstable();
        let commits = self.latencies.len() as f64 / self.took.as_secs_f64();
        let events = self.latencies.len() as f64 * batch as f64;
        let at = |share: f64| {
            let index = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().saturating_sub(1));
            format!("{:.2}", self.latencies.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3)
        };
        vec![
            store.to_owned(),
            batch.to_string(),
            format!("{commits:.0}"),
            format!("{:.0}", commits * batch as f64),
            format!("{:.2}", self.cpu_micros / events),
            at(0.5),
            at(0.99),
            at(1.0),
        ]
    }
}

/// Commits of `batch` events in all partitions at once, over so many subjects in each.
pub async fn run(store: &SharedStore, batch: usize, subjects: usize, time: Duration) -> Outcome {
    let committers = committers(store, subjects);
    let (cpu, started) = (process::cpu_micros(), Instant::now());
    let running: Vec<_> = committers.into_iter().map(|c| tokio::spawn(c.run(batch, started + time))).collect();
    let latencies = futures::future::join_all(running).await;
    let latencies = latencies.into_iter().flat_map(|latencies| latencies.expect("no committer panics")).collect();
    Outcome { latencies, took: started.elapsed(), cpu_micros: process::cpu_micros() - cpu }
}

/// Keeps what it knows of its partition's records, as the engine does.
struct Committer {
    store: SharedStore,
    partition: PartitionId,
    subjects: Vec<(RecordKey, u64)>,
}

/// One committer for each partition, with about so many subjects each.
fn committers(store: &SharedStore, subjects: usize) -> Vec<Committer> {
    let partitions = store.partitions();
    let committer = |partition| Committer { store: Arc::clone(store), partition, subjects: Vec::new() };
    let mut committers: Vec<Committer> = partitions.all().map(committer).collect();
    for n in 0..subjects * committers.len() {
        let key = RecordKey::user(&format!("user-{n:08}"));
        committers[usize::from(partitions.of(&key).0)].subjects.push((key, 0));
    }
    committers
}

impl Committer {
    async fn run(mut self, batch: usize, until: Instant) -> Vec<Duration> {
        let mut latencies = Vec::new();
        while Instant::now() < until {
            let commit = self.commit(batch);
            let started = Instant::now();
            self.store.commit(commit).await.expect("the commit goes through");
            latencies.push(started.elapsed());
        }
        latencies
    }

    fn commit(&mut self, batch: usize) -> Commit {
        let touched: BTreeSet<usize> = (0..batch).map(|_| rand::random_range(0..self.subjects.len())).collect();
        let now = Clock::System.now();
        let mut write = |at: usize| {
            let (key, version) = self.subjects.get_mut(at)?;
            *version += 1;
            let counts: String = (10..22).map(|day| format!("2026-11-{day}={} ", *version % 50)).collect();
            let set = [("events:Task Created", counts), ("last_seen", now.rfc3339())].into();
            Some(Write { key: key.clone(), expected: *version - 1, version: *version, set, unset: Vec::new() })
        };
        Commit {
            partition: self.partition,
            now,
            writes: touched.into_iter().filter_map(&mut write).collect(),
            remember: (0..batch).map(|_| (MessageHash(rand::random()), Note::NONE)).collect(),
            ..Commit::default()
        }
    }
}
