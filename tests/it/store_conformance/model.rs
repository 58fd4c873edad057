//! Random sequences of operations: whatever the in-memory store answers, every store answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use handraiser::identity::RecordKey;
use handraiser::store::*;
use handraiser::time::Millis;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::support::{HERE, hash, user};

/// A step of a sequence. Numbers are names: the harness turns them into keys, messages and entries of its own case.
#[derive(Clone, Debug)]
enum Step {
    Commit(Planned),
    Claim { queue: u8, lease: u16, limit: usize },
    Wait(i64),
    Replay(Which),
    Forget(u8),
}

#[derive(Clone, Debug)]
enum Which {
    Entry(u8),
    Queue(u8),
}

#[derive(Clone, Debug)]
struct Planned {
    /// Record → (whether a stale version is expected, fields to set or to remove).
    writes: std::collections::BTreeMap<u8, (bool, std::collections::BTreeMap<u8, Option<String>>)>,
    remember: std::collections::BTreeMap<u8, u8>,
    /// Lead → (subject, definition).
    leads: std::collections::BTreeMap<u8, (u8, u8)>,
    /// (Queue, entry) → (lane, due in).
    enqueue: std::collections::BTreeMap<(u8, u8), (Option<u8>, i64)>,
    /// Which of the claims so far, and how each ends.
    settle: BTreeSet<(u8, u8)>,
}

fn plans() -> impl Strategy<Value = Planned> {
    let fields = btree_map(0..5_u8, proptest::option::weighted(0.7, "\\PC{0,12}"), 0..4);
    (
        btree_map(0..4_u8, (prop::bool::weighted(0.05), fields), 0..3),
        btree_map(0..60_u8, any::<u8>(), 0..2),
        btree_map(0..4_u8, (0..4_u8, 0..2_u8), 0..2),
        btree_map((0..2_u8, 0..12_u8), (proptest::option::weighted(0.7, 0..2_u8), -50..200_i64), 0..4),
        btree_set((0..6_u8, 0..5_u8), 0..3),
    )
        .prop_map(|(writes, remember, leads, enqueue, settle)| Planned {
            writes,
            remember,
            leads,
            enqueue,
            settle,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => plans().prop_map(Step::Commit),
        6 => (0..2_u8, 1..300_u16, 1..5_usize).prop_map(|(queue, lease, limit)| Step::Claim { queue, lease, limit }),
        3 => (0..400_i64).prop_map(Step::Wait),
        1 => (0..12_u8).prop_map(|id| Step::Replay(Which::Entry(id))),
        1 => (0..2_u8).prop_map(|queue| Step::Replay(Which::Queue(queue))),
        1 => (0..4_u8).prop_map(Step::Forget),
    ];
    vec(step, 1..60)
}

/// One sequence, played on the reference and on the store at once.
struct Play {
    case: u32,
    now: Millis,
    keys: Vec<RecordKey>,
    reference: SharedStore,
    store: SharedStore,
    /// Claims as the reference and as the store gave them, the newest last.
    claims: Vec<(Claimed, Claimed)>,
}

type Checked = Result<(), TestCaseError>;

impl Play {
    fn new(store: &SharedStore, case: u32) -> Self {
        let keys = (0..4).map(|n| user(store, &format!("model{case}-{n}"))).collect();
        let options = StoreOptions { partitions: store.partitions(), ..super::options() };
        let reference: SharedStore = Arc::new(MemoryStore::new(options));
        Self { case, now: super::support::now(), keys, reference, store: Arc::clone(store), claims: Vec::new() }
    }

    fn queue(&self, n: u8) -> QueueName {
        QueueName::new(&format!("model{}:{n}", self.case))
    }

    async fn step(&mut self, step: Step) -> Checked {
        self.now = self.now.plus(1);
        match step {
            Step::Commit(plan) => self.commit(&plan).await,
            Step::Claim { queue, lease, limit } => self.claim(queue, lease, limit).await,
            Step::Wait(ms) => {
                self.now = self.now.plus(ms);
                Ok(())
            }
            Step::Replay(which) => {
                let which = match which {
                    Which::Entry(id) => Replay::Entry(self.entry_id(id)),
                    Which::Queue(queue) => Replay::Queue(self.queue(queue)),
                };
                let (a, b) = (self.reference.replay(&which, self.now).await, self.store.replay(&which, self.now).await);
                prop_assert_eq!(a.ok(), b.ok());
                Ok(())
            }
            Step::Forget(n) => {
                let key = &self.keys[usize::from(n)];
                let (a, b) = (self.reference.forget(key).await, self.store.forget(key).await);
                prop_assert_eq!(a.ok(), b.ok());
                Ok(())
            }
        }
    }

    fn entry_id(&self, n: u8) -> String {
        format!("model{}-e{n}", self.case)
    }

    async fn commit(&self, plan: &Planned) -> Checked {
        let (for_reference, for_store) = self.commits(plan).await;
        let context = format!("{for_reference:?}");
        let (a, b) = (self.reference.commit(for_reference).await, self.store.commit(for_store).await);
        prop_assert_eq!(format!("{a:?}"), format!("{b:?}"), "{}", context);
        Ok(())
    }

    /// The planned commit for each of the two; they differ only in the leases.
    async fn commits(&self, plan: &Planned) -> (Commit, Commit) {
        let current = self.reference.load(HERE, &self.keys).await.expect("the reference answers");
        let version = |n: u8| current[usize::from(n)].as_ref().map_or(0, |record| record.version);
        let writes = plan.writes.iter().map(|(n, (stale, fields))| Write {
            key: self.keys[usize::from(*n)].clone(),
            expected: version(*n) + u64::from(*stale),
            version: version(*n) + 1,
            set: fields.iter().filter_map(|(f, v)| Some((format!("f{f}"), v.as_deref()?))).collect(),
            unset: fields.iter().filter(|(_, v)| v.is_none()).map(|(f, _)| format!("f{f}").into()).collect(),
        });
        let reference = Commit {
            partition: HERE,
            now: self.now,
            writes: writes.collect(),
            remember: plan.remember.iter().map(|(m, n)| (hash(&format!("{}-{m}", self.case)), Note(*n))).collect(),
            leads: plan.leads.iter().map(|(id, (subject, definition))| self.lead(*id, *subject, *definition)).collect(),
            enqueue: plan.enqueue.iter().map(|((q, id), (lane, due))| self.entry(*q, *id, *lane, *due)).collect(),
            settle: Vec::new(),
        };
        let mut store = reference.clone();
        let mut reference = reference;
        let mut settled = BTreeSet::new();
        for (which, how) in &plan.settle {
            let newest_first = self.claims.iter().rev().nth(usize::from(*which));
            let Some((a, b)) =
                newest_first.filter(|(a, _)| settled.insert((a.entry.queue.clone(), a.entry.id.clone())))
            else {
                continue;
            };
            reference.settle.push(super::support::settle(a, self.outcome(*how)));
            store.settle.push(super::support::settle(b, self.outcome(*how)));
        }
        (reference, store)
    }

    fn outcome(&self, how: u8) -> Outcome {
        match how {
            0 | 1 => Outcome::Done { keep: how == 0 },
            2 => Outcome::Dead { attempts: 5, error: "dead".to_owned() },
            _ => Outcome::Retry { due: self.now.plus(100), attempts: 1, error: "again".to_owned() },
        }
    }

    fn lead(&self, id: u8, subject: u8, definition: u8) -> LeadRow {
        LeadRow {
            id: format!("model{}-l{id}", self.case),
            subject: self.keys[usize::from(subject)].clone(),
            definition: format!("model{}-d{definition}", self.case),
            updated: self.now,
            json: format!("{{\"n\":{}}}", self.now.0),
        }
    }

    fn entry(&self, queue: u8, id: u8, lane: Option<u8>, due: i64) -> Entry {
        Entry {
            id: self.entry_id(id),
            queue: self.queue(queue),
            lane: lane.map(|lane| format!("lane{lane}")),
            subject: self.keys[usize::from(id % 4)].to_string(),
            due: self.now.plus(due),
            created: self.now,
            attempts: 0,
            last_error: None,
            payload: format!("{id}"),
        }
    }

    async fn claim(&mut self, queue: u8, lease: u16, limit: usize) -> Checked {
        let (queue, lease) = (self.queue(queue), Duration::from_millis(lease.into()));
        let a = self.reference.claim(HERE, &queue, self.now, lease, limit).await.expect("the reference answers");
        let b = self.store.claim(HERE, &queue, self.now, lease, limit).await.expect("the store answers");
        prop_assert_eq!(a.next_due, b.next_due);
        let entries = |claims: &Claims| claims.claimed.iter().map(|c| c.entry.clone()).collect::<Vec<_>>();
        prop_assert_eq!(entries(&a), entries(&b));
        self.claims.extend(a.claimed.into_iter().zip(b.claimed));
        Ok(())
    }

    /// Everything that can be read is the same.
    async fn compare(&self) -> Checked {
        let messages: Vec<_> = (0..60).map(|m| hash(&format!("{}-{m}", self.case))).collect();
        let (a, b) = (self.reference.load(HERE, &self.keys).await, self.store.load(HERE, &self.keys).await);
        prop_assert_eq!(a.ok(), b.ok());
        let (a, b) = (self.reference.seen(HERE, &messages).await, self.store.seen(HERE, &messages).await);
        prop_assert_eq!(a.ok(), b.ok());
        for definition in 0..2 {
            let definition = Some(format!("model{}-d{definition}", self.case));
            let query = LeadQuery { definition, limit: 1_000, ..LeadQuery::default() };
            let (a, b) = (self.reference.leads(&query).await, self.store.leads(&query).await);
            prop_assert_eq!(a.ok(), b.ok());
        }
        for state in [EntryState::Pending, EntryState::Dead, EntryState::Done] {
            prop_assert_eq!(self.rows(&self.reference, state).await, self.rows(&self.store, state).await);
        }
        let stats = self.reference.queue_stats(self.now).await.expect("the reference answers");
        let mut of_store = self.store.queue_stats(self.now).await.expect("the store answers");
        let of_case = format!("model{}:", self.case);
        of_store.retain(|stats| stats.queue.as_str().starts_with(&of_case));
        of_store.sort_by(|a, b| a.queue.cmp(&b.queue));
        prop_assert_eq!(stats, of_store);
        Ok(())
    }

    /// By name, since rows of one moment may come in any order.
    async fn rows(&self, store: &SharedStore, state: EntryState) -> Vec<EntryRow> {
        let prefix = Some(format!("model{}:", self.case));
        let query = EntryQuery { state, queue: None, queue_prefix: prefix, limit: 10_000 };
        let mut rows = store.entries(&query).await.expect("entries can be listed");
        rows.sort_by(|a, b| (&a.entry.queue, &a.entry.id).cmp(&(&b.entry.queue, &b.entry.id)));
        rows
    }
}

/// How many sequences: `HANDRAISER_MODEL_CASES`, by default few enough to be run all the time.
fn cases() -> u32 {
    std::env::var("HANDRAISER_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

pub async fn random_operations_agree_with_the_reference(store: &SharedStore) {
    let config = Config { cases: cases(), max_shrink_iters: 500, failure_persistence: None, ..Config::default() };
    let (case, runtime) = (AtomicU32::new(0), tokio::runtime::Handle::current());
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&steps(), |steps| {
            let mut play = Play::new(store, case.fetch_add(1, Ordering::Relaxed));
            runtime.block_on(async {
                for step in steps {
                    play.step(step).await?;
                }
                play.compare().await
            })
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
