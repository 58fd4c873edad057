//! Whether deliveries will work: credentials, calls that are left, fields, what else is required, owners. Changes nothing.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::back;
use super::login::{ORGANIZATION, call};
use super::org::{ACCOUNT_ID, LEAD_ID, Matching, Salesforce, USER_ID};
use super::read::{OF_ACCOUNT, OF_CONTACT, OF_LEAD, OF_TASK, quoted, select, text};
use super::refusal::{Refusal, answered, fix, refusals};
use crate::crm::adapter::Proof;
use crate::crm::exchange::Request;
use crate::crm::mapping::Fields;
use crate::crm::session::Session;

/// Which field an object is known by.
struct Object<'o> {
    name: &'static str,
    id: &'static str,
    /// Fields that are written anyway.
    own: &'static [&'static str],
    fields: Option<&'o Fields>,
}

/// What Salesforce says of a field.
#[expect(clippy::struct_excessive_bools, reason = "as Salesforce describes fields")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    name: String,
    #[serde(default)]
    createable: bool,
    #[serde(default)]
    updateable: bool,
    #[serde(default)]
    nillable: bool,
    #[serde(default)]
    defaulted_on_create: bool,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    case_sensitive: bool,
}

/// Looks at everything.
pub async fn prove(org: &Salesforce, owners: &[&str], session: &Session<'_>) -> Vec<Proof> {
    let mut proofs = vec![credentials(org, session).await];
    if proofs.iter().all(|proof| proof.ok) {
        for object in objects(org) {
            proofs.extend(fields(org, &object, session).await);
        }
        if !org.stages.is_empty() {
            proofs.extend(stages(org, session).await);
        }
        proofs.extend(users(org, owners, session).await);
    }
    proofs
}

fn objects(org: &Salesforce) -> Vec<Object<'_>> {
    let mut objects = Vec::new();
    if org.matching != Matching::ContactOnly {
        objects.push(Object { name: "Lead", id: LEAD_ID, own: &OF_LEAD, fields: Some(&org.lead) });
    }
    if org.matching != Matching::Lead {
        objects.push(Object { name: "Contact", id: USER_ID, own: &OF_CONTACT, fields: Some(&org.contact) });
        objects.push(Object { name: "Account", id: ACCOUNT_ID, own: &OF_ACCOUNT, fields: Some(&org.account) });
    }
    objects.push(Object { name: "Task", id: LEAD_ID, own: &OF_TASK, fields: None });
    objects
}

async fn get(org: &Salesforce, below: &str, session: &Session<'_>) -> Result<Value, (String, Vec<Refusal>)> {
    let answer =
        call(org, session, Request::get(org.at(below))).await.map_err(|failure| (failure.error, Vec::new()))?;
    match answer.json::<Value>().filter(|_| answer.is_success()) {
        Some(body) => Ok(body),
        None => {
            let refusals = answer.json().as_ref().map(refusals).unwrap_or_default();
            Err((answered(&answer, session.now()).error, refusals))
        }
    }
}

async fn credentials(org: &Salesforce, session: &Session<'_>) -> Proof {
    match get(org, "limits", session).await {
        Ok(limits) => {
            let of = |name: &str| limits.pointer(&format!("/DailyApiRequests/{name}")).and_then(Value::as_u64);
            let (left, most) = (of("Remaining").unwrap_or_default(), of("Max").unwrap_or_default());
            let id = session.known(ORGANIZATION).map_or_else(String::new, |id| format!(" in organisation {id}"));
            let found = format!(
                "Salesforce takes them{id}; {left} of {most} calls are left of these 24 hours, and a lead event takes two"
            );
            if left.saturating_mul(10) < most {
                return Proof::bad(
                    "calls",
                    found,
                    "raise the org's limit, or find what else uses it up (Setup → System Overview)",
                );
            }
            Proof::good("credentials", found)
        }
        Err((found, refusals)) => {
            let known = refusals.first().and_then(|refusal| fix(&refusal.code));
            let fix = if refusals.iter().any(|refusal| refusal.code == "NOT_FOUND") {
                "set `api_version` to one that the org offers"
            } else {
                known.unwrap_or(
                    "see docs/crm/salesforce.md: the external client app, its flow, and the user that it runs as",
                )
            };
            Proof::bad("credentials", found, fix)
        }
    }
}

async fn fields(org: &Salesforce, object: &Object<'_>, session: &Session<'_>) -> Vec<Proof> {
    let what = format!("fields of {}", object.name);
    let described = match get(org, &format!("sobjects/{}/describe", object.name), session).await {
        Ok(body) => {
            body.get("fields").and_then(|fields| Vec::<Described>::deserialize(fields).ok()).unwrap_or_default()
        }
        Err((found, _)) => {
            let fix = format!("let the integration user's permission set read, create and edit {}", object.name);
            return vec![Proof::bad(&what, found, fix)];
        }
    };
    let problems = problems(object, &described);
    if problems.is_empty() {
        return vec![Proof::good(&what, format!("all are there, `{}` as external id", object.id))];
    }
    problems.into_iter().map(|(found, fix)| Proof::bad(&what, found, fix)).collect()
}

/// What is wrong with the fields of an object, each with what to do.
fn problems(object: &Object<'_>, described: &[Described]) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let named = |name: &str| described.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let label = if object.name == "Task" { "Activity" } else { object.name };
    match named(object.id) {
        None => problems.push((
            format!("`{}` is not there, or not to be seen", object.id),
            format!(
                "Setup → Object Manager → {label} → Fields → New: Text(255), External ID, unique and case-sensitive; visible to the \
                 integration user"
            ),
        )),
        Some(field) if !field.external_id => {
            problems.push((format!("`{}` is no external id", object.id), "edit the field: External ID".to_owned()));
        }
        // Fields of activities can't be unique.
        Some(field) if object.name != "Task" && !(field.unique && field.case_sensitive) => problems.push((
            format!("`{}` is not unique and case-sensitive", object.id),
            "edit the field: do not allow duplicate values, and treat \"ABC\" and \"abc\" as different values".to_owned(),
        )),
        Some(_) => {}
    }
    let mapped = object.fields.into_iter().flat_map(|fields| {
        let once = fields.once.iter().map(|field| (field, false));
        fields.always.iter().map(|field| (field, true)).chain(once)
    });
    let mut written: BTreeSet<String> = object.own.iter().map(|name| name.to_lowercase()).collect();
    for (field, always) in mapped {
        written.insert(field.name.to_lowercase());
        let fine = named(&field.name).is_some_and(|known| known.createable && (known.updateable || !always));
        if !fine {
            let found = format!("`{}` is not there, or can't be written", field.name);
            problems.push((
                found,
                "make the field, and let the integration user edit it; or remove it from the mapping".to_owned(),
            ));
        }
    }
    let required = described.iter().filter(|field| field.createable && !field.nillable && !field.defaulted_on_create);
    for field in required.filter(|field| !written.contains(&field.name.to_lowercase())) {
        let found = format!("`{}` is required, and nothing is written to it", field.name);
        problems.push((found, format!("map it under `{}.once`", object.name.to_lowercase())));
    }
    problems
}

/// Whether the statuses and stages that were named are there.
async fn stages(org: &Salesforce, session: &Session<'_>) -> Option<Proof> {
    match back::names(org, session).await {
        Ok(names) => org.stages.proof(names.iter().map(String::as_str)),
        Err(failure) => {
            Some(Proof::bad("stages", failure.error, "let the integration user view setup and configuration"))
        }
    }
}

async fn users(org: &Salesforce, owners: &[&str], session: &Session<'_>) -> Vec<Proof> {
    let mut known = Vec::new();
    for some in owners.chunks(100) {
        let emails = some.iter().map(|owner| quoted(owner)).collect::<Vec<_>>().join(", ");
        let query = format!("SELECT Email, IsActive FROM User WHERE Email IN ({emails}) AND UserType = 'Standard'");
        match select(org, session, &[("owners", query)]).await {
            Ok(rows) => known.extend(rows.into_iter().flatten()),
            Err(failure) => return vec![Proof::bad("owners", failure.error, "let the integration user view users")],
        }
    }
    let state = |owner: &str| {
        let mut users =
            known.iter().filter(|row| text(row, "Email").is_some_and(|email| email.eq_ignore_ascii_case(owner)));
        users.clone().next().map(|_| users.any(|row| row.get("IsActive") == Some(&Value::Bool(true))))
    };
    let mut proofs = Vec::new();
    for owner in owners {
        let found = match state(owner) {
            Some(true) => continue,
            Some(false) => format!("the user {owner} is not active"),
            None => format!("there is no user with the address {owner}"),
        };
        let fix = "their leads would have the integration user as owner: correct the address on one of the sides, or take them out of \
                   the teams";
        proofs.push(Proof::bad("owners", found, fix));
    }
    if proofs.is_empty() && !owners.is_empty() {
        proofs.push(Proof::good("owners", format!("all {} are active users", owners.len())));
    }
    proofs
}
