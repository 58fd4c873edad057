//! Where a write key may stand, and what happens when it doesn't.

use super::*;
use crate::cdp::{AuthFailure, Vouched, identify_source};
use crate::event::Call;

const CALL: &str = r#"{"type":"track","userId":"u","event":"e"}"#;

/// What is to become of a request: its source, or the failure.
type Outcome = Result<&'static str, AuthFailure>;
/// What is sent (name, header, query, body) and what is to become of it.
type Row = (&'static str, Option<(&'static str, &'static str)>, &'static str, String, Outcome);

fn outcome<const N: usize>(
    endpoint: Endpoint<'_>,
    headers: [(&str, &str); N],
    query: &str,
    body: &str,
) -> Result<String, AuthFailure> {
    let sources = [sdk("app", &["key", "old-key"]), sdk("other", &["other:key"]), sdk("none", &[""])];
    let request = Request { endpoint, headers: &headers, query, body: body.as_bytes(), received_at: NOW };
    match receive(&request, &sources, &LIMITS, &WantedProperties::All) {
        Ok(parsed) => Ok(parsed.source.to_string()),
        Err(RequestError::Unauthorised { failure, .. }) => Err(failure),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_write_key_is_found_wherever_senders_put_it() {
    use AuthFailure::{MissingWriteKey, UnknownWriteKey};
    let keyed = |key: &str| CALL.replacen('{', &format!(r#"{{"writeKey":"{key}","#), 1);
    let rows: [Row; 20] = [
        ("Basic with colon", Some(("authorization", "Basic a2V5Og==")), "", CALL.into(), Ok("app")),
        ("Basic without colon", Some(("authorization", "Basic a2V5")), "", CALL.into(), Ok("app")),
        ("Basic with a password", Some(("authorization", "Basic a2V5OnB3")), "", CALL.into(), Ok("app")),
        ("Basic, a key being rotated out", Some(("authorization", "Basic b2xkLWtleTo=")), "", CALL.into(), Ok("app")),
        ("Basic, unknown", Some(("authorization", "Basic bm9wZTo=")), "", CALL.into(), Err(UnknownWriteKey)),
        ("Basic, empty", Some(("authorization", "Basic Og==")), "", CALL.into(), Err(MissingWriteKey)),
        ("body", None, "", keyed("key"), Ok("app")),
        ("body, unknown", None, "", keyed("nope"), Err(UnknownWriteKey)),
        ("batch", None, "", format!(r#"{{"writeKey":"key","batch":[{CALL}]}}"#), Ok("app")),
        ("first of a batch", None, "", format!(r#"{{"batch":[{}]}}"#, keyed("key")), Ok("app")),
        ("first of a list", None, "", format!("[{}]", keyed("key")), Ok("app")),
        ("Bearer is the key", Some(("authorization", "Bearer key")), "", CALL.into(), Ok("app")),
        ("Bearer token, key in the body", Some(("authorization", "Bearer jwt")), "", keyed("key"), Ok("app")),
        ("Bearer alone", Some(("authorization", "Bearer jwt")), "", CALL.into(), Err(UnknownWriteKey)),
        ("X-Write-Key", Some(("x-write-key", "key")), "", CALL.into(), Ok("app")),
        ("X-Write-Key with secret", Some(("x-write-key", "key:secret")), "", CALL.into(), Ok("app")),
        ("X-Write-Key with a colon of its own", Some(("x-write-key", "other:key")), "", CALL.into(), Ok("other")),
        ("query", None, "a=b&writeKey=k%65y", CALL.into(), Ok("app")),
        ("nowhere", None, "", CALL.into(), Err(MissingWriteKey)),
        ("empty", None, "writeKey=", keyed(""), Err(MissingWriteKey)),
    ];
    for (name, header, query, body, expected) in rows {
        let headers = [header.unwrap_or(("host", "example.com"))];
        let found = outcome(Endpoint::Call(Call::Track), headers, query, &body);
        assert_eq!(found, expected.map(str::to_owned), "{name}");
    }
}

#[test]
fn a_source_with_a_proof_needs_more_than_its_write_key() {
    let source = Source {
        write_keys: secrets(&["key"]),
        ..webhook("hook", Proof::Header { name: "x-key".to_owned(), values: secrets(&["s"]) })
    };
    let basic = ("authorization", "Basic a2V5Og==");
    let sources = [source];
    let parsed = send(&sources, Endpoint::Batch, [basic, ("x-key", "s")], CALL).expect("key and proof");
    assert_eq!(parsed.vouched, Vouched::Secret);
    let error = send(&sources, Endpoint::Batch, [basic], CALL).expect_err("no proof");
    let failure = AuthFailure::MissingCredentials("x-key".to_owned());
    assert_eq!(error, RequestError::Unauthorised { source_name: Some(SourceName::new("hook")), failure });
}

#[test]
fn an_address_that_names_a_source_wants_that_sources_key() {
    let basic = [("authorization", "Basic a2V5Og==")];
    assert_eq!(outcome(Endpoint::Webhook("app"), basic, "", CALL), Ok("app".to_owned()));
    assert_eq!(outcome(Endpoint::Webhook("app"), [], "writeKey=old-key", CALL), Ok("app".to_owned()));
    let foreign = AuthFailure::ForeignWriteKey(SourceName::new("other"));
    assert_eq!(outcome(Endpoint::Webhook("other"), basic, "", CALL), Err(foreign));
    assert_eq!(outcome(Endpoint::Webhook("app"), [], "", CALL), Err(AuthFailure::MissingWriteKey));
    assert_eq!(outcome(Endpoint::Webhook("app"), [], "writeKey=x", CALL), Err(AuthFailure::UnknownWriteKey));
    let error = send(&[sdk("app", &["key"])], Endpoint::Webhook("nobody"), basic, CALL);
    assert_eq!(error, Err(RequestError::UnknownSource("nobody".to_owned())));
}

#[test]
fn a_broken_body_is_a_400_unless_the_headers_name_a_wrong_key() {
    let sources = [sdk("app", &["key"])];
    let send = |value| send(&sources, Endpoint::Batch, [("authorization", value)], "{\"batch\":[");
    let message = "the body is not JSON: EOF while parsing a list at line 1 column 10".to_owned();
    let broken = |source_name| RequestError::InvalidJson { source_name, message: message.clone() };
    assert_eq!(send("Basic a2V5Og=="), Err(broken(Some(SourceName::new("app")))));
    assert_eq!(send("none"), Err(broken(None)));
    let unknown = RequestError::Unauthorised { source_name: None, failure: AuthFailure::UnknownWriteKey };
    assert_eq!(send("Basic bm9wZTo="), Err(unknown));
}

#[test]
fn a_request_without_a_body_names_its_source_in_headers_or_query() {
    let sources = [sdk("app", &["key"])];
    let found =
        identify_source(&[("authorization", "Basic a2V5Og==")], "", &sources, NOW).map(|source| source.name.as_str());
    assert_eq!(found, Ok("app"));
    assert_eq!(
        identify_source(&[("a", "b")], "writeKey=key", &sources, NOW).map(|source| source.name.as_str()),
        Ok("app")
    );
    assert!(identify_source(&[("a", "b")], "", &sources, NOW).is_err());
}
