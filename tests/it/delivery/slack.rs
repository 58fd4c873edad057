//! A workspace of Slack as a destination: one message a lead, whatever goes wrong.

use std::time::Duration;

use handraiser::crm::slack::{Slack, Way};
use handraiser::crm::{Destination, Kind};
use handraiser::lead::{LeadEvent, LeadEventType};
use handraiser::secret::Secret;
use serde_json::json;

use super::plant::{PATIENCE, Plant, crm_test, destination};
use super::trials::{self, Stage};
use crate::sdk::install::vendor;
use crate::standins::slack::{self, TOKEN};
use crate::standins::standin::{Fault, StandIn, Which};

const CHANNEL: &str = "C024BE91L";

async fn workspace() -> slack::Slack {
    slack::Slack::start(&[CHANNEL], &[("ana@example.com", "U7")]).await
}

fn sales(workspace: &slack::Slack) -> Destination {
    let api = workspace.api();
    let way = Way::Bot { token: Secret::new(TOKEN), channel: CHANNEL.into(), api: api.parse().expect("a URL") };
    Destination { kind: Kind::Slack(Slack { way, buttons: false, text: None }), ..destination("sales", &api) }
}

fn event(kind: LeadEventType, revision: u32) -> LeadEvent {
    LeadEvent { kind, ..super::plant::event("acme", revision) }
}

impl Stage for slack::Slack {
    type Vendor = slack::Workspace;

    fn standin(&self) -> &StandIn<Self::Vendor> {
        self
    }

    fn destination(&self) -> Destination {
        sales(self)
    }

    fn expired() -> Fault {
        Fault::says(200, json!({ "ok": false, "error": "token_expired" }))
    }

    fn dismiss(&self) {
        self.leave("ana@example.com");
    }

    fn leads(&self) -> usize {
        self.messages().iter().filter(|message| message.thread.is_none()).count()
    }

    fn holds(&self, context: &str) {
        let messages = self.messages();
        let first = messages.first().map(|message| message.ts.clone());
        let threads: Vec<_> = messages.iter().map(|message| message.thread.clone()).collect();
        assert_eq!(threads, [None, first.clone(), first], "{context}");
        assert!(messages[0].text.starts_with("Lapsed: Acme"), "{context}: {}", messages[0].text);
    }

    fn notes(&self) -> Vec<String> {
        self.messages().iter().map(|message| message.metadata.to_string()).collect()
    }
}

#[actix_web::test]
async fn a_lead_is_one_message_whichever_call_goes_wrong() {
    trials::whichever_call_goes_wrong(workspace).await;
}

#[actix_web::test]
async fn what_was_given_up_and_replayed_changes_nothing_back() {
    trials::what_was_given_up_and_replayed(workspace).await;
}

#[actix_web::test]
async fn a_lead_is_one_message_wherever_a_server_dies() {
    trials::wherever_a_server_dies(workspace).await;
}

#[actix_web::test]
async fn a_lead_whose_owner_leaves_goes_on() {
    trials::whose_owner_leaves(workspace).await;
}

#[actix_web::test]
async fn a_lead_is_one_message_that_changes_and_has_its_history_in_its_thread() {
    let workspace = workspace().await;
    let plant = Plant::new(vec![sales(&workspace)]);
    let engine = plant.start("one");
    for (revision, kind) in [(1, LeadEventType::Qualified), (2, LeadEventType::TierChanged), (3, LeadEventType::Lapsed)]
    {
        plant.send_event("sales", "acme", &event(kind, revision)).await;
    }
    plant.done("sales", 3).await;
    let messages = workspace.messages();
    let threads: Vec<_> = messages.iter().map(|message| message.thread.clone()).collect();
    let first = messages[0].ts.clone();
    assert_eq!(threads, [None, Some(first.clone()), Some(first)]);
    assert!(messages[0].text.starts_with("Lapsed: Acme"), "it stands there as it is now: {}", messages[0].text);
    assert!(messages[0].blocks.to_string().contains("Owner: <@U7>"));
    assert!(messages[1].text.starts_with("Tier 1 now."), "{}", messages[1].text);
    let lookups = workspace.calls().iter().filter(|call| call.ends_with("/users.lookupByEmail")).count();
    assert_eq!(lookups, 1, "who is known is not asked for again");
    engine.drain(PATIENCE).await;
}

/// What holds the stand-in honest: Slack's own client gets along with it, and finds there what was brought.
#[actix_web::test]
async fn slack_s_own_client_finds_what_was_brought() {
    let workspace = workspace().await;
    let plant = Plant::new(vec![sales(&workspace)]);
    let engine = plant.start("one");
    plant.send_event("sales", "acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("sales", 1).await;
    let said = vendor("slack.mjs", &[&workspace.api(), TOKEN, CHANNEL, "ana@example.com"]).await;
    assert_eq!(
        said,
        json!({
            "me": [true, "Example", "handraiser", "string", "string"], "user": ["U7", "ana@example.com"],
            "ours": ["Tier 1: Acme · 17 people at Acme created 132 tasks this month.", "handraiser_lead", 1],
            "posted": [true, true, "Called them", "Called them twice", true],
            "after": [2, "Called them twice", "by_hand", false], "under": [2, true, "They are glad"],
            "refused": {
                "channel": ["slack_webapi_platform_error", "channel_not_found"],
                "text": ["slack_webapi_platform_error", "no_text"],
                "blocks": ["slack_webapi_platform_error", "invalid_blocks"],
                "message": ["slack_webapi_platform_error", "message_not_found"],
                "user": ["slack_webapi_platform_error", "users_not_found"],
                "token": ["slack_webapi_platform_error", "invalid_auth"],
            },
            "limited": ["slack_webapi_rate_limited_error", 1],
        })
    );
    let [ours, theirs, ..] = &*workspace.messages() else { panic!("two messages at least") };
    assert_eq!((&*theirs.text, &theirs.metadata["event_type"]), ("Called them twice", &json!("by_hand")));
    assert!(theirs.blocks[0]["text"]["text"] == "Called *them*" && ours.thread.is_none());
    engine.drain(PATIENCE).await;
}

/// An answer that is lost leaves open whether the message was posted.
#[actix_web::test]
async fn a_message_whose_answer_was_lost_is_found_and_not_posted_again() {
    let workspace = workspace().await;
    let faults = [
        Fault::Lost,
        Fault::says(500, json!({})),
        Fault::Says(429, vec![("Retry-After", "1".to_owned())], json!({})),
        Fault::says(200, json!({ "ok": false, "error": "fatal_error" })),
    ];
    workspace.befall(faults.map(|fault| (Which::Next("/chat.postMessage"), fault)));
    let plant = Plant::new(vec![sales(&workspace)]);
    let engine = plant.start("one");
    plant.send_event("sales", "acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("sales", 1).await;
    assert_eq!(workspace.messages().len(), 1);
    plant.send_event("sales", "acme", &event(LeadEventType::Joined, 2)).await;
    plant.done("sales", 2).await;
    let threads: Vec<_> = workspace.messages().iter().map(|message| message.thread.is_some()).collect();
    assert_eq!(threads, [false, true]);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_bot_that_is_not_in_the_channel_waits_until_it_is_invited() {
    let workspace = workspace().await;
    workspace.invite(CHANNEL, false);
    let plant = Plant::new(vec![sales(&workspace)]);
    let engine = plant.start("one");
    plant.send_event("sales", "acme", &event(LeadEventType::Qualified, 1)).await;
    let error = plant.failed("sales", 1).await;
    assert!(error.contains("not_in_channel; invite the app into the channel"), "{error}");
    workspace.invite(CHANNEL, true);
    plant.done("sales", 1).await;
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn no_more_is_posted_than_a_message_a_second() {
    let workspace = workspace().await;
    let plant = Plant::new(vec![sales(&workspace)]);
    let engine = plant.start("one");
    for lead in 0..5 {
        let mut event = super::plant::event(&format!("lead{lead}"), 1);
        event.lead.routing = None;
        plant.send_event("sales", &format!("lead{lead}"), &event).await;
    }
    plant.done("sales", 5).await;
    let posted = workspace.posted();
    let waits = posted.windows(2).map(|pair| pair[1] - pair[0]);
    // Whoever sent it knows when it went out, not when it arrived.
    assert!(waits.clone().all(|wait| wait > Duration::from_millis(900)), "{:?}", waits.collect::<Vec<_>>());
    engine.drain(PATIENCE).await;
}

/// `handraiser crm test`, as its user runs it.
#[actix_web::test]
async fn what_is_to_be_mended_is_told_before_a_lead_finds_it() {
    let workspace = workspace().await;
    let run = async |token: &str, channel: &str, arguments: &[&str]| {
        let text = format!(
            "traits: {{ account: {{ employees: band }} }}
teams: {{ emea: {{ reps: [ana@example.com, ben@example.com] }} }}
routes: [{{ name: all, to: emea }}]
destinations:
  sales:
    slack: {{ token: {token}, channel: {channel}, api: {} }}
    allow_addresses: [127.0.0.0/8]
",
            workspace.api()
        );
        let (fine, said) = crm_test(&text, "sales", arguments).await;
        (fine, said.replace(&workspace.api(), "https://slack/"))
    };
    let (fine, said) = run(TOKEN, CHANNEL, &[]).await;
    assert!(!fine);
    insta::assert_snapshot!(said, @r"
    sales
      ✓ credentials: bot handraiser in Example
      ✓ channel: C024BE91L can be read
      ✓ owner: ana@example.com can be mentioned
      ✗ owner: ben@example.com: users_not_found
        fix: no member has this address; the message names it without a mention
    error: one thing is to be mended
    ");
    let (fine, said) = run("xoxb-a-wrong-one-0123456789", CHANNEL, &[]).await;
    assert!(!fine && said.contains("credentials: invalid_auth") && !said.contains("xoxb-a-wrong"), "{said}");
    let (fine, said) = run(TOKEN, "C00000000", &["--dry-run", "--set", "account.name=Acme", "--set", "tier=2"]).await;
    assert!(fine, "{said}");
    insta::assert_snapshot!(said, @r#"
    sales
      POST https://slack/chat.postMessage  not sent
        {
          "text": "Tier 2: u-17 · 17 people at Acme created 132 tasks this month.",
          "blocks": [
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": ":raising_hand: Tier 2 *u-17* · ",
                "verbatim": true
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": "17 people at Acme created 132 tasks this month.",
                "verbatim": true
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": "• 132 tasks created in the last 30 days\n• plan is free",
                "verbatim": true
              }
            },
            {
              "type": "context",
              "elements": [
                {
                  "type": "mrkdwn",
                  "text": "Owner: nobody  |  Account: Acme",
                  "verbatim": true
                }
              ]
            }
          ],
          "metadata": {
            "event_type": "handraiser_lead",
            "event_payload": {
              "lead": "lead_d90946431f7235019f9735b9ff57c687",
              "event": "evt_90a4f1c27e6b43d5a8f2c1de5570b316"
            }
          },
          "unfurl_links": false,
          "channel": "C00000000"
        }
    "#);
    assert!(workspace.messages().is_empty(), "nothing was posted");
}
