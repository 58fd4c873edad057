//! What holds for every input.

use proptest::prelude::*;

use super::*;
use crate::event::Call;

fn endpoint() -> impl Strategy<Value = Endpoint<'static>> {
    prop_oneof![
        Just(Endpoint::Batch),
        Just(Endpoint::Call(Call::Track)),
        Just(Endpoint::Call(Call::Alias)),
        Just(Endpoint::Unsupported("merge")),
        Just(Endpoint::Webhook("segment")),
        Just(Endpoint::Webhook("app")),
    ]
}

fn sources() -> [Source; 2] {
    [sdk("app", &["key"]), segment("abc123", false)]
}

/// One call that can be used, or one that can't.
fn call() -> impl Strategy<Value = (bool, String)> {
    let good = prop_oneof![
        Just(r#"{"type":"track","userId":"u","event":"e"}"#.to_owned()),
        ("[a-z]{1,8}", any::<i32>()).prop_map(|(id, n)| {
            format!(r#"{{"type":"page","anonymousId":"{id}","properties":{{"n":{n},"deep":[[{{}}]]}}}}"#)
        }),
        any::<u32>().prop_map(|id| format!(r#"{{"json":{{"type":"group","groupId":{id}}}}}"#)),
    ];
    let bad = prop_oneof![
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just(r#"{"type":"track","event":"e"}"#.to_owned()),
        "[a-z]{1,8}".prop_map(|kind| format!(r#"{{"type":"x{kind}","userId":"u"}}"#)),
        any::<u16>().prop_map(|n| format!(r#"{{"type":"identify","userId":[{n}]}}"#)),
        Just(format!(r#"{{"type":"identify","userId":"{}"}}"#, "u".repeat(40_000))),
    ];
    prop_oneof![3 => good.prop_map(|text| (true, text)), 1 => bad.prop_map(|text| (false, text))]
}

proptest! {
    #[test]
    fn never_panics_on_any_bytes(body in prop::collection::vec(any::<u8>(), 0..400), endpoint in endpoint()) {
        let headers = [("authorization", "Basic a2V5Og=="), ("x-signature", "00")];
        let request = Request { endpoint, headers: &headers, query: "", body: &body, received_at: NOW };
        let _ = receive(&request, &sources(), &LIMITS, &WantedProperties::All);
    }

    #[test]
    fn never_panics_on_json_like_text(
        body in r#"[\[{]?("(type|userId|batch|json|context|traits|timestamp)":|[\[\]{},:"a1-]|null|"track"){0,40}[\]}]?"#,
        endpoint in endpoint(),
    ) {
        let headers = [("authorization", "Basic a2V5Og==")];
        let request = Request { endpoint, headers: &headers, query: "", body: body.as_bytes(), received_at: NOW };
        let _ = receive(&request, &sources(), &LIMITS, &WantedProperties::All);
    }

    #[test]
    fn never_panics_on_any_credentials(name in "authorization|x-signature|x-write-key", value in "\\PC{0,60}", query in "\\PC{0,40}") {
        let headers = [(name.as_str(), value.as_str())];
        let request = Request { endpoint: Endpoint::Batch, headers: &headers, query: &query, body: b"[{}]", received_at: NOW };
        let _ = receive(&request, &sources(), &LIMITS, &WantedProperties::All);
    }

    #[test]
    fn of_n_calls_k_bad_ones_spoil_only_themselves(calls in prop::collection::vec(call(), 0..40)) {
        let texts: Vec<_> = calls.iter().map(|(_, text)| text.as_str()).collect();
        let parsed = from_sdk(Endpoint::Batch, &format!(r#"{{"batch":[{}]}}"#, texts.join(",")));
        let bad: Vec<_> = calls.iter().enumerate().filter(|(_, (good, _))| !good).map(|(index, _)| index).collect();
        let reported: Vec<_> = parsed.rejections.iter().map(|rejection| rejection.index).collect();
        prop_assert_eq!(&reported, &bad);
        prop_assert_eq!(parsed.events.len(), calls.len() - bad.len());
    }

    #[test]
    fn events_keep_their_promises(calls in prop::collection::vec(call(), 0..20)) {
        let texts: Vec<_> = calls.iter().map(|(_, text)| text.as_str()).collect();
        for event in from_sdk(Endpoint::Batch, &format!("[{}]", texts.join(","))).events {
            prop_assert!(event.timestamp <= event.received_at);
            prop_assert!(event.call == Call::Group || event.user_id.is_some() || event.anonymous_id.is_some());
            for id in [&event.user_id, &event.anonymous_id, &event.group_id].into_iter().flatten() {
                prop_assert!(!id.is_empty() && id.trim().len() == id.len());
            }
        }
    }
}
