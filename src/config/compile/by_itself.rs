//! Where leads say what nobody declared: the usual traits of a dimension.

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::source::Span;
use crate::expr::{Formula, Scope, Type, compile_value};
use crate::routing::territory::Kind;

/// Where a lead says a dimension that needs no declaration: in traits that nobody has to declare for it.
pub fn by_itself(name: &str, at: Span, scope: &Scope, findings: &mut Findings) -> Vec<Formula> {
    let paths = Kind::known().find(|(known, ..)| *known == name).map_or(&[][..], |(.., paths)| paths);
    let mut scope = scope.clone();
    for (root, below) in paths.iter().filter_map(|path| path.split_once('.')) {
        let traits = if root == "user" { &mut scope.user_traits } else { &mut scope.account_traits };
        if let (Some(traits), false) = (traits, matches!((root, below), ("lead", _) | (_, "id"))) {
            traits.entry(Box::from(below)).or_insert(Type::Any);
        }
    }
    let mut compiled = Vec::new();
    for path in paths {
        match compile_value(path, &scope) {
            Ok(formula) => compiled.push(formula),
            Err(errors) => {
                let said: Vec<String> = errors.into_iter().map(|error| error.message).collect();
                let problem = Problem::error(at, Code::Condition, format!("`{name}`: {}", said.join("; ")));
                findings.push(
                    problem.help(format!("say where a lead says it: `reads: {{ {name}: … }}`, a trait or a signal")),
                );
            }
        }
    }
    compiled
}
