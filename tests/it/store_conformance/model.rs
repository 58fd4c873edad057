//! Random appends and commits: whatever the reference answers, every store answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::store::*;
use handraiser::time::Millis;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::reference::Reference;
use super::support::*;

/// A step of a sequence. Numbers are names: the play turns them into keys, lists and leads of its own case.
#[derive(Clone, Debug)]
enum Step {
    /// Entries, each for one of the two shards.
    Append(Vec<(bool, u8)>),
    /// A commit of one shard, of the other, or of both.
    Commit(Vec<(ShardId, Planned)>),
}

#[derive(Clone, Debug)]
struct Planned {
    /// Whether the owner is wrong about where the shard stands.
    wrong: bool,
    /// How much of what was not applied is applied now, of 4.
    advance: u64,
    /// Record → what is written; `None` deletes it.
    records: BTreeMap<u8, Option<Text>>,
    hour: i64,
    ids: Vec<u64>,
    forget_ids: BTreeSet<i64>,
    /// Lead → (subject, definition, updated).
    leads: BTreeMap<u8, (u8, u8, i64)>,
    forget_leads: BTreeSet<u8>,
    messages: u8,
}

/// A record's text, and its list and moment.
type Text = (String, Option<(u8, i64)>);

const RECORDS: u8 = 5;
const LISTS: u8 = 3;
const LEADS: u8 = 5;

fn plans() -> impl Strategy<Value = Planned> {
    let text = ("\\PC{0,12}", proptest::option::weighted(0.6, (0..LISTS, 0..6_i64)));
    (
        (prop::bool::weighted(0.1), 0..5_u64, 0..3_u8),
        btree_map(0..RECORDS, proptest::option::weighted(0.8, text), 0..4),
        (0..4_i64, vec(any::<u64>(), 0..4), btree_set(0..4_i64, 0..2)),
        btree_map(0..LEADS, (0..RECORDS, 0..2_u8, 0..6_i64), 0..3),
        btree_set(0..RECORDS, 0..2),
    )
        .prop_map(|((wrong, advance, messages), records, (hour, ids, forget_ids), leads, forget_leads)| Planned {
            wrong,
            advance,
            records,
            hour,
            ids,
            // What is remembered and forgotten in one commit may be either.
            forget_ids: forget_ids.into_iter().filter(|forgotten| *forgotten != hour).collect(),
            leads,
            forget_leads,
            messages,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => vec((any::<bool>(), any::<u8>()), 0..5).prop_map(Step::Append),
        3 => plans().prop_map(|plan| Step::Commit(vec![(HERE, plan)])),
        3 => plans().prop_map(|plan| Step::Commit(vec![(THERE, plan)])),
        3 => (plans(), plans()).prop_map(|(here, there)| Step::Commit(vec![(HERE, here), (THERE, there)])),
    ];
    vec(step, 1..40)
}

/// One sequence, played on the reference and on the store at once.
struct Play {
    case: u32,
    reference: Reference,
    store: SharedStore,
    keys: BTreeMap<ShardId, Vec<RecordKey>>,
}

type Checked = Result<(), TestCaseError>;

/// The hour in which the first ids of a case are remembered.
const HOUR: i64 = 480_000;

impl Play {
    /// Begins with shards that have applied everything and remember no ids; their records, lists and leads are the case's own.
    async fn new(store: &SharedStore, case: u32) -> Self {
        let mut this = Self { case, reference: Reference::default(), store: Arc::clone(store), keys: BTreeMap::new() };
        for shard in [HERE, THERE] {
            let forget_ids = remembered(store, shard).await.into_iter().map(|(hour, _)| hour).collect();
            let (from, end) = progress(store, shard).await;
            ok(store, Commit { forget_ids, ..Commit::new(shard, Position(from), Position(end), now()) }).await;
            let of_shard = this.reference.shards.entry(shard).or_default();
            (of_shard.position, of_shard.end) = (end, end);
            let keys = (0..RECORDS).map(|n| user_in(store, shard, &format!("model{case}-{n}"))).collect();
            this.keys.insert(shard, keys);
        }
        this
    }

    async fn step(&mut self, step: Step) -> Checked {
        match step {
            Step::Append(numbers) => {
                let of = |(there, n): &(bool, u8)| entry(if *there { THERE } else { HERE }, [*n]);
                let appends: Vec<_> = numbers.iter().map(of).collect();
                let expected: Vec<_> = appends.iter().map(|append| self.reference.append(append)).collect();
                prop_assert_eq!(append(&self.store, appends).await, expected);
                Ok(())
            }
            Step::Commit(plans) => {
                let commits: Vec<_> = plans.iter().map(|(shard, plan)| self.planned(*shard, plan)).collect();
                if self.store.commits_shards_together() {
                    return self.commit(commits).await;
                }
                for commit in commits {
                    self.commit(vec![commit]).await?;
                }
                Ok(())
            }
        }
    }

    async fn commit(&mut self, commits: Vec<Commit>) -> Checked {
        let context = format!("{commits:?}");
        let expected = self.reference.commit(&commits);
        let answer = match self.store.commit(commits).await {
            Err(CommitError::Store(error)) => return Err(TestCaseError::fail(format!("{error}: {context}"))),
            Err(CommitError::Moved(shards)) => Err(shards),
            Ok(()) => Ok(()),
        };
        prop_assert_eq!(answer, expected, "{}", context);
        // Messages may take a while, and what follows must not overtake them: the reference has them at once.
        let deadline = Instant::now() + SOON;
        while !self.arrived().await {
            prop_assert!(Instant::now() < deadline, "messages did not arrive: {}", context);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn arrived(&self) -> bool {
        let progress = self.store.progress(&[HERE, THERE]).await.expect("the progress can be read");
        progress.iter().zip([HERE, THERE]).all(|(progress, shard)| progress.end.0 >= self.reference.shards[&shard].end)
    }

    fn planned(&self, shard: ShardId, plan: &Planned) -> Commit {
        let state = &self.reference.shards[&shard];
        let from = state.position + u64::from(plan.wrong);
        let to = state.position + (state.end - state.position) * plan.advance / 4;
        let other = if shard == HERE { THERE } else { HERE };
        let key = |n: &u8| self.keys[&shard][usize::from(*n)].clone();
        let lead = |(n, (subject, definition, updated)): (&u8, &(u8, u8, i64))| {
            lead(&self.lead_id(shard, *n), &key(subject), &self.definition(*definition), Millis(*updated))
        };
        Commit {
            records: plan.records.iter().map(|(n, write)| self.write(key(n), write.as_ref())).collect(),
            ids: plan.ids.clone(),
            forget_ids: plan.forget_ids.iter().map(|hour| HOUR + hour).collect(),
            leads: plan.leads.iter().map(lead).collect(),
            forget_leads: plan.forget_leads.iter().map(key).collect(),
            messages: (0..plan.messages).map(|n| entry(other, format!("{shard} {from} {n}"))).collect(),
            ..Commit::new(shard, Position(from), Position(to.max(from)), Millis((HOUR + plan.hour) * Millis::HOUR))
        }
    }

    fn write(&self, key: RecordKey, write: Option<&Text>) -> RecordWrite {
        let was_listed = self.reference.record(&key).and_then(|(_, listed)| listed.clone());
        let listed = write.and_then(|(_, listed)| listed.as_ref());
        let listed = listed.map(|(list, at)| Listed { list: self.list(*list), at: Millis(*at) });
        RecordWrite { key, text: write.map(|(text, _)| text.as_str().into()), was_listed, listed }
    }

    fn list(&self, n: u8) -> ListName {
        ListName::new(&format!("model{}:{n}", self.case))
    }

    fn definition(&self, n: u8) -> String {
        format!("model{}-d{n}", self.case)
    }

    fn lead_id(&self, shard: ShardId, n: u8) -> String {
        format!("model{}-{shard}-l{n}", self.case)
    }

    /// Everything that can be read is the same.
    async fn compare(&self) -> Checked {
        for shard in [HERE, THERE] {
            self.compare_shard(shard).await?;
        }
        self.compare_lists().await?;
        self.compare_leads().await
    }

    async fn compare_shard(&self, shard: ShardId) -> Checked {
        let expected = &self.reference.shards[&shard];
        prop_assert_eq!(progress(&self.store, shard).await, (expected.position, expected.end));
        let found = read(&self.store, shard, expected.position, PLENTY, Duration::ZERO).await;
        let found: Vec<_> = found.into_iter().map(|entry| (entry.position.0, entry.payload.to_vec())).collect();
        let unread = expected.log.range(expected.position + 1..).map(|(at, payload)| (*at, payload.clone()));
        prop_assert_eq!(found, unread.collect::<Vec<_>>());
        let ids: Vec<_> = expected.ids.iter().map(|(hour, ids)| (*hour, ids.clone())).collect();
        prop_assert_eq!(remembered(&self.store, shard).await, ids);
        let keys = &self.keys[&shard];
        let texts: Vec<_> = keys.iter().map(|key| Some(expected.records.get(key)?.0.clone())).collect();
        prop_assert_eq!(self.store.load(keys).await.expect("records can be read"), texts);
        Ok(())
    }

    async fn compare_lists(&self) -> Checked {
        let mut stats = Vec::new();
        for list in (0..LISTS).map(|n| self.list(n)) {
            for shard in [HERE, THERE] {
                let all = self.reference.standing(Some(shard), &list);
                let mut found = self.store.due(shard, &list, Millis(100), 100).await.expect("the list can be read");
                prop_assert!(found.is_sorted_by_key(|(at, _)| *at));
                found.sort();
                prop_assert_eq!(&found, &all);
                // Those of one moment may come in any order.
                let found = self.store.due(shard, &list, Millis(3), 2).await.expect("the list can be read");
                let expected = all.iter().filter(|(at, _)| at.0 <= 3).take(2).map(|(at, _)| *at);
                prop_assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            }
            let all = self.reference.standing(None, &list);
            let mut found = self.store.listed(&list, 100).await.expect("the list can be read");
            prop_assert!(found.is_sorted_by_key(|(at, _)| std::cmp::Reverse(*at)));
            found.sort();
            prop_assert_eq!(&found, &all);
            let found = self.store.listed(&list, 2).await.expect("the list can be read");
            let expected: Vec<_> = all.iter().rev().take(2).map(|(at, _)| *at).collect();
            prop_assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected);
            stats.extend(all.first().map(|(earliest, _)| (list.to_string(), all.len() as u64, earliest.0)));
        }
        let mut found = lists(&self.store).await;
        found.retain(|(name, ..)| name.starts_with(&format!("model{}:", self.case)));
        prop_assert_eq!(found, stats);
        Ok(())
    }

    async fn compare_leads(&self) -> Checked {
        for definition in [0, 1] {
            let of = LeadQuery { definition: Some(self.definition(definition)), ..all() };
            let mut queries = vec![of.clone(), LeadQuery { limit: 2, ..of.clone() }];
            queries.extend((0..6).map(|at| LeadQuery { before: Some(Millis(at)), ..of.clone() }));
            let subjects = self.keys.values().flatten();
            queries.extend(subjects.clone().map(|key| LeadQuery { subject: Some(key.clone()), ..of.clone() }));
            queries.extend(subjects.map(|key| LeadQuery { subject: Some(key.clone()), limit: 1, ..all() }));
            for query in queries {
                let found = self.store.leads(&query).await.expect("leads can be listed");
                prop_assert_eq!(found, self.reference.leads(&query), "{:?}", query);
            }
        }
        for (shard, expected) in &self.reference.shards {
            for id in (0..LEADS).map(|n| self.lead_id(*shard, n)) {
                let found = self.store.lead(&id).await.expect("leads can be read");
                prop_assert_eq!(found.as_ref(), expected.leads.get(&id));
            }
        }
        Ok(())
    }
}

/// How many sequences: `HANDRAISER_MODEL_CASES`, by default few enough to be run all the time.
fn cases() -> u32 {
    std::env::var("HANDRAISER_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

pub async fn random_commits_agree_with_the_model(store: &SharedStore) {
    let config = Config { cases: cases(), max_shrink_iters: 500, failure_persistence: None, ..Config::default() };
    let (case, runtime) = (AtomicU32::new(0), tokio::runtime::Handle::current());
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&steps(), |steps| {
            runtime.block_on(async {
                let mut play = Play::new(store, case.fetch_add(1, Ordering::Relaxed)).await;
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
