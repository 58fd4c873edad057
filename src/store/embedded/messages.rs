//! Remembered messages of one partition, all of them in memory.
//!
//! A message takes 15 bytes of table (96 bits of its hash, a note, a generation, and the table's own byte), and tables are
//! between 44 % and 88 % full: 17 to 34 bytes a message. Two different messages are taken for one with a probability below
//! 10⁻²⁰ even among a billion.
//!
//! A generation is a sixteenth of the time to remember; a message leaves with its generation, so it is remembered for up to a
//! sixteenth longer than asked for.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::cdp::MessageHash;
use crate::store::Note;
use crate::time::Millis;

/// The part of a message's hash that is kept.
pub(super) type MessageKey = [u8; 12];

/// Generations that are remembered besides the current one.
const GENERATIONS: i64 = 16;

pub(super) fn message_key(hash: MessageHash) -> MessageKey {
    let [_, _, _, _, kept @ ..] = hash.0.to_be_bytes();
    kept
}

/// The length of generations, by which moments become their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generations(i64);

impl Generations {
    pub(super) fn new(remember_ms: i64) -> Self {
        Self((remember_ms / GENERATIONS).max(1))
    }

    pub(super) const fn of(self, now: Millis) -> i64 {
        now.0.div_euclid(self.0)
    }

    pub(super) const fn start(self, generation: i64) -> Millis {
        Millis(generation.saturating_mul(self.0))
    }

    /// The first generation that is still remembered in `current`.
    pub(super) const fn oldest(current: i64) -> i64 {
        current.saturating_sub(GENERATIONS)
    }
}

#[derive(Default)]
pub(super) struct Messages {
    /// The second figure of a value is the lowest byte of the generation's number.
    map: HashMap<MessageKey, (u8, u8), BuildHasherDefault<AlreadyHashed>>,
    current: Option<i64>,
}

impl Messages {
    pub(super) fn get(&self, key: &MessageKey) -> Option<Note> {
        self.map.get(key).map(|(note, _)| Note(*note))
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Goes on to `generation`, if that is later than the current one, and lets expired messages leave.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lowest byte is enough to tell them apart"
    )]
    pub(super) fn turn(&mut self, generation: i64) {
        let Some(current) = self.current.replace(self.current.map_or(generation, |at| at.max(generation))) else {
            return;
        };
        if generation.saturating_sub(current) > GENERATIONS {
            self.map.clear();
        } else if generation > current {
            self.map.retain(|_, (_, at)| i64::from((generation as u8).wrapping_sub(*at)) <= GENERATIONS);
            self.map.shrink_to(self.map.len() * 2);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lowest byte is enough to tell them apart"
    )]
    pub(super) fn insert(&mut self, key: MessageKey, note: Note, generation: i64) {
        self.turn(generation);
        if self.current.is_some_and(|current| generation >= Generations::oldest(current)) {
            self.map.insert(key, (note.0, generation as u8));
        }
    }
}

/// Message keys are hashes already: their first eight bytes will do.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

#[cfg(test)]
#[expect(clippy::cast_sign_loss, reason = "numbers above zero")]
mod tests {
    use super::*;

    fn key(n: u128) -> MessageKey {
        message_key(MessageHash(n))
    }

    #[test]
    fn messages_leave_with_their_generation() {
        let mut messages = Messages::default();
        for generation in 1_000..1_040 {
            messages.insert(key(generation as u128), Note(1), generation);
            let known: Vec<_> = (1_000..1_040).filter(|n| messages.get(&key(*n as u128)).is_some()).collect();
            assert_eq!(known, ((generation - 16).max(1_000)..=generation).collect::<Vec<_>>());
        }
        assert_eq!(messages.len(), 17);
    }

    #[test]
    fn a_leap_forgets_all_and_what_is_late_counts_by_its_own_time() {
        let mut messages = Messages::default();
        messages.insert(key(1), Note(1), 0);
        messages.turn(17);
        assert_eq!(messages.len(), 0);
        messages.insert(key(2), Note(2), 1);
        messages.insert(key(3), Note(3), 0);
        assert_eq!((messages.get(&key(2)), messages.get(&key(3))), (Some(Note(2)), None));
        messages.turn(18);
        assert_eq!(messages.len(), 0);
        messages.turn(256 + 18);
        messages.turn(3);
        messages.insert(key(4), Note(4), 256 + 18);
        assert_eq!(messages.len(), 1);
    }
}
