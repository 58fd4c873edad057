//! `destinations.<name>.hubspot`.

use std::time::Duration;

use super::fields::fields;
use super::outcomes::stages;
use super::{Section, api};
use crate::config::compile::settings::count_within;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::{HubSpotObject, HubSpotShape};
use crate::crm::Kind;
use crate::crm::hubspot::{HubSpot, Object};
use crate::crm::pace::{Limit, Of};
use crate::secret::Secret;

/// Where HubSpot has its API.
const API: &str = "https://api.hubapi.com/";
/// The version that is spoken.
const VERSION: &str = "2026-03";
/// Requests in [`WINDOW`]: below the least that HubSpot takes, since not everything takes equally long to get there.
const LIMIT: usize = 90;
/// Searches in a second: it takes 5 of an account.
const SEARCHES: u32 = 4;
/// In which HubSpot counts.
const WINDOW: Duration = Duration::from_secs(10);

/// Why the properties that records are found by can't be mapped.
const OURS: &str = "records are found by it: it is written anyway";
/// Why owners can't.
const OWNER: &str = "routes decide whose a lead is, and people in HubSpot may change it";

/// Compiles a HubSpot destination.
pub(super) fn hubspot(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let Section { name, http, known, .. } = *section;
    let shape = section.shape.hubspot.get()?;
    let token = shape.token.require("token", HubSpotShape::WHAT, name.at, findings);
    let object = match shape.object.get().map(|object| object.value) {
        None | Some(HubSpotObject::Lead) => Object::Lead,
        Some(HubSpotObject::Deal) => Object::Deal,
        Some(HubSpotObject::None) => Object::None,
    };
    if let Some(lead) = shape.lead.get().filter(|_| object == Object::None) {
        let problem =
            Problem::error(lead.at, Code::BadValue, "with `object: none` there is no lead to hold these fields");
        findings.push(problem.help("move them to `contact` or `company`"));
    }
    let requests = shape.limit.get().map_or(LIMIT, |limit| count_within(limit, 1..=2_500, "limit", findings));
    let owner = ("hubspot_owner_id", OWNER);
    Some(Kind::HubSpot(HubSpot {
        token: Secret::new(token?.text.trim()),
        api: api(&shape.api, API, http, findings)?,
        version: version(shape, findings)?,
        object,
        create_properties: shape.create_properties.get().is_some_and(|create| create.value.0),
        contact: fields(&shape.contact, &[("email", OURS), owner], known, findings),
        company: fields(&shape.company, &[("handraiser_account_id", OURS), owner], known, findings),
        lead: fields(&shape.lead, &[("handraiser_lead_id", OURS), owner], known, findings),
        stages: stages(section.shape, findings),
        limits: [
            Limit::of_all(u32::try_from(requests).unwrap_or(u32::MAX), WINDOW),
            Limit { requests: SEARCHES, per: Duration::from_secs(1), of: Of::Searches },
        ],
    }))
}

/// The version: a year and a month, as HubSpot names them.
fn version(shape: &HubSpotShape, findings: &mut Findings) -> Option<std::sync::Arc<str>> {
    let Some(written) = shape.version.get() else { return Some(VERSION.into()) };
    let text = written.text.trim();
    let dated = text.split_once('-').is_some_and(|(year, month)| {
        year.len() == 4
            && month.len() == 2
            && [year, month].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if !dated {
        let message = format!("`{}` is no version of HubSpot's API", findings.shown(written));
        let help = format!("write a year and a month, such as {VERSION}; versions by number end in 2027");
        findings.push(Problem::error(written.at, Code::BadValue, message).help(help));
        return None;
    }
    Some(text.into())
}
