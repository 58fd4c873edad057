//! What an outcome rests on, and what is lacking.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

fn why(source: &str, facts: Json) -> String {
    let why = compiled(source).why(&Sample::of(facts));
    let mut out = format!("{source}\n  {}", if why.met { "true by" } else { "lacks" });
    for Ground { observed, enough, at, .. } in why.grounds {
        let _ = write!(out, "\n  {} {} {}: {}", observed.what, observed.operator, observed.threshold, observed.value);
        let _ = enough.map(|enough| write!(out, ", enough {enough}"));
        let _ = at.map(|at| write!(out, ", by itself at {}", at.rfc3339()));
    }
    out
}

#[test]
fn what_is_true_counts_and_of_what_is_not_the_nearest() {
    let facts = json!({
        "tasks_30d": 48, "invited_30d": 12, "boards": 3, "account.plan": "free", "account.employees": "51-200",
        "account.seats_limit": 180, "account.trial_ends_at": "2026-11-24T00:00:00Z",
        "user.first_seen": "2026-11-11T09:30:00Z",
    });
    let report: Vec<String> = [
        "tasks_30d > 50 || invited_30d >= 10",
        "tasks_30d > 50 || (invited_30d >= 100 && boards > 3)",
        "tasks_30d > 50 && invited_30d >= 10",
        "tasks_30d > 5000 || account.plan == \"pro\" && boards > 3 || boards > 5",
        "!(account.plan == \"free\" || boards > 2)",
        "!(tasks_30d > 40)",
        "!(account.plan in [\"free\", \"trial\"])",
        "boards > 5 ? tasks_30d > 10 : invited_30d > 20",
        "account.employees >= 100",
        "account.seats_limit >= 200",
        "account.seats_limit > 200",
        "now >= account.trial_ends_at",
        "now - user.first_seen > 14d",
        "account.industry == \"legal\" || tasks_30d > 50",
        "tasks_30d * 2 > 100",
        "true",
        "false",
    ]
    .map(|source| why(source, facts.clone()))
    .into();
    snapshot("what_is_true_counts_and_of_what_is_not_the_nearest", &report.join("\n\n"));
}
