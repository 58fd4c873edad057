//! Functions and methods.

use regex::{Regex, RegexBuilder};

use super::super::coerce::time_from_text;
use super::super::length::duration_from_text;
use super::super::suggest::{closest, did_you_mean};
use super::super::syntax::{Kind, Literal, Node};
use super::super::tree::{Constant, Term, Test, TextChange, TextCheck};
use super::quantify::quantifier;
use super::{Call, Checker, Part, Ty};

/// What a compiled pattern may weigh: enough for any list of words, and too little to hurt.
const REGEX_BYTES: usize = 256 * 1_024;

const FUNCTIONS: [&str; 4] = ["has", "size", "duration", "timestamp"];

const METHODS: [&str; 21] = [
    "contains",
    "containsAny",
    "containsWord",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "lower",
    "lowerAscii",
    "upper",
    "upperAscii",
    "trim",
    "exists",
    "all",
    "exists_one",
    "count",
    "streak",
    "avg",
    "min",
    "max",
    "sum",
];

/// Those of them that make a number of a list.
const LIST_METHODS: [&str; 6] = ["count", "streak", "avg", "min", "max", "sum"];

/// Names of the same thing elsewhere.
const KNOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("len", "size"),
    ("length", "size"),
    ("includes", "contains"),
    ("icontains", "containsAny"),
    ("tolower", "lower"),
    ("tolowercase", "lower"),
    ("lowercase", "lower"),
    ("downcase", "lower"),
    ("toupper", "upper"),
    ("touppercase", "upper"),
    ("strip", "trim"),
    ("any", "exists"),
    ("some", "exists"),
    ("every", "all"),
    ("match", "matches"),
    ("regex", "matches"),
    ("date", "timestamp"),
    ("datetime", "timestamp"),
    ("time", "timestamp"),
    ("interval", "duration"),
    ("days", "duration"),
    ("exist", "has"),
    ("isset", "has"),
    ("defined", "has"),
    ("containswords", "containsWord"),
    ("hasword", "containsWord"),
];

/// What is written otherwise here, functions and methods alike.
fn said_otherwise(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().replace('_', "").as_str() {
        "dayssince" | "daysago" | "hourssince" | "since" | "age" | "datediff" | "ago" | "elapsed" => {
            "write `now - x > 30d`, for any moment `x`"
        }
        "today" | "currentdate" | "getdate" => "write `now`",
        "domain" | "emaildomain" => "write `x.lower().endsWith(\"@example.com\")`",
        "isempty" | "empty" | "isblank" | "isnull" | "isnone" => "write `!has(x)`, or `x == \"\"` for an empty text",
        "isnotnull" | "ispresent" | "isset" => "write `has(x)`",
        "coalesce" | "ifnull" | "nvl" | "default" | "orelse" => "write `has(x) ? x : 0`",
        "if" | "iff" | "iif" | "ifelse" | "case" | "switch" => "write `condition ? one : other`",
        "equals" | "equalsignorecase" | "eq" | "ieq" | "is" => {
            "write `x == \"…\"`, or `x.lower() == \"…\"` for any case"
        }
        "not" => "write `!(…)`",
        "isin" | "oneof" | "anyof" | "inlist" | "in" => "write `x in [\"a\", \"b\"]`",
        "abs" => "compare both ways: `x > -5 && x < 5`",
        "round" | "floor" | "ceil" => "leave it away: numbers are compared as they are",
        "split" | "substring" | "substr" | "replace" | "left" | "right" | "indexof" => "ask with `x.matches(\"…\")`",
        _ => return None,
    })
}

impl Checker<'_> {
    pub(super) fn function(&mut self, call: &Call<'_>) -> Part {
        match (call.name, call.arguments) {
            ("has", [of]) => {
                let of = self.part(of);
                if of.is_wrong() {
                    return Part::wrong(call.span);
                }
                let leaf = self.leaf(&of.span, "has");
                Part::test(Test::Known { of: of.into_term(), negated: false, leaf }, call.span)
            }
            ("size", [of]) => {
                let of = self.part(of);
                self.size(of, call)
            }
            ("duration", [text]) => self.duration(text, call),
            ("timestamp", [text]) => self.timestamp(text, call),
            (name, _) if FUNCTIONS.contains(&name) => {
                self.fail(call.span, format!("`{name}` takes one argument"), None)
            }
            ("now", []) => self.fail(call.span, "`now` is no function", Some("write `now`".to_owned())),
            (name, _) => {
                let help = self.help_for_function(name);
                self.fail(call.name_span, format!("unknown function `{name}`"), help)
            }
        }
    }

    fn help_for_function(&self, name: &str) -> Option<String> {
        if METHODS.contains(&name) {
            return Some(format!("write `x.{name}(…)`"));
        }
        if matches!(name, "int" | "double" | "float" | "number" | "string" | "uint") {
            return Some("leave it away: a text that is a number counts as one".to_owned());
        }
        if self.scope.counters.contains_key(name) {
            return Some(format!("`{name}` is a counter; write it without brackets"));
        }
        let otherwise = || said_otherwise(name).map(str::to_owned);
        let meant = || elsewhere(name, &FUNCTIONS).or_else(|| closest(name, FUNCTIONS)).map(did_you_mean);
        otherwise().or_else(meant).or_else(|| Some(format!("there is {}", FUNCTIONS.join(", "))))
    }

    fn duration(&mut self, node: &Node, call: &Call<'_>) -> Part {
        let length = literal_text(node).and_then(duration_from_text);
        let Some(ms) = length else {
            let help = "write `duration(\"30d\")`; the units are `w`, `d`, `h`, `m`, `s`, `ms`".to_owned();
            let message = format!("{} is not a length of time", self.quoted(&node.span));
            return self.fail(&node.span, message, Some(help));
        };
        #[expect(clippy::cast_precision_loss, reason = "bounded to 10^15 when it was read")]
        let ms = ms as f64;
        Part::term(Term::Constant(Constant::Number(ms)), Ty::Duration, call.span)
    }

    fn timestamp(&mut self, node: &Node, call: &Call<'_>) -> Part {
        match literal_text(node).and_then(time_from_text) {
            Some(time) => Part::term(Term::Constant(Constant::Time(time)), Ty::Time, call.span),
            None => self.not_a_time(&node.span),
        }
    }

    fn size(&mut self, of: Part, call: &Call<'_>) -> Part {
        match &of.ty {
            Ty::Wrong => of,
            Ty::Text | Ty::List(_) | Ty::Any => Part::term(Term::Size(Box::new(of.into_term())), Ty::Number, call.span),
            ty => {
                let message = format!("`size` measures text or a list, {} is {ty}", self.quoted(&of.span));
                self.fail(call.span, message, None)
            }
        }
    }

    pub(super) fn method(&mut self, target: &Node, call: &Call<'_>) -> Part {
        if self.asks_members(target) {
            return self.members(target, call);
        }
        if let Some(counter) = self.counter_named(target)
            && (!METHODS.contains(&call.name) || LIST_METHODS.contains(&call.name))
        {
            return self.reading(counter, target, call);
        }
        if let Some((how, operator)) = quantifier(call.name) {
            return self.quantified(target, how, operator, call);
        }
        if let ("count" | "streak", [_, _]) = (call.name, call.arguments) {
            return self.counted(target, call);
        }
        let known = METHODS.contains(&call.name);
        if !known {
            let help = self.help_for_method(call.name);
            // Whatever is wrong with the target is said as well.
            self.part(target);
            return self.fail(call.name_span, format!("unknown method `{}`", call.name), help);
        }
        let of = self.part(target);
        match call.name {
            "avg" | "min" | "max" | "sum" => self.list_figure(of, call),
            "count" | "streak" => {
                let help = format!("write `list.{}(n, n > 0)`", call.name);
                self.fail(call.span, format!("`{}` takes a name and a condition on it", call.name), Some(help))
            }
            "size" if call.arguments.is_empty() => self.size(of, call),
            "lower" | "lowerAscii" => self.change(of, TextChange::Lower, call),
            "upper" | "upperAscii" => self.change(of, TextChange::Upper, call),
            "trim" => self.change(of, TextChange::Trim, call),
            "size" => self.fail(call.span, "`size` takes no arguments here", None),
            _ => self.text_check(of, call),
        }
    }

    fn help_for_method(&self, name: &str) -> Option<String> {
        match name {
            "map" | "filter" => Some("ask with `exists` or `all`".to_owned()),
            "has" | "duration" | "timestamp" => Some(format!("write `{name}(x)`")),
            _ => {
                let otherwise = said_otherwise(name).map(str::to_owned);
                let meant = || elsewhere(name, &METHODS).or_else(|| closest(name, METHODS)).map(did_you_mean);
                otherwise.or_else(meant).or_else(|| Some(format!("there is {}", METHODS.join(", "))))
            }
        }
    }

    /// Whether `of` can be text; says so if not.
    fn needs_text(&mut self, of: &Part, call: &Call<'_>) -> bool {
        if of.ty.may_be_text() {
            return true;
        }
        let text = self.text(&of.span);
        let help = match (&of.ty, call.arguments) {
            (Ty::List(_), [needle]) if call.name == "contains" => {
                Some(format!("write `{} in {text}`", self.text(&needle.span)))
            }
            (Ty::Word(_), _) => Some(format!("ask with `==`, `!=` or `in`: `{text} == \"DE\"`")),
            (Ty::List(_), _) => Some(format!("write `{text}.exists(x, x.{}(…))`", call.name)),
            _ => None,
        };
        let message = format!("`{}` is for text, {} is {}", call.name, self.quoted(&of.span), of.ty);
        self.fail(&of.span, message, help);
        false
    }

    fn change(&mut self, of: Part, change: TextChange, call: &Call<'_>) -> Part {
        if !call.arguments.is_empty() {
            return self.fail(call.span, format!("`{}` takes no arguments", call.name), None);
        }
        if !self.needs_text(&of, call) || of.is_wrong() {
            return Part::wrong(call.span);
        }
        Part::term(Term::Change(Box::new(of.into_term()), change), Ty::Text, call.span)
    }

    fn text_check(&mut self, of: Part, call: &Call<'_>) -> Part {
        let readable = self.needs_text(&of, call);
        let [argument] = call.arguments else {
            return self.fail(call.span, format!("`{}` takes one argument", call.name), None);
        };
        let (check, operator, threshold) = match call.name {
            "containsAny" => match self.needles(argument, call) {
                Some((lowered, shown)) => (TextCheck::ContainsAny(lowered), "containsAny", Some(shown)),
                None => return Part::wrong(call.span),
            },
            "containsWord" => match self.needles(argument, call) {
                Some((lowered, shown)) => (TextCheck::ContainsWord(lowered), "containsWord", Some(shown)),
                None => return Part::wrong(call.span),
            },
            "matches" => match self.pattern(argument) {
                Some(regex) => {
                    let shown = regex.as_str().into();
                    (TextCheck::Matches(regex), "matches", Some(shown))
                }
                None => return Part::wrong(call.span),
            },
            name => {
                let needle = self.part(argument);
                if !needle.ty.may_be_text() {
                    let message = format!("`{name}` looks for text, {} is {}", self.quoted(&needle.span), needle.ty);
                    return self.fail(&needle.span, message, self.help_for_needle(&of, &needle, call));
                }
                let needle = needle.into_term();
                match name {
                    "startsWith" => (TextCheck::StartsWith(needle), "startsWith", None),
                    "endsWith" => (TextCheck::EndsWith(needle), "endsWith", None),
                    _ => (TextCheck::Contains(needle), "contains", None),
                }
            }
        };
        if !readable || of.is_wrong() {
            return Part::wrong(call.span);
        }
        let mut leaf = self.leaf(&of.span, operator);
        leaf.threshold = threshold;
        Part::test(Test::Text { of: of.into_term(), check, leaf }, call.span)
    }

    fn help_for_needle(&self, of: &Part, needle: &Part, call: &Call<'_>) -> Option<String> {
        let (text, needle_text) = (self.text(&of.span), self.text(&needle.span));
        match needle.ty {
            Ty::List(_) => Some(format!("write `{text}.containsAny({needle_text})`")),
            Ty::Number => Some(format!("write `{text}.{}(\"{needle_text}\")`", call.name)),
            _ => None,
        }
    }

    /// The texts of `["a", "b"]` or `"a"`, in lower case, and as written for explanations.
    fn needles(&mut self, node: &Node, call: &Call<'_>) -> Option<(Box<[Box<str>]>, serde_json::Value)> {
        let elements = match &node.kind {
            Kind::List(elements) => elements.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let texts: Vec<&str> = elements.iter().map_while(literal_text).filter(|text| !text.trim().is_empty()).collect();
        if texts.is_empty() || texts.len() < elements.len() {
            let help = format!("write `x.{}([\"partner\", \"operations\"])`", call.name);
            self.fail(&node.span, format!("`{}` takes a list of texts in quotes", call.name), Some(help));
            return None;
        }
        let lowered = texts.iter().map(|text| text.to_lowercase().into()).collect();
        Some((lowered, texts.into_iter().collect()))
    }

    fn pattern(&mut self, node: &Node) -> Option<Regex> {
        let Some(pattern) = literal_text(node) else {
            self.fail(&node.span, "`matches` takes a pattern in quotes", None);
            return None;
        };
        let built =
            RegexBuilder::new(pattern).size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES).nest_limit(32).build();
        match built {
            Ok(regex) => Some(regex),
            Err(error) => {
                let help = "patterns follow https://docs.rs/regex/latest/regex/#syntax".to_owned();
                self.fail(&node.span, pattern_message(&error), Some(help));
                None
            }
        }
    }
}

pub(super) fn literal_text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Literal(Literal::Text(text)) => Some(text),
        _ => None,
    }
}

fn elsewhere<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('_', "");
    let meant = KNOWN_ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, meant)| *meant);
    known.iter().copied().find(|known| meant == Some(*known) || known.to_ascii_lowercase().replace('_', "") == name)
}

/// The last line of the crate's message says what is wrong; the others draw the pattern.
fn pattern_message(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!("the pattern can't be read: {}", reason.trim_start_matches("error: "))
        }
    }
}
