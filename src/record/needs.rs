//! What a lead asks of whoever gets it, and the classes of leads that wait for a team by that.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Nothing.
pub static NO_NEEDS: Needs = Needs { skills: Vec::new(), language: None };

/// What a lead asks of whoever gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Needs {
    /// All of these skills.
    pub skills: Vec<Arc<str>>,
    /// This language.
    pub language: Option<Arc<str>>,
}

impl Needs {
    /// Both of it. Of two languages the first counts.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for skill in other.skills {
            if !self.skills.iter().any(|known| known.eq_ignore_ascii_case(&skill)) {
                self.skills.push(skill);
            }
        }
        self.language = self.language.or(other.language);
        self
    }
}

/// What leads of one class ask beside that somebody of their team is there. Each class waits by itself, so that who can't be given to anybody
/// yet keeps nobody waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeadClass {
    /// What they need.
    pub needs: Needs,
    /// Their tier, where somebody of the team may be given only so many of it; else 0.
    pub tier: u8,
    /// Who must not get them, in small letters and in order.
    pub not: Vec<Arc<str>>,
}

impl LeadClass {
    /// The name of the class that asks nothing.
    pub const ANY: &str = "any";

    /// `any`, or a hash: its leads stand in the list `wait:<team>/<name>`.
    pub fn name(&self) -> Arc<str> {
        if *self == Self::default() {
            return Arc::from(Self::ANY);
        }
        // Plain data, which can't fail.
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{:016x}", xxh3_64(&json)).into()
    }

    /// `language de, skills security, tier 1, not ana@example.com`; `None` where nothing is asked.
    pub fn told(&self) -> Option<String> {
        let Self { needs: Needs { skills, language }, tier, not } = self;
        let language = language.iter().map(|language| format!("language {language}"));
        let list = |what: &str, all: &[Arc<str>]| (!all.is_empty()).then(|| format!("{what} {}", all.join(" and ")));
        let tier = (*tier > 0).then(|| format!("tier {tier}"));
        let told: Vec<String> = language.chain(list("skills", skills)).chain(tier).chain(list("not", not)).collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_add_up() {
        let needs = |skills: &[&str], language: Option<&str>| Needs {
            skills: skills.iter().map(|skill| Arc::from(*skill)).collect(),
            language: language.map(Arc::from),
        };
        let both = needs(&["security"], None).and(needs(&["Security", "health"], Some("de")));
        assert_eq!(both, needs(&["security", "health"], Some("de")));
        assert_eq!(needs(&[], Some("fr")).and(needs(&[], Some("de"))), needs(&[], Some("fr")));
    }

    #[test]
    fn a_class_has_a_name_of_its_own() {
        let german =
            LeadClass { needs: Needs { language: Some("de".into()), ..Needs::default() }, ..LeadClass::default() };
        let skilled =
            LeadClass { needs: Needs { skills: vec!["de".into()], ..Needs::default() }, ..LeadClass::default() };
        assert_eq!(&*LeadClass::default().name(), "any");
        assert_ne!(german.name(), skilled.name());
        assert_eq!(german.name(), german.clone().name());
        let told = LeadClass { tier: 1, not: vec!["ana@x.example".into(), "ben@x.example".into()], ..german };
        assert_eq!(told.told().as_deref(), Some("language de, tier 1, not ana@x.example and ben@x.example"));
    }
}
