//! Sources made to hurt: refused, or compiled, quickly and in little stack.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

/// Compiles and runs on a thread with the stack of a server's worker.
fn survives(source: String) -> Result<(), Vec<ExprError>> {
    let run = move || {
        let start = Instant::now();
        let outcome = compile(&source, &scope()).map(|expr| {
            let facts =
                Sample::of(json!({"user.tags": vec!["b"; 500], "user.title": "a".repeat(4_000), "tasks_30d": 1}));
            assert_eq!(expr.explain(&facts).met, expr.test(&facts));
        });
        // Generous: a debug build on a busy machine. What the bounds are for took ten seconds and more, or the process.
        assert!(start.elapsed() < Duration::from_secs(5), "{:?} for {source}", start.elapsed());
        outcome
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().expect("no panic")
}

fn refused(source: String, because: &str) {
    let shown = source.chars().take(40).collect::<String>();
    let errors = survives(source).expect_err(&shown);
    assert!(errors.iter().any(|error| error.message.contains(because)), "{shown}: {errors:?}");
}

#[test]
fn chains() {
    refused(format!("1{} > 0", "+1".repeat(2_000)), "longer than");
    refused(format!("1{} > 0", "+1".repeat(1_000)), "operators");
    refused(format!("x{} > 0", ".a".repeat(900)), "steps");
    refused(format!("user.tags{} == 1", "[0]".repeat(500)), "steps");
    refused(format!("x{} == 1", ".lower()".repeat(200)), "steps");
    refused(format!("{}true", "!".repeat(2_000)), "operators");
    refused(format!("{}1 > 0", "-".repeat(2_000)), "operators");
    refused(format!("true{}", "?true:true".repeat(200)), "choices");
    refused(format!("1{}", "<1".repeat(900)), "operators");
    refused(format!("true{}", "&&true".repeat(330)), "operators");
    refused("a ".repeat(1_000), "missing between");
    refused(",".repeat(2_000), "missing");
}

#[test]
fn the_largest_that_is_allowed() {
    assert!(survives(format!("1{} > 0", "+1".repeat(syntax::MAX_OPERATORS - 1))).is_ok());
    assert!(survives(format!("true{}", "&&true".repeat(syntax::MAX_OPERATORS))).is_ok());
    assert!(survives(format!("true{}", "||true".repeat(syntax::MAX_OPERATORS))).is_ok());
    assert!(survives(format!("true{}", "?true:false".repeat(syntax::MAX_CHOICES))).is_ok());
    assert!(survives(format!("{}true", "!".repeat(syntax::MAX_OPERATORS))).is_ok());
    let deep = format!("{}true{}", "(".repeat(syntax::MAX_DEPTH), ")".repeat(syntax::MAX_DEPTH));
    assert!(survives(deep).is_ok());
    let lists = format!("{}1{} == 1", "[".repeat(syntax::MAX_DEPTH), "]".repeat(syntax::MAX_DEPTH));
    assert!(survives(lists).is_err());
    let deep_chains = format!("{}1{} > 0", "1+1+1+1+1+1+1+(".repeat(syntax::MAX_DEPTH), ")".repeat(syntax::MAX_DEPTH));
    assert!(survives(deep_chains).is_ok());
    assert!(survives(format!("tasks_30d in [{}1]", "1,".repeat(1_000))).is_ok());
    assert!(survives(format!("user.title{} == \"\"", ".lower()".repeat(syntax::MAX_STEPS / 2 - 1))).is_ok());
}

#[test]
fn depth() {
    for (open, close) in
        [("(", ")"), ("[", "]"), ("size(", ")"), ("!(", ")"), ("x[", "]"), ("user.tags.exists(x,", ")")]
    {
        refused(format!("{}true{}", open.repeat(60), close.repeat(60)), "nested");
        refused(open.repeat(90), "nested");
    }
    assert!(survives(")".repeat(2_000)).is_err());
    assert!(survives("([".repeat(1_000)).is_err());
    assert!(survives("{".repeat(2_000)).is_err());
}

#[test]
fn comprehensions() {
    let list = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    refused(format!("[{list}].all(a, [{list}].all(b, [{list}].all(c, a + b + c >= 0)))"), "within another");
    let twice = "user.tags.exists(x, x == \"a\") || user.tags.exists(x, x == \"c\")";
    assert!(survives(twice.to_owned()).is_ok(), "side by side is fine");
    let checks = vec!["x.matches(\"(a|aa)+$\")"; 40].join(" || ");
    assert!(survives(format!("user.tags.exists(x, {checks})")).is_ok());
}

#[test]
fn patterns() {
    refused("user.title.matches(\"(a{1000}){1000}\")".to_owned(), "too large");
    refused("user.title.matches(\"\\\\pL{500}{10}\")".to_owned(), "too large");
    refused(format!("user.title.matches(\"{}{}\")", "(".repeat(300), ")".repeat(300)), "pattern");
    assert!(survives("user.title.matches(\"(a+)+b\")".to_owned()).is_ok());
    assert!(survives(format!("user.title.containsAny([\"{}b\"])", "a".repeat(1_900))).is_ok());
}

#[test]
fn quotes_and_odd_characters() {
    let sources = "\"¦'¦\"\"\"¦r\"¦b'¦\"\\¦\"\\x¦\"\\u12¦“¦„a¦\u{0}¦\u{feff}true¦//¦/¦😀¦a\u{301}¦\r¦\"a\nb\"";
    for source in sources.split('¦') {
        let _ = survives(source.to_owned());
        let _ = survives(format!("{source}{source}{source} == 1"));
    }
    assert!(survives("// a comment\ntrue // another".to_owned()).is_ok());
}

#[test]
fn any_text_is_compiled_or_refused_with_places_inside_it() {
    let words = "tasks_30d¦account.plan¦user.tags¦x¦&&¦||¦!¦-¦+¦*¦/¦%¦==¦=¦!=¦<¦>¦>=¦in¦(¦)¦[¦]¦{¦}¦,¦.¦?¦:¦\"a\"¦'¦\
        \"¦1¦2.5¦true¦null¦has(¦exists(¦now¦duration(\"1d\")¦ ¦and¦or¦not¦é¦😀¦\\¦\n¦//¦r\"¦u¦0x¦1e¦.5¦`";
    let words = proptest::sample::select(words.split('¦').collect::<Vec<_>>());
    proptest::proptest!(|(parts in proptest::collection::vec(words, 0..24), noise in ".{0,8}", seed: u64)| {
        let source = format!("{}{noise}", parts.concat());
        exercise::exercise(&source, seed);
    });
}

/// Counts what is read.
struct Counting(Sample, Cell<(usize, usize)>);

impl Facts for Counting {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        let value = self.0.read(slot);
        let (reads, bytes) = self.1.get();
        self.1.set((reads + 1, bytes + if let Value::Text(text) = &value { text.len() } else { 0 }));
        value
    }
}

/// The work of a condition is bounded by what it says, not by what is sent: one that goes through a list and looks at a text for
/// each element sees at most 250 times 2 KiB, whatever the list and the text are. With the values that are kept by default (100
/// elements, 1 KiB) it is 100 KiB.
#[test]
fn the_work_of_the_worst_event_is_bounded() {
    let facts = || {
        let tags = vec![Json::from("x"); 100_000];
        Counting(Sample::of(json!({"user.tags": tags, "user.title": "a".repeat(1 << 20)})), Cell::default())
    };
    for (source, expected) in [
        ("user.title.matches(\"(a+)+b\")", (1, 2 << 10)),
        ("user.title.containsWord([\"b\", \"c\"])", (1, 2 << 10)),
        ("\"y\" in user.tags", (1, 0)),
        ("user.tags.exists(t, user.title.contains(t))", (251, 250 * (2 << 10))),
        ("user.tags.all(t, !user.title.matches(\"(a+)+b\"))", (251, 250 * (2 << 10))),
    ] {
        let facts = facts();
        assert_eq!(
            compiled(source).test(&facts),
            if source.contains("user.tags") { None } else { Some(false) },
            "{source}"
        );
        assert_eq!(facts.1.get(), expected, "{source}");
    }
}
