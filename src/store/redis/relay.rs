//! Messages between the shards of a cluster.
//!
//! A commit can't write to another shard's log there, so it leaves messages in its own shard's outbox, numbered. From there they
//! are relayed, strictly one behind the other: none sets out before the one before it has arrived, whichever shards they are
//! for, so that what follows from a message never arrives before what was sent earlier. The receiver keeps the number of the
//! last that it has of each sender and drops those that come again; after that they leave the outbox. So it doesn't matter who
//! relays, how often, or where it broke off: whoever owns the shard next finds the rest and relays that first.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keys::{LOG, OUTBOX, RECEIVED, STATE};
use super::script::{self, Call};
use super::shared::{Arrived, Core};
use super::{decode, errors, log};
use crate::ids::ShardId;
use crate::store::{Append, StoreError};
use crate::time::Clock;

/// How long a commit waits for its messages to arrive. It has happened by then.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many messages are read from an outbox at once.
const PAGE: usize = 500;
/// How many messages go in one call, at most.
const MAX_CALL_MESSAGES: usize = 1_000;
/// A call takes no more messages once they have so many bytes.
const MAX_CALL_BYTES: usize = 1 << 20;

/// Messages that a commit has just left in its outbox.
pub(super) struct Sent {
    /// The number of the last.
    pub last: u64,
    pub messages: Vec<Append>,
}

impl Sent {
    fn before(&self) -> u64 {
        self.last.saturating_sub(self.messages.len() as u64)
    }
}

impl Core {
    /// Relays what `shard` has in its outbox, and waits for that, but not for long. It goes on by itself then; what fails is
    /// left to the next attempt: with the next commit, at a heartbeat, or by the next owner.
    pub async fn relay_soon(self: &Arc<Self>, shard: ShardId, sent: Option<Sent>) {
        let outbox = self.outbox(shard);
        let until = Instant::now() + PATIENCE;
        let Ok(lock) = tokio::time::timeout_at(until, Arc::clone(&outbox.arrived).lock_owned()).await else {
            outbox.left.store(true, Ordering::Release);
            return;
        };
        let _ = tokio::time::timeout_at(until, self.start_relay(lock, shard, sent)).await;
    }

    /// Numbers the shard's messages from now on, in µs: whoever takes it over may find less than there was (a failover), and would use
    /// numbers again that receivers know. What was lost with its commit is sent once more then, under another number.
    pub async fn number_anew(&self, shard: ShardId) -> Result<(), StoreError> {
        let mut call = Call::new(self.keys.of(shard, STATE));
        call.key(self.keys.of(shard, OUTBOX)).show(Clock::System.now().0.saturating_mul(1_000));
        let answer = self.patiently(&script::NUMBER, &call).await?;
        if decode::text(answer).is_some() { Ok(()) } else { Err(decode::unexpected("the number of a message")) }
    }

    /// Relays what has been left lying, of those shards of which that can't be excluded.
    pub fn relay_rest(self: &Arc<Self>, shards: &[ShardId]) {
        for &shard in shards {
            let outbox = self.outbox(shard);
            // Who holds the lock is at it already.
            let Ok(lock) = Arc::clone(&outbox.arrived).try_lock_owned() else { continue };
            if outbox.left.swap(false, Ordering::Acquire) || lock.is_none() {
                self.start_relay(lock, shard, None);
            }
        }
    }

    fn start_relay(
        self: &Arc<Self>,
        mut arrived: OwnedMutexGuard<Arrived>,
        shard: ShardId,
        sent: Option<Sent>,
    ) -> JoinHandle<()> {
        let core = Arc::clone(self);
        tokio::spawn(async move {
            // What is taken and not put back, since this breaks off, makes the next attempt look into the outbox. The error
            // itself was counted and, if Redis is away, said once.
            let before = arrived.take();
            *arrived = core.relay(shard, sent, before).await.unwrap_or(None);
        })
    }

    async fn relay(&self, shard: ShardId, sent: Option<Sent>, before: Arrived) -> Result<Arrived, StoreError> {
        match sent {
            Some(sent) if before.is_some_and(|before| before >= sent.last) => Ok(before),
            // Nothing lies before them, so they need not be read back.
            Some(sent) if before == Some(sent.before()) => {
                self.deliver(shard, sent.before() + 1, sent.messages).await?;
                self.clear(shard, sent.last).await
            }
            _ => self.empty(shard, before).await,
        }
    }

    /// Relays all that is in an outbox.
    async fn empty(&self, shard: ShardId, before: Arrived) -> Result<Arrived, StoreError> {
        let mut last = before;
        loop {
            let mut page = self.page(shard).await?;
            // Numbers have gaps where a shard was taken over.
            let numbers = page.first().map_or(0, |(first, _)| *first)..;
            let in_a_row = page.iter().zip(numbers).take_while(|((number, _), expected)| number == expected).count();
            page.truncate(in_a_row);
            let Some(&(first, _)) = page.first() else { return Ok(last.or(Some(0))) };
            let to = first + page.len() as u64 - 1;
            self.deliver(shard, first, page.into_iter().map(|(_, message)| message).collect()).await?;
            last = self.clear(shard, to).await?;
        }
    }

    /// Reads the first messages of an outbox, and their numbers.
    async fn page(&self, shard: ShardId) -> Result<Vec<(u64, Append)>, StoreError> {
        let mut range = redis::cmd("XRANGE");
        range.arg(self.keys.of(shard, OUTBOX)).arg("-").arg("+").arg("COUNT").arg(PAGE);
        let entries = decode::list(self.cmd(&range).await?);
        entries.into_iter().map(|entry| message(entry).ok_or_else(|| decode::unexpected("an outbox"))).collect()
    }

    /// Relays messages that are numbered from `first` on: call after call, each with those in a row that are for one shard.
    async fn deliver(&self, from: ShardId, first: u64, messages: Vec<Append>) -> Result<(), StoreError> {
        let mut number = first;
        let mut rest = messages.as_slice();
        while let Some(next) = rest.first() {
            let (now, later) = rest.split_at(run(rest).max(1));
            let key = |name| self.keys.of(next.shard, name);
            let mut call = Call::new(key(STATE));
            call.key(key(LOG)).key(key(RECEIVED)).show(from).show(number);
            for message in now {
                call.arg(&message.payload);
            }
            if decode::is_moving(&self.eval_durably(&script::RELAY, &call).await?) {
                return Err(errors::moving());
            }
            self.news.notify_waiters();
            number += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Has messages leave the outbox that have arrived.
    async fn clear(&self, shard: ShardId, to: u64) -> Result<Arrived, StoreError> {
        let mut trim = redis::cmd("XTRIM");
        trim.arg(self.keys.of(shard, OUTBOX)).arg("MINID").arg(format!("0-{}", to + 1));
        self.cmd(&trim).await?;
        Ok(Some(to))
    }
}

/// How many of the first messages go in one call.
fn run(messages: &[Append]) -> usize {
    let mut bytes = 0;
    let Some(first) = messages.first() else { return 0 };
    let together = messages.iter().take(MAX_CALL_MESSAGES).take_while(|message| {
        let room = bytes <= MAX_CALL_BYTES;
        bytes += message.payload.len();
        room && message.shard == first.shard
    });
    together.count()
}

/// An entry of an outbox: its id, and `to`, a shard, `p`, a payload.
fn message(entry: Value) -> Option<(u64, Append)> {
    let mut entry = decode::list(entry).into_iter();
    let number = log::position(&decode::text(entry.next()?)?)?.0;
    let mut fields = decode::list(entry.next()?).into_iter();
    let (_, to, _) = (fields.next()?, decode::text(fields.next()?)?, fields.next()?);
    let shard = ShardId(to.strip_prefix('s')?.parse().ok()?);
    Some((number, Append { shard, payload: decode::bytes(fields.next()?)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(shard: u16, bytes: usize) -> Append {
        Append { shard: ShardId(shard), payload: vec![0; bytes].into() }
    }

    #[test]
    fn a_call_takes_those_in_a_row_for_one_shard() {
        assert_eq!(run(&[to(1, 9), to(1, 9), to(2, 9), to(1, 9)]), 2);
        assert_eq!(run(&[to(1, 2 << 20), to(1, 9)]), 1);
        assert_eq!(run(&vec![to(1, 9); 5_000]), MAX_CALL_MESSAGES);
    }

    #[test]
    fn entries_of_an_outbox_are_read() {
        let bulk = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        let fields = Value::Array(vec![bulk("to"), bulk("s12"), bulk("p"), bulk("hello")]);
        let (number, message) = message(Value::Array(vec![bulk("0-7"), fields])).unwrap();
        assert_eq!((number, message.shard, &message.payload[..]), (7, ShardId(12), &b"hello"[..]));
    }
}
