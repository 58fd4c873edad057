//! `sla` of a team.

use std::sync::Arc;
use std::time::Duration;

use super::names::check_address;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{At, Named};
use crate::config::scalar::Lasting;
use crate::config::shape::SlaShape;
use crate::routing::SlaRule;

/// The longest that an owner may be given, in working time.
const MAX_ACCEPT: Duration = Duration::from_hours(30 * 24);
/// No lead goes through more hands.
const MAX_REASSIGN: u32 = 20;

/// Compiles it; what is wrong is reported.
pub fn sla(shape: &SlaShape, findings: &mut Findings) -> Option<SlaRule> {
    let accept = length(shape.accept.require("accept", SlaShape::WHAT, shape.at, findings)?, findings);
    let tiers: Vec<(u8, i64)> = tiers(shape, findings);
    let remind = shape.remind.get().map(|remind| {
        let ms = length(remind, findings);
        if ms >= accept {
            let message =
                "`remind` is how long before the end of `accept` the owner is reminded, and is as long as that";
            let problem = Problem::error(remind.scalar.at, Code::BadValue, message);
            findings.push(problem.help("write less than `accept`, such as `10m` with `accept: 30m`"));
        }
        ms
    });
    let reassign = shape.reassign.get().map_or(1, |reassign| {
        let times = u32::try_from(reassign.value.0).unwrap_or(u32::MAX);
        if times > MAX_REASSIGN {
            let message = "no lead should go through so many hands";
            let problem = Problem::error(reassign.scalar.at, Code::BadValue, message);
            findings.push(problem.help(format!("at most {MAX_REASSIGN}; `then` says who gets it after that")));
        }
        times.min(MAX_REASSIGN)
    });
    let then = shape.then.get().map(|then| {
        check_address(then, findings);
        Arc::from(then.text.trim())
    });
    Some(SlaRule { accept, tiers, remind, reassign, then })
}

fn tiers(shape: &SlaShape, findings: &mut Findings) -> Vec<(u8, i64)> {
    let mut tiers = Vec::new();
    for (name, written) in shape.tiers.get().into_iter().flat_map(|Named(all)| all) {
        let Some(written) = written else { continue };
        match name.text.trim().parse::<u8>() {
            Ok(tier) if tier > 0 => tiers.push((tier, length(written, findings))),
            _ => {
                let message = format!("`{}` is no tier", findings.shown(name));
                let problem = Problem::error(name.at, Code::BadValue, message);
                findings.push(problem.help("tiers are numbered from 1: `tiers: { 1: 10m }`"));
            }
        }
    }
    tiers
}

/// A length of working time, in milliseconds.
fn length(written: &At<Lasting>, findings: &mut Findings) -> i64 {
    let length = written.value.0;
    if length.is_zero() || length > MAX_ACCEPT {
        let problem = Problem::error(written.scalar.at, Code::BadValue, "nobody can keep that");
        findings.push(problem.help("more than nothing and at most 30d, such as `30m`"));
    }
    i64::try_from(length.min(MAX_ACCEPT).as_millis()).unwrap_or(i64::MAX)
}
