//! What a condition costs, beside the same condition as native code and beside the `cel` crate's own interpreter.
//!
//! `cargo bench --bench expr`. The interpreter gets its best case: a context that was built before and is reused, whereas
//! real facts change with every event. What it has nothing like, windows and whole definitions, is measured over a record as the
//! engine has it: 60 days of events in a ledger.
#![expect(clippy::panic, reason = "a bench that panics has failed")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use handraiser::config::load_text;
use handraiser::event::{Call, Event, SourceName, Trust};
use handraiser::expr::{Expr, Facts, Figures, Readable, Scope, Slot, TraitOf, Type, Value, compile};
use handraiser::ids::{CounterId, SubjectKind};
use handraiser::qualify::{Definition, View, Who, evaluate};
use handraiser::record::{Saying, Subject as Record};
use handraiser::time::Millis;
use serde_json::{Map, Value as Json, json};

const COUNTERS: [(&str, f64); 5] =
    [("tasks_30d", 132.0), ("invited_30d", 17.0), ("boards", 12.0), ("daily_users", 24.0), ("seats_used", 9.0)];

const TWO: &str = r#"tasks_30d > 50 && account.plan == "free""#;

const TEN: &str = r#"tasks_30d > 50 && invited_30d >= 10 && account.plan == "free" && account.employees >= 50.0
    && account.industry in ["legal", "law", "finance"] && user.title.contains("Operations") && boards >= 10
    && daily_users >= 20 && seats_used / account.seats_limit >= 0.8 && user.verified"#;

/// Counters in a table, traits as JSON: what the engine has at hand.
struct Subject {
    counters: [f64; 5],
    account: Map<String, Json>,
    user: Map<String, Json>,
}

impl Subject {
    fn new() -> Self {
        let map = |json| match json {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            counters: COUNTERS.map(|(_, figure)| figure),
            account: map(json!({"plan": "free", "employees": 120.0, "industry": "legal", "seats_limit": 10.0})),
            user: map(json!({"title": "Head of Operations", "verified": true})),
        }
    }
}

impl Facts for Subject {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        match slot {
            Slot::Counter(id, _) => {
                self.counters.get(usize::from(id.0)).map_or(Value::Unknown, |figure| Value::Number(*figure))
            }
            Slot::Trait { of: TraitOf::Account, path, .. } => Value::at_path(&self.account, path),
            Slot::Trait { of: TraitOf::User, path, .. } => Value::at_path(&self.user, path),
            _ => Value::Unknown,
        }
    }
}

fn scope() -> Scope {
    let counters = COUNTERS.iter().zip(0..).map(|((name, _), at)| {
        (Arc::from(*name), Readable { id: CounterId(at), of: SubjectKind::Account, figures: Figures::Added })
    });
    let traits = |list: &[(&str, Type)]| Some(list.iter().map(|(name, ty)| (Box::from(*name), ty.clone())).collect());
    Scope {
        counters: counters.collect(),
        account_traits: traits(&[
            ("plan", Type::Text),
            ("employees", Type::Number),
            ("industry", Type::Text),
            ("seats_limit", Type::Number),
        ]),
        user_traits: traits(&[("title", Type::Text), ("verified", Type::Bool)]),
        ..Scope::default()
    }
}

fn compiled(source: &str) -> Expr {
    compile(source, &scope()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The same conditions as a programmer would write them over the same data.
fn native_two(subject: &Subject) -> bool {
    let number = |at: usize| subject.counters.get(at).copied().unwrap_or_default();
    number(0) > 50.0 && subject.account.get("plan").and_then(Json::as_str) == Some("free")
}

fn native_ten(subject: &Subject) -> bool {
    let number = |at: usize| subject.counters.get(at).copied().unwrap_or_default();
    let text = |of: &Map<String, Json>, name: &str, test: fn(&str) -> bool| {
        of.get(name).and_then(Json::as_str).is_some_and(test)
    };
    let figure = |name: &str| subject.account.get(name).and_then(Json::as_f64).unwrap_or_default();
    number(0) > 50.0
        && number(1) >= 10.0
        && text(&subject.account, "plan", |plan| plan == "free")
        && figure("employees") >= 50.0
        && text(&subject.account, "industry", |industry| matches!(industry, "legal" | "law" | "finance"))
        && text(&subject.user, "title", |title| title.contains("Operations"))
        && number(2) >= 10.0
        && number(3) >= 20.0
        && number(4) / figure("seats_limit") >= 0.8
        && subject.user.get("verified").and_then(Json::as_bool) == Some(true)
}

/// The interpreter's context, holding the same facts.
fn context() -> cel::Context<'static, 'static> {
    let mut context = cel::Context::default();
    for (name, figure) in COUNTERS {
        context.add_variable_from_value(name, figure);
    }
    let account: HashMap<String, cel::Value> = HashMap::from([
        ("plan".to_owned(), "free".into()),
        ("employees".to_owned(), 120.0.into()),
        ("industry".to_owned(), "legal".into()),
        ("seats_limit".to_owned(), 10.0.into()),
    ]);
    let user: HashMap<String, cel::Value> =
        HashMap::from([("title".to_owned(), "Head of Operations".into()), ("verified".to_owned(), true.into())]);
    context.add_variable_from_value("account", account);
    context.add_variable_from_value("user", user);
    context
}

fn conditions(criterion: &mut Criterion) {
    let subject = Subject::new();
    let context = context();
    let natives: [fn(&Subject) -> bool; 2] = [native_two, native_ten];
    for ((name, source), native) in [("2 clauses", TWO), ("10 clauses", TEN)].into_iter().zip(natives) {
        let expr = compiled(source);
        let program = cel::Program::compile(source).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(expr.test(&subject), Some(true));
        assert_eq!(program.execute(&context), Ok(cel::Value::Bool(true)));
        assert!(native(&subject));
        let mut group = criterion.benchmark_group(name);
        group.bench_function("native", |b| b.iter(|| native(black_box(&subject))));
        group.bench_function("handraiser", |b| b.iter(|| expr.test(black_box(&subject))));
        group.bench_function("cel interpreter", |b| b.iter(|| program.execute(black_box(&context))));
        group.bench_function("handraiser, explained", |b| b.iter(|| expr.explain(black_box(&subject))));
        group.finish();
    }
}

fn compiling(criterion: &mut Criterion) {
    let scope = scope();
    let mut group = criterion.benchmark_group("compile");
    for (name, source) in [("2 clauses", TWO), ("10 clauses", TEN)] {
        group.bench_function(name, |b| b.iter(|| compile(black_box(source), &scope)));
    }
    group.bench_function("an error in 2 clauses", |b| {
        b.iter(|| compile(black_box("task_30d > 50 and account.plan = \"free\""), &scope));
    });
    group.finish();
}

/// Ten clauses, each over a window or a moment of its own.
const WINDOWS: &str = "
      tasks.within(30d) > 50
      tasks.within(7d) >= 10
      tasks.between(14d, 7d) >= 5
      tasks.this(month) > 0
      tasks.during(account.created_at, account.created_at + 14d) >= 0
      invited.within(30d) >= 10
      invited.within(24h) >= 1
      now - tasks.last_at < 7d
      people.within(7d) >= 1
      days.within(30d) >= 20";

/// Ten definitions, of usage and profile, some with tiers.
fn rules() -> String {
    let definition = |n: usize| {
        format!(
            "  - name: d{n}\n    of: account\n    intent: [tasks.within(30d) > {}, invited >= {n}]\n    \
             fit: ['account.plan == \"free\"', account.employees >= {}]\n    \
             tiers: {{ 1: account.employees >= 500, 2: intent }}\n",
            20 + n,
            10 * n
        )
    };
    let definitions: String = (0..10).map(definition).collect();
    format!(
        "traits:\n  account: {{ created_at: time, employees: number }}\ncounters:\n  \
         tasks: {{ of: account, event: Task Created }}\n  \
         invited: {{ of: account, event: Invited, distinct: properties.email, within: 30d }}\n  \
         people: {{ of: account, event: any, distinct: user, within: 30d }}\n  \
         days: {{ of: account, event: any, distinct: day, within: 30d }}\n\
         definitions:\n  - name: windows\n    of: account\n    intent: |{WINDOWS}\n{definitions}"
    )
}

fn track(name: &str, at: Millis, properties: Json) -> Event {
    let Json::Object(properties) = properties else { panic!("properties are an object") };
    Event {
        source: SourceName::new("app"),
        trust: Trust::Server,
        covered: true,
        call: Call::Track,
        message_id: "m".into(),
        message: None,
        user_id: Some("u".into()),
        anonymous_id: None,
        previous_id: None,
        group_id: None,
        context_group_id: Some("acme".into()),
        name: Some(name.into()),
        timestamp: at,
        received_at: at,
        properties,
        traits: Map::new(),
        context_traits: Map::new(),
    }
}

/// What the engine does with every event: a view over records, and every definition evaluated.
fn definitions(criterion: &mut Criterion) {
    const NOW: Millis = Millis(1_795_253_400_000);
    let loaded = load_text("bench.yaml", &rules(), &|_| None).unwrap_or_else(|all| panic!("{all:?}"));
    let rules = &loaded.config.rules;
    let mut account = Record::default();
    let created = NOW.plus(-60 * Millis::DAY).rfc3339();
    let said = json!({ "plan": "free", "employees": 120, "created_at": created });
    let source = SourceName::new("app");
    let saying = Saying { source: &source, at: NOW, trust: Trust::Server };
    account.traits.learn(said.as_object().unwrap_or(&Map::new()), saying, |_| None);
    for day in (0..60).rev() {
        let at = NOW.plus(-day * Millis::DAY);
        for n in 0..5 {
            let user = format!("user-{n}");
            let task = track("Task Created", at, json!({}));
            account.ledger.apply(&rules.plan, SubjectKind::Account, &task, Some(&user), (at, 7));
        }
        let invited = track("Invited", at, json!({ "email": format!("{day}@example.com") }));
        account.ledger.apply(&rules.plan, SubjectKind::Account, &invited, Some("user-0"), (at, 7));
    }
    let event = track("Task Created", NOW, json!({}));
    let view = View {
        plan: &rules.plan,
        now: NOW,
        user: Who::Nobody,
        account: Who::Record("acme", &account),
        event: Some(&event),
        member_events: None,
        intent: None,
        fit: None,
    };
    let Some((windows, ten)) = rules.definitions.split_first() else { panic!("there are definitions") };
    for condition in &windows.intent {
        assert_eq!(condition.test(&view), Some(true), "{}", condition.source());
    }
    let qualify = |definition: &Definition| evaluate(definition, &view).tier;
    assert!(ten.iter().all(|definition| qualify(definition) == Some(2)));
    let mut group = criterion.benchmark_group("over a record");
    group.bench_function("10 clauses with windows", |b| {
        b.iter(|| windows.intent.iter().all(|condition| condition.test(black_box(&view)) == Some(true)));
    });
    group.bench_function("10 definitions an event", |b| {
        b.iter(|| ten.iter().filter(|definition| evaluate(definition, black_box(&view)).tier.is_some()).count());
    });
    group.finish();
}

criterion_group!(benches, conditions, definitions, compiling);
criterion_main!(benches);
