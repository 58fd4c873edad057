//! How far people have come with contacts and companies, which have a lead status.

use super::talk::Record;
use crate::crm::stages::Stages;
use crate::record::Stage;

/// What says it.
pub(super) const STATUS: &str = "hs_lead_status";

/// How far people have come with a contact or a company, where leads stand on those.
pub(super) fn by_status(record: &Record, said: &Stages) -> Stage {
    let status = record.value(STATUS).unwrap_or("NEW");
    said.of(status).unwrap_or(match status {
        "NEW" => Stage::New,
        "OPEN" => Stage::Accepted,
        "UNQUALIFIED" | "BAD_TIMING" => Stage::Rejected,
        _ => Stage::Working,
    })
}
