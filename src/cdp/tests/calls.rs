//! What each call must have, and what becomes of its fields.

use serde_json::json;

use super::*;
use crate::event::{Call, MessageId};

fn track(body: &str) -> Arc<Event> {
    only(from_sdk(Endpoint::Call(Call::Track), body))
}

#[test]
fn each_call_needs_what_it_is_about() {
    for (body, expected) in [
        (r#"{"type":"track","userId":"u","event":"e"}"#, None),
        (r#"{"type":"TRACK","anonymousId":"a","event":"e"}"#, None),
        (r#"{"type":"track","userId":null,"anonymousId":"a","event":"e"}"#, None),
        (r#"{"type":"track","event":"e"}"#, Some("missing_id")),
        (r#"{"type":"track","userId":"  ","event":"e"}"#, Some("missing_id")),
        (r#"{"type":"track","userId":"undefined","event":"e"}"#, Some("missing_id")),
        (r#"{"type":"track","userId":"u"}"#, Some("missing_event")),
        (r#"{"type":"track","userId":"u","event":" "}"#, Some("missing_event")),
        (r#"{"type":"track","userId":"u","event":{}}"#, Some("missing_event")),
        (r#"{"type":"track","userId":{},"event":"e"}"#, Some("invalid_field")),
        (r#"{"type":"track","userId":"u","event":"e","properties":"x"}"#, Some("invalid_field")),
        (r#"{"type":"track","userId":"u","event":"e","properties":[1]}"#, Some("invalid_field")),
        (r#"{"type":"track","userId":"u","event":"e","properties":[]}"#, None),
        (r#"{"type":"track","userId":"u","event":"e","properties":null}"#, None),
        (r#"{"type":"identify","userId":"u"}"#, None),
        (r#"{"type":"identify","traits":{"a":1}}"#, Some("missing_id")),
        (r#"{"type":"page","anonymousId":"a"}"#, None),
        (r#"{"type":"screen","anonymousId":7}"#, None),
        (r#"{"type":"group","groupId":"g"}"#, None),
        (r#"{"type":"group","userId":"u"}"#, Some("missing_group")),
        (r#"{"type":"alias","userId":"u","previousId":"a"}"#, None),
        (r#"{"type":"alias","userId":"u","anonymousId":"a"}"#, None),
        (r#"{"type":"alias","userId":"u"}"#, Some("missing_previous")),
        (r#"{"type":"alias","previousId":"a"}"#, Some("missing_id")),
        (r#"{"userId":"u","event":"e"}"#, Some("missing_type")),
        (r#"{"type":"merge","userId":"u"}"#, Some("unsupported_type")),
        (r#"{"type":"delete","userId":"u"}"#, Some("delete_not_proven")),
        ("7", Some("invalid_event")),
        (r#"{"type":"track","userId":"u","event":"\ud83d"}"#, None),
        (r#"{"type":"track","userId":"\ude00","event":"e"}"#, None),
        (r#"{"type":"track","userId":1e999,"event":"e"}"#, Some("missing_id")),
        (r#"{"type":"track","userId":"u","event":"e","timestamp":1e999,"properties":{"a":1e999}}"#, None),
    ] {
        let parsed = from_sdk(Endpoint::Batch, &format!("[{body}]"));
        assert_eq!(rejected(&parsed), expected.map(|code| (0, code)).into_iter().collect::<Vec<_>>(), "{body}");
        assert_eq!(parsed.events.len(), usize::from(expected.is_none()), "{body}");
    }
}

#[test]
fn a_rejection_names_the_event_and_the_mend() {
    let body = r#"[{"type":"track","messageId":"m-1","event":"e"},{"type":"track","messageId":"m-2","userId":[1]}]"#;
    insta::assert_json_snapshot!(from_sdk(Endpoint::Batch, body).rejections, @r#"
    [
      {
        "at": 1795293412000,
        "source": "app",
        "index": 0,
        "code": "missing_id",
        "message": "neither `userId` nor `anonymousId` is there; one of them is needed",
        "message_id": "m-1",
        "excerpt": "{\"type\":\"track\",\"messageId\":\"m-1\",\"event\":\"e\"}"
      },
      {
        "at": 1795293412000,
        "source": "app",
        "index": 1,
        "code": "invalid_field",
        "message": "`userId`: invalid type: sequence, expected a string or a number at line 1 column 44",
        "message_id": "m-2",
        "excerpt": "{\"type\":\"track\",\"messageId\":\"m-2\",\"userId\":[1]}"
      }
    ]
    "#);
}

#[test]
fn ids_are_trimmed_strings_and_numbers_are_accepted() {
    let event =
        track(r#"{"userId":42,"anonymousId":" a ","event":" Task Created ","messageId":7,"context":{"groupId":9}}"#);
    assert_eq!(event.user_id.as_deref(), Some("42"));
    assert_eq!(event.anonymous_id.as_deref(), Some("a"));
    assert_eq!(event.name.as_deref(), Some("Task Created"));
    assert_eq!(&*event.message_id, "7");
    assert_eq!(event.message, Some(MessageId::of(&event.source, b"7")));
    assert_eq!(event.context_group_id.as_deref(), Some("9"));
}

#[test]
fn snake_case_names_are_understood() {
    let event = track(r#"{"user_id":"u","event":"e","message_id":"m","original_timestamp":"2026-11-20T00:00:00Z"}"#);
    assert_eq!((event.user_id.as_deref(), &*event.message_id), (Some("u"), "m"));
    assert_eq!(event.timestamp.rfc3339(), "2026-11-20T00:00:00.000Z");
}

#[test]
fn the_last_of_equal_names_counts() {
    assert_eq!(track(r#"{"userId":"u","event":"a","event":"b"}"#).name.as_deref(), Some("b"));
}

#[test]
fn traits_of_identify_come_from_the_root_or_else_the_context() {
    for (body, expected) in [
        (r#"{"userId":"u","traits":{"plan":"free"}}"#, json!({"plan": "free"})),
        (r#"{"userId":"u","context":{"traits":{"plan":"pro"}}}"#, json!({"plan": "pro"})),
        (r#"{"userId":"u","traits":{},"context":{"traits":{"plan":"pro"}}}"#, json!({"plan": "pro"})),
        (r#"{"userId":"u","traits":{"plan":"free"},"context":{"traits":{"plan":"pro"}}}"#, json!({"plan": "free"})),
    ] {
        let event = only(from_sdk(Endpoint::Call(Call::Identify), body));
        assert_eq!(json!(event.traits), expected, "{body}");
        assert!(event.context_traits.is_empty(), "{body}");
    }
}

#[test]
fn traits_of_other_calls_stay_apart() {
    let group = r#"{"groupId":"g","userId":"u","traits":{"plan":"pro"},"context":{"traits":{"title":"CTO"}}}"#;
    let event = only(from_sdk(Endpoint::Call(Call::Group), group));
    assert_eq!((json!(event.traits), json!(event.context_traits)), (json!({"plan": "pro"}), json!({"title": "CTO"})));
    assert_eq!(event.group_id.as_deref(), Some("g"));
    let event = track(r#"{"userId":"u","event":"e","traits":{"x":1},"context":{"traits":{"company":{"id":"c"}}}}"#);
    assert_eq!((json!(event.traits), json!(event.context_traits)), (json!({}), json!({"company": {"id": "c"}})));
}

#[test]
fn a_page_has_its_name_and_its_category() {
    for (body, name, properties) in [
        (r#"{"userId":"u","name":"Home","category":"Docs"}"#, Some("Home"), json!({"category": "Docs"})),
        (r#"{"userId":"u","properties":{"name":"In"}}"#, Some("In"), json!({"name": "In"})),
        (r#"{"userId":"u","category":"","properties":{}}"#, None, json!({})),
        (r#"{"userId":"u","category":"A","properties":{"category":"B"}}"#, None, json!({"category": "B"})),
    ] {
        let event = only(from_sdk(Endpoint::Call(Call::Page), body));
        assert_eq!(event.name.as_deref(), name, "{body}");
        assert_eq!(json!(event.properties), properties, "{body}");
    }
}

#[test]
fn an_alias_ties_the_previous_id() {
    let event = only(from_sdk(Endpoint::Call(Call::Alias), r#"{"userId":"u","previousId":"anon-9"}"#));
    assert_eq!((event.user_id.as_deref(), event.previous_id.as_deref()), (Some("u"), Some("anon-9")));
    let parsed = from_sdk(Endpoint::Call(Call::Alias), r#"{"userId":"u","previousId":"u"}"#);
    assert_eq!((parsed.events.len(), parsed.ignored), (0, 1), "an alias to itself changes nothing");
}

#[test]
fn without_a_message_id_content_and_time_are_one() {
    for dated in [r#""timestamp":"2026-11-20T00:00:00Z""#, r#""originalTimestamp":1795000000"#] {
        let one = format!(r#"{{"userId":"u","event":"e","properties":{{"n":1}},{dated}}}"#);
        let (first, again) = (track(&one), track(&one));
        assert_eq!(first.message, again.message);
        assert_eq!(first.message, Some(MessageId::of(&first.source, one.as_bytes())));
        assert!(first.message_id.starts_with("raw-"), "{}", first.message_id);
        assert_ne!(first.message, track(&one.replace(r#""n":1"#, r#""n":2"#)).message);
        let in_batch = from_sdk(Endpoint::Batch, &format!("[ {} ]", one.replacen('{', r#"{"type":"track","#, 1)));
        assert_eq!(in_batch.unrecognisable, 0);
        assert!(only(in_batch).message_id.starts_with("raw-"));
    }
}

#[test]
fn without_a_message_id_and_a_time_every_arrival_is_new() {
    for times in ["", r#","sentAt":"2026-11-21T20:36:54Z""#, r#","timestamp":"yesterday""#, r#","timestamp":null"#] {
        let login = format!(r#"{{"type":"track","userId":"u","event":"Login"{times}}}"#);
        let named = login.replacen('{', r#"{"messageId":"m","#, 1);
        let parsed = from_sdk(Endpoint::Batch, &format!("[{login},{login},{named}]"));
        let known: Vec<_> = parsed.events.iter().map(|event| event.message.is_some()).collect();
        assert_eq!((known, parsed.unrecognisable), (vec![false, false, true], 2), "{times}");
        assert!(parsed.events[0].message_id.starts_with("raw-"), "people still see something to go by");
    }
}

#[test]
fn opting_out_is_honoured_where_sdks_send_directly() {
    for (integrations, left_out) in [
        ("{}", false),
        (r#"{"All":true}"#, false),
        (r#"{"All":false}"#, true),
        (r#"{"All":false,"Handraiser":true}"#, false),
        (r#"{"All":false,"Handraiser":{"x":1}}"#, false),
        (r#"{"All":false,"handraiser":true}"#, true),
        (r#"{"Handraiser":false}"#, true),
        (r#"{"All":false,"Mixpanel":true}"#, true),
        (r#""odd""#, false),
    ] {
        let call = format!(r#"{{"type":"track","userId":"u","event":"e","integrations":{integrations}}}"#);
        if integrations != r#""odd""# {
            let parsed = from_sdk(Endpoint::Batch, &call);
            assert_eq!(
                (parsed.opted_out, parsed.events.len()),
                (usize::from(left_out), usize::from(!left_out)),
                "{call}"
            );
        }
        let enveloped =
            format!(r#"{{"integrations":{integrations},"batch":[{{"type":"track","userId":"u","event":"e"}}]}}"#);
        assert_eq!(from_sdk(Endpoint::Batch, &enveloped).opted_out, usize::from(left_out), "{enveloped}");
        if integrations != r#""odd""# {
            assert_eq!(from_webhook(&call).opted_out, 0, "the CDP has followed the wish already: {call}");
        }
    }
}

#[test]
fn deletions_need_a_secret() {
    let event = only(from_webhook(r#"{"type":"delete","userId":"u","timestamp":"2026-11-20T00:00:00Z"}"#));
    assert_eq!((event.call, event.user_id.as_deref()), (Call::Delete, Some("u")));
    assert_eq!(rejected(&from_webhook(r#"{"type":"delete"}"#)), [(0, "missing_id")]);
    assert_eq!(rejected(&from_sdk(Endpoint::Batch, r#"{"type":"delete","userId":"u"}"#)), [(0, "delete_not_proven")]);
}

#[test]
fn times_are_corrected_for_sdks_and_taken_as_they_are_from_webhooks() {
    let times = |more: &str| format!(r#"{{"type":"track","userId":"u","event":"e"{more}}}"#);
    for (name, more, sdk, webhook) in [
        ("none", "", "2026-11-21T20:36:52.000Z", "2026-11-21T20:36:52.000Z"),
        (
            "Segment",
            r#","timestamp":"2026-11-21T19:00:00Z","sentAt":"2026-11-21T19:36:52Z""#,
            "2026-11-21T20:00:00.000Z",
            "2026-11-21T19:00:00.000Z",
        ),
        (
            "Rudder, the caller's own",
            r#","timestamp":"2026-01-02T03:04:05.678Z","originalTimestamp":"2026-11-21T20:36:54Z","sentAt":"2026-11-21T20:36:54Z""#,
            "2026-01-02T03:04:05.678Z",
            "2026-01-02T03:04:05.678Z",
        ),
        (
            "Rudder",
            r#","originalTimestamp":"2026-11-21T19:00:00Z","sentAt":"2026-11-21T19:36:52Z""#,
            "2026-11-21T20:00:00.000Z",
            "2026-11-21T19:00:00.000Z",
        ),
        ("curl", r#","timestamp":"2026-01-02T03:04:05.678Z""#, "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"),
        ("odd", r#","timestamp":["x"],"sentAt":{"a":1}"#, "2026-11-21T20:36:52.000Z", "2026-11-21T20:36:52.000Z"),
        ("future", r#","timestamp":"2027-01-01""#, "2026-11-21T20:36:52.000Z", "2026-11-21T20:36:52.000Z"),
    ] {
        assert_eq!(only(from_sdk(Endpoint::Batch, &times(more))).timestamp.rfc3339(), sdk, "{name}");
        assert_eq!(only(from_sdk(Endpoint::Call(Call::Track), &times(more))).timestamp.rfc3339(), sdk, "{name}");
        let batch = format!(r#"{{"batch":[{}]}}"#, times(more));
        assert_eq!(only(from_sdk(Endpoint::Batch, &batch)).timestamp.rfc3339(), sdk, "{name}");
        assert_eq!(only(from_webhook(&times(more))).timestamp.rfc3339(), webhook, "{name}");
    }
}

#[test]
fn half_an_emoji_and_a_number_beyond_all_bounds_spoil_only_themselves() {
    let traits = r#"{"name":"Ana \ud83d","revenue":-1e999,"plan":"pro","note":"\ud83d\ude00"}"#;
    for body in [
        format!(r#"{{"type":"identify","userId":"u","traits":{traits}}}"#),
        format!(r#"{{"batch":[{{"type":"identify","userId":"u"}}],"context":{{"traits":{traits}}}}}"#),
    ] {
        let event = only(from_sdk(Endpoint::Batch, &body));
        let expected = json!({ "name": "Ana \u{fffd}", "revenue": null, "plan": "pro", "note": "😀" });
        assert_eq!(json!(event.traits), expected, "{body}");
    }
    let single = r#"{"userId":"u","event":"e","sentAt":"\ud83d","timestamp":1e999}"#;
    assert_eq!(track(single).timestamp, NOW, "an odd time is none");
}

#[test]
fn what_is_too_large_is_cut_and_the_event_is_taken() {
    let body = json!([
        { "type": "identify", "userId": "u", "traits": { "bio": "x".repeat(20_000), "plan": "pro" } },
        { "type": "track", "userId": "u", "event": "e".repeat(300), "properties": { "ids": vec![0; 5_000] } },
        { "type": "track", "userId": "u", "event": "e", "properties": { "ids": vec![0; 100] } },
    ]);
    let parsed = from_sdk(Endpoint::Batch, &body.to_string());
    assert_eq!((rejected(&parsed), parsed.shortened), (vec![], 2));
    let [identify, track, _] = &*parsed.events else { panic!("{parsed:?}") };
    assert_eq!(json!(identify.traits), json!({ "bio": "x".repeat(1_020), "plan": "pro" }));
    assert_eq!((track.name.as_deref(), &track.properties["ids"]), (Some(&*"e".repeat(256)), &json!(vec![0; 100])));
}

#[test]
fn what_is_kept_of_rejections_is_bounded() {
    let id = "m".repeat(20_000);
    let body = json!([{ "type": "track", "messageId": id }, { "type": "track", "properties": id, "messageId": 7 }]);
    for rejection in from_sdk(Endpoint::Batch, &body.to_string()).rejections {
        assert!(serde_json::to_string(&rejection).expect("JSON").len() < 2_000, "{rejection:?}");
    }
    let parsed = from_sdk(Endpoint::Batch, &format!("[{}{{}}]", "{},".repeat(2_600)));
    assert_eq!((parsed.rejected, parsed.rejections.len(), parsed.beyond_limit), (2_601, 101, 101));
    assert_eq!(parsed.rejections[100].code, "batch_too_long");
}
