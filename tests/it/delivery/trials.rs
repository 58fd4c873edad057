//! What every CRM has to stand: a story of one lead, told while calls go wrong, servers die, or it is asked to wait; in the end there is
//! one record of each kind, as if nothing had happened.

use std::time::Duration;

use futures::StreamExt as _;
use handraiser::crm::mapping::{Field, Fields};
use handraiser::crm::{Destination, DestinationName};
use handraiser::engine::Engine;
use handraiser::ids::RecordKey;
use handraiser::lead::{LeadEvent, LeadEventType};
use serde_json::json;

use super::plant::{self, PATIENCE, Plant};
use crate::harness::eventually;
use crate::standins::standin::{Fault, StandIn, Vendor, Which};

/// A stand-in of a CRM that hears the story.
pub trait Stage {
    type Vendor: Vendor;

    fn standin(&self) -> &StandIn<Self::Vendor>;

    /// The destination that it is.
    fn destination(&self) -> Destination;

    /// What it answers where the token has expired.
    fn expired() -> Fault;

    /// The owner of the story's lead leaves the company: their user is deactivated, or deleted.
    fn dismiss(&self);

    /// How many leads it has.
    fn leads(&self) -> usize;

    /// What has to be there in the end, however it came about.
    fn holds(&self, context: &str);

    /// The notes of the story's events, or the messages, in the order in which they were written; nothing where it keeps none.
    fn notes(&self) -> Vec<String>;
}

/// The records hold, and there is one note of each event, in this order; in any, where none is given.
fn holds(stage: &impl Stage, order: Option<[usize; 3]>, context: &str) {
    stage.holds(context);
    let notes = stage.notes();
    let place = |revision: usize| notes.iter().position(|note| note.contains(&format!("evt_lead_acme_{revision}")));
    let places = [1, 2, 3].map(place);
    assert!([0, 3].contains(&notes.len()), "{context}: {notes:#?}");
    assert!(notes.is_empty() || places.iter().all(Option::is_some), "{context}: one of each: {notes:#?}");
    if let Some(order) = order.filter(|_| !notes.is_empty()) {
        assert!(order.map(place).is_sorted(), "{context}: not in the order {order:?}: {notes:#?}");
    }
}

/// So many stories are told at once.
const AT_ONCE: usize = 16;

/// The story of the lead `lead_acme`.
pub const STORY: [LeadEventType; 3] = [LeadEventType::Qualified, LeadEventType::TierChanged, LeadEventType::Lapsed];

/// News of it; of tier 2 from the second on.
pub fn event(kind: LeadEventType, revision: u32) -> LeadEvent {
    let mut event = LeadEvent { kind, ..plant::event("lead_acme", revision) };
    event.lead.tier = if revision == 1 { 1 } else { 2 };
    event
}

/// Fields that are mapped always, and once.
pub fn fields(always: &[(&str, &str)], once: &[(&str, &str)]) -> Fields {
    let field = |(name, value): &(&str, &str)| Field { name: (*name).into(), value: (*value).into() };
    Fields { always: always.iter().map(field).collect(), once: once.iter().map(field).collect() }
}

async fn tell(plant: &Plant, destination: &str) {
    for (kind, revision) in STORY.into_iter().zip(1..) {
        plant.send_event(destination, "lead_acme", &event(kind, revision)).await;
    }
}

/// Tells the story to the end, and looks at what has come of it.
async fn play(stage: &impl Stage, destination: Destination, context: &str) {
    let name = destination.name.clone();
    let plant = Plant::new(vec![destination]);
    let engine = plant.start("one");
    tell(&plant, &name).await;
    plant.done(&name, STORY.len()).await;
    holds(stage, Some([1, 2, 3]), context);
    engine.drain(PATIENCE).await;
}

/// How many calls the story takes where nothing goes wrong.
pub async fn calls<S: Stage>(open: impl AsyncFn() -> S) -> usize {
    let stage = open().await;
    play(&stage, stage.destination(), "nothing went wrong").await;
    stage.standin().calls().len()
}

/// At each call once the answer is lost, a gateway answers, the token has expired, nothing comes, and the answer trickles in.
pub async fn whichever_call_goes_wrong<S: Stage>(open: impl AsyncFn() -> S) {
    let bad_gateway = Fault::says(502, json!("<html>bad gateway</html>"));
    let faults = [Fault::Lost, bad_gateway, S::expired(), Fault::Hangs, Fault::Drips];
    let cases = (1..=calls(&open).await).flat_map(|at| faults.iter().map(move |fault| (at, fault.clone())));
    let one = async |(at, fault): (usize, Fault)| {
        let (stage, context) = (open().await, format!("call {at}: {fault:?}"));
        stage.standin().befall([(Which::Number(at), fault)]);
        play(&stage, hasty(&stage), &context).await;
    };
    futures::stream::iter(cases).map(one).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// It waits for no answer for long, and comes again however often that is too short on a machine that has much to do.
fn hasty(stage: &impl Stage) -> Destination {
    let mut destination = stage.destination();
    destination.http.timeout = Duration::from_millis(500);
    destination.retry.max_attempts = 1_000;
    destination
}

/// A server is gone between two calls: another one goes on, and knows of nothing that was not stored.
pub async fn wherever_a_server_dies<S: Stage>(open: impl AsyncFn() -> S) {
    let one = async |at: usize| {
        let stage = open().await;
        stage.standin().befall([(Which::Number(at), Fault::Hangs)]);
        let destination = stage.destination();
        let name = destination.name.clone();
        let plant = Plant::new(vec![destination]);
        let engine = plant.start("one");
        tell(&plant, &name).await;
        let reached = async || (stage.standin().calls().len() >= at).then_some(());
        eventually("the call that nobody answers", PATIENCE, reached).await;
        engine.drain(Duration::from_millis(1)).await;
        let engine = plant.start("two");
        plant.done(&name, STORY.len()).await;
        holds(&stage, Some([1, 2, 3]), &format!("died at call {at}"));
        engine.drain(PATIENCE).await;
    };
    let cases = 1..=calls(&open).await;
    futures::stream::iter(cases).map(one).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// The first event of the story was told.
async fn begun(destination: Destination) -> (DestinationName, Plant, Engine) {
    let name = destination.name.clone();
    let plant = Plant::new(vec![destination]);
    let engine = plant.start("one");
    plant.send_event(&name, "lead_acme", &event(STORY[0], 1)).await;
    plant.done(&name, 1).await;
    (name, plant, engine)
}

/// Whoever owns the lead leaves after the first news of it: what comes later of this lead and of others is not held up by that.
pub async fn whose_owner_leaves<S: Stage>(open: impl AsyncFn() -> S) {
    let stage = open().await;
    let (name, plant, engine) = begun(stage.destination()).await;
    stage.dismiss();
    plant.send_event(&name, "lead_acme", &event(STORY[1], 2)).await;
    plant.send_event(&name, "lead_acme", &event(STORY[2], 3)).await;
    plant.done(&name, 3).await;
    holds(&stage, Some([1, 2, 3]), "the owner left");
    let mut next = plant::event("lead_next", 1);
    next.lead.routing.as_mut().expect("it is routed").owner = Some("ben@example.com".to_owned());
    plant.send_event(&name, "lead_next", &next).await;
    plant.done(&name, 4).await;
    assert_eq!(stage.leads(), 2);
    engine.drain(PATIENCE).await;
}

/// Four calls in a row are told to come again, and others now and then.
pub async fn in_a_storm<S: Stage>(open: impl AsyncFn() -> S, busy: Fault) {
    let stage = open().await;
    let calls = (1..=4).chain((5..60).step_by(15));
    stage.standin().befall(calls.map(|at| (Which::Number(at), busy.clone())));
    let mut patient = stage.destination();
    patient.retry.max_attempts = 20;
    play(&stage, patient, "after the storm").await;
}

/// The second of three events is given up, whichever of its calls is refused or loses its answer, and replayed after the third: by then it
/// says no longer how the lead stands.
pub async fn what_was_given_up_and_replayed<S: Stage>(open: impl AsyncFn() -> S) {
    let one = async |(at, fault): (usize, Fault)| {
        let stage = open().await;
        let mut destination = stage.destination();
        destination.retry.max_attempts = 1;
        let (name, plant, engine) = begun(destination).await;
        let context = format!("call {at} of the second event: {fault:?}");
        stage.standin().befall([(Which::Number(stage.standin().calls().len() + at), fault)]);
        plant.send_event(&name, "lead_acme", &event(STORY[1], 2)).await;
        plant.dead(&name, 1).await;
        plant.send_event(&name, "lead_acme", &event(STORY[2], 3)).await;
        plant.done(&name, 2).await;
        engine.replay(&[RecordKey::delivery(&name, "lead_acme")]).await.expect("the store answers");
        plant.done(&name, 3).await;
        holds(&stage, (at == 1).then_some([1, 3, 2]), &context);
        engine.drain(PATIENCE).await;
    };
    let calls = {
        let stage = open().await;
        let (name, plant, engine) = begun(stage.destination()).await;
        let before = stage.standin().calls().len();
        plant.send_event(&name, "lead_acme", &event(STORY[1], 2)).await;
        plant.done(&name, 2).await;
        engine.drain(PATIENCE).await;
        stage.standin().calls().len() - before
    };
    let refused = (1, Fault::says(500, json!({})));
    let cases = std::iter::once(refused).chain((1..=calls).map(|at| (at, Fault::Lost)));
    futures::stream::iter(cases).map(one).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
