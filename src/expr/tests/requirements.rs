//! The rules of the articles that the product was conceived from, as conditions.

use serde_json::json;

use super::*;

fn decides(source: &str, met: Json, not_met: &[Json]) {
    assert_eq!(test(source, met.clone()), Some(true), "{source} over {met}");
    for facts in not_met {
        assert_eq!(test(source, facts.clone()), Some(false), "{source} over {facts}");
    }
}

#[test]
fn u10_more_than_50_tasks_and_10_invited_users_in_30_days() {
    decides(
        "tasks_30d > 50 && invited_30d >= 10",
        json!({"tasks_30d": 51, "invited_30d": 10}),
        &[json!({"tasks_30d": 50, "invited_30d": 10}), json!({"tasks_30d": 51, "invited_30d": 9})],
    );
}

#[test]
fn u11_10_boards_and_20_daily_users() {
    decides(
        "boards >= 10 && daily_users >= 20",
        json!({"boards": 10, "daily_users": 20}),
        &[json!({"boards": 9, "daily_users": 20})],
    );
}

#[test]
fn u12_more_than_100_calls_and_a_number_bought() {
    decides(
        "api_calls_30d > 100 && numbers_bought >= 1",
        json!({"api_calls_30d": 101, "numbers_bought": 1}),
        &[json!({"api_calls_30d": 100, "numbers_bought": 1}), json!({"api_calls_30d": 101, "numbers_bought": 0})],
    );
}

#[test]
fn u15_usage_near_the_limit_of_the_plan() {
    let rule = "account.seats_limit > 0 && seats_used / account.seats_limit >= 0.8";
    decides(
        rule,
        json!({"seats_used": 8, "account.seats_limit": 10}),
        &[json!({"seats_used": 7, "account.seats_limit": 10}), json!({"seats_used": 7, "account.seats_limit": 0})],
    );
    assert_eq!(test(rule, json!({"seats_used": 8})), None, "no limit is known");
}

#[test]
fn u19_a_trial_that_has_ended() {
    decides(
        "now > account.trial_ends_at",
        json!({"account.trial_ends_at": "2026-11-21T09:29:59Z"}),
        &[json!({"account.trial_ends_at": "2026-11-22"})],
    );
}

#[test]
fn u24_inviting_more_than_10_at_once_or_in_all() {
    let rule = "properties.count > 10 || invites_tried > 10";
    decides(
        rule,
        json!({"event": {"properties": {"count": 11}}, "invites_tried": 11}),
        &[json!({"event": {"properties": {"count": "10"}}, "invites_tried": 10})],
    );
}

#[test]
fn f1_title_includes_a_word() {
    decides(
        "user.title.containsWord([\"partner\", \"operations\", \"administrative\"])",
        json!({"user.title": "Managing Partner"}),
        &[json!({"user.title": "Head of Co-operations"}), json!({"user.title": "Engineer"})],
    );
}

#[test]
fn f2_f3_industry_and_size() {
    let rule = "account.industry in [\"legal\", \"law\"] && account.employees > 20";
    decides(
        rule,
        json!({"account.industry": "legal", "account.employees": "51-200"}),
        &[
            json!({"account.industry": "finance", "account.employees": "51-200"}),
            json!({"account.industry": "law", "account.employees": "11-20"}),
        ],
    );
}

#[test]
fn f4_the_whole_rule_with_two_branches() {
    let rule = "(user.title.containsWord([\"partner\", \"operations\", \"administrative\"])
        && account.industry.lower().contains(\"legal\")
        && account.employees > 20
        && hours_logged >= 1)
      || (account.plan == \"free\" && invites_tried > 10)";
    let fits = json!({
        "user.title": "Legal Operations Manager", "account.industry": "Legal services", "account.employees": 21,
        "hours_logged": 1.25, "account.plan": "pro", "invites_tried": 0,
    });
    let with = |key: &str, value: Json| {
        let mut facts = fits.clone();
        facts[key] = value;
        facts
    };
    decides(
        rule,
        fits.clone(),
        &[
            with("user.title", json!("Co-operations")),
            with("account.industry", json!("Retail")),
            with("account.employees", json!("11-20")),
            with("hours_logged", json!(0.99)),
        ],
    );
    assert_eq!(test(rule, json!({"account.plan": "free", "invites_tried": 11})), Some(true), "the second branch alone");
    assert_eq!(test(rule, json!({"account.plan": "free", "invites_tried": 10})), None, "the first branch is not known");
}

#[test]
fn f14_lawyers_who_do_not_work_at_large_firms() {
    let rule = "user.title.containsWord([\"lawyer\", \"attorney\"]) && !(account.employees >= 500)";
    decides(
        rule,
        json!({"user.title": "Lawyer", "account.employees": "11-50"}),
        &[
            json!({"user.title": "Lawyer", "account.employees": "501-1,000"}),
            json!({"user.title": "Engineer", "account.employees": "11-50"}),
        ],
    );
}

#[test]
fn tiers_and_routes() {
    decides("intent && fit", json!({"intent": true, "fit": true}), &[json!({"intent": true, "fit": false})]);
    decides(
        "lead.tier == 1 && lead.account.traits.country in [\"DE\", \"AT\"]",
        json!({"lead": {"tier": 1, "account": {"traits": {"country": "AT"}}}}),
        &[json!({"lead": {"tier": 2, "account": {"traits": {"country": "AT"}}}})],
    );
}
