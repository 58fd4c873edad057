//! The admin API over a store in memory that the test fills itself.

use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use arc_swap::ArcSwap;
use handraiser::cdp::source::Secret;
use handraiser::config::{Config, ServerSettings};
use handraiser::engine::{Engine, Wakes};
use handraiser::http::admin::AdminState;
use handraiser::http::{AppState, openapi};
use handraiser::identity::RecordKey;
use handraiser::server::Status;
use handraiser::store::memory::MemoryStore;
use handraiser::store::{Commit, Entry, LeadRow, Outcome, QueueName, Rejected, Settle, SharedStore, Write};
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

fn state(store: &SharedStore, token: Option<&str>) -> Data<AdminState> {
    let config = Arc::new(ArcSwap::from_pointee(config(token)));
    let (clock, wakes) = (Clock::manual(NOW), Wakes::default());
    let engine = Engine::new(Arc::clone(store), Arc::clone(&config), clock.clone(), wakes.clone());
    let app = AppState::new(engine, Arc::clone(store), config, clock);
    Data::new(AdminState {
        app,
        wakes,
        status: Arc::new(Status::new(NOW, Some("handraiser.yaml".into()), Arc::default())),
    })
}

/// What the API answers: the status and the body as JSON.
async fn ask(store: &SharedStore, token: Option<&str>, request: TestRequest) -> (u16, Value) {
    let app = App::new().into_utoipa_app().configure(openapi::configure).into_app();
    let app = init_service(app.app_data(state(store, token))).await;
    let response = call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let body = read_body(response).await;
    (
        status,
        serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned())),
    )
}

/// As `ask`, with the right token.
async fn admin(store: &SharedStore, request: TestRequest) -> (u16, Value) {
    ask(store, Some(TOKEN), request.insert_header(("authorization", format!("Bearer {TOKEN}")))).await
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn memory() -> SharedStore {
    Arc::new(MemoryStore::default())
}

fn delivery(id: &str, subject: &RecordKey) -> Entry {
    let payload = json!({ "type": "lead.qualified", "lead": { "id": "ld_1", "definition": "busy team" } });
    Entry {
        id: id.to_owned(),
        queue: QueueName::new("deliver:crm"),
        lane: Some("ld_1".to_owned()),
        subject: subject.to_string(),
        due: NOW,
        created: NOW.plus(-60_000),
        attempts: 0,
        last_error: None,
        payload: payload.to_string(),
    }
}

/// A store with one account that has a lead, one delivery of it that was given up, and one that waits.
async fn seeded() -> SharedStore {
    let store = memory();
    let acme = RecordKey::account("acme/1 & co");
    let partition = store.partitions().of(&acme);
    let set = [("trait.name", "\"Acme\"")].into();
    let lead = json!({ "id": "ld_1", "tier": 1 }).to_string();
    let commit = Commit {
        partition,
        now: NOW,
        writes: vec![Write { key: acme.clone(), expected: 0, version: 1, set, unset: Vec::new() }],
        leads: vec![LeadRow {
            id: "ld_1".into(),
            subject: acme.clone(),
            definition: "busy team".into(),
            updated: NOW,
            json: lead,
        }],
        enqueue: vec![delivery("ev_1", &acme)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    kill_delivery(&store, &acme).await;
    let waiting = Entry { lane: Some("ld_2".into()), ..delivery("ev_2", &acme) };
    store.commit(Commit { partition, now: NOW, enqueue: vec![waiting], ..Commit::default() }).await.unwrap();
    store
}

async fn kill_delivery(store: &SharedStore, subject: &RecordKey) {
    give_up(store, subject, "deliver:crm").await;
}

/// The first entry of a queue becomes a dead letter.
async fn give_up(store: &SharedStore, subject: &RecordKey, queue: &str) {
    let partition = store.partitions().of(subject);
    let queue = QueueName::new(queue);
    let claims = store.claim(partition, &queue, NOW, Duration::from_secs(30), 1).await.unwrap();
    let claimed = claims.claimed.first().expect("the delivery is due");
    let outcome = Outcome::Dead { attempts: 8, error: "the CRM answered 500".into() };
    let settle = vec![Settle { queue, id: claimed.entry.id.clone(), lease: claimed.lease, outcome }];
    store.commit(Commit { partition, now: NOW, settle, ..Commit::default() }).await.unwrap();
}

#[actix_web::test]
async fn without_a_configured_token_nobody_gets_in() {
    for token in [None, Some("")] {
        let request = get("/admin/v1/leads").insert_header(("authorization", "Bearer "));
        let (status, body) = ask(&memory(), token, request).await;
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
        let (status, body) = ask(&memory(), Some(TOKEN), request).await;
        assert_eq!((status, &body["code"]), (401, &json!("invalid_admin_token")), "{header:?}");
        assert_eq!(body["success"], json!(false));
    }
}

#[actix_web::test]
async fn leads_are_listed_and_shown() {
    let store = seeded().await;
    let (status, body) = admin(&store, get("/admin/v1/leads?definition=busy%20team&limit=5")).await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!("admin_leads", body);
    let (_, one) = admin(&store, get("/admin/v1/leads/ld_1")).await;
    assert_eq!(one, body["leads"][0]);
    let (_, none) = admin(&store, get("/admin/v1/leads?subject=account:other")).await;
    assert_eq!(none["leads"], json!([]));
    let (status, body) = admin(&store, get("/admin/v1/leads/ld_9")).await;
    assert_eq!((status, &body["message"]), (404, &json!("there is no lead `ld_9`")));
    let (status, body) = admin(&store, get("/admin/v1/leads?subject=acme")).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_request")));
}

#[actix_web::test]
async fn a_query_that_cannot_be_read_is_answered_in_the_common_shape() {
    let (status, body) = admin(&memory(), get("/admin/v1/leads?limit=many")).await;
    assert_eq!((status, &body["code"], &body["success"]), (400, &json!("invalid_request"), &json!(false)));
}

#[actix_web::test]
async fn dead_deliveries_are_listed_and_replayed() {
    let store = seeded().await;
    let (_, dead) = admin(&store, get("/admin/v1/deliveries?state=dead&destination=crm")).await;
    insta::assert_json_snapshot!("admin_dead_deliveries", dead);
    let (_, queues) = admin(&store, get("/admin/v1/queues")).await;
    insta::assert_json_snapshot!("admin_queues", queues);

    let replay = |body: Value| TestRequest::post().uri("/admin/v1/deliveries/replay").set_json(body);
    let (status, _) = admin(&store, replay(json!({}))).await;
    assert_eq!(status, 400);
    let (status, _) = admin(&store, replay(json!({ "id": "ev_1", "all": true }))).await;
    assert_eq!(status, 400);
    let (_, body) = admin(&store, replay(json!({ "destination": "other" }))).await;
    assert_eq!(body, json!({ "replayed": 0 }));
    let (_, body) = admin(&store, replay(json!({ "all": true }))).await;
    assert_eq!(body, json!({ "replayed": 1 }));
    let (_, pending) = admin(&store, get("/admin/v1/deliveries?state=pending")).await;
    let attempts: Vec<_> = pending["deliveries"].as_array().unwrap().iter().map(|d| &d["attempts"]).collect();
    assert_eq!(attempts, [&json!(0), &json!(0)]);
}

#[actix_web::test]
async fn leads_and_histories_that_were_given_up_are_listed_and_replayed_too() {
    let (store, acme) = (memory(), RecordKey::account("acme"));
    let partition = store.partitions().of(&acme);
    for queue in ["route", "merge"] {
        let entry = Entry { queue: QueueName::new(queue), ..delivery(queue, &acme) };
        store.commit(Commit { partition, now: NOW, enqueue: vec![entry], ..Commit::default() }).await.unwrap();
        give_up(&store, &acme, queue).await;
    }
    let (_, dead) = admin(&store, get("/admin/v1/deliveries?state=dead")).await;
    let mut queues: Vec<_> = dead["deliveries"].as_array().unwrap().iter().map(|d| d["queue"].to_string()).collect();
    queues.sort();
    assert_eq!(queues, ["\"merge\"", "\"route\""]);
    assert_eq!(dead["deliveries"][0]["destination"], json!(null));
    let replay = |body: Value| TestRequest::post().uri("/admin/v1/deliveries/replay").set_json(body);
    let (_, body) = admin(&store, replay(json!({ "id": "route" }))).await;
    assert_eq!(body, json!({ "replayed": 1 }));
    let (_, body) = admin(&store, replay(json!({ "all": true }))).await;
    assert_eq!(body, json!({ "replayed": 1 }));
    let (_, dead) = admin(&store, get("/admin/v1/deliveries?state=dead")).await;
    assert_eq!(dead["deliveries"], json!([]));
}

#[actix_web::test]
async fn rejected_events_are_listed() {
    let store = memory();
    let rejected = Rejected {
        at: NOW,
        source: "app".into(),
        index: 3,
        code: "missing_id".into(),
        message: "neither `userId` nor `anonymousId` is there".into(),
        message_id: Some("m-1".into()),
        excerpt: "{\"type\":\"track\"}".into(),
    };
    store.reject(vec![rejected]).await.unwrap();
    let (_, body) = admin(&store, get("/admin/v1/rejected")).await;
    insta::assert_json_snapshot!("admin_rejected", body);
}

#[actix_web::test]
async fn a_subject_is_shown_and_forgotten() {
    let store = seeded().await;
    let path = "/admin/v1/subjects/account/acme%2F1%20%26%20co";
    let (_, body) = admin(&store, get(path)).await;
    insta::assert_json_snapshot!("admin_subject", body, { ".partition" => "[partition]" });
    let (_, body) = admin(&store, TestRequest::delete().uri(path)).await;
    insta::assert_json_snapshot!("admin_forgotten", body);
    let (status, body) = admin(&store, get(path)).await;
    assert_eq!((status, &body["message"]), (404, &json!("nothing is known of account `acme/1 & co`")));
    let (_, leads) = admin(&store, get("/admin/v1/leads")).await;
    assert_eq!(leads["leads"], json!([]));
    let (status, _) = admin(&store, get("/admin/v1/subjects/team/x")).await;
    assert_eq!(status, 400);
}

#[actix_web::test]
async fn the_configuration_in_force_is_told() {
    let (_, body) = admin(&memory(), get("/admin/v1/config")).await;
    insta::assert_json_snapshot!("admin_config", body);
}

#[actix_web::test]
async fn health_and_readiness_need_no_token() {
    let (status, body) = ask(&memory(), None, get("/health")).await;
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
    let (status, body) = ask(&memory(), None, get("/ready")).await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!("ready", body);
}

#[actix_web::test]
async fn metrics_tell_the_queues() {
    let (status, body) = ask(&seeded().await, None, get("/metrics")).await;
    let text = body.as_str().unwrap();
    assert_eq!(status, 200);
    assert!(text.contains("handraiser_queue_dead{queue=\"deliver:crm\"} 1"), "{text}");
    assert!(text.contains("handraiser_queue_oldest_seconds{queue=\"deliver:crm\"} 60"), "{text}");
    assert!(text.contains("# HELP handraiser_queue_pending "), "{text}");
}

#[test]
fn the_openapi_document() {
    insta::assert_json_snapshot!("openapi", openapi::document());
}
