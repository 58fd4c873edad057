//! Forgetting a subject, as a deletion request demands.

use std::sync::Arc;
use std::time::Duration;

use super::job::Task;
use super::queues::{self, Handover};
use super::{EngineError, Shared};
use crate::identity::{RecordKey, RecordKind};
use crate::store::{EntryQuery, EntryState, Forgotten, StoreError};
use crate::subject::Subject;

/// How often, and how long apart, it is looked whether a merge that is under way has ended.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(150);
/// How many histories that are on their way are looked through.
const HISTORIES: usize = 100_000;

/// Forgets `key`. The order makes a second call finish what a first one began: traces elsewhere go first, then the record that
/// knows of them, and last the one that leads there.
pub(super) async fn forget(shared: &Shared, key: &RecordKey) -> Result<Forgotten, EngineError> {
    let mut total = Forgotten::default();
    if key.kind != RecordKind::User {
        add(&mut total, forget_record(shared, key).await?);
        return Ok(total);
    }
    for _ in 0..LOOKS {
        let root = RecordKey { kind: RecordKind::User, id: shared.root_of(&key.id).await? };
        // A history that is still on its way would bring the user back to life with its arrival.
        for handover in histories_of(shared, &root).await? {
            forget_history(shared, key, &handover, &mut total).await?;
        }
        forget_user(shared, key, &root, &mut total).await?;
        if histories_of(shared, &root).await?.is_empty() {
            return Ok(total);
        }
        // Somebody brings one home in this moment; then it goes with its user.
        tokio::time::sleep(PAUSE).await;
    }
    let why = "a history of this user is being merged; ask for the deletion again in a minute";
    Err(EngineError::Store(StoreError::Unavailable(why.to_owned())))
}

/// What is on its way to a user from ids that turned out to be theirs.
async fn histories_of(shared: &Shared, root: &RecordKey) -> Result<Vec<Handover>, EngineError> {
    let query =
        EntryQuery { state: EntryState::Pending, queue: Some(queues::merge()), queue_prefix: None, limit: HISTORIES };
    let rows = shared.store.entries(&query).await?.into_iter();
    // What can't be read comes home no more.
    let handovers = rows.filter_map(|row| serde_json::from_str::<Handover>(&row.entry.payload).ok());
    Ok(handovers.filter(|handover| handover.into == root.id).collect())
}

/// Forgets the id that a history comes from, with the entry that carries it, unless somebody holds that. The id that was asked for
/// leads to its user, and goes last.
async fn forget_history(
    shared: &Shared,
    key: &RecordKey,
    handover: &Handover,
    total: &mut Forgotten,
) -> Result<(), EngineError> {
    for account in &Subject::read(&handover.fields).0.user.accounts {
        let task = Task::Rename { from: Arc::clone(&handover.from), to: None };
        shared.run(RecordKey::account(account), task).await?;
    }
    if handover.from != key.id {
        add(total, forget_record(shared, &RecordKey::user(&handover.from)).await?);
    }
    Ok(())
}

async fn forget_user(
    shared: &Shared,
    key: &RecordKey,
    root: &RecordKey,
    total: &mut Forgotten,
) -> Result<(), EngineError> {
    let state = shared.read(root.clone()).await?;
    for account in &state.user.accounts {
        for id in state.user.aliases.keys().chain([&root.id]) {
            let task = Task::Rename { from: Arc::clone(id), to: None };
            shared.run(RecordKey::account(account), task).await?;
        }
    }
    for alias in state.user.aliases.keys().filter(|id| **id != root.id && **id != key.id) {
        add(total, forget_record(shared, &RecordKey::user(alias)).await?);
    }
    if root != key {
        add(total, forget_record(shared, root).await?);
    }
    add(total, forget_record(shared, key).await?);
    Ok(())
}

async fn forget_record(shared: &Shared, key: &RecordKey) -> Result<Forgotten, EngineError> {
    let gone = shared.store.forget(key).await?;
    shared.run(key.clone(), Task::Evict).await?;
    Ok(gone)
}

fn add(total: &mut Forgotten, gone: Forgotten) {
    total.records += gone.records;
    total.leads += gone.leads;
    total.entries += gone.entries;
}
