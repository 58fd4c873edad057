//! The configurations that have taken force, and what a change could lose, as a store knows it.

use std::collections::BTreeMap;

use super::queues;
use super::sources::SourceBook;
use crate::config::losses::Stock;
use crate::ids::{RecordKey, RecordKind};
use crate::record::{ConfigVersions, Record, SourceLeads};
use crate::store::{Store, StoreError};

/// The configurations that have taken force.
///
/// # Errors
/// When the store can't be read.
pub async fn versions(store: &dyn Store) -> Result<ConfigVersions, StoreError> {
    let text = store.load(&[ConfigVersions::key()]).await?.into_iter().next().flatten();
    match text.map(|text| Record::read(RecordKind::Config, &text).0) {
        Some(Record::Config(versions)) => Ok(versions),
        _ => Ok(ConfigVersions::default()),
    }
}

/// When each of these sources was heard of, by whichever server, and what waits for each destination. `book` knows what this server
/// heard within the last hour.
///
/// # Errors
/// When the store can't be read.
pub async fn stock<'n>(
    store: &dyn Store,
    sources: impl Iterator<Item = &'n str>,
    book: &SourceBook,
) -> Result<Stock, StoreError> {
    let keys: Vec<_> = sources.map(RecordKey::source).collect();
    let texts = store.load(&keys).await?;
    let heard = |text: Option<Box<str>>| match Record::read(RecordKind::Source, &text?).0 {
        Record::Source(SourceLeads { heard, .. }) => heard,
        _ => None,
    };
    let stored = keys.iter().zip(texts).filter_map(|(key, text)| Some((key.id.to_string(), heard(text)?)));
    let mut stock = Stock { heard: stored.collect(), waiting: BTreeMap::new() };
    for (source, at) in book.heard() {
        let known = stock.heard.entry(source.to_string()).or_insert(at);
        *known = at.max(*known);
    }
    for queue in queues::counts(store).await? {
        stock.waiting.insert(queue.destination, (queue.pending, queue.dead));
    }
    Ok(stock)
}
