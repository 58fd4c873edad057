//! What a vendor's names of stages mean: how far people have come with a lead. Pure.

use std::collections::BTreeMap;

use super::adapter::Proof;
use crate::record::{Seen, SeenOwner, Stage};

/// What an operator says that names of stages mean; it wins over what they mean by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stages(BTreeMap<String, Stage>);

impl Stages {
    /// Of names as people write them.
    pub fn new(named: impl IntoIterator<Item = (String, Stage)>) -> Self {
        Self(named.into_iter().map(|(name, stage)| (plain(&name), stage)).collect())
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a name means, if that was said.
    pub fn of(&self, name: &str) -> Option<Stage> {
        self.0.get(&plain(name)).copied()
    }

    /// Whether there are all the stages that were named; `there` is how they are called.
    pub(super) fn proof<'n>(&self, there: impl IntoIterator<Item = &'n str>) -> Option<Proof> {
        if self.is_empty() {
            return None;
        }
        let there: Vec<&str> = there.into_iter().collect();
        let is_there = |name: &str| there.iter().any(|one| plain(one) == name);
        let missing: Vec<&str> = self.0.keys().map(String::as_str).filter(|name| !is_there(name)).collect();
        Some(if missing.is_empty() {
            Proof::good("stages", format!("all {} that `outcomes.stages` names are there", self.0.len()))
        } else {
            let fix = format!("write them as they are there: {}", there.join(", "));
            Proof::bad("stages", format!("there is no {}", missing.join(", ")), fix)
        })
    }
}

/// As a name is compared: people write it with capitals or without.
fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A lead at a stage, with a reason where that ends it.
pub(super) fn seen(stage: Stage, reason: Option<&str>, owner: Option<SeenOwner>) -> Seen {
    let is_end = matches!(stage, Stage::Rejected | Stage::Lost);
    let reason = reason.map(str::trim).filter(|reason| is_end && !reason.is_empty());
    Seen { stage, reason: reason.map(|reason| shortened(reason).into()), owner }
}

/// A reason, as much of it as is kept.
fn shortened(reason: &str) -> String {
    super::told::shortened(reason, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_was_said_of_it_however_it_is_written() {
        let stages = Stages::new([("Demo booked".to_owned(), Stage::Working), (" Junk".to_owned(), Stage::Rejected)]);
        assert_eq!(
            [stages.of("demo Booked "), stages.of("junk"), stages.of("Demo")],
            [Some(Stage::Working), Some(Stage::Rejected), None]
        );
        assert_eq!(Stages::default().proof(["New"]), None);
        assert!(stages.proof(["JUNK", "Demo booked", "New"]).is_some_and(|proof| proof.ok));
        let proof = stages.proof(["New", "Junk"]).expect("something was said");
        assert_eq!((proof.ok, proof.found.as_str()), (false, "there is no demo booked"));
    }

    #[test]
    fn only_an_end_has_a_reason() {
        assert_eq!(seen(Stage::Working, Some("too dear"), None).reason, None);
        assert_eq!(seen(Stage::Lost, Some(" too dear "), None).reason.as_deref(), Some("too dear"));
        assert_eq!(seen(Stage::Lost, Some(" "), None).reason, None);
    }
}
