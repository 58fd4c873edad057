//! Configurations: any text gives a configuration, or diagnostics with places inside it that can be shown; no secret shows in
//! them, and what a configuration promises of itself holds.
#![no_main]

use handraiser::config::{Config, Diagnostic, diagnostic, load_text};
use handraiser::crm::webhook::Body;
use handraiser::crm::{Kind, Webhook, mapping, sample, template};
use libfuzzer_sys::fuzz_target;

const FILE: &str = "handraiser.yaml";
/// What every variable with a short name holds.
const SECRET: &str = "k9-Tr0ub4dor-and-three";

fuzz_target!(|text: &str| {
    let environment = |name: &str| (name.len() < 8).then(|| SECRET.to_owned());
    let diagnostics = match load_text(FILE, text, &environment) {
        Ok(loaded) => {
            assert!(!loaded.warnings.iter().any(Diagnostic::is_error), "an error, and yet accepted");
            holds(&loaded.config);
            loaded.warnings
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(Diagnostic::is_error), "refused without a reason");
            diagnostics
        }
    };
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect();
    diagnostics.iter().for_each(|one| lies_inside(one, &lines));
    let shown = diagnostic::render_all(&diagnostics, false);
    assert!(text.contains(SECRET) || !shown.contains(SECRET), "{shown}");
});

fn lies_inside(one: &Diagnostic, lines: &[&str]) {
    assert!(!one.message.trim().is_empty() && one.file == FILE, "{one:?}");
    let Some(line) = one.line.checked_sub(1) else {
        assert!((one.column, one.length) == (0, 0), "{one:?}");
        return;
    };
    let line = lines.get(line).unwrap_or_else(|| panic!("there is no such line: {one:?}"));
    let characters = line.trim_end_matches('\r').chars().count();
    // A caret may stand behind the last character: something is missing there.
    assert!((1..=characters + 2).contains(&one.column), "{one:?}");
    assert!(one.length >= 1 && one.column + one.length <= characters + 3, "{one:?}");
    let excerpt = one.excerpt.as_ref().unwrap_or_else(|| panic!("no excerpt: {one:?}"));
    assert_eq!(excerpt.chars().count(), characters, "the caret would be elsewhere: {one:?}");
    let shown = one.render(false);
    assert!(shown.lines().all(|line| line.chars().all(|c| !c.is_control() || c == '\t')), "{shown:?}");
}

/// Templates end, whatever they are made of.
fn holds(config: &Config) {
    let events = || [sample::full(), sample::of_user(), sample::minimal()];
    for destination in &config.destinations {
        match &destination.kind {
            Kind::Webhook(Webhook { body: Body::Template(source), .. }) => {
                events().iter().for_each(|event| drop(template::render(source, event)));
            }
            Kind::Webhook(Webhook { body: Body::Fields(fields), .. }) => {
                events().iter().for_each(|event| drop(mapping::values(fields, event)));
            }
            Kind::Slack(slack) => {
                if let Some(source) = &slack.text {
                    events().iter().for_each(|event| drop(template::value(source, event)));
                }
            }
            _ => {}
        }
    }
}
