use proptest::prelude::*;

use super::*;

const NOW: Millis = Millis(1_795_262_400_000);

fn policy() -> RetryPolicy {
    RetryPolicy { max_attempts: 5, base: Duration::from_secs(10), cap: Duration::from_secs(600) }
}

fn backoff(policy: &RetryPolicy, attempts: u32, seed: u64) -> Duration {
    Backoff { base: policy.base, cap: policy.cap }.wait(attempts, seed)
}

fn failure(verdict: Verdict, retry_after: Option<u64>) -> Failure {
    Failure {
        verdict,
        error: "why".to_owned(),
        reason: String::new(),
        retry_after: retry_after.map(Duration::from_secs),
        of_destination: true,
    }
}

fn dead() -> AttemptOutcome {
    AttemptOutcome::Dead { error: "why".into() }
}

fn wait(outcome: &AttemptOutcome) -> i64 {
    match outcome {
        AttemptOutcome::Retry { due, .. } => due.since(NOW),
        other => panic!("not tried again: {other:?}"),
    }
}

#[test]
fn every_status_has_its_verdict() {
    let table = [
        (Verdict::Delivered, vec![200, 201, 202, 204, 207, 299]),
        (Verdict::Denied, vec![401, 403]),
        (Verdict::Refused, vec![400, 410, 413, 414, 415, 422, 431]),
        (
            Verdict::Failed,
            vec![
                100, 300, 301, 302, 307, 308, 402, 404, 405, 407, 408, 409, 421, 423, 425, 426, 428, 429, 451, 500,
                501, 502, 503, 504, 520, 599,
            ],
        ),
    ];
    for (expected, statuses) in table {
        for status in statuses {
            assert_eq!(verdict(status, false), expected, "{status}");
            let busy = matches!(status, 429 | 503);
            assert_eq!(verdict(status, true), if busy { Verdict::Busy } else { expected }, "{status}");
        }
    }
}

#[test]
fn a_refused_message_is_dead_at_once() {
    let outcome = outcome(&policy(), 0, failure(Verdict::Refused, Some(5)), NOW, 1);
    assert_eq!(outcome, dead());
}

#[test]
fn the_last_attempt_is_the_last() {
    let failed = || failure(Verdict::Failed, None);
    assert!(matches!(outcome(&policy(), 3, failed(), NOW, 1), AttemptOutcome::Retry { counts: true, .. }));
    assert_eq!(outcome(&policy(), 4, failed(), NOW, 1), dead());
    assert!(matches!(outcome(&policy(), u32::MAX, failed(), NOW, 1), AttemptOutcome::Dead { .. }));
}

#[test]
fn waits_double_up_to_the_cap() {
    // The longest wait that any seed draws.
    let longest = |attempts| (0..20_000).map(|seed| backoff(&policy(), attempts, seed)).max().unwrap_or_default();
    let seconds: Vec<_> = (1..=9).map(|attempts| longest(attempts).as_secs_f64().round()).collect();
    assert_eq!(seconds, [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0, 600.0]);
}

#[test]
fn neighbouring_seeds_are_spread_evenly() {
    let waits: Vec<_> = (0..1_000).map(|seed| backoff(&policy(), 4, seed).as_millis()).collect();
    for quarter in 0..4 {
        let (from, to) = (5_000 + quarter * 18_750, 5_000 + (quarter + 1) * 18_750);
        let share = waits.iter().filter(|wait| (from..to).contains(*wait)).count();
        assert!((180..=320).contains(&share), "quarter {quarter} got {share} of 1000");
    }
}

#[test]
fn retry_after_is_honoured_up_to_the_cap() {
    let after = |seconds| wait(&outcome(&policy(), 0, failure(Verdict::Failed, Some(seconds)), NOW, 9));
    assert!((120_000..=130_000).contains(&after(120)));
    assert!((600_000..=610_000).contains(&after(86_400)));
    assert!((5_000..=10_000).contains(&after(0)), "never sooner than our own wait");
}

#[test]
fn retry_after_is_read_in_both_forms() {
    let seconds = |value: &str| retry_after(value, NOW).map(|wait| wait.as_secs());
    assert_eq!(seconds("120"), Some(120));
    assert_eq!(seconds(" 0 "), Some(0));
    assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
    assert_eq!(seconds("Sat, 21 Nov 2026 12:02:00 GMT"), Some(120));
    assert_eq!(seconds("Sat, 21 Nov 2026 11:00:00 GMT"), Some(0), "a date that has passed");
    for nonsense in ["", "-5", "1.5", "soon", "2026-11-21T12:02:00Z", "12 s"] {
        assert_eq!(seconds(nonsense), None, "{nonsense}");
    }
}

proptest! {
    #[test]
    fn a_wait_is_never_outside_its_bounds(base in 1u64..100_000, cap in 1u64..10_000_000, attempts in 1u32..100, seed: u64) {
        let policy = RetryPolicy { max_attempts: 1_000, base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
        let wait = backoff(&policy, attempts, seed);
        prop_assert!(wait <= policy.cap && wait >= (policy.base / 2).min(policy.cap));
    }

    #[test]
    fn reading_retry_after_never_panics(value in ".*", now in i64::MIN..i64::MAX) {
        let _ = retry_after(&value, Millis(now));
    }
}
