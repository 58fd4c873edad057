//! Lengths of time, as they are written in conditions and for people.

/// A length of time: `30d`, `12h`, `15m`, `90s`, `500ms`, `2w`, `1h30m`, `1.5h`. In milliseconds.
pub(super) fn duration_from_text(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let negative = rest.starts_with('-');
    rest = rest.trim_start_matches('-');
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest.get(..digits)?.parse().ok()?;
        let units = rest.get(digits..)?;
        let length = units.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(units.len());
        total += amount * unit_in_millis(units.get(..length)?)?;
        rest = units.get(length..)?.trim_start();
    }
    let total = if negative { -total } else { total };
    #[expect(clippy::cast_possible_truncation, reason = "bounded in the same expression")]
    (total.abs() < 1e15).then_some(total.round() as i64)
}

fn unit_in_millis(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        "w" => 6.048e8,
        _ => return None,
    })
}

/// A length of time for people: `14d`, `1d 2h`, `3m 20s`, `250ms`.
pub fn duration_text(ms: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
    let mut rest = ms.abs().round() as i64;
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= length && parts.len() < 2 {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    let text = if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") };
    if ms < 0.0 { format!("-{text}") } else { text }
}
