//! What the fuzzer does with a source: compiles it where everything may be read, and holds the promises of this module
//! against the outcome.

use std::sync::Arc;

use super::{CounterId, Explanation, Expr, Nothing, Scope, SubjectKind, Type, compile};

/// Compiles `source` and, when it is a condition, decides and explains it over facts that know nothing.
///
/// # Panics
/// When a promise is broken: an error lies outside the source, a constant isn't constant, an explanation disagrees with the
/// decision, or the source is not kept as written.
pub fn exercise(source: &str) {
    match compile(source, &broad_scope()) {
        Ok(expr) => hold(source, &expr),
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            for error in errors {
                assert!(source.get(error.span.clone()).is_some(), "{error:?} is outside");
                assert!(error.render(source).contains(&error.message));
            }
        }
    }
}

fn hold(source: &str, expr: &Expr) {
    assert_eq!(expr.source(), source);
    let decided = expr.test(&Nothing);
    let Explanation { met, progress, .. } = expr.explain(&Nothing);
    assert_eq!(met, decided, "explained otherwise than decided");
    assert!(progress.is_none_or(|progress| (0.0..=1.0).contains(&progress)), "progress is a share");
    if let Some(constant) = expr.constant() {
        assert_eq!(decided, Some(constant), "a constant that changes");
    }
}

fn broad_scope() -> Scope {
    let counter = |at: u16, name: &str, ty| (Arc::from(name), (CounterId(at), SubjectKind::Account, ty));
    let list = Type::List(Box::new(Type::Any));
    let traits =
        [("a", Type::Any), ("b", Type::Bool), ("l", list), ("n", Type::Number), ("s", Type::Text), ("t", Type::Time)];
    let traits = || Some(traits.iter().map(|(name, ty)| (Box::from(*name), ty.clone())).collect());
    Scope {
        counters: [counter(0, "x", Type::Number), counter(1, "y", Type::Number), counter(2, "z", Type::Time)].into(),
        user_traits: traits(),
        account_traits: traits(),
        event: true,
        flags: true,
        lead: true,
    }
}
