//! What an explanation keeps.

use std::fmt::Write as _;

use serde_json::json;

use super::*;

fn explained(source: &str, facts: Json) -> String {
    let explanation = compiled(source).explain(&Sample::of(facts));
    let mut out = format!("{source}\n  met {:?}, progress {:?}", explanation.met, explanation.progress);
    for seen in explanation.observed {
        let _ = write!(out, "\n  {} {} {}: {} → {:?}", seen.what, seen.operator, seen.threshold, seen.value, seen.met);
    }
    out
}

#[test]
fn every_comparison_is_kept_with_what_was_observed() {
    let facts = json!({
        "tasks_30d": 48, "invited_30d": 12, "boards": 3, "seats_used": 8, "account.seats_limit": 10, "account.plan": "free",
        "account.employees": "51-200", "user.verified": true, "user.first_seen": "2026-11-11T09:30:00Z",
        "account.trial_ends_at": "2026-11-20", "user.tags": ["beta"], "user.title": "Legal Operations",
        "event": {"properties": {"invited": 12}},
    });
    let report: Vec<String> = [
        "tasks_30d > 50 && invited_30d >= 10",
        "tasks_30d >= 50 || invited_30d >= 10",
        "50 < tasks_30d",
        "account.plan == \"free\" && account.employees >= 50",
        "account.plan != \"free\"",
        "(seats_used / account.seats_limit) >= 0.9",
        "user.verified && !(boards < 5)",
        "now - user.first_seen < duration(\"14d\")",
        "now - user.first_seen > duration(\"1d\") * 20",
        "now - user.first_seen < 1h30m",
        "now > account.trial_ends_at",
        "\"beta\" in user.tags || account.plan in [\"pro\", \"team\"]",
        "user.title.containsWord([\"operations\"]) && user.title.contains(\"Legal\") && user.title.matches(\"^L\")",
        "has(account.industry) || account.industry == null",
        "account.industry == \"legal\" && tasks_30d > 50",
        "boards > 5 ? tasks_30d > 10 : invited_30d > 10",
        "user.tags.exists(t, t == \"beta\")",
        "properties.invited > 10",
        "true",
    ]
    .map(|source| explained(source, facts.clone()))
    .into();
    snapshot("every_comparison_is_kept_with_what_was_observed", &report.join("\n\n"));
}

#[test]
fn progress_is_the_share_of_the_way() {
    for (source, tasks, progress) in [
        ("tasks_30d > 50", json!(48), Some(48.0 / 51.0)),
        ("tasks_30d > 50", json!(50), Some(50.0 / 51.0)),
        ("tasks_30d > 50", json!(51), Some(1.0)),
        ("tasks_30d > 50", json!(500), Some(1.0)),
        ("tasks_30d >= 50", json!(25), Some(0.5)),
        ("tasks_30d > 0", json!(0), Some(0.0)),
        ("tasks_30d > -5", json!(-6), Some(0.0)),
        ("tasks_30d > 0.5", json!(0.5), Some(0.99)),
        ("tasks_30d < 5", json!(8), Some(0.0)),
        ("tasks_30d < 5", json!(1), Some(1.0)),
        ("tasks_30d == 5", json!(4), Some(0.0)),
        ("!(tasks_30d > 5)", json!(6), Some(0.0)),
        ("tasks_30d > 5", json!(null), None),
        ("tasks_30d > 9 && boards > 1", json!(5), None),
        ("tasks_30d > 9 && boards > 1", json!(0), Some(0.0)),
        ("tasks_30d > 9 || boards > 1", json!(5), Some(0.5)),
    ] {
        let explanation = compiled(source).explain(&Sample::of(json!({ "tasks_30d": tasks })));
        assert_eq!(explanation.progress, progress, "{source} at {tasks}");
    }
}
