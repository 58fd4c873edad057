//! Conditions, and their errors placed in the file.

use std::sync::Arc;

use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::scalar::ConditionText;
use crate::expr::{self, Expr, Scope};

/// Compiles a condition. Errors about a name in `broken` are left out: its own mistake is reported where it is declared.
pub fn condition(text: &ConditionText, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Expr> {
    let scalar = &text.0;
    let errors = match expr::compile(&scalar.text, scope) {
        Ok(expr) => return Some(expr),
        Err(errors) => errors,
    };
    for error in errors {
        let about = scalar.text.get(error.span.clone()).unwrap_or_default();
        if broken.iter().any(|name| **name == *about) {
            continue;
        }
        let substituted = scalar.is_substituted(&error.span);
        let at = scalar.locate(&findings.sources, error.span);
        if substituted {
            // What is wrong with a value that may be secret is not told word by word.
            let problem = Problem::error(at, Code::Condition, "what the variable holds is no part of a condition");
            findings.push(problem.help("write the condition out; variables are for secrets and addresses"));
            continue;
        }
        let problem = Problem::error(at, Code::Condition, scalar.redact(&error.message));
        findings.push(match error.help {
            Some(help) => problem.help(scalar.redact(&help)),
            None => problem,
        });
    }
    None
}
