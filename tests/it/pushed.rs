//! From an event to a CRM and back, with the server that operators run: a lead is brought over, people there give it to somebody else and make
//! something of it, the CRM says that something has changed, and the lead's own page shows who has it and what became of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};
use crate::standins::{attio, hubspot, pipedrive, salesforce, slack};

const PATIENT: Duration = Duration::from_secs(30);
const SECRET: &str = "what-only-the-crm-knows-0123456789";
const REPS: [&str; 2] = ["ana@example.com", "ben@example.com"];
const HUBSPOT_S: &str = "https://leads.example.com/v1/outcomes/crm";

struct Running {
    server: Server,
    _directory: tempfile::TempDir,
}

impl Running {
    /// With a destination `crm`, of which this is what is written.
    async fn start(destination: &str, outcomes: &str) -> Self {
        Self::telling(destination, &format!("every: 1h, secret: \"{SECRET}\", {outcomes}")).await
    }

    async fn telling(destination: &str, outcomes: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let yaml = |address| {
            format!(
                r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ memory: {{}} }}
sources: {{ app: {{ write_key: pushed-write-key }} }}
counters: {{ tasks: {{ of: user, event: Task Created }} }}
definitions: [ {{ name: busy, of: user, intent: [ tasks > 0 ] }} ]
reps: {{ ana@example.com: {{}}, ben@example.com: {{}} }}
teams: {{ sales: {{ reps: [ ana@example.com ] }} }}
routes: [ {{ name: everyone, to: sales }} ]
destinations:
  crm:
    {destination}
    allow_addresses: [ 127.0.0.0/8 ]
    outcomes: {{ {outcomes} }}
"#
            )
        };
        Self { server: Server::start(directory.path(), yaml).await, _directory: directory }
    }

    async fn post(&self, path: &str, headers: &str, body: &str) -> (u16, String) {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        let mut connection = Connection::open(self.server.address()).await.expect("it listens");
        let status = connection.exchange(request.as_bytes()).await.expect("it answers");
        (status, String::from_utf8_lossy(connection.body()).into_owned())
    }

    async fn qualify(&self) {
        let traits = json!({ "email": "kim@acme.example", "name": "Kim Example" });
        let events = json!([
            { "type": "identify", "userId": "kim", "messageId": "1", "traits": traits },
            { "type": "track", "userId": "kim", "messageId": "2", "event": "Task Created" },
        ]);
        let body = json!({ "writeKey": "pushed-write-key", "batch": events }).to_string();
        let (status, said) = self.post("/v1/batch", "Content-Type: application/json\r\n", &body).await;
        assert_eq!(status, 200, "{said}");
    }

    /// The CRM says that something has changed; nobody else may.
    async fn push(&self, push: &Push) {
        let (status, said) = self.post("/v1/outcomes/crm", "", &push.body).await;
        assert_eq!(status, 401, "{said}");
        let path = format!("/v1/outcomes/crm{}", push.query);
        let (status, said) = self.post(&path, &push.headers, &push.body).await;
        assert_eq!(status, 200, "{said}");
        assert!(said.contains(push.answer), "{said}");
    }

    /// The lead, as soon as it is so.
    async fn lead(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let found = eventually(what, PATIENT, async || {
            let all = self.server.admin("/leads").await?;
            let id = all["leads"][0]["id"].as_str()?.to_owned();
            let lead = self.server.admin(&format!("/leads/{id}")).await?["lead"].clone();
            is_so(&lead).then_some(lead)
        });
        found.await
    }
}

/// What a CRM sends.
struct Push {
    query: &'static str,
    headers: String,
    body: String,
    answer: &'static str,
}

impl Push {
    fn plain(headers: String) -> Self {
        Self { query: "", headers, body: "[]".to_owned(), answer: "success" }
    }
}

fn mac(parts: &[&str]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length");
    parts.iter().fold(mac, Mac::chain_update).finalize().into_bytes().to_vec()
}

/// The story: brought over, given to somebody else and worked, ended.
async fn story(
    running: &Running,
    is_there: impl Fn() -> bool,
    given: impl FnOnce(),
    ended: impl FnOnce(),
    push: impl Fn() -> Push,
    (outcome, reason): (&str, Option<&str>),
) {
    running.qualify().await;
    eventually("it is brought over", PATIENT, async || is_there().then_some(())).await;
    let lead = running.lead("it is Ana's", |lead| lead["routing"]["owner"] == REPS[0]).await;
    assert_eq!((&lead["progress"], &lead["outcome"]), (&Value::Null, &Value::Null));
    given();
    running.push(&push()).await;
    let is_worked = |lead: &Value| lead["routing"]["owner"] == REPS[1] && lead["progress"] == "working";
    running.lead("it is Ben's, who works it", is_worked).await;
    ended();
    // More than one of them a second is as good as one.
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.push(&push()).await;
    let lead = running.lead("it is over", |lead| lead["outcome"] == outcome).await;
    assert_eq!(lead["outcome_reason"].as_str(), reason, "{lead}");
    assert_eq!(lead["routing"]["owner"], REPS[1], "{lead}");
}

#[actix_web::test]
async fn what_becomes_of_a_lead_in_pipedrive_stands_on_its_page() {
    let crm = pipedrive::Pipedrive::start(&[(REPS[0], 7), (REPS[1], 8)]).await;
    let destination = format!(
        "pipedrive: {{ url: \"{}\", token: {}, create_fields: true, limit: 150 }}",
        crm.url(),
        pipedrive::TOKEN
    );
    let running = Running::start(&destination, "").await;
    let basic = STANDARD.encode(format!("crm:{SECRET}"));
    let push = || Push::plain(format!("Authorization: Basic {basic}\r\n"));
    let is_there = || crm.records("notes").len() == 1;
    let given = || {
        crm.account().set("leads", "owner_id", json!(8));
        crm.account().convert(&json!({}));
    };
    let ended = || {
        crm.account().set("deals", "lost_reason", json!("Too dear"));
        crm.account().set("deals", "status", json!("lost"));
    };
    story(&running, is_there, given, ended, push, ("lost", Some("Too dear"))).await;
}

#[actix_web::test]
async fn what_becomes_of_a_lead_in_salesforce_stands_on_its_page() {
    let crm = salesforce::Salesforce::start(&[(REPS[0], true), (REPS[1], true)]).await;
    let (id, secret) = (salesforce::CLIENT_ID, salesforce::CLIENT_SECRET);
    let destination = format!("salesforce: {{ url: \"{}\", client_id: {id}, client_secret: {secret} }}", crm.url());
    let running = Running::start(&destination, "organization: 00D000000000001").await;
    let copy = "<OrganizationId>00D000000000002AAA</OrganizationId>";
    let path = format!("/v1/outcomes/crm?secret={SECRET}");
    let (status, said) = running.post(&path, "Content-Type: text/xml\r\n", copy).await;
    assert_eq!(status, 401, "a sandbox, which was copied with its addresses: {said}");
    let push = || Push {
        query: "?secret=what-only-the-crm-knows-0123456789",
        headers: "Content-Type: text/xml\r\n".to_owned(),
        body: "<soapenv:Envelope><OrganizationId>00D000000000001AAA</OrganizationId></soapenv:Envelope>".to_owned(),
        answer: "<Ack>true</Ack>",
    };
    let set = |values: Value| {
        crm.edit("Lead", |rows| rows[0].extend(values.as_object().expect("fields").clone()));
    };
    let given = || set(json!({ "OwnerId": salesforce::user(1), "Status": "Working - Contacted" }));
    let ended = || set(json!({ "Status": "Closed - Not Converted" }));
    let is_there = || crm.rows("Lead").len() == 1;
    story(&running, is_there, given, ended, push, ("rejected", Some("Closed - Not Converted"))).await;
}

#[actix_web::test]
async fn what_becomes_of_a_lead_in_hubspot_stands_on_its_page() {
    let crm = hubspot::HubSpot::start(&[(REPS[0], "7"), (REPS[1], "8")]).await;
    let destination = format!(
        "hubspot: {{ token: {}, api: \"{}\", object: deal, create_properties: true }}",
        hubspot::TOKEN,
        crm.url()
    );
    let running = Running::start(&destination, &format!("url: \"{HUBSPOT_S}\"")).await;
    let push = || {
        let now = handraiser::time::Clock::System.now().0.to_string();
        let signature = STANDARD.encode(mac(&["POST", HUBSPOT_S, "[]", &now]));
        Push::plain(format!("X-HubSpot-Signature-v3: {signature}\r\nX-HubSpot-Request-Timestamp: {now}\r\n"))
    };
    let set = |property: &str, value: &str| crm.account().set_only("deals", property, value);
    let given = || {
        set("hubspot_owner_id", "8");
        set("dealstage", "contractsent");
    };
    let ended = || {
        set("dealstage", "closedwon");
        set("hs_is_closed_won", "true");
    };
    let is_there = || crm.records("notes").len() == 1;
    story(&running, is_there, given, ended, push, ("won", None)).await;
}

#[actix_web::test]
async fn what_becomes_of_a_lead_in_attio_stands_on_its_page() {
    let ids = ["50cf242c-7fa3-4cad-87d0-75b1af71c57b", "50cf242c-7fa3-4cad-87d0-75b1af71c57c"];
    let crm = attio::Attio::start(&[(REPS[0], ids[0]), (REPS[1], ids[1])]).await;
    let destination = format!("attio: {{ token: {}, api: \"{}\", create_attributes: true }}", attio::TOKEN, crm.url());
    let running = Running::start(&destination, "stages: { rejected: [ Lost ] }").await;
    let push = || Push::plain(format!("Attio-Signature: {}\r\n", hex::encode(mac(&["[]"]))));
    let set = |attribute: &str, value: Value| crm.workspace().set("deals", attribute, value);
    let given = || {
        set("owner", json!({ "referenced_actor_type": "workspace-member", "referenced_actor_id": ids[1] }));
        set("stage", json!("In Progress"));
    };
    let ended = || set("stage", json!("Lost"));
    let is_there = || crm.workspace().notes.len() == 1;
    story(&running, is_there, given, ended, push, ("rejected", Some("Lost"))).await;
}

/// What Slack sends when somebody presses a button.
fn pressed(action: &str, lead: &str) -> Push {
    let payload = json!({
        "type": "block_actions",
        "user": { "id": "U7", "username": "ana" },
        "actions": [{ "type": "button", "action_id": action, "value": lead }],
    });
    let body =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    let now = (handraiser::time::Clock::System.now().0 / 1_000).to_string();
    let signature = hex::encode(mac(&["v0:", &now, ":", &body]));
    let headers = format!("X-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: v0={signature}\r\n");
    Push { query: "", headers, body, answer: "success" }
}

#[actix_web::test]
async fn a_lead_is_accepted_and_turned_down_by_buttons_in_slack() {
    const CHANNEL: &str = "C024BE91L";
    let workspace = slack::Slack::start(&[CHANNEL], &[(REPS[0], "U7")]).await;
    let destination = format!("slack: {{ token: {}, channel: {CHANNEL}, api: \"{}\" }}", slack::TOKEN, workspace.api());
    let running = Running::telling(&destination, &format!("secret: \"{SECRET}\"")).await;
    running.qualify().await;
    eventually("it is posted", PATIENT, async || workspace.messages().first().cloned()).await;
    let lead = running.lead("it is Ana's", |lead| lead["routing"]["owner"] == REPS[0]).await;
    let id = lead["id"].as_str().expect("an id");
    running.push(&pressed("handraiser_accept", id)).await;
    let lead = running.lead("it is accepted", |lead| lead["progress"] == "accepted").await;
    assert_eq!(
        lead["history"].as_array().and_then(|all| all.last()).map(|last| &last["what"]),
        Some(&json!("accepted"))
    );
    let told = "it is told in the thread";
    eventually(told, PATIENT, async || (workspace.messages().len() == 2).then_some(())).await;
    running.push(&pressed("handraiser_reject", id)).await;
    let lead = running.lead("it is turned down", |lead| lead["outcome"] == "rejected").await;
    assert_eq!(lead["outcome_reason"], "turned down in Slack by ana");
}

#[actix_web::test]
async fn whoever_receives_leads_by_webhook_signs_what_became_of_them() {
    const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let crm = crate::harness::hooks::Receiver::start(|_| 200).await;
    let destination = format!("webhook: {{ url: \"{}\" }}", crm.url());
    let running = Running::telling(&destination, &format!("secret: {WHSEC}")).await;
    running.qualify().await;
    let lead = running.lead("it is Ana's", |lead| lead["routing"]["owner"] == REPS[0]).await;
    let mut number = 0;
    let mut push = |body: Value| {
        number += 1;
        let (body, now) = (body.to_string(), handraiser::time::Clock::System.now().0 / 1_000);
        let (id, key) = (format!("msg_{number}"), handraiser::secret::Secret::new(WHSEC));
        let key = handraiser::crm::sign::SigningKey::parse(&key).expect("a key");
        let signature = key.sign(&id, now, body.as_bytes());
        let headers = format!("webhook-id: {id}\r\nwebhook-timestamp: {now}\r\nwebhook-signature: {signature}\r\n");
        Push { query: "", headers, body, answer: "success" }
    };
    let first = push(json!({ "lead": lead["id"], "outcome": "working", "owner": REPS[1] }));
    running.push(&first).await;
    let is_worked = |lead: &Value| lead["routing"]["owner"] == REPS[1] && lead["progress"] == "working";
    running.lead("it is Ben's, who works it", is_worked).await;
    running.push(&push(json!({ "lead": lead["id"], "owner": REPS[0] }))).await;
    running.lead("it is Ana's again", |lead| lead["routing"]["owner"] == REPS[0]).await;
    // The first once more, by whoever recorded it: it is answered, and not heard.
    running.push(&first).await;
    running.push(&push(json!({ "lead": "lead_of_nobody", "outcome": "won" }))).await;
    let odd = push(json!({ "lead": lead["id"], "outcome": "sold" }));
    let (status, said) = running.post("/v1/outcomes/crm", &odd.headers, &odd.body).await;
    assert!(status == 400 && said.contains("unknown variant `sold`"), "{status}: {said}");
    running.push(&push(json!({ "lead": lead["id"], "outcome": "lost", "reason": "no budget" }))).await;
    let lead = running.lead("it is over", |lead| lead["outcome"] == "lost").await;
    assert_eq!((&lead["outcome_reason"], &lead["routing"]["owner"]), (&json!("no budget"), &json!(REPS[0])));
}
