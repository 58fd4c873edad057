//! Secrets never show, and no text makes the loader panic.
#![expect(clippy::string_slice, reason = "a place that is no boundary fails the test")]

use proptest::prelude::*;

use super::{diagnostic, env};
use crate::config::load_text;

const ISSUE: &str = include_str!("../../../fixtures/issue.yaml");

/// Everything that is ever shown about `text`: for people, coloured, as JSON, and by `Debug`.
fn shown(text: &str) -> String {
    match load_text("test.yaml", text, &env) {
        Ok(loaded) => {
            let json = serde_json::to_string(&loaded.warnings).expect("plain data");
            format!("{}{json}{:?}", diagnostic::render_all(&loaded.warnings, true), loaded.config)
        }
        Err(all) => {
            let json = serde_json::to_string(&all).expect("plain data");
            format!("{}{json}{all:?}", diagnostic::render_all(&all, false))
        }
    }
}

#[test]
fn secrets_never_show() {
    let literal = "HUNTER2-hunter2";
    for text in [
        // Wrong in all the ways that make the line show.
        format!("sources: {{ app: {{ write_key: {literal}, wrong: 1 }} }}"),
        format!("sources: {{ app: {{ writekey: {literal} }} }}"),
        format!("sources: {{ app: {{ pasword: {literal} }} }}"),
        format!("sources:\n  app: {literal}: {literal}\n"),
        format!("sources:\n  a: {{ write_key: {literal} }}\n  b: {{ write_key: {literal} }}\n"),
        format!("sources: {{ a: {{ signature: {{ scheme: standard_webhooks, secret: {literal} }} }} }}"),
        format!("sources: {{ a: {{ signature: {{ scheme: header, header: 'a b', secrets: [{literal}] }} }} }}"),
        format!("sources: {{ a: {{ signature: {{ scheme: hmac, secret: !{literal} x }} }} }}"),
        format!("sources: {{ a: {{ signature: {{ secret: [[{literal}]] }} }} }}"),
        format!("server: {{ admin_token: {{ value: {literal} }} }}"),
        format!("server:\n  admin_token: {literal}\n   listen: x\n"),
        format!("server: {{ admin_token: {literal} #1 }}"),
        format!("store: {{ redis: {{ url: 'redis://user:{literal}@host', cluster: maybe }} }}"),
        format!("store: {{ redis: {{ url: 'http://user:{literal}@host' }} }}"),
        format!(
            "destinations: {{ crm: {{ webhook: {{ url: 'ftp://user:{literal}@host/{literal}', secret: {literal} }} }} }}"
        ),
        format!(
            "destinations: {{ crm: {{ webhook: {{ url: 'https://hooks.example.com/{literal}', }}, timeout: 1 }} }}"
        ),
        format!(
            "destinations: {{ crm: {{ webhook: {{ url: x, headers: {{ Authorization: Bearer {literal}, 'x y': {literal} }} }} }} }}"
        ),
        format!("destinations: {{ crm: {{ webhook: {{ url: x, headers: [{literal}] }} }} }}"),
    ] {
        let shown = shown(&text);
        assert!(!shown.contains(literal), "{text}\n{shown}");
        assert!(!shown.to_lowercase().contains("hunter2"), "{text}\n{shown}");
    }
}

#[test]
fn values_of_variables_never_show() {
    let values =
        ["k-app-0123456789", "s3gm3nt-shared-0123", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "4f1c5c1e0a6e4b63a4f1c5c1"];
    let variables = ["APP_WRITE_KEY", "SEGMENT_SHARED_SECRET", "CRM_WEBHOOK_SECRET", "ADMIN_TOKEN"];
    let places = [
        "time_zone: @",
        "accounts: [@]",
        "server: { listen: @, admin_token: @, workers: @, otlp_endpoint: @, drain_timeout: @ }",
        "store: { redis: { url: @, durability: @, cluster: @ } }",
        "traits: { user: { a: @ } }",
        "counters: { a: { of: @, event: @, where: '@ > 1', distinct: @, within: @ } }",
        "definitions: [ { name: @, of: account, intent: '@ > 1', sentence: '{{ @ }}', cooldown: @ } ]",
        "teams: { a: { reps: [@, '@', '@@example.com'], assign: @ } }",
        "routes: [ { name: a, when: 'lead.tier == @', to: @ } ]",
        "destinations: { crm: { webhook: { url: @, template: '{{ @', headers: { a: @ } }, allow_addresses: @ } }",
        "include: @",
        "routes: [ { name: @, to: self_serve }, { name: '@ b', to: self_serve } ]",
        "definitions: [ { name: '@', of: user, intent: 'true', tiers: { 1: true, 2: '@' } } ]",
        "destinations: { crm: { webhook: { url: 'https://x', template: '{\"a\": {{ lead.@ }} }' } } }",
        "sources: { a: { signature: { scheme: @, header: @, user: @, strict: @, secret: @ } } }",
    ];
    for place in places {
        for variable in variables {
            let text = place.replace('@', &format!("${{{variable}}}"));
            let shown = shown(&text);
            for value in values {
                // A name is shown in messages by design (`Debug` of a definition has it): only credentials are secret.
                let named = place.contains("name: @")
                    || place.contains("otlp")
                    || place.contains("event: @")
                    || place.contains("reps");
                assert!(named && shown.contains("Config {") || !shown.contains(value), "{text}\n{shown}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_it_panic(text in "[ -~\\n\\t\u{0}é😀\u{7fe}\u{feff}]{0,200}") {
        let _ = shown(&text);
    }

    #[test]
    fn no_structure_makes_it_panic(lines in proptest::collection::vec(line(), 0..24)) {
        let _ = shown(&lines.concat());
    }

    /// The example with some stretch cut out, doubled or replaced.
    #[test]
    fn no_slip_of_the_pen_makes_it_panic(from in 0..ISSUE.len(), length in 0..40_usize, with in "[ -~\\n]{0,6}") {
        let to = (from + length).min(ISSUE.len());
        let text = format!("{}{with}{}", &ISSUE[..from], &ISSUE[to..]);
        let _ = shown(&text);
    }
}

/// Lines that look like configuration.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "sources",
        "counters",
        "definitions",
        "teams",
        "routes",
        "destinations",
        "server",
        "store",
        "traits",
        "accounts",
        "include",
        "name",
        "of",
        "event",
        "within",
        "intent",
        "fit",
        "when",
        "tiers",
        "to",
        "webhook",
        "url",
        "secret",
        "reps",
        "1",
        "x",
        "<<",
    ]);
    let value = prop::sample::select(vec![
        "",
        "account",
        "x > 1",
        "true",
        "30d",
        "[a, b]",
        "{ a: b }",
        "&a",
        "*a",
        "!x y",
        "'q'",
        "\"q\\n\"",
        "|",
        "${A}",
        "${A:-b}",
        "\u{7fe}A`",
        "{ of: account, event: any }",
        "[ x > 1, y ]",
        "0",
        "-1",
        "99999999999999999999d",
        "~",
        "'{{ a'",
    ]);
    (0..4_usize, any::<bool>(), key, value).prop_map(|(depth, item, key, value)| {
        format!("{}{}{key}: {value}\n", "  ".repeat(depth), if item { "- " } else { "" })
    })
}
