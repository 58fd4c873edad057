//! Destinations that nothing is sent to for now: by an operator, or since they refuse the credentials; and what is kept of attempts that
//! failed, and how many are made at once.

use std::sync::Arc;
use std::time::Duration;

use handraiser::apply::Rules;
use handraiser::apply::rules::RulesParts;
use handraiser::crm::Destination;
use handraiser::crm::receiver::{Receiver, Reply};
use handraiser::ids::{RecordKey, RecordKind};
use handraiser::record::{AgendaList, Delivery, DestinationHistory, PausedBy, Record};
use handraiser::secret::Secret;
use handraiser::store::ListName;

use super::plant::{PATIENCE, Plant, SECRET, destination, seconds, webhook};
use crate::harness::eventually;

/// An engine looks at its agenda at least this often.
const LOOK: Duration = Duration::from_millis(1_200);

fn receiver() -> Receiver {
    Receiver::start(&[Secret::new(SECRET)]).expect("a free port")
}

/// One that checks no signature: it would find those of a clock that is turned by hand too old, or too new.
fn careless() -> (Receiver, Destination) {
    let crm = Receiver::start(&[]).expect("a free port");
    let mut to = destination("crm", &crm.url());
    webhook(&mut to).secrets.clear();
    (crm, to)
}

async fn history(plant: &Plant) -> DestinationHistory {
    let text = plant.store.load(&[RecordKey::destination("crm")]).await.expect("the store answers");
    match Record::read(RecordKind::Destination, text[0].as_deref().unwrap_or_default()) {
        (Record::Destination(history), bad) if bad.is_empty() => history,
        other => panic!("no destination: {other:?}"),
    }
}

async fn delivery(plant: &Plant, lead: &str) -> Option<Delivery> {
    let text = plant.store.load(&[RecordKey::delivery("crm", lead)]).await.expect("the store answers").remove(0)?;
    match Record::read(RecordKind::Delivery, &text) {
        (Record::Delivery(delivery), bad) if bad.is_empty() => Some(delivery),
        other => panic!("no delivery: {other:?}"),
    }
}

/// What a destination is proven to, as the configuration that is in force has it.
fn put_in_force(plant: &Plant, destination: Destination) {
    let credentials = [(Arc::clone(&destination.name), destination.credentials())].into();
    plant.rules.store(Arc::new(Rules::new(RulesParts { credentials, ..RulesParts::default() })));
    plant.destinations.store(Arc::new(vec![destination]));
}

#[actix_web::test]
async fn a_paused_destination_is_sent_nothing_by_whoever_owns_it_and_then_everything_in_order() {
    let crm = receiver();
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let first = plant.start("first");
    plant.send("crm", "acme", 1).await;
    plant.done("crm", 1).await;
    first.pause("crm", Some("they migrate")).await.expect("the store answers");
    let ids = [plant.send("crm", "acme", 2).await, plant.send("crm", "acme", 3).await];
    first.settle().await.expect("the store answers");
    tokio::time::sleep(LOOK).await;
    first.drain(PATIENCE).await;

    let second = plant.start("second");
    plant.send("crm", "other", 1).await;
    second.settle().await.expect("the store answers");
    tokio::time::sleep(LOOK).await;
    assert_eq!(crm.arrivals().len(), 1, "only what came before");
    let pause = history(&plant).await.pause.expect("it is paused");
    assert_eq!((pause.by, pause.why.as_deref()), (PausedBy::Hand, Some("they migrate")));
    let listed = plant.store.listed(&ListName::new(&AgendaList::Paused.name()), 10).await.expect("the store answers");
    assert_eq!(listed.len(), 1, "it is found among those that are paused");
    assert!(plant.pending("crm").await.iter().all(|news| news.attempts == 0 && news.last_error.is_none()));

    second.resume("crm").await.expect("the store answers");
    plant.done("crm", 4).await;
    assert_eq!(history(&plant).await.pause, None);
    let of_acme: Vec<_> =
        crm.accepted().into_iter().map(|arrival| arrival.id).filter(|id| id.contains("acme")).collect();
    assert_eq!(of_acme[1..], ids);
    second.drain(PATIENCE).await;
}

#[actix_web::test]
async fn who_refuses_the_credentials_is_left_alone_until_they_change_and_no_lead_pays_for_it() {
    let (crm, mut revoked) = careless();
    crm.respond(|arrival| match arrival.headers.get("x-key").map(String::as_str) {
        Some("new") => Reply::Accept,
        _ => Reply::Status(401, Vec::new(), "who are you?".to_owned()),
    });
    webhook(&mut revoked).headers = vec![("x-key".to_owned(), Secret::new("old"))];
    revoked.retry.max_attempts = 2;
    let plant = Plant::new(Vec::new()).by_hand();
    put_in_force(&plant, revoked.clone());
    let first = plant.start("first");
    for lead in 0..20 {
        plant.send("crm", &format!("lead{lead}"), 1).await;
    }
    let pause = eventually("it to be paused", PATIENCE, async || {
        plant.clock.advance(seconds(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
        history(&plant).await.pause
    });
    let pause = pause.await;
    assert_eq!((pause.by, pause.why.as_deref()), (PausedBy::Refused, Some("401 Unauthorized: who are you?")));
    first.drain(PATIENCE).await;

    // Another server knows as well; one delivery after a quarter of an hour sees whether it was mended over there.
    let asked = crm.arrivals().len();
    let second = plant.start("second");
    plant.clock.advance(seconds(10 * 60));
    tokio::time::sleep(LOOK).await;
    assert_eq!(crm.arrivals().len(), asked);
    for quarters in 1..=2 {
        plant.clock.advance(seconds(15 * 60));
        crm.wait_for(|arrivals| arrivals.len() >= asked + quarters).await;
        tokio::time::sleep(LOOK).await;
        assert_eq!(crm.arrivals().len(), asked + quarters);
    }
    let pending = plant.pending("crm").await;
    assert_eq!(pending.len(), 20);
    assert!(pending.iter().all(|news| news.attempts == 0), "{pending:?}");

    let mut mended = revoked;
    webhook(&mut mended).headers = vec![("x-key".to_owned(), Secret::new("new"))];
    put_in_force(&plant, mended);
    // The one that was tried last is due a moment later.
    plant.clock.advance(seconds(1));
    plant.done("crm", 20).await;
    assert_eq!(history(&plant).await.pause, None);
    second.drain(PATIENCE).await;
}

#[actix_web::test]
async fn who_takes_a_delivery_after_all_is_paused_no_longer() {
    let (crm, to) = careless();
    crm.respond(|_| Reply::status(403));
    let plant = Plant::new(Vec::new()).by_hand();
    put_in_force(&plant, to);
    let engine = plant.start("one");
    for lead in 0..3 {
        plant.send("crm", &format!("lead{lead}"), 1).await;
    }
    eventually("it to be paused", PATIENCE, async || {
        plant.clock.advance(seconds(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
        history(&plant).await.pause
    })
    .await;
    crm.respond(|_| Reply::Accept);
    plant.clock.advance(seconds(16 * 60));
    plant.done("crm", 3).await;
    assert_eq!(history(&plant).await.pause, None);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn attempts_that_failed_are_told_one_by_one_until_it_is_taken() {
    let crm = receiver();
    crm.respond(|arrival| {
        Reply::Status(500, Vec::new(), format!("{{\"try\":{},\"of\":\"ana@example.com\"}}", arrival.attempt))
    });
    let mut patient = destination("crm", &crm.url());
    patient.retry.max_attempts = 7;
    let plant = Plant::new(vec![patient]);
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    plant.dead("crm", 1).await;
    let kept = delivery(&plant, "acme").await.expect("it is kept").tried;
    let said: Vec<_> = kept.iter().map(|tried| &*tried.error).collect();
    let expected: Vec<_> =
        (3..=7).map(|n| format!("500 Internal Server Error: {{\"try\":{n},\"of\":\"…@…\"}}")).collect();
    assert_eq!(said, expected, "the last five");
    assert!(kept.iter().all(|tried| tried.status == Some(500) && tried.asked.as_deref() == Some("POST 127.0.0.1/…")));

    crm.respond(|_| Reply::Accept);
    engine.replay(&[RecordKey::delivery("crm", "acme")]).await.expect("the store answers");
    plant.done("crm", 1).await;
    assert_eq!(delivery(&plant, "acme").await, None, "nothing is left of it");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_slow_destination_is_not_sent_all_that_its_setting_allows() {
    let crm = receiver();
    crm.respond(|_| Reply::Slow(Duration::from_secs(3)));
    let mut slow = destination("crm", &crm.url());
    slow.concurrency = 32;
    let plant = Plant::new(vec![slow]);
    for lead in 0..100 {
        plant.send("crm", &format!("lead{lead}"), 1).await;
    }
    let engine = plant.start("one");
    crm.wait_for(|arrivals| arrivals.len() >= 4).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(crm.arrivals().len(), 4, "as long as nothing is known of it");
    crm.respond(|_| Reply::Accept);
    plant.done("crm", 100).await;
    engine.drain(PATIENCE).await;
}
