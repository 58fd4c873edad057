use std::sync::Mutex;

use super::*;
use crate::crm::memo::Memo;
use crate::crm::sample;
use crate::crm::session::Wire;
use crate::lead::LeadEventType;
use crate::time::{Clock, Millis};

/// Answers what it was told to, in order, and keeps what it was asked.
struct Script(Mutex<(Vec<Value>, Vec<String>)>);

#[async_trait]
impl Wire for Script {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let mut script = self.0.lock().expect("nobody panicked");
        let query = request.url.query().map_or_else(String::new, |query| format!("?{query}"));
        let body = String::from_utf8(request.body).expect("text");
        script.1.push(format!("{}{query} {body}", request.url.path()));
        assert_eq!(request.headers["authorization"], "Bearer xoxb-1");
        Ok(Response { status: 200, body: script.0.remove(0).to_string().into_bytes(), ..Response::default() })
    }
}

fn bot(channel: &str) -> Slack {
    let api = "https://slack.example/api/".parse().expect("a URL");
    Slack { way: Way::Bot { token: Secret::new("xoxb-1"), channel: channel.into(), api }, buttons: false, text: None }
}

struct Told {
    came: Result<(), Failure>,
    asked: Vec<String>,
    remembered: crate::record::Remembered,
}

async fn tell(slack: &Slack, event: &LeadEvent, answers: Vec<Value>, known: bool, may_be_there: bool) -> Told {
    let (wire, clock, memo) = (Script(Mutex::new((answers, Vec::new()))), Clock::manual(Millis(1)), Memo::default());
    let mut session = Session::new(&wire, &clock, &memo);
    session.may_be_there = may_be_there;
    if known {
        session.remember(CHANNEL, "C1");
        session.remember(MESSAGE, "5.1");
    }
    let json = serde_json::to_string(event).expect("plain data");
    let came = slack.deliver(&LeadNews { id: &event.id, json: &json, newer: None }, &mut session).await;
    let remembered = session.remembered;
    let (left, asked) = wire.0.into_inner().expect("nobody panicked");
    assert!(left.is_empty(), "everything that was expected was asked: {left:?}");
    Told { came, asked, remembered }
}

fn member() -> Value {
    json!({ "ok": true, "user": { "id": "U7" } })
}

fn changed(kind: LeadEventType) -> LeadEvent {
    LeadEvent { kind, ..sample::full() }
}

#[actix_web::test]
async fn a_lead_is_one_message_that_mentions_its_owner() {
    let posted = json!({ "ok": true, "channel": "C9", "ts": "5.1" });
    let channel = "{{ 'C9' if lead.tier == 1 else 'C2' }}";
    let told = tell(&bot(channel), &sample::full(), vec![member(), posted], false, false).await;
    told.came.expect("it is taken");
    assert_eq!(told.asked[0], "/api/users.lookupByEmail?email=ana%40example.com ");
    assert_eq!(&*told.remembered[CHANNEL], "C9");
    assert_eq!(&*told.remembered[MESSAGE], "5.1");
    insta::assert_snapshot!(told.asked[1], @r#"/api/chat.postMessage {"text":"Tier 1: Acme · 17 people at Acme created 132 tasks this month.","blocks":[{"type":"section","text":{"type":"mrkdwn","text":":raising_hand: Tier 1 *Acme* · ready for a team plan","verbatim":true}},{"type":"section","text":{"type":"mrkdwn","text":"17 people at Acme created 132 tasks this month.","verbatim":true}},{"type":"section","text":{"type":"mrkdwn","text":"• 132 tasks created in the last 30 days\n• plan is free","verbatim":true}},{"type":"context","elements":[{"type":"mrkdwn","text":"Owner: <@U7>  |  Contact: Kim Example, Head of Operations, kim@acme.example  |  Account: Acme","verbatim":true}]}],"metadata":{"event_type":"handraiser_lead","event_payload":{"lead":"lead_d90946431f7235019f9735b9ff57c687","event":"evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8"}},"unfurl_links":false,"channel":"C9"}"#);
}

#[actix_web::test]
async fn later_news_changes_the_message_and_is_told_in_its_thread() {
    let ok = || json!({ "ok": true });
    let told = tell(&bot("C1"), &changed(LeadEventType::TierChanged), vec![member(), ok(), ok()], true, false).await;
    told.came.expect("it is taken");
    assert!(told.asked[1].starts_with("/api/chat.update ") && told.asked[1].contains(r#""ts":"5.1""#));
    assert!(
        told.asked[2].contains(r#""thread_ts":"5.1""#) && told.asked[2].contains("Tier 1 now."),
        "{:?}",
        told.asked
    );
}

#[actix_web::test]
async fn nobody_hears_of_the_end_of_a_lead_that_they_never_heard_of() {
    let told = tell(&bot("C1"), &changed(LeadEventType::Lapsed), vec![member()], false, false).await;
    told.came.expect("there is nothing to tell");
    assert!(told.remembered.is_empty());
}

#[actix_web::test]
async fn a_message_that_may_have_been_posted_is_looked_for() {
    let event = sample::full();
    let payload = json!({ "lead": event.lead.id, "event": event.id });
    let ours = json!({ "ts": "4.2", "metadata": { "event_type": METADATA, "event_payload": payload } });
    let there = json!({ "ok": true, "messages": [{ "ts": "4.3" }, ours] });
    let told = tell(&bot("C1"), &event, vec![member(), there.clone()], false, true).await;
    told.came.expect("it is there");
    assert_eq!(&*told.remembered[MESSAGE], "4.2");
    // The same in a thread.
    let event = LeadEvent { kind: LeadEventType::Joined, ..event };
    let told = tell(&bot("C1"), &event, vec![member(), json!({ "ok": true }), there], true, true).await;
    told.came.expect("it is there");
    assert!(told.asked[2].starts_with("/api/conversations.replies?channel=C1&ts=5.1"), "{:?}", told.asked);
}

#[actix_web::test]
async fn a_message_that_somebody_deleted_stays_deleted() {
    let gone = json!({ "ok": false, "error": "message_not_found" });
    let told = tell(&bot("C1"), &changed(LeadEventType::Won), vec![member(), gone], true, false).await;
    told.came.expect("it is theirs to say");
}

#[actix_web::test]
async fn each_error_has_its_meaning() {
    let refuse = async |channel: &str, code: &str| {
        let refused = json!({ "ok": false, "error": code });
        let told = tell(&bot(channel), &sample::full(), vec![member(), refused], false, false).await;
        let failure = told.came.expect_err("it is refused");
        (failure.verdict, failure.error)
    };
    assert_eq!(refuse("C1", "invalid_auth").await.0, Verdict::Denied);
    assert_eq!(refuse("C1", "not_in_channel").await.0, Verdict::Failed);
    assert_eq!(refuse("{{ 'C1' }}", "not_in_channel").await.0, Verdict::Refused);
    assert_eq!(refuse("C1", "msg_too_long").await.0, Verdict::Refused);
    assert_eq!(refuse("C1", "ratelimited").await.0, Verdict::Busy);
    assert_eq!(refuse("C1", "fatal_error").await.0, Verdict::Failed);
    let (_, error) = refuse("C1", "missing_scope").await;
    assert!(error.contains("`chat.postMessage`: missing_scope; give the app the scopes"), "{error}");
}

#[actix_web::test]
async fn a_rep_who_is_no_member_is_named_by_address() {
    let stranger = json!({ "ok": false, "error": "users_not_found" });
    let posted = json!({ "ok": true, "channel": "C1", "ts": "5.1" });
    let told = tell(&bot("C1"), &sample::full(), vec![stranger, posted], false, false).await;
    told.came.expect("it is taken");
    assert!(told.asked[1].contains("Owner: ana@example.com"), "{}", told.asked[1]);
}

#[test]
fn nothing_that_strangers_write_becomes_a_mention_or_a_link() {
    let mut event = sample::hostile(sample::full());
    event.lead.summary = "<!channel> & <https://evil.example|here>".to_owned();
    event.lead.subject.name = Some("<!here> *bold* ".repeat(100));
    let said = message::escape(&event.lead.summary);
    let body = message::message(&event, &said, "<@U7>", false).to_string();
    let opened: Vec<&str> = body.split('<').skip(1).map(|rest| rest.get(..4).unwrap_or(rest)).collect();
    assert_eq!(opened, ["@U7>"], "{body}");
    assert!(body.contains("&lt;!channel&gt; &amp; &lt;https"), "{body}");
    assert!(body.len() < 12_000, "{}", body.len());
}

#[test]
fn a_lead_that_somebody_has_to_take_on_has_buttons_until_they_have() {
    let event = sample::full();
    let buttons = |event: &LeadEvent, buttons| {
        let body = message::message(event, "said", "<@U7>", buttons);
        let actions =
            body["blocks"].as_array().and_then(|blocks| blocks.iter().find(|block| block["type"] == "actions"));
        actions.map(|actions| (actions["elements"][0]["value"].clone(), actions["elements"][1]["action_id"].clone()))
    };
    assert_eq!(buttons(&event, true), Some((json!(event.lead.id), json!("handraiser_reject"))));
    assert_eq!(buttons(&event, false), None, "nobody would hear");
    let mut taken = event.clone();
    taken.lead.progress = Some(crate::lead::Progress::Accepted);
    assert_eq!(buttons(&taken, true), None);
    assert_eq!(buttons(&LeadEvent { kind: LeadEventType::Lapsed, ..event }, true), None);
}
