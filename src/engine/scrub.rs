//! What only the store knows of those who were forgotten: leads that name them, and leads of theirs that their record knows of no longer.

use std::collections::BTreeSet;

use super::pending::Pending;
use crate::apply::{Body, LogItem, Message};
use crate::ids::RecordKey;
use crate::lead::Lead;
use crate::store::{LeadQuery, LeadRow, SharedStore, StoreError};
use crate::time::Millis;

/// How many leads are read at once.
const PAGE: usize = 1_000;

/// The leads of a subject, page by page.
struct Pages {
    query: LeadQuery,
    /// Those of the last page that were updated at its last moment: they come again.
    again: BTreeSet<String>,
    is_over: bool,
}

impl Pages {
    fn of(subject: &RecordKey) -> Self {
        let query = LeadQuery { subject: Some(subject.clone()), limit: PAGE, ..LeadQuery::default() };
        Self { query, again: BTreeSet::new(), is_over: false }
    }

    /// The next ones; none when there are no more.
    async fn next(&mut self, store: &SharedStore) -> Result<Vec<LeadRow>, StoreError> {
        while !self.is_over {
            let mut rows = store.leads(&self.query).await?;
            self.is_over = rows.len() < self.query.limit;
            let Some(last) = rows.last().map(|row| row.updated) else { break };
            let at_last: BTreeSet<String> =
                rows.iter().filter(|row| row.updated == last).map(|row| row.id.clone()).collect();
            rows.retain(|row| !self.again.contains(&row.id));
            // More of one moment than a page has.
            self.query.limit = if rows.is_empty() { self.query.limit * 2 } else { PAGE.max(at_last.len() * 2) };
            self.query.before = Some(last.plus(1));
            self.again = at_last;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }
}

/// Adds to `pending` the leads that name somebody who was forgotten, without them.
pub(super) async fn leads(store: &SharedStore, pending: &mut Pending) -> Result<(), StoreError> {
    for (subject, user) in std::mem::take(&mut pending.scrub) {
        let without = |row: &LeadRow| {
            let mut lead = serde_json::from_str::<Lead>(&row.json).ok()?;
            lead.scrub(&user).then(|| serde_json::to_string(&lead).unwrap_or_default())
        };
        let changed = pending.of(store.shards().of(&subject));
        for row in changed.leads.values_mut().filter(|row| row.subject == subject) {
            if let Some(json) = without(row) {
                row.json = json;
            }
        }
        if changed.forget_leads.contains(&subject) {
            continue;
        }
        let mut pages = Pages::of(&subject);
        loop {
            let rows = pages.next(store).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                if let (false, Some(json)) = (changed.leads.contains_key(&row.id), without(&row)) {
                    changed.leads.insert(row.id.clone(), LeadRow { json, ..row });
                }
            }
        }
    }
    Ok(())
}

/// Adds to `pending` that the deliveries of every stored lead of those who were forgotten are.
pub(super) async fn deliveries(store: &SharedStore, pending: &mut Pending, at: Millis) -> Result<(), StoreError> {
    for (subject, destinations) in std::mem::take(&mut pending.forget_deliveries) {
        let (shards, mut pages) = (store.shards(), Pages::of(&subject));
        loop {
            let rows = pages.next(store).await?;
            if rows.is_empty() {
                break;
            }
            for (row, destination) in rows.iter().flat_map(|row| destinations.iter().map(move |name| (row, name))) {
                let to = RecordKey::delivery(destination, &row.id);
                let shard = shards.of(&to);
                let message = Message { to, at, hops: 0, body: Body::Forget };
                pending.send(shards.of(&subject), shard, &LogItem::Message(message));
            }
        }
    }
    Ok(())
}
