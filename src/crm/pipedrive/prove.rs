//! Whether deliveries will work: the token, the limits, what may be read, the fields that are written, the owners.

use reqwest::Method;
use serde_json::Value;

use super::answers::{LEFT, failure};
use super::fields::{Kind, is_of_use, mapped, there, type_of};
use super::talk::Talk;
use super::{back, users};
use crate::crm::adapter::Proof;
use crate::crm::exchange::Response;
use crate::crm::mapping::Fields;

/// All of it; what rests on the token is not looked at while that is wrong.
pub(super) async fn all(talk: &mut Talk<'_, '_>, owners: &[&str]) -> Vec<Proof> {
    let me = match talk.ask(Method::GET, talk.v1(&["users", "me"]), None).await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => {
            let fix = "copy the API token of a user (in Pipedrive: Settings > Personal preferences > API) to where `token` is read from";
            return vec![Proof::bad("credentials", failure(&answer, talk.session.now()).error, fix)];
        }
        Err(failure) => {
            let fix = format!("see whether {} can be reached from here", talk.pipedrive.url);
            return vec![Proof::bad("credentials", failure.error, fix)];
        }
    };
    let said: Value = me.json().unwrap_or_default();
    let mut proofs = vec![credentials(&said)];
    proofs.extend(limits(talk, &me));
    for kind in ["leads", "notes"] {
        proofs.push(readable(talk, kind).await);
    }
    let kinds = [Kind::Organization, Kind::Person, Kind::Lead];
    for kind in kinds.into_iter().filter(|kind| is_of_use(talk.pipedrive, *kind)) {
        proofs.extend(fields(talk, kind, is_admin(&said)).await);
    }
    if !talk.pipedrive.stages.is_empty() {
        proofs.extend(stages(talk).await);
    }
    proofs.push(all_owners(talk, owners).await);
    proofs
}

fn credentials(me: &Value) -> Proof {
    let text = |name: &str| me.pointer(&format!("/data/{name}")).and_then(Value::as_str).unwrap_or("?");
    Proof::good("credentials", format!("the token is that of {} at {}", text("email"), text("company_name")))
}

fn is_admin(me: &Value) -> bool {
    let access = me.pointer("/data/access").and_then(Value::as_array);
    access.is_none_or(|access| access.iter().any(|one| one.get("admin") == Some(&Value::Bool(true))))
}

/// How often Pipedrive lets itself be asked, as it says itself.
fn limits(talk: &Talk<'_, '_>, answer: &Response) -> Option<Proof> {
    let number = |name: &str| answer.header(name)?.trim().parse::<u64>().ok();
    let most = number("x-ratelimit-limit")?;
    let [limit, _] = talk.pipedrive.limits;
    let left = number(LEFT).map(|left| format!("; {left} tokens are left today")).unwrap_or_default();
    let takes = format!("Pipedrive takes {most} requests in 2 s{left}");
    Some(if most >= u64::from(limit.requests) {
        Proof::good("limits", format!("{takes}; at most {} are made", limit.requests))
    } else {
        Proof::bad("limits", format!("{takes}, and {} may be made", limit.requests), format!("write `limit: {most}`"))
    })
}

async fn readable(talk: &Talk<'_, '_>, kind: &str) -> Proof {
    let what = format!("{kind} can be read");
    let mut url = talk.v1(&[kind]);
    url.query_pairs_mut().append_pair("limit", "1");
    match talk.read(url).await {
        Ok(_) => Proof::good(&what, "yes"),
        Err(failure) => {
            let fix = "give the token's user access to them, or take the token of another user";
            Proof::bad(&what, failure.error, fix)
        }
    }
}

/// Ours, and those that are mapped.
async fn fields(talk: &Talk<'_, '_>, kind: Kind, is_admin: bool) -> Vec<Proof> {
    let what = format!("fields of {}", kind.words());
    let found = match there(talk, kind).await {
        Ok(found) => found,
        Err(failure) => return vec![Proof::bad(&what, failure.error, "let the token's user see the fields")],
    };
    let mut proofs = Vec::new();
    let missing: Vec<_> = kind.ours().iter().filter(|fact| found.own(fact).is_none()).collect();
    let names = missing.iter().map(|fact| format!("{} ({})", fact.label, words(type_of(fact))));
    let names = names.collect::<Vec<_>>().join(", ");
    match (missing.is_empty(), talk.pipedrive.create_fields, is_admin) {
        (true, ..) => {}
        (false, true, true) => proofs.push(Proof::good(&what, format!("{names} will be made with the first lead"))),
        (false, true, false) => {
            let fix = "the token's user is no administrator: let one run it once, or make the fields by hand";
            proofs.push(Proof::bad(&what, format!("there is no {names}, and the user may not make them"), fix));
        }
        (false, false, _) => {
            let place = if kind == Kind::Lead { "Lead/deal" } else { "Organization" };
            let fix = format!(
                "write `create_fields: true`, or make them in Pipedrive: Settings > Data fields > {place} > Custom fields"
            );
            proofs.push(Proof::bad(&what, format!("there is no {names}"), fix));
        }
    }
    let other = |fact: &&_| found.own(fact).filter(|field| field.kind != type_of(fact));
    for (fact, field) in kind.ours().iter().filter_map(|fact| Some((fact, other(&fact)?))) {
        let told = format!("`{}` is {}, and has to be {}", fact.label, words(&field.kind), words(type_of(fact)));
        proofs.push(Proof::bad(&what, told, "delete it in Pipedrive, and make it anew"));
    }
    let mapped = mapped(talk.pipedrive, kind);
    let unknown: Vec<&str> = names_of(mapped).filter(|name| !found.knows(name)).collect();
    if !unknown.is_empty() {
        let fix = "make them in Pipedrive, or take them out of the mapping";
        proofs.push(Proof::bad(&what, format!("there is no {}", unknown.join(", ")), fix));
    }
    if proofs.is_empty() {
        let all = kind.ours().len() + names_of(mapped).count();
        proofs.push(Proof::good(&what, format!("all {all} are there")));
    }
    proofs
}

fn names_of(fields: &Fields) -> impl Iterator<Item = &str> {
    fields.always.iter().chain(&fields.once).map(|field| &*field.name)
}

/// A type of fields, as people read it in Pipedrive.
fn words(kind: &str) -> &str {
    match kind {
        "varchar" => "Text",
        "text" => "Large text",
        "double" => "Numerical",
        "date" => "Date",
        other => other,
    }
}

/// Whether the stages that were named are there.
async fn stages(talk: &Talk<'_, '_>) -> Option<Proof> {
    match back::all_names(talk).await {
        Ok(names) => talk.pipedrive.stages.proof(names.values().map(String::as_str)),
        Err(failure) => {
            let fix = "let the token's user see labels of leads and stages of deals";
            Some(Proof::bad("stages", failure.error, fix))
        }
    }
}

/// Whether each rep is an active user.
async fn all_owners(talk: &Talk<'_, '_>, owners: &[&str]) -> Proof {
    let fix = "invite them to Pipedrive, or write the address that they have there; until then their leads belong to the token's user";
    match users::all(talk).await {
        Ok(users) => users.proof(owners, ("users", "deactivated"), fix),
        Err(failure) => Proof::bad("owners", failure.error, "let the token's user see the users"),
    }
}
