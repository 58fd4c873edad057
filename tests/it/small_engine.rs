//! An engine in small, to see whether a store keeps its promises while it is hit: senders that send until they hear that it is
//! in the log, owners that apply it and begin again after every error, and a count of what came of it.
//!
//! An event counts for its user and puts the user on the agenda. What is on the agenda is done in a commit that moves no
//! position: a message to the account, one for each event, numbered. An account takes a user's messages only if they come in
//! order and without a gap: the store alone sees to that.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::store::*;
use handraiser::time::{Clock, Millis};
use tokio::task::JoinSet;

/// How long a store may take to be well again.
pub const PATIENT: Duration = Duration::from_secs(60);
pub const SENDERS: usize = 8;
const TIMERS: &str = "timers";

/// Sends events until the store has them, as senders do that repeat.
pub fn senders(store: &SharedStore, each: usize) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for sender in 0..SENDERS {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let user = format!("sender-{sender}");
            let shard = store.shards().of(&RecordKey::user(&user));
            for n in 0..each {
                let id = sender * 1_000_000 + n;
                let start = Instant::now();
                let entry = Append { shard, payload: format!("event {user} {id}").into() };
                while let Err(error) = store.append(vec![entry.clone()]).await {
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                    assert!(start.elapsed() < PATIENT, "still {error}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    tasks
}

/// Owners of all shards, until they are dropped. Each shard is a task of its own.
pub struct Owners {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl Owners {
    pub fn start(store: &SharedStore) -> Self {
        let (mut tasks, stop) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for shard in store.shards().all() {
            let (store, stop) = (Arc::clone(store), Arc::clone(&stop));
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match own(&store, shard, &stop).await {
                        Ok(()) | Err(CommitError::Moved(_) | CommitError::Store(StoreError::Unavailable(_))) => {}
                        Err(error) => panic!("{error}"),
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        Self { tasks, stop }
    }

    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

/// What an owner holds in memory.
struct Owner<'a> {
    store: &'a SharedStore,
    shard: ShardId,
    at: Position,
    /// How many commits the shard has had.
    step: u64,
    seen: HashSet<u64>,
    records: BTreeMap<RecordKey, Text>,
}

/// A record: named numbers. Of a user: `counted` and `sent`; of an account: the last number of each user.
type Text = BTreeMap<String, u64>;

async fn own(store: &SharedStore, shard: ShardId, stop: &AtomicBool) -> Result<(), CommitError> {
    let Progress { position: at, step, .. } = store.progress(&[shard]).await?[0];
    let seen = store.remembered(shard).await?.into_iter().flat_map(|pack| pack.ids).collect();
    let mut owner = Owner { store, shard, at, step, seen, records: BTreeMap::new() };
    owner.agenda().await?;
    while !stop.load(Ordering::Relaxed) {
        let found = store.read(&[(shard, owner.at)], 4_000, Duration::from_millis(50)).await?;
        for (_, entries) in found {
            owner.apply(entries).await?;
            owner.agenda().await?;
        }
    }
    Ok(())
}

impl Owner<'_> {
    async fn record(&mut self, key: &RecordKey) -> Result<Text, StoreError> {
        if let Some(text) = self.records.get(key) {
            return Ok(text.clone());
        }
        let text = self.store.load(std::slice::from_ref(key)).await?.remove(0);
        let lines = text.as_deref().unwrap_or_default().lines().map(|line| line.split_once(' ').unwrap());
        Ok(lines.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect())
    }

    fn write(&mut self, key: RecordKey, text: Text, was: Option<i64>, is: Option<i64>) -> RecordWrite {
        let lines: String = text.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        self.records.insert(key.clone(), text);
        let listed = |at: Option<i64>| at.map(|at| Listed { list: ListName::new(TIMERS), at: Millis(at) });
        RecordWrite { key, text: Some(lines.into()), was_listed: listed(was), listed: listed(is) }
    }

    async fn apply(&mut self, entries: Vec<Entry>) -> Result<(), CommitError> {
        let mut changed: BTreeMap<RecordKey, Text> = BTreeMap::new();
        let mut ids = Vec::new();
        let (mut to, mut wrong) = (self.at, None);
        for entry in entries {
            if entry.position != to.next() {
                // Another owner has applied what is missing.
                return Err(CommitError::Moved(vec![self.shard]));
            }
            to = entry.position;
            let text = String::from_utf8(entry.payload.to_vec()).unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            let number: u64 = words[2].parse().unwrap();
            let user = words[1];
            let key = if words[0] == "event" { RecordKey::user(user) } else { RecordKey::account("all") };
            let mut record = match changed.remove(&key) {
                Some(record) => record,
                None => self.record(&key).await?,
            };
            if words[0] != "event" {
                let last = record.insert(user.to_owned(), number).unwrap_or(0);
                if number != last + 1 {
                    wrong = Some(format!("{number} of {user} comes after {last}: lost, doubled or out of order"));
                }
            } else if self.seen.insert(number) {
                ids.push(number);
                *record.entry("counted".to_owned()).or_default() += 1;
            }
            changed.insert(key, record);
        }
        let mut records = Vec::new();
        for (key, text) in changed {
            let listed = |text: &Text| text.get("counted") > text.get("sent");
            let was = listed(&self.record(&key).await?).then_some(1);
            let is = listed(&text).then_some(1);
            records.push(self.write(key, text, was, is));
        }
        self.commit(Commit { records, ids, ..Commit::new(self.shard, self.at, to, Clock::System.now()) }).await?;
        // It is wrong only if the store takes it: an owner that doesn't know yet that it is none may have missed something.
        assert_eq!(wrong, None);
        self.at = to;
        Ok(())
    }

    async fn agenda(&mut self) -> Result<(), CommitError> {
        let due = self.store.due(self.shard, &ListName::new(TIMERS), Millis(1), 100).await?;
        for (_, key) in due {
            let mut text = self.record(&key).await?;
            let counted = text.get("counted").copied().unwrap_or(0);
            let sent = text.insert("sent".to_owned(), counted).unwrap_or(0);
            let account = self.store.shards().of(&RecordKey::account("all"));
            let messages = (sent + 1..=counted)
                .map(|n| Append { shard: account, payload: format!("message {} {n}", key.id).into() })
                .collect();
            let records = vec![self.write(key, text, Some(1), None)];
            let now = Clock::System.now();
            self.commit(Commit { records, messages, ..Commit::new(self.shard, self.at, self.at, now) }).await?;
        }
        Ok(())
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        self.store.commit(vec![Commit { step: Some(self.step), ..commit }]).await?;
        self.step += 1;
        Ok(())
    }
}

/// Waits until everything that was sent has been counted and has arrived; fails if it takes too long.
pub async fn everything_counted_once(store: &SharedStore, each: usize) {
    let expected: Text = (0..SENDERS).map(|sender| (format!("sender-{sender}"), each as u64)).collect();
    let start = Instant::now();
    loop {
        let loaded = store.load(&[RecordKey::account("all")]).await;
        let text = loaded.map(|mut loaded| loaded.remove(0).unwrap_or_default()).unwrap_or_default();
        let found: Text =
            text.lines().filter_map(|l| l.split_once(' ')).map(|(a, b)| (a.to_owned(), b.parse().unwrap())).collect();
        if found == expected {
            return;
        }
        assert!(start.elapsed() < PATIENT, "still {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the store answers again, or fails the test.
pub async fn answers_again(store: &SharedStore) {
    let start = Instant::now();
    while let Err(error) = store.ping().await {
        assert!(start.elapsed() < PATIENT, "still {error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
