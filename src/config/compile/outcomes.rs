//! `outcomes` and `leads`.

use std::time::Duration;

use super::condition::condition;
use super::counters::Counters;
use super::scopes::Scopes;
use super::settings::lasting;
use crate::config::conditions::{ConditionText, Conditions};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::Field;
use crate::config::shape::{LeadsShape, OutcomesShape};
use crate::expr;
use crate::ids::{CounterId, SubjectKind};
use crate::qualify::{Endings, Ends};

/// So long after a lead was made the rest of its account becomes part of it.
const DEFAULT_WITHIN: Duration = Duration::from_secs(90 * 86_400);

/// For how many milliseconds everything else of an account becomes part of its lead; `None`: everything is a lead of its own.
pub fn one_per_account(shape: Option<&LeadsShape>, findings: &mut Findings) -> Option<i64> {
    let shape = shape?;
    // `leads` may be there for its links alone, or for what new routes move.
    let says_else = !shape.accept_links.is_absent() || !shape.re_route.is_absent();
    if shape.one_per.is_absent() && (!says_else || !shape.within.is_absent()) {
        let at = shape.within.get().map_or(shape.at, |within| within.scalar.at);
        let problem = Problem::error(at, Code::MissingField, "`leads` doesn't say what has one lead at a time");
        findings.push(problem.help("add `one_per: account`, or remove `leads`"));
    }
    shape.one_per.get()?;
    let within = lasting(&shape.within, DEFAULT_WITHIN);
    if let Some(written) = shape.within.get().filter(|_| within.is_zero()) {
        let problem =
            Problem::error(written.scalar.at, Code::BadValue, "`within: 0` lets nobody become part of a lead");
        findings.push(problem.help("write for how long, such as `90d`, or remove `leads`"));
    }
    Some(i64::try_from(within.as_millis()).unwrap_or(i64::MAX))
}

/// Compiles `outcomes`; what is wrong is left out, and reported.
pub fn endings(
    shape: Option<&OutcomesShape>,
    counters: &Counters,
    scopes: &Scopes,
    findings: &mut Findings,
) -> Endings {
    let Some(shape) = shape else { return Endings::default() };
    let mut ends = |field| ends(field, counters, scopes, findings);
    Endings { won: ends(&shape.won), lost: ends(&shape.lost) }
}

fn ends(field: &Field<Conditions>, counters: &Counters, scopes: &Scopes, findings: &mut Findings) -> Ends {
    let mut ends = Ends::default();
    for text in field.get().into_iter().flat_map(|Conditions(texts)| texts) {
        let counter = counters.compiled.iter().zip(0_u16..).find(|(counter, _)| *counter.name == *text.text().trim());
        match counter {
            Some((counter, id)) => ends.events.push((counter.of, CounterId(id))),
            None => ends.conditions.extend(about_either(text, scopes, findings)),
        }
    }
    ends
}

/// A condition about an account, or else about a user, who may read their account, too.
fn about_either(text: &ConditionText, scopes: &Scopes, findings: &mut Findings) -> Option<(SubjectKind, expr::Expr)> {
    if let Ok(compiled) = expr::compile(text.text(), scopes.conditions(SubjectKind::Account)) {
        return Some((SubjectKind::Account, compiled));
    }
    let of_user = condition(text, scopes.conditions(SubjectKind::User), &scopes.broken, findings)?;
    Some((SubjectKind::User, of_user))
}
