//! Forgetting a subject, as a deletion request demands.

use std::sync::Arc;

use super::job::Task;
use super::{EngineError, Shared};
use crate::identity::{RecordKey, RecordKind};
use crate::store::Forgotten;

/// Forgets `key`. The order makes a second call finish what a first one began: traces elsewhere go first, then the record that
/// knows of them, and last the one that leads there.
pub(super) async fn forget(shared: &Shared, key: &RecordKey) -> Result<Forgotten, EngineError> {
    let mut total = Forgotten::default();
    if key.kind == RecordKind::User {
        let root = RecordKey { kind: RecordKind::User, id: shared.root_of(&key.id).await? };
        let state = shared.read(root.clone()).await?;
        for account in &state.user.accounts {
            for id in state.user.aliases.keys().chain([&root.id]) {
                let task = Task::Rename { from: Arc::clone(id), to: None };
                shared.run(RecordKey::account(account), task).await?;
            }
        }
        for alias in state.user.aliases.keys().filter(|id| **id != root.id && **id != key.id) {
            add(&mut total, forget_record(shared, &RecordKey::user(alias)).await?);
        }
        if root != *key {
            add(&mut total, forget_record(shared, &root).await?);
        }
    }
    add(&mut total, forget_record(shared, key).await?);
    Ok(total)
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
