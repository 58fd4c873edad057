//! The books: what should have been counted and delivered, beside what was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::ledger::{self, Totals};
use super::world::{ACCOUNT_THRESHOLD, PERSON_THRESHOLD, REPS, World};
use crate::harness::hooks::Hook;

/// `(definition, kind, subject)`
type LeadKey = (String, String, String);

#[derive(Debug, Default)]
pub struct Books {
    totals: Totals,
    expected_tasks: u64,
    counted_by_people: u64,
    counted_by_accounts: u64,
    miscounted: Vec<String>,
    expected_leads: BTreeSet<LeadKey>,
    /// Every lead that arrived, with all webhook ids that it arrived under.
    leads: BTreeMap<LeadKey, BTreeSet<String>>,
    /// Webhook ids whose body was not the same each time.
    changed_bodies: BTreeSet<String>,
    deliveries: usize,
    owners: BTreeMap<String, usize>,
    /// Turns that the team gave in all, where its record can be read.
    turns: Option<usize>,
}

/// Waits until every expected lead has arrived, then reads everything.
pub async fn settle(world: &World) -> Books {
    let totals = world.ledger.totals();
    let (people, accounts) = ledger::expected(totals.made);
    let mut books = Books { expected_tasks: people.values().sum(), totals, ..Books::default() };
    books.expect("busy person", "user", &people, PERSON_THRESHOLD);
    books.expect("busy account", "account", &accounts, ACCOUNT_THRESHOLD);
    // Ends in time even when something is stuck: the table then says what, and what else is wrong. A worker that was killed
    // holds its entries until their leases run out.
    for _ in 0..900 {
        if is_at_rest(world).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    books.read_hooks(&world.crm.hooks());
    books.turns = world.turns();
    books.counted_by_people = books.read_counters(world, "user", "my_tasks", &people).await;
    books.counted_by_accounts = books.read_counters(world, "account", "tasks", &accounts).await;
    books
}

/// Whether no queue holds anything that still has to be done.
async fn is_at_rest(world: &World) -> bool {
    let answer = world.servers[0].admin("/queues").await.unwrap_or_default();
    let queues = answer["queues"].as_array();
    queues.is_some_and(|queues| queues.iter().all(|queue| queue["pending"] == 0))
}

impl Books {
    fn expect(&mut self, definition: &str, kind: &str, tasks: &BTreeMap<String, u64>, threshold: u64) {
        let qualified = tasks.iter().filter(|(_, tasks)| **tasks >= threshold);
        self.expected_leads.extend(qualified.map(|(id, _)| (definition.to_owned(), kind.to_owned(), id.clone())));
    }

    async fn read_counters(
        &mut self,
        world: &World,
        kind: &str,
        counter: &str,
        expected: &BTreeMap<String, u64>,
    ) -> u64 {
        let mut sum = 0;
        for (id, expected) in expected {
            let explained = world.servers[0].admin(&format!("/explain/{kind}/{id}")).await.unwrap_or_default();
            let counted = explained["counters"][counter].as_f64().unwrap_or(0.0);
            if (counted - *expected as f64).abs() > 0.5 {
                self.miscounted.push(format!("{kind} {id}: {counter} is {counted}, expected {expected}"));
            }
            sum += counted as u64;
        }
        sum
    }

    fn read_hooks(&mut self, hooks: &[Hook]) {
        self.deliveries = hooks.len();
        let mut bodies = BTreeMap::new();
        for hook in hooks {
            let id = hook.header("webhook-id").to_owned();
            if bodies.entry(id.clone()).or_insert_with(|| hook.body.clone()) != &hook.body {
                self.changed_bodies.insert(id.clone());
            }
            if self.leads.entry(lead_key(hook)).or_default().insert(id) {
                let owner = hook.json()["lead"]["routing"]["owner"].as_str().unwrap_or("nobody").to_owned();
                *self.owners.entry(owner).or_default() += 1;
            }
        }
    }

    /// Fails the test unless the books balance.
    pub fn check(&self) {
        assert_eq!(self.totals.acknowledged, self.totals.made, "everything is acknowledged in the end");
        assert!(self.miscounted.is_empty(), "miscounted:\n{}", self.miscounted.join("\n"));
        let arrived: BTreeSet<LeadKey> = self.leads.keys().cloned().collect();
        let missing: Vec<_> = self.expected_leads.difference(&arrived).collect();
        assert!(missing.is_empty(), "leads are missing: {missing:?}");
        let surplus: Vec<_> = arrived.difference(&self.expected_leads).collect();
        assert!(surplus.is_empty(), "leads that nobody earned: {surplus:?}");
        let doubled: Vec<_> = self.leads.iter().filter(|(_, ids)| ids.len() > 1).collect();
        assert!(doubled.is_empty(), "leads under several idempotency keys: {doubled:?}");
        assert!(self.changed_bodies.is_empty(), "one key, several bodies: {:?}", self.changed_bodies);
        assert!(self.turns.is_none_or(|turns| turns == self.leads.len()), "turns were lost: {:?} taken", self.turns);
        let shares: Vec<usize> = REPS.iter().map(|rep| self.owners.get(*rep).copied().unwrap_or(0)).collect();
        let (least, most) = (shares.iter().min(), shares.iter().max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "unfair turns: {:?}", self.owners);
    }

    /// The accounting, for people.
    pub fn table(&self, name: &str, took: Duration, world: &World) -> String {
        let mut out = String::new();
        let arrived = self.leads.len();
        let mut row = |what: &str, text: String| {
            let _ = writeln!(out, "  {what:<34} {text}");
        };
        row("campaign", format!("{name}, seed {}, {:.1} s", world.seed, took.as_secs_f64()));
        row("kills", format!("server {}, Redis {}", world.server_kills, world.redis_kills));
        row("calls made", self.totals.made.to_string());
        row("calls sent, repetitions included", self.totals.sent.to_string());
        row("calls acknowledged", self.totals.acknowledged.to_string());
        row("answers to requests", format!("{:?}", self.totals.answers));
        row("tasks to be counted", self.expected_tasks.to_string());
        row("tasks counted for people", self.counted_by_people.to_string());
        row("tasks counted for accounts", self.counted_by_accounts.to_string());
        row("subjects miscounted", self.miscounted.len().to_string());
        row("leads expected", self.expected_leads.len().to_string());
        row("leads arrived", arrived.to_string());
        row("deliveries, repetitions included", self.deliveries.to_string());
        row("leads under more than one key", self.leads.values().filter(|ids| ids.len() > 1).count().to_string());
        row("leads by owner", format!("{:?}", self.owners));
        if let Some(turns) = self.turns {
            row("turns taken", turns.to_string());
        }
        out
    }
}

fn lead_key(hook: &Hook) -> LeadKey {
    let lead = &hook.json()["lead"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (text(&lead["definition"]), text(&lead["subject"]["type"]), text(&lead["subject"]["id"]))
}
