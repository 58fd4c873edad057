//! Whether deliveries will work: the token and its scopes, the attributes that are written, the owners.

use reqwest::Method;
use serde_json::Value;

use super::answers::failure;
use super::attributes::{Attribute, COMPANIES, Catalogue, OWNER, PEOPLE, is_key, mapped, ours, there, type_of};
use super::talk::Talk;
use super::{back, members};
use crate::crm::adapter::Proof;

/// What the token has to be allowed.
const SCOPES: [&str; 4] =
    ["record_permission:read-write", "object_configuration:read", "user_management:read", "note:read-write"];
/// What is written of a new record anyway, where its object has it.
const WRITTEN: [&str; 5] = ["name", "stage", OWNER, "email_addresses", "domains"];

/// All of it; what rests on the token is not looked at while that is wrong.
pub(super) async fn all(talk: &mut Talk<'_, '_>, owners: &[&str]) -> Vec<Proof> {
    let fix = "make an access token in Attio under Workspace settings > Developers, with the scopes that docs/crm/attio.md lists, and put \
               it where `token` is read from";
    // This answer is of another form than all others.
    let me = match talk.ask(Method::GET, talk.url(&["self"]), None).await {
        Ok(answer) if answer.is_success() => answer.json::<Value>().unwrap_or_default(),
        Ok(answer) => return vec![Proof::bad("credentials", failure(&answer, talk.session.now()).error, fix)],
        Err(failure) => {
            let fix = format!("see whether {} can be reached from here", talk.attio.api);
            return vec![Proof::bad("credentials", failure.error, fix)];
        }
    };
    if me.get("active") != Some(&Value::Bool(true)) {
        return vec![Proof::bad("credentials", "the token is not active", fix)];
    }
    let workspace = me.get("workspace_name").and_then(Value::as_str).unwrap_or("?");
    let mut proofs = vec![Proof::good("credentials", format!("the token is one of the workspace {workspace}"))];
    proofs.push(scopes(talk, me.get("scope").and_then(Value::as_str).unwrap_or_default()));
    for object in [COMPANIES, PEOPLE, &*talk.attio.object] {
        proofs.extend(attributes(talk, object).await);
    }
    if !talk.attio.stages.is_empty() {
        proofs.extend(stages(talk).await);
    }
    proofs.push(all_owners(talk, owners).await);
    proofs
}

/// Whether the statuses that were named are there.
async fn stages(talk: &Talk<'_, '_>) -> Option<Proof> {
    let titles = match there(talk, &talk.attio.object).await {
        Ok(attributes) => back::titles(talk, &attributes).await,
        Err(failure) => Err(failure),
    };
    match titles {
        Ok(titles) => talk.attio.stages.proof(titles.iter().map(String::as_str)),
        Err(failure) => Some(Proof::bad("stages", failure.error, "give the token the scope object_configuration:read")),
    }
}

fn scopes(talk: &Talk<'_, '_>, given: &str) -> Proof {
    let more = "object_configuration:read-write";
    let has = |scope: &str| given.split_whitespace().any(|given| given == scope || *given == format!("{scope}-write"));
    let wanted = SCOPES.into_iter().chain(talk.attio.create_attributes.then_some(more));
    let missing: Vec<&str> = wanted.filter(|scope| !has(scope)).collect();
    match missing.as_slice() {
        [] => Proof::good("scopes", "all are given"),
        missing => {
            let fix = "give the token these scopes: Workspace settings > Developers";
            Proof::bad("scopes", format!("the token lacks {}", missing.join(", ")), fix)
        }
    }
}

/// Ours, those that are mapped, and those that Attio wants a value of.
async fn attributes(talk: &Talk<'_, '_>, object: &str) -> Vec<Proof> {
    let what = format!("attributes of {object}");
    let found = match there(talk, object).await {
        Ok(found) => found,
        Err(failure) => {
            let fix = "switch the object on (Workspace settings > Objects), or make it, and give the token object_configuration:read";
            return vec![Proof::bad(&what, failure.error, fix)];
        }
    };
    let mut proofs = Vec::new();
    let mut bad = |found: String, fix: &str| proofs.push(Proof::bad(&what, found, fix));
    let ours = ours(talk.attio, object);
    let missing: Vec<String> = ours
        .iter()
        .filter(|fact| found.find(fact.name).is_none())
        .map(|fact| format!("{} ({}{})", fact.name, type_of(fact), if is_key(fact) { ", unique" } else { "" }))
        .collect();
    if !missing.is_empty() && !talk.attio.create_attributes {
        let fix = "write `create_attributes: true`, or make them in Attio: Workspace settings > Objects";
        bad(format!("there is no {}", missing.join(", ")), fix);
    }
    for (fact, attribute) in ours.iter().filter_map(|fact| Some((fact, found.find(fact.name)?))) {
        if attribute.kind != type_of(fact) || is_key(fact) && !attribute.is_unique {
            let wanted = if is_key(fact) { "unique text" } else { type_of(fact) };
            let told = format!("`{}` is {}, and has to be {wanted}", fact.name, attribute.kind);
            bad(told, "archive it in Attio, give it another slug, and make it anew");
        }
    }
    let fields = mapped(talk.attio, object);
    let names: Vec<&str> = fields.always.iter().chain(&fields.once).map(|field| &*field.name).collect();
    let unknown = |name: &&&str| found.find(name).is_none_or(|attribute| !attribute.is_writable);
    let unknown: Vec<&str> = names.iter().filter(unknown).copied().collect();
    if !unknown.is_empty() {
        let fix = "make them in Attio, or take them out of the mapping; the slug counts, not the title";
        bad(format!("there is no {}, or it can't be written", unknown.join(", ")), fix);
    }
    let is_given = |one: &Attribute| {
        WRITTEN.contains(&&*one.slug) || names.contains(&&*one.slug) || ours.iter().any(|fact| fact.name == one.slug)
    };
    let wanted = found.0.iter().filter(|one| one.is_required && one.is_writable && !one.is_default_value_enabled);
    for one in wanted.filter(|one| !is_given(one)) {
        let part = if object == COMPANIES {
            "company"
        } else if object == PEOPLE {
            "person"
        } else {
            "lead"
        };
        let told = format!("`{}` is required, and nothing is written to it", one.slug);
        bad(told, &format!("map it under `{part}.once`, or let it be empty"));
    }
    if object == &*talk.attio.object {
        bad_owner(&found).into_iter().for_each(|(told, fix)| bad(told, fix));
    }
    if proofs.is_empty() {
        let later = if missing.is_empty() { String::new() } else { format!("; {} will be made", missing.join(", ")) };
        proofs.push(Proof::good(
            &what,
            format!("{} of {} are there{later}", ours.len() + names.len() - missing.len(), ours.len() + names.len()),
        ));
    }
    proofs
}

/// Whether a lead can have an owner.
fn bad_owner(found: &Catalogue) -> Option<(String, &'static str)> {
    match found.find(OWNER) {
        Some(owner) if owner.kind == "actor-reference" => None,
        Some(owner) => Some((
            format!("`{OWNER}` is {}, and has to be a user", owner.kind),
            "give it another slug, and make a user attribute `owner`",
        )),
        None => Some((
            format!("there is no `{OWNER}`: leads would belong to nobody"),
            "make an attribute of the type User with the slug `owner` in Attio: Workspace settings > Objects",
        )),
    }
}

/// Whether each rep is an active member.
async fn all_owners(talk: &Talk<'_, '_>, owners: &[&str]) -> Proof {
    let fix =
        "invite them to the workspace, or write the address that they have there; until then their leads have no owner";
    match members::all(talk).await {
        Ok(members) => members.proof(owners, ("members", "suspended"), fix),
        Err(failure) => Proof::bad("owners", failure.error, "give the token the scope user_management:read"),
    }
}
