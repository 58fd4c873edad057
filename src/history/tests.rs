//! The archive's files: what is written reads back, whatever is killed between two steps.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::block::{self, Head};
use super::{Archive, ArchiveError, PastBlock, Row, line};
use crate::apply::Past;
use crate::event::{Call, Event, MessageId, Trust};
use crate::ids::{Position, RecordKey, ShardId};
use crate::store::Block;
use crate::time::Millis;

const SHARD: ShardId = ShardId(3);
const NOW: Millis = Millis(1_795_255_200_000);

fn event(id: &str, user: &str) -> Event {
    let properties = json!({"board": "a\nb", "n": 3}).as_object().cloned().unwrap_or_default();
    Event { user_id: Some(user.into()), name: Some("Task Created".into()), properties, ..Event::blank(id, NOW) }
}

fn counted(id: &str, user: &str) -> Past {
    Past::Counted { by: None, event: Arc::new(event(id, user)) }
}

/// A block of commit `number` in which these happened.
fn block(number: u64, at: Millis, past: &[(RecordKey, Past)]) -> Block {
    let mut lines = Vec::new();
    past.iter().for_each(|(of, past)| line::write(of, at, past, &mut lines));
    let forgets = past.iter().any(|(_, past)| *past == Past::Gone);
    let head = Head { block: number, shard: SHARD, position: Position(number), at, forgets };
    Block { number, payload: Bytes::from(block::compress(&head, &lines)) }
}

/// A block with one event of a user, whose id says which block it was.
fn one(number: u64, user: &str) -> Block {
    block(number, NOW, &[(RecordKey::user(user), counted(&format!("m{number}"), user))])
}

fn write(archive: &Archive, after: u64, blocks: &[Block]) {
    archive.write(SHARD, after, blocks, NOW).expect("a segment is written").expect("there are blocks");
}

fn read(archive: &Archive) -> Vec<PastBlock> {
    let mut blocks = Vec::new();
    let keep = |block| {
        blocks.push(block);
        ControlFlow::Continue(())
    };
    archive.read(SHARD, (0, u64::MAX), |_| true, keep).expect("the archive can be read");
    blocks
}

/// The numbers of blocks with how many rows they have.
fn told(archive: &Archive) -> Vec<(u64, usize)> {
    read(archive).into_iter().map(|block| (block.head.block, block.rows.len())).collect()
}

fn archive() -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = Archive::open(&directory.path().join("history")).expect("an archive");
    (directory, archive)
}

/// All files below a directory, with their content.
fn files(root: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(self::files(&entry));
        } else {
            files.insert(entry.clone(), std::fs::read(&entry).expect("a file"));
        }
    }
    files
}

proptest! {
    #[test]
    fn a_line_reads_back(
        (id, user, account) in ("\\PC{1,12}", "\\PC{1,12}", proptest::option::of("\\PC{1,12}")),
        (call, trust, covered) in (0..7_usize, any::<bool>(), any::<bool>()),
        (hash, at) in (proptest::option::of(any::<u64>()), 0..4_000_000_000_000_i64),
    ) {
        let event = Event {
            call: Call::ALL[call],
            trust: if trust { Trust::Server } else { Trust::Public },
            covered,
            message: hash.map(MessageId),
            group_id: account.as_deref().map(Box::from),
            name: account.as_deref().map(Box::from),
            traits: json!({ user.clone(): [null, 1.5, id.clone()] }).as_object().cloned().unwrap_or_default(),
            ..event(&id, &user)
        };
        let counted = Past::Counted { by: account.as_deref().map(Arc::from), event: Arc::new(event) };
        let same = Past::Same { from: Arc::from(&*user), to: Arc::from(&*id) };
        for past in [counted, same, Past::Gone] {
            let row = Row { of: RecordKey::user(&user), at: Millis(at), past };
            let mut text = Vec::new();
            line::write(&row.of, row.at, &row.past, &mut text);
            prop_assert_eq!(text.split(|byte| *byte == b'\n').count(), 2);
            prop_assert_eq!(line::read(&text), Some(row));
        }
    }
}

#[test]
fn a_person_can_read_it() {
    let mut text = Vec::new();
    line::write(&RecordKey::user("42"), NOW, &counted("m1", "42"), &mut text);
    line::write(&RecordKey::account("acme"), NOW, &Past::Same { from: "a-1".into(), to: "42".into() }, &mut text);
    insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
    {"of":"user:42","at":1795255200000,"event":{"source":"app","trust":"server","call":"track","name":"Task Created","id":"m1","hash":"57a725a93779a8a2","user":"42","timestamp":1795255200000,"received":1795255200000,"properties":{"board":"a\nb","n":3}}}
    {"of":"account:acme","at":1795255200000,"same":["a-1","42"]}
    "#);
}

#[test]
fn segments_tell_what_was_written_and_small_blocks_share_their_compression() {
    let (_directory, archive) = archive();
    let blocks: Vec<Block> = (1..=50).map(|number| one(number, "ana")).collect();
    let apart: usize = blocks.iter().map(|block| block.payload.len()).sum();
    write(&archive, 0, &blocks);
    assert_eq!(told(&archive), (1..=50).map(|number| (number, 1)).collect::<Vec<_>>());
    let [segment] = &archive.segments(SHARD).unwrap()[..] else { panic!("one segment") };
    assert!(segment.bytes < apart as u64 / 3, "{} bytes of {apart}", segment.bytes);
}

#[test]
fn a_segment_has_blocks_of_one_day() {
    let (_directory, archive) = archive();
    let days = [0, 0, 1, 3].map(|day| NOW.plus(day * Millis::DAY));
    let blocks: Vec<Block> =
        (1..).zip(days).map(|(number, at)| block(number, at, &[(RecordKey::user("a"), counted("m", "a"))])).collect();
    let (mut after, mut rest) = (0, &blocks[..]);
    while let Some((segment, count)) = archive.write(SHARD, after, rest, NOW).unwrap() {
        (after, rest) = (segment.last, &rest[count..]);
    }
    let ranges: Vec<_> = archive.segments(SHARD).unwrap().iter().map(|one| (one.after, one.last)).collect();
    assert_eq!(ranges, [(0, 2), (2, 3), (3, 4)]);
    assert_eq!(told(&archive).len(), 4);

    archive.tidy(SHARD, Some(NOW.plus(Millis::DAY)), NOW).unwrap();
    assert_eq!(told(&archive), [(3, 1), (4, 1)], "what is older than `keep` has left");
    assert_eq!(archive.reach(SHARD).unwrap().after, Some(2));
}

#[test]
fn what_happened_on_a_day_is_told_once_though_another_day_stands_between() {
    let (_directory, archive) = archive();
    // A shard went to a server with another clock at midnight, and back.
    for (number, day) in (1..).zip([1, 0, 1]) {
        let at = NOW.plus(day * Millis::DAY);
        let happened = [(RecordKey::user("a"), counted(&format!("m{number}"), "a"))];
        archive.write(SHARD, number - 1, &[block(number, at, &happened)], NOW).expect("it is written");
    }
    let days = archive.days().expect("the archive can be read");
    let rows: Vec<usize> = days.iter().map(|day| archive.day(*day).expect("it can be read").rows.len()).collect();
    assert_eq!(rows, [1, 2]);
}

#[test]
fn what_is_written_twice_is_told_once() {
    let (_directory, archive) = archive();
    let blocks: Vec<Block> = (1..=9).map(|number| one(number, "ana")).collect();
    // Killed between the segment and the commit that lets its blocks go; two owners in a moment of confusion.
    write(&archive, 0, &blocks[..4]);
    write(&archive, 0, &blocks[..6]);
    write(&archive, 4, &blocks[4..7]);
    write(&archive, 7, &blocks[7..]);
    assert_eq!(told(&archive), (1..=9).map(|number| (number, 1)).collect::<Vec<_>>());
    archive.tidy(SHARD, None, NOW).unwrap();
    assert_eq!(told(&archive), (1..=9).map(|number| (number, 1)).collect::<Vec<_>>());
    assert_eq!(archive.reach(SHARD).unwrap().gaps, []);
}

#[test]
fn what_is_missing_is_told() {
    let (_directory, archive) = archive();
    write(&archive, 0, &[one(1, "a"), one(2, "a")]);
    write(&archive, 5, &[one(6, "a")]);
    assert_eq!(archive.reach(SHARD).unwrap().gaps, [(2, 5)]);
}

#[test]
fn what_was_never_completed_counts_for_nothing_and_leaves() {
    let (directory, archive) = archive();
    write(&archive, 0, &[one(1, "a")]);
    let (path, bytes) = files(directory.path()).pop_first().unwrap();
    let partial = path.with_extension("gz.4711.partial");
    std::fs::write(&partial, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(told(&archive), [(1, 1)]);
    let real = crate::time::Clock::System.now();
    archive.tidy(SHARD, None, real).unwrap();
    assert!(partial.exists(), "somebody may be writing it");
    archive.tidy(SHARD, None, real.plus(2 * Millis::HOUR)).unwrap();
    assert!(!partial.exists());
}

#[test]
fn a_damaged_segment_is_named() {
    let (directory, archive) = archive();
    write(&archive, 0, &[one(1, "a")]);
    let (path, mut bytes) = files(directory.path()).pop_first().unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let read = archive.read(SHARD, (0, u64::MAX), |_| true, |_| ControlFlow::Continue(()));
    assert!(matches!(&read, Err(ArchiveError::Damaged { path: named, .. }) if *named == path), "{read:?}");
}

#[test]
fn small_segments_are_merged_and_a_kill_in_between_doubles_nothing() {
    let (directory, archive) = archive();
    for number in 1..=40 {
        write(&archive, number - 1, &[one(number, "ana")]);
    }
    let all: Vec<_> = (1..=40).map(|number| (number, 1)).collect();
    let before = files(directory.path());
    while archive.merge(SHARD, NOW).unwrap() {}
    assert_eq!(archive.segments(SHARD).unwrap().len(), 1);
    assert_eq!(told(&archive), all);
    // Killed before the small ones were deleted.
    before.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    assert_eq!(told(&archive), all);
    archive.tidy(SHARD, None, NOW).unwrap();
    assert_eq!(archive.segments(SHARD).unwrap().len(), 1);
    assert_eq!(told(&archive), all);
}

fn gone(user: &str) -> (RecordKey, Past) {
    (RecordKey::user(user), Past::Gone)
}

#[test]
fn whoever_is_forgotten_is_told_of_no_more_and_leaves_the_files() {
    let (directory, archive) = archive();
    let of_account = |number: u64, user: &str| {
        let by = Some(Arc::from(user));
        let past = Past::Counted { by, event: Arc::new(event(&format!("m{number}"), user)) };
        (RecordKey::account("acme"), past)
    };
    let merged = (RecordKey::account("acme"), Past::Same { from: "anon".into(), to: "ada-77".into() });
    write(&archive, 0, &[one(1, "ada-77"), one(2, "ben"), block(3, NOW, &[of_account(3, "ada-77")])]);
    write(&archive, 3, &[block(4, NOW, &[of_account(4, "ben"), merged]), one(5, "ben")]);
    write(&archive, 5, &[block(6, NOW, &[gone("ada-77")]), one(7, "ada-77")]);
    let expected = [(1, 0), (2, 1), (3, 0), (4, 1), (5, 1), (6, 0), (7, 1)];
    assert_eq!(told(&archive), expected, "at once; what they do afterwards is news");

    assert_eq!(archive.forget(SHARD, NOW).unwrap(), 3);
    assert_eq!(told(&archive), expected);
    let text = |number: u64| {
        let segments = archive.segments(SHARD).unwrap();
        let one = segments.iter().find(|one| one.after < number && number <= one.last).unwrap();
        let mut text = String::new();
        let bytes = std::fs::read(archive.root().join(one.path())).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text).unwrap();
        text
    };
    assert!(!text(1).contains("ada-77") && !text(4).contains("ada-77"), "{}{}", text(1), text(4));
    assert_eq!(text(6).matches("ada-77").count(), 2, "what was told of block 7: {}", text(6));

    // A server that did not know that it had lost the shard wrote what it had read before.
    write(&archive, 0, &[one(1, "ada-77"), one(2, "ben"), block(3, NOW, &[of_account(3, "ada-77")])]);
    assert_eq!(told(&archive), expected, "the mark is still there");
    archive.forget(SHARD, NOW.plus(2 * Millis::DAY)).unwrap();
    assert_eq!(told(&archive), expected);
    let left = files(directory.path());
    assert!(left.keys().all(|path| !path.to_string_lossy().contains("forgotten")), "{:?}", left.keys());
    assert!(!text(1).contains("ada-77"));
}

/// Whatever of what a merge and a forgetting write and delete had been done when the machine stopped, the same is told.
#[test]
fn killed_between_any_two_steps_of_forgetting() {
    let (directory, archive) = archive();
    for number in 1..=20 {
        write(&archive, number - 1, &[one(number, if number % 2 == 0 { "ada" } else { "ben" })]);
    }
    write(&archive, 20, &[block(21, NOW, &[gone("ada")])]);
    let expected = told(&archive);
    assert_eq!(expected.iter().filter(|(_, rows)| *rows == 1).count(), 10);
    let before = files(directory.path());
    archive.forget(SHARD, NOW).unwrap();
    while archive.merge(SHARD, NOW).unwrap() {}
    let after = files(directory.path());
    // New files come before old ones go: any number of the new ones with all of the old ones, or some of those gone that new
    // ones stand for.
    for kept in 0..=before.len() {
        for path in files(directory.path()).keys() {
            std::fs::remove_file(path).unwrap();
        }
        for (path, bytes) in before.iter().skip(kept).chain(&after) {
            std::fs::write(path, bytes).unwrap();
        }
        for (path, bytes) in before.iter().filter(|(path, _)| path.to_string_lossy().contains("forgotten")) {
            std::fs::write(path, bytes).unwrap();
        }
        assert_eq!(told(&archive), expected, "{kept}");
        archive.forget(SHARD, NOW).unwrap();
        assert_eq!(told(&archive), expected, "{kept}");
    }
}

#[test]
fn a_directory_that_cant_be_written_leaves_nothing_behind() {
    let (directory, archive) = archive();
    write(&archive, 0, &[one(1, "a")]);
    let day = archive.root().join(archive.segments(SHARD).unwrap()[0].path());
    let day = day.parent().unwrap();
    let away = directory.path().join("away");
    std::fs::rename(day, &away).unwrap();
    std::fs::write(day, "in the way").unwrap();
    assert!(archive.write(SHARD, 1, &[one(2, "a")], NOW).is_err());
    std::fs::remove_file(day).unwrap();
    std::fs::rename(&away, day).unwrap();
    assert_eq!(told(&archive), [(1, 1)]);
    write(&archive, 1, &[one(2, "a")]);
    assert_eq!(told(&archive), [(1, 1), (2, 1)]);
}
