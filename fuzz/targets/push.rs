//! Any push to any CRM's address: never a panic, never taken for proven; and any answer of a CRM.
#![no_main]

use std::collections::BTreeMap;

use handraiser::crm::exchange::Response;
use handraiser::crm::push::{Push, Pusher, Pushes};
use handraiser::secret::Secret;
use handraiser::time::Millis;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const NOW: Millis = Millis(1_795_293_412_000);

// Lines of headers, an empty line, the body.
fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|two| two == b"\n\n").unwrap_or(0);
    let (head, body) = (String::from_utf8_lossy(&data[..end]), data.get(end + 2..).unwrap_or(data));
    let headers: BTreeMap<&str, &str> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let header = |name: &str| headers.get(name).copied();
    let query = header("query").unwrap_or_default();
    let push = Push { method: "POST", query, header: &header, body, now: NOW };
    for by in [
        Pusher::HubSpot("https://hooks.example.com/v1/outcomes/hubspot".into()),
        Pusher::Attio,
        Pusher::Pipedrive,
        Pusher::Salesforce(None),
        Pusher::Salesforce(Some("00D000000000001".into())),
        Pusher::Slack,
        Pusher::Program,
    ] {
        let pushes = Pushes { by, secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") };
        let is_proven = pushes.is_proven(&push);
        assert!(!is_proven, "nobody knows the secret");
        let _ = (pushes.is_offered(&push), pushes.name_of(&push));
        let _ = pushes.says(body);
    }
    // What a CRM answers is read as whatever is expected of it.
    let answer = Response { status: 200, body: body.to_vec(), ..Response::default() };
    let _ = (answer.json::<Value>(), answer.excerpt(), answer.status_line());
});
