//! Many at once, and owners who don't know of each other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use handraiser::ids::Position;
use handraiser::store::*;
use tokio::task::JoinSet;

use super::support::*;

pub async fn appends_at_once_lose_and_double_nothing(store: &SharedStore) {
    const WRITERS: usize = 10;
    const BATCHES: usize = 20;
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut told = Vec::new();
            for batch in 0..BATCHES {
                let payloads: Vec<_> = (0..4).map(|n| format!("{writer} {:03}", batch * 4 + n)).collect();
                let shards = [HERE, THERE, HERE, HERE];
                let sent = payloads.iter().zip(shards).map(|(payload, shard)| entry(shard, payload)).collect();
                let positions = append(&store, sent).await;
                told.extend(shards.into_iter().zip(positions).zip(payloads));
            }
            told
        });
    }
    let told: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    for (shard, count) in [(HERE, WRITERS * BATCHES * 3), (THERE, WRITERS * BATCHES)] {
        let found = arrived(store, shard, 0, count).await;
        assert_eq!(
            found.iter().map(|entry| entry.position.0).collect::<Vec<_>>(),
            (1..=count as u64).collect::<Vec<_>>()
        );
        let found = texts(&found);
        for ((_, position), payload) in told.iter().filter(|((of, _), _)| *of == shard) {
            assert_eq!(
                found[usize::try_from(position - 1).unwrap()],
                *payload,
                "each stands where its writer was told"
            );
        }
        for writer in 0..WRITERS {
            let mut of_writer = found.iter().filter(|payload| payload.starts_with(&format!("{writer} ")));
            assert!(of_writer.by_ref().is_sorted(), "each writer's entries stand in the order of its appends");
        }
    }
}

pub async fn one_of_twenty_owners_commits(store: &SharedStore) {
    append(store, entries(HERE, 20)).await;
    for from in 0..20 {
        let mut tasks = JoinSet::new();
        for owner in 0..20 {
            let store = Arc::clone(store);
            tasks.spawn(async move { store.commit(vec![Commit { ids: vec![owner], ..step(from, from + 1) }]).await });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        answers.into_iter().filter(Result::is_err).for_each(|answer| assert_eq!(moved(answer), [HERE]));
    }
    let ids = remembered(store, HERE).await.into_iter().flat_map(|(_, ids)| ids);
    assert_eq!(ids.count(), 20);
}

pub async fn every_step_is_won_once(store: &SharedStore) {
    const STEPS: u64 = 150;
    append(store, entries(HERE, usize::try_from(STEPS).unwrap())).await;
    let mut tasks = JoinSet::new();
    for owner in 0..2 {
        let (store, key) = (Arc::clone(store), user(store, "sum"));
        tasks.spawn(async move {
            let mut won = 0;
            loop {
                let (from, end) = progress(&store, HERE).await;
                if from == end {
                    return won;
                }
                // What was read at one position is written back at the next, or not at all.
                let before = record(&store, &key).await.map_or(0, |text| text.parse::<u64>().unwrap());
                let (records, ids) = (vec![write(&key, &(before + 1).to_string())], vec![from]);
                let messages = vec![entry(THERE, format!("{from} by {owner}"))];
                match store.commit(vec![Commit { records, ids, messages, ..step(from, from + 1) }]).await {
                    Ok(()) => won += 1,
                    answer => assert_eq!(moved(answer), [HERE]),
                }
            }
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u64>(), STEPS);
    assert_eq!(record(store, &user(store, "sum")).await.as_deref(), Some(&*STEPS.to_string()));
    let ids: Vec<_> = remembered(store, HERE).await.into_iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(ids, (0..STEPS).collect::<Vec<_>>());
    let steps: Vec<_> = texts(&arrived(store, THERE, 0, ids.len()).await);
    let steps: Vec<_> = steps.iter().map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap()).collect();
    assert_eq!(steps, ids, "messages in the order of the steps");
}

/// Waits for each commit only for a moment, as an owner does whose connection breaks. Whether it happened, or is going to, only
/// the position tells.
pub async fn commits_that_are_given_up_happen_once_or_never(store: &SharedStore) {
    const STEPS: u64 = 200;
    append(store, entries(HERE, usize::try_from(STEPS).unwrap())).await;
    let mut patience = [0_u64, 20, 60, 150, 400, 1_000, 20_000].into_iter().cycle();
    let mut given_up = BTreeSet::new();
    loop {
        let (from, end) = progress(store, HERE).await;
        if from == end {
            break;
        }
        let messages = (0..2).map(|n| entry(THERE, format!("{from:03} {n}"))).collect();
        let commit = Commit { ids: vec![from], messages, rejected: vec![rejected(1)], ..step(from, from + 1) };
        let wait = Duration::from_micros(patience.next().unwrap());
        match tokio::time::timeout(wait, store.commit(vec![commit])).await {
            Ok(Ok(())) => {}
            // An earlier one, given up, came first.
            Ok(answer) => assert_eq!(moved(answer), [HERE]),
            Err(_) => drop(given_up.insert(from)),
        }
    }
    let expected: Vec<_> = (0..STEPS).collect();
    let ids: Vec<_> = remembered(store, HERE).await.into_iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(ids, expected, "given up: {given_up:?}");
    let found = texts(&arrived(store, THERE, 0, 2 * ids.len()).await);
    assert_eq!(found, expected.iter().flat_map(|n| [format!("{n:03} 0"), format!("{n:03} 1")]).collect::<Vec<_>>());
    assert_eq!(store.progress(&[HERE]).await.unwrap()[0].position, Position(STEPS));
}
