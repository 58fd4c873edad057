//! Signals by their names, what is remembered of them, and whose they are.

use std::ops::Range;
use std::sync::Arc;

use super::super::error::ExprError;
use super::super::signal::{Aspect, Meaning, Signal};
use super::super::suggest::{closest, did_you_mean};
use super::super::value::{Slot, TraitOf, Type};
use super::names::Path;
use super::{Checker, Part, Ty};

impl Checker<'_> {
    /// `engagement`, `outgrew_free.since`, `outgrew_free.times`.
    pub(super) fn signal(&mut self, path: &Path<'_>, signal: &Arc<Signal>) -> Part {
        if self.is_of_somebody(signal.of) {
            return self.whose(path.span, &signal.name);
        }
        let aspect = match path.steps.as_slice() {
            [] => Aspect::Value,
            [(step, span)] => {
                let known = [("since", Aspect::Since), ("times", Aspect::Times)];
                let Some((_, aspect)) = known.into_iter().find(|(name, _)| name == step) else {
                    let message = format!("a signal has no `{step}`");
                    let help = closest(step, ["since", "times"]).map_or_else(
                        || format!("there is `{0}.since` and `{0}.times`", signal.name),
                        |name| did_you_mean(&format!("{}.{name}", signal.name)),
                    );
                    return self.fail(span, message, Some(help));
                };
                if signal.ty() != Type::Bool {
                    let message = format!("`{}` is no yes or no, so that nothing is remembered of it", signal.name);
                    let help = format!("make a signal of a comparison: `is: {} > …`, and ask that one", signal.name);
                    return self.fail(span, message, Some(help));
                }
                if self.scope.as_told {
                    let message = format!("a lead tells what `{}` says, not since when or how often", signal.name);
                    return self.not_told(message, signal.of, path.span);
                }
                aspect
            }
            [_, (_, span), ..] => {
                return self.fail(span, "there is nothing below it", None);
            }
        };
        self.weight.add(signal.weight());
        let read = self.read(Slot::Signal(Arc::clone(signal), aspect), signal.reads_as(aspect), path.span);
        match &signal.meaning {
            // What is calculated with it is calculated with the formula, so that its moments are known; a route sees the lead alone.
            Meaning::Is(formula) if aspect == Aspect::Value && !self.scope.lead => {
                Part::term(formula.term().clone(), Ty::from(formula.ty()), path.span)
            }
            _ => read,
        }
    }

    /// A signal that is compiled later.
    pub(super) fn pending(&mut self, path: &Path<'_>) -> Part {
        let mut error = ExprError::new(path.root_span.clone(), format!("the signal `{}` can't be used", path.root));
        error.waits_for = Some(Arc::from(path.root));
        self.errors.push(error);
        Part::wrong(path.span)
    }

    /// Whether something of a user is read where the condition is about an account, which has many.
    pub(super) fn is_of_somebody(&self, of: TraitOf) -> bool {
        self.scope.about == Some(TraitOf::Account) && of == TraitOf::User
    }

    /// Says that an account has many users.
    pub(super) fn whose(&mut self, span: &Range<usize>, read: &str) -> Part {
        let written = self.quoted(span);
        let message = format!("an account has many users: whose is {written}?");
        let help =
            format!("ask its people: `members.exists(m, m.{read} …)`, or count them: `members.count(m, m.{read} …)`");
        self.fail(span, message, Some(help))
    }
}
