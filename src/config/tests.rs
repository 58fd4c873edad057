use super::*;

fn env(name: &str) -> Option<String> {
    Some(match name {
        "APP_WRITE_KEY" => "k-app-0123456789".into(),
        "SEGMENT_SHARED_SECRET" => "s3gm3nt-shared".into(),
        "CRM_WEBHOOK_URL" => "https://crm.example.com/hooks/leads".into(),
        "CRM_WEBHOOK_SECRET" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr".into(),
        _ => return None,
    })
}

#[test]
fn the_issue_s_example_loads_as_it_stands() {
    let loaded = load_text("issue.yaml", include_str!("../../fixtures/issue.yaml"), &env);
    let loaded = loaded.unwrap_or_else(|all| panic!("{}", diagnostic::render_all(&all, false)));
    eprintln!("{}", diagnostic::render_all(&loaded.warnings, false));
    eprintln!("{:#?}", loaded.config);
}
