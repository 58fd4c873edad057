//! Formulas: what yields a number, a text, a time, or true or false. Written and checked as conditions are.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::check::{self, Ty};
use super::eval::Context;
use super::tree::Term;
use super::value::{Facts, Slot, Type, Value};
use super::{ExprError, Scope, Weight, in_order, syntax};

/// A compiled formula. Cheap to clone.
#[derive(Clone)]
pub struct Formula(Arc<Compiled>);

struct Compiled {
    source: Arc<str>,
    term: Term,
    ty: Type,
    slots: Vec<Slot>,
    weight: Weight,
}

/// Compiles `source`, which must yield a single value: a number, a text, a time, or true or false.
///
/// # Errors
/// Everything that is wrong with it, in order of place; at least one error.
pub fn compile_formula(source: &str, scope: &Scope) -> Result<Formula, Vec<ExprError>> {
    compile(source, scope, |ty, span| single(ty).ok_or_else(|| not_single(source, span, ty)))
}

/// Compiles `source`, which may yield anything: a list, a band, and what nobody declared, too.
///
/// # Errors
/// As [`compile_formula`].
pub fn compile_value(source: &str, scope: &Scope) -> Result<Formula, Vec<ExprError>> {
    compile(source, scope, |ty, _| Ok(single(ty).unwrap_or(Type::Any)))
}

fn compile(
    source: &str,
    scope: &Scope,
    type_of: impl FnOnce(&Ty, &Range<usize>) -> Result<Type, ExprError>,
) -> Result<Formula, Vec<ExprError>> {
    let (tree, mut errors) = syntax::parse(source);
    let Some(tree) = tree else { return Err(in_order(errors)) };
    let (checked, found) = check::formula(source, &tree, scope);
    errors.extend(found);
    if !errors.is_empty() {
        return Err(in_order(errors));
    }
    let check::Checked { what: (term, ty), slots, weight } = checked;
    let ty = type_of(&ty, &tree.span).map_err(|error| vec![error])?;
    Ok(Formula(Arc::new(Compiled { source: Arc::from(source), term, ty, slots, weight })))
}

/// The type of a single value.
fn single(ty: &Ty) -> Option<Type> {
    Some(match ty {
        Ty::Bool => Type::Bool,
        Ty::Number => Type::Number,
        Ty::Text | Ty::Word(_) => Type::Text,
        Ty::Time => Type::Time,
        Ty::Duration | Ty::Band | Ty::List(_) | Ty::Any | Ty::Null | Ty::Wrong => return None,
    })
}

fn not_single(source: &str, span: &Range<usize>, ty: &Ty) -> ExprError {
    let text = source.get(span.clone()).unwrap_or_default().trim();
    let error =
        ExprError::new(span.clone(), format!("a number, a text, a time, or true or false is expected, this is {ty}"));
    error.maybe_help(match ty {
        Ty::Duration => Some(format!("make a number of it: `({text}) / duration(\"1d\")`")),
        Ty::List(_) => Some(format!("ask for its length: `size({text})`")),
        Ty::Band => Some(format!("write `{text}.min` or `{text}.max`")),
        Ty::Any => Some("declare its type".to_owned()),
        _ => None,
    })
}

impl Formula {
    /// The formula as written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The type of its values.
    pub fn ty(&self) -> &Type {
        &self.0.ty
    }

    /// Its value over `facts`.
    pub fn value<'a>(&'a self, facts: &'a impl Facts) -> Value<'a> {
        self.0.term.value(&Context::new(facts))
    }

    /// Its value as a number; `None` when it is not known, or none.
    pub fn number(&self, facts: &impl Facts) -> Option<f64> {
        match self.value(facts) {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Every name that it reads, each once, in order of writing.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.slots.iter()
    }

    pub(super) fn term(&self) -> &Term {
        &self.0.term
    }

    pub(crate) fn weight(&self) -> Weight {
        self.0.weight
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Formula").field(&self.source()).finish()
    }
}
