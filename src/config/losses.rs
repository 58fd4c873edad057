//! What a change of the configuration would lose, and nobody may have meant to: a source that still sends, a destination that leads
//! wait for, a counter's figures, a whole section of a file that was cut off. Such a change takes force only when somebody says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Diagnostic, Severity, plural};
use crate::record::Meaning;
use crate::time::Millis;

/// A source that has sent nothing for so long is missed by nobody.
pub const HEARD_WITHIN: i64 = 2 * Millis::DAY;

/// Something that a change would lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Loss {
    /// What: `sources.old`, `counters.tasks`, `definitions`; `accept` takes these words.
    pub what: String,
    /// Why it would be missed.
    pub why: String,
}

/// What there is that a change could lose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// When each source sent an event last.
    pub heard: BTreeMap<String, Millis>,
    /// Of how many leads there is news for each destination: on its way, and given up.
    pub waiting: BTreeMap<String, (u64, u64)>,
}

/// What would be lost if `new` took the place of `old`.
pub fn losses(old: &Meaning, new: &Meaning, stock: &Stock, now: Millis) -> Vec<Loss> {
    let mut found = Vec::new();
    let mut lost = |what: String, why: String| found.push(Loss { what, why });
    for (section, names) in old.sections.iter().filter(|(section, names)| is_gone(new, section, names)) {
        lost(section.clone(), format!("there is no such section any more; it had {}", plural(names.len(), "entry")));
    }
    let gone = |section: &'static str| old.names(section).filter(move |name| !new.has(section, name));
    for name in gone("sources") {
        let Some(at) = stock.heard.get(name).filter(|at| now.since(**at) < HEARD_WITHIN) else { continue };
        lost(format!("sources.{name}"), format!("it sent an event {}, and would be refused", ago(now.since(*at))));
    }
    for name in gone("destinations") {
        let Some((pending, dead)) = stock.waiting.get(name).filter(|(pending, dead)| pending + dead > 0) else {
            continue;
        };
        let leads = plural(usize::try_from(pending + dead).unwrap_or(usize::MAX), "lead");
        lost(format!("destinations.{name}"), format!("news of {leads} waits for it ({dead} given up)"));
    }
    for (name, figures) in &old.figures {
        match new.figures.get(name) {
            Some(same) if same == figures => {}
            Some(_) => {
                lost(format!("counters.{name}"), "it counts something else now: its figures begin anew".to_owned());
            }
            None if new.has("counters", name) => {}
            None => lost(format!("counters.{name}"), "it is gone, and its figures with it".to_owned()),
        }
    }
    found
}

/// Whether a section that had something in it is gone as a whole, as it is when a file was cut off.
fn is_gone(new: &Meaning, section: &str, names: &BTreeMap<String, String>) -> bool {
    const LISTS: [&str; 7] = ["sources", "counters", "signals", "definitions", "teams", "routes", "destinations"];
    LISTS.contains(&section) && !names.is_empty() && new.names(section).next().is_none()
}

fn ago(ms: i64) -> String {
    match (ms / Millis::HOUR, ms / Millis::MINUTE) {
        (..1, ..1) => "just now".to_owned(),
        (..1, minutes) => format!("{minutes} min ago"),
        (hours, _) => format!("{hours} h ago"),
    }
}

impl Loss {
    /// Whether one of these words says that it may be lost: its own, or its section's.
    pub fn is_accepted(&self, accept: &BTreeSet<Box<str>>) -> bool {
        let section = self.what.split_once('.').map_or(&*self.what, |(section, _)| section);
        accept.contains(&*self.what) || accept.contains(section)
    }

    /// The loss as a finding about `file`.
    pub fn finding(&self, file: &str) -> Diagnostic {
        let message = format!("`{}` would be lost: {}", self.what, self.why);
        let help = format!(
            "if it may be, say so: `--accept` (of `serve` and `reload`), or `accept: [{}]` in the file",
            self.what
        );
        Diagnostic::of_file(Severity::Error, Code::WouldLose, file.to_owned(), message, Some(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(sections: &[(&str, &[&str])], figures: &[(&str, &str)]) -> Meaning {
        let text = |text: &&str| (*text).to_owned();
        let names = |names: &[&str]| names.iter().map(|name| (text(name), "h".to_owned())).collect();
        Meaning {
            sections: sections.iter().map(|(section, all)| (text(section), names(all))).collect(),
            figures: figures.iter().map(|(name, of)| (text(name), text(of))).collect(),
            ..Meaning::default()
        }
    }

    fn whats(old: &Meaning, new: &Meaning, stock: &Stock) -> Vec<String> {
        losses(old, new, stock, Millis(10 * Millis::DAY)).into_iter().map(|loss| loss.what).collect()
    }

    #[test]
    fn what_would_be_missed_is_told_and_nothing_else() {
        let old = meaning(
            &[
                ("sources", &["app", "old", "silent"]),
                ("destinations", &["crm", "slack"]),
                ("counters", &["a", "b", "c", "d"]),
            ],
            &[("a", "1"), ("b", "2"), ("c", "3")],
        );
        let new = meaning(
            &[("sources", &["app"]), ("destinations", &["other"]), ("counters", &["a", "b", "e"])],
            &[("a", "1"), ("b", "9"), ("e", "5")],
        );
        let heard =
            [("app", 10), ("old", 9), ("silent", 7)].map(|(name, day)| (name.to_owned(), Millis(day * Millis::DAY)));
        let waiting = [("crm", (2, 1)), ("slack", (0, 0))].map(|(name, waits)| (name.to_owned(), waits));
        let stock = Stock { heard: heard.into(), waiting: waiting.into() };
        assert_eq!(whats(&old, &new, &stock), ["sources.old", "destinations.crm", "counters.b", "counters.c"]);
        assert!(whats(&old, &old, &stock).is_empty());
        assert!(whats(&Meaning::default(), &new, &stock).is_empty(), "the first of all");
    }

    #[test]
    fn a_file_that_was_cut_off_loses_its_sections() {
        let old = meaning(&[("sources", &["app"]), ("definitions", &["busy", "idle"]), ("time_zone", &[""])], &[]);
        let new = meaning(&[("sources", &["app"])], &[]);
        assert_eq!(whats(&old, &new, &Stock::default()), ["definitions"]);
    }

    #[test]
    fn a_word_accepts_itself_or_its_section() {
        let loss = |what: &str| Loss { what: what.to_owned(), why: String::new() };
        let accept = BTreeSet::from(["counters".into(), "sources.old".into()]);
        for (what, expected) in
            [("counters.tasks", true), ("sources.old", true), ("sources.app", false), ("sources", false)]
        {
            assert_eq!(loss(what).is_accepted(&accept), expected, "{what}");
        }
    }
}
