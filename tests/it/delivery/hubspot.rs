//! An account of HubSpot as a destination: one company, one contact and one lead, whatever goes wrong and wherever.

use std::time::Duration;

use handraiser::crm::hubspot::{HubSpot, Object};
use handraiser::crm::mapping::{Field, Fields};
use handraiser::crm::pace::{Limit, Of};
use handraiser::crm::{Destination, Kind, Stages};
use handraiser::lead::LeadEventType;
use handraiser::record::Stage;
use handraiser::secret::Secret;
use handraiser::time::{Clock, Millis};
use serde_json::{Value, json};

use super::back::Asking;
use super::plant::{PATIENCE, Plant, crm_test, destination};
use super::trials::{self, Stage as Trial, event, fields};
use crate::sdk::install::vendor;
use crate::standins::hubspot::{self, TOKEN};
use crate::standins::standin::{Fault, StandIn};

const ANA: &str = "ana@example.com";

async fn account() -> hubspot::HubSpot {
    hubspot::HubSpot::start(&[(ANA, "7"), ("ben@example.com", "8")]).await
}

fn crm(account: &hubspot::HubSpot, object: Object) -> HubSpot {
    let lead = match object {
        Object::Lead => fields(&[], &[("hs_lead_label", "{{ 'HOT' if lead.tier == 1 else 'WARM' }}")]),
        Object::Deal => fields(&[], &[("amount", "{{ lead.tier * 1000 }}")]),
        Object::None => Fields::default(),
    };
    HubSpot {
        token: Secret::new(TOKEN),
        api: account.url().parse().expect("a URL"),
        version: "2026-03".into(),
        object,
        create_properties: true,
        contact: fields(&[], &[("lifecyclestage", "salesqualifiedlead")]),
        company: fields(&[("industry", "{{ lead.account.traits.plan }}")], &[]),
        lead,
        stages: Stages::default(),
        limits: [Limit::of_all(90, Duration::from_secs(10)), searches()],
    }
}

/// More than HubSpot takes, so that nothing waits here.
fn searches() -> Limit {
    Limit { requests: 100, per: Duration::from_secs(1), of: Of::Searches }
}

fn to(account: &hubspot::HubSpot, object: Object) -> Destination {
    of(crm(account, object))
}

fn of(hubspot: HubSpot) -> Destination {
    let url = hubspot.api.to_string();
    let mut to = Destination { kind: Kind::HubSpot(hubspot), ..destination("hubspot", &url) };
    to.http.max_response_bytes = 8 * 1024 * 1024;
    to
}

/// What has to be there in the end, however it came about.
fn holds(account: &hubspot::HubSpot, object: Object, context: &str) {
    let [companies, contacts, notes] = ["companies", "contacts", "notes"].map(|object| account.records(object));
    assert_eq!([companies.len(), contacts.len(), notes.len()], [1, 1, 3], "{context}: {notes:#?}");
    assert_eq!(companies[0].get("handraiser_account_id"), "acme", "{context}");
    assert_eq!(contacts[0].get("email"), "kim@acme.example", "{context}");
    assert_eq!(contacts[0].get("lifecyclestage"), "salesqualifiedlead", "{context}");
    assert!(contacts[0].ties.contains(&(279, companies[0].id.clone())), "{context}");
    let (path, to_contact, to_company) = match object {
        Object::Lead => ("leads", 578, 610),
        Object::Deal => ("deals", 3, 341),
        Object::None => ("contacts", 0, 0),
    };
    let leads = account.records(path);
    assert_eq!(leads.len(), 1, "{context}");
    let lead = &leads[0];
    assert_eq!(lead.get("handraiser_lead_id"), "lead_acme", "{context}");
    assert_eq!([lead.get("handraiser_tier"), lead.get("handraiser_status")], ["2", "lapsed"], "{context}");
    assert_eq!(lead.get("hubspot_owner_id"), "7", "{context}");
    if object != Object::None {
        let ties = [(to_contact, contacts[0].id.clone()), (to_company, companies[0].id.clone())];
        assert!(ties.iter().all(|tie| lead.ties.contains(tie)), "{context}");
        let tied = |note: &hubspot::Record| note.ties.iter().any(|(_, to)| *to == lead.id);
        assert!(notes.iter().all(tied), "{context}");
    }
    if object == Object::Lead {
        assert_eq!(lead.get("hs_lead_label"), "HOT", "{context}: what is written once stays");
    }
}

/// An account in which a lead is this.
struct Told(hubspot::HubSpot, Object);

impl Trial for Told {
    type Vendor = hubspot::Account;

    fn standin(&self) -> &StandIn<Self::Vendor> {
        &self.0
    }

    fn destination(&self) -> Destination {
        to(&self.0, self.1)
    }

    fn expired() -> Fault {
        Fault::says(
            401,
            json!({ "status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "The OAuth token expired" }),
        )
    }

    fn dismiss(&self) {
        self.0.account().owners.get_mut(ANA).expect("she is there").1 = true;
    }

    fn leads(&self) -> usize {
        self.0.records("leads").len()
    }

    fn holds(&self, context: &str) {
        holds(&self.0, self.1, context);
    }

    fn notes(&self) -> Vec<String> {
        self.0.records("notes").iter().map(|note| note.get("hs_note_body").to_owned()).collect()
    }
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_whichever_call_goes_wrong() {
    for object in [Object::Lead, Object::None] {
        trials::whichever_call_goes_wrong(async || Told(account().await, object)).await;
    }
    trials::calls(async || Told(account().await, Object::Deal)).await;
}

#[actix_web::test]
async fn a_lead_whose_owner_leaves_goes_on() {
    trials::whose_owner_leaves(async || Told(account().await, Object::Lead)).await;
}

#[actix_web::test]
async fn what_was_given_up_and_replayed_changes_nothing_back() {
    trials::what_was_given_up_and_replayed(async || Told(account().await, Object::Lead)).await;
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_wherever_a_server_dies() {
    trials::wherever_a_server_dies(async || Told(account().await, Object::Lead)).await;
}

#[actix_web::test]
async fn a_storm_of_refusals_is_sat_out() {
    let body = json!({ "status": "error", "category": "RATE_LIMITS", "policyName": "TEN_SECONDLY_ROLLING",
        "message": "You have reached your ten_secondly_rolling limit." });
    let busy = Fault::Says(429, vec![("Retry-After", "1".to_owned())], body);
    trials::in_a_storm(async || Told(account().await, Object::Lead), busy).await;
}

/// What holds the stand-in honest: HubSpot's own client gets along with it, and finds there what was brought.
#[actix_web::test]
async fn hubspot_s_own_client_finds_what_was_brought() {
    let account = account().await;
    let plant = Plant::new(vec![to(&account, Object::Lead)]);
    let engine = plant.start("one");
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("hubspot", 1).await;
    // So few that a slow machine is too fast as well, and more than the client asks for one after the other.
    (account.account().window, account.account().most) = (Duration::from_secs(3), 60);
    let arguments = [&*account.url(), TOKEN, "acme", "kim@acme.example", "lead_acme", ANA];
    let said = vendor("hubspot.mjs", &arguments).await;
    assert_eq!(
        said,
        json!({
            "owner": ["7", "ana@example.com"], "company": ["Acme", 1, "OBJECT_NOT_FOUND"],
            "contact": [1, "kim@acme.example"], "lead": ["Acme: ready for a team plan", "7", 1], "dated": true,
            "property": ["handraiser_lead_id", true], "upserts": [true, false, true],
            "refused": {
                "ofNobody": [400, "VALIDATION_ERROR"],
                "unknownProperty": [400, "VALIDATION_ERROR"],
                "twice": [409, "CONFLICT"],
                "notUnique": [400, "VALIDATION_ERROR"],
                "notThere": [404, "OBJECT_NOT_FOUND"],
                "token": [401, "INVALID_AUTHENTICATION"],
            },
            "storm": [429, "TEN_SECONDLY_ROLLING"], "sat": true,
        })
    );
    let numbers = ["companies", "contacts", "leads", "notes"].map(|object| account.records(object).len());
    assert_eq!(numbers, [2, 2, 2, 2]);
    let [kim, jo] = &*account.records("contacts") else { panic!("two people") };
    assert_eq!([jo.get("email"), jo.get("firstname")], ["jo@globex.example", "Joanne"]);
    assert!(jo.ties.contains(&(279, account.records("companies")[1].id.clone())) && kim.get("firstname") == "Kim");

    (account.account().window, account.account().most) = (Duration::from_secs(10), 100);
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("hubspot", 2).await;
    let lead = &account.records("leads")[0];
    assert_eq!([lead.get("hs_lead_name"), lead.get("handraiser_tier")], ["Kim, at last", "2"]);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn what_people_change_in_hubspot_stays() {
    let account = account().await;
    let plant = Plant::new(vec![to(&account, Object::Lead)]);
    let engine = plant.start("one");
    let company = account.account().add("companies", &[("domain", "acme.com"), ("name", "ACME Holding")]);
    let contact = account.account().add("contacts", &[("email", "kim@acme.example"), ("jobtitle", "CTO")]);
    let mut first = event(LeadEventType::Qualified, 1);
    first.lead.account.as_mut().expect("it has one").traits.insert("website".to_owned(), json!("https://www.acme.com"));
    plant.send_event("hubspot", "lead_acme", &first).await;
    plant.done("hubspot", 1).await;
    let companies = account.records("companies");
    assert_eq!((companies.len(), &*companies[0].id), (1, &*company), "the one of that domain is taken");
    assert_eq!([companies[0].get("name"), companies[0].get("handraiser_account_id")], ["ACME Holding", "acme"]);
    let contacts = account.records("contacts");
    assert_eq!((contacts.len(), &*contacts[0].id), (1, &*contact));
    assert_eq!([contacts[0].get("jobtitle"), contacts[0].get("lifecyclestage")], ["CTO", ""]);
    assert!(contacts[0].ties.contains(&(279, company)), "the two that were there are tied");

    let lead = account.records("leads")[0].id.clone();
    account.account().set("leads", &lead, "hubspot_owner_id", "8");
    account.account().set("leads", &lead, "hs_lead_name", "Kim, at last");
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("hubspot", 2).await;
    let changed = &account.records("leads")[0];
    assert_eq!([changed.get("hubspot_owner_id"), changed.get("hs_lead_name")], ["8", "Kim, at last"]);
    assert_eq!(changed.get("handraiser_tier"), "2");

    // Whoever deletes it doesn't want it.
    account.account().records.insert("leads".to_owned(), Vec::new());
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Lapsed, 3)).await;
    plant.done("hubspot", 3).await;
    assert!(account.records("leads").is_empty());
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_owner_who_was_deactivated_gets_nothing_and_the_next_one_does() {
    let account = account().await;
    account.account().owners.get_mut(ANA).expect("she is there").1 = true;
    let plant = Plant::new(vec![to(&account, Object::Lead)]);
    let engine = plant.start("one");
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("hubspot", 1).await;
    let lead = account.records("leads").remove(0);
    assert_eq!([lead.get("hubspot_owner_id"), lead.get("handraiser_owner")], ["", ANA]);
    let mut moved = event(LeadEventType::TierChanged, 2);
    moved.lead.routing.as_mut().expect("it is routed").owner = Some("ben@example.com".to_owned());
    plant.send_event("hubspot", "lead_acme", &moved).await;
    plant.done("hubspot", 2).await;
    assert_eq!(account.records("leads")[0].get("hubspot_owner_id"), "8");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_lead_without_an_address_is_told_or_stands_on_its_company() {
    let (account, mut nobody) = (account().await, event(LeadEventType::Qualified, 1));
    nobody.lead.contact = None;
    nobody.lead.people.clear();
    let plant = Plant::new(vec![to(&account, Object::Lead)]);
    let engine = plant.start("one");
    plant.send_event("hubspot", "lead_acme", &nobody).await;
    let dead = plant.dead("hubspot", 1).await;
    let error = dead[0].last_error.clone().expect("it says why");
    assert!(error.starts_with("nobody of this lead has an e-mail address"), "{error}");
    engine.drain(PATIENCE).await;

    let plant = Plant::new(vec![to(&account, Object::None)]);
    let engine = plant.start("one");
    plant.send_event("hubspot", "lead_acme", &nobody).await;
    plant.done("hubspot", 1).await;
    let companies = account.records("companies");
    assert_eq!([companies[0].get("handraiser_tier"), companies[0].get("hubspot_owner_id")], ["1", "7"]);
    assert!(account.records("contacts").is_empty());
    assert_eq!(account.records("notes").len(), 1);
    engine.drain(PATIENCE).await;
}

/// What a refusal says, and what follows from it.
#[actix_web::test]
async fn refusals_are_told_by_category_and_property_and_limits_are_waited_for() {
    let account = account().await;
    account.account().allowed.insert("hs_lead_label".to_owned(), vec!["COLD".to_owned()]);
    let plant = Plant::new(vec![to(&account, Object::Lead)]);
    let engine = plant.start("one");
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    let dead = plant.dead("hubspot", 1).await;
    assert_eq!(
        dead[0].last_error.as_deref(),
        Some(
            "400 Bad Request: VALIDATION_ERROR, hs_lead_label (INVALID_OPTION): HOT was not one of the allowed options"
        )
    );
    engine.drain(PATIENCE).await;

    let said = async |hubspot: HubSpot, fault: Option<(u16, Value)>| {
        let plant = Plant::new(vec![of(hubspot)]).by_hand();
        let engine = plant.start("one");
        if let Some((status, body)) = fault {
            account.befall_next(Fault::says(status, body));
        }
        plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
        let error = plant.failed_with("hubspot", "").await;
        engine.drain(Duration::from_millis(1)).await;
        error
    };
    let fine = || crm(&account, Object::Lead);
    let denied = json!({ "category": "MISSING_SCOPES", "message": "This app hasn't been granted all required scopes",
        "errors": [{ "message": "x", "context": { "requiredGranularScopes": ["crm.objects.leads.write"] } }] });
    let daily =
        json!({ "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY" });
    let mut unmade = HubSpot { create_properties: false, ..fine() };
    unmade.company.always = vec![Field { name: "favourite".into(), value: "x".into() }];
    let told = [
        said(HubSpot { token: Secret::new("wrong"), ..fine() }, None).await,
        said(fine(), Some((403, denied))).await,
        said(fine(), Some((429, daily))).await,
        said(fine(), Some((200, json!({ "results": 7 })))).await,
        said(unmade, None).await,
    ];
    insta::assert_debug_snapshot!(told, @r#"
    [
        "401 Unauthorized: INVALID_AUTHENTICATION: Authentication credentials not found.; the token is wrong, or was revoked: put a new one in",
        "403 Forbidden: MISSING_SCOPES: This app hasn't been granted all required scopes; give the token the scope crm.objects.leads.write",
        "429 Too Many Requests: RATE_LIMIT (DAILY): You have reached your daily limit.",
        "200 OK, but nothing was written: {\"results\":7}",
        "400 Bad Request: VALIDATION_ERROR, favourite (PROPERTY_DOESNT_EXIST): Property \"favourite\" does not exist; create favourite in HubSpot, or take it out of the mapping",
    ]
    "#);
}

#[actix_web::test]
async fn a_burst_of_leads_stays_within_what_hubspot_takes() {
    let account = account().await;
    // It counts in seconds here. What is sent later may arrive sooner than it was meant to: that is what the half is for.
    (account.account().most, account.account().window) = (20, Duration::from_secs(1));
    let limits = [Limit::of_all(20, Duration::from_millis(1_500)), searches()];
    let plant = Plant::new(vec![of(HubSpot { limits, ..crm(&account, Object::Lead) })]);
    let engine = plant.start("one");
    for number in 0..6 {
        let lead = format!("lead{number}");
        plant.send_event("hubspot", &lead, &super::plant::event(&lead, 1)).await;
    }
    plant.done("hubspot", 6).await;
    assert_eq!(account.account().refused_for_pace, 0);
    assert_eq!(["companies", "contacts", "leads", "notes"].map(|object| account.records(object).len()), [1, 1, 6, 6]);
    engine.drain(PATIENCE).await;
}

async fn brought(account: &hubspot::HubSpot, object: Object) -> Asking {
    let plant = Plant::new(vec![to(account, object)]);
    let engine = plant.start("one");
    plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("hubspot", 1).await;
    engine.drain(PATIENCE).await;
    let said = Stages::new([("contract sent".to_owned(), Stage::Accepted)]);
    Asking::new(&of(HubSpot { stages: said, ..crm(account, object) }))
}

#[actix_web::test]
async fn what_people_make_of_a_lead_is_read_back() {
    let account = account().await;
    let mut asking = brought(&account, Object::Lead).await;
    let set = |property, value| account.account().set_only("leads", property, value);
    set("hs_pipeline_stage", "new-stage-id");
    assert_eq!(asking.told_of("lead_acme").await, (Stage::New, String::new(), format!("7 {ANA}")));
    set("hs_pipeline_stage", "4711");
    set("hubspot_owner_id", "8");
    assert_eq!(asking.told_of("lead_acme").await, (Stage::Working, String::new(), "8 ben@example.com".to_owned()));
    set("hs_pipeline_stage", "unqualified-stage-id");
    set("hs_lead_disqualification_reason", "NOT_A_GOOD_FIT");
    set("hubspot_owner_id", "");
    let turned_down = (Stage::Rejected, "NOT_A_GOOD_FIT".to_owned(), String::new());
    assert_eq!(asking.told_of("lead_acme").await, turned_down, "and it is nobody's");
    set("hs_lastmodifieddate", "2026-01-01T00:00:00Z");
    assert_eq!(asking.once().await.leads.len(), 0, "that was long ago");
}

/// People made a deal of a qualified lead: what becomes of that is what becomes of the lead.
#[actix_web::test]
async fn a_lead_is_won_or_lost_by_the_deal_that_came_of_it() {
    let account = account().await;
    let mut asking = brought(&account, Object::Lead).await;
    account.account().set_only("leads", "hs_pipeline_stage", "4711");
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Working);
    let lead = account.records("leads")[0].id.clone();
    let now = Clock::System.now().rfc3339();
    let deal = |values: &[(&str, &str)], of: Option<&str>| {
        let common = [("hs_lastmodifieddate", now.as_str()), ("hs_is_closed", "true")];
        let all: Vec<_> = common.into_iter().chain(values.iter().copied()).collect();
        let mut account = account.account();
        let id = account.add("deals", &all);
        let deals = account.records.get_mut("deals").expect("there is one");
        let record = deals.iter_mut().find(|record| record.id == id).expect("just made");
        record.ties.extend(of.map(|of| (583, of.to_owned())));
    };
    deal(&[("hs_is_closed_won", "true")], None);
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Working, "somebody else's deal");
    deal(&[("hs_is_closed_lost", "true"), ("closed_lost_reason", "Too dear")], Some(&lead));
    let lost = (Stage::Lost, "Too dear".to_owned(), format!("7 {ANA}"));
    assert_eq!(asking.told_of("lead_acme").await, lost);
    deal(&[("hs_is_closed_won", "true")], Some(&lead));
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Won, "of two deals one was won");
}

#[actix_web::test]
async fn what_people_make_of_a_deal_or_a_contact_is_read_back() {
    let deal = account().await;
    let mut asking = brought(&deal, Object::Deal).await;
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::New);
    deal.account().set_only("deals", "dealstage", "contractsent");
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Accepted, "as the stage was said to mean");
    for (property, value) in
        [("dealstage", "closedlost"), ("hs_is_closed_lost", "true"), ("closed_lost_reason", "Too dear")]
    {
        deal.account().set_only("deals", property, value);
    }
    assert_eq!(asking.told_of("lead_acme").await, (Stage::Lost, "Too dear".to_owned(), format!("7 {ANA}")));

    let contact = account().await;
    let mut asking = brought(&contact, Object::None).await;
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::New);
    contact.account().set_only("contacts", "hs_lead_status", "OPEN");
    contact.account().set_only("contacts", "hubspot_owner_id", "8");
    assert_eq!(asking.told_of("lead_acme").await, (Stage::Accepted, String::new(), "8 ben@example.com".to_owned()));
    contact.account().set_only("contacts", "hs_lead_status", "UNQUALIFIED");
    assert_eq!(asking.told_of("lead_acme").await.1, "UNQUALIFIED");
}

#[actix_web::test]
async fn how_far_people_had_come_with_a_contact_before_is_remembered() {
    for (was, stood) in [(Some("UNQUALIFIED"), "rejected"), (Some("OPEN"), "accepted"), (None, "new")] {
        let account = account().await;
        if let Some(was) = was {
            account.account().add("contacts", &[("email", "kim@acme.example"), ("hs_lead_status", was)]);
        }
        let plant = Plant::new(vec![to(&account, Object::None)]);
        let engine = plant.start("one");
        plant.send_event("hubspot", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
        plant.done("hubspot", 1).await;
        account.account().set_only("contacts", "hs_lead_status", "CONNECTED");
        plant.send_event("hubspot", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
        plant.done("hubspot", 2).await;
        assert_eq!(plant.remembered("hubspot", "lead_acme", "stood").await.as_deref(), Some(stood), "{was:?}");
        engine.drain(PATIENCE).await;
    }
}

/// More than a call may tell, many of them changed in one moment.
#[actix_web::test]
async fn all_that_changed_is_read_back_page_by_page() {
    let account = account().await;
    account.account().most = 1_000;
    account.account().properties.get_mut("leads").expect("an object").insert("handraiser_lead_id".to_owned(), true);
    let ago = |minutes: i64| Clock::System.now().plus(-minutes * Millis::MINUTE).rfc3339();
    let moment = ago(600);
    for number in 0..2_600_i64 {
        let at = if number < 1_400 { moment.clone() } else { ago(500 - number / 10) };
        let lead = if number % 2 == 0 { format!("lead{number}") } else { String::new() };
        account.account().add("leads", &[("handraiser_lead_id", &lead), ("hs_lastmodifieddate", &at)]);
    }
    let mut asking = Asking::new(&to(&account, Object::Lead));
    assert_eq!(asking.all().await.len(), 1_300);
}

/// `handraiser crm test`, as its user runs it.
#[actix_web::test]
async fn what_is_to_be_mended_is_told_before_a_lead_finds_it() {
    let account = account().await;
    let run = async |token: &str, create: bool, arguments: &[&str]| {
        let text = format!(
            "teams: {{ emea: {{ reps: [ana@example.com, new@example.com] }} }}
routes: [{{ name: all, to: emea }}]
destinations:
  crm:
    hubspot:
      token: {token}
      create_properties: {create}
      api: {}
      lead: {{ always: {{ teir: '{{{{ lead.tier }}}}' }} }}
    allow_addresses: [127.0.0.0/8]
    outcomes: {{ stages: {{ accepted: demo, rejected: Junk }} }}
",
            account.url()
        );
        let (fine, said) = crm_test(&text, "crm", arguments).await;
        (fine, said.replace(&account.url(), "https://hubspot/"))
    };
    let (fine, said) = run(TOKEN, false, &[]).await;
    assert!(!fine);
    insta::assert_snapshot!(said, @r"
    crm
      ✓ credentials: the token is taken
      ✓ limits: HubSpot takes 100 requests in 10 s; 249000 are left today; at most 90 are made in 10 s
      ✓ companies can be read: yes; writing needs the scope for that as well
      ✓ contacts can be read: yes; writing needs the scope for that as well
      ✓ leads can be read: yes; writing needs the scope for that as well
      ✓ notes can be read: yes; writing needs the scope for that as well
      ✓ deals can be read: yes; a lead is won or lost by the deal that came of it
      ✗ properties of companies: there is no handraiser_account_id
        fix: write `create_properties: true` and give the token crm.schemas.companies.write, or create them in HubSpot: docs/crm/hubspot.md says of which type each is
      ✗ properties of leads: there is no handraiser_lead_id, handraiser_definition, handraiser_status, handraiser_tier, handraiser_rank, handraiser_summary, handraiser_reasons, handraiser_usage, handraiser_owner, handraiser_route, handraiser_qualified_at
        fix: write `create_properties: true` and give the token crm.schemas.leads.write, or create them in HubSpot: docs/crm/hubspot.md says of which type each is
      ✗ properties of leads: there is no teir
        fix: create them in HubSpot, or take them out of the mapping; the internal name counts, not the label
      ✗ stages: there is no junk
        fix: write them as they are there: Demo, New, Unqualified
      ✗ owners: 1 of 2 are no active users: new@example.com
        fix: invite them to HubSpot, or write the address that they have there; until then their leads have no owner
    error: 5 things are to be mended
    ");
    let (fine, said) = run("pat-eu1-a-wrong-one-0123456789", true, &[]).await;
    assert!(!fine && said.contains("credentials") && !said.contains("a-wrong-one"), "{said}");
    let (_, said) = run(TOKEN, true, &["--dry-run"]).await;
    assert!(said.contains("/properties/2026-03/leads/batch/create  not sent"), "{said}");
    assert!(said.contains("hs_lead_name") && !said.contains("would fail"), "though they are not there yet: {said}");
    assert!(account.records("leads").is_empty() && account.records("companies").is_empty(), "nothing was made");
    let unique = |name: &str| (name.to_owned(), true);
    let made =
        ["definition", "status", "tier", "rank", "summary", "reasons", "usage", "owner", "route", "qualified_at"];
    let made = made.map(|name| (format!("handraiser_{name}"), false));
    account.account().properties.entry("companies".to_owned()).or_default().extend([unique("handraiser_account_id")]);
    let of_leads = made.into_iter().chain([unique("handraiser_lead_id"), ("teir".to_owned(), false)]);
    account.account().properties.entry("leads".to_owned()).or_default().extend(of_leads);
    let (_, said) = run(TOKEN, false, &["--dry-run"]).await;
    assert!(said.contains("hs_lead_name") && !said.contains("would fail") && !said.contains(TOKEN), "{said}");
    let written = said.lines().filter(|line| line.ends_with("  not sent")).count();
    assert!(written >= 4, "a company, a contact, a lead and a note: {said}");
    assert!(account.records("leads").is_empty() && account.records("companies").is_empty(), "nothing was made");
}
