//! What a destination said, without what nobody is to read again: credentials, ours and others', and e-mail addresses. Pure.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// What stands in the place of something that was taken out.
const OUT: &str = "…";
/// Credentials that are shorter may be part of anything.
const SHORTEST: usize = 6;

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[^\s@"'`<>(),;:=/?&\[\]{}|]+(?:@|%40)[^\s@"'`<>(),;:=/?&\[\]{}|]*[A-Za-z0-9]"#)
        .expect("the pattern is well-formed")
});

/// `Bearer …`, and what a name says to be secret.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)((?:\b(?:bearer|basic)\s+)|(?:[\w-]*(?:token|secret|passw(?:or)?d|api[_-]?key|authorization|signature|cookie)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?))[^\s"',;&}]{4,}"#,
    )
    .expect("the pattern is well-formed")
});

/// What looks made by a machine.
static LONG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9_+=-]{20,}").expect("the pattern is well-formed"));

/// Ids, by which people who are asked for help find what happened.
static ID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:(?:lead|evt)_[0-9a-f]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")
        .expect("the pattern is well-formed")
});

/// `text` without `credentials`, however they came into it.
pub fn without<'t>(text: &'t str, credentials: &[&str]) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for secret in credentials.iter().map(|secret| secret.trim()).filter(|secret| secret.len() >= SHORTEST) {
        if text.contains(secret) {
            text = Cow::Owned(text.replace(secret, OUT));
        }
    }
    text
}

/// `text` without `credentials`, without what may be somebody else's, and without e-mail addresses.
pub fn redacted(text: &str, credentials: &[&str]) -> String {
    let text = without(text, credentials);
    let text = NAMED.replace_all(&text, "${1}…");
    let text = EMAIL.replace_all(&text, "…@…");
    let is_random = |text: &str| {
        [char::is_alphabetic, |c: char| c.is_ascii_digit()].iter().all(|kind| text.contains(kind)) && !ID.is_match(text)
    };
    let text = LONG.replace_all(&text, |found: &regex::Captures<'_>| {
        let found = found.get(0).map_or("", |found| found.as_str());
        if is_random(found) { OUT.to_owned() } else { found.to_owned() }
    });
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_or_personal_is_taken_out_and_what_explains_stays() {
        for (said, expected) in [
            (r#"{"message":"ana@example.com is taken"}"#, r#"{"message":"…@… is taken"}"#),
            ("no contact ana%40example.com there", "no contact …@… there"),
            ("Authorization: Bearer pat-eu1-3f2b", "Authorization: Bearer …"),
            (
                r#"{"access_token":"abcd1234","scope":"crm.objects.contacts.write"}"#,
                r#"{"access_token":"…","scope":"crm.objects.contacts.write"}"#,
            ),
            ("bad key sk4f8a7b6c5d4e3f2a1b0c", "bad key …"),
            ("you sent s3cret-of-ours as x-key", "you sent … as x-key"),
            (
                r#"{"category":"VALIDATION_ERROR","correlationId":"2f9c1b1e-8d0a-4c7b-9a51-3d2e1f0a9b8c"}"#,
                r#"{"category":"VALIDATION_ERROR","correlationId":"2f9c1b1e-8d0a-4c7b-9a51-3d2e1f0a9b8c"}"#,
            ),
            ("lead_d90946431f7235019f9735b9ff57c687 is locked", "lead_d90946431f7235019f9735b9ff57c687 is locked"),
            ("REQUIRED_FIELD_MISSING: handraiser_lead_id__c", "REQUIRED_FIELD_MISSING: handraiser_lead_id__c"),
        ] {
            assert_eq!(redacted(said, &["s3cret-of-ours", "abc"]), expected);
        }
    }
}
