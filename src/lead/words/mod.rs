//! What a subject qualifies by, or lacks, in words that a sales rep understands.

mod counter;
mod fact;
mod lack;
mod named;
mod wakes;

pub use fact::{Fact, facts};
pub use lack::{in_one_sentence, missing};
pub(super) use named::written;
pub use wakes::wakes;
