//! Texts with one condition on each line.

use super::*;

fn split(source: &str) -> Vec<&str> {
    split_conditions(source).into_iter().map(|range| source.get(range).expect("it lies inside")).collect()
}

#[test]
fn each_line_is_a_condition() {
    assert_eq!(split("tasks_30d > 50\naccount.plan == \"free\"\n"), ["tasks_30d > 50", "account.plan == \"free\""]);
    assert_eq!(split("  a > 1\r\n\n\n  !b\n(c)\n[1].exists(x, x > d)"), ["a > 1", "!b", "(c)", "[1].exists(x, x > d)"]);
    assert_eq!(split("not a\nnot b"), ["not a", "not b"]);
    assert_eq!(split(""), [""; 0]);
    assert_eq!(split("\n # nothing\n // at all\n"), [""; 0]);
}

#[test]
fn comments_belong_to_none() {
    assert_eq!(split("# people\na > 1 # why\n  # more\nb == \"#1\" // so\n"), ["a > 1", "b == \"#1\""]);
}

#[test]
fn a_line_goes_on() {
    for whole in [
        "a in [\n  \"x\",\n  \"y\"\n]",
        "a.exists(t,\n  t == \"x\"\n)",
        "(a\n|| b)",
        "a > 1 ||\nb > 1",
        "a > 1\n  || b > 1",
        "a > 1 and\nb > 1",
        "a > 1\nor b > 1",
        "a\n\n  in [1]",
        "a >\n5",
        "a\n- 5 > 1",
        "c\n? a\n: b",
        "a\n.lower() == \"x\"",
        "a > 1 && !\nb",
        "a > 1 && # why\n# still\nb > 1",
        "a not\nin [1]",
    ] {
        assert_eq!(split(whole), [whole]);
        let two = format!("first > 1\n{whole}\nlast > 1");
        assert_eq!(split(&two), ["first > 1", whole, "last > 1"], "{two}");
    }
}

#[test]
fn what_is_cut_off() {
    for source in ["a.exists(t", "a in [\"x\"", "a.contains(\"a", "f((x)"] {
        assert!(is_cut_off(source), "{source}");
    }
    for source in ["t == \"vip\")", "a", "", "f(a)[0]"] {
        assert!(!is_cut_off(source), "{source}");
    }
}

proptest::proptest! {
    /// Nothing but space and comments stands between the conditions of a text.
    #[test]
    fn every_token_belongs_to_one(source in "[ab1.,()\\[\\]!&|<=\"'#/\n -]{0,40}") {
        let mut rest = source.clone();
        for range in split_conditions(&source).into_iter().rev() {
            proptest::prop_assert!(!range.is_empty());
            rest.replace_range(range, "");
        }
        let left: String = rest.lines().map(|line| line.split(['#', '/']).next().unwrap_or_default()).collect();
        proptest::prop_assert!(left.trim().is_empty(), "{:?} of {:?}", left, source);
    }
}
