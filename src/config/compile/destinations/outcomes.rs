//! `destinations.<name>.outcomes`.

use std::time::Duration;

use crate::config::compile::settings::lasting;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::ReadBackShape;
use crate::crm::Kind;

/// How long after one time it is asked again, by default.
const EVERY: Duration = Duration::from_mins(5);

/// How long after one time a destination is asked again what became of its leads; `None`: never.
pub(super) fn read_back(shape: Option<&ReadBackShape>, kind: &Kind, findings: &mut Findings) -> Option<Duration> {
    let reads_back = kind.adapter().reads_back();
    let Some(shape) = shape else { return reads_back.then_some(EVERY) };
    if !reads_back {
        let problem = Problem::error(shape.at, Code::BadValue, "it can't be asked what became of leads");
        findings.push(problem.help("remove `outcomes`: only CRMs can"));
        return None;
    }
    let every = lasting(&shape.every, EVERY);
    if let Some(at) = shape.every.get().filter(|at| !(30..=86_400).contains(&at.value.0.as_secs())) {
        findings.push(Problem::error(at.scalar.at, Code::BadValue, "`every` must be between 30s and 24h"));
    }
    (!shape.off.get().is_some_and(|off| off.value.0)).then_some(every)
}
