//! What destinations may be, and what is wrong with those that can't be.

use std::time::Duration;

use super::{loaded, messages};
use crate::crm::hubspot::Object;
use crate::crm::salesforce::Matching;
use crate::crm::slack::Way;
use crate::crm::webhook::Body;
use crate::crm::{Kind, Pusher, Stages, sample, webhook};
use crate::record::Stage;
use crate::time::Millis;

#[test]
fn what_a_destination_is_has_to_be_said_once() {
    let messages = messages(
        "destinations:
  nothing: { concurrency: 2 }
  both:
    webhook: { url: https://crm.example.com, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU= }
    slack: { token: xoxb-4, channel: C024BE91L }
  no_way: { slack: { channel: C024BE91L } }
  two_ways: { slack: { token: xoxb-4, webhook: https://hooks.slack.com/services/T/B/x } }
  by_name: { slack: { token: xoxb-4, channel: '#leads' } }
  typo: { slack: { token: xoxb-4, channel: '{{ lead.teir }}' } }
  no_place: { slack: { token: xoxb-4 } }
  body: { webhook: { url: https://crm.example.com, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=, template: '{}', fields: { a: b } } }
  no_token: { hubspot: { object: deal } }
  old: { hubspot: { token: pat-1, version: v3 } }
  nowhere: { hubspot: { token: pat-1, object: none, lead: { once: { a: b } } } }
  odd: { hubspot: { token: pat-1, object: leed, limit: 0 } }
  taken: { hubspot: { token: pat-1, lead: { always: { hubspot_owner_id: '7', a: b }, once: { a: '{{ lead.teir }}' } } } }
  no_company: { pipedrive: { token: 0123456789abcdef, url: 'https://app.pipedrive.com/leads/inbox', limit: 1000 } }
  tied: { pipedrive: { url: 'https://acme.pipedrive.com', lead: { always: { Handraiser lead: x } }, person: { once: { org_id: '7' } } } }
  no_object: { attio: { object: people, lead: { once: { owner: x } } } }
  basic: { webhook: { url: https://crm.example.com, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=, basic: { user: 'a:b' } } }
  asked: { webhook: { url: https://crm.example.com, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU= }, outcomes: { every: 10s } }
  twice: { pipedrive: { url: 'https://acme.pipedrive.com', token: 0123456789abcdef }, outcomes: { every: 10s, stages: { won: Done, lost: [ Gone, done ] } } }
  nowhere_to: { hubspot: { token: pat-1 }, outcomes: { secret: what-only-hubspot-knows } }
",
    );
    insta::assert_snapshot!(messages.join("\n"), @r"
    2:3 `nothing` says nowhere what it is
    3:3 `both` is both `webhook` and `slack`
    6:20 `slack` has no way in
    7:22 `token` and `webhook` are two ways to the same place
    8:47 `#leads` is no id of a channel
    9:48 a lead event has nothing called `lead.teir`
    10:3 `channel` is missing from `slack`
    11:114 `template` and `fields` both make the body
    12:3 `token` is missing from `hubspot`
    13:44 `v3` is no version of HubSpot's API
    14:59 with `object: none` there is no lead to hold these fields
    15:43 `leed` is not known here
    15:56 `limit` must be between 1 and 2500
    16:55 `hubspot_owner_id` can't be mapped
    16:94 there are two fields named `a`
    16:101 a lead event has nothing called `lead.teir`
    17:60 `app.pipedrive.com` is no company's own address
    17:108 `limit` must be between 1 and 500
    18:3 `token` is missing from `pipedrive`
    18:77 `Handraiser lead` can't be mapped
    18:119 `org_id` can't be mapped
    19:3 `token` is missing from `attio`
    19:33 `people` can't be what a lead is in Attio
    19:57 `owner` can't be mapped
    20:112 `password` is missing from `basic`
    21:117 it can't be asked what became of leads
    22:106 `every` must be between 30s and 24h
    22:126 `Done` is no name that means one thing
    23:64 HubSpot signs the address that it pushes to, and `url` doesn't say which that is
    ");
}

#[test]
fn a_bot_has_a_channel_for_each_lead() {
    let config = loaded(
        "destinations:
  sales:
    slack:
      token: xoxb-0123456789-abcdefghij
      channel: \"{{ 'C024BE91L' if lead.tier == 1 else 'C0G9QF9GW' }}\"
      api: http://127.0.0.1:9/api
    allow_addresses: [127.0.0.0/8]
",
    )
    .config;
    let Kind::Slack(slack) = &config.destinations[0].kind else { panic!("it is Slack") };
    let Way::Bot { token, api, .. } = &slack.way else { panic!("it is a bot") };
    assert_eq!((token.expose(), api.as_str()), ("xoxb-0123456789-abcdefghij", "http://127.0.0.1:9/api/"));
}

#[test]
fn a_hubspot_account_needs_a_token_and_nothing_else() {
    let config = loaded("destinations: { hubspot: { hubspot: { token: pat-eu1-0123456789 } } }").config;
    let Kind::HubSpot(hubspot) = &config.destinations[0].kind else { panic!("it is HubSpot") };
    assert_eq!(
        (hubspot.api.as_str(), &*hubspot.version, hubspot.object),
        ("https://api.hubapi.com/", "2026-03", Object::Lead)
    );
    assert_eq!((hubspot.limits[0].requests, hubspot.create_properties), (90, false));
    assert!(!format!("{hubspot:?}").contains("0123456789"), "a token is never shown");
}

#[test]
fn a_webhook_may_be_flat_and_prove_itself_by_a_password() {
    let config = loaded(
        "destinations:
  zapier:
    webhook:
      url: https://hooks.zapier.com/hooks/catch/1/x
      secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU=
      basic: { user: handraiser, password: open sesame }
      fields:
        tier: '{{ lead.tier }}'
        name: '{{ lead.contact.name }}'
        why: '{{ lead.because }}'
        phone: '{{ lead.account.traits.phone }}'
",
    )
    .config;
    let Kind::Webhook(hook) = &config.destinations[0].kind else { panic!("it is a webhook") };
    assert!(matches!(&hook.body, Body::Fields(fields) if fields.len() == 4));
    let json = serde_json::to_string(&sample::full()).expect("plain data");
    let request = webhook::request(hook, "evt_1", &json, Millis(0)).expect("it can be made");
    assert_eq!(request.headers["authorization"], "Basic aGFuZHJhaXNlcjpvcGVuIHNlc2FtZQ==");
    insta::assert_snapshot!(String::from_utf8(request.body).expect("text"), @r#"{"tier":1,"name":"Kim Example","why":"[\"132 tasks created in the last 30 days\",\"plan is free\"]","phone":null}"#);
}

#[test]
fn an_org_of_salesforce_has_one_way_in_and_fields_with_names() {
    let org = "url: https://x.my.salesforce.com, client_id: c";
    let messages = messages(&format!(
        "destinations:
  no_way: {{ salesforce: {{ {org} }} }}
  two_ways: {{ salesforce: {{ {org}, client_secret: s, jwt: {{ user: u, key: key.pem }} }} }}
  page: {{ salesforce: {{ url: https://x.lightning.force.com, client_id: c, client_secret: s }} }}
  nothing: {{ salesforce: {{ client_secret: s }} }}
  version: {{ salesforce: {{ {org}, client_secret: s, api_version: '66' }} }}
  word: {{ salesforce: {{ {org}, client_secret: s, becomes: deal }} }}
  fields:
    salesforce:
      {{ {org}, client_secret: s, lead: {{ always: {{ OwnerId: x, 'Product Tier': y }}, once: {{ A__c: '{{{{ lead.teir }}}}' }} }} }}
  twice: {{ salesforce: {{ {org}, client_secret: s, contact: {{ always: {{ A__c: x }}, once: {{ A__c: y }} }} }} }}
"
    ));
    insta::assert_snapshot!(messages.join("\n"), @r"
    2:25 `salesforce` can't prove who it is
    3:27 `client_secret` and `jwt` are two ways to prove the same
    3:116 can't read `key.pem`: it doesn't exist
    4:30 the API is not at `x.lightning.force.com`
    5:3 `client_id` is missing from `salesforce`
    5:3 `url` is missing from `salesforce`
    6:107 `66` is no version of the API
    7:100 `deal` is not known here
    10:93 `OwnerId` can't be mapped
    10:105 `Product Tier` is no name of a field
    10:144 a lead event has nothing called `lead.teir`
    11:132 there are two fields named `A__c`
    ");
}

#[test]
fn an_org_of_salesforce_may_be_told_little_or_much() {
    let config = loaded(
        "destinations:
  little: { salesforce: { url: https://x.my.salesforce.com, client_id: c, client_secret: s } }
  much:
    salesforce:
      url: https://x.my.salesforce.com
      client_id: c
      client_secret: s
      becomes: contact_only
      task: false
      allow_duplicates: true
      api_version: v67.0
      lead: { always: { Tier__c: '{{ lead.tier }}' }, once: { LeadSource: Product } }
",
    )
    .config;
    let org = |at: usize| match &config.destinations[at].kind {
        Kind::Salesforce(org) => org.clone(),
        other => panic!("it is Salesforce: {other:?}"),
    };
    let (little, much) = (org(0), org(1));
    assert_eq!(little.url.as_str(), "https://x.my.salesforce.com/");
    assert_eq!((&*little.api_version, little.task, little.allow_duplicates), ("v66.0", true, false));
    assert_eq!(little.matching, Matching::ContactOnAccountElseLead);
    assert_eq!((&*much.api_version, much.task, much.allow_duplicates), ("v67.0", false, true));
    assert_eq!((much.matching, much.lead.always.len(), much.lead.once.len()), (Matching::ContactOnly, 1, 1));
}

#[test]
fn a_pipedrive_account_is_named_as_the_browser_shows_it() {
    let text = "destinations: { pipedrive: { pipedrive: { url: 'https://acme.pipedrive.com/leads/inbox?x=1#y', token: 0123456789abcdef } } }";
    let config = loaded(text).config;
    let Kind::Pipedrive(pipedrive) = &config.destinations[0].kind else { panic!("it is Pipedrive") };
    assert_eq!(config.destinations[0].read_back, Some(Duration::from_mins(5)), "a CRM is asked what became of leads");
    assert_eq!((pipedrive.url.as_str(), pipedrive.create_fields), ("https://acme.pipedrive.com/", false));
    assert_eq!(pipedrive.limits.map(|limit| limit.requests), [18, 9]);
}

#[test]
fn an_attio_workspace_needs_a_token_and_nothing_else() {
    let config = loaded("destinations: { attio: { attio: { token: 0123456789abcdef } } }").config;
    let Kind::Attio(attio) = &config.destinations[0].kind else { panic!("it is Attio") };
    assert_eq!((attio.api.as_str(), &*attio.object), ("https://api.attio.com/", "deals"));
    assert_eq!((attio.limits.map(|limit| limit.requests), attio.create_attributes), ([22, 90], false));
}

#[test]
fn how_often_a_crm_is_asked_and_what_its_stages_mean_may_be_said() {
    let of = |outcomes: &str| {
        let text = format!(
            "destinations: {{ crm: {{ pipedrive: {{ url: 'https://acme.pipedrive.com', token: 0123456789abcdef }}, outcomes: {outcomes} }} }}"
        );
        loaded(&text).config.destinations.remove(0)
    };
    assert_eq!(of("{ every: 1h }").read_back, Some(Duration::from_hours(1)));
    assert_eq!(of("{ every: 1h, off: true }").read_back, None);
    let Kind::Pipedrive(of) = of("{ stages: { working: [ Demo ], won: Signed } }").kind else {
        panic!("it is Pipedrive")
    };
    assert_eq!(
        of.stages,
        Stages::new([("demo".to_owned(), Stage::Working), ("signed".to_owned(), Stage::Won)]),
        "however they are written"
    );
}

#[test]
fn a_crm_s_pushes_are_known_by_a_secret_of_its_own() {
    let of = |destination: &str| {
        let text = format!("destinations: {{ crm: {{ {destination} }} }}");
        loaded(&text).config.destinations.remove(0).pushes
    };
    assert_eq!(of("attio: { token: 0123456789abcdef }"), None, "none is taken unless that is said");
    let attio = of("attio: { token: 0123456789abcdef }, outcomes: { off: true, secret: what-only-attio-knows }");
    let attio = attio.expect("it is said");
    assert_eq!((attio.by, attio.secret.expose()), (Pusher::Attio, "what-only-attio-knows"));
    let url = "https://leads.example.com/v1/outcomes/crm";
    let hubspot =
        of(&format!("hubspot: {{ token: pat-1 }}, outcomes: {{ secret: what-only-hubspot-knows, url: '{url}' }}"));
    assert_eq!(hubspot.expect("it is said").by, Pusher::HubSpot(url.into()));
}
