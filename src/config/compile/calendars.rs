//! `reps.<rep>.calendar` and `calendars`.

use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::destinations::check_plain_http;
use super::settings::{http_url, networks};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, Named};
use crate::config::scalar::Lasting;
use crate::config::shape::{CalendarsShape, ConfigShape};
use crate::config::yaml::Scalar;
use crate::config::{Calendars, Feed, FeedAt};
use crate::routing::Reps;

const EVERY: Duration = Duration::from_mins(15);
const BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);

/// Compiles where the calendars of reps are read.
pub fn calendars(shape: &ConfigShape, reps: &Reps, zone: &TimeZone, findings: &mut Findings) -> Calendars {
    let absent = CalendarsShape::default();
    let written = shape.calendars.get().unwrap_or(&absent);
    let allow_addresses = networks(written.allow_addresses.get(), findings);
    let every = written.every.get().map_or(EVERY, |every| self::every(every, findings));
    let mut feeds = Vec::new();
    for (name, rep) in shape.reps.get().into_iter().flat_map(|Named(all)| all) {
        let Some(calendar) = rep.as_ref().and_then(|rep| rep.calendar.get()) else { continue };
        let at = if calendar.text.contains("://") {
            let Some(url) = http_url(calendar, findings) else { continue };
            check_plain_http(calendar, &url, &allow_addresses, findings);
            FeedAt::Url(url)
        } else {
            FeedAt::File(beside(calendar, findings))
        };
        let address = name.text.trim();
        let zone = reps.get(address).map_or_else(|| zone.clone(), |availability| availability.zone.clone());
        feeds.push(Feed { rep: address.into(), zone, at });
    }
    Calendars { feeds, every, allow_addresses }
}

fn every(written: &At<Lasting>, findings: &mut Findings) -> Duration {
    let every = written.value.0;
    if !BOUNDS.contains(&every) {
        let problem = Problem::error(written.scalar.at, Code::BadValue, "`every` is out of bounds");
        findings.push(problem.help("1m to 1d, for example `15m`"));
    }
    every
}

/// A path is relative to the file that names it.
fn beside(named: &Scalar, findings: &Findings) -> std::path::PathBuf {
    let file = findings.sources.file(named.at.file).and_then(|file| file.path.parent());
    file.unwrap_or_else(|| Path::new("")).join(named.text.trim())
}
