//! What people read when a condition is wrong.
#![expect(clippy::string_slice, reason = "a place that is no boundary fails the test")]

use super::*;

fn report(sources: &[&str]) -> String {
    let of = |source: &&str| match compile(source, &scope()) {
        Ok(_) => format!("{source}\n(fine)"),
        Err(errors) => {
            for error in &errors {
                assert!(source.get(error.span.clone()).is_some(), "{source}: {error:?} is outside");
                assert!(!error.message.contains("expecting"), "{error:?}");
            }
            rendered(source, &errors)
        }
    };
    sources.iter().map(of).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn names() {
    snapshot(
        "names",
        &report(&[
            "task_30d > 50",
            "tasks_30d > 50 && acount.plan == \"free\"",
            "plan == \"free\"",
            "account.plna == \"free\"",
            "account.revenue > 5",
            "account > 5",
            "account.plan.name == \"x\"",
            "tasks_30d.value > 5",
            "event.plan == \"x\"",
            "event.nam == \"x\"",
            "event.properties == 1",
            "properties == 1",
            "lead.teir == 1",
            "lead.tier.x == 1",
            "now.year == 2026",
            "foo.bar.baz == 1",
            "account.plan == free",
            "trial != account.plan",
            "account.plan in [free, \"trial\"]",
            "properties.plan == free && boards > bord",
        ]),
    );
}

#[test]
fn names_where_less_can_be_read() {
    let filter = Scope { event: true, ..Scope::default() };
    let of = |source: &str| rendered(source, &compile(source, &filter).unwrap_err());
    let report: Vec<String> =
        ["account.plan == \"free\"", "tasks_30d > 5", "lead.tier == 1", "intent", "propertys.plan == \"x\""]
            .map(of)
            .into();
    snapshot("names_where_less_can_be_read", &report.join("\n\n"));
}

#[test]
fn what_a_lead_does_not_tell() {
    let stale = Arc::new(TraitRule { stale: Some(86_400_000), ..TraitRule::default() });
    let rules = [((TraitOf::Account, Box::from("plan")), stale)];
    let route = Scope { as_told: true, trait_rules: rules.into(), ..scope() };
    let of = |source: &str| rendered(source, &compile(source, &route).unwrap_err());
    let report: Vec<String> =
        ["account.plan == \"free\"", "account.industry.at > now - 1d", "account.industry.source == \"crm\""]
            .map(of)
            .into();
    snapshot("what_a_lead_does_not_tell", &report.join("\n\n"));
    compile("account.industry == \"legal\"", &route).expect("a trait that doesn't go stale can be read");
}

#[test]
fn types() {
    snapshot(
        "types",
        &report(&[
            "account.employees > \"51-200\"",
            "account.employees * 2 > 5",
            "account.employees",
            "account.employees.mean > 5",
            "account.employees.source == \"crm\"",
            "account.country == \"Cannada\"",
            "account.country in [\"CA\", \"Atlantis\"]",
            "account.country.contains(\"Ger\")",
            "account.country > \"DE\"",
            "account.sector == \"leagl\"",
            "account.employees > \"50\"",
            "account.employees > \"many\"",
            "account.plan > 5",
            "account.plan == 5",
            "tasks_30d",
            "account.plan",
            "now",
            "user.tags",
            "now - user.first_seen",
            "now - user.first_seen < 14",
            "user.first_seen < duration(\"14d\")",
            "user.verified == \"yes\"",
            "user.verified > true",
            "1 < tasks_30d < 5",
            "!tasks_30d",
            "tasks_30d && account.plan == \"free\"",
            "user.created_at > \"yesterday\"",
            "user.tags == \"a\"",
            "tasks_30d + account.plan > 5",
            "now + now > now",
            "-account.plan == 1",
            "tasks_30d / 0 > 1",
            "account.plan in [\"a\", 5]",
            "tasks_30d in [\"1\", \"2\"]",
            "\"a\" in account.plan",
            "\"a\" in tasks_30d",
            "5 in user.tags",
            "user.tags[\"a\"] == \"x\"",
            "user.tags[-1] == \"x\"",
            "user.tags[0.5] == \"x\"",
            "account.plan[0] == \"x\"",
            "(tasks_30d > 5 ? 1 : \"x\") == 1",
            "account.plan > null",
        ]),
    );
}

#[test]
fn calls() {
    snapshot(
        "calls",
        &report(&[
            "user.title.contians(\"x\")",
            "user.title.includes(\"x\")",
            "user.title.starts_with(\"x\")",
            "user.title.toLowerCase() == \"x\"",
            "len(user.title) > 5",
            "contains(user.title, \"x\")",
            "int(properties.x) > 5",
            "tasks_30d() > 5",
            "now() > user.created_at",
            "tasks_30d.contains(\"x\")",
            "user.tags.contains(\"x\")",
            "user.tags.startsWith(\"x\")",
            "user.title.contains()",
            "user.title.contains([\"a\", \"b\"])",
            "user.title.contains(5)",
            "user.title.containsAny([])",
            "user.title.containsAny([\"a\", account.plan])",
            "user.title.matches(\"(\")",
            "user.title.matches(account.plan)",
            "user.title.matches(\"\\\\d{1000}{1000}\")",
            "user.title.lower(1) == \"x\"",
            "tasks_30d.size() > 1",
            "has()",
            "has(account.pln)",
            "duration(\"14\") < now - user.first_seen",
            "duration(14) < now - user.first_seen",
            "timestamp(\"soon\") < now",
            "user.tags.exists(x == 1)",
            "user.tags.exists(\"x\", true)",
            "user.tags.exists(x, x)",
            "user.tags.exists(x, user.tags.exists(y, x == y))",
            "user.tags.map(x, x).size() > 1",
            "account.plan.exists(x, x == \"a\")",
            "user.tags.exists(x, x.y == \"a\")",
            "days_since(user.first_seen) > 5",
            "user.email.domain() == \"example.com\"",
            "user.title.isEmpty()",
            "coalesce(tasks_30d, 0) > 5",
            "frobnicate(user.title)",
            "user.title.frobnicate()",
        ]),
    );
}

#[test]
fn syntax() {
    snapshot(
        "syntax",
        &report(&[
            "",
            "   ",
            "account.plan = \"free\"",
            "tasks_30d > 5 and account.plan == \"free\" or boards > 1",
            "tasks_30d > 5 AND task_30d > 5",
            "not user.verified",
            "tasks_30d > 5 & boards > 1 | boards > 2",
            "account.plan == \"free",
            "account.plan == 'free' && user.title == 'x",
            "account.plan == “free”",
            "(tasks_30d > 5",
            "tasks_30d > 5)",
            "(tasks_30d > 5]",
            "tasks_30d >",
            "> 5",
            "tasks_30d > > 5",
            "tasks_30d 5",
            "tasks_30d > 5 boards > 1",
            "tasks_30d > 5 && && boards > 1",
            "tasks_30d > 1,000",
            "tasks_30d > 1_000",
            "tasks_30d > 10k",
            "now - user.first_seen < 14D",
            "now - user.first_seen < 14 d",
            "now - user.first_seen < 14 days",
            "tasks_30d > 80%",
            "seats_used / account.seats_limit >= 80% && boards > 1",
            "account.plan is not \"free\"",
            "tasks_30d > 5 and not boards > 1",
            "tasks_30d >= 5 ? true",
            "tasks_30d : 5",
            "account.plan is \"free\"",
            "account.plan <> \"free\"",
            "account.plan === \"free\"",
            "tasks_30d => 5",
            "tasks_30d ≥ 5",
            "account.plan in (\"a\", \"b\")",
            "account.plan not in [\"a\", \"b\"]",
            "user.title contains \"x\"",
            "user.title like \"x\"",
            "tasks_30d between 1",
            "user.verified == True",
            "account.plan == None",
            "if tasks_30d > 5",
            "{\"a\": 1} == 1",
            "user. == 1",
            "user..title == 1",
            "user.title == \"\\d\"",
            "tasks_30d > 5; boards > 1",
            "user.größe > 5",
            "tasks_30d > 1e999",
            "user.`job title` == \"x\"",
            "user.in == 1",
            "account.plan == \"a\" &&",
            "f(,)",
            "[1,2",
            "user.title ? . : x",
            "$account > 5",
            "tasks_30d > 5 // the rest is a comment &&",
        ]),
    );
}

#[test]
fn places_are_bytes_also_after_letters_that_take_several() {
    let source = "user.title == \"Müller 😀\" && task_30d > 5";
    let errors = compile(source, &scope()).unwrap_err();
    assert_eq!(&source[errors[0].span.clone()], "task_30d");
    let source = "\n  user.title == \"ü\"\n  && account.plna == 5";
    let errors = compile(source, &scope()).unwrap_err();
    assert_eq!(&source[errors[0].span.clone()], "account.plna");
    snapshot("a_place_on_a_later_line", &rendered(source, &errors));
}

#[test]
fn several_errors_at_once_in_order_of_place() {
    let source = "task_30d > 50 and account.plna = 5 && user.title.contians(\"x\")";
    snapshot("several_errors_at_once", &rendered(source, &compile(source, &scope()).unwrap_err()));
}
