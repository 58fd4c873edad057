//! News in the logs of a store, as the subjects of leads hand it over.

use std::sync::Arc;

use handraiser::apply::{Body, LogItem, Message};
use handraiser::crm::sample;
use handraiser::ids::RecordKey;
use handraiser::record::News;
use handraiser::secret::Secret;
use handraiser::store::redis::{RedisSettings, RedisStore};
use handraiser::store::{Append, Durability, SharedStore, StoreOptions};
use handraiser::time::Clock;

/// So much news is appended at once.
const AT_ONCE: usize = 500;

pub async fn open(redis: &str) -> anyhow::Result<SharedStore> {
    let settings = RedisSettings::new(vec![Secret::new(redis)], false, Durability::Redis);
    Ok(Arc::new(RedisStore::open(settings, StoreOptions::default()).await?))
}

/// The name of a dead destination.
pub fn dead(number: usize) -> String {
    format!("dead{number}")
}

/// The payload of news: a whole lead, some 2 KB.
pub fn payload(number: usize) -> (String, String) {
    let mut event = sample::full();
    event.id = format!("evt_{number}");
    event.lead.id = format!("lead_{number}");
    let json = serde_json::to_string(&event).unwrap_or_else(|error| panic!("plain data: {error}"));
    (event.id, json)
}

/// Hands news over to a destination: `numbers` of leads.
pub async fn hand_over(store: &SharedStore, destination: &str, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let news = |number: usize| {
        let (id, json) = payload(number);
        let at = Clock::System.now();
        let news = News {
            id: id.into(),
            created: at,
            attempts: 0,
            last_error: None,
            json: json.into(),
            revision: 1,
            was_tried: false,
        };
        let lead = format!("lead_{number}");
        let to = RecordKey::delivery(destination, &lead);
        let shard = store.shards().of(&to);
        let body = Body::Deliver { subject: RecordKey::account(&lead), news: Box::new(news) };
        let mut payload = Vec::new();
        LogItem::Message(Message { to, at, hops: 0, body }).encode(&mut payload);
        Append { shard, payload: payload.into() }
    };
    let all: Vec<usize> = numbers.collect();
    for some in all.chunks(AT_ONCE) {
        store.append(some.iter().map(|number| news(*number)).collect()).await?;
    }
    Ok(())
}
