//! `exists`, `all` and `exists_one` over a list. One at a time: none within another, so that the work stays bounded.

use super::super::syntax::{Kind, Node};
use super::super::tree::{Quantifier, Test};
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
        if self.variable.is_some() {
            let message = format!("`{operator}` can't stand within another one");
            return self.fail(call.name_span, message, None);
        }
        let list = self.part(target);
        let element = match &list.ty {
            Ty::List(of) => of.as_ref().clone(),
            Ty::Any | Ty::Wrong => Ty::Any,
            ty => {
                let message = format!("`{operator}` looks into a list, {} is {ty}", self.quoted(&list.span));
                return self.fail(&list.span, message, None);
            }
        };
        let [variable, body] = call.arguments else { return self.quantifier_form(operator, call) };
        let Kind::Name(variable) = &variable.kind else { return self.quantifier_form(operator, call) };
        let leaf = self.leaf(&list.span, operator);
        self.variable = Some((variable.clone(), element));
        let body = Box::new(self.test(body));
        self.variable = None;
        Part::test(Test::Quantified { list: list.into_term(), how, body, leaf }, call.span)
    }

    fn quantifier_form(&mut self, operator: &str, call: &Call<'_>) -> Part {
        let help = format!("write `list.{operator}(x, x == \"…\")`");
        self.fail(call.span, format!("`{operator}` takes a name and a condition on it"), Some(help))
    }
}
