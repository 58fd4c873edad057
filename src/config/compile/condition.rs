//! Conditions: which names they may use where, and their errors placed in the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::Counters;
use super::traits::Traits;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::scalar::ConditionText;
use crate::counters::{Aggregate, CounterId};
use crate::qualify::expr::{self, Expr, Scope, Type};

/// What may be read where.
#[derive(Debug)]
pub struct Scopes {
    /// `intent` and `fit`: counters, traits, the event at hand.
    pub conditions: Scope,
    /// `when` and `tiers`: all of that, and the flags `intent` and `fit`.
    pub tiers: Scope,
    /// Routes: the lead, and the traits of its user and account.
    pub routes: Scope,
}

impl Scopes {
    pub fn new(counters: &Counters, traits: &Traits) -> Self {
        let known: BTreeMap<_, _> = counters
            .compiled
            .iter()
            .zip(0_u16..)
            .map(|(counter, id)| (counter.name.clone(), (CounterId(id), counter.of, reads_as(&counter.aggregate))))
            .collect();
        let bare = Scope {
            user_traits: Some(traits.user.clone()),
            account_traits: Some(traits.account.clone()),
            ..Scope::default()
        };
        let conditions = Scope { counters: known, event: true, ..bare.clone() };
        let tiers = Scope { flags: true, ..conditions.clone() };
        Self { conditions, tiers, routes: Scope { lead: true, ..bare } }
    }
}

/// The type that a counter reads as.
pub const fn reads_as(aggregate: &Aggregate) -> Type {
    match aggregate {
        Aggregate::FirstSeen | Aggregate::LastSeen => Type::Time,
        Aggregate::Count
        | Aggregate::Sum(_)
        | Aggregate::DistinctProperty(_)
        | Aggregate::DistinctUsers
        | Aggregate::ActiveDays => Type::Number,
    }
}

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
