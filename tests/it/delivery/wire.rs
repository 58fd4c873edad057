//! What happens on the wire: deadlines, bounds, order, independence.

use std::time::{Duration, Instant};

use handraiser::crm::client::{Connections, SendError};
use handraiser::crm::exchange::Request;
use handraiser::crm::receiver::{Arrival, Receiver, Reply};
use handraiser::crm::room::Rooms;
use handraiser::secret::Secret;
use reqwest::Method;

use super::plant::{PATIENCE, Plant, SECRET, destination, event, webhook};

fn receiver() -> Receiver {
    Receiver::start(&[Secret::new(SECRET)]).expect("a free port")
}

fn ids(arrivals: &[Arrival]) -> Vec<&str> {
    arrivals.iter().map(|arrival| arrival.id.as_str()).collect()
}

#[actix_web::test]
async fn a_lead_arrives_signed_and_as_it_was_handed_over() {
    let crm = receiver();
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let engine = plant.start("one");
    let id = plant.send("crm", "acme", 1).await;
    plant.done("crm", 1).await;

    let arrivals = crm.arrivals();
    assert_eq!(ids(&arrivals), [id.as_str()]);
    assert!(arrivals[0].verified && arrivals[0].accepted);
    assert_eq!(arrivals[0].headers["idempotency-key"], id);
    assert_eq!(arrivals[0].headers["content-type"], "application/json");
    assert!(arrivals[0].headers["user-agent"].starts_with("handraiser/"));
    assert_eq!(arrivals[0].body, serde_json::to_string(&event("acme", 1)).expect("plain data"));
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_wrong_secret_is_refused_by_the_receiver_and_fixed_by_a_reload() {
    let crm = receiver();
    let mut wrong = destination("crm", &crm.url());
    webhook(&mut wrong).secrets = vec![Secret::new("whsec_d3JvbmcgYnV0IGxvbmcgZW5vdWdoIGZvciBhIGtleQ==")];
    let plant = Plant::new(vec![wrong]).by_hand();
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    assert_eq!(plant.failed_with("crm", "").await, "401 Unauthorized: the signature does not fit");

    plant.destinations.store(vec![destination("crm", &crm.url())].into());
    plant.clock.advance(1_000);
    plant.done("crm", 1).await;
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_answer_that_drips_is_cut_at_the_deadline() {
    let crm = receiver();
    crm.respond(|arrival| if arrival.attempt == 1 { Reply::Drip(Duration::from_millis(20)) } else { Reply::Accept });
    let mut slow = destination("crm", &crm.url());
    slow.http.timeout = Duration::from_millis(300);
    let plant = Plant::new(vec![slow]).by_hand();
    let engine = plant.start("one");
    let started = Instant::now();
    plant.send("crm", "acme", 1).await;
    assert_eq!(plant.failed("crm", 1).await, "no complete answer within 0.3 s");
    assert!(started.elapsed() < Duration::from_secs(5));
    plant.clock.advance(1_000);
    plant.done("crm", 1).await;
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_answer_without_an_end_is_cut_at_the_byte_cap() {
    let crm = receiver();
    crm.respond(|_| Reply::Flood);
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    // The status said yes; the rest of the body is of no interest.
    plant.done("crm", 1).await;
    assert_eq!(crm.arrivals().len(), 1);
    engine.drain(PATIENCE).await;
}

/// Of all destinations together 32 MiB of large answers are in hand, whatever they say and however many there are.
#[actix_web::test]
async fn a_large_answer_waits_for_room_and_a_small_one_does_not() {
    let crm = Receiver::start(&[]).expect("a free port");
    crm.respond(|arrival| if arrival.body.contains("large") { Reply::Flood } else { Reply::Accept });
    let connections = Connections::new(&["127.0.0.0/8".parse().expect("a network")], None).expect("TLS");
    let rooms = Rooms::default();
    let ask = async |body: &str| {
        let request = Request { body: body.into(), ..Request::new(Method::POST, crm.url().parse().expect("a URL")) };
        let room = rooms.of_another().begin();
        let answer = connections.send(request, PATIENCE, 1 << 20, &room).await;
        (answer.map(|answer| answer.body.len()), room)
    };
    let others: Vec<_> = (0..4).map(|_| rooms.of_another().begin()).collect();
    for other in &others {
        assert!(other.take(8 << 20).await);
    }
    assert!(matches!(ask("large").await.0, Err(SendError::Crowded)));
    assert!(matches!(ask("small").await.0, Ok(0..1_000)));
    drop(others);
    assert!(matches!(ask("large").await.0, Ok(1_048_576)));
}

#[actix_web::test]
async fn a_redirect_is_not_followed() {
    let (crm, elsewhere) = (receiver(), receiver());
    let target = format!("{}?token=hidden", elsewhere.url());
    crm.respond(move |_| Reply::Status(302, vec![("location", target.clone())], String::new()));
    let plant = Plant::new(vec![destination("crm", &crm.url())]).by_hand();
    let engine = plant.start("one");
    plant.send("crm", "acme", 1).await;
    let error = plant.failed("crm", 1).await;
    let expected = format!(
        "302 Found; it redirects to {}, and redirects are not followed: configure that address",
        elsewhere.url()
    );
    assert_eq!(error, expected);
    assert!(elsewhere.arrivals().is_empty());
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn news_of_one_lead_arrives_in_order_though_the_first_delivery_fails() {
    let crm = receiver();
    crm.respond(
        |arrival| if arrival.id == "evt_acme_1" && arrival.attempt < 3 { Reply::status(500) } else { Reply::Accept },
    );
    let plant = Plant::new(vec![destination("crm", &crm.url())]);
    let engine = plant.start("one");
    for revision in 1..=3 {
        plant.send("crm", "acme", revision).await;
    }
    plant.send("crm", "other", 1).await;
    plant.done("crm", 4).await;
    let arrivals = crm.arrivals();
    let of_acme: Vec<_> = ids(&arrivals).into_iter().filter(|id| id.contains("acme")).collect();
    assert_eq!(of_acme, ["evt_acme_1", "evt_acme_1", "evt_acme_1", "evt_acme_2", "evt_acme_3"]);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_dead_destination_and_a_hanging_one_delay_nobody_else() {
    let (crm, hanging) = (receiver(), receiver());
    hanging.respond(|_| Reply::Slow(Duration::from_secs(60)));
    // Nobody listens where the dead one is.
    let gone = format!("http://{}/", crate::harness::free_address());
    let plant = Plant::new(vec![
        destination("dead", &gone),
        destination("hanging", &hanging.url()),
        destination("crm", &crm.url()),
    ]);
    let engine = plant.start("one");
    for lead in 0..50 {
        for name in ["dead", "hanging", "crm"] {
            plant.send(name, &format!("lead{lead}"), 1).await;
        }
    }
    let started = Instant::now();
    plant.done("crm", 50).await;
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
    assert!(plant.taken("hanging").await.is_empty());
    engine.drain(Duration::from_millis(10)).await;
    // What hung is sent again by whoever comes next, and counts no attempt.
    let pending = plant.pending("hanging").await;
    assert_eq!(pending.len(), 50);
    assert!(pending.iter().all(|news| news.attempts == 0));
}

#[actix_web::test]
async fn a_reload_brings_and_takes_destinations() {
    let (old, new) = (receiver(), receiver());
    let plant = Plant::new(vec![destination("old", &old.url())]).by_hand();
    let engine = plant.start("one");
    plant.destinations.store(vec![destination("new", &new.url())].into());
    plant.send("old", "acme", 1).await;
    plant.send("new", "acme", 1).await;
    plant.done("new", 1).await;
    assert!(old.arrivals().is_empty());
    assert_eq!(plant.pending("old").await.len(), 1, "it waits for the destination's return");

    plant.destinations.store(vec![destination("old", &old.url())].into());
    plant.clock.advance(61_000);
    plant.done("old", 1).await;
    engine.drain(PATIENCE).await;
}
