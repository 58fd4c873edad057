//! `destinations.<name>.attio`.

use std::sync::Arc;
use std::time::Duration;

use super::fields::fields;
use super::outcomes::stages;
use super::{Section, api};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::AttioShape;
use crate::crm::pace::{Limit, Of};
use crate::crm::{Attio, Kind};
use crate::secret::Secret;

/// Where Attio has its API.
const API: &str = "https://api.attio.com/";
/// What a lead is.
const OBJECT: &str = "deals";
/// How often Attio is asked in a second to write and to read: a little less than the 25 and the 100 times that it takes, since not everything
/// takes equally long to get there.
const LIMITS: [Limit; 2] = [
    Limit { requests: 22, per: Duration::from_secs(1), of: Of::Writes },
    Limit { requests: 90, per: Duration::from_secs(1), of: Of::Reads },
];

/// Why what records are found by can't be mapped.
const OURS: &str = "records are found by it: it is written anyway";
/// Why owners can't.
const OWNER: &str = "routes decide whose a lead is, and people in Attio may change it";

/// Compiles an Attio destination.
pub(super) fn attio(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let Section { name, http, known, .. } = *section;
    let shape = section.shape.attio.get()?;
    let token = shape.token.require("token", AttioShape::WHAT, name.at, findings);
    let person = fields(&shape.person, &[("email_addresses", OURS)], known, findings);
    let company = fields(&shape.company, &[("handraiser_account_id", OURS)], known, findings);
    let lead = fields(&shape.lead, &[("handraiser_lead_id", OURS), ("owner", OWNER)], known, findings);
    let object = object(shape, findings);
    Some(Kind::Attio(Attio {
        token: Secret::new(token?.text.trim()),
        api: api(&shape.api, API, http, findings)?,
        object: object?,
        create_attributes: shape.create_attributes.get().is_some_and(|create| create.value.0),
        person,
        company,
        lead,
        stages: stages(section.shape, findings),
        limits: LIMITS,
    }))
}

/// The slug of an object that has nothing else to hold.
fn object(shape: &AttioShape, findings: &mut Findings) -> Option<Arc<str>> {
    let Some(written) = shape.object.get() else { return Some(OBJECT.into()) };
    let text = written.text.trim();
    let is_slug = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !is_slug || ["companies", "people"].contains(&text) {
        let message = format!("`{}` can't be what a lead is in Attio", findings.shown(written));
        let help = "write the slug of an object for leads alone, such as `deals` or one of your own: Workspace settings > Objects";
        findings.push(Problem::error(written.at, Code::BadValue, message).help(help));
        return None;
    }
    Some(text.into())
}
