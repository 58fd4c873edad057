//! Time is stepped through, a millisecond at a time: no outcome changes before the moment that was told.

use proptest::prelude::*;

use super::*;
use crate::ids::CounterId;

/// How many milliseconds are stepped through.
const SPAN: i64 = 60;

/// A subject at a moment. Of its counters one rolls, so that it only falls; another looks at a stretch that has passed.
#[derive(Clone, Debug)]
struct Moment {
    now: Millis,
    rolling: Vec<i64>,
    past: Vec<i64>,
    created_at: Option<i64>,
    trial_ends_at: Option<i64>,
    verified: Option<bool>,
}

const WINDOW: i64 = 20;

impl Moment {
    fn at(&self, ms: i64) -> Self {
        Self { now: NOW.plus(ms), ..self.clone() }
    }

    fn count(&self, events: &[i64], from: i64, to: i64) -> Value<'static> {
        let count = events.iter().filter(|at| (from..to).contains(&self.now.since(NOW.plus(**at)))).count();
        Value::Number(f64::from(u32::try_from(count).unwrap()))
    }

    fn leaves(&self, events: &[i64], ages: &[i64]) -> Option<Millis> {
        let moments = events.iter().flat_map(|at| ages.iter().map(move |age| NOW.plus(at + age)));
        moments.filter(|at| *at > self.now).min()
    }
}

impl Facts for Moment {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        let time = |at: Option<i64>| at.map_or(Value::Unknown, |at| Value::Time(NOW.plus(at)));
        match slot {
            Slot::Counter(CounterId(0), _) => self.count(&self.rolling, 0, WINDOW),
            Slot::Counter(CounterId(1), _) => self.count(&self.past, WINDOW, 2 * WINDOW),
            Slot::Trait { path, .. } => match &*path[0] {
                "created_at" => time(self.created_at),
                "trial_ends_at" => time(self.trial_ends_at),
                "verified" => self.verified.map_or(Value::Unknown, Value::Bool),
                _ => Value::Unknown,
            },
            Slot::Now => Value::Time(self.now),
            _ => Value::Unknown,
        }
    }

    fn next_change(&self, slot: &Slot) -> Option<Drift> {
        let (at, way) = match slot {
            Slot::Counter(CounterId(0), _) => (self.leaves(&self.rolling, &[WINDOW])?, Way::Down),
            Slot::Counter(CounterId(1), _) => (self.leaves(&self.past, &[WINDOW, 2 * WINDOW])?, Way::Any),
            _ => return None,
        };
        Some(Drift { at, way })
    }
}

fn moment() -> impl Strategy<Value = Moment> {
    let events = || proptest::collection::vec(-40..1_i64, 0..5);
    let time = || proptest::option::weighted(0.9, -40..40_i64);
    (events(), events(), time(), time(), any::<Option<bool>>()).prop_map(
        |(rolling, past, created_at, trial_ends_at, verified)| Moment {
            now: NOW,
            rolling,
            past,
            created_at,
            trial_ends_at,
            verified,
        },
    )
}

fn leaf() -> impl Strategy<Value = String> {
    const SHAPES: &[&str] = &[
        "tasks_30d OP N",
        "N OP tasks_30d",
        "invited_30d OP N",
        "tasks_30d OP invited_30d",
        "tasks_30d - invited_30d OP N",
        "N - tasks_30d OP invited_30d",
        "tasks_30d / invited_30d OP N",
        "(user.verified ? tasks_30d : invited_30d) OP N",
        "now OP account.trial_ends_at",
        "account.trial_ends_at OP now",
        "now - user.created_at OP Dms",
        "account.trial_ends_at - now OP Dms",
        "now - Dms OP user.created_at",
        "user.created_at + Dms OP now",
        "now - user.created_at OP account.trial_ends_at - now",
        "(now - user.created_at) % Dms OP Dms",
        "(account.trial_ends_at - now) % Dms OP Dms",
        "(now - user.created_at) / Dms OP N",
        "tasks_30d / ((now - user.created_at) / Dms) OP N",
        "Dms / (now - user.created_at) OP N",
        "invited_30d * ((now - user.created_at) / Dms) OP N",
        "(now - user.created_at) / Dms * ((now - account.trial_ends_at) / Dms) OP N",
        "(tasks_30d > N ? now : user.created_at) OP account.trial_ends_at",
        "-(tasks_30d) OP -N",
        "[1, 2, 3].exists(n, tasks_30d OP n)",
        "[1, 2].all(n, now - user.created_at OP n * Dms)",
        "[1, 2, 3].exists_one(n, tasks_30d OP n)",
        "[tasks_30d, invited_30d].exists(n, n OP N)",
        "tasks_30d in [1, 2]",
        "N in [tasks_30d, invited_30d]",
        "size([tasks_30d]) OP N",
        "user.verified",
        "has(user.verified)",
        "user.age OP N",
    ];
    let shape = proptest::sample::select(SHAPES);
    let operator = proptest::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
    (shape, operator, proptest::collection::vec((0..4_u8, 1..30_u8), 3)).prop_map(|(shape, operator, numbers)| {
        numbers.into_iter().fold(shape.replace("OP", operator), |source, (small, length)| {
            let source = source.replacen('N', &small.to_string(), 1);
            source.replacen("Dms", &format!("duration(\"{length}ms\")"), 1)
        })
    })
}

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_change_comes_before_it_was_told(source in condition(), subject in moment()) {
        let Ok(expr) = compile(&source, &scope()) else { panic!("{source}") };
        let (met, next) = expr.outlook(&subject);
        prop_assert_eq!(met, expr.test(&subject));
        let told = next.map_or(SPAN, |next| next.since(NOW).min(SPAN));
        prop_assert!(told > 0, "{source} changes at {told} ms, which is no later than now");
        for ms in 1..told {
            prop_assert_eq!(expr.test(&subject.at(ms)), met, "{} at {} ms, told {:?}", &source, ms, next);
        }
    }

    #[test]
    fn what_is_told_again_and_again_comes_to_an_end(source in condition(), subject in moment()) {
        let Ok(expr) = compile(&source, &scope()) else { panic!("{source}") };
        let (mut at, mut asked) = (0, 0);
        while let Some(next) = expr.next_change(&subject.at(at)).filter(|_| at < SPAN) {
            at = next.since(NOW);
            asked += 1;
        }
        prop_assert!(asked <= SPAN, "{source}");
    }
}

fn next(source: &str, subject: &Moment) -> Option<i64> {
    compiled(source).next_change(subject).map(|at| at.since(NOW))
}

fn subject() -> Moment {
    Moment {
        now: NOW,
        rolling: vec![-10, -5, 0],
        past: Vec::new(),
        created_at: Some(-86_400_000),
        trial_ends_at: Some(5 * 86_400_000),
        verified: None,
    }
}

#[test]
fn moments_are_exact() {
    const DAY: i64 = 86_400_000;
    let of = |source| next(source, &subject());
    assert_eq!(of("now >= account.trial_ends_at"), Some(5 * DAY));
    assert_eq!(of("now > account.trial_ends_at"), Some(5 * DAY + 1));
    assert_eq!(of("now - user.created_at < duration(\"14d\")"), Some(13 * DAY));
    assert_eq!(of("account.trial_ends_at - now < duration(\"3d\")"), Some(2 * DAY + 1));
    assert_eq!(of("tasks_30d / ((now - user.created_at) / duration(\"1d\")) > 1"), Some(10), "its bucket leaves first");
    assert_eq!(of("10 / ((now - user.created_at) / duration(\"1d\")) > 1"), Some(9 * DAY));
}

#[test]
fn what_can_t_change_the_outcome_has_no_moment() {
    let of = |source| next(source, &subject());
    assert_eq!(of("now >= user.created_at"), None, "it has passed");
    assert_eq!(of("tasks_30d > 50"), None, "three are there, and time adds none");
    assert_eq!(of("tasks_30d < 50"), None);
    assert_eq!(of("tasks_30d == 50"), None);
    assert_eq!(of("tasks_30d >= 2"), Some(10));
    assert_eq!(of("tasks_30d < 2"), Some(10));
    assert_eq!(of("50 < tasks_30d"), None);
    assert_eq!(of("now < account.trial_ends_at && tasks_30d > 50"), None, "one part stays false");
    assert_eq!(of("now < account.trial_ends_at || tasks_30d < 50"), None, "one part stays true");
    assert_eq!(of("user.verified && user.title == \"CTO\""), None);
}

#[test]
fn what_can_t_be_told_is_looked_at_each_minute() {
    assert_eq!(next("now in [user.created_at]", &subject()), Some(60_000));
}
