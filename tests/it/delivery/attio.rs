//! A workspace of Attio as a destination: one company, one person and one lead, whatever goes wrong and wherever.

use std::time::Duration;

use handraiser::crm::mapping::{Field, Fields};
use handraiser::crm::pace::{Limit, Of};
use handraiser::crm::{Attio, Destination, Kind, Stages};
use handraiser::lead::LeadEventType;
use handraiser::record::Stage;
use handraiser::secret::Secret;
use serde_json::{Value, json};

use super::back::Asking;
use super::plant::{PATIENCE, Plant, crm_test, destination};
use super::trials::{self, Stage as Trial, event, fields};
use crate::sdk::install::vendor;
use crate::standins::attio::{self, Record, TOKEN};
use crate::standins::standin::{Fault, StandIn};

const ANA: &str = "ana@example.com";
const ANA_S_ID: &str = "50cf242c-7fa3-4cad-87d0-75b1af71c57b";
const BEN_S_ID: &str = "50cf242c-7fa3-4cad-87d0-75b1af71c57c";
const OBJECTS: [&str; 3] = ["companies", "people", "deals"];

async fn workspace() -> attio::Attio {
    let workspace = attio::Attio::start(&[(ANA, ANA_S_ID), ("ben@example.com", BEN_S_ID)]).await;
    workspace.workspace().add("companies", "plan", "select", false, false);
    workspace
}

fn crm(workspace: &attio::Attio) -> Attio {
    let per = Duration::from_secs(1);
    Attio {
        token: Secret::new(TOKEN),
        api: workspace.url().parse().expect("a URL"),
        object: "deals".into(),
        create_attributes: true,
        person: Fields::default(),
        company: fields(&[("plan", "{{ lead.account.traits.plan }}")], &[]),
        lead: fields(&[], &[("value", "{{ lead.tier * 1000 }}")]),
        stages: Stages::default(),
        limits: [Limit { requests: 22, per, of: Of::Writes }, Limit { requests: 90, per, of: Of::Reads }],
    }
}

fn to(workspace: &attio::Attio) -> Destination {
    of(crm(workspace))
}

fn of(attio: Attio) -> Destination {
    let url = attio.api.to_string();
    let mut to = Destination { kind: Kind::Attio(attio), ..destination("attio", &url) };
    to.http.max_response_bytes = 8 * 1024 * 1024;
    to
}

/// The only record of an object.
fn only(workspace: &attio::Attio, object: &str, context: &str) -> Record {
    let mut all = workspace.records(object);
    assert_eq!(all.len(), 1, "{context}: {object}: {all:#?}");
    all.remove(0)
}

fn owner(deal: &Record) -> Value {
    deal.get("owner")["referenced_actor_id"].clone()
}

/// What has to be there in the end, however it came about.
fn holds(workspace: &attio::Attio, context: &str) {
    let [company, person, deal] = OBJECTS.map(|object| only(workspace, object, context));
    assert_eq!(
        ["name", "handraiser_account_id", "plan"].map(|slug| company.get(slug)),
        [json!("Acme"), json!("acme"), json!("free")],
        "{context}"
    );
    assert_eq!(person.get("email_addresses"), "kim@acme.example", "{context}");
    assert_eq!(person.refers("company"), [json!(company.id)], "{context}");
    let told = ["handraiser_lead_id", "handraiser_tier", "handraiser_status", "value", "stage"];
    let told = told.map(|slug| deal.get(slug));
    assert_eq!(told, [json!("lead_acme"), json!(2), json!("lapsed"), json!(1000), json!("Lead")], "{context}");
    assert_eq!(
        (deal.refers("associated_company"), owner(&deal)),
        (vec![json!(company.id)], json!(ANA_S_ID)),
        "{context}"
    );
    assert_eq!(deal.refers("associated_people"), [json!(person.id)], "{context}");
    let notes = workspace.workspace().notes.clone();
    assert_eq!(notes.len(), 3, "{context}: {notes:#?}");
    assert!(notes.iter().all(|note| note["parent_record_id"] == deal.id.as_str()), "{context}");
}

impl Trial for attio::Attio {
    type Vendor = attio::Workspace;

    fn standin(&self) -> &StandIn<Self::Vendor> {
        self
    }

    fn destination(&self) -> Destination {
        to(self)
    }

    fn expired() -> Fault {
        Fault::says(
            401,
            json!({ "status_code": 401, "type": "auth_error", "code": "unauthorized", "message": "expired" }),
        )
    }

    fn dismiss(&self) {
        self.workspace().members.get_mut(ANA).expect("she is there").1 = false;
    }

    fn leads(&self) -> usize {
        self.records("deals").len()
    }

    fn holds(&self, context: &str) {
        holds(self, context);
    }

    fn notes(&self) -> Vec<String> {
        self.workspace().notes.iter().map(|note| note["content_plaintext"].to_string()).collect()
    }
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_whichever_call_goes_wrong() {
    trials::whichever_call_goes_wrong(workspace).await;
}

#[actix_web::test]
async fn a_lead_whose_owner_leaves_goes_on() {
    trials::whose_owner_leaves(workspace).await;
}

#[actix_web::test]
async fn what_was_given_up_and_replayed_changes_nothing_back() {
    trials::what_was_given_up_and_replayed(workspace).await;
}

#[actix_web::test]
async fn a_lead_is_one_record_of_each_kind_wherever_a_server_dies() {
    trials::wherever_a_server_dies(workspace).await;
}

#[actix_web::test]
async fn what_people_made_and_changed_in_attio_stays() {
    let workspace = workspace().await;
    let plant = Plant::new(vec![to(&workspace)]);
    let engine = plant.start("one");
    let company =
        workspace.workspace().make("companies", &[("name", json!("ACME Holding")), ("domains", json!("acme.com"))]);
    let known = [("email_addresses", json!("Kim@acme.example")), ("job_title", json!("CTO"))];
    let person = workspace.workspace().make("people", &known);
    let mut first = event(LeadEventType::Qualified, 1);
    first.lead.account.as_mut().expect("it has one").traits.insert("website".to_owned(), json!("https://www.acme.com"));
    plant.send_event("attio", "lead_acme", &first).await;
    plant.done("attio", 1).await;
    let [found, they, deal] = OBJECTS.map(|object| only(&workspace, object, "taken"));
    assert_eq!((&found.id, found.get("name")), (&company, json!("ACME Holding")), "the one of that domain is taken");
    assert_eq!(found.get("handraiser_account_id"), "acme");
    assert_eq!((&they.id, they.get("job_title")), (&person, json!("CTO")));
    assert_eq!((they.refers("company"), owner(&deal)), (vec![json!(company)], json!(ANA_S_ID)));

    // Another account of that domain is another company.
    let mut other = first.clone();
    "globex".clone_into(&mut other.lead.account.as_mut().expect("it has one").id);
    other.lead.id = "lead_globex".to_owned();
    other.id = "evt_globex".to_owned();
    plant.send_event("attio", "lead_globex", &other).await;
    plant.done("attio", 2).await;
    assert_eq!(workspace.records("companies").len(), 2);
    assert_eq!(workspace.records("companies")[1].get("domains"), Value::Null);
    workspace.workspace().records.get_mut("deals").expect("there are deals").pop();

    let ben = json!({ "referenced_actor_type": "workspace-member", "referenced_actor_id": BEN_S_ID });
    workspace.workspace().set("deals", "owner", ben);
    workspace.workspace().set("deals", "name", json!("Kim, at last"));
    plant.send_event("attio", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("attio", 3).await;
    let deal = only(&workspace, "deals", "changed");
    assert_eq!((owner(&deal), deal.get("name")), (json!(BEN_S_ID), json!("Kim, at last")));
    assert_eq!(deal.get("handraiser_tier"), 2);

    // Whoever deletes it doesn't want it.
    workspace.workspace().records.remove("deals");
    workspace.workspace().notes.clear();
    plant.send_event("attio", "lead_acme", &event(LeadEventType::TierChanged, 3)).await;
    plant.done("attio", 4).await;
    assert!(workspace.records("deals").is_empty() && workspace.workspace().notes.is_empty());
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn an_owner_who_is_suspended_is_told_and_the_next_one_gets_it() {
    let workspace = workspace().await;
    workspace.workspace().members.get_mut(ANA).expect("she is there").1 = false;
    let plant = Plant::new(vec![to(&workspace)]).by_hand();
    let engine = plant.start("one");
    plant.send_event("attio", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    let error = plant.failed("attio", 1).await;
    assert_eq!(
        error,
        "deals need an owner, and no active member of the workspace has the rep's address (ana@example.com): invite them, or let `owner` be empty"
    );
    // Where there need not be one, it comes without.
    workspace.workspace().attributes.get_mut("deals").expect("deals").iter_mut().for_each(|attribute| {
        if attribute["api_slug"] == "owner" {
            attribute["is_required"] = json!(false);
        }
    });
    plant.clock.advance(2 * 3_600_000);
    plant.done("attio", 1).await;
    assert_eq!(owner(&only(&workspace, "deals", "nobody's")), Value::Null);
    let to_ben = |kind, revision| {
        let mut moved = event(kind, revision);
        moved.lead.routing.as_mut().expect("it is routed").owner = Some("ben@example.com".to_owned());
        moved
    };
    plant.send_event("attio", "lead_acme", &to_ben(LeadEventType::TierChanged, 2)).await;
    plant.done("attio", 2).await;
    assert_eq!(owner(&only(&workspace, "deals", "moved")), BEN_S_ID);

    // Gone while they are still known here: refused once, looked up again.
    workspace.workspace().members.get_mut("ben@example.com").expect("he is there").1 = false;
    let mut other = to_ben(LeadEventType::Qualified, 1);
    other.lead.id = "lead_other".to_owned();
    other.id = "evt_other".to_owned();
    plant.send_event("attio", "lead_other", &other).await;
    plant.failed("attio", 1).await;
    plant.clock.advance(1_000);
    plant.done("attio", 3).await;
    assert_eq!(owner(&workspace.records("deals")[1]), Value::Null);
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn refusals_say_what_to_mend_and_limits_are_waited_for() {
    let workspace = workspace().await;
    let said = async |attio: Attio, fault: Option<Fault>| {
        let mut to = of(attio);
        to.http.timeout = Duration::from_millis(500);
        let plant = Plant::new(vec![to]).by_hand();
        let engine = plant.start("one");
        if let Some(fault) = fault {
            workspace.befall_next(fault);
        }
        plant.send_event("attio", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
        let error = plant.failed_with("attio", "").await;
        engine.drain(Duration::from_millis(1)).await;
        error
    };
    let fine = || crm(&workspace);
    let body =
        |status: u16, code: &str| json!({ "status_code": status, "type": "auth_error", "code": code, "message": "no" });
    let mut typo = fine();
    typo.person.always = vec![Field { name: "favourite".into(), value: "x".into() }];
    let told = [
        said(Attio { token: Secret::new("wrong"), ..fine() }, None).await,
        said(fine(), Some(Fault::says(403, body(403, "unauthorized")))).await,
        said(fine(), Some(Fault::says(429, body(429, "rate_limit_exceeded")))).await,
        said(fine(), Some(Fault::says(200, json!({ "ok": true })))).await,
        said(fine(), Some(Fault::Drips)).await,
        said(Attio { create_attributes: false, ..fine() }, None).await,
        said(Attio { object: "product_leads".into(), ..fine() }, None).await,
        said(typo, None).await,
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    401 Unauthorized: unauthorized: The provided access token is invalid.; the token is wrong, or was revoked: put a new one in
    403 Forbidden: unauthorized: no; give the token the scopes that docs/crm/attio.md lists
    429 Too Many Requests: rate_limit_exceeded: no
    200 OK, but nothing was written: {"ok":true}
    no complete answer within 0.5 s
    there is no attribute `handraiser_account_id` of companies; write `create_attributes: true`, or make it in Attio: docs/crm/attio.md says of which type
    404 Not Found: not_found: Object with slug/ID "product_leads" was not found.; see whether `object` is the slug of an object of the workspace, and is switched on
    400 Bad Request: value_not_found: Cannot find attribute with slug/ID "favourite".; write `create_attributes: true`, make it in Attio, or take it out of the mapping
    "#);

    let mut odd = fine();
    odd.lead.once = vec![Field { name: "stage".into(), value: "Nowhere".into() }];
    let plant = Plant::new(vec![of(odd)]);
    let engine = plant.start("one");
    plant.send_event("attio", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    let dead = plant.dead("attio", 1).await;
    let error = dead[0].last_error.as_deref().expect("it says why");
    assert_eq!(
        error,
        "400 Bad Request: validation_type: Body payload validation error., data.values.stage.0: \"Nowhere\" doesn't fit"
    );
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_burst_of_leads_stays_within_what_attio_takes() {
    let workspace = workspace().await;
    workspace.workspace().most = (12, 30);
    // What is sent later may arrive sooner than it was meant to: that is what the half is for.
    let per = Duration::from_millis(1_500);
    let limits = [Limit { requests: 12, per, of: Of::Writes }, Limit { requests: 30, per, of: Of::Reads }];
    let plant = Plant::new(vec![of(Attio { limits, ..crm(&workspace) })]);
    let engine = plant.start("one");
    for number in 0..12 {
        let lead = format!("lead{number}");
        plant.send_event("attio", &lead, &super::plant::event(&lead, 1)).await;
    }
    plant.done("attio", 12).await;
    assert_eq!(workspace.workspace().refused_for_pace, 0);
    assert_eq!(OBJECTS.map(|object| workspace.records(object).len()), [1, 1, 12]);
    assert_eq!(workspace.workspace().notes.len(), 12);
    engine.drain(PATIENCE).await;
}

/// What holds the stand-in honest: a client that is generated from Attio's own description of its API gets along with it.
#[actix_web::test]
async fn a_client_made_of_attio_s_description_finds_what_was_brought() {
    let workspace = workspace().await;
    let plant = Plant::new(vec![to(&workspace)]);
    let engine = plant.start("one");
    plant.send_event("attio", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("attio", 1).await;
    let arguments = [&*workspace.url(), TOKEN, "acme", "kim@acme.example", "lead_acme", ANA_S_ID];
    let said = vendor("attio.mjs", &arguments).await;
    assert_eq!(
        said,
        json!({
            "me": [true, "Example"], "members": [["ana@example.com", "member"], ["ben@example.com", "member"]],
            "attributes": [["text", true, true]], "company": "Acme", "person": "kim@acme.example",
            "deal": ["Acme: ready for a team plan", "Lead", true],
            "notes": ["Product-qualified, tier 1: ready for a team plan"], "changed": "Kim, at last",
            "asserted": [true, "Globex Inc."], "made": true, "noted": ["Called", "They are glad"],
            "refused": {
                "required": [400, "missing_value", "Required value for \"stage\" was not provided."],
                "unknown": [400, "value_not_found", "Cannot find attribute with slug/ID \"shoe_size\"."],
                "notUnique": [400, "value_not_found", "No unique attribute was found for matching_attribute \"name\"."],
                "notThere": [404, "not_found", "The record was not found."],
                "token": [401, "unauthorized", "The provided access token is invalid."],
            },
            "storm": [429, "rate_limit_exceeded", "Rate limit exceeded, please try again later"], "sat": false,
        })
    );
    assert_eq!(["companies", "people", "deals"].map(|object| workspace.records(object).len()), [2, 1, 2]);

    // Until the storm is forgotten: whoever is refused by it waits for longer.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    plant.send_event("attio", "lead_acme", &event(LeadEventType::TierChanged, 2)).await;
    plant.done("attio", 2).await;
    assert_eq!(workspace.records("deals")[0].get("name"), "Kim, at last");
    engine.drain(PATIENCE).await;
}

#[actix_web::test]
async fn a_storm_of_refusals_is_sat_out() {
    let busy = Fault::Says(
        429,
        vec![("Retry-After", "Tue, 23 May 2023 14:42:01 GMT".to_owned())],
        json!({ "error": "too many" }),
    );
    trials::in_a_storm(workspace, busy).await;
}

#[actix_web::test]
async fn what_people_make_of_a_lead_is_read_back() {
    let workspace = workspace().await;
    let plant = Plant::new(vec![to(&workspace)]);
    let engine = plant.start("one");
    plant.send_event("attio", "lead_acme", &event(LeadEventType::Qualified, 1)).await;
    plant.done("attio", 1).await;
    engine.drain(PATIENCE).await;
    let said = Stages::new([("demo".to_owned(), Stage::Rejected)]);
    let mut asking = Asking::new(&of(Attio { stages: said, ..crm(&workspace) }));
    let set = |attribute, value| workspace.workspace().set("deals", attribute, value);
    let plainly = |stage, owner: &str| (stage, String::new(), owner.to_owned());
    assert_eq!(asking.told_of("lead_acme").await, plainly(Stage::New, &format!("{ANA_S_ID} {ANA}")));
    set("stage", json!("In Progress"));
    set("owner", json!({ "referenced_actor_type": "workspace-member", "referenced_actor_id": BEN_S_ID }));
    assert_eq!(asking.told_of("lead_acme").await, plainly(Stage::Working, &format!("{BEN_S_ID} ben@example.com")));
    workspace.workspace().members.insert("new@example.com".to_owned(), ("m-new".to_owned(), true));
    set("owner", json!({ "referenced_actor_type": "workspace-member", "referenced_actor_id": "m-new" }));
    set("stage", json!("Demo"));
    let turned_down = (Stage::Rejected, "Demo".to_owned(), "m-new new@example.com".to_owned());
    assert_eq!(asking.told_of("lead_acme").await, turned_down, "as the status was said to mean, by a new member");
    set("stage", json!("Won 🎉"));
    assert_eq!(asking.told_of("lead_acme").await.0, Stage::Won);
    workspace.workspace().age("deals", "2026-01-01T00:00:00.000Z");
    assert_eq!(asking.once().await.leads.len(), 0, "that was long ago");
    set("owner", json!({ "referenced_actor_type": "workspace-member", "referenced_actor_id": BEN_S_ID }));
    assert_eq!(asking.once().await.leads.len(), 0, "only a status can be asked for by when it changed");
    asking.forget("all read back");
    assert_eq!(
        asking.told_of("lead_acme").await.2,
        format!("{BEN_S_ID} ben@example.com"),
        "an hour later all are looked at"
    );
}

/// More than one call reads, many of them made in one moment; most have not changed.
#[actix_web::test]
async fn all_that_changed_is_read_back_page_by_page() {
    let workspace = workspace().await;
    workspace.workspace().add("deals", "handraiser_lead_id", "text", true, false);
    for number in 0..2_600 {
        let mut workspace = workspace.workspace();
        let lead = json!(format!("lead{number}"));
        workspace.make("deals", &[("handraiser_lead_id", lead), ("stage", json!("Lead"))]);
        let record = workspace.records.get_mut("deals").and_then(|all| all.last_mut()).expect("just made");
        if number < 1_400 {
            "2026-01-01T00:00:00.000Z".clone_into(&mut record.made);
        }
        if number % 2 == 0 {
            record.since.values_mut().for_each(|since| "2026-01-01T00:00:00.000Z".clone_into(since));
        }
    }
    let mut asking = Asking::new(&to(&workspace));
    assert_eq!(asking.all().await.len(), 1_300);
}

/// `handraiser crm test`, as its user runs it.
#[actix_web::test]
async fn what_is_to_be_mended_is_told_before_a_lead_finds_it() {
    let workspace = workspace().await;
    workspace.workspace().members.insert("old@example.com".to_owned(), ("m-old".to_owned(), false));
    "record_permission:read-write object_configuration:read user_management:read"
        .clone_into(&mut workspace.workspace().scopes);
    workspace.workspace().add("deals", "region", "select", false, true);
    workspace.workspace().add("deals", "handraiser_tier", "text", false, false);
    let run = async |token: &str, create: bool, arguments: &[&str]| {
        let text = format!(
            "teams: {{ emea: {{ reps: [ana@example.com, new@example.com, old@example.com] }} }}
routes: [{{ name: all, to: emea }}]
destinations:
  crm:
    attio:
      token: {token}
      create_attributes: {create}
      api: {}
      person: {{ always: {{ teir: '{{{{ lead.tier }}}}' }} }}
    allow_addresses: [127.0.0.0/8]
    outcomes: {{ stages: {{ accepted: in progress, rejected: Junk }} }}
",
            workspace.url()
        );
        let (fine, said) = crm_test(&text, "crm", arguments).await;
        (fine, said.replace(&workspace.url(), "https://attio/"))
    };
    let (fine, said) = run(TOKEN, false, &[]).await;
    assert!(!fine);
    insta::assert_snapshot!(said, @r"
    crm
      ✓ credentials: the token is one of the workspace Example
      ✗ scopes: the token lacks note:read-write
        fix: give the token these scopes: Workspace settings > Developers
      ✗ attributes of companies: there is no handraiser_account_id (text, unique)
        fix: write `create_attributes: true`, or make them in Attio: Workspace settings > Objects
      ✗ attributes of people: there is no teir, or it can't be written
        fix: make them in Attio, or take them out of the mapping; the slug counts, not the title
      ✗ attributes of deals: there is no handraiser_lead_id (text, unique), handraiser_definition (text), handraiser_status (text), handraiser_rank (number), handraiser_summary (text), handraiser_reasons (text), handraiser_usage (text), handraiser_owner (text), handraiser_route (text), handraiser_qualified_at (timestamp)
        fix: write `create_attributes: true`, or make them in Attio: Workspace settings > Objects
      ✗ attributes of deals: `handraiser_tier` is text, and has to be number
        fix: archive it in Attio, give it another slug, and make it anew
      ✗ attributes of deals: `region` is required, and nothing is written to it
        fix: map it under `lead.once`, or let it be empty
      ✗ stages: there is no junk
        fix: write them as they are there: Lead, In Progress, Won 🎉, Lost
      ✗ owners: 2 of 3 are no active members: new@example.com, old@example.com (suspended)
        fix: invite them to the workspace, or write the address that they have there; until then their leads have no owner
    error: 8 things are to be mended
    ");
    let (fine, said) = run("a-wrong-one-0123456789", true, &[]).await;
    assert!(!fine && said.contains("credentials") && !said.contains("a-wrong-one"), "{said}");
    let ours = |workspace: &mut attio::Workspace, object: &str, all: &[&str]| {
        all.iter().for_each(|slug| workspace.add(object, slug, "text", true, false));
    };
    ours(&mut workspace.workspace(), "companies", &["handraiser_account_id"]);
    let names =
        ["lead_id", "definition", "status", "rank", "summary", "reasons", "usage", "owner", "route", "qualified_at"];
    let names = names.map(|name| format!("handraiser_{name}"));
    ours(&mut workspace.workspace(), "deals", &names.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, said) = run(TOKEN, false, &["--dry-run"]).await;
    assert!(said.contains("Acme: ") && !said.contains("would fail") && !said.contains(TOKEN), "{said}");
    let written = said.lines().filter(|line| line.ends_with("  not sent")).count();
    assert!(written >= 4, "a company, a person, a deal and a note: {said}");
    assert!(OBJECTS.iter().all(|object| workspace.records(object).is_empty()));
}
