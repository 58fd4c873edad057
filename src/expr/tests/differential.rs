//! Random conditions: where we decide, the `cel` crate's own interpreter decides alike.
//!
//! Over facts that are all known. Numbers are written as doubles, since CEL's integers don't mix with them. We may say
//! "unknown" where CEL computes with infinity; never the other way about, and never the opposite.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn number() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        (0_u8..6).prop_map(|n| format!("{n}.0")),
        (0_u8..6).prop_map(|n| format!("{n}.5")),
        Just("tasks_30d".to_owned()),
        Just("boards".to_owned()),
        Just("account.seats_limit".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), "[-+*/]", inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), "[-+*/]", inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (truth_leaf(), inner.clone(), inner).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
    .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[abF]{0,3}".prop_map(|text| format!("\"{text}\"")),
        Just("'é😀'".to_owned()),
        Just("account.plan".to_owned()),
        Just("user.title".to_owned()),
        Just("(account.plan + user.title)".to_owned()),
    ]
    .boxed()
}

fn truth_leaf() -> BoxedStrategy<String> {
    let comparison = || proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let small =
        prop_oneof![Just("tasks_30d".to_owned()), Just("boards".to_owned()), (0_u8..9).prop_map(|n| format!("{n}.0"))];
    prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("intent".to_owned()),
        Just("user.verified".to_owned()),
        (small.clone(), comparison(), small).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text(), comparison(), text()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (text(), proptest::sample::select(vec!["contains", "startsWith", "endsWith"]), text())
            .prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
        (text(), comparison(), 0_u8..5).prop_map(|(a, op, n)| format!("size({a}) {op} {n}")),
        (text(), proptest::collection::vec(text(), 0..4)).prop_map(|(a, list)| format!("{a} in [{}]", list.join(", "))),
        text().prop_map(|a| format!("{a} in user.tags")),
        (text(), proptest::sample::select(vec!["exists", "all", "exists_one"]))
            .prop_map(|(a, quantifier)| format!("user.tags.{quantifier}(t, t == {a} || t.startsWith({a}))")),
        text().prop_map(|a| format!("{a}.matches('^[aF]+')")),
    ]
    .boxed()
}

fn truth() -> BoxedStrategy<String> {
    let comparison = || proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        2 => truth_leaf(),
        1 => (number(), comparison(), number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..5).prop_map(|terms| terms.join(" && ")),
            proptest::collection::vec(inner.clone(), 2..5).prop_map(|terms| terms.join(" || ")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| format!("(({c}) ? ({a}) : ({b}))")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) == ({b})")),
        ]
    })
    .boxed()
}

#[derive(Clone, Debug)]
struct Known {
    tasks: f64,
    boards: f64,
    employees: f64,
    plan: String,
    title: String,
    verified: bool,
    intent: bool,
    tags: Vec<String>,
}

fn known() -> impl Strategy<Value = Known> {
    let half = || (0_u8..12).prop_map(|n| f64::from(n) / 2.0);
    (
        half(),
        half(),
        half(),
        "[abF]{0,3}",
        "[abFé]{0,3}",
        any::<bool>(),
        any::<bool>(),
        proptest::collection::vec("[abF]{0,2}", 0..4),
    )
        .prop_map(|(tasks, boards, employees, plan, title, verified, intent, tags)| Known {
            tasks,
            boards,
            employees,
            plan,
            title,
            verified,
            intent,
            tags,
        })
}

impl Known {
    fn ours(&self) -> Sample {
        Sample::of(json!({
            "tasks_30d": self.tasks, "boards": self.boards, "account.seats_limit": self.employees, "account.plan": self.plan,
            "user.title": self.title, "user.verified": self.verified, "intent": self.intent, "user.tags": self.tags,
        }))
    }

    fn theirs(&self) -> cel::Context<'static, 'static> {
        use std::collections::HashMap;
        let mut context = cel::Context::default();
        let account: HashMap<String, cel::Value> = HashMap::from([
            ("plan".to_owned(), self.plan.clone().into()),
            ("seats_limit".to_owned(), self.employees.into()),
        ]);
        let user: HashMap<String, cel::Value> = HashMap::from([
            ("title".to_owned(), self.title.clone().into()),
            ("verified".to_owned(), self.verified.into()),
            ("tags".to_owned(), self.tags.clone().into()),
        ]);
        context.add_variable_from_value("account", account);
        context.add_variable_from_value("user", user);
        context.add_variable_from_value("tasks_30d", self.tasks);
        context.add_variable_from_value("boards", self.boards);
        context.add_variable_from_value("intent", self.intent);
        context
    }
}

/// What an edit of a source puts between its tokens.
const PIECES: &[&str] = &[
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "(",
    ")",
    "[",
    "]",
    "?",
    ":",
    ",",
    ".",
    "true",
    "false",
    "1.0",
    "2.5",
    ".5",
    "1e1",
    "'a'",
    "\"F\"",
    "\"\\u0061\"",
    "'\\x46\\141'",
    "r'\\a'",
    "\"\\n\\\"\"",
    "tasks_30d",
    "boards",
    "intent",
    "account.plan",
    "user.title",
    "user.tags",
    "size(",
    ".contains(",
    ".exists(t, t ==",
    "[0]",
    "// ",
    "\n",
];

/// The tokens of what [`truth`] makes, as far as edits need to know them.
fn tokens(source: &str) -> Vec<&str> {
    static TOKEN: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        regex::Regex::new(r#"[A-Za-z_][A-Za-z0-9_.]*|[0-9.]+|"[^"]*"|'[^']*'|&&|\|\||[=!<>]=|\S"#)
            .expect("it is well-formed")
    });
    TOKEN.find_iter(source).map(|found| found.as_str()).collect()
}

/// `source` with tokens left out, put in, repeated and exchanged.
fn edited(source: &str, edits: &[(usize, usize, u8)]) -> String {
    let mut tokens = tokens(source);
    for (at, piece, how) in edits {
        let at = at % tokens.len().max(1);
        let piece = PIECES.get(piece % PIECES.len()).copied().unwrap_or_default();
        match how {
            0 if at < tokens.len() => drop(tokens.remove(at)),
            1 if at < tokens.len() => tokens[at] = piece,
            2 if at + 1 < tokens.len() => tokens.swap(at, at + 1),
            _ => tokens.insert(at, piece),
        }
    }
    tokens.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Texts with mistakes in them: what both accept means the same.
    #[test]
    fn what_both_accept_means_the_same(
        source in prop_oneof![truth_leaf(), truth()],
        edits in proptest::collection::vec((any::<usize>(), any::<usize>(), 0_u8..4), 1..4),
        facts in known(),
    ) {
        let text = edited(&source, &edits);
        let Ok(expr) = compile(&text, &scope()) else { return Ok(()) };
        let Ok(theirs) = cel::Program::compile(&text) else { return Ok(()) };
        if let (Some(met), Ok(cel::Value::Bool(theirs))) = (expr.test(&facts.ours()), theirs.execute(&facts.theirs())) {
            prop_assert_eq!(met, theirs, "{}", &text);
        }
    }
}

/// Ways to say the same: escapes, precedence, sides of operators, signs, brackets, comments.
#[test]
fn the_grammar_is_the_standard_s() {
    let facts = Known {
        tasks: 3.0,
        boards: 2.0,
        employees: 1.5,
        plan: "aF".into(),
        title: "\u{e9}\n\"'\\".into(),
        verified: true,
        intent: false,
        tags: vec!["a".into(), String::new()],
    };
    for source in [
        r#"user.title == "\u00e9\n\"'\\""#,
        r#"user.title == '\xe9\012"\'\\'"#,
        r#"user.title == '\U000000e9\n\"\'' + r'\'"#,
        "tasks_30d - boards - 1.0 == 0.0 && tasks_30d / boards / 2.0 == 0.75 && 8.0 - 2.0 * 3.0 == 2.0",
        "2.0 + 3.0 * 4.0 - -1.0 == 15.0 && -tasks_30d + 4.0 == 1.0 && - -tasks_30d == 3.0",
        "!intent && !!user.verified == true && !(intent || intent) && (!intent) == true",
        "intent && intent || user.verified",
        "user.verified || intent && intent",
        "intent ? intent : user.verified ? user.verified : intent",
        "user.verified ? intent || user.verified : intent",
        "1.0 < 2.0 == true && \"a\" in user.tags == true && 3.0 > 2.0 != false",
        "user.tags[0] == 'a' && user.tags[1].size() == 0 && [1.0, 2.0,][1] == 2.0 && .5 + 1e1 == 10.5",
        "user [ 'title' ] . contains ( '\\n' ) // && false\n && account\n.plan == \"aF\"",
        "has(user.title) && size(account.plan) == 2 && account.plan.matches(r'^\\w+$') && \"a\" + 'F' == account.plan",
        "user.tags.exists(t, t == '' || t.startsWith('b')) && user.tags.all(t, t in ['a', '']) && user.tags.exists_one(t, t == 'a')",
    ] {
        let ours = compiled(source).test(&facts.ours());
        let theirs = cel::Program::compile(source).map(|program| program.execute(&facts.theirs()));
        assert_eq!(ours, Some(true), "{source}");
        assert_eq!(theirs.expect("it is CEL"), Ok(cel::Value::Bool(true)), "{source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn we_decide_as_the_standard_does(source in truth(), facts in known()) {
        // Over the bounds: nothing to compare.
        let Ok(expr) = compile(&source, &scope()) else {
            let errors = compile(&source, &scope()).unwrap_err();
            let bounded = errors.iter().any(|e| e.message.contains("more than") || e.message.contains("longer") || e.message.contains("divided"));
            prop_assert!(bounded, "{}", rendered(&source, &errors));
            return Ok(());
        };
        let ours = facts.ours();
        let met = expr.test(&ours);
        prop_assert_eq!(expr.explain(&ours).met, met, "explained otherwise: {}", &source);
        if let Some(met) = met {
            let theirs = cel::Program::compile(&source).expect("it is CEL").execute(&facts.theirs());
            prop_assert_eq!(theirs, Ok(cel::Value::Bool(met)), "{}", &source);
        }
    }

    #[test]
    fn any_facts_are_decided_as_they_are_explained(source in truth(), seed: u64) {
        if let Ok(expr) = compile(&source, &scope()) {
            exercise::hold(&expr, &exercise::Dice(seed));
        }
    }

    #[test]
    fn knowing_less_never_turns_a_decision(source in truth(), facts in known(), hidden in 0_usize..8) {
        let Ok(expr) = compile(&source, &scope()) else { return Ok(()) };
        let full = facts.ours();
        let mut less = Sample(full.0.clone());
        let key = less.0.keys().nth(hidden).cloned().unwrap_or_default();
        less.0.remove(&key);
        if let Some(met) = expr.test(&less) {
            let with_all = expr.test(&full);
            prop_assert!(with_all.is_none_or(|with_all| with_all == met), "{}", &source);
        }
    }
}
