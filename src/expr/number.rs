//! Numbers and amounts of money, as people and tools write them.

/// A number that a text begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leading {
    /// What the digits say.
    pub digits: f64,
    /// A thousand for `k`, and so on.
    pub factor: f64,
}

impl Leading {
    pub fn value(self) -> f64 {
        self.digits * self.factor
    }
}

/// A number as people and enrichment tools write it: `50`, `1,000`, `1 000`, `2.5M`, `$40k`, `~50`, `51 employees`. Bands such as
/// `51-200` and `500+` are none: nobody knows which number it is.
pub(super) fn exact_number(text: &str) -> Option<f64> {
    let text = strip_currency(text.trim().trim_start_matches(['~', '=']).trim_start());
    let (number, unit) = leading_number(text)?;
    let unit = unit.trim();
    (unit.chars().all(char::is_alphabetic) && unit != "to").then(|| number.value())
}

/// An amount of money: `520`, `$520`, `$40k`, `€1.2M`, `1.234,56 €`, `USD 1,200.50`, `-$5`, `(5.00)`. The currency makes no difference.
/// Both ways of writing thousands and decimals are understood.
pub fn amount(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(number) = plain_number(text) {
        return Some(number);
    }
    // Bookkeepers write what is negative in brackets.
    if let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        return amount(inner).map(|amount| -amount);
    }
    let (sign, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (-1.0, rest.trim_start()),
        None => (1.0, text),
    };
    let bare = strip_currency_code(text);
    let end = bare.find(|c: char| !(c.is_ascii_digit() || is_mark(c))).unwrap_or(bare.len());
    let (digits, rest) = bare.split_at_checked(end)?;
    // `1.234 €`, unlike `1.234`, can't be a number with three decimals.
    let (factor, rest) = magnitude(rest.trim_start());
    let rest = rest.trim();
    let is_money = bare.len() < text.len() || !rest.is_empty();
    if !is_currency(rest) {
        return None;
    }
    Some(sign * decimal(digits.trim(), is_money && factor == 1.0)? * factor).filter(|amount| amount.is_finite())
}

const fn is_mark(c: char) -> bool {
    matches!(c, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}')
}

/// A number with marks between thousands and before decimals, whichever are which.
fn decimal(text: &str, is_money: bool) -> Option<f64> {
    let last = text.rfind(['.', ',']);
    let mark = last.and_then(|at| text.get(at..)?.chars().next());
    let decimals_at = match (last, mark) {
        (Some(at), Some(mark)) if text.matches(mark).count() == 1 => {
            let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
            // `1,234` and, as money, `1.234` are thousands; with another mark before it, the last one begins the decimals.
            let alone = !before.contains(is_mark);
            let thousands = alone && after.len() == 3 && !before.starts_with('0') && (1..=3).contains(&before.len());
            (!thousands || (mark == '.' && !is_money)).then_some(at)
        }
        _ => None,
    };
    let (whole, decimals) = match decimals_at {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let groups: Vec<&str> = whole.split(is_mark).collect();
    let (first, others) = groups.split_first()?;
    if others.iter().any(|group| group.len() != 3) || (!others.is_empty() && first.len() > 3) {
        return None;
    }
    if first.is_empty() && decimals.is_empty() {
        return None;
    }
    format!("{}.{decimals}0", groups.concat()).parse().ok().filter(|_| decimals.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether nothing or a currency stands there.
fn is_currency(text: &str) -> bool {
    text.is_empty()
        || (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
        || text.chars().all(is_currency_sign)
}

const fn is_currency_sign(c: char) -> bool {
    matches!(c, '$' | '€' | '£' | '¥' | '₹' | '₩' | '₽' | '₺' | '₴' | '₪' | '฿' | '₫' | '₱' | '₦' | '₲' | '₡')
}

/// Without a currency sign before it.
pub(super) fn strip_currency(text: &str) -> &str {
    text.trim_start_matches(is_currency_sign).trim_start()
}

/// Without `USD`, `US$`, `CHF` or a sign before it.
fn strip_currency_code(text: &str) -> &str {
    let letters = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let text = if (1..=3).contains(&letters) { text.get(letters..).unwrap_or_default() } else { text };
    strip_currency(text.trim_start())
}

/// The number that `text` begins with, and what follows it. A letter may only follow as `k`, `m` or `b`, or after a space.
pub(super) fn leading_number(text: &str) -> Option<(Leading, &str)> {
    let mut digits = String::new();
    let mut end = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' | b'.' => digits.push(char::from(*byte)),
            b'-' if end == 0 => digits.push('-'),
            b',' | b' ' | b'\'' if is_thousands(bytes, end) => {}
            _ => break,
        }
        end += 1;
    }
    // `51..200` is a band, not a number with two dots.
    if let Some(range) = digits.find("..") {
        digits.truncate(range);
        end = text.find("..")?;
    }
    let digits: f64 = digits.parse().ok().filter(|number: &f64| number.is_finite())?;
    let rest = text.get(end..)?;
    let (factor, rest) = letter(rest);
    if rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    Some((Leading { digits, factor }, rest))
}

/// Whether the separator at `at` stands between a digit and exactly three digits.
fn is_thousands(bytes: &[u8], at: usize) -> bool {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    at > 0 && digit(at - 1) && (1..=3).all(|step| digit(at + step)) && !digit(at + 4)
}

fn letter(rest: &str) -> (f64, &str) {
    let factor = match rest.chars().next() {
        Some('k' | 'K') => 1e3,
        Some('m' | 'M') => 1e6,
        Some('b' | 'B') => 1e9,
        _ => return (1.0, rest),
    };
    (factor, rest.get(1..).unwrap_or_default())
}

/// `k`, `m`, `bn`, `million`, `Mio.`, …
fn magnitude(rest: &str) -> (f64, &str) {
    const WORDS: [(&str, f64); 15] = [
        ("thousand", 1e3),
        ("tsd.", 1e3),
        ("tsd", 1e3),
        ("million", 1e6),
        ("mio.", 1e6),
        ("mio", 1e6),
        ("mln", 1e6),
        ("mm", 1e6),
        ("billion", 1e9),
        ("mrd.", 1e9),
        ("mrd", 1e9),
        ("bn", 1e9),
        ("k", 1e3),
        ("m", 1e6),
        ("b", 1e9),
    ];
    let lower = rest.to_ascii_lowercase();
    let found = WORDS.iter().find(|(word, _)| {
        lower.strip_prefix(word).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
    });
    found.map_or((1.0, rest), |(word, factor)| (*factor, rest.get(word.len()..).unwrap_or_default()))
}

/// A text that is a plain number, for values whose type nobody declared.
pub(super) fn plain_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plausible = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.'));
    text.parse().ok().filter(|number: &f64| plausible && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_every_usual_spelling() {
        for (written, read) in [
            ("520", Some(520.0)),
            ("$520", Some(520.0)),
            ("$40k", Some(40_000.0)),
            ("€1.2M", Some(1_200_000.0)),
            ("1.234,56 €", Some(1_234.56)),
            ("1,234.56", Some(1_234.56)),
            ("1 234,56 €", Some(1_234.56)),
            ("CHF 1'234.50", Some(1_234.5)),
            ("1.234.567 EUR", Some(1_234_567.0)),
            ("12,5", Some(12.5)),
            ("1,234", Some(1_234.0)),
            ("1.234", Some(1.234)),
            ("1.234 €", Some(1_234.0)),
            ("0.999 €", Some(0.999)),
            ("1.234M", Some(1_234_000.0)),
            ("US$ 3 million", Some(3e6)),
            ("2,5 Mio. €", Some(2.5e6)),
            ("£3bn", Some(3e9)),
            ("-$5", Some(-5.0)),
            ("(5.00)", Some(-5.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e5", Some(1e5)),
            ("$", None),
            ("", None),
            ("(", None),
            ("1,23,4", None),
            ("12.34.56", None),
            ("$40k-$50k", None),
            ("5 apples", None),
            ("priceless", None),
        ] {
            assert_eq!(amount(written), read, "{written}");
        }
    }

    #[test]
    fn nothing_that_is_sent_makes_it_panic() {
        proptest::proptest!(|(text in ".{0,24}", digits in "[-($€0-9.,' kmb)]{0,16}")| {
            for text in [&text, &digits] {
                let _ = (amount(text), exact_number(text), super::super::band::Band::read(text));
            }
        });
    }
}
