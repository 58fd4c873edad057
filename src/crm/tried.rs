//! What is kept of an attempt that failed: what was asked and what was answered, within bounds, and without what nobody is to read again.

use std::sync::Arc;
use std::time::Duration;

use super::Destination;
use super::exchange::one_line;
use super::redact::redacted;
use super::retry::Failure;
use super::watch::{Exchange, Watch};
use crate::record::{News, Tried};
use crate::time::Millis;

/// So much is kept of each text, in bytes.
const MAX_ASKED: usize = 200;
const MAX_ERROR: usize = 500;
const MAX_SAID: usize = 500;

/// What is kept of it.
pub(super) fn tried(
    destination: &Destination,
    news: &News,
    (failure, watch, took): (&Failure, &Watch, Duration),
    now: Millis,
) -> Tried {
    let adapter = destination.kind.adapter();
    let credentials = adapter.credentials();
    let cut = |text: &str, most: usize| shortened(&redacted(text, &credentials), most);
    let last = watch.last();
    let said = last.as_ref().map(|last| one_line(&String::from_utf8_lossy(&last.said)));
    // What can be read in the error needs no second place.
    let said = said.filter(|said| !said.is_empty() && !failure.error.contains(said.as_str()));
    Tried {
        id: Arc::clone(&news.id),
        at: now,
        took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        asked: last.as_ref().map(|last| cut(&asked(last, adapter.secret_url()), MAX_ASKED).into()),
        status: last.and_then(|last| last.status),
        error: cut(&failure.error, MAX_ERROR).into(),
        said: said.map(|said| cut(&said, MAX_SAID).into()),
    }
}

/// `POST /crm/v3/objects/contacts`: without what a query asks for, and where the path is a secret, the host alone.
fn asked(exchange: &Exchange, secret_url: bool) -> String {
    let Exchange { method, url, .. } = exchange;
    if secret_url {
        format!("{method} {}/…", url.host_str().unwrap_or_default())
    } else {
        format!("{method} {}", url.path())
    }
}

/// The beginning of a text, of at most so many bytes.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most - '…'.len_utf8()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;
    use crate::crm::exchange::{Request, Response};
    use crate::crm::{Http, Kind, RetryPolicy, Webhook};
    use crate::secret::Secret;

    fn destination(secret: &str) -> Destination {
        Destination {
            name: "crm".into(),
            kind: Kind::Webhook(Webhook {
                url: "https://hooks.example.com/T0/B0/s3cr3t".parse().expect("a URL"),
                secrets: Vec::new(),
                headers: vec![("x-key".to_owned(), Secret::new(secret))],
                body: crate::crm::webhook::Body::Event,
            }),
            http: Http {
                timeout: Duration::from_secs(1),
                max_response_bytes: 1_024,
                ca: None,
                allow_addresses: Vec::new(),
            },
            retry: RetryPolicy { max_attempts: 3, base: Duration::from_secs(1), cap: Duration::from_secs(1) },
            concurrency: 1,
            read_back: None,
            pushes: None,
        }
    }

    fn news() -> News {
        News {
            id: "evt_1".into(),
            created: Millis(0),
            attempts: 0,
            last_error: None,
            json: "{}".into(),
            revision: 1,
            was_tried: false,
        }
    }

    #[test]
    fn an_attempt_says_what_was_asked_and_answered_and_nothing_secret() {
        let (crm, watch) = (destination("key-of-ours"), Watch::default());
        let Kind::Webhook(webhook) = &crm.kind else { panic!("it is one") };
        watch.asks(&Request::new(Method::POST, webhook.url.clone()));
        let body = "{\"you\":\"key-of-ours\",\n \"at\":\"https://hooks.example.com/T0/B0/s3cr3t\",\"who\":\"ana@example.com\"}";
        let answer = Response { status: 500, body: body.as_bytes().to_vec(), ..Response::default() };
        watch.answered(Some(&answer), Duration::from_millis(70));
        let failure = Failure::answered(&answer, "500 Internal Server Error".to_owned(), Millis(5));
        let kept = tried(&crm, &news(), (&failure, &watch, Duration::from_millis(80)), Millis(5));
        assert_eq!((kept.status, kept.took_ms, kept.at), (Some(500), 80, Millis(5)));
        assert_eq!(kept.asked.as_deref(), Some("POST hooks.example.com/…"));
        assert_eq!(kept.said.as_deref(), Some(r#"{"you":"…", "at":"…","who":"…@…"}"#));
        assert_eq!(watch.answer_took(), Some(Duration::from_millis(70)));
    }

    #[test]
    fn nothing_is_kept_twice_or_beyond_its_bound() {
        let (crm, watch) = (destination("key-of-ours"), Watch::default());
        let none = Failure::unanswered("no complete answer within 1 s".to_owned(), "timeout");
        let kept = tried(&crm, &news(), (&none, &watch, Duration::ZERO), Millis(5));
        assert_eq!((kept.asked, kept.status, kept.said), (None, None, None));
        watch.asks(&Request::new(Method::GET, "https://hooks.example.com/".parse().expect("a URL")));
        watch.answered(Some(&Response { status: 503, body: b"down".to_vec(), ..Response::default() }), Duration::ZERO);
        let told = Failure::unanswered("503 Service Unavailable: down".to_owned(), "status 503");
        assert_eq!(tried(&crm, &news(), (&told, &watch, Duration::ZERO), Millis(5)).said, None);
        let long = Response { status: 503, body: "ü".repeat(5_000).into_bytes(), ..Response::default() };
        watch.answered(Some(&long), Duration::ZERO);
        let long = Failure::unanswered("é".repeat(5_000), "status 503");
        let kept = tried(&crm, &news(), (&long, &watch, Duration::ZERO), Millis(5));
        assert!(kept.error.len() <= MAX_ERROR && kept.error.ends_with('…'));
        assert!(kept.said.is_some_and(|said| said.len() <= MAX_SAID && said.ends_with('…')));
    }
}
