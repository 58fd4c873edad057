//! Destinations that are asked what people made of the leads there: one call at a time for each, made beside everything else.

use std::sync::Arc;
use std::time::Duration;

use super::agenda::split;
use super::applier::Work;
use super::{Upset, Worker};
use crate::apply::Body;
use crate::apply::message::ReadBack;
use crate::engine::input::Input;
use crate::ids::{RecordKey, ShardId};
use crate::record::{AgendaList, Record};
use crate::time::Millis;

/// Destinations that are looked at in one batch.
const MAX_ASKED: usize = 1_000;
/// No destination is asked less often, in milliseconds: what seems to wait for longer comes from a clock that was ahead.
const LONGEST_AHEAD: i64 = 8 * Millis::DAY;
/// A call that takes longer is given up, and made again.
const DEADLINE: Duration = Duration::from_mins(10);
/// When one is looked at again that is being asked, or was asked in vain.
const AGAIN: i64 = 10 * Millis::SECOND;

impl Worker {
    /// Tells destinations whether they are asked, where these rules have not been told to them yet.
    pub(super) async fn look_at_asked_anew(&mut self) -> Result<(), Upset> {
        let version = &self.batch.rules.version;
        let open: Vec<ShardId> =
            self.shards.keys().filter(|shard| self.asks_by.get(shard) != Some(version)).copied().collect();
        if open.is_empty() {
            return Ok(());
        }
        let all = self.shared.store.shards();
        let destinations = self.batch.rules.read_back.keys().map(|name| RecordKey::destination(name));
        let here = destinations.filter(|key| open.contains(&all.of(key)));
        let work = here.filter_map(|key| self.local(key, Body::Wake { may_expire: false })).collect();
        self.due.extend(open.iter().map(|shard| ((*shard, AgendaList::ReadBack), Millis(0))));
        self.asks_by.extend(open.into_iter().map(|shard| (shard, Arc::clone(version))));
        self.apply(Vec::new(), work).await
    }

    /// Asks those whose time has come.
    pub(super) async fn ask(&mut self, shard: ShardId, now: Millis) -> Result<(), Upset> {
        self.batch.now = now;
        let found = self.find_due(shard, &AgendaList::ReadBack, MAX_ASKED).await?;
        let (ripe, next) = split(found, now, LONGEST_AHEAD, MAX_ASKED);
        let is_waiting = ripe.iter().any(|key| self.asking.contains(key));
        self.due.insert((shard, AgendaList::ReadBack), if is_waiting { next.min(now.plus(AGAIN)) } else { next });
        self.load(&ripe).await?;
        let mut work = Vec::new();
        for key in ripe {
            let every = self.batch.rules.read_back.get(&key.id).copied();
            let cached = self.applier_of(&key).and_then(|applier| self.appliers.get(applier)?.cache.get(&key));
            let since = match cached.map(|cached| &cached.record) {
                Some(Record::Destination(history)) => history.asked.as_ref().map(|asked| asked.until),
                _ => None,
            };
            match since.zip(every) {
                // Whoever stops begins nothing.
                Some(_) if self.shared.is_leaving() => {}
                Some((since, every)) if !self.asking.contains(&key) => self.call_back(key, since, every),
                Some(_) => {}
                None => work.extend(self.local(key, Body::Wake { may_expire: false })),
            }
        }
        if work.is_empty() { Ok(()) } else { self.apply(Vec::new(), work).await }
    }

    fn call_back(&mut self, key: RecordKey, since: Millis, every: i64) {
        self.asking.insert(key.clone());
        let (dispatcher, answers) = (Arc::clone(&self.shared.dispatcher), self.sender.clone());
        let destination = Arc::clone(&key.id);
        tokio::spawn(async move {
            let asking = tokio::spawn(async move { dispatcher.read_back(&destination, since, every).await });
            let abort = asking.abort_handle();
            let read = tokio::time::timeout(DEADLINE, asking).await;
            abort.abort();
            let read = read.ok().and_then(Result::ok);
            if read.is_none() {
                tracing::error!(destination = %key.id, "reading leads back panicked or took too long, which is our own fault");
            }
            // Nobody hears it when the server stops; then it is asked again.
            let _ = answers.send(Input::ReadBack(key, read));
        });
    }

    /// A destination was asked.
    pub(super) fn was_asked(&mut self, key: RecordKey, read: Option<ReadBack>) -> Option<Work> {
        self.asking.remove(&key);
        let failed = || ReadBack {
            at: self.batch.now,
            seen: Vec::new(),
            until: None,
            next: self.batch.now.plus(AGAIN),
            error: Some("it panicked or took too long, which is our own fault".into()),
        };
        let read = read.unwrap_or_else(failed);
        self.local(key, Body::ReadBack(Box::new(read)))
    }
}
