//! Reps who are said to be away while the server runs are given nothing until they are back: by whichever server, and whatever is started again.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use handraiser::event::Call;
use handraiser::ids::{RecordKey, ShardId};
use handraiser::lead::Lead;
use handraiser::record::{Absence, RosterChange, SaidBy};
use handraiser::time::Millis;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::endpoint::{Answer, Endpoint};
use crate::harness::http::Connection;
use crate::harness::server::{ADMIN_TOKEN, PROGRAM};
use crate::harness::{Redis, Server, eventually};

const SECTIONS: &str = "
traits: { user: { plan: text } }
counters: { signups: { of: user, event: Signed Up } }
definitions: [ { name: signed up, of: user, intent: [ signups > 0 ] } ]
teams: { dach: { reps: [Ana@x.example, ben@x.example] } }
";

/// The desk starts on a Saturday, at 10:00 in the morning of UTC.
fn desk(reps: &str) -> Desk {
    let routes = "routes: [ { name: theirs, when: user.plan == \"pro\", to: cy@x.example }, { name: all, to: dach } ]";
    Desk::documented(&format!("{SECTIONS}\n{reps}\n{routes}"))
}

fn at(text: &str) -> Millis {
    Millis::parse(text).expect("a moment")
}

async fn turn(desk: &Desk, text: &str) {
    desk.pass(at(text).since(desk.clock.now())).await;
}

async fn away(desk: &Desk, rep: &str, from: &str, until: Option<&str>) {
    let absence = Absence { from: at(from), until: until.map(at), by: SaidBy::Hand, reason: Some("a walk".into()) };
    desk.engine.change_roster([RosterChange::Away { rep: rep.into(), absence }]).await.expect("it is taken");
}

async fn back(desk: &Desk, rep: &str) {
    desk.engine.change_roster([RosterChange::Back { rep: rep.into(), from: None }]).await.expect("it is taken");
}

async fn sign_up(desk: &Desk, user: &str, plan: &str) -> Lead {
    let who = desk.told(Call::Identify, user, None, json!({ "plan": plan }));
    desk.send(vec![who, desk.track(user, "Signed Up")]).await;
    lead(desk, user).await
}

async fn lead(desk: &Desk, user: &str) -> Lead {
    let found = desk.leads().await.into_iter().find(|lead| lead.subject.id == user);
    found.unwrap_or_else(|| panic!("{user} has a lead"))
}

fn owner(lead: &Lead) -> &str {
    lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()).unwrap_or("nobody")
}

#[tokio::test]
async fn who_is_said_to_be_away_is_passed_over_by_teams_and_by_routes_that_name_them() {
    let desk = desk("reps: { ben@x.example: { time_zone: Europe/Berlin } }");
    away(&desk, "ana@x.example", "2026-11-21T09:00:00Z", None).await;
    away(&desk, "cy@x.example", "2026-11-21T09:00:00Z", Some("2026-11-22T09:00:00Z")).await;
    for user in ["kim", "lee"] {
        let lead = sign_up(&desk, user, "free").await;
        assert_eq!(owner(&lead), "ben@x.example");
        let routing = lead.routing.expect("routed");
        assert!(routing.reason.contains("Ana@x.example is paused; ben@x.example's turn"), "{}", routing.reason);
        let told = serde_json::to_value(&routing.passed_over).expect("plain data");
        assert_eq!(told, json!([{ "rep": "Ana@x.example", "reason": "paused" }]), "why she is, is nobody's business");
    }
    let theirs = sign_up(&desk, "pat", "pro").await;
    assert_eq!(owner(&theirs), "ben@x.example");
    let reason = theirs.routing.expect("routed").reason;
    assert!(reason.contains("; cy@x.example is absent until Sun 2026-11-22 09:00 UTC; route `all`"), "{reason}");
    turn(&desk, "2026-11-22T09:00:00Z").await;
    assert_eq!(owner(&sign_up(&desk, "max", "pro").await), "cy@x.example", "back by time alone");
    back(&desk, "ANA@x.example").await;
    assert_eq!(owner(&sign_up(&desk, "ida", "free").await), "Ana@x.example", "it is her turn");
    for shard in 0..16 {
        // What is over is told for a week.
        let text = desk.text(&RecordKey::roster(ShardId(shard))).await;
        assert_eq!(text, "away:cy@x.example\t2026-11-21T09:00:00.000Z 2026-11-22T09:00:00.000Z hand a walk\n");
    }
}

#[tokio::test]
async fn leads_wait_until_an_absence_ends_and_are_called_when_it_ends_early() {
    let hours = "reps: { ana@x.example: { hours: Mo-Fr 09:00-17:00 }, ben@x.example: { paused: true } }";
    let desk = desk(hours);
    away(&desk, "ana@x.example", "2026-11-23T00:00:00Z", Some("2026-11-26T00:00:00Z")).await;
    let lead = sign_up(&desk, "kim", "free").await;
    let reason = lead.waits.expect("it waits").reason;
    assert!(reason.contains("(Ana@x.example is off until Mon 2026-11-23 09:00, ben@x.example is paused)"), "{reason}");
    turn(&desk, "2026-11-23T09:00:00Z").await;
    assert!(self::lead(&desk, "kim").await.waits.is_some(), "ana is away");
    let team = desk.text(&RecordKey::team("dach")).await;
    assert!(team.contains("opens\t2026-11-23T10:00:00.000Z"), "looked at within the hour: {team}");
    turn(&desk, "2026-11-24T10:00:00Z").await;
    assert!(self::lead(&desk, "kim").await.waits.is_some());
    back(&desk, "ana@x.example").await;
    desk.settle().await;
    desk.pass(1).await;
    assert_eq!(owner(&self::lead(&desk, "kim").await), "Ana@x.example", "as soon as she is said to be back");
    // And by itself, at the first hour of the first day.
    away(&desk, "ana@x.example", "2026-11-24T10:00:00Z", Some("2026-11-26T00:00:00Z")).await;
    sign_up(&desk, "lee", "free").await;
    turn(&desk, "2026-11-26T08:59:59Z").await;
    assert!(self::lead(&desk, "lee").await.waits.is_some());
    turn(&desk, "2026-11-26T09:00:00Z").await;
    assert_eq!(owner(&self::lead(&desk, "lee").await), "Ana@x.example");
}

const BENS: &str = "ben@x.example: { time_zone: Europe/Berlin, absent: [2099-12-24] }";

fn configuration(address: SocketAddr, store: &str, reps: &str) -> String {
    format!(
        "server: {{ listen: '{address}', admin_token: {ADMIN_TOKEN} }}\nstore: {store}\n\
         sources: {{ app: {{ write_key: absences-write-key }} }}\n{SECTIONS}\n\
         reps: {{ {reps} }}\n\
         routes: [ {{ name: all, to: dach }} ]\n\
         destinations: {{ crm: {{ webhook: {{ url: 'http://127.0.0.1:9/' }}, allow_addresses: [127.0.0.0/8] }} }}\n"
    )
}

fn handraiser(server: &Server, arguments: &[&str]) -> (bool, String) {
    let url = format!("http://{}", server.address());
    let mut command = Command::new(PROGRAM);
    command.args(arguments).args(["--server", &url, "--token", ADMIN_TOKEN]).env_clear();
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

async fn sign_up_at(server: &Server, user: &str) -> String {
    let body = json!({ "userId": user, "event": "Signed Up", "writeKey": "absences-write-key" }).to_string();
    let head = "POST /v1/track HTTP/1.1\r\nHost: test\r\nContent-Type: application/json";
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut connection = Connection::open(server.address()).await.expect("it listens");
    assert_eq!(connection.exchange(request.as_bytes()).await.expect("it answers"), 200);
    let path = format!("/leads?subject=user:{user}");
    let found = eventually("the lead is routed", Duration::from_secs(20), async || {
        let owner = server.admin(&path).await?["leads"][0]["lead"]["routing"]["owner"].clone();
        owner.as_str().map(str::to_owned)
    });
    found.await
}

fn calendar(title: &str, days: &str) -> String {
    let event = format!("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:{title}\r\n{days}\r\nEND:VEVENT\r\n");
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n")
}

/// What is told of each rep who is away, and of each whose calendar can't be read, once it is as expected.
async fn told(server: &Server, expected: &[&str]) {
    let what = format!("{expected:?} is told");
    let found = eventually(&what, Duration::from_secs(30), async || {
        let list = server.admin("/absences").await?;
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let away = list["absences"].as_array()?.iter().filter(|row| row["by"] == "calendar");
        let away = away.map(|row| format!("{} {} {}", text(row, "rep"), text(row, "from"), text(row, "until")));
        let unread = list["unread_calendars"].as_array()?.iter();
        let unread = unread.map(|row| format!("{}: {}", text(row, "rep"), text(row, "error")));
        let told: Vec<String> = away.chain(unread).collect();
        (told == expected).then_some(())
    });
    found.await;
}

#[tokio::test]
async fn calendars_say_who_is_away_and_hold_on_while_they_cannot_be_read() {
    let status = Arc::new(AtomicU16::new(200));
    let answered = Arc::clone(&status);
    let always = "DTSTART;VALUE=DATE:20200101\r\nDTEND;VALUE=DATE:20990101";
    let shared = Endpoint::start(move |_| {
        Answer::Is(answered.load(Ordering::SeqCst), Vec::new(), calendar("Parental leave", always))
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ben.ics");
    std::fs::write(&file, calendar("Lunch", "DTSTART:20991224T120000Z")).expect("written");
    let calendars = format!(
        "ana@x.example: {{ calendar: '{}private-5b2e.ics' }}, ben@x.example: {{ calendar: ben.ics }}",
        shared.url()
    );
    let store = format!("{{ embedded: {{ path: '{}' }} }}", directory.path().join("store.db").display());
    let written =
        |address| configuration(address, &store, &calendars) + "calendars: { allow_addresses: [127.0.0.0/8] }\n";
    let mut server = Server::start(directory.path(), written).await;
    told(&server, &["Ana@x.example 2020-01-01T00:00:00.000Z 2099-01-01T00:00:00.000Z"]).await;
    assert_eq!(sign_up_at(&server, "kim").await, "ben@x.example");
    assert_eq!(sign_up_at(&server, "lee").await, "ben@x.example");

    status.store(404, Ordering::SeqCst);
    let hers = "Ana@x.example 2020-01-01T00:00:00.000Z 2099-01-01T00:00:00.000Z";
    let unread = "Ana@x.example: it answers with status 404";
    std::fs::write(&file, calendar("Out of office", "DTSTART:20200101T000000Z\r\nDTEND:20990101T000000Z"))
        .expect("written");
    told(&server, &[hers, "ben@x.example 2020-01-01T00:00:00.000Z 2099-01-01T00:00:00.000Z", unread]).await;
    server.kill();
    server.respawn();
    server.ready().await;
    let (fine, text) = handraiser(&server, &["status"]);
    assert!(fine && text.contains("the calendar of Ana@x.example can't be read since"), "{text}");
    let metrics = server.get("/metrics").await.expect("it answers").1;
    let metrics = String::from_utf8_lossy(&metrics);
    assert!(
        metrics.contains("handraiser_calendars_unread 1") && metrics.contains("handraiser_reps_away 2"),
        "{metrics}"
    );
    assert!(!server.log().contains("5b2e") && !text.contains("5b2e"), "whoever has the address has the calendar");

    status.store(200, Ordering::SeqCst);
    std::fs::write(&file, "<html>").expect("written");
    let no_calendar = "ben@x.example: it is no iCalendar file: it has no `BEGIN:VCALENDAR`";
    told(&server, &[hers, "ben@x.example 2020-01-01T00:00:00.000Z 2099-01-01T00:00:00.000Z", no_calendar]).await;
    std::fs::write(&file, calendar("Lunch", "DTSTART:20991224T120000Z")).expect("written");
    told(&server, &[hers]).await;
    assert_eq!(sign_up_at(&server, "max").await, "ben@x.example");
}

#[tokio::test]
async fn every_server_knows_who_is_away_and_so_do_those_that_are_started_later() {
    let redis = Redis::start("always").await;
    let store = format!("{{ redis: {{ url: '{}', durability: redis }} }}", redis.url());
    let directories = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let mut one = Server::start(directories[0].path(), |address| configuration(address, &store, BENS)).await;
    let mut other = Server::start(directories[1].path(), |address| configuration(address, &store, BENS)).await;

    let (fine, told) = handraiser(&one, &["absent", "ana@x.example", "--reason", "parental leave"]);
    assert!(fine && told.contains("parental leave") && told.contains("told otherwise"), "{told}");
    let list = other.admin("/absences").await.expect("it answers");
    let rows: Vec<Value> = list["absences"].as_array().expect("a list").clone();
    let told: Vec<_> = rows.iter().map(|row| (&row["rep"], &row["why"], &row["by"], &row["now"])).collect();
    let (ana, ben) = (json!("Ana@x.example"), json!("ben@x.example"));
    let (paused, absent, hand, file) = (json!("paused"), json!("absent"), json!("hand"), json!("file"));
    assert_eq!(told, [(&ana, &paused, &hand, &json!(true)), (&ben, &absent, &file, &json!(false))]);
    for number in 0..6 {
        let at = if number % 2 == 0 { &one } else { &other };
        assert_eq!(sign_up_at(at, &format!("user-{number}")).await, "ben@x.example");
    }
    one.kill();
    other.kill();
    one.respawn();
    one.ready().await;
    for number in 6..10 {
        assert_eq!(sign_up_at(&one, &format!("user-{number}")).await, "ben@x.example");
    }
    let config = directories[0].path().join("handraiser.yaml").display().to_string();
    let (_, without) = handraiser(&one, &["route", "--config", &config]);
    let (fine, told) = handraiser(&one, &["route", "--away", "--config", &config]);
    assert!(fine && told.contains("· Ana@x.example is paused") && !without.contains("paused"), "{told}");
    let (fine, told) = handraiser(&one, &["status"]);
    assert!(fine && told.contains("1 rep given no leads: Ana@x.example (paused)"), "{told}");

    // A date is a day of where the rep is, and its last one is one of them.
    let days = ["absent", "ben@x.example", "--from", "2099-07-01", "--to", "2099-07-02"];
    assert!(handraiser(&one, &days).0);
    let bens = one.admin("/reps/BEN@x.example/absences").await.expect("it answers");
    let row = &bens["absences"][0];
    assert_eq!((&row["from"], &row["until"]), (&json!("2099-06-30T22:00:00.000Z"), &json!("2099-07-02T22:00:00.000Z")));
    let (fine, told) = handraiser(&one, &["back", "ben@x.example"]);
    assert!(
        fine && told.contains("ben@x.example is back; what the configuration or a calendar says holds on"),
        "{told}"
    );
    let (fine, told) = handraiser(&one, &["back", "ana@x.example"]);
    assert!(fine && told == "ana@x.example is back\n", "{told}");
    assert_eq!(sign_up_at(&one, "at-last").await, "Ana@x.example");
    for (arguments, expected) in [
        (["absent", "nobody@x.example", "--to", "2099-01-01"], "is no rep"),
        (["absent", "ana@x.example", "--to", "yesterday"], "is no time"),
        (["absent", "ana@x.example", "--to", "2020-01-01"], "is before `from`"),
    ] {
        let (fine, told) = handraiser(&one, &arguments);
        assert!(!fine && told.contains(expected), "{told}");
    }
}
