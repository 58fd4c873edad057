//! How much a source, and one client of it, may bring in.
//!
//! Events are counted here, by each server for itself: what a source may send is gained continuously, and an hour's worth of it may
//! come at once. New subjects and merges are known only when they are applied, so a source that brought too many in this clock
//! hour is turned away until the next; clients of it that have named few people are heard a little longer, so that one that makes
//! people up closes it to itself. Both are bounds against floods, not bills: with several servers each allows the quota.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client_address::ClientAddress;
use super::errors::{ApiError, ErrorCode};
use super::named::Named;
use crate::cdp::Quotas;
use crate::engine::Usage;
use crate::event::SourceName;
use crate::time::Millis;

/// How many clients are told apart, a few megabytes at most.
const MAX_CLIENTS: usize = 50_000;
/// How often room is made for new clients at most.
const SWEEP_EVERY: i64 = Millis::SECOND;
const HOUR_US: i64 = Millis::HOUR * 1_000;

/// When all that was taken is earned again, in microseconds of the epoch. Whoever is more than an hour ahead has used up the quota.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket(i64);

impl Bucket {
    /// For how long there is no room for an event, in milliseconds; 0 when there is.
    fn closed_ms(self, quota: u32, now: Millis) -> i64 {
        let now = now.0.saturating_mul(1_000);
        let over = self.0.max(now).saturating_add(cost(1, quota)) - now - HOUR_US;
        if over <= 0 { 0 } else { over.div_euclid(1_000) + 1 }
    }

    fn take(&mut self, events: usize, quota: u32, now: Millis) {
        let now = now.0.saturating_mul(1_000);
        // One large batch, or a clock that was ahead, must not close it for days.
        self.0 = self.0.max(now).saturating_add(cost(events, quota)).min(now.saturating_add(2 * HOUR_US));
    }

    const fn is_full(self, now: Millis) -> bool {
        self.0 <= now.0.saturating_mul(1_000)
    }
}

/// How long it takes to earn so many events, in microseconds; more than an hour for a quota of none.
fn cost(events: usize, quota: u32) -> i64 {
    let one = if quota == 0 { 2 * HOUR_US } else { HOUR_US / i64::from(quota) };
    i64::try_from(events).unwrap_or(i64::MAX).saturating_mul(one)
}

#[derive(Debug, Default)]
struct Book {
    sources: HashMap<SourceName, Bucket>,
    clients: HashMap<(SourceName, ClientAddress), Bucket>,
    named: Named,
    swept: Millis,
}

/// What was taken of each source and client. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct QuotaBook(Arc<Mutex<Book>>);

impl QuotaBook {
    /// Takes `events` of a source's and a client's quotas; `ids` are whose they are.
    ///
    /// # Errors
    /// When a quota is used up already. Nothing was taken then.
    pub(super) fn take<'i>(
        &self,
        (source, quotas): (&SourceName, &Quotas),
        (client, ids): (ClientAddress, impl Iterator<Item = &'i str>),
        events: usize,
        usage: Usage,
        now: Millis,
    ) -> Result<(), ApiError> {
        if is_unbounded(quotas) {
            return Ok(());
        }
        let mut book = self.book();
        let are_few = !is_applied(quotas) || book.named.are_few(source, client, ids, now);
        book.is_open((source, quotas), (client, are_few), usage, now)?;
        book.take((source, quotas), client, events, now);
        Ok(())
    }

    /// Whether anything of a source and a client is taken, before it is known what they bring: what will be refused in any case need not
    /// be read.
    ///
    /// # Errors
    /// When a quota is used up already.
    pub(super) fn is_open(
        &self,
        (source, quotas): (&SourceName, &Quotas),
        client: ClientAddress,
        usage: Usage,
        now: Millis,
    ) -> Result<(), ApiError> {
        if is_unbounded(quotas) {
            return Ok(());
        }
        let book = self.book();
        let were_few = book.named.were_few(source, client, now);
        book.is_open((source, quotas), (client, were_few), usage, now)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a quota is held against what is known only when it is applied.
pub(super) const fn is_applied(quotas: &Quotas) -> bool {
    quotas.subjects.is_some() || quotas.merges.is_some()
}

const fn is_unbounded(quotas: &Quotas) -> bool {
    !is_applied(quotas) && quotas.events.is_none() && quotas.client_events.is_none()
}

impl Book {
    fn is_open(
        &self,
        (source, quotas): (&SourceName, &Quotas),
        (client, are_few): (ClientAddress, bool),
        usage: Usage,
        now: Millis,
    ) -> Result<(), ApiError> {
        let next_hour = Millis::HOUR - now.0.rem_euclid(Millis::HOUR);
        for (name, quota, used) in [
            ("new_subjects", quotas.subjects, usage.subjects_this_hour),
            ("merges", quotas.merges, usage.merges_this_hour),
        ] {
            if quota.is_some_and(|quota| used >= u64::from(quota) * (1 + u64::from(are_few))) {
                return Err(exceeded(source, name, next_hour));
            }
        }
        let by_client = (source.clone(), client);
        let of_source = self.sources.get(source).copied().unwrap_or_default();
        let of_client = self.clients.get(&by_client).copied().unwrap_or_default();
        for (name, quota, bucket) in
            [("events", quotas.events, of_source), ("client_events", quotas.client_events, of_client)]
        {
            let closed_ms = quota.map_or(0, |quota| bucket.closed_ms(quota, now));
            if closed_ms > 0 {
                return Err(exceeded(source, name, closed_ms));
            }
        }
        Ok(())
    }

    fn take(&mut self, (source, quotas): (&SourceName, &Quotas), client: ClientAddress, events: usize, now: Millis) {
        let by_client = (source.clone(), client);
        if let Some(quota) = quotas.events {
            self.sources.entry(source.clone()).or_default().take(events, quota, now);
        }
        if let Some(quota) = quotas.client_events.filter(|_| self.has_room(&by_client, now)) {
            self.clients.entry(by_client).or_default().take(events, quota, now);
        }
    }

    /// Whether a client is counted. Fails open: while more than can be told apart come at once, new ones are bounded by their
    /// source's quota alone.
    fn has_room(&mut self, client: &(SourceName, ClientAddress), now: Millis) -> bool {
        if self.clients.len() >= MAX_CLIENTS && now.since(self.swept).saturating_abs() >= SWEEP_EVERY {
            self.swept = now;
            self.clients.retain(|_, bucket| !bucket.is_full(now));
        }
        self.clients.len() < MAX_CLIENTS || self.clients.contains_key(client)
    }
}

fn exceeded(source: &SourceName, quota: &'static str, closed_ms: i64) -> ApiError {
    metrics::counter!("handraiser_over_quota_total", "source" => source.to_string(), "quota" => quota).increment(1);
    let seconds = u32::try_from(closed_ms.saturating_add(999) / 1_000).unwrap_or(u32::MAX);
    ApiError::new(ErrorCode::OverQuota, format!("`quotas.{quota}` of source `{source}` is used up for now"))
        .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const NOW: Millis = Millis(1_795_293_412_000);

    fn client(n: u32) -> ClientAddress {
        ClientAddress::from(IpAddr::V4(Ipv4Addr::from(n)))
    }

    fn take(book: &QuotaBook, quotas: Quotas, from: u32, events: usize, now: Millis) -> Option<u32> {
        let source = SourceName::new("web");
        let usage = Usage::default();
        let refused = |answer: Result<(), ApiError>| answer.err().map(|error| error.retry_after.unwrap_or(0));
        let before = refused(book.is_open((&source, &quotas), client(from), usage, now));
        let taken = refused(book.take((&source, &quotas), (client(from), std::iter::empty()), events, usage, now));
        assert_eq!(taken, before, "what is refused is known before it is read");
        taken
    }

    #[test]
    fn an_hours_worth_may_come_at_once_and_is_earned_again() {
        let quotas = Quotas { events: Some(3_600), ..Quotas::default() };
        let book = QuotaBook::default();
        assert_eq!(take(&book, quotas, 1, 3_000, NOW), None);
        assert_eq!(take(&book, quotas, 2, 600, NOW), None, "the last of it");
        assert_eq!(take(&book, quotas, 3, 1, NOW), Some(2), "one is earned each second");
        assert_eq!(take(&book, quotas, 3, 1, NOW.plus(1_100)), None);
        assert_eq!(take(&book, quotas, 3, 90_000, NOW.plus(10_000)), None, "a batch is taken in whole");
        assert_eq!(take(&book, quotas, 3, 1, NOW.plus(10_000)), Some(3_602), "and closes it for an hour at most");
    }

    #[test]
    fn each_client_has_its_own() {
        let quotas = Quotas { client_events: Some(10), ..Quotas::default() };
        let book = QuotaBook::default();
        assert_eq!(take(&book, quotas, 1, 10, NOW), None);
        assert!(take(&book, quotas, 1, 1, NOW).is_some());
        assert_eq!(take(&book, quotas, 2, 1, NOW), None);
    }

    #[test]
    fn the_table_of_clients_is_bounded() {
        let quotas = Quotas { client_events: Some(1), ..Quotas::default() };
        let book = QuotaBook::default();
        for from in 0..60_000 {
            assert_eq!(take(&book, quotas, from, 1, NOW), None);
        }
        assert_eq!(book.0.lock().expect("nobody panics").clients.len(), MAX_CLIENTS);
        assert!(take(&book, quotas, 7, 1, NOW).is_some(), "whoever was counted still is");
        assert_eq!(take(&book, quotas, 99_999, 1, NOW.plus(2 * Millis::HOUR)), None);
        assert_eq!(book.0.lock().expect("nobody panics").clients.len(), 1, "those who are quiet leave");
    }

    #[test]
    fn what_was_applied_counts_until_the_next_hour() {
        let (book, source) = (QuotaBook::default(), SourceName::new("web"));
        let quotas = Quotas { subjects: Some(5), merges: Some(5), ..Quotas::default() };
        let many: Vec<String> = (0..40).map(|n| format!("fake-{n}")).collect();
        for (subjects_this_hour, merges_this_hour, fine, fine_for_few) in [
            (4, 4, true, true),
            (5, 0, false, true),
            (0, 5, false, true),
            (9, 9, false, true),
            (10, 0, false, false),
            (0, 10, false, false),
        ] {
            let usage = Usage { subjects_this_hour, merges_this_hour, ..Usage::default() };
            let visitor = (client(2), ["anon-1"].into_iter());
            assert_eq!(book.take((&source, &quotas), visitor, 1, usage, NOW).is_ok(), fine_for_few, "{usage:?}");
            let is_open = |from| book.is_open((&source, &quotas), client(from), usage, NOW).is_ok();
            assert_eq!((is_open(2), is_open(3)), (fine_for_few, fine_for_few), "{usage:?}");
            let inventor = (client(1), many.iter().map(String::as_str));
            let taken = book.take((&source, &quotas), inventor, 1, usage, NOW);
            assert_eq!((taken.is_ok(), is_open(1)), (fine, fine), "{usage:?}");
            let wait = taken.err().and_then(|error| error.retry_after);
            assert!(wait.is_none_or(|seconds| seconds <= 3_601), "{wait:?}");
        }
    }
}
