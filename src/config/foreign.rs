//! Whether a file is a configuration at all. One that was named by mistake, or by somebody who may run `check` and not read the
//! file, may be a key or a list of passwords: nothing of it is shown.

use super::diagnostic::{Code, Severity};
use super::findings::Findings;
use super::shape::ConfigShape;
use super::suggest::{fold, one_of};
use super::yaml::{Kind, Node};

/// Reports, in place of whatever was found in file number `number`, that it is no configuration; answers whether it is none.
/// `tree` is what was made of it, if that could be done.
pub fn refuse(number: u16, tree: Option<&Node>, findings: &mut Findings) -> bool {
    let Some(file) = findings.sources.file(number) else { return false };
    if !is_foreign(&file.text, tree) {
        return false;
    }
    let path = file.path.display().to_string();
    let message = "this is no configuration of Handraiser; nothing of it is shown".to_owned();
    let help = format!("a configuration has at least one of {}", one_of(ConfigShape::FIELDS.iter().copied()));
    findings.forget(number);
    findings.push_whole(Severity::Error, Code::Unreadable, &path, message, Some(help));
    true
}

fn is_foreign(text: &str, tree: Option<&Node>) -> bool {
    match tree.map(|tree| &tree.kind) {
        Some(Kind::Null) => false,
        Some(Kind::Map(entries)) => !entries.is_empty() && !entries.iter().any(|entry| is_section(&entry.key.text)),
        Some(Kind::Scalar(_) | Kind::List(_)) => true,
        None => !text.lines().filter_map(key).any(is_section),
    }
}

/// The key at the beginning of a line, if there is one.
fn key(line: &str) -> Option<&str> {
    let (key, value) = line.trim_start_matches(['{', ' ']).split_once(':')?;
    (value.is_empty() || value.starts_with(char::is_whitespace)).then_some(key.trim_matches(['"', '\'', ' ']))
}

/// A section's name, or one with a slip of the pen in it.
fn is_section(word: &str) -> bool {
    let word = fold(word);
    ConfigShape::FIELDS.iter().any(|name| strsim::damerau_levenshtein(&word, &fold(name)) <= 1)
}
