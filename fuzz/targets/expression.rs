//! Conditions: any source is compiled, or refused with places inside it; what is compiled is decided as it is explained, by
//! the laws of three values, and no decision is turned by knowing less. The promises are those that the crate's own tests hold.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use handraiser::expr::{Explanation, Expr, Facts, Figures, Readable, Scope, Slot, TraitOf, Type, Value, compile};
use handraiser::ids::CounterId;
use handraiser::time::Millis;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/expr/tests/exercise.rs"]
mod exercise;

/// 2026-11-21T09:30:00Z
const NOW: Millis = Millis(1_795_253_400_000);

// The first byte chooses the facts.
fuzz_target!(|data: &[u8]| {
    let Some((seed, source)) = data.split_first() else { return };
    let Ok(source) = std::str::from_utf8(source) else { return };
    exercise::exercise(source, u64::from(*seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
});
