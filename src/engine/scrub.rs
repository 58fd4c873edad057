//! Takes forgotten users out of leads that are stored with their accounts.

use super::pending::Pending;
use crate::lead::Lead;
use crate::store::{LeadQuery, SharedStore, StoreError};

/// How many leads of an account are looked through.
const MAX_LEADS: usize = 10_000;

/// Adds to `pending` the leads that name somebody who was forgotten, without them.
pub(super) async fn leads(store: &SharedStore, pending: &mut Pending) -> Result<(), StoreError> {
    for (account, user) in std::mem::take(&mut pending.scrub) {
        let query = LeadQuery { subject: Some(account.clone()), limit: MAX_LEADS, ..LeadQuery::default() };
        let stored = store.leads(&query).await?;
        let changed = pending.of(store.shards().of(&account));
        if !changed.forget_leads.contains(&account) {
            for row in stored {
                changed.leads.entry(row.id.clone()).or_insert(row);
            }
        }
        for row in changed.leads.values_mut().filter(|row| row.subject == account) {
            if let Ok(mut lead) = serde_json::from_str::<Lead>(&row.json)
                && lead.scrub(&user)
            {
                row.json = serde_json::to_string(&lead).unwrap_or_default();
            }
        }
    }
    Ok(())
}
