//! Traits: what is declared, what can be asked about them, and what lies below them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::super::suggest::{closest, did_you_mean};
use super::super::tree::{Bound, Term};
use super::super::value::{AboutTrait, Slot, TraitOf, TraitRule, Type};
use super::names::Path;
use super::{Checker, Part, Ty};
use crate::ids::names::canonical_trait;

/// What can be asked of every trait with a type of its own.
const ABOUT: [(&str, AboutTrait); 2] = [("at", AboutTrait::At), ("source", AboutTrait::Source)];

impl Checker<'_> {
    /// `user.…` and `account.…`.
    pub(super) fn subject(&mut self, path: &Path<'_>, of: TraitOf) -> Part {
        let scope = self.scope;
        let traits = if of == TraitOf::User { &scope.user_traits } else { &scope.account_traits };
        let Some(traits) = traits else {
            return self.out_of_place(path, "traits are read by definitions");
        };
        if self.is_of_somebody(of) {
            let read = path.steps.first().map_or("id", |(step, _)| *step);
            return self.whose(path.span, read);
        }
        let Some(((first, first_span), rest)) = path.steps.split_first() else {
            let help = format!("write `{}.id`, or the name of a trait after the dot", path.root);
            return self.fail(path.span, format!("`{}` is no value by itself", path.root), Some(help));
        };
        let first_name = canonical_trait(first);
        let built_in = match first_name.as_ref() {
            "id" => Some((Slot::Id(of), Type::Text)),
            "first_seen" => Some((Slot::FirstSeen(of), Type::Time)),
            "last_seen" => Some((Slot::LastSeen(of), Type::Time)),
            _ => None,
        };
        if let Some((slot, ty)) = built_in {
            let below =
                Path { root: path.root, root_span: path.root_span.clone(), steps: rest.to_vec(), span: path.span };
            return self.plain(&below, slot, ty);
        }
        let steps: Vec<Box<str>> =
            std::iter::once(first_name.as_ref()).chain(rest.iter().map(|(step, _)| *step)).map(Box::from).collect();
        match declared(traits, &steps) {
            Declared::As(ty) => self.trait_value(of, &steps, ty, path.span),
            Declared::Above(ty, depth) => self.below(path, of, (&steps, depth), ty),
            Declared::Not => {
                let known = traits.keys().map(AsRef::as_ref).chain(["id", "first_seen", "last_seen"]);
                let help = closest(&first_name, known).map_or_else(
                    || format!("declare it under `traits`, below `{}`", path.root),
                    |name| did_you_mean(&format!("{}.{name}", path.root)),
                );
                let span = path.span.start..first_span.end;
                self.fail(&span, format!("unknown trait `{}.{first_name}`", path.root), Some(help))
            }
        }
    }

    fn rule(&self, of: TraitOf, name: &str) -> Option<Arc<TraitRule>> {
        self.scope.trait_rules.get(&(of, Box::from(name))).cloned()
    }

    fn trait_value(&mut self, of: TraitOf, steps: &[Box<str>], ty: Type, span: &Range<usize>) -> Part {
        let rule = steps.first().and_then(|name| self.rule(of, name));
        if self.scope.as_told && rule.as_ref().is_some_and(|rule| rule.stale.is_some()) {
            let written = self.text(span).to_owned();
            return self.not_told(
                format!("`{written}` goes stale, and a lead has the last value whatever its age"),
                of,
                span,
            );
        }
        self.read(Slot::Trait { of, path: steps.into(), ty: ty.clone(), rule }, ty, span)
    }

    /// What stands below a trait that is no object, whose own name is `depth` steps long.
    fn below(&mut self, path: &Path<'_>, of: TraitOf, (steps, depth): (&[Box<str>], usize), ty: Type) -> Part {
        let (trait_steps, below) = steps.split_at(depth);
        let name = trait_steps.join(".");
        let [asked] = below else { return self.nothing_below(path, &name, &ty) };
        let bound = match &**asked {
            "min" if ty == Type::Band => Some(Bound::Min),
            "max" if ty == Type::Band => Some(Bound::Max),
            _ => None,
        };
        if let Some(bound) = bound {
            let band = self.trait_value(of, trait_steps, ty, path.span);
            return Part::term(Term::Bound(Box::new(band.into_term()), bound), Ty::Number, path.span);
        }
        let about = ABOUT.iter().find(|(word, _)| *word == &**asked).map(|(_, what)| *what);
        match (about, trait_steps) {
            (Some(_), [_]) if self.scope.as_told => {
                let message = format!("a lead doesn't tell who said `{}.{name}`, or when", path.root);
                self.not_told(message, of, path.span)
            }
            (Some(what), [trait_name]) => {
                let rule = self.rule(of, trait_name);
                if what == AboutTrait::Source && rule.as_ref().is_none_or(|rule| rule.sources.is_empty()) {
                    let help = format!(
                        "declare its sources: `traits: {{ {of}: {{ {name}: {{ type: {ty}, from: [crm, app] }} }} }}`"
                    );
                    let message = format!("nobody keeps which source said `{}.{name}`", path.root);
                    return self.fail(path.span, message, Some(help));
                }
                let ty = if what == AboutTrait::At { Type::Time } else { Type::Text };
                self.read(Slot::About { of, name: trait_name.clone(), rule, what }, ty, path.span)
            }
            _ => self.nothing_below(path, &name, &ty),
        }
    }

    /// Says that a lead doesn't tell something, and how it comes to.
    pub(super) fn not_told(&mut self, message: String, of: TraitOf, span: &Range<usize>) -> Part {
        let written = self.text(span);
        let help = format!(
            "ask for it in a signal, `signals: {{ name: {{ of: {of}, is: {written} … }} }}`, and read that here"
        );
        self.fail(span, message, Some(help))
    }

    fn nothing_below(&mut self, path: &Path<'_>, name: &str, ty: &Type) -> Part {
        let message = format!("`{}.{name}` is {} and has nothing below it", path.root, Ty::from(ty));
        let bounds = if *ty == Type::Band { "`.min`, `.max`, " } else { "" };
        let help = format!("what can be asked of it is {bounds}`.at` and `.source`");
        self.fail(path.span, message, Some(help))
    }
}

enum Declared {
    As(Type),
    /// A trait that is no object is declared above it; its name has so many steps.
    Above(Type, usize),
    Not,
}

/// The declared type of a trait: of the whole path (`company.name`), else of the longest part that it begins with.
fn declared(traits: &BTreeMap<Box<str>, Type>, steps: &[Box<str>]) -> Declared {
    let found = (1..=steps.len()).rev().find_map(|depth| {
        let name = steps.get(..depth)?.join(".");
        Some((traits.get(name.as_str())?.clone(), depth))
    });
    let first = steps.first().map_or("", AsRef::as_ref);
    match found {
        Some((ty, depth)) if depth == steps.len() => Declared::As(ty),
        Some((Type::Any, _)) => Declared::As(Type::Any),
        Some((ty, depth)) => Declared::Above(ty, depth),
        None if traits.keys().any(|name| name.strip_prefix(first).is_some_and(|rest| rest.starts_with('.'))) => {
            Declared::As(Type::Any)
        }
        None => Declared::Not,
    }
}
