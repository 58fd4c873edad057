//! Messages from one shard's commits to other shards' logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use handraiser::ids::{Position, ShardId};
use handraiser::store::*;
use tokio::task::JoinSet;

use super::support::*;

/// Applies a shard's whole log, an entry a step, each with messages, as an owner does that hopes for the best and looks at the
/// position when a commit failed. So it also holds for a store that loses answers.
pub async fn drive(store: &SharedStore, shard: ShardId, messages: impl Fn(u64) -> Vec<Append>) {
    loop {
        let Ok(progress) = store.progress(&[shard]).await else { continue };
        let Progress { position: from, end, .. } = progress[0];
        if from == end {
            return;
        }
        let commit = Commit { messages: messages(from.0), ..Commit::new(shard, from, from.next(), now()) };
        match store.commit(vec![commit]).await {
            Ok(()) | Err(CommitError::Store(StoreError::Unavailable(_))) => {}
            answer => assert_eq!(moved(answer), [shard]),
        }
    }
}

pub async fn messages_arrive_once_and_in_order(store: &SharedStore) {
    const COMMITS: u64 = 200;
    let senders = [ShardId(0), ShardId(1), ShardId(7)];
    // Some commits send nothing, some several.
    let of = |sender, step: u64| (0..step % 4).map(move |n| format!("{sender} {step:03} {n}"));
    let mut tasks = JoinSet::new();
    for sender in senders {
        append(store, entries(sender, usize::try_from(COMMITS).unwrap())).await;
        let store = Arc::clone(store);
        tasks.spawn(async move {
            drive(&store, sender, |step| of(sender, step).map(|text| entry(THERE, text)).collect()).await;
        });
    }
    tasks.join_all().await;
    let expected = |sender: ShardId| (0..COMMITS).flat_map(move |step| of(sender, step)).collect::<Vec<_>>();
    let found = arrived(store, THERE, 0, 3 * expected(senders[0]).len()).await;
    assert!(found.iter().zip(1..).all(|(entry, position)| entry.position == Position(position)));
    let mut by_sender: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in texts(&found) {
        by_sender.entry(text.split(' ').next().unwrap().to_owned()).or_default().push(text);
    }
    for sender in senders {
        assert_eq!(by_sender[&sender.to_string()], expected(sender));
    }
}

pub async fn messages_come_back_byte_for_byte(store: &SharedStore) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let payloads: Vec<Vec<u8>> = vec![Vec::new(), vec![0], every_byte.clone(), every_byte.repeat(1_200), vec![b'\n']];
    let messages = payloads.iter().map(|payload| entry(THERE, payload)).collect();
    ok(store, Commit { messages, ..here() }).await;
    let found = arrived(store, THERE, 0, payloads.len()).await;
    for (found, sent) in found.iter().zip(&payloads) {
        assert!(found.payload == *sent, "message {} of {} bytes came back changed", found.position, sent.len());
    }
}

pub async fn many_messages_in_one_commit(store: &SharedStore) {
    const MANY: usize = 3_000;
    let to = |n: usize| [THERE, ShardId(1), THERE][n % 3];
    ok(store, Commit { messages: (0..MANY).map(|n| entry(to(n), n.to_string())).collect(), ..here() }).await;
    for shard in [THERE, ShardId(1)] {
        let expected: Vec<_> = (0..MANY).filter(|n| to(*n) == shard).map(|n| n.to_string()).collect();
        assert_eq!(texts(&arrived(store, shard, 0, expected.len()).await), expected);
    }
}

pub async fn messages_go_to_every_shard(store: &SharedStore) {
    let others: Vec<_> = store.shards().all().filter(|shard| *shard != HERE).collect();
    for round in 0..3 {
        let messages = others.iter().map(|shard| entry(*shard, format!("{round} to {shard}"))).collect();
        ok(store, Commit { messages, ..here() }).await;
    }
    for shard in others {
        let expected: Vec<_> = (0..3).map(|round| format!("{round} to {shard}")).collect();
        assert_eq!(texts(&arrived(store, shard, 0, 3).await), expected);
    }
    assert_eq!(progress(store, HERE).await, (0, 0));
}

pub async fn shards_write_to_each_other(store: &SharedStore) {
    let commit = |shard, to| Commit { messages: vec![entry(to, format!("from {shard}"))], ..stay(shard) };
    let commits = vec![commit(HERE, THERE), commit(THERE, HERE)];
    if store.commits_shards_together() {
        store.commit(commits).await.expect("the commit goes through");
    } else {
        for commit in commits {
            ok(store, commit).await;
        }
    }
    assert_eq!(texts(&arrived(store, HERE, 0, 1).await), [format!("from {THERE}")]);
    assert_eq!(texts(&arrived(store, THERE, 0, 1).await), [format!("from {HERE}")]);
}

pub async fn messages_mix_with_what_is_appended(store: &SharedStore) {
    let appending = async {
        for n in 0..100 {
            append(store, vec![entry(THERE, format!("appended {n:02}"))]).await;
        }
    };
    let committing = async {
        for n in 0..100 {
            ok(store, Commit { messages: vec![entry(THERE, format!("sent {n:02}"))], ..here() }).await;
        }
    };
    futures::join!(appending, committing);
    let found = arrived(store, THERE, 0, 200).await;
    assert!(found.iter().zip(1..).all(|(entry, position)| entry.position == Position(position)), "dense for both");
    let (appended, sent): (Vec<_>, Vec<_>) = texts(&found).into_iter().partition(|text| text.starts_with("appended"));
    assert_eq!(appended, (0..100).map(|n| format!("appended {n:02}")).collect::<Vec<_>>());
    assert_eq!(sent, (0..100).map(|n| format!("sent {n:02}")).collect::<Vec<_>>());
}
