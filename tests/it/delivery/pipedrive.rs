//! An account of Pipedrive as a destination: one organization, one person and one lead, whatever goes wrong and wherever, though nothing
//! is unique there and its search knows nothing of what is new.

use std::time::Duration;

use handraiser::crm::mapping::{Field, Fields};
use handraiser::crm::pace::{Limit, Of};
use handraiser::crm::{Destination, Kind, Pipedrive, Stages};
use handraiser::lead::LeadEventType;
use handraiser::record::Stage;
use handraiser::secret::Secret;
use handraiser::time::{Clock, Millis};
use serde_json::{Value, json};

use super::back::Asking;
use super::plant::{PATIENCE, Plant, crm_test, destination};
use super::trials::{self, Stage as Trial, event, fields};
use crate::sdk::install::vendor;
use crate::standins::pipedrive::{self, ME, TOKEN};
use crate::standins::standin::{Fault, StandIn};

const ANA: &str = "ana@example.com";

async fn account() -> pipedrive::Pipedrive {
    let account = pipedrive::Pipedrive::start(&[(ANA, 7), ("ben@example.com", 8)]).await;
    account.account().add_field("deals", "Temperature", "enum", &["Hot", "Warm"]);
    account.account().add_field("organizations", "Product plan", "varchar", &[]);
    account
}

fn crm(account: &pipedrive::Pipedrive) -> Pipedrive {
    let per = Duration::from_secs(2);
    Pipedrive {
        token: Secret::new(TOKEN),
        url: account.url().parse().expect("a URL"),
        create_fields: true,
        person: Fields::default(),
        organization: fields(&[("product plan", "{{ lead.account.traits.plan }}")], &[]),
        lead: fields(&[], &[("Temperature", "{{ 'hot' if lead.tier == 1 else 'warm' }}")]),
        stages: Stages::default(),
        limits: [Limit::of_all(180, per), Limit { requests: 90, per, of: Of::Searches }],
    }
}

fn to(account: &pipedrive::Pipedrive) -> Destination {
    of(crm(account))
}

fn of(pipedrive: Pipedrive) -> Destination {
    let url = pipedrive.url.to_string();
    let mut to = Destination { kind: Kind::Pipedrive(pipedrive), ..destination("pipedrive", &url) };
    to.http.max_response_bytes = 8 * 1024 * 1024;
    to
}

/// The only record of a kind.
fn only(account: &pipedrive::Pipedrive, kind: &str, context: &str) -> Value {
    let mut all = account.records(kind);
    assert_eq!(all.len(), 1, "{context}: {kind}: {all:#?}");
    all.remove(0)
}

/// What one of the company's own fields of a lead holds.
fn field(account: &pipedrive::Pipedrive, lead: &Value, name: &str) -> Value {
    lead[account.account().code("deals", name)].clone()
}

/// What has to be there in the end, however it came about.
fn holds(account: &pipedrive::Pipedrive, context: &str) {
    let [organization, person, lead] = ["organizations", "persons", "leads"].map(|kind| only(account, kind, context));
    let own = |name: &str| organization["custom_fields"][account.account().code("organizations", name)].clone();
    assert_eq!((&organization["name"], own("Handraiser account")), (&json!("Acme"), json!("acme")), "{context}");
    assert_eq!(person["emails"][0]["value"], "kim@acme.example", "{context}");
    assert_eq!(person["org_id"], organization["id"], "{context}");
    assert_eq!([&lead["person_id"], &lead["organization_id"]], [&person["id"], &organization["id"]], "{context}");
    let told = ["Handraiser lead", "Product-qualified: tier", "Product-qualified: status", "Temperature"];
    let told = told.map(|name| field(account, &lead, name));
    assert_eq!(told, [json!("lead_acme"), json!(2), json!("lapsed"), json!(11)], "{context}");
    assert_eq!(lead["owner_id"], 7, "{context}");
    let fields = account.account().fields["deals"].len();
    assert_eq!(fields, 4 + 1 + 11, "{context}: each field of ours once");
    let notes = account.records("notes");
    assert_eq!(notes.len(), 3, "{context}: {notes:#?}");
    assert!(notes.iter().all(|note| note["lead_id"] == lead["id"]), "{context}");
}

impl Trial for pipedrive::Pipedrive {
    type Vendor = pipedrive::Account;

    fn standin(&self) -> &StandIn<Self::Vendor> {
        self
    }

    fn destination(&self) -> Destination {
        to(self)
    }

    fn expired() -> Fault {
        Fault::says(401, json!({ "success": false, "error": "unauthorized access", "errorCode": 401 }))
    }

    fn dismiss(&self) {
        self.account().users.get_mut(ANA).expect("she is there").1 = false;
    }

    fn leads(&self) -> usize {
        self.records("leads").len()
    }

    fn holds(&self, context: &str) {
        holds(self, context);
    }

    fn notes(&self) -> Vec<String> {
        self.records("notes").iter().map(|note| note["content"].to_string()).collect()
    }
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_whichever_call_goes_wrong() {
    trials::whichever_call_goes_wrong(account).await;
}

#[actix_web::test]
async fn a_lead_whose_owner_leaves_goes_on() {
    trials::whose_owner_leaves(account).await;
}

#[actix_web::test]
async fn what_was_given_up_and_replayed_changes_nothing_back() {
    trials::what_was_given_up_and_replayed(account).await;
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_wherever_a_server_dies() {
    trials::wherever_a_server_dies(account).await;
}

#[actix_web::test]
async fn leads_of_one_account_at_once_share_its_organization_and_its_person() {
    let account = account().await;
    let plant = Plant::new(vec![to(&account)]);
    let engine = plant.start("one");
    for number in 0..6 {
        let lead = format!("lead{number}");
        plant.send_event("pipedrive", &lead, &super::plant::event(&lead, 1)).await;
    }
    plant.done("pipedrive", 6).await;
    let person = plant.remembered("pipedrive", "lead0", "person").await.expect("it is remembered");
    assert!(!person.contains('@'), "it has to be forgotten with the person: {person}");
    assert_eq!(["organizations", "persons", "leads", "notes"].map(|kind| account.records(kind).len()), [1, 1, 6, 6]);
    let fields = account.account().fields["deals"].len();
    assert_eq!(fields, 4 + 1 + 11, "each field of ours once");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn what_people_made_and_changed_in_pipedrive_stays() {
    let account = account().await;
    let plant = Plant::new(vec![to(&account)]);
    let engine = plant.start("one");
    let organization = account.account().add("organizations", json!({ "name": "ACME Holding", "custom_fields": {} }));
    let person = json!({ "name": "K. Example", "org_id": organization, "custom_fields": {},
        "emails": [{ "value": "KIM@acme.example", "primary": true }] });
    let person = account.account().add("persons", person);
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("pipedrive", 1).await;
    let [found, they, lead] = ["organizations", "persons", "leads"].map(|kind| only(&account, kind, "taken"));
    assert_eq!((&found["id"], &found["name"]), (&json!(organization), &json!("ACME Holding")), "the person's is taken");
    assert_eq!((&they["id"], &they["name"]), (&json!(person), &json!("K. Example")));
    assert_eq!((&lead["person_id"], &lead["owner_id"]), (&json!(person), &json!(7)));

    account.account().set("leads", "owner_id", json!(8));
    account.account().set("leads", "title", json!("Kim, at last"));
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("pipedrive", 2).await;
    let lead = only(&account, "leads", "changed");
    assert_eq!([&lead["owner_id"], &lead["title"]], [&json!(8), &json!("Kim, at last")]);
    assert_eq!(field(&account, &lead, "Product-qualified: tier"), 2);

    // Whoever archives it has closed it.
    account.account().set("leads", "is_archived", json!(true));
    let archived = only(&account, "leads", "archived");
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::TierChanged, 3)).await;
    plant.done("pipedrive", 3).await;
    assert_eq!(only(&account, "leads", "archived"), archived, "neither opened nor made again");
    assert_eq!(account.records("notes").len(), 2);

    // Or they made a deal of it.
    let deal = json!({ "title": "Acme", "custom_fields": {
        account.account().code("deals", "Handraiser lead"): "lead_acme" } });
    account.account().records.remove("leads");
    account.account().add("deals", deal);
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Lapsed, 4)).await;
    plant.done("pipedrive", 4).await;
    let deal = only(&account, "deals", "a deal");
    let status = account.account().code("deals", "Product-qualified: status");
    assert_eq!(deal["custom_fields"][status], "lapsed");
    assert_eq!(account.records("notes")[2]["deal_id"], deal["id"]);
    assert!(account.records("leads").is_empty());
    engine.drain(PATIENCE).await;
}

/// A lead whose first answer was lost, and that somebody archived before it was tried again.
#[actix_web::test]
async fn a_lead_that_was_archived_before_we_knew_of_it_is_found() {
    let account = account().await;
    account.account().lag = Duration::ZERO;
    let plant = Plant::new(vec![to(&account)]).by_hand();
    let engine = plant.start("one");
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("pipedrive", 1).await;
    account.account().set("leads", "is_archived", json!(true));
    // Of another lead's record of deliveries, as behind a restored backup.
    plant.send_event("pipedrive", "again", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("pipedrive", 2).await;
    only(&account, "leads", "archived");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_owner_who_is_not_active_gets_nothing_and_the_next_one_does() {
    let account = account().await;
    account.account().users.get_mut(ANA).expect("she is there").1 = false;
    let plant = Plant::new(vec![to(&account)]);
    let engine = plant.start("one");
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("pipedrive", 1).await;
    let lead = only(&account, "leads", "nobody's");
    assert_eq!((&lead["owner_id"], field(&account, &lead, "Product-qualified: routed to")), (&json!(ME), json!(ANA)));
    let to_ben = |revision| {
        let mut moved = event(LeadEventType::TierChanged, revision);
        moved.lead.routing.as_mut().expect("it is routed").owner = Some("ben@example.com".to_owned());
        moved
    };
    plant.send_event("pipedrive", "lead_acme", &to_ben(2)).await;
    plant.done("pipedrive", 2).await;
    assert_eq!(only(&account, "leads", "moved")["owner_id"], 8);

    // Gone while they are still known here: refused once, looked up again.
    account.account().users.get_mut("ben@example.com").expect("he is there").1 = false;
    let mut other = to_ben(1);
    "lead_other".clone_into(&mut other.lead.id);
    "evt_other".clone_into(&mut other.id);
    plant.send_event("pipedrive", "lead_other", &other).await;
    plant.done("pipedrive", 3).await;
    assert_eq!(account.records("leads")[1]["owner_id"], ME);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_lead_without_an_address_stands_on_its_organization() {
    let (account, mut nobody) = (account().await, event(LeadEventType::Qualified, 1));
    nobody.lead.contact = None;
    nobody.lead.people.clear();
    let organization = account.account().add("organizations", json!({ "name": "acme", "custom_fields": {} }));
    let plant = Plant::new(vec![to(&account)]);
    let engine = plant.start("one");
    plant.send_event("pipedrive", "lead_acme", &nobody).await;
    plant.done("pipedrive", 1).await;
    assert_eq!(only(&account, "organizations", "the only one of the name")["id"], organization);
    let lead = only(&account, "leads", "without a person");
    assert_eq!((&lead["organization_id"], &lead["person_id"]), (&json!(organization), &Value::Null));
    assert!(account.records("persons").is_empty());

    nobody.lead.account = None;
    nobody.id = "evt_lead_acme_9".to_owned();
    plant.send_event("pipedrive", "lead_other", &nobody).await;
    let dead = plant.dead("pipedrive", 1).await;
    let error = dead[0].last_error.clone().expect("it says why");
    assert!(error.starts_with("nobody of this lead has an e-mail address"), "{error}");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn refusals_say_what_to_mend_and_limits_are_waited_for() {
    let account = account().await;
    let said = async |pipedrive: Pipedrive, fault: Option<Fault>| {
        let mut to = of(pipedrive);
        to.http.timeout = Duration::from_millis(500);
        let plant = Plant::new(vec![to]).by_hand();
        let engine = plant.start("one");
        if let Some(fault) = fault {
            account.befall_next(fault);
        }
        plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
        let error = plant.failed_with("pipedrive", "").await;
        engine.drain(Duration::from_millis(1)).await;
        error
    };
    let fine = || crm(&account);
    let page = Fault::says(403, json!("<html>"));
    let silent = Fault::says(200, json!({ "success": false }));
    let (unmade, mut typo) = (Pipedrive { create_fields: false, ..fine() }, fine());
    typo.person.always = vec![Field { name: "Favourite".into(), value: "x".into() }];
    let mut told = vec![
        said(Pipedrive { token: Secret::new("wrong"), ..fine() }, None).await,
        said(fine(), Some(page)).await,
        said(fine(), Some(silent)).await,
        said(fine(), Some(Fault::Drips)).await,
        said(unmade, None).await,
        said(typo, None).await,
    ];
    account.account().tokens = 0;
    told.push(said(fine(), None).await);
    insta::assert_snapshot!(told.join("\n"), @r#"
    401 Unauthorized: unauthorized access; the token is wrong, or was made anew: put the new one in
    403 Forbidden: Pipedrive blocks whoever asks on after being told that it was too often; lower `limit`
    200 OK, but nothing was written: {"success":false}
    no complete answer within 0.5 s
    there is no field `Handraiser account` for organizations; write `create_fields: true`, or make it in Pipedrive: docs/crm/pipedrive.md says of which type
    there is no field `Favourite` for persons; make it in Pipedrive, or take it out of the mapping
    429 Too Many Requests: Rate limit exceeded; the company's tokens of the day are used up
    "#);

    account.account().tokens = 1_000_000;
    let mut odd = fine();
    odd.lead.once = vec![Field { name: "Temperature".into(), value: "tepid".into() }];
    let plant = Plant::new(vec![of(odd)]);
    let engine = plant.start("one");
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    let dead = plant.dead("pipedrive", 1).await;
    assert_eq!(dead[0].last_error.as_deref(), Some("`tepid` is no option of `Temperature`: there is Hot, Warm"));
    assert!(account.records("leads").is_empty());
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_burst_of_leads_stays_within_what_pipedrive_takes() {
    let account = account().await;
    // What is sent later may arrive sooner than it was meant to: that is what the half is for.
    (account.account().most, account.account().window) = ((40, 10), Duration::from_secs(1));
    let per = Duration::from_millis(1_500);
    let limits = [Limit::of_all(40, per), Limit { requests: 10, per, of: Of::Searches }];
    let plant = Plant::new(vec![of(Pipedrive { limits, ..crm(&account) })]);
    let engine = plant.start("one");
    for number in 0..12 {
        let lead = format!("lead{number}");
        plant.send_event("pipedrive", &lead, &super::plant::event(&lead, 1)).await;
    }
    plant.done("pipedrive", 12).await;
    assert_eq!(account.account().refused_for_pace, 0);
    assert_eq!(["organizations", "persons", "leads", "notes"].map(|kind| account.records(kind).len()), [1, 1, 12, 12]);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn what_people_make_of_a_lead_is_read_back() {
    let account = account().await;
    let plant = Plant::new(vec![to(&account)]);
    let engine = plant.start("one");
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("pipedrive", 1).await;
    let said = Stages::new([("demo booked".to_owned(), Stage::Accepted), ("junk".to_owned(), Stage::Rejected)]);
    let mut asking = Asking::new(&of(Pipedrive { stages: said, ..crm(&account) }));
    let ana = || format!("7 {ANA}");
    assert_eq!(asking.told_of("lead_acme").await, (Stage::New, String::new(), ana()));

    account.account().set("leads", "next_activity_id", json!(12));
    account.account().set("leads", "owner_id", json!(8));
    assert_eq!(asking.told_of("lead_acme").await, (Stage::Accepted, String::new(), "8 ben@example.com".to_owned()));
    account.account().set("leads", "label_ids", json!(["l-hot", "l-junk"]));
    assert_eq!(asking.told_of("lead_acme").await.1, "Junk");
    account.account().set("leads", "is_archived", json!(true));
    account.account().users.insert("new@example.com".to_owned(), (9, true));
    account.account().set("leads", "owner_id", json!(9));
    let archived = (Stage::Rejected, "archived in Pipedrive".to_owned(), "9 new@example.com".to_owned());
    assert_eq!(asking.told_of("lead_acme").await, archived, "by somebody who was not known yet");

    account.account().convert(&json!({}));
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Working);
    account.account().set("deals", "stage_id", json!(4));
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Accepted, "as the stage was said to mean");
    account.account().set("deals", "lost_reason", json!("Too dear"));
    account.account().set("deals", "status", json!("lost"));
    assert_eq!(
        (asking.told_of("lead_acme").await.0, asking.told_of("lead_acme").await.1),
        (Stage::Lost, "Too dear".to_owned())
    );
    account.account().set("deals", "status", json!("won"));
    account.account().set("deals", "is_archived", json!(true));
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Won);
    account.account().set("deals", "update_time", json!("2026-01-01T00:00:00Z"));
    assert_eq!(asking.once().await.leads.len(), 0, "that was long ago");
    engine.drain(PATIENCE).await;
}

/// More than a call may tell, many of them changed in one moment, and others that are not ours.
#[actix_web::test]
async fn all_that_changed_is_read_back_page_by_page() {
    let account = account().await;
    let code = account.account().add_field("deals", "Handraiser lead", "varchar", &[]);
    let ago = |minutes: i64| Clock::System.now().plus(-minutes * Millis::MINUTE).rfc3339();
    let moment = ago(600);
    for number in 0..2_600 {
        let at = if number < 1_400 { moment.clone() } else { ago(500 - number / 10) };
        let mut lead = json!({ "is_archived": number % 5 == 4, "update_time": at });
        if number % 2 == 0 {
            lead[&code] = json!(format!("lead{number}"));
        }
        account.account().add("leads", lead);
    }
    let mut asking = Asking::new(&to(&account));
    assert_eq!(asking.all().await.len(), 1_300);
}

/// What holds the stand-in honest: Pipedrive's own client gets along with it, and finds there what was brought.
#[actix_web::test]
async fn pipedrive_s_own_client_finds_what_was_brought() {
    let account = account().await;
    account.account().lag = Duration::ZERO;
    let plant = Plant::new(vec![to(&account)]);
    let engine = plant.start("one");
    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("pipedrive", 1).await;
    let arguments = [&*account.url(), TOKEN, "acme", "kim@acme.example", "lead_acme"];
    assert_eq!(
        vendor("pipedrive.mjs", &arguments).await,
        json!({ "me": 1, "users": 2, "organization": ["Acme", "acme"], "person": ["kim@acme.example", true],
            "lead": ["Acme: ready for a team plan", 7, true], "notes": 1,
            "refused": "One of the \"person_id\" or \"organization_id\" must be set." })
    );
    assert_eq!(["organizations", "persons", "leads", "notes"].map(|kind| account.records(kind).len()), [2, 2, 2, 2]);

    plant.send_event("pipedrive", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("pipedrive", 2).await;
    let lead = account.records("leads").remove(0);
    let tier = field(&account, &lead, "Product-qualified: tier");
    assert_eq!((&lead["title"], tier), (&json!("Kim, at last"), json!(2)));
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_storm_of_refusals_is_sat_out() {
    let busy = Fault::Says(429, vec![("x-ratelimit-reset", "2".to_owned())], json!({ "error": "too many" }));
    trials::in_a_storm(account, busy).await;
}

/// `handraiser crm test`, as its user runs it.
#[actix_web::test]
async fn what_is_to_be_mended_is_told_before_a_lead_finds_it() {
    let account = account().await;
    account.account().users.insert("old@example.com".to_owned(), (9, false));
    let run = async |token: &str, create: bool, arguments: &[&str]| {
        let text = format!(
            "teams: {{ emea: {{ reps: [ana@example.com, new@example.com, old@example.com] }} }}
routes: [{{ name: all, to: emea }}]
destinations:
  crm:
    pipedrive:
      url: {}
      token: {token}
      create_fields: {create}
      lead: {{ always: {{ teir: '{{{{ lead.tier }}}}' }} }}
    allow_addresses: [127.0.0.0/8]
    outcomes: {{ stages: {{ accepted: Demo booked, rejected: [junk, Bin] }} }}
",
            account.url()
        );
        let (fine, said) = crm_test(&text, "crm", arguments).await;
        (fine, said.replace(&account.url(), "https://example.pipedrive.com/"))
    };
    account.account().add_field("deals", "Product-qualified: tier", "varchar", &[]);
    let (fine, said) = run(TOKEN, false, &[]).await;
    assert!(!fine);
    insta::assert_snapshot!(said, @r"
    crm
      ✓ credentials: the token is that of me@example.com at Example
      ✓ limits: Pipedrive takes 20 requests in 2 s; 999998 tokens are left today; at most 18 are made
      ✓ leads can be read: yes
      ✓ notes can be read: yes
      ✗ fields of organizations: there is no Handraiser account (Text)
        fix: write `create_fields: true`, or make them in Pipedrive: Settings > Data fields > Organization > Custom fields
      ✗ fields of leads: there is no Handraiser lead (Text), Product-qualified for (Text), Product-qualified: status (Text), Product-qualified: rank (Numerical), Product-qualified: summary (Large text), Product-qualified: reasons (Large text), Product usage (Large text), Product-qualified: routed to (Text), Product-qualified: routed because (Large text), Product-qualified at (Date)
        fix: write `create_fields: true`, or make them in Pipedrive: Settings > Data fields > Lead/deal > Custom fields
      ✗ fields of leads: `Product-qualified: tier` is Text, and has to be Numerical
        fix: delete it in Pipedrive, and make it anew
      ✗ fields of leads: there is no teir
        fix: make them in Pipedrive, or take them out of the mapping
      ✗ stages: there is no bin
        fix: write them as they are there: Qualified, Demo booked, Hot, Junk
      ✗ owners: 2 of 3 are no active users: new@example.com, old@example.com (deactivated)
        fix: invite them to Pipedrive, or write the address that they have there; until then their leads belong to the token's user
    error: 6 things are to be mended
    ");
    let (fine, said) = run("a-wrong-one-0123456789", true, &[]).await;
    assert!(!fine && said.contains("credentials") && !said.contains("a-wrong-one"), "{said}");
    account.account().add_field("deals", "Teir", "double", &[]);
    let (_, said) = run(TOKEN, true, &["--dry-run"]).await;
    assert!(said.contains("Acme: ") && !said.contains("would fail") && !said.contains(TOKEN), "{said}");
    let written = said.lines().filter(|line| line.ends_with("  not sent")).count();
    assert!(written >= 4, "an organization, a person, a lead and a note: {said}");
    assert!(["organizations", "persons", "leads", "notes"].iter().all(|kind| account.records(kind).is_empty()));
}
