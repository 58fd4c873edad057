//! Texts of which only certain ones are meant: countries, and the choices that a trait declares.

use std::borrow::Cow;
use std::sync::Arc;

use super::country::Country;
use super::suggest::{closest, did_you_mean};

/// Which texts are meant, in whatever spelling they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// Countries; each reads as its ISO 3166-1 alpha-2 code.
    Country,
    /// These, in any case; each reads as it is written here.
    Choice(Arc<[Box<str>]>),
}

impl Vocabulary {
    /// The one that is meant; `None` for what is none of them.
    pub fn read(&self, written: &str) -> Option<&str> {
        match self {
            Self::Country => Country::read(written).map(Country::code),
            Self::Choice(choices) => {
                let written = fold(written);
                choices.iter().find(|choice| fold(choice) == written).map(AsRef::as_ref)
            }
        }
    }

    /// What `written` was meant to be.
    pub(super) fn help(&self, written: &str) -> String {
        match self {
            Self::Country => closest(written, Country::names())
                .map_or_else(|| "write a country's name, such as `Canada`, or its code, `CA`".to_owned(), did_you_mean),
            Self::Choice(choices) => {
                let names = || choices.iter().map(AsRef::as_ref);
                let all =
                    || format!("there is {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
                closest(written, names()).map_or_else(all, did_you_mean)
            }
        }
    }

    /// As part of a sentence: `a country`.
    pub(super) const fn described(&self) -> &'static str {
        match self {
            Self::Country => "a country",
            Self::Choice(_) => "one of its choices",
        }
    }
}

/// Case, and how words are joined, make no difference: `Financial Services` is `financial_services`.
pub(crate) fn fold(written: &str) -> Cow<'_, str> {
    let joins = |c: char| matches!(c, ' ' | '_' | '-');
    let trimmed = written.trim();
    if !trimmed.contains(joins) && !trimmed.contains(char::is_uppercase) {
        return Cow::Borrowed(trimmed);
    }
    let letters = trimmed.chars().map(|c| if joins(c) { ' ' } else { c });
    Cow::Owned(letters.flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_known_in_any_case() {
        let industries = Vocabulary::Choice(["legal", "Financial Services", "other"].map(Box::from).into());
        assert_eq!(industries.read(" Legal "), Some("legal"));
        assert_eq!(industries.read("financial_services"), Some("Financial Services"));
        assert_eq!(industries.read("Legal Services"), None);
        assert_eq!(industries.help("leagl"), "did you mean `legal`?");
        assert_eq!(industries.help("gardening"), "there is `legal`, `Financial Services`, `other`");
        assert_eq!(Vocabulary::Country.help("Cannada"), "did you mean `Canada`?");
    }
}
