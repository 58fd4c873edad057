//! `handraiser check`: proves a configuration, and points at the line that is wrong.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::config::diagnostic::{self, Code, plural};
use crate::config::{self, Config, Diagnostic, Loaded};

/// Checks a configuration without running it.
///
/// Exits with 0 when the server could run it, with 1 when something is wrong, with 2 when it can't be read.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration file.
    #[arg(default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG")]
    pub file: PathBuf,
    /// How to print the outcome.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Fail on warnings, too.
    #[arg(long)]
    pub strict: bool,
    /// Print the JSON Schema of the configuration, for editors, and do nothing else.
    #[arg(long)]
    pub schema: bool,
}

/// How to print the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Runs `handraiser check`.
pub fn run(args: CheckArgs) -> ExitCode {
    if args.schema {
        return print(&format!("{}\n", config::schema::pretty()), ExitCode::SUCCESS);
    }
    let outcome = config::load(&args.file, &config::process_env);
    let code = exit_code(&outcome, args.strict);
    let colour =
        args.format == ReportFormat::Text && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = match args.format {
        ReportFormat::Text => text(&args.file.display().to_string(), &outcome, colour),
        ReportFormat::Json => json(&args.file.display().to_string(), &outcome),
    };
    print(&text, ExitCode::from(code))
}

/// A closed pipe (`handraiser check | head`) is no failure of the configuration.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    code
}

type Checked = Result<Loaded, Vec<Diagnostic>>;

fn exit_code(outcome: &Checked, strict: bool) -> u8 {
    match outcome {
        Ok(loaded) if strict && !loaded.warnings.is_empty() => 1,
        Ok(_) => 0,
        Err(all) if all.iter().any(|one| one.code == Code::Unreadable) => 2,
        Err(_) => 1,
    }
}

fn text(file: &str, outcome: &Checked, colour: bool) -> String {
    match outcome {
        Ok(loaded) => {
            let findings = diagnostic::render_all(&loaded.warnings, colour);
            let gap = if findings.is_empty() { "" } else { "\n" };
            format!("{findings}{gap}{file} is fine: {}\nversion {}\n", summary(&loaded.config), loaded.config.version)
        }
        Err(all) => diagnostic::render_all(all, colour),
    }
}

/// `2 sources, 3 counters, …`
fn summary(config: &Config) -> String {
    counts(config).into_iter().map(|(word, count)| plural(count, word)).collect::<Vec<_>>().join(", ")
}

fn counts(config: &Config) -> [(&'static str, usize); 6] {
    [
        ("source", config.sources.len()),
        ("counter", config.rules.plan.counters.len()),
        ("definition", config.rules.definitions.len()),
        ("team", config.rules.teams.len()),
        ("route", config.rules.routes.len()),
        ("destination", config.destinations.len()),
    ]
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    file: &'a str,
    version: Option<&'a str>,
    files: Vec<String>,
    summary: Option<BTreeMap<String, usize>>,
    diagnostics: &'a [Diagnostic],
}

fn json(file: &str, outcome: &Checked) -> String {
    let report = match outcome {
        Ok(loaded) => Report {
            ok: true,
            file,
            version: Some(&loaded.config.version),
            files: loaded.files.iter().map(|path| path.display().to_string()).collect(),
            summary: Some(
                counts(&loaded.config).into_iter().map(|(word, count)| (format!("{word}s"), count)).collect(),
            ),
            diagnostics: &loaded.warnings,
        },
        Err(all) => Report { ok: false, file, version: None, files: Vec::new(), summary: None, diagnostics: all },
    };
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Checked {
        config::load_text("handraiser.yaml", text, &|_| None)
    }

    const RIGHT: &str = "sources: { app: { write_key: abc } }\ncounters: { a: { of: user, event: any } }\n";
    const WRONG: &str = "sources: { app: { write_kee: abc } }\n";

    #[test]
    fn people_read_what_is_configured_or_what_is_wrong() {
        insta::assert_snapshot!(text("handraiser.yaml", &outcome(RIGHT), false));
        insta::assert_snapshot!(text("handraiser.yaml", &outcome(WRONG), false));
        let absent = config::load(std::path::Path::new("no/such.yaml"), &|_| None);
        insta::assert_snapshot!(text("no/such.yaml", &absent, false));
    }

    #[test]
    fn programs_read_json() {
        insta::assert_snapshot!(json("handraiser.yaml", &outcome(RIGHT)));
        insta::assert_snapshot!(json("handraiser.yaml", &outcome(WRONG)));
    }

    #[test]
    fn the_exit_code_tells_right_wrong_and_unreadable() {
        assert_eq!(exit_code(&outcome(RIGHT), false), 0);
        assert_eq!(exit_code(&outcome(RIGHT), true), 1);
        assert_eq!(exit_code(&outcome(WRONG), false), 1);
        assert_eq!(exit_code(&config::load(std::path::Path::new("no/such.yaml"), &|_| None), false), 2);
    }
}
