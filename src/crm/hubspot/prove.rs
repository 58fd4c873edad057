//! Whether deliveries will work: the token and its scopes, the properties that are written, the owners, the limits.

use reqwest::Method;
use serde_json::Value;

use super::Object;
use super::answers::failure;
use super::back;
use super::properties::{ours, there};
use super::records::owner;
use super::talk::Talk;
use crate::crm::adapter::Proof;
use crate::crm::mapping::Fields;

/// All of it; what rests on the token is not looked at while that is wrong.
pub(super) async fn all(talk: &mut Talk<'_, '_>, owners: &[&str]) -> Vec<Proof> {
    let (token, works) = credentials(talk).await;
    let mut proofs = vec![token];
    if works {
        proofs.extend(limits(talk).await);
        for object in written(talk.hubspot.object) {
            proofs.push(scope(talk, object).await);
        }
        if talk.hubspot.object == Object::Lead {
            proofs.push(deals(talk).await);
        }
        proofs.extend(properties(talk).await);
        if !talk.hubspot.stages.is_empty() {
            proofs.extend(stages(talk).await);
        }
        proofs.push(all_owners(talk, owners).await);
    }
    proofs
}

/// Whether the stages that were named are there. Statuses of contacts are an account's own, and not looked at.
async fn stages(talk: &Talk<'_, '_>) -> Option<Proof> {
    talk.hubspot.object.path()?;
    match back::stages(talk).await {
        Ok(steps) => talk.hubspot.stages.proof(steps.values().map(|step| &*step.label)),
        Err(failure) => Some(Proof::bad("stages", failure.error, "give the token the scope to read that object")),
    }
}

/// The objects that are written.
fn written(object: Object) -> impl Iterator<Item = &'static str> {
    ["companies", "contacts"].into_iter().chain(object.path()).chain(["notes"])
}

async fn credentials(talk: &Talk<'_, '_>) -> (Proof, bool) {
    let url = talk.url("owners", &[]);
    let fix = "make a service key in HubSpot under Development > Keys > Service keys, with the scopes that \
               docs/crm/hubspot.md lists, and put it where `token` is read from";
    match talk.ask(Method::GET, url, None).await {
        Ok(answer) if answer.is_success() => (Proof::good("credentials", "the token is taken"), true),
        // Others may be there: each is looked at.
        Ok(answer) if answer.status == 403 => {
            let failure = failure(&answer, talk.session.now());
            (Proof::bad("credentials", failure.error, "give the token the scope crm.objects.owners.read"), true)
        }
        Ok(answer) => (Proof::bad("credentials", failure(&answer, talk.session.now()).error, fix), false),
        Err(failure) => {
            let fix = format!("see whether {} can be reached from here", talk.hubspot.api);
            (Proof::bad("credentials", failure.error, fix), false)
        }
    }
}

/// How often HubSpot lets itself be asked, as it says itself.
async fn limits(talk: &Talk<'_, '_>) -> Option<Proof> {
    let answer = talk.ask(Method::GET, talk.url("owners", &[]), None).await.ok()?;
    let number = |name: &str| answer.header(name)?.parse::<u64>().ok();
    let (most, per) = (number("x-hubspot-ratelimit-max")?, number("x-hubspot-ratelimit-interval-milliseconds")?);
    let [limit, _] = talk.hubspot.limits;
    let ours = u64::from(limit.requests);
    let left = number("x-hubspot-ratelimit-daily-remaining").map(|left| format!("; {left} are left today"));
    let found = format!("{most} requests in {} s{}", per / 1_000, left.unwrap_or_default());
    let fine = most >= ours || u128::from(per) < limit.per.as_millis();
    let takes = format!("HubSpot takes {found}");
    Some(if fine {
        Proof::good("limits", format!("{takes}; at most {ours} are made in 10 s"))
    } else {
        Proof::bad("limits", format!("{takes}, and {ours} may be made"), format!("write `limit: {most}`"))
    })
}

/// Whether an object may be read; what may be written can't be known without writing.
async fn scope(talk: &Talk<'_, '_>, object: &str) -> Proof {
    let what = format!("{object} can be read");
    let mut url = talk.url("objects", &[object]);
    url.query_pairs_mut().append_pair("limit", "1");
    match talk.tell(Method::GET, url, None).await {
        Ok(_) => Proof::good(&what, "yes; writing needs the scope for that as well"),
        Err(failure) if object == "leads" => {
            let fix = "give the token crm.objects.leads.read and crm.objects.leads.write; leads need the Sales Hub \
                       (Professional): without it write `object: deal` or `object: none`";
            Proof::bad(&what, failure.error, fix)
        }
        Err(failure) => {
            let scope = if object == "notes" { "contacts" } else { object };
            let fix = format!("give the token crm.objects.{scope}.read and crm.objects.{scope}.write");
            Proof::bad(&what, failure.error, fix)
        }
    }
}

/// Whether it may be read what became of deals that people make of leads.
async fn deals(talk: &Talk<'_, '_>) -> Proof {
    const WHAT: &str = "deals can be read";
    let mut url = talk.url("objects", &["deals"]);
    url.query_pairs_mut().append_pair("limit", "1");
    match talk.tell(Method::GET, url, None).await {
        Ok(_) => Proof::good(WHAT, "yes; a lead is won or lost by the deal that came of it"),
        Err(failure) => {
            let fix =
                "give the token crm.objects.deals.read: until then no lead is won or lost by the deal that came of it";
            Proof::bad(WHAT, failure.error, fix)
        }
    }
}

/// Ours, and those that are mapped.
async fn properties(talk: &Talk<'_, '_>) -> Vec<Proof> {
    let hubspot = talk.hubspot;
    let mut proofs = Vec::new();
    for object in written(hubspot.object).filter(|object| *object != "notes") {
        let ours =
            ours(hubspot.object).into_iter().find(|(of, _)| *of == object).map_or_else(Vec::new, |(_, ours)| ours);
        let fields = match object {
            "companies" => &hubspot.company,
            "contacts" => &hubspot.contact,
            _ => &hubspot.lead,
        };
        let mapped = names(fields);
        let all: Vec<&str> = ours.iter().map(|ours| ours.name).chain(mapped.iter().copied()).collect();
        if all.is_empty() {
            continue;
        }
        let what = format!("properties of {object}");
        let found = match there(talk, object, &all).await {
            Ok(found) => found,
            Err(failure) => {
                let fix = format!("give the token crm.schemas.{object}.read");
                proofs.push(Proof::bad(&what, failure.error, fix));
                continue;
            }
        };
        let is_there = |name: &str| found.iter().any(|there| there.name == name);
        let missing: Vec<&str> = ours.iter().map(|ours| ours.name).filter(|name| !is_there(name)).collect();
        if !missing.is_empty() && !hubspot.create_properties {
            let fix = format!(
                "write `create_properties: true` and give the token crm.schemas.{object}.write, or create them in HubSpot: \
                 docs/crm/hubspot.md says of which type each is"
            );
            proofs.push(Proof::bad(&what, format!("there is no {}", missing.join(", ")), fix));
        }
        let plain = |name: &str| found.iter().any(|there| there.name == name && !there.has_unique_value);
        let plain: Vec<&str> =
            ours.iter().filter(|ours| ours.unique && plain(ours.name)).map(|ours| ours.name).collect();
        if !plain.is_empty() {
            let fix = "delete it, and create it anew with `Require unique values for this property`";
            proofs.push(Proof::bad(&what, format!("the values of {} need not be unique", plain.join(", ")), fix));
        }
        let unknown: Vec<&str> = mapped.iter().copied().filter(|name| !is_there(name)).collect();
        if !unknown.is_empty() {
            let fix =
                "create them in HubSpot, or take them out of the mapping; the internal name counts, not the label";
            proofs.push(Proof::bad(&what, format!("there is no {}", unknown.join(", ")), fix));
        }
        let closed = |name: &str| found.iter().any(|there| there.name == name && there.is_read_only());
        let closed: Vec<&str> = mapped.iter().copied().filter(|name| closed(name)).collect();
        if !closed.is_empty() {
            let found = format!("{} can't be written: HubSpot computes it", closed.join(", "));
            proofs.push(Proof::bad(&what, found, "take it out of the mapping"));
        }
        if missing.is_empty() && plain.is_empty() && unknown.is_empty() && closed.is_empty() {
            proofs.push(Proof::good(&what, format!("all {} are there", all.len())));
        } else if !missing.is_empty() && hubspot.create_properties {
            proofs.push(Proof::good(&what, format!("{} will be created with the first lead", missing.join(", "))));
        }
        proofs.extend(rules(talk, object, &all).await);
    }
    proofs
}

fn names(fields: &Fields) -> Vec<&str> {
    fields.always.iter().chain(&fields.once).map(|field| &*field.name).collect()
}

/// Rules that an administrator made for values of what is written here: a write that breaks one is refused.
async fn rules(talk: &Talk<'_, '_>, object: &str, names: &[&str]) -> Option<Proof> {
    let id = match object {
        "companies" => "0-2",
        "contacts" => "0-1",
        "deals" => "0-3",
        _ => "0-136",
    };
    let answer = talk.ask(Method::GET, talk.url("property-validations", &[id]), None).await.ok()?;
    let said: Value = answer.json().filter(|_| answer.is_success())?;
    let results = said.get("results")?.as_array()?;
    let named = results.iter().filter_map(|of| {
        let name = of.get("propertyName")?.as_str().filter(|name| names.contains(name))?;
        let rules = of.get("propertyValidationRules")?.as_array()?;
        let kinds: Vec<&str> = rules.iter().filter_map(|rule| rule.get("ruleType")?.as_str()).collect();
        Some(format!("{name} ({})", kinds.join(", ")))
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| {
        let found = format!("rules stand for {}: a lead that breaks one is refused", named.join(", "));
        Proof::good(&format!("rules of {object}"), found)
    })
}

/// Whether each rep is an active user.
async fn all_owners(talk: &mut Talk<'_, '_>, owners: &[&str]) -> Proof {
    let mut unknown = Vec::new();
    for email in owners {
        match owner(talk, email).await {
            Ok(Some(_)) => {}
            Ok(None) => unknown.push(*email),
            Err(failure) => {
                return Proof::bad("owners", failure.error, "give the token the scope crm.objects.owners.read");
            }
        }
    }
    match unknown.as_slice() {
        [] => Proof::good("owners", format!("all {} reps are active users", owners.len())),
        unknown => {
            let found = format!("{} of {} are no active users: {}", unknown.len(), owners.len(), unknown.join(", "));
            let fix = "invite them to HubSpot, or write the address that they have there; until then their leads have no owner";
            Proof::bad("owners", found, fix)
        }
    }
}
