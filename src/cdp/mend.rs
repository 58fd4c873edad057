//! JSON that nearly is: what a careless encoder writes for half of an emoji, and numbers beyond all bounds.

/// `raw` with U+FFFD for every lone surrogate and `null` for every number that no double holds; `None` when it has none of them.
pub(super) fn mended(raw: &str) -> Option<String> {
    let mut out = String::new();
    let (mut at, mut copied, mut in_text) = (0, 0, false);
    let bytes = raw.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let rest = raw.get(at..).unwrap_or_default();
        let (length, instead) = match byte {
            b'\\' if in_text => escape(rest),
            b'-' | b'0'..=b'9' if !in_text => number(rest),
            b'"' => {
                in_text = !in_text;
                (1, None)
            }
            _ => (1, None),
        };
        if let Some(instead) = instead {
            out.push_str(raw.get(copied..at).unwrap_or_default());
            out.push_str(instead);
            copied = at + length;
        }
        at += length;
    }
    out.push_str(raw.get(copied..).unwrap_or_default());
    (copied > 0).then_some(out)
}

/// How long an escape is, and what is to stand there instead.
fn escape(rest: &str) -> (usize, Option<&'static str>) {
    match unit(rest) {
        None => (2, None),
        Some(0xD800..=0xDBFF) if rest.get(6..).and_then(unit).is_some_and(|low| (0xDC00..=0xDFFF).contains(&low)) => {
            (12, None)
        }
        Some(0xD800..=0xDFFF) => (6, Some("\\ufffd")),
        Some(_) => (6, None),
    }
}

/// The number of a `\u….`.
fn unit(rest: &str) -> Option<u32> {
    u32::from_str_radix(rest.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// How long a number is, and what is to stand there instead.
fn number(rest: &str) -> (usize, Option<&'static str>) {
    let length = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).count();
    let number = rest.get(..length).and_then(|digits| digits.parse::<f64>().ok());
    (length, number.filter(|number| number.is_infinite()).map(|_| "null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_not_be_read_is_replaced() {
        for (raw, expected) in [
            (r#"{"a":"x\ud83d"}"#, Some(r#"{"a":"x\ufffd"}"#)),
            (r#"{"a":"\ude00y"}"#, Some(r#"{"a":"\ufffdy"}"#)),
            (r#"{"a":"\ud83d\ud83d\ude00é"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00é"}"#)),
            (r#"{"a":"\uD83D\n"}"#, Some(r#"{"a":"\ufffd\n"}"#)),
            (r#"[1e999,-1E+400,1e308,"1e999"]"#, Some(r#"[null,null,1e308,"1e999"]"#)),
            (r#"{"a":"\ud83d\ude00","b":"\\ud83d","c":12}"#, None),
            (r#"{"a":"\"\\","b":-1.5}"#, None),
            (r#"{"a":"\u12"}"#, None),
            ("\"\\", None),
            ("", None),
        ] {
            let mended = mended(raw);
            assert_eq!(mended.as_deref(), expected, "{raw}");
            assert!(mended.is_none_or(|mended| serde_json::from_str::<serde_json::Value>(&mended).is_ok()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_gone_through(raw in r#"(\\|u|d8|3d|"|é|😀|1|e|9|-|\PC){0,40}"#) {
            let again = mended(&raw).and_then(|mended| super::mended(&mended));
            proptest::prop_assert_eq!(again, None, "once is enough");
        }
    }
}
