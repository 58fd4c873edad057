//! `destinations.<name>.pipedrive`.

use std::time::Duration;

use url::Url;

use super::fields::fields;
use super::outcomes::stages;
use super::{Section, api};
use crate::config::compile::settings::count_within;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::PipedriveShape;
use crate::crm::pace::{Limit, Of};
use crate::crm::{Http, Kind, Pipedrive};
use crate::secret::Secret;

/// Requests in [`WINDOW`]: below the least that Pipedrive takes, since not everything takes equally long to get there.
const LIMIT: usize = 18;
/// Searches in the same: it takes 10 on every plan.
const SEARCHES: u32 = 9;
/// In which Pipedrive counts.
const WINDOW: Duration = Duration::from_secs(2);

/// Why what records are found by can't be mapped.
const OURS: &str = "records are found by it: it is written anyway";
/// Why owners can't.
const OWNER: &str = "routes decide whose a lead is, and people in Pipedrive may change it";
/// Why ties can't.
const TIED: &str = "records are tied to each other anyway";

/// Compiles a Pipedrive destination.
pub(super) fn pipedrive(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let Section { name, http, known, .. } = *section;
    let shape = section.shape.pipedrive.get()?;
    let token = shape.token.require("token", PipedriveShape::WHAT, name.at, findings);
    let url =
        shape.url.require("url", PipedriveShape::WHAT, name.at, findings).and_then(|_| company(shape, http, findings));
    let requests = shape.limit.get().map_or(LIMIT, |limit| count_within(limit, 1..=500, "limit", findings));
    let requests = u32::try_from(requests).unwrap_or(u32::MAX);
    let owner = ("owner_id", OWNER);
    let person = [("emails", OURS), ("org_id", TIED), owner];
    let organization = [("Handraiser account", OURS), owner];
    let lead = [("Handraiser lead", OURS), ("person_id", TIED), ("organization_id", TIED), owner];
    let mapped = [(&shape.person, &person[..]), (&shape.organization, &organization), (&shape.lead, &lead)];
    let [person, organization, lead] = mapped.map(|(shape, taken)| fields(shape, taken, known, findings));
    Some(Kind::Pipedrive(Pipedrive {
        token: Secret::new(token?.text.trim()),
        url: url?,
        create_fields: shape.create_fields.get().is_some_and(|create| create.value.0),
        person,
        organization,
        lead,
        stages: stages(section.shape, findings),
        limits: [Limit::of_all(requests, WINDOW), Limit { requests: SEARCHES, per: WINDOW, of: Of::Searches }],
    }))
}

/// The company's own address: what everybody shares doesn't know whose token it is as quickly, and has its API elsewhere.
fn company(shape: &PipedriveShape, http: &Http, findings: &mut Findings) -> Option<Url> {
    let mut url = api(&shape.url, "", http, findings)?;
    let host = url.host_str().unwrap_or_default();
    if let Some(written) = shape.url.get()
        && ["pipedrive.com", "www.pipedrive.com", "app.pipedrive.com", "api.pipedrive.com"].contains(&host)
    {
        let problem = Problem::error(written.at, Code::BadValue, format!("`{host}` is no company's own address"));
        findings.push(problem.help("write what the browser shows when you are signed in, `https://….pipedrive.com`"));
    }
    // As it is copied out of a browser: with the page that was open.
    if host.ends_with(".pipedrive.com") {
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
    }
    Some(url)
}
