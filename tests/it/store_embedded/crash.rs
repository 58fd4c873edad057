//! Killed at random moments, again and again: what was acknowledged is there, once and whole.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use handraiser::identity::RecordKey;
use handraiser::store::*;

use super::open;
use crate::store_conformance::support::*;

/// Names the store's file to the child process.
const STORE: &str = "HANDRAISER_CRASH_STORE";
const COMMITTERS: u64 = 8;

fn kills() -> u32 {
    std::env::var("HANDRAISER_CRASH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(25)
}

fn keys(store: &SharedStore, committer: u64) -> [RecordKey; 2] {
    ["a", "b"].map(|name| user(store, &format!("crash{committer}{name}")))
}

async fn committed(store: &SharedStore, committer: u64) -> u64 {
    record(store, &keys(store, committer)[0]).await.map_or(0, |record| record.version)
}

/// The `n`-th commit of a committer: two records, a message, a lead, an entry, and the end of the entry before.
fn step(store: &SharedStore, committer: u64, n: u64, before: Option<&Claimed>) -> Commit {
    let [a, b] = keys(store, committer);
    let (text, padding) = (n.to_string(), "x".repeat((n % 97) as usize * 20));
    let lead_row = lead(&format!("lead{committer}"), &a, &text, now());
    Commit {
        writes: vec![write(&a, n - 1, &[("n", &text), ("padding", &padding)]), write(&b, n - 1, &[("n", &text)])],
        remember: vec![(hash(&format!("{committer}-{n}")), Note((n % 200) as u8))],
        leads: vec![lead_row],
        enqueue: vec![entry(&format!("q{committer}"), &format!("e{n}"), now())],
        settle: before.map(|before| settle(before, DONE)).into_iter().collect(),
        ..commit_at(now())
    }
}

async fn commit_on_and_on(store: SharedStore, committer: u64) {
    let queue_name = format!("q{committer}");
    let mut n = committed(&store, committer).await;
    loop {
        let before = claim(&store, &queue_name, now(), 10).await.claimed;
        assert!(before.len() <= 1);
        n += 1;
        ok(&store, step(&store, committer, n, before.first())).await;
        let mut out = std::io::stdout().lock();
        let told = writeln!(out, "ack {committer} {n}").and_then(|()| out.flush());
        told.expect("the parent listens");
    }
}

/// The process that is killed; does nothing when it is run as a test.
#[test]
fn child() {
    let Ok(path) = std::env::var(STORE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let store = open(Path::new(&path));
        let committers = (0..COMMITTERS).map(|committer| tokio::spawn(commit_on_and_on(store.clone(), committer)));
        futures::future::join_all(committers).await;
    });
}

/// Lets a child commit, kills it, and answers what it acknowledged last for each committer.
fn run_and_kill(path: &Path) -> [u64; COMMITTERS as usize] {
    let mut child = Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "store_embedded::crash::child", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is taken")).lines();
    let mut acknowledged = [0; COMMITTERS as usize];
    let mut note = |line: String| {
        // The first stands behind what the test runner says; the last may be torn.
        let words = line.rsplit_once("ack ").and_then(|(_, told)| told.split_once(' '));
        let Some((Ok(committer), Ok(n))) = words.map(|(c, n)| (c.parse::<usize>(), n.parse::<u64>())) else {
            return false;
        };
        acknowledged[committer] = acknowledged[committer].max(n);
        true
    };
    while !note(lines.next().expect("the child commits").expect("its output is text")) {}
    std::thread::sleep(Duration::from_millis(rand::random_range(0..120)));
    child.kill().expect("the child can be killed");
    for line in lines.map_while(Result::ok) {
        note(line);
    }
    child.wait().expect("the child ends");
    acknowledged
}

/// Checks what a committer left; answers its commits. It had made `before` before this run.
async fn check(store: &SharedStore, committer: u64, acknowledged: u64, before: u64) -> u64 {
    let n = committed(store, committer).await;
    let acknowledged = acknowledged.max(before);
    assert!((acknowledged..=acknowledged + 1).contains(&n), "{acknowledged} acknowledged, {n} there");
    if n == 0 {
        return n;
    }
    for key in keys(store, committer) {
        let found = record(store, &key).await.expect("it is there");
        assert_eq!((found.version, found.fields["n"].parse()), (n, Ok(n)), "{key}");
    }
    let messages: Vec<_> = (1..=n + 1).map(|n| hash(&format!("{committer}-{n}"))).collect();
    let seen = store.seen(HERE, &messages).await.expect("messages can be read");
    let expected = (1..=n).map(|n| Some(Note((n % 200) as u8))).chain([None]);
    assert!(seen.into_iter().eq(expected), "the messages of {committer} up to {n}");
    let lead = store.lead(&format!("lead{committer}")).await.expect("leads can be read");
    assert_eq!(lead.expect("it is there").definition, n.to_string());
    assert_eq!(row_ids(store, EntryState::Pending, &format!("q{committer}")).await, [format!("e{n}")]);
    n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let mut there = [0; COMMITTERS as usize];
    for _ in 0..kills() {
        let acknowledged = run_and_kill(&path);
        let store = open(&path);
        for ((committer, acknowledged), there) in (0..).zip(acknowledged).zip(&mut there) {
            *there = check(&store, committer, acknowledged, *there).await;
        }
    }
    let total: u64 = there.iter().sum();
    println!("{} kills, {total} commits", kills());
    assert!(total > u64::from(kills()) * COMMITTERS, "{total} commits in all");
}
