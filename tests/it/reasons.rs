//! Reasons: what a lead says it rests on, and what `explain` says is missing.

use handraiser::event::Call;
use handraiser::ids::RecordKey;
use handraiser::lead::Lead;
use handraiser::time::Millis;
use serde_json::{Value, json};

use crate::desk::Desk;

/// What the definitions below read.
const PRODUCT: &str = "
traits:
  user: { title: text, phone: text, industry: { type: choice, of: [legal, finance] } }
  account: { plan: text, employees: number, trial_ends_at: time }
counters:
  tracked: { of: user, event: Time Tracked, sum: properties.minutes, label: [minute tracked, minutes tracked] }
  invites: { of: user, event: Invited, within: 30d, label: [invite, invites] }
  tasks: { of: account, event: Task Created, label: [task created, tasks created] }
signals:
  law_firm_buyer: { of: user, all: [ 'user.title.containsWord([\"partner\"])', 'user.industry == \"legal\"' ] }
  outgrew_free: { of: user, all: [ account.plan == \"free\", invites > 10 || tracked >= 60 ] }
  buyer: { of: user, is: 'user.title.containsWord([\"vp\", \"head\"])', label: decides what is bought }
";

fn product(definition: &str) -> Desk {
    Desk::configured_as(&format!("{PRODUCT}\ndefinitions:\n  - {definition}"))
}

async fn identify(desk: &Desk, user: &str, traits: Value) {
    desk.send(vec![desk.told(Call::Identify, user, None, traits)]).await;
}

/// What is missing for the first definition, and when it comes by itself.
async fn missing(desk: &Desk, key: RecordKey) -> (Option<String>, Option<String>) {
    let explained = desk.explain(&key).await.expect("is known");
    let definition = &explained.definitions[0];
    (definition.nearest_miss.clone(), definition.qualifies_at.clone())
}

async fn lead(desk: &Desk) -> Lead {
    desk.leads().await.into_iter().next().expect("a lead")
}

#[tokio::test]
async fn a_rule_under_when_is_told_by_what_is_true_of_its_parts() {
    let desk = product("{ name: XYZbites PQL, of: user, when: law_firm_buyer || outgrew_free }");
    identify(&desk, "ana", json!({ "name": "Ana", "title": "Intern" })).await;
    desk.group("ana", "acme", json!({ "name": "Acme", "plan": "free" })).await;
    desk.track_times("ana", "Invited", 9).await;
    assert_eq!(missing(&desk, RecordKey::user("ana")).await.0.as_deref(), Some("2 more invites in the last 30 days"));
    desk.track_times("ana", "Invited", 2).await;
    let lead = lead(&desk).await;
    assert_eq!(lead.because, ["the account’s plan is free", "11 invites in the last 30 days"]);
    assert_eq!(lead.summary, "Ana at Acme: 11 invites in the last 30 days.");
    let [reason] = &lead.reasons[..] else { panic!("one rule, not {:#?}", lead.reasons) };
    let parts = reason
        .observed
        .iter()
        .map(|seen| format!("{} {} {} {:?}", seen.within.as_deref().unwrap_or("-"), seen.what, seen.value, seen.met));
    insta::assert_snapshot!(parts.collect::<Vec<_>>().join("\n"), @r#"
    - law_firm_buyer false Some(false)
    law_firm_buyer user.title "Intern" Some(false)
    law_firm_buyer user.industry null None
    - outgrew_free true Some(true)
    outgrew_free account.plan "free" Some(true)
    outgrew_free invites 11 Some(true)
    outgrew_free tracked 0 Some(false)
    "#);
}

#[tokio::test]
async fn a_lead_of_traits_alone_is_a_sentence() {
    let kim = json!({ "name": "Kim", "title": "Head of Operations", "industry": "Legal" });
    let desk = product(r#"{ name: phd, of: user, fit: [ 'user.industry == "legal"', buyer ] }"#);
    desk.group("kim", "acme", json!({ "name": "Acme" })).await;
    identify(&desk, "kim", kim.clone()).await;
    assert_eq!(lead(&desk).await.summary, "Kim at Acme: decides what is bought.");
    let desk =
        product(r#"{ name: phd, of: user, fit: [ 'user.industry == "legal"', 'user.title.contains("Head")' ] }"#);
    identify(&desk, "kim", kim).await;
    assert_eq!(lead(&desk).await.summary, "Kim: industry is legal and title is Head of Operations.");
}

#[tokio::test]
async fn a_lead_has_every_figure_that_a_condition_read_and_no_reason_that_is_not_true() {
    let condition = "invites >= 1 && tasks.within(7d) / (tasks + 1) > 0.5 || tracked > 5";
    let desk = product(&format!("{{ name: busy, of: user, intent: '{condition}' }}"));
    for user in ["ana", "ben"] {
        desk.group(user, "acme", json!({ "name": "Acme" })).await;
    }
    desk.track_times("ben", "Task Created", 3).await;
    desk.track_times("ana", "Task Created", 1).await;
    desk.track_times("ana", "Invited", 1).await;
    let lead = lead(&desk).await;
    assert_eq!(json!(lead.usage), json!({ "invites": 1, "tracked": 0, "tasks": 4, "tasks.within(7d)": 4 }));
    assert_eq!(lead.because, ["1 invite in the last 30 days", "tasks.within(7d) / (tasks + 1) is 0.8"]);
}

#[tokio::test]
async fn what_lapsed_says_so() {
    let desk = product("{ name: busy, of: user, intent: invites.within(1h) >= 2 }");
    desk.track_times("ana", "Invited", 2).await;
    desk.pass(2 * Millis::HOUR).await;
    let taken = desk.taken(2).await;
    assert_eq!(taken[1].lead.summary, "ana no longer matches “busy”.");
    assert!(taken[1].lead.because.is_empty());
}

#[tokio::test]
async fn what_is_missing_is_said_for_each_kind_of_condition() {
    let conditions = [
        "invites >= 3",
        "tracked >= 60",
        "account.employees >= 200",
        "account.employees > 200",
        "account.employees < 100",
        "account.plan == \"pro\"",
        "account.plan != \"free\"",
        "account.plan in [\"pro\", \"team\"]",
        "user.industry == \"legal\"",
        "user.title.contains(\"VP\")",
        "!user.title.contains(\"Intern\")",
        "has(user.phone)",
        "now >= account.trial_ends_at",
        "now - user.first_seen > 14d",
        "invites.within(30d) < 1",
        "invites.last_at < now - 7d",
        "tracked.last_at > now - 7d",
        "event.name == \"Invited\" && properties.count > 3",
        "law_firm_buyer",
        "buyer || invites > 100",
        "tasks / account.employees > 1",
        "invites < 10 && tasks >= 5 || account.plan == \"pro\"",
        "false",
    ];
    let mut report = Vec::new();
    for condition in conditions {
        let desk = product(&format!("{{ name: d, of: user, intent: [ '{condition}' ] }}"));
        identify(&desk, "ana", json!({ "title": "Intern" })).await;
        let traits = json!({ "plan": "free", "employees": 180, "trial_ends_at": "2026-11-24T10:00:00Z" });
        desk.group("ana", "acme", traits).await;
        desk.track_times("ana", "Invited", 1).await;
        let (miss, at) = missing(&desk, RecordKey::user("ana")).await;
        let at = at.map(|at| format!(" → {at}")).unwrap_or_default();
        report.push(format!("{condition}\n    {}{at}", miss.unwrap_or_default()));
    }
    insta::assert_snapshot!("what_is_missing", report.join("\n"));
}

#[tokio::test]
async fn members_that_are_missing_are_counted() {
    let desk = product("{ name: all in, of: account, intent: 'members.count(m, m.buyer) >= 3' }");
    for user in ["ana", "ben"] {
        identify(&desk, user, json!({ "title": "VP Sales" })).await;
        desk.group(user, "acme", json!({})).await;
        desk.track_times(user, "Invited", 1).await;
    }
    desk.pass(2 * Millis::SECOND).await;
    let miss = missing(&desk, RecordKey::account("acme")).await.0;
    assert_eq!(miss.as_deref(), Some("1 more member of whom it is true: decides what is bought"));
}
