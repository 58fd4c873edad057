//! Ingestion, through the server's own handlers over a store in memory: every recorded request of real SDKs, the answers
//! that SDKs depend on, the bounds, and what the operator gets to see of failures.

mod answers;
mod bodies;
mod browsers;
mod captures;
mod large;
mod visible;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{Bytes, Data};
use actix_web::{App, body};
use arc_swap::ArcSwap;
use handraiser::cdp::source::Proof;
use handraiser::cdp::{Limits, Source};
use handraiser::config::Config;
use handraiser::crm::Deliverer;
use handraiser::engine::Engine;
use handraiser::event::Rejected;
use handraiser::http::{self, AppState, Backend, Status};
use handraiser::secret::Secret;
use handraiser::store::{MemoryStore, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};
use serde_json::Value;

use crate::harness::settings;

/// 2026-11-21T20:36:52Z, when the first capture was recorded.
const NOW: Millis = Millis(1_795_293_412_000);
/// `key` as Basic carries it.
const BASIC: (&str, &str) = ("authorization", "Basic a2V5Og==");
/// A call that can be used.
const TRACK: &str = r#"{"type":"track","userId":"u","event":"e"}"#;

/// A server's handlers with their state.
struct Kit {
    state: Data<AppState>,
    clock: Clock,
}

/// What was answered.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON answer")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Status and `code`.
    fn error(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().expect("a code").to_owned())
    }
}

/// The SDK sources `app` (and those of the captures), and the signed source `segment`.
fn sources() -> Vec<Source> {
    let secrets = |keys: &[&str]| keys.iter().map(|key| Secret::new(key)).collect::<Vec<_>>();
    let sdk = |name: &str, keys: &[&str]| Source::new(name, secrets(keys), None);
    let segment = Proof::Segment { secrets: secrets(&["abc123"]), strict: false };
    vec![
        sdk("app", &["key"]),
        sdk("captured", &["WRITE_KEY_RUDDER_NODE", "WRITE_KEY_SEGMENT_NODE", "WRITE_KEY_SEGMENT_PY"]),
        Source::new("segment", Vec::new(), Some(segment)),
    ]
}

fn config(limits: Limits) -> Config {
    let mut config = Config { version: Arc::from("0123456789ab"), sources: sources(), ..settings::empty() };
    config.server.limits = limits;
    config
}

impl Kit {
    fn new() -> Self {
        Self::with(Limits { in_flight: 10, ..Limits::DEFAULT })
    }

    fn with(limits: Limits) -> Self {
        let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
        let (config, clock) = (config(limits), Clock::manual(NOW));
        let rules = Arc::new(ArcSwap::new(Arc::clone(&config.rules)));
        let deliverer = Arc::new(Deliverer::new(Arc::default(), clock.clone()));
        let engine = Engine::start(Arc::clone(&store), rules, clock.clone(), deliverer, settings::engine("one"));
        let status = Status::new("one".into(), NOW, None, Arc::default());
        let state = AppState::new(Arc::new(ArcSwap::from_pointee(config)), status, clock.clone());
        assert!(state.backend.set(Backend { engine, store }).is_ok());
        Self { state: Data::new(state), clock }
    }

    /// Changes the configuration, as a reload does.
    fn configure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.state.config.load());
        change(&mut config);
        self.state.config.store(Arc::new(config));
    }

    fn backend(&self) -> &Backend {
        self.state.backend().expect("it is there from the start")
    }

    /// Waits until everything that was taken is applied.
    async fn settled(&self) -> &Backend {
        self.backend().engine.settle().await.expect("it settles");
        self.backend()
    }

    /// The log of what could not be used.
    async fn rejected(&self) -> Vec<Rejected> {
        self.settled().await.store.rejected(10).await.expect("the log")
    }

    async fn send(&self, request: TestRequest) -> Answer {
        let app = init_service(App::new().app_data(Data::clone(&self.state)).configure(http::configure)).await;
        answer(call_service(&app, request.to_request()).await).await
    }

    async fn request(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let (mut request, body) = (TestRequest::with_uri(uri).method(method), body.into());
        if !body.is_empty() {
            request = request.set_payload(body);
        }
        for header in headers {
            request = request.append_header(*header);
        }
        self.send(request).await
    }

    async fn post(&self, uri: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.request(Method::POST, uri, headers, body).await
    }

    /// What arrived, oldest first, as the admin API shows it.
    fn arrived(&self) -> Vec<Value> {
        let events = self.state.recent.newest_first();
        events.iter().rev().map(|event| serde_json::to_value(event).expect("JSON")).collect()
    }

    /// The report of one source.
    fn report(&self, source: &str) -> Value {
        let config = self.state.config.load();
        let duplicates = self.backend().engine.duplicates();
        let reports =
            self.state.sources.report(config.sources.iter().map(|source| &source.name), &duplicates, |name| {
                self.backend().engine.usage(name)
            });
        let found = reports.iter().find(|report| report.name == source).expect("a configured source");
        serde_json::to_value(found).expect("JSON")
    }
}

async fn answer<B: MessageBody>(response: ServiceResponse<B>) -> Answer {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("a printable header").to_owned()))
        .collect();
    let body = body::to_bytes(response.into_body()).await.ok().expect("a body");
    Answer { status, headers, body }
}
