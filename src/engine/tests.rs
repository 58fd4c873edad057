//! What can't be applied, which is a defect of ours, holds nothing up.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;

use super::{Admission, Before, Dispatcher, Engine, EngineSettings};
use crate::apply::message::ReadBack;
use crate::apply::rules::RulesParts;
use crate::apply::{Attempt, Body, Message, Rules};
use crate::event::Event;
use crate::ids::{RecordKey, Shards};
use crate::record::{News, Record};
use crate::store::{MemoryStore, SharedStore, StoreOptions};
use crate::time::{Clock, Millis};

/// Events of this user make applying panic, as a defect would.
const POISONOUS: &str = "poisonous";
const NOW: Millis = Millis(1_795_000_000_000);

pub(super) fn is_poisonous(message: &Message) -> bool {
    matches!(message.body, Body::Event(_)) && &*message.to.id == POISONOUS
}

struct NoCrm;

#[async_trait]
impl Dispatcher for NoCrm {
    fn admission(&self, _: &str, _: Millis) -> Admission {
        Admission::Open(1)
    }

    async fn deliver(&self, _: &str, _: &News, _: &Before) -> Attempt {
        unreachable!("nothing is delivered")
    }

    fn deadline(&self, _: &str) -> Duration {
        Duration::ZERO
    }

    async fn read_back(&self, _: &str, _: Millis, _: i64) -> ReadBack {
        unreachable!("nothing is read")
    }

    fn failed(&self, _: &str, _: &News, _: &str) -> Attempt {
        unreachable!("nothing is sent")
    }
}

fn event(user: &str, id: usize) -> Arc<Event> {
    Arc::new(Event { user_id: Some(user.into()), ..Event::blank(&format!("{user}-{id}"), NOW) })
}

#[tokio::test(start_paused = true)]
async fn a_message_that_can_not_be_applied_is_skipped_and_kept_and_everything_else_is_counted_once() {
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions {
        shards: Shards::new(2).expect("not zero"),
        ..StoreOptions::default()
    }));
    let settings = EngineSettings {
        server: "server".into(),
        memory_bytes: 1 << 20,
        appliers: 2,
        max_backlog_entries: 1_000,
        remember: Duration::from_hours(48),
        history: None,
    };
    let rules = Arc::new(ArcSwap::from_pointee(Rules::new(RulesParts::default())));
    let engine = Engine::start(Arc::clone(&store), rules, Clock::manual(NOW), Arc::new(NoCrm), settings);
    let users: Vec<String> = (0..20).map(|n| format!("user-{n}")).collect();
    for round in 0..3 {
        let mut events: Vec<_> = users.iter().map(|user| event(user, round)).collect();
        // In the midst of the others, and once twice.
        events.insert(7, event(POISONOUS, round));
        events.extend((round == 1).then(|| event(POISONOUS, 99)));
        engine.submit(events, Vec::new()).await.expect("they are taken");
    }
    engine.settle().await.expect("everything is worked");
    assert_eq!(engine.status().poisoned, 4);
    let rejected = store.rejected(10).await.expect("they are kept");
    assert_eq!(rejected.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["not_applied"; 4]);
    assert!(rejected.iter().all(|one| one.excerpt.contains(POISONOUS)), "{rejected:?}");
    for user in &users {
        let key = RecordKey::user(user);
        let text = store.load(std::slice::from_ref(&key)).await.expect("it is there").pop().flatten();
        let Record::Subject(subject) = Record::read(key.kind, &text.expect("a record")).0 else {
            panic!("a user is a subject")
        };
        assert_eq!(subject.ledger.uses(), 3, "{user}");
    }
}
