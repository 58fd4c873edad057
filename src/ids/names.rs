//! Names of traits: written any way in events, one way in conditions.

use std::borrow::Cow;

/// The one form of a trait's name: lower case with underscores, so that `createdAt`, `Created At`, `created-at` and
/// `created_at` are the same trait.
///
/// A capital begins a new word after a small letter or a digit, and where a run of capitals ends (`HTTPStatus` is
/// `http_status`, `companyID` is `company_id`). Anything but letters and digits separates words; separators at the ends
/// fall away. Borrowed when the name already has that form.
pub fn canonical_trait(name: &str) -> Cow<'_, str> {
    if is_canonical(name) { Cow::Borrowed(name) } else { Cow::Owned(rewrite(name)) }
}

fn is_canonical(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
        && !bytes.starts_with(b"_")
        && !bytes.ends_with(b"_")
        && !bytes.windows(2).any(|pair| pair == b"__")
}

fn rewrite(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut previous = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_alphanumeric() {
            previous = None;
            continue;
        }
        let starts_word = match previous {
            None => true,
            Some(before) => is_capital(letter) && ends_word(before, letters.peek().copied()),
        };
        if starts_word && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_lowercase().filter(|small| small.is_alphanumeric()));
        previous = Some(letter);
    }
    out
}

/// Whether a capital between `before` and `after` begins a word.
fn ends_word(before: char, after: Option<char>) -> bool {
    !is_capital(before) || after.is_some_and(char::is_lowercase)
}

/// Whether a letter has a small form. Some capitals have none (`𝔸`); they would begin a word in a name that is canonical already.
fn is_capital(letter: char) -> bool {
    letter.is_uppercase() && !letter.to_lowercase().eq([letter])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trait_has_one_name() {
        for (written, expected) in [
            ("created_at", "created_at"),
            ("createdAt", "created_at"),
            ("CreatedAt", "created_at"),
            ("Created At", "created_at"),
            ("created-at", "created_at"),
            ("CREATED_AT", "created_at"),
            ("  created  at ", "created_at"),
            ("companyID", "company_id"),
            ("HTTPStatus", "http_status"),
            ("plan2Name", "plan2_name"),
            ("employees", "employees"),
            ("__v", "v"),
            ("a__b", "a_b"),
            ("Größe", "größe"),
            ("Ͷ𝔸ʹ", "ͷ𝔸ʹ"),
            ("", ""),
        ] {
            assert_eq!(canonical_trait(written), expected, "{written}");
        }
    }

    #[test]
    fn the_form_is_stable_and_borrowed_once_reached() {
        proptest::proptest!(|(name in ".{0,24}")| {
            let once = canonical_trait(&name).into_owned();
            proptest::prop_assert_eq!(canonical_trait(&once).into_owned(), once);
        });
        assert!(matches!(canonical_trait("first_seen"), Cow::Borrowed(_)));
    }
}
