//! `${NAME}` and `${NAME:-default}` in scalars.

use std::ops::Range;

/// Where variables come from: the environment, or a test's own table.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// One substitution: which part of the final text stands for which part of the text as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: Range<usize>,
    pub shown: Range<usize>,
}

/// The outcome of a substitution.
#[derive(Debug, Default)]
pub struct Substituted {
    pub text: String,
    pub pieces: Vec<Piece>,
    /// What could not be substituted: where, and what is wrong.
    pub problems: Vec<(Range<usize>, Trouble)>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    NotSet(String),
    NotClosed,
}

/// Substitutes every variable of `shown`. `$${` stands for a literal `${`; `${` before anything but a name is left alone,
/// so that templates may contain it.
pub fn substitute(shown: &str, lookup: &Lookup<'_>) -> Substituted {
    let mut out = Substituted::default();
    let mut at = 0;
    while let Some(found) = shown.get(at..).and_then(|rest| rest.find("${")).map(|offset| at + offset) {
        let escaped = shown.get(..found).is_some_and(|before| before.ends_with('$')) && found > at;
        if escaped {
            out.text.push_str(shown.get(at..found - 1).unwrap_or_default());
            out.put("${", found - 1..found + 2);
            at = found + 2;
            continue;
        }
        out.text.push_str(shown.get(at..found).unwrap_or_default());
        at = out.variable(shown, found, lookup);
    }
    out.text.push_str(shown.get(at..).unwrap_or_default());
    out
}

impl Substituted {
    /// Substitutes the one at `start`; returns where it ends.
    fn variable(&mut self, shown: &str, start: usize, lookup: &Lookup<'_>) -> usize {
        let inner = shown.get(start + 2..).unwrap_or_default();
        let name_length = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let (name, rest) = inner.split_at(name_length);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.text.push_str("${");
            return start + 2;
        }
        let after_name = start + 2 + name_length;
        let default = rest.strip_prefix(":-").and_then(|rest| rest.split_once('}')).map(|(default, _)| default);
        let end = match default {
            Some(default) => after_name + 2 + default.len() + 1,
            None if rest.starts_with('}') => after_name + 1,
            None => {
                self.problems.push((start..after_name, Trouble::NotClosed));
                return shown.len();
            }
        };
        match (lookup(name).filter(|value| !value.is_empty() || default.is_none()), default) {
            (Some(value), _) => self.put(&value, start..end),
            (None, Some(default)) => self.put(default, start..end),
            (None, None) => self.problems.push((start..end, Trouble::NotSet(name.to_owned()))),
        }
        end
    }

    fn put(&mut self, value: &str, shown: Range<usize>) {
        let start = self.text.len();
        self.text.push_str(value);
        self.pieces.push(Piece { text: start..self.text.len(), shown });
    }
}
