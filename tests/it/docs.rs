//! What the documents show works: every piece of configuration in them passes `handraiser check`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::delivery::tls::authority;

/// What a recipe is added to.
const BASE: &str = "include: recipe.yaml\n";

#[test]
fn every_recipe_is_a_valid_configuration() {
    let mut recipes = 0;
    let mut failures = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page can be read");
        for (line, recipe) in blocks(&text, "yaml") {
            recipes += 1;
            if let Err(output) = check(&recipe) {
                failures.push(format!("{}:{line}\n{output}", page.display()));
            }
        }
    }
    assert!(recipes > 20, "the recipes are found: {recipes}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn the_bounds_that_the_security_page_names_are_those_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/security.md")).expect("the page can be read");
    let schema = fs::read_to_string(root.join("docs/config.schema.json")).expect("the schema can be read");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("it is JSON");
    let mut bounds = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains("`server.limits.")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        for (value, setting) in cells[1].split(';').zip(cells[2].split(',')) {
            let name = setting.trim().trim_matches('`').trim_start_matches("server.limits.");
            let default = &schema["$defs"]["LimitsShape"]["properties"][name]["default"];
            let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
            assert_eq!(value.split_whitespace().next(), Some(default.as_str()), "`server.limits.{name}`");
            bounds += 1;
        }
    }
    assert!(bounds >= 12, "the bounds are found: {bounds}");
}

#[test]
fn the_runbook_says_what_to_do_about_each_alert() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/operations.md")).expect("the page can be read");
    let alerts: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- alert: ")?.split_whitespace().next()).collect();
    assert!(alerts.len() >= 18, "the alerts are found: {alerts:?}");
    for alert in alerts {
        let has_section = page.lines().any(|line| line.starts_with("### ") && line.contains(&format!("`{alert}`")));
        assert!(has_section, "no heading of the runbook names `{alert}`");
    }
    let metrics = text_below(&root.join("src"));
    for (line, block) in blocks(&page, "yaml").into_iter().filter(|(_, block)| block.contains("- alert: ")) {
        for name in block.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let is_ours = name.starts_with("handraiser_");
            assert!(!is_ours || metrics.contains(&format!("\"{name}\"")), "line {line}: there is no metric `{name}`");
        }
    }
}

/// All files of the program, one behind another.
fn text_below(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("it can be read").path());
    let text =
        |path: PathBuf| if path.is_dir() { text_below(&path) } else { fs::read_to_string(path).unwrap_or_default() };
    entries.map(text).collect()
}

/// The documents that people copy from.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    [
        "README.md",
        "docs/definitions.md",
        "docs/territories.md",
        "docs/connect-segment.md",
        "docs/connect-rudderstack.md",
        "docs/crm.md",
        "docs/crm/attio.md",
        "docs/crm/hubspot.md",
        "docs/crm/pipedrive.md",
        "docs/crm/salesforce.md",
        "docs/crm/slack.md",
    ]
    .iter()
    .map(|page| root.join(page))
    .collect()
}

/// The fenced blocks of a language, each with the line at which it starts.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line.trim() == "```" => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line.trim() == format!("```{language}") => open = Some((number + 2, String::new())),
            None => {}
        }
    }
    blocks
}

fn check(recipe: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let base = directory.path().join("handraiser.yaml");
    fs::write(&base, BASE).expect("the configuration can be written");
    fs::write(directory.path().join("recipe.yaml"), recipe).expect("the configuration can be written");
    fs::write(directory.path().join("territories.csv"), territories(recipe)).expect("the table can be written");
    fs::write(directory.path().join("corp-ca.pem"), authority().pem()).expect("the certificate can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_handraiser"));
    command.arg("check").arg(&base);
    for variable in [BASE, recipe].into_iter().flat_map(variables) {
        command.env(variable, value_for(variable));
    }
    let output = command.output().expect("the program can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(()) } else { Err(text(&output.stdout) + &text(&output.stderr)) }
}

/// The variables that a configuration names.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next())
}

/// The table of the cookbook, with the headers that a recipe maps.
fn territories(recipe: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/territories.md");
    let (_, table) = blocks(&fs::read_to_string(page).expect("the page can be read"), "csv").remove(0);
    if recipe.contains("columns:") {
        let (head, rows) = table.split_once('\n').expect("rows");
        let head = head.replace("Company size", "Segment size").replace("Owner", "AE");
        let rows: Vec<String> = rows.lines().map(|row| format!("{row},,")).collect();
        return format!("{head},Notes,Quota\n{}\n", rows.join("\n"));
    }
    table
}

#[test]
fn the_cookbook_s_examples_of_routes_are_what_the_program_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/territories.md");
    let text = fs::read_to_string(page).expect("the page can be read");
    let directory = tempfile::tempdir().expect("a directory can be made");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("it can be written");
    let (_, recipe) = blocks(&text, "yaml").remove(0);
    write("handraiser.yaml", &recipe);
    write("territories.csv", &territories(""));
    // The change that the page tells of, and the leads of a company.
    write("new.yaml", &recipe.replace("territories.csv", "new.csv"));
    write("new.csv", &territories("").replace("1000", "500"));
    let leads = crate::territories::leads("leads.csv").into_iter();
    let lines: Vec<String> = leads.map(|(lead, ..)| serde_json::to_string(&lead).expect("plain data")).collect();
    write("leads.jsonl", &lines.join("\n"));
    let examples = blocks(&text, "console");
    assert_eq!(examples.len(), 2);
    for (_, printed) in examples {
        let (command, expected) = printed.split_once('\n').expect("a command and what it prints");
        let arguments = command.trim_start_matches("$ handraiser ").split(' ');
        let mut program = Command::new(env!("CARGO_BIN_EXE_handraiser"));
        let output = program.args(arguments).current_dir(directory.path()).output().expect("the program can be run");
        let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&printed), trimmed(expected), "{command}:\n{printed}");
    }
}

fn value_for(variable: &str) -> &'static str {
    match variable {
        "REDIS_URL" => "redis://localhost:6379/0",
        "CRM_WEBHOOK_SECRET" | "CRM_OUTCOMES_SECRET" => "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        name if name.ends_with("_URL") => "https://crm.example.com/leads",
        _ => "a-secret-of-some-length-0123456789",
    }
}
