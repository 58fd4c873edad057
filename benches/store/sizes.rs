//! What a subject and a remembered message take, and how long a start takes after a crash.

use std::time::Instant;

use handraiser::cdp::MessageHash;
use handraiser::identity::RecordKey;
use handraiser::store::{Commit, MemoryStore, Note, SharedStore, StoreOptions, Write};
use handraiser::time::Clock;

use crate::{directory, embedded, line, process};

const SUBJECTS: usize = 50_000;
const MESSAGES: usize = 2_000_000;

pub async fn print() {
    line(["what", "figure"]);
    line(["---", "--:"]);
    let fields = fields();
    let text: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    let row = |what: &str, figure: String| line([what, figure.as_str()]);
    row("a user with 8 counters of 30 days: its text, bytes", text.to_string());
    let (file, cache) = subjects(&fields).await;
    row("— in the embedded store's file, bytes", file.to_string());
    row("— in the embedded store's cache, bytes", cache.to_string());
    row("— in the in-memory store, bytes", in_memory(&fields).await.to_string());
    let messages = messages().await;
    row("a remembered message: memory, bytes", messages.memory.to_string());
    row("— in the file, bytes", messages.file.to_string());
    row(&format!("start after a crash, {MESSAGES} messages in the journal, s"), format!("{:.2}", messages.replay));
    row(&format!("start after a clean stop, {MESSAGES} messages, s"), format!("{:.2}", messages.start));
}

/// Eight daily counters over thirty days, as the engine writes them.
fn fields() -> Vec<(Box<str>, Box<str>)> {
    let days = |counter: usize| -> String {
        let dates = (23..=31).map(|day| (10, day)).chain((1..=21).map(|day| (11, day)));
        let words: Vec<String> =
            dates.map(|(month, day)| format!("2026-{month}-{day:02}={}", day * counter % 40)).collect();
        words.join(" ")
    };
    let names = [
        "Task Created",
        "User Invited",
        "File Uploaded",
        "Report Viewed",
        "Comment Added",
        "Login",
        "Export",
        "Search",
    ];
    names.iter().zip(1..).map(|(name, at)| (format!("events:{name}").into(), days(at).into())).collect()
}

async fn insert_subjects(store: &SharedStore, fields: &[(Box<str>, Box<str>)]) {
    for n in 0..SUBJECTS {
        let key = RecordKey::user(&format!("user-{n:08}"));
        let partition = store.partitions().of(&key);
        let set = fields.iter().map(|(name, value)| (name, value)).collect();
        let writes = vec![Write { key, expected: 0, version: 1, set, unset: Vec::new() }];
        let commit = Commit { partition, now: Clock::System.now(), writes, ..Commit::default() };
        store.commit(commit).await.expect("the commit goes through");
    }
}

async fn figure(store: &SharedStore, name: &str) -> u64 {
    let figures = store.figures().await.expect("it has figures");
    figures.iter().find(|(figure, _)| figure == name).map_or(0, |(_, value)| *value)
}

/// Bytes a subject in the file and in the cache.
async fn subjects(fields: &[(Box<str>, Box<str>)]) -> (u64, u64) {
    let directory = directory();
    let store = embedded(&directory);
    insert_subjects(&store, fields).await;
    let cached = figure(&store, "cache_bytes").await / SUBJECTS as u64;
    store.close().await.expect("it closes");
    drop(store);
    let connection = rusqlite::Connection::open(directory.path().join("store.db")).expect("it opens");
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()";
    let used: i64 = connection.query_row(sql, [], |row| row.get(0)).expect("it tells its size");
    (used.unsigned_abs() / SUBJECTS as u64, cached)
}

async fn in_memory(fields: &[(Box<str>, Box<str>)]) -> u64 {
    let before = process::resident_bytes();
    let store: SharedStore = std::sync::Arc::new(MemoryStore::new(StoreOptions::default()));
    insert_subjects(&store, fields).await;
    process::resident_bytes().saturating_sub(before) / SUBJECTS as u64
}

struct Messages {
    memory: u64,
    file: u64,
    replay: f64,
    start: f64,
}

async fn messages() -> Messages {
    let directory = directory();
    let before = process::resident_bytes();
    let store = embedded(&directory);
    for n in 0..MESSAGES / 1_000 {
        let partition = store.partitions().all().nth(n % 64).unwrap_or_default();
        let remember = (0..1_000).map(|_| (MessageHash(rand::random()), Note::NONE)).collect();
        let commit = Commit { partition, now: Clock::System.now(), remember, ..Commit::default() };
        store.commit(commit).await.expect("the commit goes through");
    }
    drop(store);
    let crashed = Instant::now();
    let store = embedded(&directory);
    let replay = crashed.elapsed().as_secs_f64();
    store.close().await.expect("it closes");
    drop(store);
    let file = std::fs::metadata(directory.path().join("store.db")).map_or(0, |file| file.len());
    let stopped = Instant::now();
    let store = embedded(&directory);
    let start = stopped.elapsed().as_secs_f64();
    // Only now is everything but the messages gone from memory.
    let memory = process::resident_bytes().saturating_sub(before);
    drop(store);
    Messages { memory: memory / MESSAGES as u64, file: file / MESSAGES as u64, replay, start }
}
