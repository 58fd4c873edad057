//! Any bytes to any address: never a panic, every call accounted for, every call read as if it had come alone, a repetition
//! recognised whenever it comes; and what comes out keeps the promises of `Event`.
#![no_main]

use handraiser::cdp::source::Proof;
use handraiser::cdp::{Endpoint, Limits, Parsed, Request, Source, WantedProperties, pixel, receive};
use handraiser::event::{Call, Event, Rejected, Trust};
use handraiser::ids::SubjectKind;
use handraiser::secret::Secret;
use handraiser::time::Millis;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

const NOW: Millis = Millis(1_795_293_412_000);
const LIMITS: Limits = Limits {
    event_bytes: 2_048,
    request_bytes: 1 << 20,
    batch_events: 50,
    signed_batch_events: 4_000,
    ..Limits::DEFAULT
};
/// Of so many calls each is read alone as well.
const ALONE: usize = 16;

fn sources() -> [Source; 2] {
    let header = Proof::Header { name: "x-key".to_owned(), values: vec![Secret::new("s")] };
    // What is known of people is taken from servers alone.
    let app = Source { trust: Trust::Server, ..Source::new("app", vec![Secret::new("key")], None) };
    [app, Source::new("hook", Vec::new(), Some(header))]
}

fn endpoint(choice: u8) -> Endpoint<'static> {
    if choice & 0x80 != 0 {
        let of = if choice & 1 == 0 { SubjectKind::User } else { SubjectKind::Account };
        return Endpoint::Traits(of, " acme/europe ");
    }
    match choice % 5 {
        0 => Endpoint::Batch,
        1 => Endpoint::Call(Call::Track),
        2 => Endpoint::Call(Call::Alias),
        3 => Endpoint::Unsupported("merge"),
        _ => Endpoint::Webhook("hook"),
    }
}

fn read(endpoint: Endpoint<'_>, body: &[u8], received_at: Millis) -> Option<Parsed> {
    read_wanting(&WantedProperties::All, endpoint, body, received_at)
}

fn read_wanting(wanted: &WantedProperties, endpoint: Endpoint<'_>, body: &[u8], received_at: Millis) -> Option<Parsed> {
    // `key` and nothing else, as SDKs send it; the header is what the webhook source wants.
    let headers = [("authorization", "Basic a2V5Og=="), ("x-key", "s")];
    receive(&Request { endpoint, headers: &headers, query: "", body, received_at }, &sources(), &LIMITS, wanted).ok()
}

// The first byte chooses the address, and whether the rest is the query of a pixel (letters) or a body (digits).
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let endpoint = endpoint(*choice);
    let body =
        if choice & 0x40 == 0 { rest.to_vec() } else { pixel::body_of(std::str::from_utf8(rest).unwrap_or_default()) };
    let Some(parsed) = read(endpoint, &body, NOW) else { return };
    check(&parsed);
    all_are_accounted_for(&parsed, &body);
    each_stands_alone(&parsed, endpoint, &body);
    a_repetition_is_recognised(&parsed, endpoint, &body);
    what_is_left_out_changes_nothing_else(&parsed, endpoint, &body);
});

fn check(parsed: &Parsed) {
    parsed.events.iter().for_each(|event| keeps_its_promises(event));
    assert!(parsed.rejections.is_sorted_by(|a, b| a.index < b.index));
    assert_eq!(parsed.unrecognisable, parsed.events.iter().filter(|event| event.message.is_none()).count());
    for Rejected { code, message, excerpt, .. } in &parsed.rejections {
        assert!(!code.is_empty() && !message.is_empty() && message.len() <= 512 && excerpt.len() <= 256);
    }
}

fn keeps_its_promises(event: &Event) {
    assert!(event.timestamp <= event.received_at && event.timestamp > Millis(0));
    assert!(
        matches!(event.call, Call::Group | Call::Traits) || event.user_id.is_some() || event.anonymous_id.is_some()
    );
    assert!(event.call == Call::Traits || (event.call == Call::Group) == event.group_id.is_some());
    assert!(event.call != Call::Traits || event.user_id.is_some() != event.group_id.is_some(), "of one subject");
    assert!(event.call != Call::Track || event.name.is_some());
    assert!((event.call == Call::Alias) == event.previous_id.is_some());
    assert!(event.call != Call::Alias || event.user_id != event.previous_id, "an alias of itself changes nothing");
    let ids = [&event.user_id, &event.anonymous_id, &event.previous_id, &event.group_id, &event.context_group_id];
    // Of each byte of its text, and a little that every event has.
    assert!(event.bytes() <= 16 * 1_024 + 8 * LIMITS.event_bytes);
    for text in ids.into_iter().chain([&event.name]).flatten().chain([&event.message_id]) {
        assert!(!text.is_empty() && text.trim().len() == text.len(), "{text:?}");
    }
}

/// Held against `serde_json`'s own reading of the whole body.
fn all_are_accounted_for(parsed: &Parsed, body: &[u8]) {
    let found = parsed.events.len() + parsed.rejected + parsed.ignored + parsed.opted_out;
    if parsed.single {
        assert_eq!(found, 1);
        return;
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    let calls = match serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Ok(Value::Array(calls)) => calls.len(),
        Ok(Value::Object(envelope)) => envelope.get("batch").and_then(Value::as_array).map_or(0, Vec::len),
        // Deeper than a tree may be, or with a number beyond all bounds: what isn't read needs no tree.
        _ => return,
    };
    assert_eq!(found, calls);
}

/// An event is the same whether all of its properties are read or a few.
fn what_is_left_out_changes_nothing_else(parsed: &Parsed, endpoint: Endpoint<'_>, body: &[u8]) {
    const WANTED: [&str; 3] = ["name", "plan", "p"];
    let few = read_wanting(&WANTED.into_iter().collect(), endpoint, body, NOW).expect("it was read in whole");
    let kept = |event: &Event| {
        let mut event = event.clone();
        event.properties.retain(|name, _| WANTED.contains(&&**name));
        event
    };
    assert!(few.rejections.len() <= parsed.rejections.len());
    // What is large takes room from what follows it.
    if few.rejections == parsed.rejections && parsed.shortened == 0 {
        assert!(few.events.iter().map(|event| kept(event)).eq(parsed.events.iter().map(|event| kept(event))));
    }
}

/// No call of a list changes what becomes of another.
fn each_stands_alone(parsed: &Parsed, endpoint: Endpoint<'_>, body: &[u8]) {
    let Ok(calls) = serde_json::from_slice::<Vec<&RawValue>>(body) else { return };
    if calls.len() > ALONE || matches!(endpoint, Endpoint::Webhook(_)) && calls.len() > LIMITS.batch_events {
        return;
    }
    let alone =
        calls.iter().map(|raw| read(endpoint, format!("[{raw}]").as_bytes(), NOW).expect("it was one of a list"));
    let (mut events, mut ignored, mut opted_out, mut rejected) = (Vec::new(), 0, 0, Vec::new());
    for one in alone {
        events.extend(one.events);
        ignored += one.ignored;
        opted_out += one.opted_out;
        rejected.extend(one.rejections.into_iter().map(|rejection| rejection.message));
    }
    assert_eq!((&parsed.events, parsed.ignored, parsed.opted_out), (&events, ignored, opted_out));
    assert!(parsed.rejections.iter().map(|rejection| &rejection.message).eq(&rejected));
}

/// The same bytes an hour later are the same messages.
fn a_repetition_is_recognised(parsed: &Parsed, endpoint: Endpoint<'_>, body: &[u8]) {
    let again = read(endpoint, body, NOW.plus(Millis::HOUR)).expect("it was readable the first time");
    let messages = |parsed: &Parsed| parsed.events.iter().map(|event| event.message).collect::<Vec<_>>();
    assert_eq!(messages(parsed), messages(&again));
    // Refused as before, but for when it came.
    let refused = |one: &Rejected| (one.index, one.code.clone(), one.message.clone(), one.excerpt.clone());
    assert!(parsed.rejections.iter().map(refused).eq(again.rejections.iter().map(refused)));
}
