//! What each source has sent since this process started: what the CDP admin looks at to see events arrive, or to see
//! why they don't. In memory and bounded: there is one entry per configured source, and one for all that named none.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use metrics::{Counter, counter};
use serde::Serialize;

use super::seldom::Seldom;
use crate::engine::Usage;
use crate::event::SourceName;
use crate::time::Millis;

/// The entry of requests that named no configured source.
pub const UNKNOWN: &str = "(unknown)";

/// The last request of a source that was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceRefusal {
    /// RFC 3339.
    pub at: String,
    /// The stable code that was answered, such as `wrong_signature`.
    pub code: String,
    /// The message that was answered.
    pub reason: String,
}

/// What one source has sent since this process started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceReport {
    /// As configured; `(unknown)` for requests that named no configured source.
    pub name: String,
    /// Events taken, duplicates among them.
    pub accepted: u64,
    /// Events that were known already by their message ids, among those that this server applied.
    pub duplicates: u64,
    /// Events taken that carried neither a message id nor a time of their own: their retries can't be recognised, so that each
    /// arrival counts.
    pub unrecognisable: u64,
    /// Events that could not be used; the rejected-events log has them.
    pub rejected: u64,
    /// Events taken of which something was too large and is missing: a value, a name, an element of a list.
    pub shortened: u64,
    /// Events that change nothing, such as an alias of itself.
    pub ignored: u64,
    /// Events left out on the sender's wish: its `integrations` say `All: false` or `Handraiser: false`.
    pub opted_out: u64,
    /// Events taken whose name no counter asks for.
    pub unasked: u64,
    /// Users and accounts that nothing was known of before its events, among what this server applied.
    pub new_subjects: u64,
    /// Of those, the ones of this hour.
    pub new_subjects_this_hour: u64,
    /// Ids that were merged into users on its word, among what this server applied.
    pub merges: u64,
    /// Of those, the ones of this hour.
    pub merges_this_hour: u64,
    /// Leads that were let go, since it made too many and as many as may be were held, or for too long; among what this server applied.
    pub leads_let_go: u64,
    /// Requests turned away because a quota was used up; they are among `failed`.
    pub over_quota: u64,
    /// Requests refused because the sender did not prove who it is.
    pub unauthorised: u64,
    /// Requests refused as a whole for another reason.
    pub failed: u64,
    /// Batches that were signed over their first event only.
    pub first_element_signatures: u64,
    /// When the last event was taken, RFC 3339.
    pub last_event_at: Option<String>,
    /// The last request that was refused as a whole; `null` when there was none.
    pub last_failure: Option<SourceRefusal>,
}

/// What became of the events of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events taken, duplicates among them.
    pub accepted: usize,
    /// Events taken that carried neither a message id nor a time of their own.
    pub unrecognisable: usize,
    /// Events that could not be used, those beyond the batch's limit among them.
    pub rejected: usize,
    /// Events taken of which something was too large.
    pub shortened: usize,
    /// Events that change nothing.
    pub ignored: usize,
    /// Events left out on the sender's wish.
    pub opted_out: usize,
    /// Of the events taken, those whose name no counter asks for.
    pub unasked: usize,
    /// Whether the request was a batch signed over its first event only.
    pub first_element_signature: bool,
}

struct SourceEntry {
    series: SourceSeries,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    report: SourceReport,
    last_event_at: Option<Millis>,
    /// When the log was last told of failures, by code, of which there is a fixed number.
    said: BTreeMap<&'static str, Seldom>,
}

/// The metric series of one source, looked up once instead of with every request.
struct SourceSeries {
    accepted: Counter,
    rejected: Counter,
    shortened: Counter,
    ignored: Counter,
    opted_out: Counter,
    unasked: Counter,
}

impl SourceSeries {
    fn new(source: &str) -> Self {
        let series = |outcome| counter!("handraiser_events_total", "source" => source.to_owned(), "outcome" => outcome);
        Self {
            accepted: series("accepted"),
            rejected: series("rejected"),
            shortened: counter!("handraiser_events_shortened_total", "source" => source.to_owned()),
            ignored: series("ignored"),
            opted_out: series("opted_out"),
            unasked: counter!("handraiser_unasked_events_total", "source" => source.to_owned()),
        }
    }
}

/// The book of all sources. Cheap to clone.
#[derive(Clone)]
pub struct SourceBook {
    entries: Arc<RwLock<HashMap<SourceName, Arc<SourceEntry>>>>,
    unknown: Arc<SourceEntry>,
}

impl Default for SourceBook {
    fn default() -> Self {
        Self { entries: Arc::default(), unknown: Arc::new(SourceEntry::new(UNKNOWN)) }
    }
}

impl SourceBook {
    fn entry(&self, source: Option<&SourceName>) -> Arc<SourceEntry> {
        let Some(source) = source else { return Arc::clone(&self.unknown) };
        if let Some(found) = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(source) {
            return Arc::clone(found);
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(entries.entry(source.clone()).or_insert_with(|| Arc::new(SourceEntry::new(source.as_str()))))
    }

    /// Notes a request that was taken.
    pub fn taken(&self, source: &SourceName, at: Millis, tally: Tally) {
        let entry = self.entry(Some(source));
        entry.series.accepted.increment(number(tally.accepted));
        entry.series.rejected.increment(number(tally.rejected));
        entry.series.shortened.increment(number(tally.shortened));
        entry.series.ignored.increment(number(tally.ignored));
        entry.series.opted_out.increment(number(tally.opted_out));
        entry.series.unasked.increment(number(tally.unasked));
        let Told { report, last_event_at, .. } = &mut *entry.told();
        report.accepted += number(tally.accepted);
        report.unrecognisable += number(tally.unrecognisable);
        report.rejected += number(tally.rejected);
        report.shortened += number(tally.shortened);
        report.ignored += number(tally.ignored);
        report.opted_out += number(tally.opted_out);
        report.unasked += number(tally.unasked);
        report.first_element_signatures += u64::from(tally.first_element_signature);
        if tally.accepted > 0 {
            *last_event_at = (*last_event_at).max(Some(at));
        }
    }

    /// Notes a request whose sender did not prove who it is; without a `source`, it named none that is configured.
    /// Returns, when the log should say so, how many of the same kind were not told since it last did.
    #[must_use]
    pub fn unauthorised(
        &self,
        source: Option<&SourceName>,
        at: Millis,
        code: &'static str,
        reason: &str,
    ) -> Option<u64> {
        let entry = self.entry(source);
        let mut told = entry.told();
        told.report.unauthorised += 1;
        told.fail(at, code, reason)
    }

    /// Notes a request that was refused as a whole for another reason.
    /// Returns, when the log should say so, how many of the same kind were not told since it last did.
    #[must_use]
    pub fn failed(&self, source: Option<&SourceName>, at: Millis, code: &'static str, reason: &str) -> Option<u64> {
        let entry = self.entry(source);
        let mut told = entry.told();
        told.report.failed += 1;
        told.report.over_quota += u64::from(code == "over_quota");
        told.fail(at, code, reason)
    }

    /// When each source sent an event last, of those that have.
    pub fn heard(&self) -> Vec<(SourceName, Millis)> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter_map(|(name, entry)| Some((name.clone(), entry.told().last_event_at?))).collect()
    }

    /// The report of each of the `configured` sources, in that order, and then of `(unknown)`. `duplicates` are what was
    /// recognised when it was applied, and `usage` what came of its events.
    pub fn report<'a>(
        &self,
        configured: impl IntoIterator<Item = &'a SourceName>,
        duplicates: &BTreeMap<SourceName, u64>,
        usage: impl Fn(&SourceName) -> Usage,
    ) -> Vec<SourceReport> {
        let report = |name: &SourceName| SourceReport {
            duplicates: duplicates.get(name).copied().unwrap_or(0),
            new_subjects: usage(name).subjects,
            new_subjects_this_hour: usage(name).subjects_this_hour,
            merges: usage(name).merges,
            merges_this_hour: usage(name).merges_this_hour,
            leads_let_go: usage(name).leads_let_go,
            ..self.entry(Some(name)).report()
        };
        let mut reports: Vec<_> = configured.into_iter().map(report).collect();
        reports.push(self.unknown.report());
        reports
    }
}

impl SourceEntry {
    fn new(source: &str) -> Self {
        let report = SourceReport { name: source.to_owned(), ..SourceReport::default() };
        Self { series: SourceSeries::new(source), told: Mutex::new(Told { report, ..Told::default() }) }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> SourceReport {
        let told = self.told();
        SourceReport { last_event_at: told.last_event_at.map(Millis::rfc3339), ..told.report.clone() }
    }
}

impl Told {
    fn fail(&mut self, at: Millis, code: &'static str, reason: &str) -> Option<u64> {
        let failure = SourceRefusal { at: at.rfc3339(), code: code.to_owned(), reason: reason.to_owned() };
        self.report.last_failure = Some(failure);
        self.said.entry(code).or_default().due(at)
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_configured_source_and_the_unknown_ones() {
        let (app, quiet) = (SourceName::new("app"), SourceName::new("quiet"));
        let book = SourceBook::default();
        let tally = Tally {
            accepted: 3,
            unrecognisable: 2,
            shortened: 1,
            rejected: 2,
            ignored: 1,
            opted_out: 4,
            unasked: 1,
            first_element_signature: true,
        };
        book.taken(&app, Millis(1_000), tally);
        let said = |source, at, code, reason| book.unauthorised(source, Millis(at), code, reason);
        assert_eq!(said(Some(&app), 1_500, "wrong_signature", "no secret fits"), Some(0), "news");
        assert_eq!(said(Some(&app), 2_000, "wrong_signature", "no secret fits"), None, "known");
        assert_eq!(said(None, 3_000, "unknown_write_key", "no such key"), Some(0), "news");
        let duplicates = BTreeMap::from([(app.clone(), 1)]);
        let usage = |_: &SourceName| Usage { subjects: 2, subjects_this_hour: 1, ..Usage::default() };
        insta::assert_json_snapshot!(book.report([&app, &quiet], &duplicates, usage), @r#"
        [
          {
            "name": "app",
            "accepted": 3,
            "duplicates": 1,
            "unrecognisable": 2,
            "rejected": 2,
            "shortened": 1,
            "ignored": 1,
            "opted_out": 4,
            "unasked": 1,
            "new_subjects": 2,
            "new_subjects_this_hour": 1,
            "merges": 0,
            "merges_this_hour": 0,
            "leads_let_go": 0,
            "over_quota": 0,
            "unauthorised": 2,
            "failed": 0,
            "first_element_signatures": 1,
            "last_event_at": "1970-01-01T00:00:01.000Z",
            "last_failure": {
              "at": "1970-01-01T00:00:02.000Z",
              "code": "wrong_signature",
              "reason": "no secret fits"
            }
          },
          {
            "name": "quiet",
            "accepted": 0,
            "duplicates": 0,
            "unrecognisable": 0,
            "rejected": 0,
            "shortened": 0,
            "ignored": 0,
            "opted_out": 0,
            "unasked": 0,
            "new_subjects": 2,
            "new_subjects_this_hour": 1,
            "merges": 0,
            "merges_this_hour": 0,
            "leads_let_go": 0,
            "over_quota": 0,
            "unauthorised": 0,
            "failed": 0,
            "first_element_signatures": 0,
            "last_event_at": null,
            "last_failure": null
          },
          {
            "name": "(unknown)",
            "accepted": 0,
            "duplicates": 0,
            "unrecognisable": 0,
            "rejected": 0,
            "shortened": 0,
            "ignored": 0,
            "opted_out": 0,
            "unasked": 0,
            "new_subjects": 0,
            "new_subjects_this_hour": 0,
            "merges": 0,
            "merges_this_hour": 0,
            "leads_let_go": 0,
            "over_quota": 0,
            "unauthorised": 1,
            "failed": 0,
            "first_element_signatures": 0,
            "last_event_at": null,
            "last_failure": {
              "at": "1970-01-01T00:00:03.000Z",
              "code": "unknown_write_key",
              "reason": "no such key"
            }
          }
        ]
        "#);
    }
}
