//! A lead that every receiver takes: no larger than web servers allow, and no deeper than readers of JSON go. What does not fit is
//! left out and named in the lead, since a lead without a trait is worth more than one that nobody receives.

use std::cmp::Reverse;

use serde_json::Value;

use super::record::{Joiner, Lead, LeadEvent};
use crate::event::size::cut;

/// How large a lead may be as JSON: well below what web servers take by default, 100 KB and more.
const MAX_BYTES: usize = 64 * 1_024;
/// How deep a trait may be nested.
const MAX_DEPTH: usize = 32;
/// How large an observed value may be as JSON; more of it tells a rep nothing.
const MAX_OBSERVED_BYTES: usize = 1_024;
/// How long a sentence may be.
const MAX_SUMMARY_BYTES: usize = 4 * 1_024;

/// Whose trait it is, and its name.
type Place = (&'static str, String);

impl Lead {
    /// Leaves out traits until the lead fits: those that are too deep, then the largest, and last those that `matters` names. Returns
    /// the lead with their names in `truncated`.
    #[must_use]
    pub(super) fn fitted(mut self, matters: impl Fn(&str, &str) -> bool) -> Self {
        self.summary.truncate(cut(&self.summary, MAX_SUMMARY_BYTES).len());
        for observation in self.reasons.iter_mut().flat_map(|reason| &mut reason.observed) {
            shorten(&mut observation.value);
        }
        let deep: Vec<Place> = self.traits().filter(|(.., value)| is_deeper(value, MAX_DEPTH)).map(place).collect();
        deep.into_iter().for_each(|place| self.leave_out(place));
        let mut excess = json_bytes(&self).saturating_sub(MAX_BYTES);
        if excess > 0 {
            let mut by_size: Vec<(bool, Reverse<usize>, Place)> = self
                .traits()
                .map(|found @ (of, name, value)| {
                    (matters(of, name), Reverse(name.len() + json_bytes(value)), place(found))
                })
                .collect();
            by_size.sort_unstable();
            for (_, Reverse(bytes), place) in by_size {
                if excess == 0 {
                    break;
                }
                excess = excess.saturating_sub(bytes);
                self.leave_out(place);
            }
        }
        // What those say who became part of it stands in their own explanations, too.
        while json_bytes(&self) > MAX_BYTES
            && let Some(joiner) = self.joined.iter_mut().find(|joiner| !joiner.because.is_empty())
        {
            joiner.because.clear();
        }
        self.truncated.sort_unstable();
        self
    }

    fn traits(&self) -> impl Iterator<Item = (&'static str, &String, &Value)> {
        let user = self.user.iter().flat_map(|user| &user.traits).map(|(name, value)| ("user", name, value));
        let account = self.account.iter().flat_map(|account| &account.traits);
        user.chain(account.map(|(name, value)| ("account", name, value)))
    }

    fn leave_out(&mut self, (of, name): Place) {
        let traits = match of {
            "user" => self.user.as_mut().map(|user| &mut user.traits),
            _ => self.account.as_mut().map(|account| &mut account.traits),
        };
        if let Some(traits) = traits {
            traits.remove(&name);
        }
        self.truncated.push(format!("{of}.{name}"));
    }
}

/// Who becomes part of another lead of the account: what `event` says of them, in short.
pub(crate) fn joiner(event: &LeadEvent) -> Joiner {
    const MAX_REASONS: usize = 8;
    let lead = &event.lead;
    let because = lead.because.iter().take(MAX_REASONS);
    Joiner {
        definition: lead.definition.clone(),
        kind: lead.subject.kind,
        id: lead.subject.id.clone(),
        name: lead.subject.name.clone(),
        tier: lead.tier,
        qualified: event.occurred_at.clone(),
        summary: cut(&lead.summary, MAX_OBSERVED_BYTES).to_owned(),
        because: because.map(|text| cut(text, MAX_OBSERVED_BYTES).to_owned()).collect(),
    }
}

fn place((of, name, _): (&'static str, &String, &Value)) -> Place {
    (of, name.clone())
}

fn json_bytes(of: &impl serde::Serialize) -> usize {
    // Plain data, which can't fail.
    serde_json::to_string(of).map_or(0, |json| json.len())
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(left) = levels.checked_sub(1) else { return value.is_array() || value.is_object() };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, left)),
        Value::Object(map) => map.values().any(|value| is_deeper(value, left)),
        _ => false,
    }
}

/// Makes the beginning of its text of a value that is too large or too deep.
fn shorten(value: &mut Value) {
    let text = match &*value {
        Value::Null | Value::Bool(_) | Value::Number(_) => return,
        Value::String(text) => text.clone(),
        nested => nested.to_string(),
    };
    if text.len() > MAX_OBSERVED_BYTES || is_deeper(value, MAX_DEPTH) {
        *value = Value::from(cut(&text, MAX_OBSERVED_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    /// A lead whose user has these traits.
    fn lead(traits: &Value) -> Lead {
        let lead = json!({
            "id": "lead_1", "revision": 1, "definition": "d", "definition_version": "v", "config_version": "c", "tier": 1,
            "subject": { "type": "user", "id": "u", "name": null }, "user": { "id": "u", "name": null, "traits": traits },
            "account": null, "contact": null, "people": [], "summary": "", "usage": {}, "first_seen": null, "last_seen": null,
            "routing": null, "timestamps": { "event": "", "received": "", "qualified": "", "routed": null },
            "reasons": [{ "axis": "fit", "condition": "has(user.deep)", "met": true, "progress": null, "observed": [
                { "what": "user.deep", "operator": "has", "value": null, "threshold": null, "met": true }
            ] }],
        });
        serde_json::from_value(lead).expect("a lead")
    }

    fn names(lead: &Lead) -> Vec<&str> {
        lead.user.iter().flat_map(|user| user.traits.keys()).map(String::as_str).collect()
    }

    #[test]
    fn what_readers_of_json_would_refuse_is_left_out_and_said() {
        let mut lead = lead(&json!({ "deep": nested(124), "plan": "free", "nested": nested(MAX_DEPTH) }));
        lead.reasons[0].observed[0].value = nested(124);
        let lead = lead.fitted(|_, _| true);
        assert_eq!((names(&lead), &*lead.truncated), (vec!["nested", "plan"], &["user.deep".to_owned()][..]));
        let json = serde_json::to_string(&lead).expect("plain data");
        assert_eq!(serde_json::from_str::<Lead>(&json).expect("every reader takes it"), lead);
    }

    #[test]
    fn the_largest_leave_first_and_what_conditions_read_last() {
        let large = |bytes: usize| "x".repeat(bytes);
        let traits = json!({ "a": large(30_000), "b": large(20_000), "c": large(2_000), "read": large(40_000) });
        let fitted = lead(&traits).fitted(|of, name| (of, name) == ("user", "read"));
        assert_eq!((names(&fitted), &*fitted.truncated), (vec!["b", "c", "read"], &["user.a".to_owned()][..]));
        assert_eq!(names(&lead(&traits).fitted(|_, _| false)), ["a", "b", "c"]);
        let whole = lead(&json!({ "a": large(50_000) }));
        assert_eq!(whole.clone().fitted(|_, _| false), whole, "what fits stays as it is");
    }
}
