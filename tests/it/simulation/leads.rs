//! Leads beside the reference. Figures that only grow make it plain who must have become a lead in the end, and who can't
//! have, in whatever order things were applied.

use std::collections::{BTreeMap, BTreeSet};

use handraiser::config::{Config, load_text};
use handraiser::counters::Counter;
use handraiser::lead::Lead;
use handraiser::store::{LeadQuery, Store};
use handraiser::time::Millis;

use super::reference::Reference;

const USER: f64 = 3.0;
const ACCOUNT: f64 = 5.0;

/// A configuration with three definitions, on two counters for which the model's own make room at the front.
pub fn config() -> Config {
    let text = format!(
        "sources: {{ app: {{ write_key: k }} }}
counters:
  mine: {{ of: user, event: event 1 }}
  ours: {{ of: account, event: event 1 }}
definitions:
  - {{ name: busy user, of: user, intent: [ mine >= {USER} ], fresh: 1000d }}
  - {{ name: busy account, of: account, intent: [ ours >= {ACCOUNT} ], fresh: 1000d }}
  - {{ name: busy together, of: user, intent: [ mine >= {USER} ], fit: [ ours >= {ACCOUNT} ], fresh: 1000d }}
teams: {{ sales: {{ reps: [ ana@example.com, ben@example.com, cy@example.com ] }} }}
routes: [ {{ name: all, to: sales }} ]
destinations: {{ crm: {{ webhook: {{ url: \"http://127.0.0.1:9/\" }}, allow_addresses: [ 127.0.0.0/8 ] }} }}
"
    );
    load_text("model.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}")).config
}

/// Compares the leads of `store` with what `reference` says; what is wrong comes back as text.
pub async fn check(store: &dyn Store, reference: &Reference, counters: &[Counter], now: Millis) -> Result<(), String> {
    let [mine, ours, ..] = counters else { return Err("the definitions' counters come first".to_owned()) };
    let query = LeadQuery { limit: 10_000, ..LeadQuery::default() };
    let rows = store.leads(&query).await.map_err(|error| error.to_string())?;
    let mut leads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        let lead: Lead = serde_json::from_str(&row.json).map_err(|error| error.to_string())?;
        if !leads.entry(lead.definition.clone()).or_default().insert(lead.subject.id.clone()) {
            return Err(format!("two leads `{}` of {}", lead.definition, lead.subject.id));
        }
    }
    let leads_of = |definition: &str| leads.get(definition).cloned().unwrap_or_default();
    let is_busy = |counter, id: &str, enough| reference.figure(counter, id, now).is_some_and(|figure| figure >= enough);

    // An anonymous id may have become a lead of its own before it turned out to be a user.
    let roots = |ids: BTreeSet<String>| ids.iter().map(|id| reference.root(id)).collect::<BTreeSet<_>>();
    let users: BTreeSet<String> = reference.users.iter().map(|id| reference.root(id)).collect();
    let busy_users: BTreeSet<String> = users.into_iter().filter(|id| is_busy(mine, id, USER)).collect();
    let busy_accounts: BTreeSet<String> =
        reference.accounts().into_iter().filter(|id| is_busy(ours, id, ACCOUNT)).collect();
    same("busy user", &roots(leads_of("busy user")), &busy_users)?;
    same("busy account", &leads_of("busy account"), &busy_accounts)?;

    // Which account a user had at hand depends on the order of things, but some account must have been busy.
    let together = roots(leads_of("busy together"));
    let possible = if busy_accounts.is_empty() { BTreeSet::new() } else { busy_users.clone() };
    within("busy together", &together, &possible)
}

fn same(what: &str, found: &BTreeSet<String>, expected: &BTreeSet<String>) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("leads `{what}`: reference {expected:?}, engine {found:?}")) }
}

fn within(what: &str, found: &BTreeSet<String>, possible: &BTreeSet<String>) -> Result<(), String> {
    if found.is_subset(possible) {
        Ok(())
    } else {
        Err(format!("leads `{what}`: {found:?} are not all in {possible:?}"))
    }
}
