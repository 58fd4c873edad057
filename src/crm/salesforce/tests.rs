use std::process::Command;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::crm::mapping::Fields;
use crate::crm::memo::Memo;
use crate::crm::sample;
use crate::crm::session::Wire;
use crate::crm::stages::Stages;
use crate::secret::Secret;
use crate::time::{Clock, Millis};

/// A status and a body.
type Told = (u16, Value);

/// Answers what it was told to, in order, and keeps what it was asked.
struct Script(Mutex<(Vec<Told>, Vec<Request>)>);

#[async_trait]
impl Wire for Script {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let mut script = self.0.lock().expect("nobody panicked");
        script.1.push(request);
        let (status, body) = script.0.remove(0);
        Ok(Response { status, body: body.to_string().into_bytes(), ..Response::default() })
    }
}

fn org(login: Login) -> Salesforce {
    Salesforce {
        url: "https://example.my.salesforce.com/".parse().expect("a URL"),
        client_id: "3MVG9".into(),
        login,
        api_version: "v66.0".into(),
        matching: Matching::ContactOnAccountElseLead,
        lead: Fields::default(),
        contact: Fields::default(),
        account: Fields::default(),
        stages: Stages::default(),
        task: true,
        allow_duplicates: true,
    }
}

async fn deliver(org: &Salesforce, answers: Vec<Told>) -> (Result<(), Failure>, Vec<Request>) {
    let (wire, clock, memo) = (Script(Mutex::new((answers, Vec::new()))), Clock::manual(Millis(1)), Memo::default());
    let mut session = Session::new(&wire, &clock, &memo);
    let event = sample::full();
    let json = serde_json::to_string(&event).expect("plain data");
    let came = org.deliver(&LeadNews { id: &event.id, json: &json, newer: None }, &mut session).await;
    (came, wire.0.into_inner().expect("nobody panicked").1)
}

fn token() -> Told {
    (200, json!({ "access_token": "00D!AQ" }))
}

fn nothing_there() -> Told {
    let none = json!({ "httpStatusCode": 200, "body": { "totalSize": 0, "records": [] } });
    let owner = json!({ "httpStatusCode": 200, "body": { "totalSize": 1, "records": [{ "Id": "005A" }] } });
    (200, json!({ "compositeResponse": [none, none, none, none, owner] }))
}

/// The requests of a first lead, word by word.
#[actix_web::test]
async fn a_lead_is_a_look_and_a_composite_of_changes() {
    let written = json!({ "compositeResponse": [{ "httpStatusCode": 201, "body": {} }] });
    let org = org(Login::Secret(Secret::new("s3cret")));
    let (came, asked) = deliver(&org, vec![token(), nothing_there(), (200, written)]).await;
    came.expect("it is taken");
    let text = |request: &Request| String::from_utf8(request.body.clone()).expect("text");
    assert_eq!(text(&asked[0]), "grant_type=client_credentials");
    assert_eq!(asked[0].headers["authorization"], "Basic M01WRzk6czNjcmV0");
    assert!(!format!("{asked:?}").contains("s3cret") && asked[1].headers["authorization"] == "Bearer 00D!AQ");
    let look: Value = serde_json::from_slice(&asked[1].body).expect("JSON");
    let parts = look["compositeRequest"].as_array().expect("parts").iter();
    let queries: Vec<String> = parts
        .map(|part| {
            let url = org.url.join(part["url"].as_str().expect("a URL")).expect("a URL");
            url.query_pairs().next().expect("a query").1.into_owned()
        })
        .collect();
    insta::assert_snapshot!(queries.join("\n"), @r"
    SELECT Id, OwnerId, Status, FirstName, LastName, Company, Email, Title, Description, IsConverted, ConvertedContactId, handraiser_lead_id__c FROM Lead WHERE handraiser_lead_id__c = 'lead_d90946431f7235019f9735b9ff57c687' OR (handraiser_lead_id__c = null AND IsConverted = false AND Email = 'kim@acme.example') ORDER BY CreatedDate LIMIT 20
    SELECT Id, OwnerId, Subject, Description, handraiser_lead_id__c FROM Task WHERE handraiser_lead_id__c = 'lead_d90946431f7235019f9735b9ff57c687' ORDER BY CreatedDate LIMIT 1
    SELECT Id, OwnerId, FirstName, LastName, Email, Title, AccountId, handraiser_user_id__c, Account.Id, Account.OwnerId, Account.Name, Account.Website, Account.handraiser_account_id__c FROM Contact WHERE handraiser_user_id__c = 'u-17' OR Email = 'kim@acme.example' ORDER BY CreatedDate LIMIT 20
    SELECT Id, OwnerId, Name, Website, handraiser_account_id__c FROM Account WHERE handraiser_account_id__c = 'acme' ORDER BY CreatedDate LIMIT 20
    SELECT Id FROM User WHERE Email = 'ana@example.com' AND IsActive = true AND UserType = 'Standard' ORDER BY CreatedDate LIMIT 1
    ");
    assert!(asked[2].headers.contains_key("sforce-duplicate-rule-header"));
    let graph: Value = serde_json::from_slice(&asked[2].body).expect("JSON");
    insta::assert_json_snapshot!(graph, @r#"
    {
      "allOrNone": true,
      "compositeRequest": [
        {
          "method": "PATCH",
          "url": "/services/data/v66.0/sobjects/Lead/handraiser_lead_id__c/lead_d90946431f7235019f9735b9ff57c687",
          "referenceId": "lead",
          "body": {
            "LastName": "Example",
            "FirstName": "Kim",
            "Email": "kim@acme.example",
            "Title": "Head of Operations",
            "Company": "Acme",
            "Description": "Tier 1: Acme · ready for a team plan\n\n17 people at Acme created 132 tasks this month.\n\n• 132 tasks created in the last 30 days\n• plan is free",
            "OwnerId": "005A"
          },
          "httpHeaders": {
            "Sforce-Auto-Assign": "FALSE"
          }
        }
      ]
    }
    "#);
    // Nothing of it is written for show.
    assert_eq!((org.pretend(&asked[0]), org.pretend(&asked[1])), (None, None));
    assert!(org.pretend(&asked[2]).is_some_and(|answer| answer.is_success()));
}

/// openssl, which knows nothing of this code, takes the signature.
#[actix_web::test]
async fn an_app_with_a_certificate_proves_itself_by_an_assertion() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let at = |name: &str| directory.path().join(name).display().to_string();
    let openssl = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).output().expect("openssl is there: apt-get install openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let (key, public) = (at("key.pem"), at("public.pem"));
    openssl(&["genrsa", "-out", &key, "2048"]);
    openssl(&["rsa", "-in", &key, "-pubout", "-out", &public]);
    let key = Secret::new(&std::fs::read_to_string(&key).expect("it can be read"));
    check_key(&key).expect("it can sign");
    let audience = "https://login.salesforce.com".into();
    let org = org(Login::Jwt { key, user: "handraiser@example.com".into(), audience });
    let denied = json!({ "error": "invalid_grant", "error_description": "user hasn't approved this consumer" });
    let (came, asked) = deliver(&org, vec![(400, denied)]).await;
    let failure = came.expect_err("there is no token");
    assert_eq!(failure.verdict, Verdict::Denied);
    assert!(
        failure.error.contains("invalid_grant (user hasn't approved this consumer); the app's policies"),
        "{}",
        failure.error
    );
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&asked[0].body).into_owned().collect();
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = form[1].1.rsplit_once('.').expect("a signature");
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64");
    std::fs::write(at("signature"), decode(signature)).expect("it can be written");
    std::fs::write(at("signed"), signed).expect("it can be written");
    openssl(&["dgst", "-sha256", "-verify", &public, "-signature", &at("signature"), &at("signed")]);
    let claims = String::from_utf8(decode(signed.split('.').nth(1).expect("claims"))).expect("text");
    insta::assert_snapshot!(claims, @r#"{"iss":"3MVG9","sub":"handraiser@example.com","aud":"https://login.salesforce.com","exp":180}"#);
}

#[actix_web::test]
async fn what_is_no_answer_of_salesforce_fails_and_a_second_401_does_too() {
    let org = org(Login::Secret(Secret::new("s3cret")));
    let expired = || (401, json!([{ "errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid" }]));
    for (answers, verdict) in [
        (vec![(200, json!("<html>"))], Verdict::Failed),
        (vec![token(), expired()], Verdict::Denied),
        (vec![token(), (502, json!("down"))], Verdict::Failed),
    ] {
        let (came, _) = deliver(&org, answers).await;
        assert_eq!(came.expect_err("it fails").verdict, verdict);
    }
}

#[test]
fn each_error_has_its_meaning() {
    let verdict = |codes: &[(&str, &str)]| {
        let refusals: Vec<Value> =
            codes.iter().map(|(code, message)| json!({ "errorCode": code, "message": message })).collect();
        let failure = refusal::failure(&refusal::refusals(&refusals.into()), None);
        (failure.verdict, failure.retry_after.map(|wait| wait.as_secs()))
    };
    let halted = ("PROCESSING_HALTED", "another failed");
    assert_eq!(verdict(&[halted, ("STRING_TOO_LONG", "x")]), (Verdict::Refused, None));
    assert_eq!(verdict(&[("UNABLE_TO_LOCK_ROW", "x"), halted]), (Verdict::Failed, None));
    assert_eq!(verdict(&[("REQUIRED_FIELD_MISSING", "x"), ("INVALID_FIELD", "y")]), (Verdict::Failed, None));
    assert_eq!(verdict(&[halted]), (Verdict::Failed, None));
    assert_eq!(verdict(&[("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")]), (Verdict::Busy, Some(900)));
    let concurrent = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    assert_eq!(verdict(&[("REQUEST_LIMIT_EXCEEDED", concurrent)]), (Verdict::Busy, Some(30)));
    let several = json!({ "httpStatusCode": 300, "body": ["/services/data/v66.0/sobjects/Lead/00Q1"] });
    let failure = refusal::failure(&refusal::of_part(&several), None);
    assert!(failure.verdict == Verdict::Refused && failure.error.contains("several records"), "{}", failure.error);
}

#[test]
fn nothing_that_strangers_write_gets_out_of_a_query() {
    assert_eq!(read::quoted("a' OR Name != '\\\n"), "'a\\' OR Name != \\'\\\\ '");
}
