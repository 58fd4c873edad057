//! How soon a team takes its leads on, in the working time of whoever has them.

use super::reps::Presence;
use crate::time::Millis;

/// What a team promises of its leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaRule {
    /// Within so many milliseconds of working time the owner has taken a lead on.
    pub accept: i64,
    /// The same for leads of these tiers.
    pub tiers: Vec<(u8, i64)>,
    /// So many milliseconds of it before that is over they are reminded.
    pub remind: Option<i64>,
    /// So often a lead goes to somebody else of the team who has not had it yet.
    pub reassign: u32,
    /// Who gets it then, by e-mail address; `None`: it stays whose it is.
    pub then: Option<std::sync::Arc<str>>,
}

impl SlaRule {
    /// How long the owner of a lead of this tier has, in milliseconds of working time.
    pub fn accept(&self, tier: u8) -> i64 {
        self.tiers.iter().find(|(of, _)| *of == tier).map_or(self.accept, |(_, accept)| *accept)
    }

    /// When an owner who gets a lead at `from` has to have taken it on, and when they are reminded. Of whom nothing is said works all the
    /// time, and so does for this who will never work again: somebody else gets the lead the sooner.
    pub fn due(&self, tier: u8, owner: Presence<'_>, from: Millis) -> (Millis, Option<Millis>) {
        let accept = self.accept(tier);
        let after = |ms: i64| owner.worked(from, ms).unwrap_or_else(|| from.plus(ms));
        let remind = self.remind.filter(|remind| *remind < accept).map(|remind| after(accept - remind));
        (after(accept), remind)
    }
}
