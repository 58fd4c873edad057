//! What is asked of the members of an account: by conditions, and by the keys that say whom to talk to first.

use std::cmp::Ordering;
use std::hash::Hasher as _;

use super::{Expr, ExprError, Facts, Formula, Scope, Slot, Type, Value, compile_formula, reached};
use crate::time::Millis;

/// What is asked of what is true of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembersHow {
    /// Whether it is true of any.
    Exists,
    /// Whether it is true of all.
    All,
    /// Of how many it is true.
    Count,
}

/// A condition on each of an account's members, and what is asked of the outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// What is asked.
    pub how: MembersHow,
    /// What is true or false of one of them: a condition about a user.
    pub condition: Expr,
    /// A hash of what the condition says, also by way of signals: outcomes of another one are not read.
    pub fingerprint: u32,
}

impl Members {
    pub(super) fn new(how: MembersHow, condition: Expr) -> Self {
        let fingerprint = fingerprint(condition.source(), condition.slots());
        Self { how, condition, fingerprint }
    }
}

/// A hash of what is written, also by way of signals.
fn fingerprint<'s>(source: &str, slots: impl Iterator<Item = &'s Slot>) -> u32 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.write(source.as_bytes());
    for slot in reached(slots) {
        if let Slot::Signal(signal, _) = slot {
            hasher.write(format!("{} {:?}", signal.name, signal.meaning).as_bytes());
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "32 bits tell the conditions of a file apart well enough")]
    let fingerprint = hasher.finish() as u32;
    fingerprint
}

/// What members are sorted by, the greatest first.
#[derive(Clone, Debug)]
pub enum SortKey {
    /// How many of their events were counted for the account.
    Events,
    /// When the last of them happened.
    LastSeen,
    /// What the member tells of themself: yes before no, a number, or a moment.
    Told {
        /// What is told.
        formula: Formula,
        /// A hash of what the formula says, also by way of signals.
        fingerprint: u32,
    },
}

/// What a member is called in a key.
const MEMBER: &str = "m";

/// Compiles a key by which the members of an account are sorted; `scope` is that of conditions about the account.
///
/// # Errors
/// Everything that is wrong with it, in order of place; at least one error.
pub fn compile_sort_key(source: &str, scope: &Scope) -> Result<SortKey, Vec<ExprError>> {
    let formula = compile_formula(source, &scope.of_member(MEMBER))?;
    if !matches!(formula.ty(), Type::Bool | Type::Number | Type::Time) {
        let message = format!("members are sorted by yes or no, by numbers and by moments, this is {}", formula.ty());
        let help = format!("compare it with something: `{} == \"…\"`", source.trim());
        return Err(vec![ExprError::new(0..source.len(), message).maybe_help(Some(help))]);
    }
    Ok(match source.trim() {
        "m.events" if formula.slots().eq([&Slot::MemberEvents]) => SortKey::Events,
        "m.last_seen" => SortKey::LastSeen,
        _ => SortKey::Told { fingerprint: fingerprint(source.trim(), formula.slots()), formula },
    })
}

impl SortKey {
    /// What a member tells for it; `None` when it is not known, or nobody has to tell it.
    pub fn told(&self, facts: &impl Facts) -> Option<(u32, f64)> {
        let Self::Told { formula, fingerprint } = self else { return None };
        let value = match formula.value(facts) {
            Value::Bool(met) => f64::from(u8::from(met)),
            Value::Number(number) => number,
            Value::Time(at) => sortable(at),
            _ => return None,
        };
        Some((*fingerprint, value))
    }

    /// What tells it from others.
    pub const fn fingerprint(&self) -> Option<u32> {
        match self {
            Self::Told { fingerprint, .. } => Some(*fingerprint),
            Self::Events | Self::LastSeen => None,
        }
    }

    /// Every name that is read for it.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        let formula = match self {
            Self::Told { formula, .. } => Some(formula),
            Self::Events | Self::LastSeen => None,
        };
        formula.into_iter().flat_map(Formula::slots)
    }
}

/// A moment as a number: the later, the greater.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
pub const fn sortable(at: Millis) -> f64 {
    at.0 as f64
}

/// The greater first, what is not known last.
pub fn greatest_first(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}
