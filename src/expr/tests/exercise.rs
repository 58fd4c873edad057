//! The promises of conditions, held against any source and over any facts. The fuzz target `expression` includes this file.

use super::*;

/// Facts of any kind whatever was declared: the same value for the same name, chosen by a seed.
pub(super) struct Dice(pub u64);

impl Facts for Dice {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        let name = format!("{slot:?}");
        let mixed = name.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        match mixed >> 60 {
            0 | 1 => Value::Unknown,
            2 => Value::Bool(mixed & 1 == 0),
            3 | 4 => Value::Number(f64::from(u8::try_from(mixed & 0x0f).unwrap_or(0))),
            5 => Value::Number(f64::NAN),
            6 => Value::Number(f64::INFINITY),
            7 => Value::Time(Millis(i64::MAX)),
            8 => Value::Time(NOW),
            9 => Value::text("a"),
            10 => Value::text("51-200"),
            11 => Value::text("2026-11-20"),
            12 => Value::text("yes"),
            13 => Value::List(vec![Value::text("a"), Value::Number(1.0), Value::Unknown]),
            14 => Value::List(Vec::new()),
            _ => Value::text(""),
        }
    }
}

/// Compiles `source` and holds the promises: errors lie inside it and can be shown; a decision is explained as it is made; a
/// constant is constant.
pub(super) fn exercise(source: &str, seed: u64) {
    match compile(source, &broad_scope()) {
        Ok(expr) => {
            assert_eq!(expr.source(), source);
            hold(&expr, &Dice(seed));
            hold(&expr, &Hidden { facts: &Dice(seed), slots: &expr.slots().collect::<Vec<_>>() });
            obeys_the_laws(source, &expr, &Dice(seed));
            keeps_decisions(source, &expr, &Dice(seed));
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            for error in errors {
                assert!(source.get(error.span.clone()).is_some(), "{error:?} is outside");
                assert!(error.render(source).contains(&error.message));
            }
        }
    }
}

pub(super) fn hold(expr: &Expr, facts: &impl Facts) {
    let decided = expr.test(facts);
    let Explanation { met, progress, .. } = expr.explain(facts);
    assert_eq!(met, decided, "{expr:?} is explained otherwise than decided");
    assert!(progress.is_none_or(|progress| (0.0..=1.0).contains(&progress)), "{expr:?}: {progress:?} is no share");
    assert!(expr.constant().is_none_or(|constant| decided == Some(constant)), "{expr:?} is no constant");
}

/// Negation, conjunction and disjunction are Kleene's, whatever they are made of.
fn obeys_the_laws(source: &str, expr: &Expr, facts: &Dice) {
    let decided = expr.test(facts);
    // Behind a comment the parentheses would not close.
    let of = |form: &str| compile(&form.replace('_', &format!("({source}\n)")), &broad_scope()).ok();
    for (form, expected) in [
        ("!_", decided.map(|met| !met)),
        ("_ && true", decided),
        ("_ || false", decided),
        ("_ && false", Some(false)),
        ("_ || true", Some(true)),
        ("_ && _", decided),
        ("_ || _", decided),
        ("_ && !_", decided.map(|_| false)),
        ("_ || !_", decided.map(|_| true)),
        ("true ? _ : false", decided),
    ] {
        // `None`: over the bounds.
        if let Some(expr) = of(form) {
            assert_eq!(expr.test(facts), expected, "`{form}` of `{source}`");
        }
    }
}

/// Who knows less may decide less, but never otherwise.
fn keeps_decisions(source: &str, expr: &Expr, facts: &Dice) {
    // Whether something is known is what these ask.
    if source.contains("has") || source.contains("null") {
        return;
    }
    let full = expr.test(facts);
    for slot in expr.slots() {
        let less = expr.test(&Hidden { facts, slots: &[slot] });
        assert!(
            less.is_none() || full.is_none() || less == full,
            "`{source}` without {slot:?}: {less:?}, not {full:?}"
        );
    }
}

/// Facts of which some are not known.
struct Hidden<'f> {
    facts: &'f Dice,
    slots: &'f [&'f Slot],
}

impl Facts for Hidden<'_> {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        if self.slots.contains(&slot) { Value::Unknown } else { self.facts.read(slot) }
    }
}

fn broad_scope() -> Scope {
    let counter =
        |at, name: &str, figures| (Arc::from(name), Readable { id: CounterId(at), of: TraitOf::Account, figures });
    let list = Type::List(Box::new(Type::Any));
    let traits =
        [("a", Type::Any), ("b", Type::Bool), ("l", list), ("n", Type::Number), ("s", Type::Text), ("t", Type::Time)];
    let traits = || Some(traits.iter().map(|(name, ty)| (Box::from(*name), ty.clone())).collect());
    Scope {
        counters: [
            counter(0, "x", Figures::Added),
            counter(1, "y", Figures::Distinct),
            counter(2, "z", Figures::Added),
        ]
        .into(),
        user_traits: traits(),
        account_traits: traits(),
        trait_rules: BTreeMap::new(),
        event: true,
        flags: true,
        lead: true,
        ..Scope::default()
    }
}
