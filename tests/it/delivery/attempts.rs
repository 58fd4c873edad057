//! What becomes of a delivery over its attempts: retries, dead letters, replays, pauses.

use std::time::Duration;

use handraiser::crm::receiver::{Receiver, Reply};
use handraiser::crm::sign::SigningKey;
use handraiser::ids::RecordKey;
use handraiser::secret::Secret;

use super::plant::{PATIENCE, Plant, SECRET, destination, seconds, webhook};
use crate::harness::eventually;

/// An engine looks at its agenda at least this often.
const LOOK: Duration = Duration::from_millis(1_200);

fn receiver() -> Receiver {
    Receiver::start(&[Secret::new(SECRET)]).expect("a free port")
}

#[actix_web::test]
async fn three_failures_and_a_success_arrive_once_under_one_id() {
    let crm = receiver();
    crm.respond(|arrival| if arrival.attempt <= 3 { Reply::status(500) } else { Reply::Accept });
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let engine = plant.start("one");
    let id = plant.send("crm", "acme", 1).await;
    let done = plant.done("crm", 1).await;
    assert_eq!((crm.arrivals().len(), crm.accepted().len()), (4, 1));
    assert!(crm.arrivals().iter().all(|arrival| arrival.id == id && arrival.body == crm.arrivals()[0].body));
    assert_eq!((&*done[0].id, done[0].attempts, &*done[0].subject), (id.as_str(), 3, "account:acme"));
    assert!(plant.pending("crm").await.is_empty(), "nothing is left of it");
    engine.drain(PATIENCE).await;
}

/// More than the owner of a destination remembers at once, 4,096: those for which there is no room are looked for again.
#[actix_web::test]
async fn none_of_very_many_is_left_behind() {
    const MANY: usize = 4_600;
    let crm = receiver();
    let mut busy = destination("crm", &crm.url());
    busy.concurrency = 64;
    let plant = Plant::new(vec![busy]);
    for lead in 0..MANY {
        plant.send("crm", &format!("lead-{lead}"), 1).await;
    }
    let engine = plant.start("one");
    eventually("everything to arrive", 4 * PATIENCE, async || (crm.accepted().len() >= MANY).then_some(())).await;
    assert_eq!(crm.arrivals().len(), MANY, "each of them once");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_wish_to_be_left_alone_until_a_date_is_granted_to_the_whole_destination() {
    let crm = receiver();
    let mut patient = destination("crm", &crm.url());
    patient.retry.cap = Duration::from_secs(3_600);
    let plant = Plant::new(vec![patient]).by_hand();
    let until = jiff::Timestamp::from_millisecond(plant.clock.now().0 + seconds(120)).expect("a moment");
    let date = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    crm.respond(move |arrival| match (arrival.id.as_str(), arrival.attempt) {
        ("evt_acme_1", 1) => Reply::Status(429, vec![("retry-after", date.clone())], "slow down".to_owned()),
        _ => Reply::Accept,
    });
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    assert_eq!(plant.failed("crm", 1).await, "429 Too Many Requests: slow down");
    plant.send("crm", "other", 1).await;
    plant.clock.advance(seconds(100));
    tokio::time::sleep(LOOK).await;
    assert_eq!(crm.arrivals().len(), 1, "nothing is sent while the receiver wants to be left alone");

    plant.clock.advance(seconds(21));
    plant.done("crm", 2).await;
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn what_is_refused_is_a_dead_letter_at_once_and_can_be_replayed() {
    let crm = receiver();
    crm.respond(|_| Reply::Status(422, Vec::new(), "unknown owner".to_owned()));
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let engine = plant.start("one");
    let id = plant.send("crm", "acme", 1).await;
    let second = plant.send("crm", "acme", 2).await;
    let dead = plant.dead("crm", 2).await;
    assert!(dead.iter().all(|news| news.attempts == 1));
    assert_eq!(dead[1].last_error.as_deref(), Some("422 Unprocessable Entity: unknown owner"));

    crm.respond(|_| Reply::Accept);
    engine.replay(&[RecordKey::delivery("crm", "acme")]).await.expect("the store answers");
    let done = plant.done("crm", 2).await;
    assert!(done.iter().all(|done| done.attempts == 0), "a replay starts afresh");
    let accepted: Vec<_> = crm.accepted().into_iter().map(|arrival| arrival.id).collect();
    assert_eq!(accepted, [id, second], "in order, under the same ids as ever");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_delivery_that_keeps_failing_is_dead_after_its_last_attempt() {
    let crm = receiver();
    crm.respond(|_| Reply::Status(503, Vec::new(), "down for maintenance".to_owned()));
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    let dead = plant.dead("crm", 1).await;
    assert_eq!((dead[0].attempts, crm.arrivals().len()), (6, 6));
    assert_eq!(dead[0].last_error.as_deref(), Some("503 Service Unavailable: down for maintenance"));
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_open_circuit_parks_deliveries_without_using_up_their_attempts() {
    let crm = receiver();
    crm.respond(|_| Reply::status(500));
    let plant = Plant::new(vec![destination("crm", &crm.url())]).by_hand();
    let engine = plant.start("one");
    for lead in 0..60 {
        plant.send("crm", &format!("lead{lead}"), 1).await;
    }
    // Eight failures in a row open it; what was on its way then still arrives.
    let burnt = crm.wait_for(|arrivals| arrivals.len() >= 8).await.len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let arrived = crm.arrivals().len();
    assert!(arrived <= burnt + 4, "{arrived} arrived after the circuit opened at {burnt}");
    let attempts = plant.pending("crm").await.iter().map(|news| news.attempts).sum::<u32>();
    assert_eq!(attempts as usize, arrived);

    // The pause is over, and the destination still down: one probe goes out, no more.
    plant.clock.advance(seconds(6));
    let probed = crm.wait_for(|arrivals| arrivals.len() > arrived).await.len();
    tokio::time::sleep(LOOK).await;
    assert_eq!(crm.arrivals().len(), probed);
    assert_eq!(probed, arrived + 1);

    // It is back.
    crm.respond(|_| Reply::Accept);
    plant.clock.advance(seconds(11));
    plant.done("crm", 60).await;
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_server_that_died_while_it_sent_is_replaced_and_the_id_stays() {
    let crm = receiver();
    crm.respond(|arrival| if arrival.attempt == 1 { Reply::Slow(Duration::from_secs(60)) } else { Reply::Accept });
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let first = plant.start("first");
    let id = plant.send("crm", "acme", 1).await;
    crm.wait_for(|arrivals| !arrivals.is_empty()).await;
    // As if it were killed: it never hears the answer.
    drop(first);
    let second = plant.start("second");
    let done = plant.done("crm", 1).await;
    assert_eq!((done[0].attempts, &*done[0].id), (0, id.as_str()), "nothing failed: it was only not heard of");
    assert!(crm.arrivals().iter().all(|arrival| arrival.id == id));
    assert_eq!(crm.arrivals().len(), 2);
    second.drain(PATIENCE).await;
}

#[actix_web::test]
async fn old_and_new_secrets_sign_while_they_rotate() {
    let new = Secret::new("whsec_bmV3IGFuZCBsb25nIGVub3VnaCBmb3IgYSBrZXkhIQ==");
    let crm = Receiver::start(std::slice::from_ref(&new)).expect("a free port");
    let mut rotating = destination("crm", &crm.url());
    webhook(&mut rotating).secrets.push(new.clone());
    let plant = Plant::new(vec![rotating]);
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    plant.done("crm", 1).await;
    let arrival = crm.arrivals().remove(0);
    let timestamp = arrival.headers["webhook-timestamp"].parse().expect("seconds");
    for secret in [Secret::new(SECRET), new] {
        let key = SigningKey::parse(&secret).expect("a good secret");
        assert!(key.verify(&arrival.headers["webhook-signature"], &arrival.id, timestamp, arrival.body.as_bytes()));
    }
    engine.drain(PATIENCE).await;
}
