//! `exists`, `all`, `exists_one`, `count` and `streak` over a list. One at a time: none within another, so that the work stays bounded.

use super::super::syntax::{Kind, Node};
use super::super::tree::{ListFigure, Quantifier, Term, Test};
use super::{Call, Checker, Part, Ty};

/// The macro of that name.
pub(super) fn quantifier(name: &str) -> Option<(Quantifier, &'static str)> {
    Some(match name {
        "exists" => (Quantifier::Exists, "exists"),
        "all" => (Quantifier::All, "all"),
        "exists_one" | "existsOne" => (Quantifier::ExistsOne, "exists_one"),
        _ => return None,
    })
}

impl Checker<'_> {
    pub(super) fn quantified(
        &mut self,
        target: &Node,
        how: Quantifier,
        operator: &'static str,
        call: &Call<'_>,
    ) -> Part {
        let Some((list, body)) = self.over_elements(target, operator, call) else { return Part::wrong(call.span) };
        let leaf = self.leaf(&list.span, operator);
        Part::test(Test::Quantified { list: list.into_term(), how, body: Box::new(body), leaf }, call.span)
    }

    /// `list.count(n, n >= 300)` and `list.streak(n, n > 0)`.
    pub(super) fn counted(&mut self, target: &Node, call: &Call<'_>) -> Part {
        let (operator, in_a_row) = if call.name == "streak" { ("streak", true) } else { ("count", false) };
        let Some((list, body)) = self.over_elements(target, operator, call) else { return Part::wrong(call.span) };
        let (list, body) = (Box::new(list.into_term()), Box::new(body));
        Part::term(Term::Count { list, body, in_a_row }, Ty::Number, call.span)
    }

    /// `list.avg()` and its like.
    pub(super) fn list_figure(&mut self, of: Part, call: &Call<'_>) -> Part {
        if !call.arguments.is_empty() {
            return self.fail(call.span, format!("`{}` takes no arguments", call.name), None);
        }
        let figure = match call.name {
            "avg" => ListFigure::Average,
            "min" => ListFigure::Least,
            "max" => ListFigure::Greatest,
            _ => ListFigure::Sum,
        };
        match &of.ty {
            Ty::Wrong => of,
            Ty::List(_) | Ty::Any => Part::term(Term::Figure(Box::new(of.into_term()), figure), Ty::Number, call.span),
            ty => {
                let message = format!("`{}` is for a list of numbers, {} is {ty}", call.name, self.quoted(&of.span));
                self.fail(&of.span, message, Some("write for example `tasks.per(day, 7).avg()`".to_owned()))
            }
        }
    }

    /// A list and a condition on its elements; `None` when something is wrong, which was reported.
    fn over_elements(&mut self, target: &Node, operator: &'static str, call: &Call<'_>) -> Option<(Part, Test)> {
        if self.variable.is_some() {
            let message = format!("`{operator}` can't stand within another one");
            self.fail(call.name_span, message, None);
            return None;
        }
        let list = self.part(target);
        let element = match &list.ty {
            Ty::List(of) => of.as_ref().clone(),
            Ty::Any | Ty::Wrong => Ty::Any,
            ty => {
                let message = format!("`{operator}` looks into a list, {} is {ty}", self.quoted(&list.span));
                self.fail(&list.span, message, None);
                return None;
            }
        };
        let [variable, body] = call.arguments else { return self.quantifier_form(operator, call) };
        let Kind::Name(variable) = &variable.kind else { return self.quantifier_form(operator, call) };
        self.variable = Some((variable.clone(), element));
        let body = self.test(body);
        self.variable = None;
        Some((list, body))
    }

    fn quantifier_form<T>(&mut self, operator: &str, call: &Call<'_>) -> Option<T> {
        let help = format!("write `list.{operator}(x, x == \"…\")`");
        self.fail(call.span, format!("`{operator}` takes a name and a condition on it"), Some(help));
        None
    }
}
