//! Which messages were counted for an anonymous id, so that a message that is sent again once its user is known counts once. The
//! shard of each id remembers its own messages only.

use crate::event::MessageId;
use crate::time::Millis;

/// The last messages of an anonymous id, and those that such ids brought along when they turned out to be this user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The last [`MAX_OWN`] of an id that nobody has sent as a `userId`.
    pub own: Vec<MessageId>,
    /// What merged ids brought along, and when; the last [`MAX_BROUGHT`], for [`KEPT_FOR`].
    pub brought: Vec<(Millis, Vec<MessageId>)>,
}

/// How many messages of an anonymous id are remembered with it: what an SDK sends at once, and sends again at once.
pub const MAX_OWN: usize = 20;
/// How many merged ids' messages are remembered.
pub const MAX_BROUGHT: usize = 8;
/// How long they are remembered.
pub const KEPT_FOR: i64 = 2 * Millis::DAY;

impl Counted {
    /// Remembers a message of an anonymous id.
    pub fn note(&mut self, message: MessageId) {
        if self.own.len() >= MAX_OWN {
            self.own.remove(0);
        }
        self.own.push(message);
    }

    /// Whether a merged id brought this message along.
    pub fn has(&self, message: MessageId, now: Millis) -> bool {
        self.brought.iter().any(|(at, messages)| at.plus(KEPT_FOR) > now && messages.contains(&message))
    }

    /// Takes in what an id brings along that was merged at `at`.
    pub fn bring(&mut self, other: Self, at: Millis) {
        self.brought.extend(other.brought);
        if !other.own.is_empty() {
            self.brought.push((at, other.own));
        }
        self.brought.retain(|(since, _)| since.plus(KEPT_FOR) > at);
        let excess = self.brought.len().saturating_sub(MAX_BROUGHT);
        self.brought.drain(..excess);
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.own.is_empty() && self.brought.is_empty()
    }

    /// About how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let messages = self.own.capacity() + self.brought.iter().map(|(_, all)| all.len() + 4).sum::<usize>();
        size_of::<Self>() + messages * size_of::<MessageId>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_is_known_for_two_days() {
        let mut anonymous = Counted::default();
        (0..30).for_each(|n| anonymous.note(MessageId(n)));
        assert_eq!(anonymous.own.len(), MAX_OWN);
        let mut user = Counted::default();
        user.bring(anonymous.clone(), Millis(1));
        let has = |n, at| user.has(MessageId(n), Millis(at));
        assert!(has(29, 1) && has(10, KEPT_FOR) && !has(9, 1) && !has(29, 1 + KEPT_FOR));
        assert!(!anonymous.has(MessageId(29), Millis(1)), "its shard knows its own");
        for n in 0..20 {
            user.bring(anonymous.clone(), Millis(n));
        }
        assert_eq!(user.brought.len(), MAX_BROUGHT);
        user.bring(Counted::default(), Millis(KEPT_FOR + 100));
        assert!(user.is_empty());
    }
}
