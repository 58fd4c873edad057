//! Many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use handraiser::store::*;
use tokio::task::JoinSet;

use super::support::*;

const MANY: usize = 20;

pub async fn twenty_committers_lose_nothing(store: &SharedStore) {
    const EACH: usize = 25;
    let (key, mut tasks) = (user(store, "counter"), JoinSet::new());
    for worker in 0..MANY {
        let (store, key) = (Arc::clone(store), key.clone());
        tasks.spawn(async move {
            for step in 0..EACH {
                increment(&store, &key, &format!("{worker}-{step}")).await;
            }
        });
    }
    tasks.join_all().await;
    let found = record(store, &key).await.expect("it was written");
    assert_eq!(found.version, (MANY * EACH) as u64);
    assert_eq!(found.fields["n"].parse::<usize>(), Ok(MANY * EACH));
}

/// Load, apply, commit, until no one was faster.
async fn increment(store: &SharedStore, key: &handraiser::identity::RecordKey, message: &str) {
    loop {
        let before = record(store, key).await.unwrap_or_default();
        let n: u64 = before.fields.get("n").map_or(0, |n| n.parse().expect("a number was written"));
        let commit = Commit {
            writes: vec![write(key, before.version, &[("n", &(n + 1).to_string())])],
            remember: vec![(hash(message), Note::NONE)],
            ..commit_at(now())
        };
        match store.commit(commit).await {
            Ok(()) => return,
            Err(CommitError::Conflict(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

pub async fn twenty_senders_of_one_message_apply_it_once(store: &SharedStore) {
    let mut tasks = JoinSet::new();
    for worker in 0..MANY {
        let (store, key) = (Arc::clone(store), user(store, &format!("sender{worker}")));
        tasks.spawn(async move {
            let mut applied = 0;
            for message in 0..10 {
                let commit = Commit {
                    writes: vec![write(&key, applied, &[])],
                    remember: vec![(hash(&format!("shared-{message}")), Note::NONE)],
                    ..commit_at(now())
                };
                match store.commit(commit).await {
                    Ok(()) => applied += 1,
                    Err(CommitError::Seen(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            applied
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u64>(), 10);
}

pub async fn twenty_claimers_get_each_entry_once(store: &SharedStore) {
    const EACH: usize = 200;
    let t = now();
    for batch in 0..MANY {
        add(store, t, (0..EACH).map(|n| entry("q", &format!("{batch}-{n}"), t)).collect()).await;
    }
    let mut tasks = JoinSet::new();
    for _ in 0..MANY {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&store, "q", t, 7).await.claimed;
                if claimed.is_empty() {
                    return mine;
                }
                let settle = claimed.iter().map(|claimed| settle(claimed, DONE)).collect();
                ok(&store, Commit { settle, ..commit_at(t) }).await;
                mine.extend(claimed.into_iter().map(|claimed| claimed.entry.id));
            }
        });
    }
    let mut all: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(all.len(), MANY * EACH);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), MANY * EACH, "an entry was handed out twice");
    assert!(row_ids(store, EntryState::Pending, "q").await.is_empty());
}

pub async fn lanes_keep_their_order_among_claimers(store: &SharedStore) {
    let t = now();
    let enqueue =
        (0..50).flat_map(|n| (0..5).map(move |lane| in_lane("q", &format!("{lane}-{n}"), &format!("lane{lane}"), t)));
    add(store, t, enqueue.collect()).await;
    let log: Arc<tokio::sync::Mutex<BTreeMap<String, Vec<usize>>>> = Arc::default();
    let mut tasks = JoinSet::new();
    for _ in 0..MANY {
        let (store, log) = (Arc::clone(store), Arc::clone(&log));
        tasks.spawn(async move {
            while log.lock().await.values().map(Vec::len).sum::<usize>() < 250 {
                for claimed in claim(&store, "q", t, 2).await.claimed {
                    let (lane, n) = claimed.entry.id.split_once('-').expect("ids were made so");
                    let n = n.parse().expect("ids were made so");
                    log.lock().await.entry(lane.to_owned()).or_default().push(n);
                    settled(&store, t, &claimed, DONE).await;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    tasks.join_all().await;
    for (lane, order) in log.lock().await.iter() {
        assert_eq!(*order, (0..50).collect::<Vec<_>>(), "lane {lane}");
    }
}
