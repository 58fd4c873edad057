//! Waits until everything is done, and reads what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::books::Books;
use super::ledger;
use super::world::{ACCOUNT_THRESHOLD, BUSIER_THRESHOLD, PERSON_THRESHOLD, World};

/// For how long nothing may arrive while something is still to be done: a lease and a heartbeat, and retries of deliveries. So it
/// ends in time even when something is stuck: the table then says what, and what else is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of how many subjects that were miscounted the whole record is shown.
const MAX_SHOWN: usize = 5;

/// Waits until everything is done, then reads everything.
pub async fn settle(world: &World) -> Books {
    let totals = world.ledger.totals();
    let (people, accounts) = ledger::expected(totals.made);
    let mut books = Books { expected_tasks: people.values().sum(), totals, ..Books::default() };
    let revisions = |tasks: u64| 1 + u64::from(tasks >= BUSIER_THRESHOLD);
    books.expect("busy person", "user", &people, PERSON_THRESHOLD, revisions);
    books.expect("busy account", "account", &accounts, ACCOUNT_THRESHOLD, |_| 1);
    let (mut arrived, mut since) = (world.crm.count(), Instant::now());
    books.unfinished = unfinished(world).await;
    while books.unfinished.is_some() && since.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        books.unfinished = unfinished(world).await;
        let more = world.crm.count();
        if more > arrived {
            (arrived, since) = (more, Instant::now());
        }
    }
    books.read_hooks(&world.crm.hooks());
    books.turns = world.turns();
    books.counted_by_people = books.read_counters(world, "user", "my_tasks", &people).await;
    books.counted_by_accounts = books.read_counters(world, "account", "tasks", &accounts).await;
    books.read_leads(world).await;
    books
}

/// What of everything that was acknowledged is not done yet, news of it included, as each server sees it.
async fn unfinished(world: &World) -> Option<String> {
    for server in &world.servers {
        let Some(answer) = server.admin("/queues").await else {
            return Some("a server does not answer what is on its way".to_owned());
        };
        let queues = answer["queues"].as_array().cloned().unwrap_or_default();
        let open = queues.iter().find(|queue| queue["pending"] != 0 || queue["dead"] != 0);
        if let Some(open) = open {
            return Some(open.to_string());
        }
    }
    None
}

impl Books {
    fn expect(
        &mut self,
        definition: &str,
        kind: &str,
        tasks: &BTreeMap<String, u64>,
        threshold: u64,
        revisions: impl Fn(u64) -> u64,
    ) {
        let qualified = tasks.iter().filter(|(_, tasks)| **tasks >= threshold);
        let leads =
            qualified.map(|(id, tasks)| ((definition.to_owned(), kind.to_owned(), id.clone()), revisions(*tasks)));
        self.expected_leads.extend(leads);
    }

    async fn read_counters(
        &mut self,
        world: &World,
        kind: &str,
        counter: &str,
        expected: &BTreeMap<String, u64>,
    ) -> u64 {
        let mut sum = 0;
        for (number, (id, expected)) in expected.iter().enumerate() {
            let server = &world.servers[number % world.servers.len()];
            let path = format!("/explain/{kind}/{id}?consistency=eventual");
            let explained = server.admin(&path).await.unwrap_or_default();
            let counted = explained["counters"][counter].as_f64().unwrap_or(0.0);
            if (counted - *expected as f64).abs() > 0.5 {
                let mut line = format!("{kind} {id}: {counter} is {counted}, expected {expected}");
                if self.miscounted.len() < MAX_SHOWN {
                    // What is known of the first few, for whoever looks into it.
                    let record = server.admin(&format!("/subjects/{kind}/{id}?consistency=eventual")).await;
                    let _ = write!(line, "\n    {}", record.unwrap_or_default());
                }
                self.miscounted.push(line);
            }
            sum += counted as u64;
        }
        sum
    }

    /// Holds the leads of the store against what their news said.
    async fn read_leads(&mut self, world: &World) {
        for ((definition, kind, subject), arrived) in &self.leads {
            let Some(id) = arrived.ids.first() else { continue };
            let path = format!("/leads/{id}?consistency=eventual");
            let lead = world.servers[0].admin(&path).await.unwrap_or_default()["lead"].clone();
            let revision = lead["revision"].as_u64();
            let owner = lead["routing"]["owner"].as_str();
            let is_same = revision == arrived.revisions.keys().last().copied()
                && owner.is_some_and(|owner| arrived.owners.contains(owner))
                && lead["definition"] == definition.as_str()
                && lead["subject"]["type"] == kind.as_str()
                && lead["subject"]["id"] == subject.as_str();
            if !is_same {
                self.differing.push(format!("{definition}, {kind} {subject}: {lead}; arrived: {arrived:?}"));
            }
        }
    }
}
