//! How Attio tells of things, in full, as its API description has it.

use serde_json::{Map, Value, json};

const WORKSPACE: &str = "14beef7a-99f7-4534-a87e-70b564330a4c";
const OBJECT: &str = "97052eb9-e65e-443f-a297-f2d9a4a7f795";
const MOMENT: &str = "2026-11-30T12:00:00.000000000Z";

fn actor() -> Value {
    json!({ "type": "api-token", "id": WORKSPACE })
}

/// Who asks, and what they may do.
pub fn me(scopes: &str) -> Value {
    json!({ "active": true, "scope": scopes, "client_id": WORKSPACE, "token_type": "Bearer", "exp": null, "iat": 1_700_000_000,
        "sub": WORKSPACE, "aud": WORKSPACE, "iss": "attio.com", "authorized_by_workspace_member_id": WORKSPACE,
        "workspace_id": WORKSPACE, "workspace_name": "Example", "workspace_slug": "example", "workspace_logo_url": null })
}

pub fn member(email: &str, id: &str, is_active: bool) -> Value {
    let level = if is_active { "member" } else { "suspended" };
    json!({ "id": { "workspace_id": WORKSPACE, "workspace_member_id": id }, "first_name": "", "last_name": "",
        "avatar_url": null, "email_address": email, "created_at": MOMENT, "access_level": level })
}

pub fn attribute(slug: &str, kind: &str, is_unique: bool, is_required: bool) -> Value {
    json!({ "id": { "workspace_id": WORKSPACE, "object_id": OBJECT, "attribute_id": OBJECT }, "title": slug,
        "description": null, "api_slug": slug, "type": kind, "is_system_attribute": false, "is_writable": true,
        "is_required": is_required, "is_unique": is_unique, "is_multiselect": false, "is_default_value_enabled": false,
        "is_archived": false, "default_value": null, "relationship": null, "created_at": MOMENT,
        "config": { "currency": { "default_currency_code": "USD", "display_type": "symbol" },
            "record_reference": { "allowed_object_ids": null } } })
}

/// A record, each of its values as its attribute's type has it.
pub fn record<'r>(id: &str, values: impl Iterator<Item = (&'r String, &'r str, &'r [Value])>) -> Value {
    let values = values.map(|(slug, kind, all)| (slug.clone(), all.iter().map(|one| value(kind, one)).collect()));
    json!({ "id": { "workspace_id": WORKSPACE, "object_id": OBJECT, "record_id": id }, "created_at": MOMENT,
        "web_url": format!("https://app.attio.com/example/{id}"), "values": values.collect::<Map<_, _>>() })
}

fn value(kind: &str, value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let choice = |id: &str| {
        let mut ids = json!({ "workspace_id": WORKSPACE, "object_id": OBJECT, "attribute_id": OBJECT });
        ids[id] = json!(OBJECT);
        json!({ "id": ids, "title": value, "is_archived": false })
    };
    let mut shown = match kind {
        "status" => {
            let mut status = choice("status_id");
            (status["celebration_enabled"], status["target_time_in_status"]) = (json!(false), Value::Null);
            json!({ "status": status })
        }
        "select" => json!({ "option": choice("option_id") }),
        "currency" => json!({ "currency_value": value, "currency_code": "USD" }),
        "domain" => json!({ "domain": value, "root_domain": value }),
        "email-address" => {
            let (local, domain) = text.split_once('@').unwrap_or_default();
            json!({ "original_email_address": value, "email_address": value, "email_domain": domain,
                "email_root_domain": domain, "email_local_specifier": local })
        }
        "timestamp" => json!({ "value": text.replace('Z', "000000Z") }),
        "record-reference" | "actor-reference" | "personal-name" => value.clone(),
        _ => json!({ "value": value }),
    };
    shown["active_from"] = json!(MOMENT);
    shown["active_until"] = Value::Null;
    shown["created_by_actor"] = actor();
    shown["attribute_type"] = json!(kind);
    shown
}

/// A note, of what was said when it was made.
pub fn note(number: usize, said: &Value) -> Value {
    json!({ "id": { "workspace_id": WORKSPACE, "note_id": format!("ff3f3bd4-40f4-4f80-8187-{number:012x}") },
        "parent_object": said["parent_object"], "parent_record_id": said["parent_record_id"], "title": said["title"],
        "meeting_id": null, "content_plaintext": said["content"], "content_markdown": said["content"], "tags": [],
        "created_by_actor": actor(), "created_at": MOMENT })
}
