//! Unknown is neither true nor false, and spreads as far as it must and no further.

use serde_json::json;

use super::*;

const VALUES: [Option<bool>; 3] = [Some(true), Some(false), None];

/// Facts in which `intent` and `fit` have these values.
fn flags(intent: Option<bool>, fit: Option<bool>) -> Json {
    json!({ "intent": intent, "fit": fit })
}

#[test]
fn conjunction_disjunction_and_negation_are_kleenes() {
    for a in VALUES {
        assert_eq!(test("!intent", flags(a, None)), a.map(|a| !a));
        for b in VALUES {
            let and = match (a, b) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            let or = match (a, b) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            assert_eq!(test("intent && fit", flags(a, b)), and, "{a:?} && {b:?}");
            assert_eq!(test("intent || fit", flags(a, b)), or, "{a:?} || {b:?}");
            assert_eq!(test("!(intent && fit)", flags(a, b)), and.map(|met| !met));
            assert_eq!(test("!intent || !fit", flags(a, b)), and.map(|met| !met), "De Morgan for {a:?}, {b:?}");
            assert_eq!(test("intent == fit", flags(a, b)), a.zip(b).map(|(a, b)| a == b));
            let chosen = a.and_then(|a| if a { b } else { Some(false) });
            assert_eq!(test("intent ? fit : false", flags(a, b)), chosen);
        }
    }
}

#[test]
fn every_operator_and_method_of_an_unknown_is_unknown() {
    for source in [
        "tasks_30d == 5",
        "tasks_30d != 5",
        "tasks_30d < 5",
        "tasks_30d <= 5",
        "tasks_30d > 5",
        "tasks_30d >= 5",
        "5 < tasks_30d",
        "tasks_30d > boards",
        "tasks_30d + 1 > 5",
        "1 - tasks_30d > 5",
        "tasks_30d * 0 == 0",
        "tasks_30d / 2 > 5",
        "tasks_30d % 2 == 0",
        "-tasks_30d < 5",
        "tasks_30d in [1, 2]",
        "account.plan == \"free\"",
        "account.plan != \"free\"",
        "account.plan < \"free\"",
        "account.plan in [\"a\"]",
        "account.plan in []",
        "\"a\" in user.tags",
        "account.plan.contains(\"a\")",
        "account.plan.startsWith(\"a\")",
        "account.plan.endsWith(\"a\")",
        "account.plan.matches(\"a\")",
        "account.plan.containsAny([\"a\"])",
        "account.plan.containsWord([\"a\"])",
        "account.plan.lower() == \"a\"",
        "account.plan.size() == 0",
        "size(user.tags) == 0",
        "user.tags[0] == \"a\"",
        "user.tags.exists(t, t == \"a\")",
        "user.tags.all(t, t == \"a\")",
        "user.tags.exists_one(t, t == \"a\")",
        "account.plan + \"x\" == \"x\"",
        "now - user.first_seen < duration(\"14d\")",
        "now > account.trial_ends_at",
        "user.created_at + duration(\"1d\") > now",
        "user.verified",
        "!user.verified",
        "user.verified == true",
        "properties.a == properties.b",
        "properties.a.b == 1",
        "(user.verified ? 1 : 2) == 1",
        "event.name == \"x\"",
        "lead.tier == 1",
        "user.company.name == \"Acme\"",
    ] {
        assert_eq!(test(source, json!({})), None, "{source}");
        assert_eq!(test(&format!("!({source})"), json!({})), None, "!({source})");
        assert_eq!(test(&format!("({source}) && false"), json!({})), Some(false));
        assert_eq!(test(&format!("({source}) || true"), json!({})), Some(true));
        assert_eq!(compiled(source).constant(), None, "{source}");
    }
}

/// Facts of which some come later.
struct Pending(Sample);

impl Facts for Pending {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        self.0.read(slot)
    }

    fn is_pending(&self) -> bool {
        true
    }
}

#[test]
fn while_facts_are_pending_nothing_is_known_to_be_missing() {
    for (source, facts, expected) in [
        ("has(account.plan)", json!({}), None),
        ("!has(account.plan)", json!({}), None),
        ("account.plan == null", json!({}), None),
        ("account.plan != null", json!({}), None),
        ("account.plan == null || true", json!({}), Some(true)),
        ("account.plan == null && false", json!({}), Some(false)),
        ("account.plan == null && boards > 5", json!({ "boards": 5 }), Some(false)),
        ("has(account.plan)", json!({ "account.plan": "free" }), Some(true)),
        ("account.plan == null", json!({ "account.plan": "free" }), Some(false)),
        ("boards > 5", json!({}), None),
    ] {
        let expr = compiled(source);
        let facts = Pending(Sample::of(facts));
        assert_eq!((expr.test(&facts), expr.explain(&facts).met), (expected, expected), "{source}");
    }
}

#[test]
fn whether_something_is_known_is_known() {
    for (source, there, absent) in [
        ("has(account.plan)", true, false),
        ("!has(account.plan)", false, true),
        ("account.plan != null", true, false),
        ("account.plan == null", false, true),
        ("null == account.plan", false, true),
    ] {
        assert_eq!(test(source, json!({"account.plan": "free"})), Some(there), "{source}");
        assert_eq!(test(source, json!({"account.plan": null})), Some(absent), "{source}");
        assert_eq!(test(source, json!({})), Some(absent), "{source}");
        assert_eq!(compiled(source).constant(), None, "{source}");
    }
    assert_eq!(test("has(tasks_30d)", json!({"tasks_30d": 0})), Some(true));
    assert_eq!(test("has(user.company.name)", json!({"user.company": {"name": "Acme"}})), Some(true));
    assert_eq!(test("has(user.company.name)", json!({"user.company": {"size": 5}})), Some(false));
    // What can't be read as the declared type is not known.
    assert_eq!(test("has(account.employees)", json!({"account.employees": "lots"})), Some(false));
}

#[test]
fn elements_decide_as_soon_as_they_can() {
    let facts = |tags: Json| json!({ "user.tags": tags, "user.company": tags });
    for (source, tags, outcome) in [
        ("user.tags.exists(t, t == \"a\")", json!(["b", "a"]), Some(true)),
        ("user.tags.exists(t, t == \"a\")", json!(["b"]), Some(false)),
        ("user.tags.exists(t, t == \"a\")", json!([]), Some(false)),
        ("user.tags.exists(t, t == \"a\")", json!(["b", null]), None),
        ("user.tags.exists(t, t == \"a\")", json!([null, "a"]), Some(true)),
        ("user.tags.all(t, t == \"a\")", json!(["a", "a"]), Some(true)),
        ("user.tags.all(t, t == \"a\")", json!(["a", null]), None),
        ("user.tags.all(t, t == \"a\")", json!([null, "b"]), Some(false)),
        ("user.tags.all(t, t == \"a\")", json!([]), Some(true)),
        ("user.tags.exists_one(t, t == \"a\")", json!(["a", "b"]), Some(true)),
        ("user.tags.exists_one(t, t == \"a\")", json!(["a", "a"]), Some(false)),
        ("user.tags.exists_one(t, t == \"a\")", json!(["a", null]), None),
        ("user.tags.exists_one(t, t == \"a\")", json!(["a", "a", null]), Some(false)),
        ("\"a\" in user.tags", json!(["b", null]), Some(false)),
        ("\"a\" in user.tags", json!("a"), Some(true)),
        ("\"a\" in user.company", json!({"a": 1}), None),
    ] {
        assert_eq!(test(source, facts(tags.clone())), outcome, "{source} over {tags}");
    }
    let many = Json::from(vec!["b"; eval::MAX_ELEMENTS + 1]);
    assert_eq!(test("user.tags.exists(t, t == \"a\")", facts(many.clone())), None, "not all were looked at");
    assert_eq!(test("user.tags.exists(t, t == \"b\")", facts(many)), Some(true));
}

#[test]
fn a_list_that_is_written_out_may_hold_what_is_not_known() {
    for (source, facts, outcome) in [
        ("user.title in [account.plan]", json!({"user.title": "a"}), None),
        ("user.title in [account.plan, \"b\"]", json!({"user.title": "a"}), None),
        ("user.title in [account.plan, \"a\"]", json!({"user.title": "a"}), Some(true)),
        ("user.title in [account.plan]", json!({"user.title": "a", "account.plan": "b"}), Some(false)),
        ("user.title in [account.plan]", json!({"account.plan": "b"}), None),
    ] {
        assert_eq!(test(source, facts), outcome, "{source}");
    }
}

#[test]
fn constants_are_found() {
    for (source, constant) in [
        ("true", Some(true)),
        ("false", Some(false)),
        ("1 < 2", Some(true)),
        ("tasks_30d > 5 || true", Some(true)),
        ("tasks_30d > 5 && false", Some(false)),
        ("\"a\" in [\"a\"]", Some(true)),
        ("duration(\"1d\") == duration(\"24h\")", Some(true)),
        ("true ? false : intent", Some(false)),
        ("tasks_30d > 5", None),
        ("now > timestamp(\"2020-01-01\")", None),
        ("has(account.plan) || true", Some(true)),
    ] {
        assert_eq!(compiled(source).constant(), constant, "{source}");
    }
}
