mod attached;
mod broken;
mod compiled;
mod destinations;
mod documents;
mod reload;
mod reps;
mod safety;
mod territories;
mod weak;

use super::*;

/// The environment of the tests.
fn env(name: &str) -> Option<String> {
    Some(match name {
        "APP_WRITE_KEY" => "k-app-0123456789".into(),
        "SEGMENT_SHARED_SECRET" => "s3gm3nt-shared-0123".into(),
        "CRM_WEBHOOK_URL" => "https://crm.example.com/hooks/leads".into(),
        "CRM_WEBHOOK_SECRET" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr".into(),
        "ADMIN_TOKEN" => "4f1c5c1e0a6e4b63a4f1c5c1".into(),
        "WEBHOOK_HOST" => "crm.example.com".into(),
        _ => return None,
    })
}

fn loaded(text: &str) -> Loaded {
    load_text("test.yaml", text, &env).unwrap_or_else(|all| panic!("{}", diagnostic::render_all(&all, false)))
}

/// Everything that is found in `text`, as it is shown.
fn findings(text: &str) -> String {
    let all = load_text("test.yaml", text, &env).map_or_else(|all| all, |loaded| loaded.warnings);
    diagnostic::render_all(&all, false)
}

/// Only the messages, one a line.
fn messages(text: &str) -> Vec<String> {
    let all = load_text("test.yaml", text, &env).map_or_else(|all| all, |loaded| loaded.warnings);
    all.into_iter().map(|one| format!("{}:{} {}", one.line, one.column, one.message)).collect()
}
