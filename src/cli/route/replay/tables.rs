//! The outcome as CSV, ready to be plotted.

use serde::Serialize;

use crate::cli::output::CommandError;
use crate::routing::paper::{Line, Load, Report};

/// A lead's row.
#[derive(Serialize)]
struct Row<'r> {
    lead: &'r str,
    subject: &'r str,
    definition: &'r str,
    tier: u8,
    qualified: &'r str,
    change: &'static str,
    team_before: &'r str,
    owner_before: String,
    team_after: &'r str,
    owner_after: String,
    route: &'r str,
    waited_s: i64,
    unknown: String,
    reason: &'r str,
}

impl<'r> From<&'r Line> for Row<'r> {
    fn from(line: &'r Line) -> Self {
        Self {
            lead: &line.lead,
            subject: &line.subject,
            definition: &line.definition,
            tier: line.tier,
            qualified: &line.qualified,
            change: line.change.as_str(),
            team_before: line.before.team.as_deref().unwrap_or_default(),
            owner_before: line.before.owner.to_string(),
            team_after: line.after.team.as_deref().unwrap_or_default(),
            owner_after: line.after.owner.to_string(),
            route: line.route.as_deref().unwrap_or_default(),
            waited_s: line.waited_s,
            unknown: line.unknown.join("; "),
            reason: &line.reason,
        }
    }
}

/// A row for each lead, in the order of time.
pub fn leads(report: &Report) -> Result<String, CommandError> {
    written(report.lines.iter().map(Row::from))
}

/// A row for each rep and week.
pub fn weeks(weeks: &[Load]) -> Result<String, CommandError> {
    written(weeks.iter())
}

fn written(rows: impl Iterator<Item = impl Serialize>) -> Result<String, CommandError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    let bytes = writer.into_inner().map_err(|error| CommandError::message(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
