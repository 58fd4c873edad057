//! Names: counters, traits, the event, the lead, flags, `now`, and what lies below them.

use std::ops::Range;

use super::super::suggest::{closest, did_you_mean};
use super::super::syntax::{Kind, Literal, Node};
use super::super::tree::{Read, Term};
use super::super::value::{Slot, TraitOf, Type};
use super::{Checker, Part, Ty};
use crate::ids::names::canonical_trait;

/// A name and the steps below it.
pub(super) struct Path<'n> {
    pub root: &'n str,
    pub root_span: Range<usize>,
    pub steps: Vec<(&'n str, Range<usize>)>,
    pub span: &'n Range<usize>,
}

/// `a.b["c"]` as a path; `None` when something else than names and texts is in it.
fn path(node: &Node) -> Option<Path<'_>> {
    let mut steps = Vec::new();
    let mut at = node;
    loop {
        match &at.kind {
            Kind::Name(root) => {
                steps.reverse();
                return Some(Path { root, root_span: at.span.clone(), steps, span: &node.span });
            }
            Kind::Select { of, field, field_span } => {
                steps.push((field.as_str(), field_span.clone()));
                at = of;
            }
            Kind::Index { of, index } => {
                let Kind::Literal(Literal::Text(key)) = &index.kind else { return None };
                steps.push((key.as_str(), index.span.clone()));
                at = of;
            }
            _ => return None,
        }
    }
}

impl Checker<'_> {
    pub(super) fn name(&mut self, node: &Node) -> Part {
        match (path(node), &node.kind) {
            (Some(path), _) => self.path(&path),
            (None, Kind::Select { of, field, .. }) => {
                let of = self.part(of);
                self.field(of, field, &node.span)
            }
            (None, Kind::Index { of, index }) => self.index(of, index, &node.span),
            (None, _) => Part::wrong(&node.span),
        }
    }

    fn field(&mut self, of: Part, name: &str, span: &Range<usize>) -> Part {
        match of.ty {
            Ty::Any => Part::term(Term::Field(Box::new((of.into_term(), name.into()))), Ty::Any, span),
            Ty::Wrong => of,
            ty => {
                let message = format!("{} is {ty} and has nothing below it", self.quoted(&of.span));
                self.fail(span, message, None)
            }
        }
    }

    fn index(&mut self, of: &Node, index: &Node, span: &Range<usize>) -> Part {
        let of = self.part(of);
        let at = match &index.kind {
            Kind::Literal(Literal::Text(key)) => return self.field(of, key, span),
            Kind::Literal(Literal::Number(number)) if *number >= 0.0 && number.fract() == 0.0 => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and not negative")]
                let at = *number as usize;
                at
            }
            _ => return self.fail(&index.span, "an index is a whole number from 0, or a text in quotes", None),
        };
        let ty = match &of.ty {
            Ty::List(element) => element.as_ref().clone(),
            Ty::Any => Ty::Any,
            Ty::Wrong => return of,
            ty => {
                let message = format!("{} is {ty}, not a list", self.quoted(&of.span));
                return self.fail(span, message, None);
            }
        };
        Part::term(Term::At(Box::new((of.into_term(), at))), ty, span)
    }

    fn path(&mut self, path: &Path<'_>) -> Part {
        if let Some((name, ty)) = &self.variable
            && name == path.root
        {
            let item = Part::term(Term::Item, ty.clone(), &path.root_span);
            return path.steps.iter().fold(item, |of, (step, span)| {
                let span = of.span.start..span.end;
                self.field(of, step, &span)
            });
        }
        if let Some(member) = self.scope.member.clone().filter(|_| path.root != "now") {
            return self.member(&member, path);
        }
        match path.root {
            "user" => self.subject(path, TraitOf::User),
            "account" => self.subject(path, TraitOf::Account),
            "event" if self.scope.event => self.event(path),
            "properties" if self.scope.event => self.properties(path),
            "lead" if self.scope.lead => self.lead(path),
            "intent" if self.scope.flags => self.plain(path, Slot::Intent, Type::Bool),
            "fit" if self.scope.flags => self.plain(path, Slot::Fit, Type::Bool),
            "now" => self.plain(path, Slot::Now, Type::Time),
            "members" => {
                let help = "write `members.exists(m, m.title == \"…\")`, or `all`, or `count`".to_owned();
                self.fail(path.span, "`members` is no value by itself", Some(help))
            }
            "event" | "properties" => self.out_of_place(path, "only filters and definitions see the event at hand"),
            "lead" => self.out_of_place(path, "only routes see the lead"),
            "intent" | "fit" => self.out_of_place(path, "only `when` and `tiers` of a definition see it"),
            name => match self.scope.signals.get(name) {
                Some(signal) => self.signal(path, &std::sync::Arc::clone(signal)),
                None if self.scope.pending.contains(name) => self.pending(path),
                None => self.counter(path),
            },
        }
    }

    pub(super) fn out_of_place(&mut self, path: &Path<'_>, help: &str) -> Part {
        self.fail(&path.root_span, format!("`{}` can't be read here", path.root), Some(help.to_owned()))
    }

    pub(super) fn read(&mut self, slot: Slot, ty: Type, span: &Range<usize>) -> Part {
        if !self.slots.contains(&slot) {
            self.slots.push(slot.clone());
        }
        let part = Ty::from(&ty);
        Part::term(Term::Read(Read { slot, ty }), part, span)
    }

    /// A name that nothing may stand below.
    pub(super) fn plain(&mut self, path: &Path<'_>, slot: Slot, ty: Type) -> Part {
        if let Some((_, span)) = path.steps.first() {
            let message = format!("`{}` is {} and has nothing below it", path.root, Ty::from(&ty));
            return self.fail(span, message, None);
        }
        self.read(slot, ty, path.span)
    }

    fn counter(&mut self, path: &Path<'_>) -> Part {
        if let Some(counter) = self.scope.counters.get(path.root) {
            return self.counter_path(*counter, path.root, &path.steps, path.span);
        }
        if let Some(help) = self.scope.unreadable.get(path.root) {
            return self.out_of_place(path, help);
        }
        let what = match (self.scope.counters.is_empty(), self.scope.signals.is_empty()) {
            (true, true) => "name",
            (false, true) => "counter",
            (true, false) => "signal",
            (false, false) => "counter or signal",
        };
        let help = self.suggest_name(path.root);
        self.fail(&path.root_span, format!("unknown {what} `{}`", path.root), help)
    }

    fn suggest_name(&self, written: &str) -> Option<String> {
        let canonical = canonical_trait(written);
        for (of, traits) in [("account", &self.scope.account_traits), ("user", &self.scope.user_traits)] {
            if traits.as_ref().is_some_and(|traits| traits.contains_key(canonical.as_ref())) {
                return Some(did_you_mean(&format!("{of}.{canonical}")));
            }
        }
        let scope = self.scope;
        let roots = [
            ("user", scope.user_traits.is_some()),
            ("account", scope.account_traits.is_some()),
            ("event", scope.event),
            ("properties", scope.event),
            ("lead", scope.lead),
            ("intent", scope.flags),
            ("fit", scope.flags),
            ("now", true),
        ];
        let roots = roots.into_iter().filter_map(|(root, readable)| readable.then_some(root));
        let counters = scope.counters.keys().chain(scope.signals.keys()).map(AsRef::as_ref);
        closest(written, counters.chain(roots)).map(did_you_mean)
    }

    fn event(&mut self, path: &Path<'_>) -> Part {
        const FIELDS: [&str; 6] = ["name", "type", "source", "time", "properties", "traits"];
        let Some(((field, field_span), rest)) = path.steps.split_first() else {
            let help = "write `event.name`, `event.type`, `event.source`, `event.time`, `event.properties.…` or `event.traits.…`";
            return self.fail(path.span, "`event` is no value by itself", Some(help.to_owned()));
        };
        let ty = match (*field, rest) {
            ("name" | "type" | "source", []) => Type::Text,
            ("time", []) => Type::Time,
            ("properties" | "traits", [_, ..]) => Type::Any,
            ("properties" | "traits", []) => {
                let help = format!("write a name after it: `event.{field}.plan`");
                return self.fail(path.span, format!("`event.{field}` is no value by itself"), Some(help));
            }
            ("name" | "type" | "source" | "time", _) => {
                return self.fail(path.span, format!("`event.{field}` has nothing below it"), None);
            }
            _ => {
                let help = closest(field, FIELDS).map_or_else(
                    || did_you_mean(&format!("event.properties.{field}")),
                    |known| did_you_mean(&format!("event.{known}")),
                );
                return self.fail(field_span, format!("events have no `{field}`"), Some(help));
            }
        };
        let steps = path.steps.iter().map(|(step, _)| Box::from(*step)).collect();
        self.read(Slot::Event(steps), ty, path.span)
    }

    fn properties(&mut self, path: &Path<'_>) -> Part {
        if path.steps.is_empty() {
            let help = "write a name after it: `properties.plan`".to_owned();
            return self.fail(path.span, "`properties` is no value by itself", Some(help));
        }
        let steps = std::iter::once("properties").chain(path.steps.iter().map(|(step, _)| *step));
        self.read(Slot::Event(steps.map(Box::from).collect()), Type::Any, path.span)
    }

    fn lead(&mut self, path: &Path<'_>) -> Part {
        let steps: Vec<&str> = path.steps.iter().map(|(step, _)| *step).collect();
        let ty = match steps.as_slice() {
            [] => {
                let help = "write `lead.tier`, `lead.definition`, `lead.of`, …".to_owned();
                return self.fail(path.span, "`lead` is no value by itself", Some(help));
            }
            ["tier" | "revision" | "rank" | "joined_count"] => Type::Number,
            ["definition" | "definition_version" | "config_version" | "goal" | "of" | "id" | "summary" | "outcome"] => {
                Type::Text
            }
            [first @ ("tier" | "revision" | "rank" | "definition" | "of"), ..] => {
                return self.fail(path.span, format!("`lead.{first}` has nothing below it"), None);
            }
            [first, ..] if LEAD_FIELDS.split(' ').all(|field| field != *first) => {
                let help = closest(first, LEAD_FIELDS.split(' '));
                let help = help.map(|name| did_you_mean(&format!("lead.{name}")));
                return self.fail(path.span, format!("leads have no `{first}`"), help);
            }
            _ => Type::Any,
        };
        self.read(Slot::Lead(steps.into_iter().map(Box::from).collect()), ty, path.span)
    }
}

/// What a route may read of a lead: the fields of its record, and `of`, the kind of its subject.
const LEAD_FIELDS: &str = "id revision definition definition_version config_version goal tier rank of subject user account contact people summary because reasons usage \
    signals points joined joined_count outcome sources routing first_seen last_seen timestamps";
