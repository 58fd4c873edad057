//! `leads.accept_links`.

use std::time::Duration;

use super::settings::http_url;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::{AcceptLinksShape, LeadsShape};
use crate::lead::accept::AcceptLinks;
use crate::secret::Secret;

/// For so long they are good.
const VALID: Duration = Duration::from_hours(7 * 24);
const BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(90 * 24);
/// A shorter secret can be tried out, by whoever has one link.
const LEAST_CHARACTERS: usize = 16;

/// Compiles them; what is wrong is reported.
pub fn accept_links(shape: Option<&LeadsShape>, findings: &mut Findings) -> Option<AcceptLinks> {
    let shape = shape?.accept_links.get()?;
    let url = shape.url.require("url", AcceptLinksShape::WHAT, shape.at, findings)?;
    let secret = shape.secret.require("secret", AcceptLinksShape::WHAT, shape.at, findings)?;
    let url = http_url(url, findings)?;
    let text = secret.text.trim();
    if text.chars().count() < LEAST_CHARACTERS {
        let problem =
            Problem::error(secret.at, Code::Insecure, "whoever has one link could find this secret by trying");
        findings.push(problem.help("make one with `openssl rand -hex 24`"));
        return None;
    }
    let valid = shape.valid.get().map_or(VALID, |written| written.value.0);
    if !BOUNDS.contains(&valid) {
        let at = shape.valid.get().map_or(shape.at, |written| written.scalar.at);
        findings
            .push(Problem::error(at, Code::BadValue, "`valid` is out of bounds").help("1m to 90d, for example `7d`"));
    }
    let valid = i64::try_from(valid.as_millis()).unwrap_or(i64::MAX);
    Some(AcceptLinks { url: url.as_str().trim_end_matches('/').into(), secret: Secret::new(text), valid })
}
