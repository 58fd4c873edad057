//! The checker: resolves names against a [`Scope`], infers types, and lowers the syntax tree to a [`Test`].
//!
//! A part that is wrong gets the type [`Ty::Wrong`], which agrees with everything, so that one mistake is reported once and
//! the rest of the condition is still checked.

mod calculate;
mod calls;
mod compare;
mod members;
mod names;
mod quantify;
mod readings;
mod signals;
mod traits;
mod ty;
mod vocabulary;

use std::ops::Range;

use super::syntax::{Kind, Literal, Node, Operator};
use super::tree::{Constant, Leaf, Term, Test};
use super::value::Slot;
use super::{ExprError, Scope, Weight};
pub(super) use ty::Ty;

/// A condition, or a formula, that holds together.
pub(super) struct Checked<T> {
    pub what: T,
    /// Every name that it reads, each once.
    pub slots: Vec<Slot>,
    pub weight: Weight,
}

/// Checks the whole condition. Whatever is wrong is in the second part; the first is of use only when that is empty.
pub(super) fn check(source: &str, tree: &Node, scope: &Scope) -> (Checked<Test>, Vec<ExprError>) {
    checked(source, scope, |checker| {
        let part = checker.part(tree);
        checker.test_of(part)
    })
}

/// The same of what yields a value of any type.
pub(super) fn formula(source: &str, tree: &Node, scope: &Scope) -> (Checked<(Term, Ty)>, Vec<ExprError>) {
    checked(source, scope, |checker| {
        let part = checker.part(tree);
        let ty = part.ty.clone();
        (part.into_term(), ty)
    })
}

fn checked<T>(source: &str, scope: &Scope, what: impl FnOnce(&mut Checker<'_>) -> T) -> (Checked<T>, Vec<ExprError>) {
    let weight = Weight { conditions: 1, depth: 0 };
    let mut checker = Checker { source, scope, errors: Vec::new(), slots: Vec::new(), weight, variable: None };
    let what = what(&mut checker);
    (Checked { what, slots: checker.slots, weight: checker.weight }, checker.errors)
}

/// A checked part: a test or a term, its type, and where it was written.
struct Part {
    form: Form,
    ty: Ty,
    span: Range<usize>,
}

enum Form {
    Test(Test),
    Term(Term),
}

impl Part {
    fn term(term: Term, ty: Ty, span: &Range<usize>) -> Self {
        Self { form: Form::Term(term), ty, span: span.clone() }
    }

    fn test(test: Test, span: &Range<usize>) -> Self {
        Self { form: Form::Test(test), ty: Ty::Bool, span: span.clone() }
    }

    fn wrong(span: &Range<usize>) -> Self {
        Self::term(Term::Constant(Constant::Unknown), Ty::Wrong, span)
    }

    const fn is_wrong(&self) -> bool {
        matches!(self.ty, Ty::Wrong)
    }

    const fn constant(&self) -> Option<&Constant> {
        match &self.form {
            Form::Term(Term::Constant(constant)) => Some(constant),
            _ => None,
        }
    }

    fn into_term(self) -> Term {
        match self.form {
            Form::Term(term) => term,
            Form::Test(test) => Term::Test(Box::new(test)),
        }
    }
}

struct Checker<'c> {
    source: &'c str,
    scope: &'c Scope,
    errors: Vec<ExprError>,
    slots: Vec<Slot>,
    weight: Weight,
    /// The name that stands for the element at hand within `exists` or `all`, and its type.
    variable: Option<(String, Ty)>,
}

/// A call, without what it is called on.
struct Call<'n> {
    name: &'n str,
    name_span: &'n Range<usize>,
    arguments: &'n [Node],
    span: &'n Range<usize>,
}

impl Checker<'_> {
    fn text(&self, span: &Range<usize>) -> &str {
        self.source.get(span.clone()).unwrap_or_default()
    }

    /// The text of a part, short enough for a message.
    fn quoted(&self, span: &Range<usize>) -> String {
        const LONGEST: usize = 40;
        let text = self.text(span);
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
            None => format!("`{text}`"),
        }
    }

    fn fail(&mut self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) -> Part {
        self.errors.push(ExprError::new(span.clone(), message).maybe_help(help));
        Part::wrong(span)
    }

    fn leaf(&self, what: &Range<usize>, operator: &'static str) -> Box<Leaf> {
        Box::new(Leaf { what: self.text(what).into(), operator, duration: false, threshold: None })
    }

    fn part(&mut self, node: &Node) -> Part {
        let span = &node.span;
        match &node.kind {
            Kind::Literal(literal) => Self::literal(literal, span),
            Kind::Name(_) | Kind::Select { .. } | Kind::Index { .. } => self.name(node),
            Kind::List(elements) => self.list(elements, span),
            Kind::Not(of) => {
                let of = self.test(of);
                Part::test(Test::Not(Box::new(of)), span)
            }
            Kind::And(terms) => Part::test(Test::And(terms.iter().map(|term| self.test(term)).collect()), span),
            Kind::Or(terms) => Part::test(Test::Or(terms.iter().map(|term| self.test(term)).collect()), span),
            Kind::Negate(of) => self.negate(of, span),
            Kind::If { condition, then, otherwise } => self.choice(condition, then, otherwise, span),
            Kind::Binary { operator, left, right, operator_span } => match operator {
                Operator::Compare(than) => self.compare(*than, left, right, span),
                Operator::Calculate(how) => self.calculate(*how, left, right, span),
                Operator::In => self.membership(left, right, operator_span, span),
            },
            Kind::Call { name, name_span, target, arguments } => {
                let call = Call { name, name_span, arguments, span };
                match target {
                    Some(target) => self.method(target, &call),
                    None => self.function(&call),
                }
            }
        }
    }

    fn literal(literal: &Literal, span: &Range<usize>) -> Part {
        let (constant, ty) = match literal {
            Literal::Null => (Constant::Unknown, Ty::Null),
            Literal::Bool(flag) => return Part::test(Test::Constant(Some(*flag)), span),
            Literal::Number(number) => (Constant::Number(*number), Ty::Number),
            Literal::Duration(ms) => (Constant::Number(*ms), Ty::Duration),
            Literal::Text(text) => (Constant::Text(text.as_str().into()), Ty::Text),
        };
        Part::term(Term::Constant(constant), ty, span)
    }

    fn list(&mut self, elements: &[Node], span: &Range<usize>) -> Part {
        let parts: Vec<Part> = elements.iter().map(|element| self.part(element)).collect();
        let mut types = parts.iter().map(|part| &part.ty);
        let first = types.next().cloned().unwrap_or(Ty::Any);
        let of = if types.all(|ty| *ty == first) { first } else { Ty::Any };
        let terms = parts.into_iter().map(Part::into_term).collect();
        Part::term(Term::List(terms), Ty::List(Box::new(of)), span)
    }

    fn choice(&mut self, condition: &Node, then: &Node, otherwise: &Node, span: &Range<usize>) -> Part {
        let condition = self.test(condition);
        let (then, otherwise) = (self.part(then), self.part(otherwise));
        let Some(ty) = then.ty.either(&otherwise.ty) else {
            let message = format!("the two outcomes differ: {} and {}", then.ty, otherwise.ty);
            return self.fail(span, message, None);
        };
        if ty == Ty::Bool {
            let parts = (condition, self.test_of(then), self.test_of(otherwise));
            return Part::test(Test::If(Box::new(parts)), span);
        }
        Part::term(Term::If(Box::new((condition, then.into_term(), otherwise.into_term()))), ty, span)
    }

    /// A part that must be true or false.
    fn test(&mut self, node: &Node) -> Test {
        let part = self.part(node);
        self.test_of(part)
    }

    fn test_of(&mut self, part: Part) -> Test {
        let leaf = self.leaf(&part.span, "is");
        match (part.form, part.ty) {
            (Form::Test(test), _) => test,
            (Form::Term(Term::Test(test)), _) => *test,
            (Form::Term(of), Ty::Bool | Ty::Any) => Test::Flag { of, leaf },
            (_, Ty::Wrong) => Test::Constant(None),
            (_, ty) => {
                let text = self.quoted(&part.span);
                let message = format!("a condition is true or false, {text} is {ty}");
                self.fail(&part.span, message, ty.help_for_test(self.text(&part.span)));
                Test::Constant(None)
            }
        }
    }
}
