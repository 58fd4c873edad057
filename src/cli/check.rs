//! `handraiser check`: proves a configuration, and points at the line that is wrong.

mod coverage;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::to_value;
use url::Url;

use self::coverage::{Coverage, coverage};
use super::client::{Client, Format, Remote};
use super::output::{CommandError, read};
use super::paint::Paint;
use super::words::bytes;
use crate::apply::Rules;
use crate::config::diagnostic::{self, Code, plural};
use crate::config::losses::Loss;
use crate::config::{self, Config, Diagnostic, Loaded};
use crate::counters::{Cost, Counter};
use crate::http::admin::LossList;
use crate::ids::{CounterId, SubjectKind};
use crate::lead::words::wakes;
use crate::qualify::Definition;
use crate::time::Clock;

/// Checks a configuration without running it.
///
/// Exits with 0 when the server could run it, with 1 when something is wrong, with 2 when it can't be read, with 3 when a running
/// server would lose something by it.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
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
    /// Tell what each counter keeps and costs for each subject, too.
    #[arg(long)]
    pub verbose: bool,
    /// Tell what territories and teams cover, too: who takes the leads of each country and who falls through, territories that never
    /// win, hours and days on which nobody of a team is there.
    #[arg(long)]
    pub coverage: bool,
    /// Tell what this running server would lose by it, too.
    #[arg(long, value_name = "URL")]
    pub against: Option<Url>,
    /// The admin API's token of that server.
    #[arg(long, env = "HANDRAISER_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
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
    let file = args.file.display().to_string();
    let lost = match (&args.against, &outcome) {
        (Some(server), Ok(loaded)) => match against(server, args.token.clone(), &loaded.config) {
            Ok(lost) => Some(lost),
            Err(CommandError { message, code }) => {
                eprintln!("{message}");
                return ExitCode::from(code);
            }
        },
        _ => None,
    };
    let code = match &lost {
        Some(lost) if !lost.is_empty() => CommandError::WOULD_LOSE,
        _ => exit_code(&outcome, args.strict),
    };
    let colour =
        args.format == ReportFormat::Text && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let rules = outcome.as_ref().ok().map(|loaded| &loaded.config.rules);
    let covered = rules.filter(|_| args.coverage).map(|rules| coverage(rules, Clock::System.now()));
    let text = match args.format {
        ReportFormat::Text => {
            let told = text(&file, &outcome, lost.as_deref(), (args.verbose, colour));
            told + &covered.map(|covered| covered.text(Paint::stdout())).unwrap_or_default()
        }
        ReportFormat::Json => json(&file, &outcome, lost.as_deref(), args.verbose, covered.as_ref()),
    };
    print(&text, ExitCode::from(code))
}

/// A closed pipe (`handraiser check | head`) is no failure of the configuration.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    code
}

/// What a running server would lose, and nothing in the file says that it may.
fn against(server: &Url, token: Option<String>, config: &Config) -> Result<Vec<Loss>, CommandError> {
    let client = Client::new(&Remote { server: server.clone(), token, format: Format::Text })?;
    let meaning = to_value(&config.written.meaning)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer: LossList = read(runtime.block_on(client.post(&["config", "compare"], &meaning))?)?;
    Ok(answer.losses.into_iter().filter(|loss| !loss.is_accepted(&config.accept)).collect())
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

fn text(file: &str, outcome: &Checked, lost: Option<&[Loss]>, (verbose, colour): (bool, bool)) -> String {
    match outcome {
        Ok(loaded) => {
            let findings = diagnostic::render_all(&loaded.warnings, colour);
            let gap = if findings.is_empty() { "" } else { "\n" };
            let lost = lost.map(|lost| told(file, lost, colour)).unwrap_or_default();
            let (summary, version) = (summary(&loaded.config), &loaded.config.version);
            let rules = &loaded.config.rules;
            let definitions = definitions(rules).iter().map(DefinitionReport::text).collect::<String>();
            let costs = costs(rules, verbose).iter().map(CounterReport::text).collect::<String>();
            format!("{findings}{gap}{file} is fine: {summary}\nversion {version}\n{definitions}{costs}{lost}")
        }
        Err(all) => diagnostic::render_all(all, colour),
    }
}

/// What the running server would lose.
fn told(file: &str, lost: &[Loss], colour: bool) -> String {
    if lost.is_empty() {
        return "the running server would lose nothing by it\n".to_owned();
    }
    let findings: Vec<Diagnostic> = lost.iter().map(|loss| loss.finding(file)).collect();
    format!("\nthe running server would refuse it:\n\n{}", diagnostic::render_all(&findings, colour))
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

/// What is said of a definition beside that it is fine.
#[derive(Serialize)]
struct DefinitionReport {
    name: String,
    of: SubjectKind,
    /// When time alone may bring a decision.
    wakes: Vec<String>,
    /// What becomes of those who qualify when it appears.
    start: &'static str,
}

impl DefinitionReport {
    fn text(&self) -> String {
        let Self { name, of, wakes, start } = self;
        let wakes = if wakes.is_empty() { "never, time alone changes nothing".to_owned() } else { wakes.join("; ") };
        let start = match *start {
            "quiet" => "quiet: who qualifies when it appears is noted, not sent",
            _ => "send: who qualifies when it appears is sent",
        };
        format!("\n{name} ({of})\n  wakes: {wakes}\n  start: {start}\n")
    }
}

fn definitions(rules: &Rules) -> Vec<DefinitionReport> {
    let report = |definition: &Definition| DefinitionReport {
        name: definition.name.to_string(),
        of: definition.of,
        wakes: wakes(definition, &rules.plan),
        start: if definition.start_sends { "send" } else { "quiet" },
    };
    rules.definitions.iter().map(report).collect()
}

/// What a counter costs.
#[derive(Serialize)]
struct CounterReport {
    name: String,
    of: SubjectKind,
    keeps: Vec<KeptReport>,
}

/// One of the things that are kept for it.
#[derive(Serialize)]
struct KeptReport {
    what: String,
    /// For each subject; `null` where it grows with every day of use.
    most_bytes: Option<usize>,
}

impl CounterReport {
    fn text(&self) -> String {
        let Self { name, of, keeps } = self;
        let kept = keeps.iter().map(|KeptReport { what, most_bytes }| match most_bytes {
            Some(most) => format!("  keeps: {what}; at most {} for each {of}\n", bytes(*most)),
            None => format!("  keeps: {what}; 16 bytes for each {of} and day of use\n"),
        });
        format!("\n{name} ({of})\n{}", kept.collect::<String>())
    }
}

fn costs(rules: &Rules, verbose: bool) -> Vec<CounterReport> {
    let counters = rules.plan.counters.iter().zip((0..=u16::MAX).map(CounterId)).filter(|_| verbose);
    let report = |(counter, id): (&Counter, CounterId)| CounterReport {
        name: counter.name.to_string(),
        of: counter.of,
        keeps: rules
            .plan
            .costs(id)
            .into_iter()
            .map(|Cost { kept, most_bytes }| KeptReport { what: kept, most_bytes })
            .collect(),
    };
    counters.map(report).collect()
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    file: &'a str,
    version: Option<&'a str>,
    files: Vec<String>,
    summary: Option<BTreeMap<String, usize>>,
    diagnostics: &'a [Diagnostic],
    definitions: Vec<DefinitionReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counters: Vec<CounterReport>,
    /// What a running server would lose; absent when none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    losses: Option<&'a [Loss]>,
    /// What territories and teams cover; absent when that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<&'a Coverage>,
}

fn json(file: &str, outcome: &Checked, losses: Option<&[Loss]>, verbose: bool, coverage: Option<&Coverage>) -> String {
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
            definitions: definitions(&loaded.config.rules),
            counters: costs(&loaded.config.rules, verbose),
            losses,
            coverage,
        },
        Err(all) => Report {
            ok: false,
            file,
            version: None,
            files: Vec::new(),
            summary: None,
            diagnostics: all,
            definitions: Vec::new(),
            counters: Vec::new(),
            losses,
            coverage,
        },
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
        insta::assert_snapshot!(text("handraiser.yaml", &outcome(RIGHT), None, (false, false)));
        insta::assert_snapshot!(text("handraiser.yaml", &outcome(WRONG), None, (false, false)));
        let absent = config::load(std::path::Path::new("no/such.yaml"), &|_| None);
        insta::assert_snapshot!(text("no/such.yaml", &absent, None, (false, false)));
    }

    const TIMED: &str = "
sources: { app: { write_key: 9f86d081884c7d659a2feaa0c55ad015 } }
traits: { user: { role: { type: text, stale: 90d } } }
counters:
  tasks: { of: user, event: Task Created }
  invites: { of: user, event: Invited, where: properties.count > 1, within: 2h }
  docs: { of: user, event: Opened, distinct: properties.doc }
signals:
  new: { of: user, is: now - user.first_seen < 14d }
definitions:
  - name: all
    of: user
    intent:
      - now >= account.trial_ends_at || now > timestamp(\"2027-01-01T00:00:00Z\") || now - tasks.last_at > 7d
      - tasks.within(30d) > 5 && invites > 1 && tasks.this(month) > 1 && tasks.per(day, 7).avg() > 1 && docs > 3
      - tasks.between(14d, 7d) > 0 && tasks.decayed(1d) > 1 && new && user.role == \"x\" && now > tasks.first_at + 3 * 1d
  - { name: still, of: user, intent: tasks > 5, start: send }
";

    #[test]
    fn what_time_does_and_what_counters_cost_is_told() {
        let outcome = outcome(TIMED);
        insta::assert_snapshot!(text("handraiser.yaml", &outcome, None, (true, false)));
    }

    #[test]
    fn programs_read_json() {
        insta::assert_snapshot!(json("handraiser.yaml", &outcome(RIGHT), None, true, None));
        insta::assert_snapshot!(json("handraiser.yaml", &outcome(WRONG), None, true, None));
    }

    #[test]
    fn the_exit_code_tells_right_wrong_and_unreadable() {
        assert_eq!(exit_code(&outcome(RIGHT), false), 0);
        assert_eq!(exit_code(&outcome(RIGHT), true), 1);
        assert_eq!(exit_code(&outcome(WRONG), false), 1);
        assert_eq!(exit_code(&config::load(std::path::Path::new("no/such.yaml"), &|_| None), false), 2);
    }
}
