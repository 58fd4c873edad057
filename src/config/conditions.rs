//! Conditions as they stand in the file: one, or several, as a list, as the lines of a block, or both.

use std::ops::Range;

use schemars::json_schema;

use super::diagnostic::Code;
use super::findings::{Findings, Problem};
use super::read::{List, Read, inline_schema};
use super::source::Span;
use super::yaml::{self, Kind, Node, Scalar};
use crate::expr::split_conditions;

/// A condition. `true` and `false` need no quotes.
#[derive(Clone, Debug)]
pub struct ConditionText {
    /// What it stands in.
    pub scalar: Scalar,
    /// Which part of the scalar's text it is.
    range: Range<usize>,
}

impl ConditionText {
    /// The whole of `scalar`.
    pub fn whole(scalar: Scalar) -> Self {
        let range = 0..scalar.text.len();
        Self { scalar, range }
    }

    pub fn text(&self) -> &str {
        self.scalar.text.get(self.range.clone()).unwrap_or_default()
    }

    /// The bytes of the file that `range` of the text came from.
    pub fn locate(&self, findings: &Findings, range: &Range<usize>) -> Span {
        self.scalar.locate(&findings.sources, self.within(range))
    }

    /// Where it stands.
    pub fn at(&self, findings: &Findings) -> Span {
        if self.range.len() == self.scalar.text.len() {
            return self.scalar.at;
        }
        self.scalar.locate(&findings.sources, self.range.clone())
    }

    /// Whether any of `range` of the text came out of a variable.
    pub fn is_substituted(&self, range: &Range<usize>) -> bool {
        self.scalar.is_substituted(&self.within(range))
    }

    fn within(&self, range: &Range<usize>) -> Range<usize> {
        self.range.start + range.start..self.range.start + range.end
    }
}

impl Read for ConditionText {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = Scalar::read(node, findings)?;
        let parts = split_conditions(&scalar.text);
        let Some(second) = parts.get(1).filter(|_| scalar.is_block()) else { return Some(Self::whole(scalar)) };
        let at = scalar.locate(&findings.sources, second.clone());
        let problem = Problem::error(at, Code::Condition, "one condition stands here, and this line begins another");
        findings.push(problem.help("begin the line with `&&` or `||`"));
        None
    }
}

inline_schema!(
    ConditionText,
    "condition",
    |_generator| json_schema!({ "title": "condition", "type": ["string", "boolean"] })
);

/// Conditions, all of them or any.
#[derive(Clone, Debug, Default)]
pub struct Conditions(pub Vec<ConditionText>);

impl Read for Conditions {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => {
                yaml::split_in_list(items, findings)?;
                let List(lists) = List::<Lines>::read(node, findings)?;
                Some(Self(lists.into_iter().flat_map(|Lines(lines)| lines).collect()))
            }
            _ => Lines::read(node, findings).map(|Lines(lines)| Self(lines)),
        }
    }
}

inline_schema!(Conditions, "conditions", |generator| {
    let one = generator.subschema_for::<ConditionText>();
    json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
});

/// The conditions of one text.
struct Lines(Vec<ConditionText>);

impl Read for Lines {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let scalar = Scalar::read(node, findings)?;
        if !scalar.is_block() {
            return Some(Self(vec![ConditionText::whole(scalar)]));
        }
        let parts = split_conditions(&scalar.text);
        let first = parts.first().cloned().unwrap_or_default();
        let dashed = scalar.text.get(first.clone()).is_some_and(|text| text.starts_with("- "));
        let (message, help) = if first.is_empty() {
            ("no condition stands in this block", "write one condition a line")
        } else if dashed {
            ("a line of a block begins with its condition, not with `-`", "remove the dashes, or the `|` before them")
        } else {
            return Some(Self(
                parts.into_iter().map(|range| ConditionText { scalar: scalar.clone(), range }).collect(),
            ));
        };
        let at = scalar.locate(&findings.sources, first.start..first.start + usize::from(dashed));
        findings.push(Problem::error(at, Code::Condition, message).help(help));
        None
    }
}
