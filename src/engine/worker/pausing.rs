//! Destinations that nothing is sent to for now. Their records say so; the owner keeps in mind which they are, as it is stored.

use super::{Upset, Worker};
use crate::apply::Body;
use crate::ids::{RecordKey, RecordKind};
use crate::record::{AgendaList, Record};
use crate::time::Millis;

/// So many paused destinations of a shard are looked at, at most.
const MAX_PAUSED: usize = 10_000;

impl Worker {
    /// Finds which destinations of this worker's shards are paused. A worker that doesn't know must not send: what fails here is done
    /// again before anything else is.
    pub(super) async fn find_paused(&mut self, some_are: bool) -> Result<(), Upset> {
        let mut found = Vec::new();
        for shard in self.shards.keys().filter(|_| some_are) {
            found.extend(self.find_due(*shard, &AgendaList::Paused, MAX_PAUSED).await?);
        }
        let keys: Vec<RecordKey> = found.into_iter().map(|(_, key)| key).collect();
        self.load(&keys).await?;
        self.deliveries.forget_pauses();
        keys.iter().for_each(|key| self.note_pause(key));
        Ok(())
    }

    /// Notes whether a destination is paused, as its record says, which is stored so.
    pub(super) fn note_pause(&mut self, key: &RecordKey) {
        if key.kind != RecordKind::Destination {
            return;
        }
        let cached = self.applier_of(key).and_then(|applier| self.appliers.get(applier)?.cache.get(key));
        let pause = match cached.map(|cached| &cached.record) {
            Some(Record::Destination(history)) => history.pause.as_ref(),
            // Nothing is known of it that were worth a record.
            _ => None,
        };
        if self.deliveries.note_pause(&key.id, pause, self.shared.clock.now()) {
            // What was not looked for meanwhile is due.
            let shard = self.shared.store.shards().of(key);
            self.due.insert((shard, AgendaList::Deliver(key.id.clone())), Millis(0));
        }
    }

    /// Has those looked at that refused credentials which are the configuration's no longer.
    pub(super) async fn look_at_refused(&mut self) -> Result<(), Upset> {
        let now = &self.batch.rules.credentials;
        let changed = self.deliveries.refused().filter(|(name, by)| now.get(*name).is_some_and(|now| now != by));
        let keys: Vec<RecordKey> = changed.map(|(name, _)| RecordKey::destination(name)).collect();
        let work: Vec<_> =
            keys.into_iter().filter_map(|key| self.local(key, Body::Wake { may_expire: false })).collect();
        if work.is_empty() { Ok(()) } else { self.apply(Vec::new(), work).await }
    }
}
