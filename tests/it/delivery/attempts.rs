//! What becomes of a delivery over its attempts: retries, dead letters, replays, pauses.

use std::time::Duration;

use handraiser::cdp::source::Secret;
use handraiser::crm::deliveries::queue_of;
use handraiser::crm::receiver::{Receiver, Reply};
use handraiser::crm::sign::SigningKey;
use handraiser::store::{EntryState, Replay};

use super::plant::{PATIENCE, Plant, SECRET, destination, seconds};

fn receiver() -> Receiver {
    Receiver::start(&[Secret::new(SECRET)]).expect("a free port")
}

#[actix_web::test]
async fn three_failures_and_a_success_arrive_once_under_one_id() {
    let crm = receiver();
    crm.respond(|arrival| if arrival.attempt <= 3 { Reply::status(500) } else { Reply::Accept });
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let deliveries = plant.deliver();
    let id = plant.send("crm", "acme", 1).await;
    let rows = plant.until(EntryState::Done, "crm", 1).await;
    assert_eq!((crm.arrivals().len(), crm.accepted().len()), (4, 1));
    assert!(crm.arrivals().iter().all(|arrival| arrival.id == id && arrival.body == crm.arrivals()[0].body));
    assert_eq!(rows[0].entry.attempts, 3);
    assert_eq!(rows[0].entry.last_error.as_deref(), Some("500 Internal Server Error"));
    deliveries.drain(PATIENCE).await;
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
    let (deliveries, queue) = (plant.deliver(), queue_of("crm"));
    plant.send("crm", "acme", 1).await;
    assert_eq!(plant.failed("crm", 1).await, "429 Too Many Requests: slow down");
    plant.send("crm", "other", 1).await;
    plant.advance(seconds(100), &queue);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(crm.arrivals().len(), 1, "nothing is sent while the receiver wants to be left alone");

    plant.advance(seconds(21), &queue);
    plant.until(EntryState::Done, "crm", 2).await;
    deliveries.drain(PATIENCE).await;
}

#[actix_web::test]
async fn what_is_refused_is_a_dead_letter_at_once_and_can_be_replayed() {
    let crm = receiver();
    crm.respond(|_| Reply::Status(422, Vec::new(), "unknown owner".to_owned()));
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let deliveries = plant.deliver();
    let id = plant.send("crm", "acme", 1).await;
    plant.send("crm", "acme", 2).await;
    let dead = plant.until(EntryState::Dead, "crm", 2).await;
    assert!(dead.iter().all(|row| row.entry.attempts == 1));
    assert_eq!(dead[1].entry.last_error.as_deref(), Some("422 Unprocessable Entity: unknown owner"));

    crm.respond(|_| Reply::Accept);
    let replayed = plant.store.replay(&Replay::Entry(format!("{id}/crm")), plant.clock.now()).await;
    assert_eq!(replayed.expect("the store answers"), 1);
    plant.advance(0, &queue_of("crm"));
    let done = plant.until(EntryState::Done, "crm", 1).await;
    assert_eq!(done[0].entry.attempts, 0, "a replay starts afresh");
    assert_eq!(crm.accepted()[0].id, id, "under the same id as ever");
    assert_eq!(plant.store.replay(&Replay::All, plant.clock.now()).await.expect("the store answers"), 1);
    plant.advance(0, &queue_of("crm"));
    plant.until(EntryState::Done, "crm", 2).await;
    deliveries.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_delivery_that_keeps_failing_is_dead_after_its_last_attempt() {
    let crm = receiver();
    crm.respond(|_| Reply::Status(503, Vec::new(), "down for maintenance".to_owned()));
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let deliveries = plant.deliver();
    plant.send("crm", "acme", 1).await;
    let dead = plant.until(EntryState::Dead, "crm", 1).await;
    assert_eq!((dead[0].entry.attempts, crm.arrivals().len()), (6, 6));
    assert_eq!(dead[0].entry.last_error.as_deref(), Some("503 Service Unavailable: down for maintenance"));
    deliveries.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_open_circuit_parks_deliveries_without_using_up_their_attempts() {
    let crm = receiver();
    crm.respond(|_| Reply::status(500));
    let plant = Plant::new(vec![destination("crm", &crm.url())]).by_hand();
    let (deliveries, queue) = (plant.deliver(), queue_of("crm"));
    for lead in 0..60 {
        plant.send("crm", &format!("lead{lead}"), 1).await;
    }
    // Eight failures in a row open it; what was on its way then still arrives.
    let burnt = crm.wait_for(|arrivals| arrivals.len() >= 8).await.len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let arrived = crm.arrivals().len();
    assert!(arrived <= burnt + 4, "{arrived} arrived after the circuit opened at {burnt}");
    let attempts = |rows: Vec<handraiser::store::EntryRow>| rows.iter().map(|row| row.entry.attempts).sum::<u32>();
    assert_eq!(attempts(plant.rows(EntryState::Pending, &queue).await) as usize, arrived);

    // The pause is over, and the destination still down: one probe goes out, no more.
    plant.advance(seconds(6), &queue);
    let probed = crm.wait_for(|arrivals| arrivals.len() > arrived).await.len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(crm.arrivals().len(), probed);
    assert_eq!(probed, arrived + 1);

    // It is back.
    crm.respond(|_| Reply::Accept);
    plant.advance(seconds(11), &queue);
    plant.until(EntryState::Done, "crm", 60).await;
    deliveries.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_sender_that_died_is_replaced_and_the_id_stays() {
    let crm = receiver();
    let plant = Plant::new(vec![destination("crm", &crm.url())]).by_hand();
    let id = plant.send("crm", "acme", 1).await;
    // Another process claimed it, sent it, and died before it could say so.
    let partition = plant.store.partitions().of(&handraiser::identity::RecordKey::account("acme"));
    let (queue, lease) = (queue_of("crm"), Duration::from_secs(30));
    let lost = plant.store.claim(partition, &queue, plant.clock.now(), lease, 9).await.expect("the store answers");
    assert_eq!(lost.claimed.len(), 1);
    let deliveries = plant.deliver();
    plant.advance(seconds(30), &queue);
    plant.until(EntryState::Done, "crm", 1).await;
    assert_eq!(crm.arrivals()[0].id, id);
    deliveries.drain(PATIENCE).await;
}

#[actix_web::test]
async fn old_and_new_secrets_sign_while_they_rotate() {
    let new = Secret::new("whsec_bmV3IGFuZCBsb25nIGVub3VnaCBmb3IgYSBrZXkhIQ==");
    let crm = Receiver::start(std::slice::from_ref(&new)).expect("a free port");
    let mut rotating = destination("crm", &crm.url());
    rotating.webhook.secrets.push(new.clone());
    let plant = Plant::new(vec![rotating]);
    let deliveries = plant.deliver();
    plant.send("crm", "acme", 1).await;
    plant.until(EntryState::Done, "crm", 1).await;
    let arrival = crm.arrivals().remove(0);
    let timestamp = arrival.headers["webhook-timestamp"].parse().expect("seconds");
    for secret in [Secret::new(SECRET), new] {
        let key = SigningKey::parse(&secret).expect("a good secret");
        assert!(key.verify(&arrival.headers["webhook-signature"], &arrival.id, timestamp, arrival.body.as_bytes()));
    }
    deliveries.drain(PATIENCE).await;
}
