use std::time::Duration;

use super::*;
use crate::crm::receiver::{Receiver, Reply};
use crate::crm::webhook::Body;
use crate::crm::{Http, Kind, RetryPolicy, Webhook, sample};

const NOW: Millis = Millis(1_795_262_400_000);

/// A deliverer with one destination, `crm`, which is `receiver`.
fn deliverer(receiver: &Receiver, clock: &Clock) -> (Deliverer, SharedDestinations) {
    let destination = Destination {
        name: "crm".into(),
        kind: Kind::Webhook(Webhook {
            url: receiver.url().parse().expect("a URL"),
            secrets: Vec::new(),
            headers: Vec::new(),
            body: Body::Event,
        }),
        http: Http {
            timeout: Duration::from_secs(5),
            max_response_bytes: 1_024,
            ca: None,
            allow_addresses: vec!["127.0.0.0/8".parse().expect("a range")],
        },
        retry: RetryPolicy { max_attempts: 3, base: Duration::from_secs(10), cap: Duration::from_secs(600) },
        concurrency: 4,
        read_back: None,
        pushes: None,
    };
    let shared: SharedDestinations = Arc::new(ArcSwap::from_pointee(vec![destination]));
    (Deliverer::new(Arc::clone(&shared), clock.clone()), shared)
}

fn news(attempts: u32) -> News {
    let json = serde_json::to_string(&sample::full()).expect("plain data");
    News {
        id: "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8".into(),
        created: NOW,
        attempts,
        last_error: None,
        json: json.into(),
        revision: 1,
        was_tried: false,
    }
}

fn due_in(attempt: &Attempt) -> i64 {
    match &attempt.outcome {
        AttemptOutcome::Retry { due, .. } => due.since(NOW),
        other => panic!("not tried again: {other:?}"),
    }
}

#[actix_web::test]
async fn what_is_taken_is_delivered_under_its_own_id() {
    let receiver = Receiver::start(&[]).expect("it starts");
    let (deliverer, _) = deliverer(&receiver, &Clock::manual(NOW));
    let attempt = deliverer.deliver("crm", &news(1), &Before::default()).await;
    let outcome = AttemptOutcome::Delivered {
        lead: "lead_d90946431f7235019f9735b9ff57c687".into(),
        definition: "ready for a team plan".into(),
        kind: "lead.qualified".into(),
    };
    assert_eq!(
        attempt,
        Attempt { id: "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8".into(), at: NOW, outcome, remembered: None, tried: None }
    );
    let arrived = receiver.arrivals();
    assert_eq!(
        (arrived.len(), arrived[0].id.as_str(), &*arrived[0].body),
        (1, "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8", &*news(0).json)
    );
}

#[actix_web::test]
async fn failures_in_a_row_open_the_circuit_and_one_probe_closes_it() {
    let (receiver, clock) = (Receiver::start(&[]).expect("it starts"), Clock::manual(NOW));
    receiver.respond(|_| Reply::status(500));
    let (deliverer, _) = deliverer(&receiver, &clock);
    assert_eq!(deliverer.admission("crm", NOW), Admission::Open(4));
    for _ in 0..8 {
        let attempt = deliverer.deliver("crm", &news(0), &Before::default()).await;
        assert!(matches!(attempt.outcome, AttemptOutcome::Retry { counts: true, .. }), "{attempt:?}");
    }
    let Admission::Parked(until) = deliverer.admission("crm", NOW) else { panic!("the circuit is open") };
    let parked = deliverer.deliver("crm", &news(0), &Before::default()).await;
    assert!(matches!(parked.outcome, AttemptOutcome::Retry { due, counts: false, .. } if due == until), "{parked:?}");
    assert_eq!(receiver.arrivals().len(), 8, "nothing is sent while the circuit is open");
    clock.advance(until.since(NOW));
    assert_eq!(deliverer.admission("crm", until), Admission::Open(1));
    receiver.respond(|_| Reply::Accept);
    assert!(matches!(
        deliverer.deliver("crm", &news(0), &Before::default()).await.outcome,
        AttemptOutcome::Delivered { .. }
    ));
    assert_eq!(deliverer.admission("crm", until), Admission::Open(4));
}

#[actix_web::test]
async fn a_wish_for_a_pause_is_no_failure_of_the_destination() {
    let (receiver, clock) = (Receiver::start(&[]).expect("it starts"), Clock::manual(NOW));
    receiver.respond(|_| Reply::Status(429, vec![("retry-after", "60".to_owned())], String::new()));
    let (deliverer, _) = deliverer(&receiver, &clock);
    let minute = NOW.plus(Millis::MINUTE);
    // Each is asked as soon as the pause before it is over.
    for _ in 0..20 {
        let attempt = deliverer.deliver("crm", &news(0), &Before::default()).await;
        assert!(matches!(attempt.outcome, AttemptOutcome::Retry { counts: true, .. }));
        assert_eq!(deliverer.admission("crm", clock.now()), Admission::Parked(clock.now().plus(Millis::MINUTE)));
        clock.advance(Millis::MINUTE);
    }
    assert_eq!(receiver.arrivals().len(), 20);
    let admission = deliverer.admission("crm", clock.now());
    assert_eq!(admission, Admission::Open(1), "fewer at once, and no probe: the circuit never opened");
    assert!(clock.now() > minute);
}

#[actix_web::test]
async fn what_is_refused_or_no_lead_event_is_given_up() {
    let receiver = Receiver::start(&[]).expect("it starts");
    let (deliverer, _) = deliverer(&receiver, &Clock::manual(NOW));
    receiver.respond(|_| Reply::Status(422, Vec::new(), "no such owner".to_owned()));
    let attempt = deliverer.deliver("crm", &news(0), &Before::default()).await;
    assert_eq!(attempt.outcome, AttemptOutcome::Dead { error: "422 Unprocessable Entity: no such owner".into() });
    let attempt = deliverer.deliver("crm", &News { json: "{}".into(), ..news(0) }, &Before::default()).await;
    assert!(
        matches!(&attempt.outcome, AttemptOutcome::Dead { error } if error.contains("no lead event")),
        "{attempt:?}"
    );
    receiver.respond(|_| Reply::status(500));
    let last = deliverer.deliver("crm", &news(2), &Before::default()).await;
    assert!(matches!(last.outcome, AttemptOutcome::Dead { .. }), "the third of three attempts: {last:?}");
}

#[actix_web::test]
async fn news_for_a_destination_that_left_waits_for_it() {
    let receiver = Receiver::start(&[]).expect("it starts");
    let (deliverer, destinations) = deliverer(&receiver, &Clock::manual(NOW));
    let known = destinations.load_full();
    deliverer.deliver("crm", &news(0), &Before::default()).await;
    destinations.store(Arc::default());
    assert_eq!(deliverer.admission("crm", NOW), Admission::Parked(NOW.plus(Millis::MINUTE)));
    assert!(deliverer.links.lock().expect("nobody panicked").is_empty(), "its connections are forgotten");
    let attempt = deliverer.deliver("crm", &news(0), &Before::default()).await;
    assert_eq!(due_in(&attempt), Millis::MINUTE);
    assert!(matches!(attempt.outcome, AttemptOutcome::Retry { counts: false, .. }));
    destinations.store(known);
    assert_eq!(deliverer.admission("crm", NOW), Admission::Open(4));
}

#[actix_web::test]
async fn a_delivery_that_failed_by_our_own_fault_counts_as_an_attempt() {
    let receiver = Receiver::start(&[]).expect("it starts");
    let (deliverer, _) = deliverer(&receiver, &Clock::manual(NOW));
    let attempt = deliverer.failed("crm", &news(0), "it panicked");
    assert!((5_000..=10_000).contains(&due_in(&attempt)), "{attempt:?}");
    assert_eq!(deliverer.admission("crm", NOW), Admission::Open(4));
    assert!(matches!(deliverer.failed("crm", &news(2), "again").outcome, AttemptOutcome::Dead { .. }));
}
