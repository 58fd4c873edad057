//! `destinations.<name>.salesforce`.

use std::sync::Arc;

use url::Url;

use super::fields::fields;
use super::outcomes::stages;
use super::{Given, Section, api};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, Named};
use crate::config::shape::{FieldsShape, SalesforceBecomesWord, SalesforceJwtShape, SalesforceShape};
use crate::crm::salesforce::{ACCOUNT_ID, LEAD_ID, Login, Matching, Salesforce, USER_ID, check_key};
use crate::crm::{Http, Kind};
use crate::secret::Secret;

/// Fields that can't be mapped.
const TAKEN: [(&str, &str); 5] = [
    ("Id", "Salesforce gives records their ids"),
    ("OwnerId", "the owner is whomever the lead was routed to"),
    (LEAD_ID, "it holds the id by which the record is found again"),
    (USER_ID, "it holds the id by which the record is found again"),
    (ACCOUNT_ID, "it holds the id by which the record is found again"),
];

/// Compiles an org.
pub(super) fn salesforce(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let Section { name, http, attached, known, .. } = *section;
    let shape = section.shape.salesforce.get()?;
    let given = (attached, known);
    let mapped = [&shape.lead, &shape.contact, &shape.account].map(|written| {
        names(written, findings);
        fields(written, &TAKEN, given.1, findings)
    });
    let [lead, contact, account] = mapped;
    let version = version(shape, findings);
    let client_id = shape.client_id.require("client_id", SalesforceShape::WHAT, name.at, findings);
    let url =
        shape.url.require("url", SalesforceShape::WHAT, name.at, findings).and_then(|_| org(shape, http, findings));
    let login = login(shape, url.as_ref(), given, findings);
    let matching = match shape.becomes.get().map(|at| at.value) {
        None | Some(SalesforceBecomesWord::ContactOnAccountElseLead) => Matching::ContactOnAccountElseLead,
        Some(SalesforceBecomesWord::Lead) => Matching::Lead,
        Some(SalesforceBecomesWord::ContactOnly) => Matching::ContactOnly,
    };
    Some(Kind::Salesforce(Box::new(Salesforce {
        url: url?,
        client_id: client_id?.text.trim().into(),
        login: login?,
        api_version: version,
        matching,
        lead,
        contact,
        account,
        stages: stages(section.shape, findings),
        task: shape.task.get().is_none_or(|at| at.value.0),
        allow_duplicates: shape.allow_duplicates.get().is_some_and(|at| at.value.0),
    })))
}

/// The org's own domain: pages have others, at which the API is not.
fn org(shape: &SalesforceShape, http: &Http, findings: &mut Findings) -> Option<Url> {
    let url = api(&shape.url, "", http, findings)?;
    let host = url.host_str().unwrap_or_default();
    if let Some(written) = shape.url.get()
        && [".lightning.force.com", "login.salesforce.com", "test.salesforce.com"].iter().any(|end| host.ends_with(end))
    {
        let problem = Problem::error(written.at, Code::BadValue, format!("the API is not at `{host}`"));
        findings.push(problem.help("write the org's own domain, `https://….my.salesforce.com`: Setup → My Domain"));
    }
    Some(url)
}

fn login(shape: &SalesforceShape, url: Option<&Url>, given: Given<'_>, findings: &mut Findings) -> Option<Login> {
    match (shape.client_secret.get(), shape.jwt.get()) {
        (Some(secret), None) => Some(Login::Secret(Secret::new(secret.text.trim()))),
        (None, Some(jwt)) => bearer(jwt, url, given, findings),
        (both, _) => {
            let (message, help) = match both {
                Some(_) => ("`client_secret` and `jwt` are two ways to prove the same", "keep one of them"),
                None => (
                    "`salesforce` can't prove who it is",
                    "add `client_secret: ${NAME}` (client credentials), or `jwt` with a key and a user",
                ),
            };
            findings.push(Problem::error(shape.at, Code::MissingField, message).help(help));
            None
        }
    }
}

fn bearer(jwt: &SalesforceJwtShape, url: Option<&Url>, given: Given<'_>, findings: &mut Findings) -> Option<Login> {
    let user = jwt.user.require("user", SalesforceJwtShape::WHAT, jwt.at, findings);
    let named = jwt.key.require("key", SalesforceJwtShape::WHAT, jwt.at, findings)?;
    let key = Secret::new(given.0.text(named)?);
    if let Err(error) = check_key(&key) {
        let message = format!("`{}` can't be used: {error}", findings.shown(named));
        let help = "`openssl req -x509 -newkey rsa:2048 -nodes -days 730 -keyout salesforce-key.pem -out salesforce.crt` makes one";
        findings.push(Problem::error(named.at, Code::BadValue, message).help(help));
    }
    let is_sandbox = url.and_then(Url::host_str).is_some_and(|host| host.contains(".sandbox."));
    let usual = if is_sandbox { "https://test.salesforce.com" } else { "https://login.salesforce.com" };
    let audience = jwt.audience.get().map_or_else(|| usual.into(), |audience| audience.text.trim().into());
    Some(Login::Jwt { key, user: user?.text.trim().into(), audience })
}

fn version(shape: &SalesforceShape, findings: &mut Findings) -> Arc<str> {
    let Some(written) = shape.api_version.get() else { return "v66.0".into() };
    let number =
        written.text.trim().strip_prefix('v').and_then(|rest| rest.strip_suffix(".0")).and_then(|n| n.parse().ok());
    // Graphs came with 50.
    if !number.is_some_and(|number: u16| (50..1000).contains(&number)) {
        let message = format!("`{}` is no version of the API", findings.shown(written));
        findings.push(
            Problem::error(written.at, Code::BadValue, message)
                .help("write for example `v66.0`; `v50.0` is the oldest"),
        );
    }
    written.text.trim().into()
}

/// Names of fields stand in queries.
fn names(written: &Field<FieldsShape>, findings: &mut Findings) {
    let both = written.get().map(|shape| [&shape.always, &shape.once]);
    for (name, _) in both.into_iter().flatten().filter_map(|all| all.get()).flat_map(|Named(all)| all) {
        let is_name = name.text.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            let problem = Problem::error(name.at, Code::BadValue, format!("`{}` is no name of a field", name.shown));
            findings
                .push(problem.help("write its API name, such as `Product_Tier__c`: Setup → Object Manager → Fields"));
        }
    }
}
