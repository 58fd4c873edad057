//! Signals: what they are worth, how they are read, and what is wrong with reading them.

use serde_json::json;

use super::*;
use crate::ids::SubjectKind;

/// Whose a signal is, and what it says, once those before it can be read.
type Declared = (&'static str, SubjectKind, fn(&Scope) -> Meaning);

/// The scope with these signals, each after those that it reads.
fn with(signals: &[Declared]) -> Scope {
    let mut scope = scope();
    for (name, of, meaning) in signals {
        let meaning = meaning(&scope);
        let signal = Signal { name: Arc::from(*name), of: *of, meaning, label: None };
        scope.signals.insert(Arc::from(*name), Arc::new(signal));
    }
    scope
}

fn expr(source: &str, scope: &Scope) -> Expr {
    compile(source, scope).unwrap_or_else(|errors| panic!("{}", rendered(source, &errors)))
}

fn line(give: f64, when: Option<&str>, each: Option<&str>, cap: Option<f64>, scope: &Scope) -> Points {
    let each = each.map(|each| compile_formula(each, scope).unwrap());
    Points { give, when: when.map(|when| expr(when, scope)), each, cap, label: None }
}

fn product() -> Scope {
    with(&[
        ("ratio", SubjectKind::Account, |scope| {
            Meaning::Is(compile_formula("seats_used / account.seats_limit", scope).unwrap())
        }),
        ("busy", SubjectKind::Account, |scope| {
            Meaning::All(vec![expr("ratio > 0.5", scope), expr("boards >= 10", scope)])
        }),
        ("keen", SubjectKind::User, |scope| Meaning::Any(vec![expr("busy", scope), expr("hours_logged >= 1", scope)])),
        ("score", SubjectKind::Account, |scope| {
            Meaning::Points(vec![
                line(30.0, Some("busy"), None, None, scope),
                line(2.0, None, Some("boards"), Some(25.0), scope),
                line(-40.0, Some("account.plan == \"student\""), None, None, scope),
                line(-1.0, None, Some("tasks_30d"), Some(3.0), scope),
            ])
        }),
    ])
}

#[track_caller]
fn holds(source: &str, facts: Json, expected: Option<bool>) {
    let expr = expr(source, &product());
    let facts = Sample::of(facts);
    assert_eq!(expr.test(&facts), expected, "{source}");
    assert_eq!(expr.explain(&facts).met, expected, "`{source}` is explained as it is decided");
    assert_eq!(expr.why(&facts).met, expected == Some(true), "`{source}` has reasons as it is decided");
}

#[test]
fn a_signal_reads_as_what_it_says() {
    let facts = json!({ "seats_used": 6, "account.seats_limit": 10, "boards": 12, "hours_logged": 0, "tasks_30d": 0 });
    holds("ratio == 0.6 && busy && keen", facts.clone(), Some(true));
    holds("score == 54", facts, Some(true));
    holds("busy", json!({ "boards": 3 }), Some(false));
    holds("busy", json!({ "boards": 30 }), None);
    holds("keen", json!({ "boards": 30, "hours_logged": 2 }), Some(true));
}

#[test]
fn points_are_capped_both_ways_and_take_away() {
    let facts = |boards: f64, plan: &str| json!({ "boards": boards, "account.plan": plan, "tasks_30d": 100 });
    holds("score == 25 - 3", facts(50.0, "free"), Some(true));
    holds("score == 2 * 4 - 3", facts(4.0, "free"), Some(true));
    holds("score == 8 - 40 - 3", facts(4.0, "student"), Some(true));
    holds("score == 8 - 3", json!({ "boards": 4, "tasks_30d": 100 }), Some(true));
}

#[test]
fn what_is_remembered_reads_as_a_time_and_a_number() {
    let facts = json!({ "busy.since": "2026-11-01T00:00:00Z", "busy.times": 3 });
    holds("now - busy.since > duration(\"14d\") && busy.times >= 3", facts, Some(true));
    holds("now - busy.since > duration(\"14d\")", json!({}), None);
}

#[test]
fn whatever_a_signal_reads_is_reached_once() {
    let expr = expr("keen && score > 3 && keen.times > 1", &product());
    let slots = reached(expr.slots());
    let counters = slots.iter().filter(|slot| matches!(slot, Slot::Counter(..))).count();
    assert_eq!((expr.slots().count(), counters), (3, 5), "{slots:?}");
}

#[test]
fn a_circle_can_only_be_made_of_names_that_wait() {
    let scope = Scope { pending: ["later".into()].into(), ..product() };
    let errors = compile("busy && later && user.later == 1", &scope).unwrap_err();
    let waits: Vec<_> = errors.iter().filter_map(|error| error.waits_for.as_deref()).collect();
    assert_eq!(waits, ["later"], "a trait by that name is none: {errors:?}");
}

#[test]
fn what_is_wrong_with_reading_a_signal_is_said() {
    let accounts = Scope { about: Some(SubjectKind::Account), ..product() };
    let told = |source: &str, scope: &Scope| rendered(source, &compile(source, scope).unwrap_err());
    let formula = |source: &str| rendered(source, &compile_formula(source, &accounts).unwrap_err());
    let all = [
        told("bussy && ratio > 1", &accounts),
        told("ratio", &accounts),
        told("busy.sinc > now", &accounts),
        told("ratio.since > now", &accounts),
        told("busy.since.year > 1", &accounts),
        told("keen", &accounts),
        told("hours_logged > 2", &accounts),
        told("user.title == \"CTO\"", &accounts),
        formula("now - account.trial_ends_at"),
        formula("account.address"),
        formula("[boards, tasks_30d]"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    bussy && ratio > 1
    ^^^^^ unknown counter or signal `bussy`
    help: did you mean `busy`?
    ratio
    ^^^^^ a condition is true or false, `ratio` is a number
    help: compare it: `ratio > 0`
    busy.sinc > now
         ^^^^ a signal has no `sinc`
         help: did you mean `busy.since`?
    ratio.since > now
          ^^^^^ `ratio` is no yes or no, so that nothing is remembered of it
          help: make a signal of a comparison: `is: ratio > …`, and ask that one
    busy.since.year > 1
               ^^^^ there is nothing below it
    keen
    ^^^^ an account has many users: whose is `keen`?
    help: ask its people: `members.exists(m, m.keen …)`, or count them: `members.count(m, m.keen …)`
    hours_logged > 2
    ^^^^^^^^^^^^ an account has many users: whose is `hours_logged`?
    help: ask its people: `members.exists(m, m.hours_logged …)`, or count them: `members.count(m, m.hours_logged …)`
    user.title == "CTO"
    ^^^^^^^^^^ an account has many users: whose is `user.title`?
    help: ask its people: `members.exists(m, m.title …)`, or count them: `members.count(m, m.title …)`
    now - account.trial_ends_at
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^ a number, a text, a time, or true or false is expected, this is a length of time
    help: make a number of it: `(now - account.trial_ends_at) / duration("1d")`
    account.address
    ^^^^^^^^^^^^^^^ a number, a text, a time, or true or false is expected, this is any value
    help: declare its type
    [boards, tasks_30d]
    ^^^^^^^^^^^^^^^^^^^ a number, a text, a time, or true or false is expected, this is a list
    help: ask for its length: `size([boards, tasks_30d])`
    "##);
}

#[test]
fn what_is_wrong_with_asking_members_is_said() {
    let accounts = Scope { about: Some(SubjectKind::Account), ..product() };
    let told = |source: &str| rendered(source, &compile(source, &accounts).unwrap_err());
    let all = [
        told("members"),
        told("members.any(m, m.title == \"CTO\")"),
        told("members.exists(m.title == \"CTO\")"),
        told("members.exists(m, m)"),
        told("members.exists(m, m.titel == \"CTO\")"),
        told("members.exists(m, title == \"CTO\")"),
        told("members.exists(m, account.plan == \"free\")"),
        told("members.count(m, m.tasks_30d > 1) > 2"),
        told("members.all(m, m.keen)"),
        told("members.count(m, m.hours_logged > 2)"),
    ];
    let users = Scope { about: Some(SubjectKind::User), ..product() };
    let source = "members.exists(m, m.title == \"CTO\")";
    let of_users = rendered(source, &compile(source, &users).unwrap_err());
    insta::assert_snapshot!(all.join("\n") + "\n" + &of_users, @r##"
    members
    ^^^^^^^ `members` is no value by itself
    help: write `members.exists(m, m.title == "…")`, or `all`, or `count`
    members.any(m, m.title == "CTO")
            ^^^ members have no `any`
            help: there is `members.exists(m, …)`, `members.all(m, …)` and `members.count(m, …)`
    members.exists(m.title == "CTO")
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `exists` takes a name and a condition on it
    help: write `members.exists(m, m.title == "…")`
    members.exists(m, m)
                      ^ `m` is no value by itself
                      help: write `m.title`, or the name of a user's counter or signal after the dot
    members.exists(m, m.titel == "CTO")
                      ^^^^^^^ unknown trait `m.titel`
                      help: did you mean `m.title`?
    members.exists(m, title == "CTO")
                      ^^^^^ a condition on members sees `m` alone
                      help: write `m.title` if it is theirs; what is the account's stands outside
    members.exists(m, account.plan == "free")
                      ^^^^^^^ a condition on members sees `m` alone
                      help: write `m.account` if it is theirs; what is the account's stands outside
    members.count(m, m.tasks_30d > 1) > 2
                     ^^^^^^^^^^^ `tasks_30d` is the account's, not a member's
                     help: write it outside of `members`
    members.all(m, m.keen)
                   ^^^^^^ `keen` reads the account, which a member doesn't know
                   help: leave the account's part to the condition around `members`
    members.count(m, m.hours_logged > 2)
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a condition is true or false, `members.count(m, m.hours_logged > 2)` is a number
    help: compare it: `members.count(m, m.hours_logged > 2) > 0`
    members.exists(m, m.title == "CTO")
    ^^^^^^^ only what is about an account sees its members
    help: make a signal `of: account` of it, and read that one
    "##);
}

/// Members are sorted by yes or no, numbers and moments; what is the account's alone nobody has to tell.
#[test]
fn keys_of_members_are_what_can_be_sorted() {
    let scope = Scope { about: Some(SubjectKind::Account), ..scope() };
    let key = |source: &str| compile_sort_key(source, &scope);
    assert!(matches!(key("m.events"), Ok(SortKey::Events)));
    assert!(matches!(key(" m.last_seen "), Ok(SortKey::LastSeen)));
    let told = |source: &str, facts: Json| {
        let key = key(source).unwrap_or_else(|errors| panic!("{source}: {errors:?}"));
        key.told(&Sample::of(facts)).map(|(_, value)| value)
    };
    assert_eq!(told("m.title == \"CTO\"", json!({ "user.title": "CTO" })), Some(1.0));
    assert_eq!(told("m.title == \"CTO\"", json!({ "user.title": "intern" })), Some(0.0));
    assert_eq!(told("m.title == \"CTO\"", json!({})), None, "what is not known comes last");
    assert_eq!(told("m.events * 2", json!({ "events": 4 })), Some(8.0));
    let wrong = |source: &str| key(source).map_or_else(|errors| errors[0].message.clone(), |key| format!("{key:?}"));
    assert_eq!(wrong("m.title"), "members are sorted by yes or no, by numbers and by moments, this is text");
    assert_eq!(wrong("account.plan"), "a condition on members sees `m` alone");
}
