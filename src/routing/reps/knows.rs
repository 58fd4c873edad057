//! What reps know that a lead may ask for: skills, by names of the configuration's own, and languages, by their tags.

use std::sync::Arc;

/// No tag of a language is longer.
const MAX_TAG: usize = 35;

/// What a rep knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knows {
    /// Their skills.
    pub skills: Vec<Arc<str>>,
    /// The languages that they speak, as [`language`] writes them.
    pub languages: Vec<Arc<str>>,
}

impl Knows {
    /// Whether they have a skill, in any case of letters.
    pub fn has(&self, skill: &str) -> bool {
        self.skills.iter().any(|one| one.eq_ignore_ascii_case(skill))
    }

    /// Whether they speak a language: who speaks `de` speaks all kinds of it, and who speaks `pt-br` speaks `pt`, but not `pt-pt`.
    pub fn speaks(&self, language: &str) -> bool {
        let is_kind =
            |of: &str, one: &str| one.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        self.languages.iter().any(|one| is_kind(one, language) || is_kind(language, one))
    }
}

/// The tag of a language in small letters: of `de_AT.UTF-8` and of `de-AT,de;q=0.9` it is `de-at`. `None` where the text is none.
pub fn language(text: &str) -> Option<Arc<str>> {
    let tag = text.split([',', ';', '.', '@']).next().unwrap_or_default().trim();
    let is_tag = |tag: &str| tag.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    (!tag.is_empty() && tag.len() <= MAX_TAG && is_tag(tag)).then(|| tag.to_lowercase().replace('_', "-").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_read_as_they_are_written_everywhere() {
        for (text, tag) in [
            ("de", Some("de")),
            (" DE ", Some("de")),
            ("de_AT.UTF-8", Some("de-at")),
            ("pt-BR,pt;q=0.9,en;q=0.8", Some("pt-br")),
            ("German", Some("german")),
            ("", None),
            ("*", None),
            ("<b>de</b>", None),
            ("an-endless-line-of-words-that-is-no-tag", None),
        ] {
            assert_eq!(language(text).as_deref(), tag, "{text}");
        }
    }

    #[test]
    fn who_speaks_a_language_speaks_its_kinds() {
        let knows = Knows { languages: vec!["de".into(), "pt-br".into()], ..Knows::default() };
        for (language, speaks) in [
            ("de", true),
            ("de-at", true),
            ("den", false),
            ("pt-br", true),
            ("pt", true),
            ("pt-pt", false),
            ("en", false),
        ] {
            assert_eq!(knows.speaks(language), speaks, "{language}");
        }
    }
}
