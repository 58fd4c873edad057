//! The books: what should have been counted and delivered, beside what was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::ledger::Totals;
use super::world::{REPS, World};
use crate::harness::hooks::Hook;

/// `(definition, kind, subject)`
pub type LeadKey = (String, String, String);

/// What arrived of one lead.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Every lead id that it came under.
    pub ids: BTreeSet<String>,
    /// Every idempotency key that each of its revisions came under.
    pub revisions: BTreeMap<u64, BTreeSet<String>>,
    /// Who follows up, as its news said.
    pub owners: BTreeSet<String>,
    /// What each revision says, for whoever looks into it.
    story: BTreeMap<u64, String>,
    /// The highest revision that the receiver has taken.
    taken: u64,
}

#[derive(Debug, Default)]
pub struct Books {
    pub totals: Totals,
    pub expected_tasks: u64,
    pub counted_by_people: u64,
    pub counted_by_accounts: u64,
    pub miscounted: Vec<String>,
    /// The leads that should be, with how many revisions.
    pub expected_leads: BTreeMap<LeadKey, u64>,
    pub leads: BTreeMap<LeadKey, Arrived>,
    /// Idempotency keys whose body was not the same each time.
    pub changed_bodies: BTreeSet<String>,
    /// News that arrived before what came before it was taken.
    pub disordered: Vec<String>,
    /// Leads that the store tells otherwise than their last news did.
    pub differing: Vec<String>,
    pub deliveries: usize,
    /// Turns that the team gave in all, where its record can be read.
    pub turns: Option<usize>,
    /// What is not done in the end, and should be.
    pub unfinished: Option<String>,
}

impl Books {
    pub fn read_hooks(&mut self, hooks: &[Hook]) {
        self.deliveries = hooks.len();
        let mut bodies = BTreeMap::new();
        for hook in hooks {
            let id = hook.header("webhook-id").to_owned();
            if bodies.entry(id.clone()).or_insert(&hook.call.body) != &&hook.call.body {
                self.changed_bodies.insert(id.clone());
            }
            let lead = &hook.json()["lead"];
            let revision = lead["revision"].as_u64().unwrap_or(0);
            let arrived = self.leads.entry(lead_key(lead)).or_default();
            arrived.ids.insert(text(&lead["id"]));
            arrived.owners.insert(lead["routing"]["owner"].as_str().unwrap_or("nobody").to_owned());
            arrived.revisions.entry(revision).or_default().insert(id.clone());
            arrived.story.insert(
                revision,
                format!("{} tier {} {} {}", hook.json()["type"], lead["tier"], lead["usage"], lead["timestamps"]),
            );
            // Later repetitions of what was taken already are harmless, and are sent under the same key.
            if revision > arrived.taken + 1 {
                self.disordered.push(format!("{id} is revision {revision}, {} was taken", arrived.taken));
            }
            if hook.status == 200 {
                arrived.taken = arrived.taken.max(revision);
            }
        }
    }

    /// How many leads each rep has.
    fn shares(&self) -> BTreeMap<&str, usize> {
        let mut shares: BTreeMap<&str, usize> = REPS.iter().map(|rep| (*rep, 0)).collect();
        for owner in self.leads.values().flat_map(|arrived| &arrived.owners) {
            *shares.entry(owner).or_default() += 1;
        }
        shares
    }

    fn doubled(&self) -> Vec<(&LeadKey, &Arrived)> {
        let once = |arrived: &Arrived| arrived.ids.len() == 1 && arrived.revisions.values().all(|keys| keys.len() == 1);
        self.leads.iter().filter(|(_, arrived)| !once(arrived)).collect()
    }

    /// Fails the test unless the books balance.
    pub fn check(&self) {
        assert_eq!(self.totals.acknowledged, self.totals.made, "everything is acknowledged in the end");
        assert_eq!(self.unfinished, None, "everything is done in the end");
        assert!(self.miscounted.is_empty(), "miscounted:\n{}", self.miscounted.join("\n"));
        let revisions = |arrived: &Arrived| arrived.revisions.keys().last().copied().unwrap_or(0);
        let arrived: BTreeMap<LeadKey, u64> =
            self.leads.iter().map(|(key, arrived)| (key.clone(), revisions(arrived))).collect();
        let missing: Vec<_> = self.expected_leads.iter().filter(|(key, n)| arrived.get(key) < Some(n)).collect();
        assert!(missing.is_empty(), "leads or their news are missing: {missing:?}");
        let surplus: Vec<_> = arrived.iter().filter(|(key, n)| self.expected_leads.get(key) < Some(n)).collect();
        let story = |key: &LeadKey| format!("{key:?} {:#?}", self.leads.get(key).map(|arrived| &arrived.story));
        let surplus: Vec<String> = surplus.into_iter().map(|(key, _)| story(key)).collect();
        assert!(surplus.is_empty(), "leads or news that nobody earned:\n{}", surplus.join("\n"));
        let doubled = self.doubled();
        assert!(doubled.is_empty(), "leads under several ids or idempotency keys: {doubled:?}");
        assert!(self.changed_bodies.is_empty(), "one key, several bodies: {:?}", self.changed_bodies);
        assert!(self.disordered.is_empty(), "news out of order:\n{}", self.disordered.join("\n"));
        assert!(self.differing.is_empty(), "the store says otherwise than the news:\n{}", self.differing.join("\n"));
        let moved: Vec<_> = self.leads.iter().filter(|(_, arrived)| arrived.owners.len() > 1).collect();
        assert!(moved.is_empty(), "leads that changed hands: {moved:?}");
        assert!(self.turns.is_none_or(|turns| turns == self.leads.len()), "turns were lost: {:?} taken", self.turns);
        let shares = self.shares();
        let (least, most) = (shares.values().min(), shares.values().max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "unfair turns: {shares:?}");
    }

    /// The accounting, for people.
    pub fn table(&self, name: &str, took: Duration, world: &World) -> String {
        let mut out = String::new();
        let mut row = |what: &str, text: String| {
            let _ = writeln!(out, "  {what:<34} {text}");
        };
        let news = |keys: &Arrived| keys.revisions.len();
        row("campaign", format!("{name}, seed {}, {:.1} s", world.seed, took.as_secs_f64()));
        row("kills", format!("server {}, Redis {}", world.server_kills, world.redis_kills));
        row("servers stopped for over a lease", world.server_stops.to_string());
        row("calls made", self.totals.made.to_string());
        row("calls sent, repetitions included", self.totals.sent.to_string());
        row("calls acknowledged", self.totals.acknowledged.to_string());
        row("answers to requests", format!("{:?}", self.totals.answers));
        row("tasks to be counted", self.expected_tasks.to_string());
        row("tasks counted for people", self.counted_by_people.to_string());
        row("tasks counted for accounts", self.counted_by_accounts.to_string());
        row("subjects miscounted", self.miscounted.len().to_string());
        row("leads expected", self.expected_leads.len().to_string());
        row("leads arrived", self.leads.len().to_string());
        row("news expected", self.expected_leads.values().sum::<u64>().to_string());
        row("news arrived", self.leads.values().map(news).sum::<usize>().to_string());
        row("deliveries, repetitions included", self.deliveries.to_string());
        row("leads under more than one key", self.doubled().len().to_string());
        row("keys with more than one content", self.changed_bodies.len().to_string());
        row("news out of order", self.disordered.len().to_string());
        row("leads by owner", format!("{:?}", self.shares()));
        if let Some(turns) = self.turns {
            row("turns taken", turns.to_string());
        }
        if let Some(unfinished) = &self.unfinished {
            row("not finished", unfinished.clone());
        }
        out
    }
}

fn lead_key(lead: &serde_json::Value) -> LeadKey {
    (text(&lead["definition"]), text(&lead["subject"]["type"]), text(&lead["subject"]["id"]))
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
