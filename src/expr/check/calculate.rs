//! Arithmetic over numbers, times and lengths of time.

use std::ops::Range;

use super::super::eval::numbers;
use super::super::syntax::{Arithmetic, Node};
use super::super::tree::{Calculation, Constant, Term};
use super::{Checker, Part, Ty};

impl Checker<'_> {
    pub(super) fn negate(&mut self, of: &Node, span: &Range<usize>) -> Part {
        let of = self.part(of);
        match of.ty {
            Ty::Wrong => Part::wrong(span),
            Ty::Number | Ty::Duration | Ty::Any => {
                let ty = if of.ty == Ty::Any { Ty::Number } else { of.ty.clone() };
                let term = match of.constant() {
                    Some(Constant::Number(number)) => Term::Constant(Constant::Number(-number)),
                    _ => Term::Negate(Box::new(of.into_term())),
                };
                Part::term(term, ty, span)
            }
            ref ty => {
                let message = format!("`-` negates a number, {} is {ty}", self.quoted(&of.span));
                self.fail(span, message, None)
            }
        }
    }

    pub(super) fn calculate(&mut self, how: Arithmetic, left: &Node, right: &Node, span: &Range<usize>) -> Part {
        let (left, right) = (self.part(left), self.part(right));
        if left.is_wrong() || right.is_wrong() {
            return Part::wrong(span);
        }
        let Some((calculation, ty)) = rule(how, &left.ty, &right.ty) else {
            let message = format!("`{}` can't combine {} and {}", how.symbol(), left.ty, right.ty);
            let help = help(&left.ty, &right.ty);
            return self.fail(span, message, help);
        };
        let zero = matches!(right.constant(), Some(Constant::Number(0.0)));
        if zero && matches!(how, Arithmetic::Divide | Arithmetic::Remainder) {
            return self.fail(&right.span, "nothing can be divided by zero", None);
        }
        if let (Calculation::Numbers(how), Some(Constant::Number(one)), Some(Constant::Number(other))) =
            (calculation, left.constant(), right.constant())
        {
            return match numbers(*one, how, *other) {
                Some(number) => Part::term(Term::Constant(Constant::Number(number)), ty, span),
                None => self.fail(span, "the outcome is too large for a number", None),
            };
        }
        Part::term(Term::Calculate(Box::new((left.into_term(), calculation, right.into_term()))), ty, span)
    }
}

/// What two types make together. A value of unknown type is what the other side needs, a number in doubt.
fn rule(how: Arithmetic, left: &Ty, right: &Ty) -> Option<(Calculation, Ty)> {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    use Ty::{Any, Duration, Number, Text, Time};
    let numbers = Calculation::Numbers(how);
    Some(match (how, left, right) {
        (_, Number | Any, Number | Any) => (numbers, Number),
        (Add | Subtract | Remainder, Duration, Duration) => (numbers, Duration),
        (Divide, Duration, Duration) => (numbers, Number),
        (Multiply | Divide, Duration, Number | Any) | (Multiply, Number | Any, Duration) => (numbers, Duration),
        (Add, Time | Any, Duration) | (Add, Duration, Time | Any) => (Calculation::Shift { back: false }, Time),
        (Subtract, Time | Any, Duration) => (Calculation::Shift { back: true }, Time),
        (Subtract, Time, Time | Any) | (Subtract, Any, Time) => (Calculation::Between, Duration),
        (Add, Text, Text | Any) | (Add, Any, Text) => (Calculation::Join, Text),
        _ => return None,
    })
}

fn help(left: &Ty, right: &Ty) -> Option<String> {
    if [left, right].contains(&&Ty::Band) {
        return Some("calculate with one end of the band, `.min` or `.max`".to_owned());
    }
    let times = [left, right].into_iter().filter(|ty| matches!(ty, Ty::Time | Ty::Duration)).count();
    (times > 0).then(|| "times and lengths of time go together: `now - 30d`".to_owned())
}
