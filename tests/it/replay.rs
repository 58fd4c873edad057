//! Leads of the past, routed on paper: as the server routed them, from a server's leads and from a file.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use handraiser::config::load_text;
use handraiser::routing::paper::{Change, Line, Paper};
use handraiser::time::Millis;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::http::Connection;
use crate::harness::server::{ADMIN_TOKEN, PROGRAM};
use crate::harness::{Server, eventually};

const USAGE: &str = "
traits: { account: { country: country, employees: band } }
counters: { tasks: { of: account, event: Task Created } }
definitions: [ { name: active, of: account, intent: [ tasks >= 1 ], tiers: { 1: account.employees >= 1000, 2: true } } ]
";
const ROUTING: &str = "
teams:
  emea: { reps: [ gus@x.example, hana@x.example, ida@x.example ], weights: { hana@x.example: 2 }, max_wait: 3h, otherwise: night }
  night: { reps: [ ivo@x.example, jo@x.example ], max_wait: 9h, otherwise: jo@x.example }
reps:
  gus@x.example: { time_zone: Europe/Berlin, hours: 'Mo-Fr 09:00-12:30,13:30-17:00', holidays: [2026-11-24] }
  hana@x.example: { time_zone: Asia/Tokyo, hours: Mo-Fr 10:00-18:00, caps: { day: 3 } }
  ida@x.example: { time_zone: America/New_York, hours: Mo-Fr 08:00-16:00, absent: [2026-11-23] }
  ivo@x.example: { hours: Mo-Sa 20:00-24:00, caps: { day: 4, week: 10 } }
  jo@x.example: { hours: Mo-Su 22:00-24:00, caps: { week: 12 } }
territories:
  rows:
    - { name: EMEA, region: EMEA, to: emea }
    - { name: Large, employees: 1000+, to: night }
routes:
  - { name: table, to: territories }
  - { name: rest, to: jo@x.example }
";

/// Whatever the server did to 160 leads of four days, with everybody's hours, absences, caps and weights: the same is done on paper.
#[tokio::test]
async fn what_the_server_did_is_what_is_done_on_paper() {
    let desk = Desk::documented(&format!("{USAGE}{ROUTING}"));
    for n in 0..160 {
        let account = format!("account{n}");
        let traits = match n % 5 {
            0 => json!({ "country": "JP", "employees": 5000 }),
            1 => json!({ "country": "BR" }),
            _ => json!({ "country": "DE", "employees": 50 }),
        };
        desk.group(&format!("user{n}"), &account, traits).await;
        desk.track_times(&format!("user{n}"), "Task Created", 1).await;
        desk.pass(37 * Millis::MINUTE).await;
    }
    desk.taken(160).await;
    let config = load_text("test.yaml", &format!("{USAGE}{ROUTING}"), &|_| None).expect("it is right").config;
    let mut paper = Paper::new(config.rules.routes(), None, (None, None));
    desk.leads().await.into_iter().for_each(|lead| paper.take(lead).expect("it has a moment"));
    let report = paper.report(&TimeZone::UTC);
    let differ: Vec<_> = report.lines.iter().filter(|line| line.change != Change::Stays).collect();
    assert!(differ.is_empty(), "{} differ: {differ:#?}", differ.len());
    assert_eq!(report.stay, 160);
    let whose = |rep: &str| report.lines.iter().filter(|line| line.after.owner.rep() == Some(rep)).count();
    let reps = ["gus", "hana", "ida", "ivo", "jo"].map(|rep| whose(&format!("{rep}@x.example")));
    assert!(reps.iter().all(|leads| *leads > 2), "everybody has some: {reps:?}");
    assert!(report.passed_over().len() > 3, "{:?}", report.passed_over());
    let waited = |line: &&Line| line.waited_s > 0;
    let passed_on = |line: &&Line| line.reason.contains("it waited 9h for team night");
    let lines = || report.lines.iter();
    assert!(lines().filter(waited).count() > 10 && lines().filter(passed_on).count() > 2, "{:?}", report.waits());
}

/// The leads of the people of fifteen accounts, several of which come while the first waits for somebody to be there.
#[tokio::test]
async fn one_account_s_leads_go_to_one_owner_on_paper_too() {
    let company = "
traits: { account: { country: country } }
counters: { tasks: { of: user, event: Task Created } }
definitions: [ { name: active, of: user, intent: [ tasks >= 1 ] } ]
teams: { emea: { reps: [ gus@x.example, hana@x.example, ida@x.example ] } }
reps:
  gus@x.example: { time_zone: Europe/Berlin, hours: Mo-Fr 09:00-17:00, caps: { day: 2 } }
  hana@x.example: { hours: Mo-Fr 14:00-15:00 }
  ida@x.example: { absent: [2026-11-21..2026-11-22], hours: Mo-Fr 08:00-09:00 }
routes:
  - { name: same owner, to: account_owner }
  - { name: all, to: emea }
";
    let desk = Desk::documented(company);
    for n in 0..60 {
        desk.group(&format!("user{n}"), &format!("account{}", n * 7 % 15), json!({ "country": "DE" })).await;
        desk.track_times(&format!("user{n}"), "Task Created", 1).await;
        desk.pass(53 * Millis::MINUTE).await;
    }
    desk.pass(3 * Millis::DAY).await;
    let leads = desk.leads().await;
    let config = load_text("test.yaml", company, &|_| None).expect("it is right").config;
    let mut paper = Paper::new(config.rules.routes(), None, (None, None));
    leads.into_iter().for_each(|lead| paper.take(lead).expect("it has a moment"));
    let report = paper.report(&TimeZone::UTC);
    let differ: Vec<_> = report.lines.iter().filter(|line| line.change != Change::Stays).collect();
    assert!(differ.is_empty(), "{} differ: {differ:#?}", differ.len());
    let by_account = |line: &&Line| line.route.as_deref() == Some("same owner");
    assert!(report.lines.iter().filter(by_account).count() > 30, "{:#?}", report.lines);
}

fn replay(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(PROGRAM).args(["route", "replay"]).args(arguments).env_clear().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

async fn post(server: &Server, path: &str, body: &Value) {
    let mut connection = Connection::open(server.address()).await.unwrap();
    let body = body.to_string();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Type: application/json");
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(connection.exchange(request.as_bytes()).await.unwrap(), 200);
}

/// More leads than one page has, tried with a file that sends some of them elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_s_leads_are_tried_with_another_file() {
    const LEADS: usize = 1_100;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let server = Server::start(directory.path(), |address| {
        format!(
            "server: {{ listen: \"{address}\", admin_token: {ADMIN_TOKEN} }}\nstore: {{ embedded: {{ path: \"{path}/handraiser.db\" }} }}\n\
             sources: {{ app: {{ write_key: key, quotas: {{ leads: 100000 }} }} }}\n{USAGE}\nteams: {{ emea: {{ reps: [ gus@x.example ] }} }}\n\
             routes: [ {{ name: all, to: emea }} ]\n"
        )
    })
    .await;
    let call = |n: usize| {
        let (user, account) = (format!("u{n}"), format!("a{n}"));
        let traits = json!({ "country": if n.is_multiple_of(4) { "JP" } else { "DE" } });
        let context = json!({ "groupId": account });
        [
            json!({ "type": "group", "userId": user, "groupId": account, "messageId": format!("g{n}"), "traits": traits }),
            json!({ "type": "track", "event": "Task Created", "userId": user, "messageId": format!("t{n}"), "context": context }),
        ]
    };
    for batch in (0..LEADS).collect::<Vec<_>>().chunks(50) {
        let calls: Vec<Value> = batch.iter().flat_map(|n| call(*n)).collect();
        post(&server, "/v1/batch", &json!({ "batch": calls })).await;
    }
    eventually("all are routed", Duration::from_secs(20), async || {
        let leads = server.admin("/leads?limit=1000").await?;
        let routed = |lead: &Value| !lead["lead"]["routing"].is_null();
        leads["leads"].as_array()?.iter().all(routed).then_some(())
    })
    .await;
    let new = directory.path().join("new.yaml");
    let teams = "teams: { emea: { reps: [ gus@x.example ] }, apac: { reps: [ chie@x.example ] } }";
    let routes = "routes: [ { name: Japan, when: account.country == 'JP', to: apac }, { name: all, to: emea } ]";
    std::fs::write(&new, format!("{USAGE}\n{teams}\n{routes}\n")).unwrap();
    let (new, url) = (new.display().to_string(), format!("http://{}", server.address()));
    let at_server = ["--config", &new, "--server", &url, "--token", ADMIN_TOKEN];
    let (success, told) = replay(&[&at_server[..], &["--format", "json"]].concat());
    assert!(success, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["leads"], &told["moved"], &told["stay"]),
        (&json!(LEADS), &json!(LEADS / 4), &json!(LEADS * 3 / 4))
    );
    assert_eq!(told["changes"].as_array().unwrap().len(), 20);
    let change = &told["changes"][0];
    assert_eq!(
        (&change["before"]["owner"], &change["after"]["owner"]),
        (&json!("gus@x.example"), &json!("chie@x.example"))
    );
    let (success, told) = replay(&[&at_server[..], &["--since", "2026-01-01", "--until", "2026-01-02"]].concat());
    assert!(success && told.contains("0 leads qualified from 2026-01-01 to 2026-01-02"), "{told}");
    let (success, told) = replay(&[&at_server[..4], &["--token", "wrong"]].concat());
    assert!(!success && told.contains("refuses this admin token"), "{told}");
}

/// Leads as a webhook and the API wrote them.
fn leads(directory: &Path) -> String {
    let lead = |n: usize, country: &str, owner: &str| {
        json!({
            "id": format!("lead_{n}"), "revision": 1, "definition": "active", "definition_version": "v", "config_version": "c",
            "tier": 1 + n % 2, "subject": { "type": "account", "id": format!("a{n}"), "name": null }, "contact": null,
            "account": { "id": format!("a{n}"), "name": null, "traits": { "country": country, "employees": "51-200" } },
            "people": [], "summary": "", "reasons": [], "usage": {}, "first_seen": null, "last_seen": null, "source": "app",
            "routing": { "route": "all", "team": "emea", "owner": owner, "reason": "" },
            "timestamps": { "event": "", "received": "", "qualified": format!("2026-11-23T{:02}:30:00Z", n % 24), "routed": null },
        })
    };
    let event = |lead: Value| json!({ "schema": "handraiser.lead/1", "id": "e", "type": "lead.qualified", "occurred_at": "", "lead": lead });
    let item = |lead: Value| json!({ "id": lead["id"], "subject": "account:a", "definition": "active", "updated": "", "lead": lead });
    let list = json!({ "leads": [item(lead(0, "DE", "gus@x.example")), item(lead(1, "JP", "gus@x.example"))], "next_before": null });
    let lines = [
        list,
        event(lead(2, "FR", "hana@x.example")),
        item(lead(3, "DE", "hana@x.example")),
        lead(13, "AT", "hana@x.example"),
    ];
    let file = directory.join("leads.jsonl");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, text.join("\n\n")).unwrap();
    file.display().to_string()
}

#[test]
fn a_file_of_leads_is_enough() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("new.yaml");
    std::fs::write(&config, format!("{USAGE}{ROUTING}")).unwrap();
    let (config, file) = (config.display().to_string(), leads(directory.path()));
    let run = |more: &[&str]| {
        let (success, told) =
            replay(&[&["--config", &config, "--leads", &file, "--until", "2026-12-01"], more].concat());
        assert!(success, "{told}");
        told
    };
    insta::assert_snapshot!("replay_text", run(&[]));
    insta::assert_snapshot!("replay_csv", run(&["--format", "csv"]));
    insta::assert_snapshot!("replay_weeks", run(&["--format", "weeks"]));
    insta::assert_snapshot!("replay_json", run(&["--format", "json", "--first", "1"]));
    let same = run(&["--against", &config]);
    assert!(same.contains("5 as before, 0 elsewhere, 0 to another rep"), "{same}");
    let one = run(&["--first", "1"]);
    assert!(one.contains("the first 1 of"), "{one}");

    std::fs::write(directory.path().join("broken.jsonl"), "\n{ \"lead\": { \"tier\": 1 } }\n").unwrap();
    let broken = directory.path().join("broken.jsonl").display().to_string();
    let (success, told) = replay(&["--config", &config, "--leads", &broken]);
    assert!(!success && told.contains("broken.jsonl:2: this is no lead"), "{told}");
    let (success, told) = replay(&["--config", &config, "--leads", &file, "--since", "last week"]);
    assert!(!success && told.contains("`--since last week` is no time"), "{told}");
}
