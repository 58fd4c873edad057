//! Looking for words in text, in any case and without allocating.

/// Whether `needle`, which is in lower case, stands in `text` in any case.
pub(super) fn contains(text: &str, needle: &str) -> bool {
    starts(text).any(|at| match_end(text, at, needle).is_some())
}

/// The same, where `needle` must be a whole word (or several). Letters, digits, `_`, `'` and `-` belong to words, so that
/// `operations` is no word of `Co-operations`.
pub(super) fn contains_word(text: &str, needle: &str) -> bool {
    starts(text).any(|at| {
        let free_before = !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(in_word);
        free_before
            && match_end(text, at, needle)
                .is_some_and(|end| !text.get(end..).and_then(|after| after.chars().next()).is_some_and(in_word))
    })
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '\'' | '’')
}

fn starts(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len()))
}

/// Where `needle` ends in `text` when it begins at `at`.
fn match_end(text: &str, at: usize, needle: &str) -> Option<usize> {
    let mut wanted = needle.chars();
    let mut next = wanted.next();
    let mut letters = text.get(at..)?.char_indices();
    while let Some(expected) = next {
        let (_, letter) = letters.next()?;
        let mut expected = Some(expected);
        for folded in letter.to_lowercase() {
            if expected != Some(folded) {
                return None;
            }
            next = wanted.next();
            expected = next;
        }
    }
    Some(letters.next().map_or(text.len(), |(offset, _)| at + offset))
}
