//! From events to leads: edges, cooldowns, tiers, decisions that need a user and their account, merges, retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::cdp::{Call, Event};
use handraiser::config::load_text;
use handraiser::engine::background::Background;
use handraiser::engine::queue::Surroundings;
use handraiser::engine::{Engine, Receipt, SharedConfig, Wakes};
use handraiser::identity::RecordKey;
use handraiser::lead::{Lead, LeadEvent};
use handraiser::store::{EntryQuery, EntryState, LeadQuery, MemoryStore, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};
use serde_json::{Value, json};

use crate::harness::events::blank;
use crate::harness::eventually;

const START: Millis = Millis(1_795_255_200_000);

/// An engine over a store in memory, with a clock that the test turns.
struct Desk {
    engine: Engine,
    store: SharedStore,
    config: SharedConfig,
    clock: Clock,
    wakes: Wakes,
    number: AtomicU64,
}

impl Desk {
    /// What works besides the requests: merges, routing, deliveries.
    fn background(&self) -> Background {
        let around =
            Surroundings { store: Arc::clone(&self.store), clock: self.clock.clone(), wakes: self.wakes.clone() };
        Background::start(&self.engine, around, Arc::clone(&self.config))
    }

    fn new(definitions: &str) -> Self {
        Self::with_routes(definitions, "routes: [ { name: all, to: self_serve } ]")
    }

    fn with_routes(definitions: &str, routes: &str) -> Self {
        let text = format!(
            "sources: {{ app: {{ write_key: k }} }}\ntraits: {{ user: {{ role: text }} }}\n{definitions}\n{routes}\n\
             destinations: {{ crm: {{ webhook: {{ url: \"http://127.0.0.1:9/\" }}, allow_addresses: [ 127.0.0.0/8 ] }} }}\n"
        );
        let loaded = load_text("test.yaml", &text, &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let config: SharedConfig = Arc::new(ArcSwap::from_pointee(loaded.config));
        let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
        let (clock, wakes) = (Clock::manual(START), Wakes::default());
        let engine = Engine::new(Arc::clone(&store), Arc::clone(&config), clock.clone(), wakes.clone());
        Self { engine, store, config, clock, wakes, number: AtomicU64::new(0) }
    }

    fn event(&self, call: Call, user: &str) -> Event {
        let id = format!("m{}", self.number.fetch_add(1, Ordering::Relaxed));
        Event { call, user_id: Some(user.into()), ..blank(&id, self.clock.now()) }
    }

    fn track(&self, user: &str, name: &str) -> Event {
        Event { name: Some(name.into()), ..self.event(Call::Track, user) }
    }

    fn told(&self, call: Call, user: &str, group: Option<&str>, traits: Value) -> Event {
        let traits = traits.as_object().cloned().unwrap_or_default();
        Event { group_id: group.map(Into::into), traits, ..self.event(call, user) }
    }

    async fn send(&self, events: Vec<Event>) -> Receipt {
        self.engine.submit(events).await.expect("a store in memory commits")
    }

    async fn group(&self, user: &str, account: &str, traits: Value) {
        self.send(vec![self.told(Call::Group, user, Some(account), traits)]).await;
    }

    async fn track_times(&self, user: &str, name: &str, times: usize) {
        self.send((0..times).map(|_| self.track(user, name)).collect()).await;
    }

    async fn leads(&self) -> Vec<Lead> {
        let rows = self.store.leads(&LeadQuery { limit: 100, ..LeadQuery::default() }).await.expect("leads");
        rows.iter().map(|row| serde_json::from_str(&row.json).expect("a lead")).collect()
    }

    /// Every lead event that waits to be routed, oldest first.
    async fn queued(&self) -> Vec<LeadEvent> {
        let query = EntryQuery {
            state: EntryState::Pending,
            queue: Some(handraiser::engine::queues::route()),
            queue_prefix: None,
            limit: 100,
        };
        let rows = self.store.entries(&query).await.expect("entries");
        rows.iter().rev().map(|row| serde_json::from_str(&row.entry.payload).expect("a lead event")).collect()
    }
}

const TEAM_PLAN: &str = "
counters:
  tasks: { of: account, event: Task Created, within: 30d, label: [task created, tasks created] }
definitions:
  - name: team plan
    of: account
    intent: [ tasks > 3 ]
    fit: [ account.plan == \"free\" ]
    tiers: { 1: account.employees >= 500, 2: true }
    cooldown: 60d
";

#[tokio::test]
async fn crossing_a_threshold_makes_one_lead_and_no_second() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free", "name": "Acme", "employees": "51-200"})).await;
    desk.track_times("ana", "Task Created", 3).await;
    assert!(desk.leads().await.is_empty(), "three are not more than three");
    desk.track_times("ana", "Task Created", 5).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!((lead.definition.as_str(), lead.tier, lead.revision), ("team plan", 2, 1));
    assert_eq!(lead.subject.id, "acme");
    assert_eq!(lead.summary, "Acme: 4 tasks created in the last 30 days.");
    assert_eq!(lead.usage["tasks"], json!(4));
    let observed: Vec<_> = lead.reasons.iter().map(|r| (r.condition.as_str(), r.met)).collect();
    assert_eq!(
        observed,
        [
            ("tasks > 3", Some(true)),
            ("account.plan == \"free\"", Some(true)),
            ("account.employees >= 500", Some(false))
        ]
    );
    assert_eq!(desk.queued().await.len(), 1);
}

#[tokio::test]
async fn one_is_not_called_as_several_are() {
    let desk = Desk::new(&TEAM_PLAN.replace("tasks > 3", "tasks >= 1"));
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 1).await;
    assert_eq!(desk.leads().await[0].summary, "acme: 1 task created in the last 30 days.");
}

#[tokio::test]
async fn what_is_not_known_is_neither_true_nor_false() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({})).await;
    desk.track_times("ana", "Task Created", 9).await;
    assert!(desk.leads().await.is_empty(), "the plan is not known");
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    assert_eq!(desk.leads().await.len(), 1, "learning a trait decides as well");
}

#[tokio::test]
async fn a_duplicate_counts_nothing_and_qualifies_nobody() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    let event = desk.track("ana", "Task Created");
    for _ in 0..10 {
        desk.send(vec![event.clone(), event.clone()]).await;
    }
    let explained = desk.engine.explain(&RecordKey::account("acme")).await.expect("reads").expect("is known");
    assert_eq!(explained.counters["tasks"], json!(1));
    assert!(desk.leads().await.is_empty());
    assert_eq!(desk.send(vec![event]).await, Receipt { applied: 0, duplicates: 1 });
}

#[tokio::test]
async fn a_second_lead_needs_an_edge_and_the_end_of_the_cooldown() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 4).await;
    // The window empties; the definition is seen to be false; then it is true again, within the cooldown.
    desk.clock.advance(40 * Millis::DAY);
    desk.track_times("ana", "Task Created", 1).await;
    desk.track_times("ana", "Task Created", 4).await;
    assert_eq!(desk.leads().await.len(), 1, "the cooldown lasts 60 days");
    desk.clock.advance(25 * Millis::DAY);
    desk.track_times("ana", "Task Created", 1).await;
    let leads = desk.leads().await;
    assert_eq!(leads.len(), 2, "the edge within the cooldown is taken by the first event after it");
    assert_ne!(leads[0].id, leads[1].id);
}

#[tokio::test]
async fn without_an_edge_there_is_no_second_lead_after_the_cooldown() {
    let desk = Desk::new(&TEAM_PLAN.replace(", within: 30d", ""));
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 4).await;
    desk.clock.advance(100 * Millis::DAY);
    desk.track_times("ana", "Task Created", 4).await;
    assert_eq!(desk.leads().await.len(), 1);
}

#[tokio::test]
async fn a_change_of_tier_revises_the_lead() {
    let desk = Desk::new(TEAM_PLAN);
    desk.group("ana", "acme", json!({"plan": "free", "employees": 20})).await;
    desk.track_times("ana", "Task Created", 4).await;
    desk.clock.advance(Millis::HOUR);
    desk.group("ana", "acme", json!({"employees": "1,200"})).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!((lead.tier, lead.revision), (1, 2));
    let events = desk.queued().await;
    let ids: Vec<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!(events.len(), 2);
    assert_ne!(ids[0], ids[1], "each event of a lead's life has an idempotency key of its own");
}

/// Long after the team's record has forgotten the lead, its owner keeps it, and no turn is taken for it again.
#[tokio::test]
async fn a_change_of_tier_keeps_the_owner() {
    const OTHERS: usize = 200;
    let routes = "teams: { sales: { reps: [ ana@x.example, ben@x.example ] } }\nroutes: [ { name: all, to: sales } ]";
    let desk = Desk::with_routes(TEAM_PLAN, routes);
    let background = desk.background();
    let routed = async |count: usize, revision: u32| {
        let what = format!("{count} routed leads of revision {revision}");
        eventually(&what, Duration::from_secs(20), async || {
            let rows = desk.store.leads(&LeadQuery { limit: 1_000, ..LeadQuery::default() }).await.expect("leads");
            let leads = rows.iter().map(|row| serde_json::from_str::<Lead>(&row.json).expect("a lead"));
            let routing = leads.filter(|lead| lead.revision == revision).filter_map(|lead| lead.routing);
            let routing: Vec<_> = routing.collect();
            (routing.len() == count).then_some(routing)
        })
        .await
    };
    let qualify = async |account: &str| {
        desk.group("ana", account, json!({"plan": "free", "employees": 20})).await;
        desk.track_times("ana", "Task Created", 4).await;
    };
    qualify("acme").await;
    let owner = routed(1, 1).await[0].owner.clone();
    for n in 0..OTHERS {
        qualify(&format!("account-{n}")).await;
    }
    routed(OTHERS + 1, 1).await;
    desk.group("ana", "acme", json!({"employees": "1,200"})).await;
    eventually("the revised lead is at its owner's", Duration::from_secs(20), async || {
        let queue = desk.queued().await;
        queue.is_empty().then_some(())
    })
    .await;
    assert_eq!(routed(1, 2).await[0].owner, owner);
    let team = RecordKey::team("sales");
    let record = desk.store.load(desk.store.partitions().of(&team), &[team]).await.expect("loads");
    let turns = record[0].as_ref().and_then(|record| record.fields.get("turns")).expect("turns");
    assert_eq!(**turns, *(OTHERS + 1).to_string(), "no turn for a lead that has its owner");
    background.drain(Duration::from_secs(1)).await;
}

/// Counts visits, and makes no lead.
const VISITS: &str = "
counters:
  visits: { of: user, page: any }
definitions:
  - { name: visitor, of: user, intent: [ visits > 1000 ] }
";

/// Ids are tied one to the next, as by an admin who renames users again and again; what the first one does still counts.
#[tokio::test]
async fn long_chains_of_merges_lead_to_their_end() {
    let desk = Desk::new(VISITS);
    let background = desk.background();
    for n in 0..20 {
        let (old, new) = (format!("user-{n}"), format!("user-{}", n + 1));
        desk.send(vec![desk.event(Call::Page, &old)]).await;
        desk.send(vec![Event { previous_id: Some(old.as_str().into()), ..desk.event(Call::Alias, &new) }]).await;
    }
    desk.send(vec![desk.event(Call::Page, "user-0")]).await;
    eventually("21 visits of the last", Duration::from_secs(10), async || {
        let explained = desk.engine.explain(&RecordKey::user("user-20")).await.expect("reads")?;
        (explained.counters["visits"] == json!(21)).then_some(())
    })
    .await;
    background.drain(Duration::from_secs(1)).await;
}

/// The link of an idle anonymous id left the store, the user stayed; what the id does next belongs to the user again.
#[tokio::test]
async fn an_id_whose_link_expired_may_be_linked_again() {
    let desk = Desk::new(VISITS);
    let background = desk.background();
    for visits in [2, 4, 6] {
        let visit = || Event { user_id: None, anonymous_id: Some("anon".into()), ..desk.event(Call::Page, "") };
        desk.send(vec![visit(), visit()]).await;
        desk.send(vec![Event { anonymous_id: Some("anon".into()), ..desk.event(Call::Identify, "ana") }]).await;
        eventually("all visits of the user", Duration::from_secs(10), async || {
            let explained = desk.engine.explain(&RecordKey::user("ana")).await.expect("reads")?;
            (explained.counters["visits"] == json!(visits)).then_some(())
        })
        .await;
        desk.store.forget(&RecordKey::user("anon")).await.expect("forgets");
        desk.clock.advance(Millis::DAY);
    }
    background.drain(Duration::from_secs(1)).await;
}

/// Who they are, in a company that fits, and enough use; or one telling attempt.
#[tokio::test]
async fn a_user_is_decided_about_with_their_account_at_hand() {
    let desk = Desk::new(
        "
counters:
  minutes: { of: user, event: Session Ended, sum: properties.minutes }
definitions:
  - name: partner at a firm
    of: user
    intent: [ 'minutes >= 60 || (event.name == \"User Invited\" && event.properties.seats > 10)' ]
    fit: [ 'user.title.containsAny([\"partner\", \"operations\"])', account.industry == \"legal\", account.employees > 20 ]
",
    );
    desk.send(vec![desk.told(Call::Identify, "pat", None, json!({"title": "Managing Partner", "name": "Pat"}))]).await;
    desk.group("pat", "firm", json!({"industry": "legal", "employees": "51-200", "name": "Firm LLP"})).await;
    let session = |minutes| {
        let mut event = desk.track("pat", "Session Ended");
        event.properties.insert("minutes".to_owned(), json!(minutes));
        event
    };
    desk.send(vec![session(30.5)]).await;
    assert!(desk.leads().await.is_empty());
    desk.send(vec![session(29.5)]).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert_eq!(lead.account.as_ref().and_then(|account| account.name.as_deref()), Some("Firm LLP"));
    assert_eq!(lead.contact.as_ref().and_then(|contact| contact.title.as_deref()), Some("Managing Partner"));

    // The other branch: one attempt to invite many, by somebody with no hour of use.
    desk.send(vec![desk.told(Call::Identify, "sam", None, json!({"title": "Head of Operations"}))]).await;
    desk.group("sam", "firm", json!({})).await;
    let mut invite = desk.track("sam", "User Invited");
    invite.properties.insert("seats".to_owned(), json!(11));
    desk.send(vec![invite]).await;
    assert_eq!(desk.leads().await.len(), 2);
}

#[tokio::test]
async fn an_anonymous_past_counts_once_its_user_is_known() {
    let desk = Desk::new(
        "
counters:
  visits: { of: user, page: Pricing }
definitions:
  - { name: comparing prices, of: user, intent: [ visits >= 3 ] }
",
    );
    let background = desk.background();
    let visit = || Event {
        user_id: None,
        anonymous_id: Some("anon-1".into()),
        name: Some("Pricing".into()),
        ..desk.event(Call::Page, "")
    };
    desk.send(vec![visit(), visit()]).await;
    desk.send(vec![Event { name: Some("Pricing".into()), ..desk.event(Call::Page, "ana") }]).await;
    assert!(desk.leads().await.is_empty());
    let identify = Event { anonymous_id: Some("anon-1".into()), ..desk.event(Call::Identify, "ana") };
    desk.send(vec![identify]).await;
    let lead =
        eventually("the lead of the merged user", Duration::from_secs(10), async || desk.leads().await.pop()).await;
    assert_eq!((lead.subject.id.as_str(), &lead.usage["visits"]), ("ana", &json!(3)));
    let explained = desk.engine.explain(&RecordKey::user("anon-1")).await.expect("reads").expect("is known");
    assert_eq!(explained.merged_into.as_deref(), Some("ana"));
    background.drain(Duration::from_secs(1)).await;
}

/// The past of an anonymous id is what lifts the user over the threshold, and the definition reads their account: the lead comes
/// at once, whole, and no second one with the next event.
#[tokio::test]
async fn a_merge_alone_qualifies_a_user_who_has_accounts() {
    let desk = Desk::new(
        "
counters:
  visits: { of: user, page: Pricing }
definitions:
  - { name: comparing prices, of: user, intent: [ visits >= 3 ], fit: [ account.plan == \"free\" ] }
",
    );
    let background = desk.background();
    let visit = |user: &str| Event { name: Some("Pricing".into()), ..desk.event(Call::Page, user) };
    let anonymous = || Event { user_id: None, anonymous_id: Some("anon-1".into()), ..visit("") };
    // The group that was joined last, not the account that became known last.
    desk.group("ana", "acme", json!({"plan": "free", "name": "Acme"})).await;
    desk.send(vec![Event { context_group_id: Some("other".into()), ..visit("ana") }, anonymous(), anonymous()]).await;
    let identify = Event { anonymous_id: Some("anon-1".into()), ..desk.event(Call::Identify, "ana") };
    desk.send(vec![identify]).await;
    let lead =
        eventually("the lead of the merged user", Duration::from_secs(10), async || desk.leads().await.pop()).await;
    assert_eq!((lead.subject.id.as_str(), &lead.usage["visits"]), ("ana", &json!(3)));
    assert_eq!(lead.account.as_ref().and_then(|account| account.name.as_deref()), Some("Acme"));
    desk.send(vec![visit("ana")]).await;
    background.drain(Duration::from_secs(1)).await;
    assert_eq!(desk.leads().await.len(), 1);
}

/// A link and what the anonymous id did may come in one batch, in any order; all of it belongs to the user.
#[tokio::test]
async fn a_link_and_its_past_may_share_a_batch() {
    let desk = Desk::new(VISITS);
    let background = desk.background();
    for n in 0..20 {
        let (user, anonymous) = (format!("user-{n}"), format!("anon-{n}"));
        let visit =
            || Event { user_id: None, anonymous_id: Some(anonymous.as_str().into()), ..desk.event(Call::Page, "") };
        let identify = Event { anonymous_id: Some(anonymous.as_str().into()), ..desk.event(Call::Identify, &user) };
        desk.send(vec![visit(), identify, visit(), visit()]).await;
        eventually("three visits of the user", Duration::from_secs(10), async || {
            let explained = desk.engine.explain(&RecordKey::user(&user)).await.expect("reads")?;
            (explained.counters["visits"] == json!(3)).then_some(())
        })
        .await;
    }
    background.drain(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_deletion_request_leaves_nothing_that_names_the_user() {
    let desk = Desk::new(TEAM_PLAN);
    desk.send(vec![desk.told(Call::Identify, "ana", None, json!({"email": "ana@acme.example"}))]).await;
    desk.group("ana", "acme", json!({"plan": "free"})).await;
    desk.track_times("ana", "Task Created", 2).await;
    desk.send(vec![desk.event(Call::Delete, "ana")]).await;
    assert!(desk.engine.explain(&RecordKey::user("ana")).await.expect("reads").is_none());
    let account = desk.engine.explain(&RecordKey::account("acme")).await.expect("reads").expect("is known");
    assert_eq!(account.counters["tasks"], json!(2), "what counts for the account and names nobody stays");
    desk.track_times("ben", "Task Created", 1).await;
    desk.group("ben", "acme", json!({})).await;
    desk.track_times("ben", "Task Created", 2).await;
    let leads = desk.leads().await;
    let [lead] = &leads[..] else { panic!("one lead, not {leads:#?}") };
    assert!(lead.people.iter().all(|person| person.user_id != "ana"), "{:#?}", lead.people);
}
