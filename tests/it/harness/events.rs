//! Events made by hand, for tests that are not about requests.

use handraiser::event::{Call, Event, MessageId, SourceName, Trust};
use handraiser::time::Millis;
use serde_json::Map;

/// A track call of nobody, with nothing in it.
pub fn blank(id: &str, now: Millis) -> Event {
    let source = SourceName::new("app");
    Event {
        message: Some(MessageId::of(&source, id.as_bytes())),
        source,
        trust: Trust::Server,
        covered: true,
        call: Call::Track,
        message_id: id.into(),
        user_id: None,
        anonymous_id: None,
        previous_id: None,
        group_id: None,
        context_group_id: None,
        name: None,
        timestamp: now,
        received_at: now,
        properties: Map::new(),
        traits: Map::new(),
        context_traits: Map::new(),
    }
}
