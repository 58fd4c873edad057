//! Killed at random moments, again and again: what was acknowledged is there, once and whole.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::store::*;

use super::{open, place};
use crate::store_conformance::support::*;

/// Names the store's file to the child process.
const STORE: &str = "HANDRAISER_CRASH_STORE";
/// Each owns a shard, and sends a message to the next with every commit.
const OWNERS: u16 = 8;

fn kills() -> u32 {
    std::env::var("HANDRAISER_CRASH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn keys(store: &SharedStore, shard: ShardId) -> [RecordKey; 2] {
    ["a", "b"].map(|name| user_in(store, shard, name))
}

/// What the records of an owner say: its commits, and the last that it got of the owner before it, and of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Books {
    commits: u64,
    messages: u64,
    events: u64,
}

impl Books {
    fn text(self) -> String {
        format!("{} {} {}", self.commits, self.messages, self.events)
    }

    fn read(text: &str) -> Self {
        let mut numbers = text.split(' ').map(|n| n.parse().expect("a number"));
        let mut next = || numbers.next().expect("another number");
        Self { commits: next(), messages: next(), events: next() }
    }

    /// Takes an entry; each has the number after the one before it.
    fn take(&mut self, entry: &Entry) {
        let text = std::str::from_utf8(&entry.payload).expect("it is text");
        let (kind, n) = text.trim_end_matches('.').split_once(' ').expect("two words");
        let last = if kind == "message" { &mut self.messages } else { &mut self.events };
        *last += 1;
        assert_eq!(n.parse(), Ok(*last), "{text}: lost, doubled or out of order");
    }

    async fn of(store: &SharedStore, shard: ShardId) -> Self {
        let [a, b] = keys(store, shard);
        let (a, b) = (record(store, &a).await, record(store, &b).await);
        let text = |found: Option<Box<str>>| found.map(|text| text.trim_end_matches('x').trim_end().to_owned());
        let (a, b) = (text(a), text(b));
        assert_eq!(a, b, "half of a commit");
        a.map_or_else(Self::default, |text| Self::read(&text))
    }
}

/// The next commit of an owner, which applies `entries`.
fn step(store: &SharedStore, shard: ShardId, from: u64, entries: &[Entry], books: &mut Books) -> Commit {
    let before = books.commits;
    entries.iter().for_each(|entry| books.take(entry));
    books.commits += 1;
    let n = books.commits;
    let [a, b] = keys(store, shard);
    let text = books.text();
    let padding = "x".repeat(usize::try_from(n % 97).unwrap() * 80);
    let at = |n: u64| place_at(n).filter(|_| n > 0);
    let listed = RecordWrite { was_listed: at(before), listed: at(n), ..write(&a, &text) };
    let to = entries.last().map_or(from, |entry| entry.position.0);
    Commit {
        records: vec![listed, write(&b, &format!("{text} {padding}"))],
        ids: vec![n],
        leads: vec![lead(&format!("lead{shard}"), &a, &n.to_string(), now())],
        messages: vec![entry(ShardId((shard.0 + 1) % OWNERS), format!("message {n}"))],
        ..Commit::new(shard, Position(from), Position(to), now())
    }
}

fn place_at(n: u64) -> Option<Listed> {
    crate::store_conformance::support::place("q", i64::try_from(n).unwrap())
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent listens");
}

async fn commit_on_and_on(store: SharedStore, shard: ShardId) {
    let mut books = Books::of(&store, shard).await;
    let mut at = progress(&store, shard).await.0;
    loop {
        let found = read(&store, shard, at, 4_000, Duration::from_millis(5)).await;
        let commit = step(&store, shard, at, &found, &mut books);
        at = commit.to.0;
        ok(&store, commit).await;
        tell(&format!("ack commit {} {}", shard.0, books.commits));
    }
}

async fn append_on_and_on(store: SharedStore, shard: ShardId, mut n: u64) {
    loop {
        n += 1;
        append(&store, vec![entry(shard, format!("event {n}{}", ".".repeat(usize::try_from(n % 300).unwrap())))]).await;
        tell(&format!("ack event {} {n}", shard.0));
    }
}

/// Everything that waits in a shard's log, taken into its books.
async fn books_with_log(store: &SharedStore, shard: ShardId) -> Books {
    let mut books = Books::of(store, shard).await;
    let (mut at, end) = progress(store, shard).await;
    while at < end {
        for entry in read(store, shard, at, 50_000, Duration::ZERO).await {
            books.take(&entry);
            at = entry.position.0;
        }
    }
    books
}

/// The process that is killed; does nothing when it is run as a test.
#[test]
fn child() {
    let Ok(path) = std::env::var(STORE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let store = open(Path::new(&path));
        // Counted before anybody begins to work.
        let mut senders = Vec::new();
        for shard in (0..OWNERS).map(ShardId) {
            let events = books_with_log(&store, shard).await.events;
            senders.push(append_on_and_on(store.clone(), shard, events));
        }
        let owners = (0..OWNERS).map(|shard| tokio::spawn(commit_on_and_on(store.clone(), ShardId(shard))));
        let owners: Vec<_> = owners.collect();
        let all: Vec<_> = owners.into_iter().chain(senders.into_iter().map(tokio::spawn)).collect();
        for one in futures::future::join_all(all).await {
            one.expect("it goes on until it is killed");
        }
    });
}

/// What was acknowledged last, by kind and shard.
type Acknowledged = BTreeMap<(String, u16), u64>;

/// Lets a child work, kills it, and notes what it acknowledged.
fn run_and_kill(path: &Path, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "store_embedded::crash::child", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is taken")).lines();
    let mut note = |line: String| {
        // The first stands behind what the test runner says; the last may be torn.
        let told = line.rsplit_once("ack ").map(|(_, told)| told.split(' ').collect::<Vec<_>>());
        let Some([kind, shard, n]) = told.as_deref() else { return false };
        let (Ok(shard), Ok(n)) = (shard.parse(), n.parse::<u64>()) else { return false };
        let last = acknowledged.entry(((*kind).to_owned(), shard)).or_default();
        *last = n.max(*last);
        true
    };
    let mut begun = false;
    while !begun {
        let Some(line) = lines.next() else {
            let output = child.wait_with_output().expect("it has ended");
            panic!("the child failed: {}", String::from_utf8_lossy(&output.stderr));
        };
        begun = note(line.expect("its output is text"));
    }
    std::thread::sleep(Duration::from_millis(rand::random_range(0..150)));
    child.kill().expect("the child can be killed");
    for line in lines.map_while(Result::ok) {
        note(line);
    }
    child.wait().expect("the child ends");
}

/// Checks what an owner and its sender left; answers the owner's commits.
async fn check(store: &SharedStore, shard: ShardId, acknowledged: &Acknowledged) -> u64 {
    let books = Books::of(store, shard).await;
    let told = |kind: &str| acknowledged.get(&(kind.to_owned(), shard.0)).copied().unwrap_or(0);
    assert!(books.commits >= told("commit"), "{books:?} of {} acknowledged", told("commit"));
    let with_log = books_with_log(store, shard).await;
    assert!(with_log.events >= told("event"), "{with_log:?} of {} acknowledged", told("event"));
    let before = ShardId((shard.0 + OWNERS - 1) % OWNERS);
    assert_eq!(with_log.messages, Books::of(store, before).await.commits, "messages from {before} to {shard}");
    let ids: Vec<u64> = remembered(store, shard).await.into_iter().flat_map(|(_, ids)| ids).collect();
    assert!(ids.into_iter().eq(1..=books.commits), "the ids of {shard} up to {}", books.commits);
    if books.commits > 0 {
        let lead = store.lead(&format!("lead{shard}")).await.expect("leads can be read");
        assert_eq!(lead.expect("it is there").definition, books.commits.to_string());
        let [a, _] = keys(store, shard);
        assert_eq!(due(store, shard, "q", i64::MAX, 10).await, [(i64::try_from(books.commits).unwrap(), a)]);
    }
    books.commits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let (_directory, path) = place();
    let (mut acknowledged, mut total) = (Acknowledged::new(), 0);
    for _ in 0..kills() {
        run_and_kill(&path, &mut acknowledged);
        let store = open(&path);
        total = 0;
        for shard in 0..OWNERS {
            total += check(&store, ShardId(shard), &acknowledged).await;
        }
    }
    println!("{} kills, {total} commits, acknowledged {acknowledged:?}", kills());
    assert!(total > u64::from(kills()) * u64::from(OWNERS), "{total} commits in all");
}
