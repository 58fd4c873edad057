//! Deliveries go only where they may: addresses in URLs, and whatever names resolve to.

use std::time::Duration;

use handraiser::crm::client::{Connections, SendError};
use handraiser::crm::exchange::Request;
use handraiser::crm::guard::Forbidden;
use handraiser::crm::receiver::Receiver;
use handraiser::crm::room::Rooms;
use reqwest::Method;

async fn post(connections: &Connections, url: &str) -> Result<u16, SendError> {
    let url = url.parse().expect("a URL");
    let room = Rooms::default().begin();
    let answer = connections.send(Request::new(Method::POST, url), Duration::from_secs(5), 1_000, &room).await;
    answer.map(|answer| answer.status)
}

fn connections(allowed: &[&str]) -> Connections {
    let allowed: Vec<_> = allowed.iter().map(|net| net.parse().expect("a network")).collect();
    Connections::new(&allowed, None).expect("TLS can be set up")
}

#[actix_web::test]
async fn loopback_is_closed_under_every_name() {
    let crm = Receiver::start(&[]).expect("a free port");
    let (port, closed) = (crm.address().port(), connections(&[]));
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]"] {
        let refused = post(&closed, &format!("http://{host}:{port}/")).await.expect_err(host);
        assert!(matches!(refused, SendError::Forbidden(Forbidden::Address(_))), "{host}: {refused}");
    }
    // A name is seen when it is resolved.
    let refused = post(&closed, &format!("http://localhost:{port}/")).await.expect_err("a name for loopback");
    assert!(
        matches!(&refused, SendError::Forbidden(Forbidden::Resolved { host, .. }) if host == "localhost"),
        "{refused}"
    );
    assert!(refused.to_string().contains("`localhost` leads to "), "{refused}");
    assert!(crm.arrivals().is_empty());
}

#[actix_web::test]
async fn what_is_allowed_is_reached_by_address_and_by_name() {
    let crm = Receiver::start(&[]).expect("a free port");
    let (port, open) = (crm.address().port(), connections(&["127.0.0.0/8"]));
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(post(&open, &format!("http://{host}:{port}/")).await.expect(host), 200);
    }
}

#[actix_web::test]
async fn no_error_tells_the_url() {
    let gone = crate::harness::free_address();
    let error =
        post(&connections(&["127.0.0.0/8"]), &format!("http://{gone}/?token=hidden")).await.expect_err("nobody");
    assert!(matches!(error, SendError::Connect(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    let error = post(&connections(&[]), "http://no-such-host.invalid/?token=hidden").await.expect_err("no such name");
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
}
