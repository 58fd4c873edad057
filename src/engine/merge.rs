//! The merge queue: brings the history of an anonymous id to the user that it turned out to be.
//!
//! The link and the entry were committed in one step, so that a history is never lost between two records; absorbing is
//! idempotent (a user knows the ids that it absorbed), so that a crash in between only repeats it. The entry is settled after
//! the user was decided about with all that was merged, so that no lead waits for the user's next event.

use std::sync::Arc;

use futures::future::try_join_all;

use super::job::Task;
use super::queues::Handover;
use super::{Engine, EngineError};
use crate::identity::RecordKey;
use crate::store::Claimed;
use crate::subject::Subject;

/// Works the `merge` queue.
#[derive(Clone)]
pub struct MergeHandler {
    engine: Engine,
}

/// A merge was not finished; the entry stays and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("the queue entry is no history: {0}")]
    Payload(#[from] serde_json::Error),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl MergeHandler {
    /// A handler that merges by way of `engine`.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Brings one history home.
    ///
    /// # Errors
    /// When the store can't commit, or the entry can't be read.
    pub async fn merge(&self, claimed: &Claimed) -> Result<(), MergeError> {
        let Handover { from, into, at, fields } = serde_json::from_str(&claimed.entry.payload)?;
        let (history, _) = Subject::read(&fields);
        let accounts = history.user.accounts.clone();
        let shared = &self.engine.shared;
        let absorb = Task::Absorb { id: Arc::clone(&from), at, history: Box::new(history) };
        shared.run(RecordKey::user(&into), absorb).await?;
        let root = shared.root_of(&into).await.map_err(EngineError::from)?;
        // All at once: somebody in hundreds of accounts would take longer than an entry may.
        let renames = accounts.iter().map(|account| {
            let rename = Task::Rename { from: Arc::clone(&from), to: Some(Arc::clone(&root)) };
            shared.run(RecordKey::account(account), rename)
        });
        try_join_all(renames).await?;
        shared.run(RecordKey::user(&into), Task::Reconsider).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arc_swap::ArcSwap;
    use serde_json::{Map, json};

    use super::*;
    use crate::cdp::{Call, Event, MessageHash, SourceName};
    use crate::config::load_text;
    use crate::engine::{SharedConfig, Wakes, queues};
    use crate::lead::Lead;
    use crate::store::{Commit, LeadQuery, MemoryStore, Outcome, Settle, SharedStore, StoreOptions};
    use crate::time::{Clock, Millis};

    const CONFIG: &str = "
sources: { app: { write_key: k } }
counters:
  visits: { of: user, page: Pricing }
definitions:
  - { name: comparing prices, of: user, intent: [ visits >= 3 ], fit: [ account.plan == \"free\" ] }
routes: [ { name: all, to: self_serve } ]
destinations: { crm: { webhook: { url: \"http://127.0.0.1:9/\" }, allow_addresses: [ 127.0.0.0/8 ] } }
";
    const NOW: Millis = Millis(1_795_255_200_000);

    fn event(number: u8, call: Call, user: Option<&str>) -> Event {
        let source = SourceName::new("app");
        Event {
            message: MessageHash::of(&source, &[number]),
            source,
            call,
            message_id: number.to_string().into(),
            user_id: user.map(Into::into),
            anonymous_id: Some("anon".into()).filter(|_| user.is_none() || call == Call::Identify),
            previous_id: None,
            group_id: Some("acme".into()).filter(|_| call == Call::Group),
            context_group_id: None,
            name: Some("Pricing".into()),
            timestamp: NOW,
            received_at: NOW,
            properties: Map::new(),
            traits: if call == Call::Group { Map::from_iter([("plan".into(), json!("free"))]) } else { Map::new() },
            context_traits: Map::new(),
        }
    }

    /// A process of its own over the store.
    fn engine(store: &SharedStore) -> Engine {
        let config = load_text("test.yaml", CONFIG, &|_| None).expect("a configuration").config;
        let config: SharedConfig = Arc::new(ArcSwap::from_pointee(config));
        Engine::new(Arc::clone(store), config, Clock::manual(NOW), Wakes::default())
    }

    async fn leads(store: &SharedStore) -> Vec<Lead> {
        let rows = store.leads(&LeadQuery { limit: 10, ..LeadQuery::default() }).await.expect("leads");
        rows.iter().map(|row| serde_json::from_str(&row.json).expect("a lead")).collect()
    }

    /// Two visits of nobody, one of ana, who is in an account; then ana turns out to be the nobody. The history is on its way.
    async fn linked() -> (SharedStore, Claimed) {
        let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
        let engine = engine(&store);
        let ana = Some("ana");
        let group = event(3, Call::Group, ana);
        let visits = [event(0, Call::Page, None), event(1, Call::Page, None), event(2, Call::Page, ana)];
        let events = visits.into_iter().chain([group, event(4, Call::Identify, ana)]).collect();
        engine.submit(events).await.expect("a store in memory commits");
        let partition = engine.shared.partition(&RecordKey::user("anon"));
        let claims = store.claim(partition, &queues::merge(), NOW, Duration::from_secs(1), 1).await.expect("claims");
        let claimed = claims.claimed.into_iter().next().expect("a history is on its way");
        (store, claimed)
    }

    #[tokio::test]
    async fn a_merge_decides_with_the_account_at_hand_and_once() {
        let (store, claimed) = linked().await;
        assert!(leads(&store).await.is_empty(), "one visit of ana's");
        for _ in 0..3 {
            // Each time as a process that claimed the entry after another one was killed.
            MergeHandler::new(engine(&store)).merge(&claimed).await.expect("merges");
            let leads = leads(&store).await;
            let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
            assert_eq!((lead.subject.id.as_str(), &lead.usage["visits"], lead.revision), ("ana", &json!(3), 1));
            assert_eq!(lead.account.as_ref().map(|account| account.id.as_str()), Some("acme"));
        }
    }

    /// The history came home, and its entry was not settled when its user turned out to be somebody else in turn: the entry
    /// comes again, before what the user had, which the history is a part of.
    #[tokio::test]
    async fn a_history_that_went_along_with_its_user_is_not_counted_besides() {
        let (store, claimed) = linked().await;
        let engine = engine(&store);
        let handler = MergeHandler::new(engine.clone());
        handler.merge(&claimed).await.expect("merges");
        let alias = Event { previous_id: Some("ana".into()), ..event(7, Call::Alias, Some("anna")) };
        engine.submit(vec![alias]).await.expect("commits");
        handler.merge(&claimed).await.expect("merges");
        let partition = engine.shared.partition(&RecordKey::user("ana"));
        let claims = store.claim(partition, &queues::merge(), NOW, Duration::from_secs(1), 9).await.expect("claims");
        for claimed in claims.claimed {
            handler.merge(&claimed).await.expect("merges");
        }
        let explained = engine.explain(&RecordKey::user("anna")).await.expect("reads").expect("is known");
        assert_eq!(explained.counters["visits"], json!(3));
    }

    /// One process learned of the plan, another one, which remembers the account without it, does the merge.
    #[tokio::test]
    async fn a_merge_decides_on_what_other_processes_wrote() {
        let (store, claimed) = linked().await;
        let (here, there) = (engine(&store), engine(&store));
        let known = |number: u8, plan: &str| Event {
            traits: Map::from_iter([("plan".into(), json!(plan))]),
            timestamp: NOW.plus(i64::from(number)),
            ..event(number, Call::Group, Some("ben"))
        };
        here.submit(vec![known(5, "paid")]).await.expect("commits");
        there.submit(vec![known(6, "free")]).await.expect("commits");
        MergeHandler::new(here).merge(&claimed).await.expect("merges");
        assert_eq!(leads(&store).await.len(), 1);
    }

    #[tokio::test]
    async fn who_is_forgotten_does_not_come_back_with_a_history_that_was_on_its_way() {
        let (store, claimed) = linked().await;
        let engine = engine(&store);
        let ana = RecordKey::user("ana");
        let forgetting = tokio::spawn({
            let (engine, ana) = (engine.clone(), ana.clone());
            async move { engine.forget(&ana).await }
        });
        // Whoever holds the history gives it back after a while.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!forgetting.is_finished(), "it waits for the holder");
        let settle = Settle {
            queue: claimed.entry.queue.clone(),
            id: claimed.entry.id.clone(),
            lease: claimed.lease,
            outcome: Outcome::Retry { due: NOW, attempts: 1, error: "killed".to_owned() },
        };
        let commit = Commit { partition: claimed.partition, now: NOW, settle: vec![settle], ..Commit::default() };
        store.commit(commit).await.expect("the lease is given back");
        forgetting.await.expect("no panic").expect("forgets");
        for key in [ana, RecordKey::user("anon")] {
            assert_eq!(engine.explain(&key).await.expect("reads"), None, "{key}");
        }
        let claims = store.claim(claimed.partition, &queues::merge(), NOW, Duration::from_secs(1), 9).await;
        assert_eq!(claims.expect("claims").claimed, []);
    }

    #[tokio::test]
    async fn a_kill_after_the_history_came_home_loses_no_lead() {
        let (store, claimed) = linked().await;
        let Handover { from, into, at, fields } = serde_json::from_str(&claimed.entry.payload).expect("a handover");
        let absorb = Task::Absorb { id: from, at, history: Box::new(Subject::read(&fields).0) };
        engine(&store).shared.run(RecordKey::user(&into), absorb).await.expect("commits");
        assert!(leads(&store).await.is_empty(), "killed before anything was decided");
        MergeHandler::new(engine(&store)).merge(&claimed).await.expect("merges");
        assert_eq!(leads(&store).await.len(), 1);
    }
}
