//! Random streams of events.

use proptest::prelude::*;

/// One step of a stream. Small numbers name users, anonymous ids, accounts and events, so that they meet often.
#[derive(Clone, Debug)]
pub enum Op {
    /// A track or page call.
    Use {
        who: Who,
        name: u8,
        /// `context.groupId`.
        account: Option<u8>,
        value: i16,
        /// How long before now it happened, in minutes.
        late: i64,
    },
    /// Ties an anonymous id to a user.
    Identify { anonymous: u8, user: u8 },
    /// Ties a user to another one.
    Alias { from: u8, to: u8 },
    /// The user joins the one account that people join; the call may arrive long after it was made.
    Group { user: u8, late: i64 },
    /// An earlier event arrives again.
    Again { nth: usize },
    /// Time passes, in minutes and milliseconds.
    Wait { minutes: i64, ms: i64 },
    /// A server is killed in the middle of what it does, and another one takes its place.
    Kill { nth: usize },
}

#[derive(Clone, Copy, Debug)]
pub enum Who {
    User(u8),
    Anonymous(u8),
    Both(u8, u8),
}

const DAY: i64 = 24 * 60;

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Who::User),
        3 => (0..4_u8).prop_map(Who::Anonymous),
        1 => (0..4_u8, 0..4_u8).prop_map(|(user, anonymous)| Who::Both(user, anonymous)),
    ]
}

/// Minutes of lateness, often near the edges of the windows.
fn late() -> impl Strategy<Value = i64> {
    prop_oneof![
        5 => Just(0),
        3 => 0..90_i64,
        2 => 0..40 * DAY,
        1 => prop_oneof![Just(14), Just(15), Just(16), Just(DAY - 1), Just(DAY), Just(DAY + 1)],
        1 => prop_oneof![Just(29 * DAY), Just(30 * DAY), Just(90 * DAY), Just(100 * DAY)],
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (who(), 0..4_u8, proptest::option::of(0..3_u8), -50..200_i16, late())
            .prop_map(|(who, name, account, value, late)| Op::Use { who, name, account, value, late }),
        2 => (0..4_u8, 0..4_u8).prop_map(|(anonymous, user)| Op::Identify { anonymous, user }),
        1 => (0..4_u8, 0..4_u8).prop_map(|(from, to)| Op::Alias { from, to }),
        2 => (0..4_u8, late()).prop_map(|(user, late)| Op::Group { user, late }),
        1 => (0..4_usize).prop_map(|nth| Op::Kill { nth }),
        3 => (0..100_usize).prop_map(|nth| Op::Again { nth }),
        2 => (prop_oneof![0..30_i64, 0..3 * DAY, Just(DAY), Just(15)], 0..60_000_i64)
            .prop_map(|(minutes, ms)| Op::Wait { minutes, ms }),
    ]
}

/// A stream.
pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op(), 1..60)
}
