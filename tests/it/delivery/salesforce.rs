//! An org of Salesforce as a destination: one record a lead, whatever goes wrong, and what people do there stays.

use handraiser::crm::mapping::{Field, Fields};
use handraiser::crm::salesforce::{Login, Matching, Salesforce};
use handraiser::crm::{Destination, Kind, RetryPolicy, Stages};
use handraiser::lead::{LeadEvent, LeadEventType};
use handraiser::record::Stage;
use handraiser::secret::Secret;
use serde_json::{Value, json};

use super::back::Asking;
use super::plant::{PATIENCE, Plant, crm_test, destination};
use super::trials::{self, Stage as Trial};
use crate::sdk::install::vendor;
use crate::standins::salesforce::{self as standin, CLIENT_ID, CLIENT_SECRET, user};
use crate::standins::soql::Row;
use crate::standins::standin::{Fault, StandIn, Which};

const NAME: &str = "crm";
const DOMAIN: &str = "acme.com";

async fn org() -> standin::Salesforce {
    standin::Salesforce::start(&[("ana@example.com", true), ("ben@example.com", true), ("old@example.com", false)])
        .await
}

fn configured(org: &standin::Salesforce, matching: Matching) -> Salesforce {
    let field = |name: &str, value: &str| Field { name: name.into(), value: value.into() };
    let fields =
        || Fields { always: vec![field("Tier__c", "{{ lead.tier }}")], once: vec![field("LeadSource", "Product")] };
    Salesforce {
        url: org.url().parse().expect("a URL"),
        client_id: CLIENT_ID.into(),
        login: Login::Secret(Secret::new(CLIENT_SECRET)),
        api_version: "v66.0".into(),
        matching,
        lead: fields(),
        contact: fields(),
        account: Fields { once: Vec::new(), ..fields() },
        stages: Stages::default(),
        task: true,
        allow_duplicates: false,
    }
}

fn to(org: &standin::Salesforce, salesforce: Salesforce) -> Destination {
    let plain = destination(NAME, &org.url());
    let retry = RetryPolicy { max_attempts: 1_000, ..plain.retry.clone() };
    let mut to = Destination { kind: Kind::Salesforce(Box::new(salesforce)), retry, ..plain };
    to.http.max_response_bytes = 8 * 1024 * 1024;
    to
}

fn plant(org: &standin::Salesforce, matching: Matching) -> Plant {
    Plant::new(vec![to(org, configured(org, matching))])
}

fn event(kind: LeadEventType, revision: u32) -> LeadEvent {
    let mut event = LeadEvent { kind, ..super::plant::event("lead_1", revision) };
    event.lead.account.as_mut().expect("it has one").traits.insert("domain".to_owned(), DOMAIN.into());
    event
}

fn owned_by(owner: &str, event: LeadEvent) -> LeadEvent {
    let mut event = event;
    event.lead.routing.as_mut().expect("it is routed").owner = Some(owner.to_owned());
    event
}

fn row(value: Value) -> Row {
    value.as_object().expect("an object").clone()
}

/// An account that people made.
fn account(org: &standin::Salesforce) {
    org.edit("Account", |rows| {
        rows.push(row(
            json!({ "Id": "001A", "Name": "ACME Inc.", "Website": "https://www.acme.com", "OwnerId": "005HUMAN" }),
        ));
    });
}

async fn told(plant: &Plant, events: &[LeadEvent]) {
    let before = plant.taken(NAME).await.len();
    let engine = plant.start("one");
    for event in events {
        plant.send_event(NAME, "lead_1", event).await;
    }
    plant.done(NAME, before + events.len()).await;
    engine.drain(PATIENCE).await;
}

use LeadEventType::{Joined, Lapsed, Qualified, TierChanged};

#[actix_web::test]
async fn a_lead_of_an_unknown_company_is_one_lead_with_its_owner() {
    let org = org().await;
    let plant = plant(&org, Matching::ContactOnAccountElseLead);
    told(&plant, &[event(Qualified, 1)]).await;
    let mut changed = owned_by("ben@example.com", event(TierChanged, 2));
    changed.lead.tier = 2;
    told(&plant, &[changed.clone(), LeadEvent { kind: Lapsed, ..changed }]).await;
    let lead = org.only("Lead");
    insta::assert_json_snapshot!(lead, @r#"
    {
      "Id": "00L000000000002AAA",
      "OwnerId": "005000000000002AAA",
      "handraiser_lead_id__c": "lead_1",
      "IsConverted": false,
      "LastName": "Example",
      "FirstName": "Kim",
      "Email": "kim@acme.example",
      "Title": "Head of Operations",
      "Company": "Acme",
      "Description": "Lapsed: Acme · ready for a team plan\n\n17 people at Acme created 132 tasks this month.\n\n• 132 tasks created in the last 30 days\n• plan is free",
      "Tier__c": 2,
      "LeadSource": "Product"
    }
    "#);
    assert!(org.rows("Task").is_empty() && org.rows("Contact").is_empty());
}

#[actix_web::test]
async fn a_lead_of_a_known_account_is_a_contact_on_it_with_a_task() {
    let org = org().await;
    account(&org);
    let plant = plant(&org, Matching::ContactOnAccountElseLead);
    told(&plant, &[event(Qualified, 1), event(Joined, 2)]).await;
    let (account, contact, task) = (org.only("Account"), org.only("Contact"), org.only("Task"));
    insta::assert_json_snapshot!([account, contact, task], @r#"
    [
      {
        "Id": "001A",
        "Name": "ACME Inc.",
        "Website": "https://www.acme.com",
        "OwnerId": "005HUMAN",
        "Tier__c": 1,
        "handraiser_account_id__c": "acme"
      },
      {
        "Id": "00C000000000002AAA",
        "OwnerId": "005000000000001AAA",
        "handraiser_user_id__c": "u-17",
        "LastName": "Example",
        "FirstName": "Kim",
        "Email": "kim@acme.example",
        "Title": "Head of Operations",
        "AccountId": "001A",
        "Tier__c": 1,
        "LeadSource": "Product"
      },
      {
        "Id": "00T000000000003AAA",
        "OwnerId": "005000000000001AAA",
        "handraiser_lead_id__c": "lead_1",
        "Subject": "Tier 1: Acme · ready for a team plan",
        "Description": "Tier 1: Acme · ready for a team plan\n\n17 people at Acme created 132 tasks this month.\n\n• 132 tasks created in the last 30 days\n• plan is free",
        "ActivityDate": "2026-11-21",
        "WhoId": "00C000000000002AAA",
        "WhatId": "001A"
      }
    ]
    "#);
    assert!(org.rows("Lead").is_empty());
    assert_eq!((org.writes("Contact"), org.writes("Task")), (1, 1), "what holds its value is not written again");
}

#[actix_web::test]
async fn where_only_contacts_are_wanted_the_account_is_made() {
    let org = org().await;
    let plant = plant(&org, Matching::ContactOnly);
    told(&plant, &[event(Qualified, 1)]).await;
    assert_eq!(org.only("Contact")["AccountId"], org.only("Account")["Id"]);
    assert_eq!((&org.only("Account")["Name"], &org.only("Account")["Website"]), (&json!("Acme"), &json!(DOMAIN)));
    assert_eq!(
        (&org.only("Task")["WhoId"], &org.only("Task")["OwnerId"]),
        (&org.only("Contact")["Id"], &json!(user(0)))
    );
}

/// An org that leads are brought into in one of the ways.
struct Told(standin::Salesforce, Matching);

impl Told {
    const fn object(&self) -> &'static str {
        if matches!(self.1, Matching::Lead) { "Lead" } else { "Contact" }
    }
}

impl Trial for Told {
    type Vendor = standin::Org;

    fn standin(&self) -> &StandIn<Self::Vendor> {
        &self.0
    }

    fn destination(&self) -> Destination {
        to(&self.0, configured(&self.0, self.1))
    }

    fn expired() -> Fault {
        Fault::says(401, json!([{ "errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid" }]))
    }

    fn dismiss(&self) {
        self.0.edit("User", |users| drop(users[0].insert("IsActive".to_owned(), false.into())));
    }

    fn leads(&self) -> usize {
        self.0.rows("Lead").len()
    }

    fn holds(&self, context: &str) {
        let numbers = ["Lead", "Contact", "Account", "Task"].map(|object| self.0.rows(object).len());
        let expected = if matches!(self.1, Matching::Lead) { [1, 0, 0, 0] } else { [0, 1, 1, 1] };
        assert_eq!(numbers, expected, "{context}");
        let record = self.0.only(self.object());
        assert_eq!([&record["Tier__c"], &record["LeadSource"]], [&json!(2), &json!("Product")], "{context}");
        assert_eq!(record["OwnerId"], user(0), "{context}");
        let told = if self.object() == "Lead" { record } else { self.0.only("Task") };
        assert!(told["Description"].as_str().is_some_and(|text| text.starts_with("Lapsed: ")), "{context}: {told:?}");
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_whichever_call_goes_wrong() {
    for matching in [Matching::Lead, Matching::ContactOnly] {
        trials::whichever_call_goes_wrong(async || Told(org().await, matching)).await;
    }
}

#[actix_web::test]
async fn what_was_given_up_and_replayed_changes_nothing_back() {
    trials::what_was_given_up_and_replayed(async || Told(org().await, Matching::Lead)).await;
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_wherever_a_server_dies() {
    for matching in [Matching::Lead, Matching::ContactOnly] {
        trials::wherever_a_server_dies(async || Told(org().await, matching)).await;
    }
}

#[actix_web::test]
async fn a_lead_whose_owner_leaves_goes_on() {
    trials::whose_owner_leaves(async || Told(org().await, Matching::Lead)).await;
}

/// Every request, from the first token on, fails in every way that leaves open whether it was worked.
#[actix_web::test]
async fn whatever_fails_there_is_one_record_with_the_right_values() {
    let busy = json!([{ "errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access" }]);
    let faults = [
        Fault::Lost,
        Fault::says(500, json!({})),
        Fault::says(503, json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "down" }])),
        Fault::says(400, busy),
        Fault::says(401, json!([{ "errorCode": "INVALID_SESSION_ID", "message": "expired" }])),
        Fault::says(200, json!("<html>")),
    ];
    for matching in [Matching::Lead, Matching::ContactOnly] {
        for fault in &faults {
            for at in 1..=5 {
                let org = org().await;
                org.befall([(Which::Number(at), fault.clone())]);
                let plant = plant(&org, matching);
                let mut second = owned_by("ben@example.com", event(TierChanged, 2));
                second.lead.tier = 2;
                told(&plant, &[event(Qualified, 1), second]).await;
                let object = if matching == Matching::Lead { "Lead" } else { "Contact" };
                let (record, at) = (org.only(object), format!("{matching:?} {at} {fault:?}"));
                assert_eq!((&record["Tier__c"], &record["LeadSource"]), (&json!(2), &json!("Product")), "{at}");
                assert_eq!(record["OwnerId"], user(1), "{at}");
                assert_eq!(org.rows("Task").len(), usize::from(matching == Matching::ContactOnly), "{at}");
                assert!(org.rows("Account").len() < 2, "{at}");
            }
        }
    }
}

#[actix_web::test]
async fn what_people_change_stays_and_what_they_delete_stays_deleted() {
    let org = org().await;
    let plant = plant(&org, Matching::Lead);
    told(&plant, &[event(Qualified, 1)]).await;
    org.edit("Lead", |rows| {
        for (field, value) in [("OwnerId", "005HUMAN"), ("Title", "COO"), ("LeadSource", "Fair"), ("Tier__c", "9")] {
            rows[0].insert(field.to_owned(), value.into());
        }
    });
    let mut changed = owned_by("ben@example.com", event(TierChanged, 2));
    changed.lead.contact.as_mut().expect("there is one").title = Some("Director".to_owned());
    told(&plant, std::slice::from_ref(&changed)).await;
    let lead = org.only("Lead");
    assert_eq!(
        (&lead["OwnerId"], &lead["Title"], &lead["LeadSource"]),
        (&json!("005HUMAN"), &json!("COO"), &json!("Fair"))
    );
    assert_eq!(lead["Tier__c"], 1, "what is mapped under `always` is always written");
    org.edit("Lead", Vec::clear);
    told(&plant, &[LeadEvent { id: "evt_3".to_owned(), ..changed }]).await;
    assert!(org.rows("Lead").is_empty());
}

#[actix_web::test]
async fn a_converted_lead_is_followed_to_its_contact() {
    let org = org().await;
    let plant = plant(&org, Matching::Lead);
    told(&plant, &[event(Qualified, 1)]).await;
    account(&org);
    org.edit("Contact", |rows| {
        rows.push(row(json!({ "Id": "003C", "LastName": "Example", "Email": "new@acme.com", "AccountId": "001A", "OwnerId": "005HUMAN" })));
    });
    org.edit("Lead", |rows| {
        rows[0].insert("IsConverted".to_owned(), true.into());
        rows[0].insert("ConvertedContactId".to_owned(), "003C".into());
    });
    told(&plant, &[event(TierChanged, 2)]).await;
    let (contact, task) = (org.only("Contact"), org.only("Task"));
    assert_eq!((&contact["Email"], &contact["OwnerId"]), (&json!("new@acme.com"), &json!("005HUMAN")));
    assert_eq!((&task["WhoId"], &task["WhatId"], &task["OwnerId"]), (&json!("003C"), &json!("001A"), &json!(user(0))));
}

#[actix_web::test]
async fn a_lead_that_people_made_is_used_and_keeps_its_owner() {
    let org = org().await;
    org.edit("Lead", |rows| {
        rows.push(row(json!({ "Id": "00QL", "LastName": "Example", "Company": "ACME", "Email": "kim@acme.example", "IsConverted": false, "OwnerId": "005HUMAN", "Status": "Closed - Not Converted" })));
    });
    let plant = plant(&org, Matching::Lead);
    told(&plant, &[event(Qualified, 1), event(Joined, 2)]).await;
    let (lead, task) = (org.only("Lead"), org.only("Task"));
    assert_eq!(
        (&lead["OwnerId"], &lead["Company"], &lead["FirstName"]),
        (&json!("005HUMAN"), &json!("ACME"), &json!("Kim"))
    );
    assert_eq!((&lead["handraiser_lead_id__c"], lead.get("LeadSource")), (&json!("lead_1"), None));
    assert_eq!(
        (&task["WhoId"], &task["OwnerId"]),
        (&json!("00QL"), &json!(user(0))),
        "the owner of the lead hears of it"
    );
    let stood = plant.remembered(NAME, "lead_1", "stood").await;
    assert_eq!(stood.as_deref(), Some("rejected"), "that was not this lead's doing");
}

#[actix_web::test]
async fn an_owner_who_is_no_active_user_holds_nothing_up() {
    let org = org().await;
    let plant = plant(&org, Matching::Lead);
    told(&plant, &[owned_by("old@example.com", event(Qualified, 1))]).await;
    let description = org.only("Lead")["Description"].to_string();
    assert!(description.contains("Routed to old@example.com, who is no active user here."), "{description}");
    told(&plant, &[owned_by("ben@example.com", event(TierChanged, 2))]).await;
    assert_eq!(org.only("Lead")["OwnerId"], "005000000000000AAA", "the integration user's is not ours to change");
}

#[actix_web::test]
async fn tokens_are_kept_and_renewed() {
    let org = org().await;
    let plant = plant(&org, Matching::Lead);
    let engine = plant.start("one");
    plant.send_event(NAME, "lead_1", &event(Qualified, 1)).await;
    plant.done(NAME, 1).await;
    org.expire_tokens();
    plant.send_event(NAME, "lead_1", &event(TierChanged, 2)).await;
    plant.done(NAME, 2).await;
    let tokens = org.calls().iter().filter(|call| call.ends_with("/token")).count();
    assert_eq!(tokens, 2, "{:?}", org.calls());
    assert_eq!(plant.taken(NAME).await.last().expect("there is one").attempts, 0, "renewing is no failure");
    engine.drain(PATIENCE).await;
}

/// What holds the stand-in honest: jsforce gets along with it, and finds there what was brought.
#[actix_web::test]
async fn jsforce_finds_what_was_brought() {
    let org = org().await;
    let plant = plant(&org, Matching::Lead);
    told(&plant, &[event(Qualified, 1)]).await;
    org.leave_calls(Some(60));
    let arguments = [&*org.url(), CLIENT_ID, CLIENT_SECRET, "lead_1", &user(1)];
    let said = vendor("salesforce.mjs", &arguments).await;
    assert_eq!(
        said,
        json!({
            "who": ["005000000000000AAA", "00D000000000001AAA"], "wrong": ["invalid_client", null, null],
            "found": [1, true, "Example"], "fields": ["handraiser_lead_id__c"],
            "limits": [15000, {"used": 15000, "limit": 15000}], "upserts": [true, false, true],
            "owners": [true, false], "kept": [1, 0],
            "graphs": [[[201, "fine"], [201, "fine"]], [[400, "REQUIRED_FIELD_MISSING"], [400, "PROCESSING_HALTED"]], false],
            "refused": {
                "required": ["REQUIRED_FIELD_MISSING", "REQUIRED_FIELD_MISSING", ["Company"]],
                "unknown": ["INVALID_FIELD", "INVALID_FIELD", ["Shoe_Size__c"]],
                "query": ["INVALID_FIELD", "INVALID_FIELD", ["Shoe_Size__c"]],
                "inactive": ["INACTIVE_OWNER_OR_USER", "INACTIVE_OWNER_OR_USER", ["OwnerId"]],
                "notThere": ["ENTITY_IS_DELETED", "ENTITY_IS_DELETED", []],
            },
            "renewed": 15000, "last": ["REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED", []],
        })
    );
    org.leave_calls(None);
    let numbers = ["Lead", "Account", "Contact"].map(|object| org.rows(object).len());
    assert_eq!(numbers, [2, 1, 1], "what failed as a whole left nothing");
    assert_eq!(org.only("Contact")["AccountId"], org.only("Account")["Id"]);

    told(&plant, &[event(TierChanged, 2)]).await;
    assert_eq!(org.rows("Lead")[0]["Title"], "At last");
}

#[actix_web::test]
async fn calls_that_are_used_up_are_waited_for() {
    let org = org().await;
    org.leave_calls(Some(0));
    let plant = plant(&org, Matching::Lead);
    let engine = plant.start("one");
    plant.send_event(NAME, "lead_1", &event(Qualified, 1)).await;
    let error = plant.failed_with(NAME, "LIMIT").await;
    insta::assert_snapshot!(error, @r"REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded. (api-usage=15000/15000)");
    org.leave_calls(None);
    plant.done(NAME, 1).await;
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn what_a_rule_refuses_is_a_dead_letter_that_says_why() {
    let org = org().await;
    org.want(Some("Rating"));
    let plant = plant(&org, Matching::Lead);
    let engine = plant.start("one");
    plant.send_event(NAME, "lead_1", &event(Qualified, 1)).await;
    let dead = plant.dead(NAME, 1).await;
    insta::assert_snapshot!(dead[0].last_error.as_deref().unwrap_or_default(), @r"FIELD_CUSTOM_VALIDATION_EXCEPTION (Rating): Rating: tell us where it comes from; a validation rule of the org; map what it asks for, or except the integration user; then replay the delivery");
    org.want(None);
    org.refuse_duplicates(true);
    org.edit("Lead", |rows| {
        rows.push(row(json!({ "Id": "00QX", "Email": "kim@acme.example", "IsConverted": false, "handraiser_lead_id__c": "another" })));
    });
    plant.send_event(NAME, "lead_1", &event(Qualified, 2)).await;
    let dead = plant.dead(NAME, 2).await;
    insta::assert_snapshot!(dead[1].last_error.as_deref().unwrap_or_default(), @r"DUPLICATES_DETECTED: Use one of these records?; a duplicate rule of the org; `allow_duplicates: true` writes the record all the same where the rule lets one");
    engine.drain(PATIENCE).await;
}

/// A wrong secret, and a field that is missing, concern every delivery: they wait until it is fixed.
#[actix_web::test]
async fn what_is_wrong_with_the_set_up_keeps_deliveries_waiting() {
    let org = org().await;
    let mut wrong = configured(&org, Matching::Lead);
    wrong.login = Login::Secret(Secret::new("wrong"));
    let plant = Plant::new(vec![to(&org, wrong)]);
    let engine = plant.start("one");
    plant.send_event(NAME, "lead_1", &event(Qualified, 1)).await;
    let token = plant.failed_with(NAME, "token").await;
    let mut wrong = configured(&org, Matching::Lead);
    wrong.lead.always[0].name = "Teir__c".into();
    plant.destinations.store(vec![to(&org, wrong)].into());
    let field = plant.failed_with(NAME, "INVALID_FIELD").await;
    insta::assert_debug_snapshot!([token, field], @r#"
    [
        "Salesforce gives no token: invalid_client (invalid client credentials); `client_id` and `client_secret` are the consumer key and secret of an external client app in this org; `url` is the org's own domain",
        "INVALID_FIELD (Teir__c): No such column 'Teir__c' on entity 'Lead'; make the field, and let the integration user's permission set read and edit it; `handraiser crm test` lists them all",
    ]
    "#);
    plant.destinations.store(vec![to(&org, configured(&org, Matching::Lead))].into());
    plant.done(NAME, 1).await;
    engine.drain(PATIENCE).await;
}

/// `handraiser crm test`, as its user runs it.
#[actix_web::test]
async fn what_is_to_be_mended_is_told_before_a_lead_finds_it() {
    let org = org().await;
    org.want(Some("Rating"));
    let run = async |secret: &str, arguments: &[&str]| {
        let text = format!(
            "teams: {{ emea: {{ reps: [ana@example.com, old@example.com, new@example.com] }} }}
routes: [{{ name: all, to: emea }}]
destinations:
  crm:
    salesforce:
      url: {}
      client_id: {CLIENT_ID}
      client_secret: {secret}
      lead: {{ always: {{ Tier__c: '{{{{ lead.tier }}}}', Teir__c: x }} }}
    allow_addresses: [127.0.0.0/8]
    outcomes: {{ stages: {{ working: prospecting, rejected: Junk }} }}
",
            org.url()
        );
        let (fine, said) = crm_test(&text, "crm", arguments).await;
        (fine, said.replace(&org.url(), "https://org/"))
    };
    let (fine, said) = run(CLIENT_SECRET, &[]).await;
    assert!(!fine);
    insta::assert_snapshot!(said, @r"
    crm
      ✓ credentials: Salesforce takes them in organisation 00D000000000001AAA; 14000 of 15000 calls are left of these 24 hours, and a lead event takes two
      ✗ fields of Lead: `Teir__c` is not there, or can't be written
        fix: make the field, and let the integration user edit it; or remove it from the mapping
      ✗ fields of Lead: `Rating` is required, and nothing is written to it
        fix: map it under `lead.once`
      ✓ fields of Contact: all are there, `handraiser_user_id__c` as external id
      ✓ fields of Account: all are there, `handraiser_account_id__c` as external id
      ✓ fields of Task: all are there, `handraiser_lead_id__c` as external id
      ✗ stages: there is no junk
        fix: write them as they are there: Not Started, In Progress, Completed, To be called, Working - Contacted, Closed - Not Converted, Closed - Converted, Prospecting, Closed Won, Closed Lost
      ✗ owners: there is no user with the address new@example.com
        fix: their leads would have the integration user as owner: correct the address on one of the sides, or take them out of the teams
      ✗ owners: the user old@example.com is not active
        fix: their leads would have the integration user as owner: correct the address on one of the sides, or take them out of the teams
    error: 5 things are to be mended
    ");
    let (fine, said) = run("a-wrong-secret", &[]).await;
    assert!(!fine && said.contains("invalid_client") && !said.contains("a-wrong-secret"), "{said}");
    org.edit("Lead", Vec::clear);
    let (_, said) = run(CLIENT_SECRET, &["--dry-run"]).await;
    assert!(said.contains("/services/oauth2/token") && !said.contains(CLIENT_SECRET), "{said}");
    assert!(org.rows("Lead").is_empty());
}

/// What people do to the only record of an object.
fn set(org: &standin::Salesforce, object: &str, values: &Value) {
    org.edit(object, |rows| {
        assert_eq!(rows.len(), 1);
        rows[0].extend(values.as_object().expect("fields").clone());
    });
}

#[actix_web::test]
async fn what_people_make_of_a_lead_is_read_back() {
    let org = org().await;
    let plant = plant(&org, Matching::ContactOnAccountElseLead);
    told(&plant, &[event(Qualified, 1)]).await;
    let mut asking = Asking::new(&to(&org, configured(&org, Matching::ContactOnAccountElseLead)));
    let of = |at: usize, email: &str| format!("{} {email}", user(at));
    let (ana, ben) = (of(0, "ana@example.com"), of(1, "ben@example.com"));
    let plainly = |stage, owner: &str| (stage, String::new(), owner.to_owned());
    assert_eq!(asking.told_of("lead_1").await, plainly(Stage::New, &ana));
    set(&org, "Lead", &json!({ "Status": "Working - Contacted", "OwnerId": user(1) }));
    assert_eq!(asking.told_of("lead_1").await, plainly(Stage::Working, &ben));
    set(&org, "Lead", &json!({ "Status": "Ours alone", "OwnerId": "00G000000000001AAA" }));
    assert_eq!(asking.told_of("lead_1").await, plainly(Stage::Accepted, ""), "a queue is nobody");
    set(&org, "Lead", &json!({ "Status": "Closed - Not Converted" }));
    assert_eq!(asking.told_of("lead_1").await.1, "Closed - Not Converted");

    org.edit("Opportunity", |rows| {
        rows.push(row(json!({ "Id": "006A", "StageName": "Prospecting", "IsWon": false, "IsClosed": false })));
    });
    set(&org, "Lead", &json!({ "IsConverted": true, "ConvertedOpportunityId": "006A" }));
    assert_eq!(asking.told_of("lead_1").await.0, Stage::Working);
    set(&org, "Lead", &json!({ "SystemModstamp": "2026-01-01T00:00:00.000+0000" }));
    set(&org, "Opportunity", &json!({ "StageName": "Closed Won", "IsWon": true, "IsClosed": true }));
    assert_eq!(asking.told_of("lead_1").await.0, Stage::Won, "of the lead itself nothing has changed");
    set(&org, "Opportunity", &json!({ "SystemModstamp": "2026-01-01T00:00:00.000+0000" }));
    assert_eq!(asking.once().await.leads.len(), 0, "that was long ago");
}

#[actix_web::test]
async fn of_a_lead_that_is_a_contact_its_task_is_read_back() {
    let org = org().await;
    account(&org);
    let plant = plant(&org, Matching::ContactOnAccountElseLead);
    told(&plant, &[event(Qualified, 1)]).await;
    set(&org, "Contact", &json!({ "OwnerId": user(1) }));
    let mut asking = Asking::new(&to(&org, configured(&org, Matching::ContactOnAccountElseLead)));
    assert_eq!(asking.told_of("lead_1").await, (Stage::New, String::new(), format!("{} ana@example.com", user(0))));
    set(&org, "Task", &json!({ "Status": "Completed", "OwnerId": user(1) }));
    assert_eq!(asking.told_of("lead_1").await, (Stage::Working, String::new(), format!("{} ben@example.com", user(1))));
}

/// More than a call may tell, many of them changed in one second.
#[actix_web::test]
async fn all_that_changed_is_read_back_page_by_page() {
    use handraiser::time::{Clock, Millis};
    let org = org().await;
    let ago = |minutes: i64| Clock::System.now().plus(-minutes * Millis::MINUTE).rfc3339();
    let moment = ago(600);
    org.edit("Lead", |rows| {
        for number in 0..2_600_i64 {
            let at = if number < 1_400 { moment.clone() } else { ago(500 - number / 10) };
            let mut lead = json!({ "Id": format!("00Q{number:012}AAA"), "OwnerId": user(0), "SystemModstamp": at });
            if number % 2 == 0 {
                lead["handraiser_lead_id__c"] = json!(format!("lead{number}"));
            }
            rows.push(row(lead));
        }
    });
    let mut asking = Asking::new(&to(&org, configured(&org, Matching::Lead)));
    assert_eq!(asking.all().await.len(), 1_300);
}
