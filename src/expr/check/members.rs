//! `members.exists(m, …)`, `members.all(m, …)`, `members.count(m, …)`: what is true of an account's people. The condition sees one of
//! them alone, so that it can be told where that one's state is; an account knows only what came of it.

use std::sync::Arc;

use super::super::signal::Signal;
use super::super::suggest::{closest, did_you_mean};
use super::super::syntax::{Kind, Node};
use super::super::tree::Test;
use super::super::value::{Slot, TraitOf, Type};
use super::super::{Expr, Members, MembersHow, Weight};
use super::names::Path;
use super::{Call, Checked, Checker, Part};

/// What can be asked of members.
const ASKED: [&str; 3] = ["exists", "all", "count"];

impl Checker<'_> {
    /// Whether something is asked of the members of an account.
    pub(super) fn asks_members(&self, target: &Node) -> bool {
        matches!(&target.kind, Kind::Name(name) if name == "members") && self.variable.is_none()
    }

    pub(super) fn members(&mut self, target: &Node, call: &Call<'_>) -> Part {
        if self.scope.about != Some(TraitOf::Account) {
            let help = "make a signal `of: account` of it, and read that one".to_owned();
            return self.fail(&target.span, "only what is about an account sees its members", Some(help));
        }
        let how = match call.name {
            "exists" => MembersHow::Exists,
            "all" => MembersHow::All,
            "count" => MembersHow::Count,
            name => {
                let help = closest(name, ASKED).map_or_else(
                    || "there is `members.exists(m, …)`, `members.all(m, …)` and `members.count(m, …)`".to_owned(),
                    |name| did_you_mean(&format!("members.{name}(m, …)")),
                );
                return self.fail(call.name_span, format!("members have no `{name}`"), Some(help));
            }
        };
        let (Some(Kind::Name(member)), [_, body]) = (call.arguments.first().map(|first| &first.kind), call.arguments)
        else {
            let help = format!("write `members.{}(m, m.title == \"…\")`", call.name);
            return self.fail(call.span, format!("`{}` takes a name and a condition on it", call.name), Some(help));
        };
        let Some(condition) = self.of_member(member, body) else { return Part::wrong(call.span) };
        let ty = if how == MembersHow::Count { Type::Number } else { Type::Bool };
        self.read(Slot::Members(Arc::new(Members::new(how, condition))), ty, call.span)
    }

    /// The condition on one member, who is called by that name.
    fn of_member(&mut self, name: &str, body: &Node) -> Option<Expr> {
        let scope = self.scope.of_member(name);
        let (errors, slots, weight) = (Vec::new(), Vec::new(), Weight { conditions: 1, depth: 0 });
        let mut checker = Checker { source: self.source, scope: &scope, errors, slots, weight, variable: None };
        let what: Test = checker.test(body);
        let Checker { errors, slots, weight, .. } = checker;
        let is_right = errors.is_empty();
        self.errors.extend(errors);
        self.weight.add(weight);
        let source = self.text(&body.span).to_owned();
        is_right.then(|| Expr::new(&source, Checked { what, slots, weight }))
    }

    /// A name within a condition on a member.
    pub(super) fn member(&mut self, name: &str, path: &Path<'_>) -> Part {
        if path.root != name {
            let message = format!("a condition on members sees `{name}` alone");
            let help = format!("write `{name}.{}` if it is theirs; what is the account's stands outside", path.root);
            return self.fail(&path.root_span, message, Some(help));
        }
        let Some(((first, first_span), rest)) = path.steps.split_first() else {
            let help = format!("write `{name}.title`, or the name of a user's counter or signal after the dot");
            return self.fail(path.span, format!("`{name}` is no value by itself"), Some(help));
        };
        let below = Path { root: first, root_span: first_span.clone(), steps: rest.to_vec(), span: path.span };
        if let Some(signal) = self.scope.signals.get(*first).map(Arc::clone) {
            return self.signal_of_member(&signal, &below);
        }
        match self.scope.counters.get(*first).copied() {
            Some(counter) if counter.of == TraitOf::User => self.counter_path(counter, first, rest, path.span),
            Some(_) => self.of_account(&below),
            None if self.scope.pending.contains(*first) => self.pending(&below),
            None if *first == "events" => self.plain(&below, Slot::MemberEvents, Type::Number),
            None => self.subject(path, TraitOf::User),
        }
    }

    fn signal_of_member(&mut self, signal: &Arc<Signal>, path: &Path<'_>) -> Part {
        if signal.of != TraitOf::User {
            return self.of_account(path);
        }
        if signal.reads_account(&self.scope.counters) {
            let message = format!("`{}` reads the account, which a member doesn't know", signal.name);
            let help = "leave the account's part to the condition around `members`".to_owned();
            return self.fail(path.span, message, Some(help));
        }
        self.signal(path, signal)
    }

    fn of_account(&mut self, path: &Path<'_>) -> Part {
        let message = format!("`{}` is the account's, not a member's", path.root);
        self.fail(path.span, message, Some("write it outside of `members`".to_owned()))
    }
}
