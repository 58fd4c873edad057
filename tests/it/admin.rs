//! The admin API over a store in memory that the test fills itself, and an engine that works it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use arc_swap::ArcSwap;
use handraiser::config::{Config, ServerSettings};
use handraiser::crm::Deliverer;
use handraiser::engine::Engine;
use handraiser::event::Rejected;
use handraiser::http::{AppState, Backend, Status, openapi};
use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::record::delivery::Done;
use handraiser::record::{Delivery, DestinationHistory, News, Record};
use handraiser::secret::Secret;
use handraiser::store::{Commit, LeadRow, ListName, Listed, MemoryStore, RecordWrite, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};
use serde_json::{Value, json};
use utoipa_actix_web::AppExt as _;

use crate::harness::settings;

const TOKEN: &str = "s3cret";
const NOW: Millis = Millis(1_795_000_000_000);

fn config(token: Option<&str>) -> Config {
    let empty = settings::empty();
    Config {
        version: Arc::from("0123456789ab"),
        server: ServerSettings { admin_token: token.map(Secret::new), ..empty.server },
        ..empty
    }
}

/// A server without its sockets.
struct Api(Data<AppState>);

impl Api {
    /// A server whose store is not open yet.
    fn starting(token: Option<&str>) -> Self {
        let status = Status::new("one".into(), NOW, Some("handraiser.yaml".into()), Arc::default());
        Self(Data::new(AppState::new(Arc::new(ArcSwap::from_pointee(config(token))), status, Clock::manual(NOW))))
    }

    fn with(store: SharedStore, token: Option<&str>) -> Self {
        let api = Self::starting(token);
        let deliverer = Deliverer::new(Arc::default(), api.0.clock.clone());
        let rules = Arc::new(ArcSwap::new(Arc::clone(&api.0.config.load().rules)));
        let (dispatcher, settings) = (Arc::new(deliverer), settings::engine("one"));
        let engine = Engine::start(Arc::clone(&store), rules, api.0.clock.clone(), dispatcher, settings);
        assert!(api.0.backend.set(Backend { engine, store }).is_ok());
        api
    }

    fn empty() -> Self {
        Self::with(memory(), Some(TOKEN))
    }

    /// What the API answers: the status and the body as JSON.
    async fn ask(&self, request: TestRequest) -> (u16, Value) {
        let app = App::new().into_utoipa_app().configure(openapi::configure).into_app();
        let app = init_service(app.app_data(self.0.clone())).await;
        let response = call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        let body = read_body(response).await;
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
    }

    /// As `ask`, with the right token.
    async fn admin(&self, request: TestRequest) -> (u16, Value) {
        self.ask(request.insert_header(("authorization", format!("Bearer {TOKEN}")))).await
    }
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn memory() -> SharedStore {
    Arc::new(MemoryStore::new(StoreOptions::default()))
}

fn news(id: &str, attempts: u32, last_error: Option<&str>) -> News {
    let json = json!({ "type": "lead.qualified", "lead": { "id": "ld_1", "definition": "busy team" } }).to_string();
    News {
        id: id.into(),
        created: NOW.plus(-60_000),
        attempts,
        last_error: last_error.map(Into::into),
        json: json.into(),
        revision: 1,
        was_tried: false,
    }
}

fn write(key: RecordKey, record: &Record) -> RecordWrite {
    let agenda = record.agenda(Some("crm"), None);
    let listed = agenda.map(|(list, at)| Listed { list: ListName::new(&list.name()), at });
    RecordWrite { key, text: record.write().map(Into::into), was_listed: None, listed }
}

/// Commits without any entry of a log.
async fn put(store: &SharedStore, key: &RecordKey, records: Vec<RecordWrite>, leads: Vec<LeadRow>) {
    let shard = store.shards().of(key);
    let commit = Commit { records, leads, ..Commit::new(shard, Position(0), Position(0), NOW) };
    store.commit(vec![commit]).await.unwrap();
}

/// A store with one account that has a lead, one delivery of it that was given up, one that waits, and one that is done.
async fn seeded() -> SharedStore {
    let (store, acme) = (memory(), RecordKey::account("acme/1 & co"));
    let seen = "seen\t2026-11-01T08:00:00.000Z 2026-11-18T11:00:00.000Z\ntouched\t2026-11-18T11:00:00.000Z\n";
    let text = format!("{seen}t:name\t2026-11-01T08:00:00.000Z \"Acme\"\nlead:ld_1\t\n");
    let record = RecordWrite { key: acme.clone(), text: Some(text.into()), was_listed: None, listed: None };
    let lead = LeadRow {
        id: "ld_1".into(),
        subject: acme.clone(),
        definition: "busy team".into(),
        updated: NOW,
        json: json!({ "id": "ld_1", "tier": 1 }).to_string(),
    };
    put(&store, &acme, vec![record], vec![lead]).await;

    let subject = Some(acme.clone());
    let given_up = news("ev_1", 8, Some("the CRM answered 500"));
    let dead = Delivery { subject: subject.clone(), dead: vec![given_up], died: NOW, ..Delivery::default() };
    let waits = Delivery { subject, pending: [news("ev_2", 0, None)].into(), due: NOW, ..Delivery::default() };
    let done = Done {
        id: "ev_0".into(),
        lead: "ld_0".into(),
        subject: acme.to_string().into(),
        definition: "busy team".into(),
        kind: "lead.qualified".into(),
        created: NOW.plus(-90_000),
        at: NOW.plus(-80_000),
        attempts: 2,
    };
    let history = DestinationHistory { delivered: 1, done: [done].into(), ..DestinationHistory::default() };
    let crm = RecordKey::destination("crm");
    let records = vec![
        write(RecordKey::delivery("crm", "ld_1"), &Record::Delivery(dead)),
        write(RecordKey::delivery("crm", "ld_2"), &Record::Delivery(waits)),
        write(crm.clone(), &Record::Destination(history)),
    ];
    put(&store, &crm, records, Vec::new()).await;
    store
}

async fn seeded_api() -> Api {
    Api::with(seeded().await, Some(TOKEN))
}

#[actix_web::test]
async fn without_a_configured_token_nobody_gets_in() {
    for token in [None, Some("")] {
        let request = get("/admin/v1/leads").insert_header(("authorization", "Bearer "));
        let (status, body) = Api::with(memory(), token).ask(request).await;
        assert_eq!((status, &body["code"]), (403, &json!("admin_disabled")));
        assert!(body["message"].as_str().unwrap().contains("server.admin_token"), "{body}");
    }
}

#[actix_web::test]
async fn a_missing_or_wrong_token_is_refused() {
    let headers = [None, Some("Bearer s3cre"), Some("Basic czNjcmV0"), Some("s3cret"), Some("Bearer s3cret2")];
    for header in headers {
        let mut request = get("/admin/v1/config");
        if let Some(header) = header {
            request = request.insert_header(("authorization", header));
        }
        let (status, body) = Api::empty().ask(request).await;
        assert_eq!((status, &body["code"]), (401, &json!("invalid_admin_token")), "{header:?}");
        assert_eq!(body["success"], json!(false));
    }
}

#[actix_web::test]
async fn leads_are_listed_and_shown() {
    let api = seeded_api().await;
    let (status, body) = api.admin(get("/admin/v1/leads?definition=busy%20team&limit=5")).await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!("admin_leads", body);
    let (_, one) = api.admin(get("/admin/v1/leads/ld_1")).await;
    assert_eq!(one, body["leads"][0]);
    let (_, none) = api.admin(get("/admin/v1/leads?subject=account:other")).await;
    assert_eq!(none["leads"], json!([]));
    let (status, body) = api.admin(get("/admin/v1/leads/ld_9")).await;
    assert_eq!((status, &body["message"]), (404, &json!("there is no lead `ld_9`")));
    let (status, body) = api.admin(get("/admin/v1/leads?subject=acme")).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_request")));
}

#[actix_web::test]
async fn a_query_that_cannot_be_read_is_answered_in_the_common_shape() {
    let (status, body) = Api::empty().admin(get("/admin/v1/leads?limit=many")).await;
    assert_eq!((status, &body["code"], &body["success"]), (400, &json!("invalid_request"), &json!(false)));
}

#[actix_web::test]
async fn deliveries_are_listed_by_what_became_of_them() {
    let api = seeded_api().await;
    for state in ["pending", "dead", "done"] {
        let (status, body) = api.admin(get(&format!("/admin/v1/deliveries?state={state}&destination=crm"))).await;
        assert_eq!(status, 200);
        insta::assert_json_snapshot!(format!("admin_{state}_deliveries"), body);
        let (_, all) = api.admin(get(&format!("/admin/v1/deliveries?state={state}"))).await;
        // A destination that is not configured is known by what is on its way to it; what it took is only told when it is named.
        assert_eq!(all["deliveries"].as_array().unwrap().len(), 1, "{all}");
    }
    let (_, queues) = api.admin(get("/admin/v1/queues")).await;
    insta::assert_json_snapshot!("admin_queues", queues);
    let (status, _) = api.admin(get("/admin/v1/deliveries?state=lost")).await;
    assert_eq!(status, 400);
}

#[actix_web::test]
async fn a_destination_is_paused_and_resumed() {
    let api = seeded_api().await;
    let post =
        |what: &str, body: Value| TestRequest::post().uri(&format!("/admin/v1/destinations/{what}")).set_json(body);
    let (status, body) = api.admin(post("crm/pause", json!({ "why": "they migrate" }))).await;
    let paused = json!({ "since": NOW.rfc3339(), "by": "hand", "why": "they migrate" });
    let said = json!({ "destination": "crm", "paused": paused, "before": null, "pending": 1 });
    assert_eq!((status, body), (200, said));
    let (_, queues) = api.admin(get("/admin/v1/queues")).await;
    assert_eq!((&queues["queues"][0]["paused"], queues["queues"].as_array().unwrap().len()), (&paused, 1));
    let (_, listed) = api.admin(get("/admin/v1/deliveries")).await;
    assert_eq!(listed["paused"], json!({ "crm": paused }));
    let (_, metrics) = api.ask(get("/metrics")).await;
    assert!(metrics.as_str().unwrap().contains("handraiser_destination_paused{destination=\"crm\"} 1"));
    let (status, body) = api.admin(get("/admin/v1/deliveries/crm/ld_2")).await;
    assert_eq!((status, &body["paused"], &body["news"][0]["state"]), (200, &paused, &json!("pending")));
    let (status, _) = api.ask(get("/ready")).await;
    assert_eq!(status, 200, "a destination is no matter of those who send events");

    let (_, body) = api.admin(post("crm/resume", json!({}))).await;
    assert_eq!((&body["paused"], &body["before"]), (&Value::Null, &paused));
    let (_, body) = api.admin(post("crm/resume", json!({}))).await;
    assert_eq!((&body["paused"], &body["before"]), (&Value::Null, &Value::Null));
    let (_, listed) = api.admin(get("/admin/v1/deliveries")).await;
    assert_eq!(listed["paused"], json!({}));

    let (status, body) = api.admin(post("cmr/pause", json!({}))).await;
    assert_eq!((status, &body["message"]), (404, &json!("there is no destination `cmr`")));
    let (status, _) = api.admin(post("crm/pause", json!({ "why": "x".repeat(201) }))).await;
    assert_eq!(status, 400);
    let (status, _) = api.admin(get("/admin/v1/deliveries/crm/ld_9")).await;
    assert_eq!(status, 404);
}

#[actix_web::test]
async fn dead_deliveries_are_replayed() {
    let api = seeded_api().await;
    let replay = |body: Value| TestRequest::post().uri("/admin/v1/deliveries/replay").set_json(body);
    let (status, _) = api.admin(replay(json!({}))).await;
    assert_eq!(status, 400);
    let (status, _) = api.admin(replay(json!({ "id": "crm/ld_1", "all": true }))).await;
    assert_eq!(status, 400);
    for nothing in [json!({ "destination": "other" }), json!({ "id": "crm/ld_2" }), json!({ "id": "crm" })] {
        let (_, body) = api.admin(replay(nothing)).await;
        assert_eq!(body, json!({ "replayed": 0 }));
    }
    let (_, body) = api.admin(TestRequest::get().uri("/admin/v1/deliveries/causes")).await;
    let cause = json!({ "destination": "crm", "cause": "the CRM answered …", "deliveries": 1, "example": "crm/ld_1" });
    assert_eq!(body, json!({ "causes": [cause] }));
    let (_, body) = api.admin(replay(json!({ "all": true, "cause": "another" }))).await;
    assert_eq!(body, json!({ "replayed": 0 }));
    let (_, body) = api.admin(replay(json!({ "all": true, "cause": "the CRM answered …" }))).await;
    assert_eq!(body, json!({ "replayed": 1 }));
    let (_, body) = api.admin(replay(json!({ "id": "crm/ld_1" }))).await;
    assert_eq!(body, json!({ "replayed": 0 }), "it is under way already");
    let (_, pending) = api.admin(get("/admin/v1/deliveries?state=pending")).await;
    let attempts: Vec<_> = pending["deliveries"].as_array().unwrap().iter().map(|d| &d["attempts"]).collect();
    assert_eq!(attempts, [&json!(0), &json!(0)]);
}

#[actix_web::test]
async fn what_was_given_up_is_found_behind_later_news_of_its_lead() {
    let (store, key) = (memory(), RecordKey::delivery("crm", "ld_1"));
    let delivery = Delivery {
        subject: Some(RecordKey::account("acme")),
        pending: [news("ev_2", 0, None), news("ev_3", 0, None)].into(),
        due: NOW.plus(60_000),
        dead: vec![news("ev_1", 8, Some("422"))],
        died: NOW,
        ..Delivery::default()
    };
    let record = write(key.clone(), &Record::Delivery(delivery));
    put(&store, &key, vec![record], Vec::new()).await;
    let api = Api::with(store, Some(TOKEN));
    let ids =
        |list: Value| list["deliveries"].as_array().unwrap().iter().map(|d| d["event_id"].clone()).collect::<Vec<_>>();
    let (_, dead) = api.admin(get("/admin/v1/deliveries?state=dead")).await;
    assert_eq!(ids(dead), ["ev_1"]);
    let (_, pending) = api.admin(get("/admin/v1/deliveries")).await;
    let due: BTreeMap<_, _> = pending["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["event_id"].as_str().unwrap(), !d["due"].is_null()))
        .collect();
    assert_eq!(due, [("ev_2", true), ("ev_3", false)].into(), "the second waits for the first");
    let request = TestRequest::post().uri("/admin/v1/deliveries/replay").set_json(json!({ "destination": "crm" }));
    assert_eq!(api.admin(request).await.1, json!({ "replayed": 1 }));
    let (_, pending) = api.admin(get("/admin/v1/deliveries")).await;
    assert_eq!(pending["deliveries"].as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn rejected_events_are_listed() {
    let rejected = Rejected {
        at: NOW,
        source: "app".into(),
        index: 3,
        code: "missing_id".into(),
        message: "neither `userId` nor `anonymousId` is there".into(),
        message_id: Some("m-1".into()),
        excerpt: "{\"type\":\"track\"}".into(),
    };
    let api = Api::empty();
    api.0.backend.get().unwrap().engine.submit(Vec::new(), vec![rejected]).await.unwrap();
    let (_, body) = api.admin(get("/admin/v1/rejected")).await;
    insta::assert_json_snapshot!("admin_rejected", body);
}

#[actix_web::test]
async fn a_subject_is_shown_and_forgotten() {
    let api = seeded_api().await;
    let path = "/admin/v1/subjects/account/acme%2F1%20%26%20co";
    let (_, body) = api.admin(get(path)).await;
    insta::assert_json_snapshot!("admin_subject", body);
    let (_, body) = api.admin(TestRequest::delete().uri(path)).await;
    insta::assert_json_snapshot!("admin_forgotten", body);
    let (status, body) = api.admin(get(path)).await;
    assert_eq!((status, &body["message"]), (404, &json!("nothing is known of account `acme/1 & co`")));
    let (status, _) = api.admin(TestRequest::delete().uri(path)).await;
    assert_eq!(status, 404);
    let (_, leads) = api.admin(get("/admin/v1/leads")).await;
    assert_eq!(leads["leads"], json!([]));
    let (status, _) = api.admin(get("/admin/v1/subjects/team/x")).await;
    assert_eq!(status, 400);
}

#[actix_web::test]
async fn the_configuration_in_force_is_told() {
    let (_, body) = Api::empty().admin(get("/admin/v1/config")).await;
    insta::assert_json_snapshot!("admin_config", body);
}

#[actix_web::test]
async fn how_far_the_logs_are_applied_is_told() {
    let api = Api::empty();
    // Once it has settled, the engine knows which shards are its own.
    api.admin(get("/admin/v1/leads")).await;
    let (_, body) = api.admin(get("/admin/v1/engine")).await;
    insta::assert_json_snapshot!("admin_engine", body, { ".owned" => "[all]", ".memory_bytes" => "[bytes]", ".servers[].settings" => "[rules]" });
    assert_eq!(body["owned"].as_array().unwrap().len(), 16);
}

#[actix_web::test]
async fn health_and_readiness_need_no_token() {
    let api = Api::with(memory(), None);
    let (status, body) = api.ask(get("/health")).await;
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
    let (status, body) = api.ask(get("/ready")).await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!("ready", body);
}

#[actix_web::test]
async fn a_server_whose_store_is_not_open_says_that_it_is_starting() {
    let api = Api::starting(Some(TOKEN));
    assert_eq!(api.ask(get("/health")).await.0, 200);
    let (status, body) = api.ask(get("/ready")).await;
    assert_eq!((status, &body["status"], &body["store"]), (503, &json!("starting"), &json!("not open yet")));
    for path in ["/admin/v1/leads", "/admin/v1/queues", "/admin/v1/engine", "/admin/v1/rejected?consistency=eventual"] {
        let (status, body) = api.admin(get(path)).await;
        assert_eq!((status, &body["code"]), (503, &json!("starting")), "{path}");
    }
    assert_eq!(api.admin(get("/admin/v1/config")).await.0, 200, "what needs no store is told");
    assert_eq!(api.admin(get("/admin/v1/sources")).await.0, 200);
    assert_eq!(api.ask(get("/metrics")).await.0, 200);
}

/// A server that owns no shard, since another one does and does not work it.
async fn behind() -> Api {
    let store = memory();
    let all: Vec<ShardId> = store.shards().all().collect();
    store.heartbeat("asleep", &[], "test").await.unwrap();
    store.heartbeat("asleep", &all, "test").await.unwrap();
    Api::with(store, Some(TOKEN))
}

#[actix_web::test]
async fn who_wants_no_consistency_does_not_wait_for_it() {
    let api = behind().await;
    for path in ["leads", "deliveries", "queues", "rejected"] {
        let reading = api.admin(get(&format!("/admin/v1/{path}?consistency=eventual")));
        let (status, _) = tokio::time::timeout(std::time::Duration::from_secs(1), reading).await.expect("at once");
        assert_eq!(status, 200, "{path}");
    }
    let (status, _) = api.admin(get("/admin/v1/leads?consistency=whatever")).await;
    assert_eq!(status, 400);
}

#[actix_web::test]
async fn metrics_tell_the_queues_and_the_lag() {
    let (status, body) = seeded_api().await.ask(get("/metrics")).await;
    let text = body.as_str().unwrap();
    assert_eq!(status, 200);
    for line in [
        "handraiser_queue_dead{destination=\"crm\"} 1",
        "handraiser_queue_pending{destination=\"crm\"} 1",
        "handraiser_queue_oldest_seconds{destination=\"crm\"} 60",
        "# HELP handraiser_queue_pending ",
        "handraiser_lag_entries 0",
        "handraiser_lag_oldest_seconds 0",
        "# HELP handraiser_shards_owned ",
    ] {
        assert!(text.contains(line), "`{line}` is missing:\n{text}");
    }
}

#[test]
fn the_openapi_document() {
    insta::assert_json_snapshot!("openapi", openapi::document());
}

#[actix_web::test]
async fn overdue_leads_are_found_on_every_page() {
    let store = memory();
    let account = RecordKey::account("acme");
    let lead = |number: i64| {
        let at = |ms: i64| NOW.plus(ms).rfc3339();
        // Every third is overdue, the older ones by more; of the others half were taken on, half still have time.
        let timestamps = match number % 3 {
            0 => json!({ "accept_by": at(-number - 1) }),
            1 => json!({ "accept_by": at(-number - 1), "accepted": at(-number - 2) }),
            _ => json!({ "accept_by": at(number + 1) }),
        };
        let id = format!("ld_{number}");
        let json = json!({ "id": id, "tier": 1, "timestamps": timestamps }).to_string();
        LeadRow { id, subject: account.clone(), definition: "busy".into(), updated: NOW.plus(-number), json }
    };
    put(&store, &account, Vec::new(), (0..40).map(lead).collect()).await;
    let api = Api::with(store, Some(TOKEN));
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let (status, page) = api.admin(get(&format!("/admin/v1/leads?overdue=true&limit=7{before}"))).await;
        assert_eq!(status, 200, "{page}");
        let ids: Vec<String> =
            page["leads"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        found.extend(ids);
        let Some(next) = page["next_before"].as_i64() else { break };
        before = format!("&before={next}");
    }
    found.sort();
    let mut expected: Vec<String> = (0..40).step_by(3).map(|number| format!("ld_{number}")).collect();
    expected.sort();
    assert_eq!(found, expected);
}
