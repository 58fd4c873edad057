//! Conditions, and their errors placed in the file.

use std::sync::Arc;

use crate::config::conditions::ConditionText;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};

use crate::expr::{self, Expr, Scope};

/// Compiles a condition. Errors about a name in `broken` are left out: its own mistake is reported where it is declared.
pub fn condition(text: &ConditionText, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Expr> {
    let scalar = &text.scalar;
    let errors = match expr::compile(text.text(), scope) {
        Ok(expr) => return Some(expr),
        Err(errors) => errors,
    };
    for error in errors {
        let about = text.text().get(error.span.clone()).unwrap_or_default();
        if broken.iter().any(|name| **name == *about) {
            continue;
        }
        let substituted = text.is_substituted(&error.span);
        let at = text.locate(findings, &error.span);
        if substituted {
            // What is wrong with a value that may be secret is not told word by word.
            let problem = Problem::error(at, Code::Condition, "what the variable holds is no part of a condition");
            findings.push(problem.help("write the condition out; variables are for secrets and addresses"));
            continue;
        }
        // Lines that YAML has made one of.
        let folded = !scalar.is_block() && findings.sources.slice(scalar.at).contains('\n');
        let help = if folded && error.message.starts_with("an operator is missing") {
            Some("begin the block with `|`, and each line is a condition; or begin this line with `&&`".to_owned())
        } else {
            error.help
        };
        let problem = Problem::error(at, Code::Condition, scalar.redact(&error.message));
        findings.push(match help {
            Some(help) => problem.help(scalar.redact(&help)),
            None => problem,
        });
    }
    None
}
