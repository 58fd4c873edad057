//! Any bytes to any address: never a panic, every call accounted for, and what comes out keeps the promises of `Event`.
#![no_main]

use handraiser::cdp::source::{Proof, Secret};
use handraiser::cdp::{Call, Endpoint, Parsed, Request, Source, SourceName, pixel, receive};
use handraiser::config::Limits;
use handraiser::time::Millis;
use libfuzzer_sys::fuzz_target;

const NOW: Millis = Millis(1_795_293_412_000);
const LIMITS: Limits = Limits { event_bytes: 2_048, request_bytes: 1 << 20, batch_events: 50, in_flight: 1 };

fn sources() -> [Source; 2] {
    let header = Proof::Header { name: "x-key".to_owned(), values: vec![Secret::new("s")] };
    [
        Source { name: SourceName::new("app"), write_keys: vec![Secret::new("key")], proof: None, correct_time: true },
        Source { name: SourceName::new("hook"), write_keys: Vec::new(), proof: Some(header), correct_time: false },
    ]
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let endpoint = match choice % 5 {
        0 => Endpoint::Batch,
        1 => Endpoint::Call(Call::Track),
        2 => Endpoint::Call(Call::Alias),
        3 => Endpoint::Unsupported("merge"),
        _ => Endpoint::Webhook("hook"),
    };
    let headers = [("authorization", "Basic a2V5Og=="), ("x-key", "s")];
    let query = std::str::from_utf8(body).unwrap_or_default();
    let pixel = if choice & 0x80 == 0 { Vec::new() } else { pixel::body_of(query) };
    let body = if choice & 0x80 == 0 { body } else { &pixel };
    let request = Request { endpoint, headers: &headers, query: "", body, received_at: NOW };
    if let Ok(parsed) = receive(&request, &sources(), &LIMITS) {
        check(&parsed);
    }
});

fn check(parsed: &Parsed) {
    assert!(parsed.rejections.is_sorted_by(|a, b| a.index < b.index));
    if parsed.single {
        assert_eq!(parsed.events.len() + parsed.rejections.len() + parsed.ignored, 1);
    }
    for event in &parsed.events {
        assert!(event.timestamp <= event.received_at && event.timestamp > Millis(0));
        assert!(event.call == Call::Group || event.user_id.is_some() || event.anonymous_id.is_some());
        assert!(!event.message_id.is_empty());
        for id in [&event.user_id, &event.anonymous_id, &event.previous_id, &event.group_id].into_iter().flatten() {
            assert!(!id.is_empty() && id.trim().len() == id.len());
        }
    }
}
