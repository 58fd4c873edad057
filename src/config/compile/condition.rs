//! Conditions and formulas, and their errors placed in the file.

use std::sync::Arc;

use crate::config::conditions::{ConditionText, Conditions};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::Field;
use crate::expr::{self, Expr, ExprError, Formula, Scope, SortKey};

/// Compiles a condition. Errors about a name in `broken` are left out: its own mistake is reported where it is declared.
pub fn condition(text: &ConditionText, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Expr> {
    expr::compile(text.text(), scope).map_err(|errors| report(text, errors, broken, findings)).ok()
}

/// Compiles a list of conditions; `None` when any of them is wrong.
pub fn conditions(
    field: &Field<Conditions>,
    scope: &Scope,
    broken: &[Arc<str>],
    findings: &mut Findings,
) -> Option<Vec<Expr>> {
    let Field::Set(Conditions(texts)) = field else { return field.is_absent().then(Vec::new) };
    let compiled: Vec<Expr> = texts.iter().filter_map(|text| condition(text, scope, broken, findings)).collect();
    (compiled.len() == texts.len()).then_some(compiled)
}

/// The same of a formula.
pub fn formula(text: &ConditionText, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Formula> {
    expr::compile_formula(text.text(), scope).map_err(|errors| report(text, errors, broken, findings)).ok()
}

/// The same of a formula that may yield anything.
pub fn value(text: &ConditionText, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<Formula> {
    expr::compile_value(text.text(), scope).map_err(|errors| report(text, errors, broken, findings)).ok()
}

/// The same of a key that the members of an account are sorted by.
pub fn sort_key(text: &ConditionText, scope: &Scope, broken: &[Arc<str>], findings: &mut Findings) -> Option<SortKey> {
    expr::compile_sort_key(text.text(), scope).map_err(|errors| report(text, errors, broken, findings)).ok()
}

fn report(text: &ConditionText, errors: Vec<ExprError>, broken: &[Arc<str>], findings: &mut Findings) {
    let scalar = &text.scalar;
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
}
