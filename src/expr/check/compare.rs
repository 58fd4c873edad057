//! Comparisons and `in`: which types agree, and which lowered form fits.

use std::ops::Range;

use super::super::ExprError;
use super::super::coerce::time_from_text;
use super::super::explain::number_json;
use super::super::length::duration_from_text;
use super::super::syntax::{Comparison, Kind, Node};
use super::super::tree::{By, Constant, Set, Term, Test};
use super::super::value::Type;
use super::{Checker, Form, Part, Ty};

impl Checker<'_> {
    pub(super) fn compare(&mut self, than: Comparison, left: &Node, right: &Node, span: &Range<usize>) -> Part {
        let nodes = (left, right);
        let (left, right) = (self.part(left), self.part(right));
        if left.is_wrong() || right.is_wrong() {
            self.suggest_text(nodes.0, &right);
            self.suggest_text(nodes.1, &left);
            return Part::wrong(span);
        }
        if left.ty == Ty::Null || right.ty == Ty::Null {
            return self.compare_null(than, left, right, span);
        }
        // A constant on the left is the threshold all the same: `50 < x` is explained as `x > 50`.
        if left.constant().is_some() && right.constant().is_none() {
            return self.compare_parts(than.mirrored(), right, left, than, span);
        }
        self.compare_parts(than, left, right, than, span)
    }

    /// `account.plan == free`: beside text, a name that nothing has is a text that lacks its quotes.
    fn suggest_text(&mut self, node: &Node, beside: &Part) {
        let (Kind::Name(name), Ty::Text | Ty::Any, None) = (&node.kind, &beside.ty, beside.constant()) else { return };
        let unknown = |error: &&mut ExprError| error.span == node.span && error.message.starts_with("unknown ");
        if let Some(error) = self.errors.iter_mut().find(unknown) {
            error.help = Some(format!("did you mean the text `\"{name}\"`?"));
        }
    }

    fn compare_null(&mut self, than: Comparison, left: Part, right: Part, span: &Range<usize>) -> Part {
        let of = if left.ty == Ty::Null { right } else { left };
        if !than.is_equality() {
            let help = format!("ask whether it is known with `{} != null`", self.text(&of.span));
            return self.fail(span, format!("`{}` can't compare with null", than.symbol()), Some(help));
        }
        let leaf = self.leaf(&of.span, than.symbol());
        Part::test(Test::Known { of: of.into_term(), negated: than == Comparison::Equal, leaf }, span)
    }

    fn compare_parts(
        &mut self,
        than: Comparison,
        left: Part,
        right: Part,
        as_written: Comparison,
        span: &Range<usize>,
    ) -> Part {
        let right = self.literal_beside(&left, right);
        if right.is_wrong() {
            return Part::wrong(span);
        }
        let by = match (&left.ty, &right.ty) {
            (Ty::Band, Ty::Band) if right.constant().is_some() && !than.is_equality() => {
                return self.mismatch(as_written, &left, &right, span);
            }
            (Ty::Band, Ty::Band | Ty::Number | Ty::Any) | (Ty::Number, Ty::Band) => By::Nature,
            (Ty::Word(_), Ty::Word(_) | Ty::Text | Ty::Any) if than.is_equality() => By::Nature,
            (Ty::Number, Ty::Number) | (Ty::Duration, Ty::Duration) => By::Number,
            (Ty::Time, Ty::Time) => By::Time,
            (Ty::Bool, Ty::Bool | Ty::Any) | (Ty::Any, Ty::Bool) if than.is_equality() => By::Nature,
            (Ty::Text, Ty::Text | Ty::Any) | (Ty::Any, Ty::Text | Ty::Number | Ty::Time | Ty::Any) => By::Nature,
            (Ty::Number | Ty::Time, Ty::Any) => By::Nature,
            _ => return self.mismatch(as_written, &left, &right, span),
        };
        let mut leaf = self.leaf(&left.span, than.symbol());
        leaf.duration = left.ty == Ty::Duration;
        if let (true, Some(Constant::Number(_))) = (leaf.duration, right.constant()) {
            leaf.threshold = duration_as_written(self.text(&right.span)).map(serde_json::Value::from);
        }
        let test = match (left.form, right.form) {
            (Form::Term(Term::Read(read)), Form::Term(Term::Constant(Constant::Number(threshold))))
                if matches!(read.ty, Type::Number | Type::Money | Type::Band)
                    || (read.ty == Type::Any && !than.is_equality()) =>
            {
                Test::Number { read, than, threshold, leaf }
            }
            (Form::Term(Term::Read(read)), Form::Term(Term::Constant(Constant::Text(text))))
                if than.is_equality() && matches!(read.ty, Type::Text | Type::Any) =>
            {
                Test::TextIs { read, negated: than == Comparison::NotEqual, text, leaf }
            }
            (left, right) => Test::Compare { left: term(left), than, right: term(right), by, leaf },
        };
        Part::test(test, span)
    }

    /// `user.created_at > "2026-01-01"`.
    pub(super) fn text_as_time(&mut self, text: &str, span: &Range<usize>) -> Part {
        match time_from_text(text) {
            Some(time) => Part::term(Term::Constant(Constant::Time(time)), Ty::Time, span),
            None => self.not_a_time(span),
        }
    }

    pub(super) fn not_a_time(&mut self, span: &Range<usize>) -> Part {
        let message = format!("{} is not a time", self.quoted(span));
        self.fail(span, message, Some("write `\"2026-11-21\"` or `\"2026-11-21T09:30:00Z\"`".to_owned()))
    }

    fn mismatch(&mut self, than: Comparison, left: &Part, right: &Part, span: &Range<usize>) -> Part {
        let (first, second) = if left.span.start <= right.span.start { (left, right) } else { (right, left) };
        let message = if first.ty == second.ty {
            format!("`{}` can't compare {} with {}", than.symbol(), first.ty, second.ty)
        } else {
            format!("`{}` compares {} with {}", than.symbol(), first.ty, second.ty)
        };
        let help = self.help_for_mismatch(left, right);
        self.fail(span, message, help)
    }

    /// `left` is what varies, `right` may be a constant.
    fn help_for_mismatch(&self, left: &Part, right: &Part) -> Option<String> {
        let variable = self.quoted(&left.span);
        match (&left.ty, &right.ty, right.constant()) {
            (Ty::Number, Ty::Text, Some(Constant::Text(text))) if text.parse::<f64>().is_ok() => {
                Some(format!("write `{text}` without quotes"))
            }
            (Ty::Text, Ty::Number, Some(Constant::Number(number))) => {
                Some(format!("write `\"{}\"` in quotes, or declare {variable} as a number", number_json(*number)))
            }
            (Ty::Band, Ty::Band, _) => {
                Some(format!("compare {variable} with a number, or ask whether it lies in a band with `==`"))
            }
            (Ty::Word(words), ..) => Some(format!("{variable} is {}: ask with `==`, `!=` or `in`", words.described())),
            (Ty::Bool, _, _) if matches!(left.form, Form::Test(Test::Number { .. } | Test::Compare { .. })) => {
                Some("a comparison is true or false; join two with `&&`".to_owned())
            }
            (Ty::Bool, Ty::Bool, _) => Some("only `==` and `!=` compare what is true or false".to_owned()),
            (Ty::Bool, _, _) => Some(format!("{variable} is true or false by itself")),
            (Ty::Duration, Ty::Number | Ty::Any, _) | (Ty::Number | Ty::Any, Ty::Duration, _) => {
                Some("write a length of time as `30d`".to_owned())
            }
            (Ty::Time, Ty::Duration, _) => Some(format!("write `now - {}`", self.text(&left.span))),
            (Ty::List(of), Ty::Number, _) if **of == Ty::Number => {
                let list = self.text(&left.span);
                Some(format!("say which of them: `{list}.all(n, n > 5)`, or make one number of it: `{list}.avg()`"))
            }
            (Ty::List(_), ..) => Some(format!("ask for an element: `\"…\" in {}`", self.text(&left.span))),
            (_, Ty::List(_), _) => Some(format!("write `{} in {}`", self.text(&left.span), self.text(&right.span))),
            _ => None,
        }
    }

    pub(super) fn membership(
        &mut self,
        item: &Node,
        list: &Node,
        operator: &Range<usize>,
        span: &Range<usize>,
    ) -> Part {
        let item = self.part(item);
        let leaf = self.leaf(&item.span, "in");
        if let Kind::List(elements) = &list.kind {
            return self.among(item, elements, operator, span);
        }
        let list = self.part(list);
        if item.is_wrong() || list.is_wrong() {
            return Part::wrong(span);
        }
        match &list.ty {
            Ty::List(of) if !comparable(&item.ty, of) => {
                let message = format!("`in` looks for {} in a list of something else", item.ty);
                self.fail(span, message, None)
            }
            Ty::List(_) | Ty::Any => {
                // `"beta" in user.tags` is explained as `user.tags` that contains `"beta"`.
                let leaf = if item.constant().is_some() { self.leaf(&list.span, "contains") } else { leaf };
                Part::test(Test::In { item: item.into_term(), list: list.into_term(), leaf }, span)
            }
            Ty::Text => {
                let help = format!("write `{}.contains({})`", self.text(&list.span), self.text(&item.span));
                self.fail(span, "`in` looks into a list, not into text", Some(help))
            }
            ty => {
                let message = format!("`in` looks into a list, {} is {ty}", self.quoted(&list.span));
                self.fail(&list.span, message, Some("write `x in [\"a\", \"b\"]`".to_owned()))
            }
        }
    }

    /// `x in ["a", "b"]`.
    fn among(&mut self, item: Part, elements: &[Node], operator: &Range<usize>, span: &Range<usize>) -> Part {
        let mut leaf = self.leaf(&item.span, "in");
        let parts: Vec<Part> = elements.iter().map(|element| self.part(element)).collect();
        elements.iter().for_each(|element| self.suggest_text(element, &item));
        let parts: Vec<Part> = parts.into_iter().map(|part| self.literal_beside(&item, part)).collect();
        if item.is_wrong() || parts.iter().any(Part::is_wrong) {
            return Part::wrong(span);
        }
        if let Some(stranger) = parts.iter().find(|part| !comparable(&item.ty, &part.ty)) {
            let message = format!("`{}` compares {} with {}", self.text(operator), item.ty, stranger.ty);
            let help = self.help_for_mismatch(&item, stranger);
            return self.fail(&stranger.span, message, help);
        }
        // Whether a band is equal to a number isn't a matter of looking it up.
        let set = if item.ty == Ty::Band { None } else { set(&parts) };
        let Some(set) = set else {
            let list = Term::List(parts.into_iter().map(Part::into_term).collect());
            return Part::test(Test::In { item: item.into_term(), list, leaf }, span);
        };
        leaf.threshold = Some(parts.iter().filter_map(constant_json).collect());
        Part::test(Test::Among { item: item.into_term(), set, leaf }, span)
    }
}

fn term(form: Form) -> Term {
    match form {
        Form::Term(term) => term,
        Form::Test(test) => Term::Test(Box::new(test)),
    }
}

/// Whether values of these types may be equal.
fn comparable(one: &Ty, other: &Ty) -> bool {
    let alike = matches!((one, other), (Ty::Word(_), Ty::Text) | (Ty::Band, Ty::Number));
    alike || *one == Ty::Any || *other == Ty::Any || (one == other && !matches!(one, Ty::List(_) | Ty::Null))
}

/// Numbers and texts to look up; `None` when something else is among the elements.
fn set(parts: &[Part]) -> Option<Set> {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for part in parts {
        match part.constant()? {
            Constant::Number(number) => numbers.push(*number),
            Constant::Text(text) => texts.push(text.clone()),
            _ => return None,
        }
    }
    texts.sort();
    texts.dedup();
    Some(Set { numbers: numbers.into(), texts: texts.into() })
}

fn constant_json(part: &Part) -> Option<serde_json::Value> {
    match part.constant()? {
        Constant::Number(number) => Some(number_json(*number)),
        Constant::Text(text) => Some(text.as_ref().into()),
        _ => None,
    }
}

/// A length of time as it was written: `14d`, or the text within `duration("14d")`.
fn duration_as_written(text: &str) -> Option<&str> {
    if duration_from_text(text).is_some() {
        return Some(text);
    }
    let text = text.strip_prefix("duration")?.trim_start().strip_prefix('(')?.strip_suffix(')')?.trim();
    text.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])
}
