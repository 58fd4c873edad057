//! Whether tokens alternate as they must (operand, operator, operand), brackets close, and the bounds hold. What is wrong is
//! said here in plain words; the parser behind it has little left to object to.

use std::ops::Range;

use super::super::ExprError;
use super::lex::{Token, TokenKind};
use super::{Found, MAX_CHOICES, MAX_DEPTH, MAX_OPERATORS, MAX_STEPS, slips};

/// Words that are tokens of their own to the parser, also after a dot.
const KEYWORDS: &[&str] = &["in", "true", "false", "null"];

/// What was learned of the tokens.
pub(super) struct Shape {
    pub brackets: Vec<Option<Bracket>>,
    pub errors: Vec<Found>,
}

/// For a token that is a bracket: its counterpart, and whether it only groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bracket {
    pub mate: usize,
    pub groups: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Group,
    Call,
    List,
    Index,
}

struct Open {
    what: Opened,
    token: usize,
    /// Of what stands around the bracket: positions of `?` still without their `:`, and the steps of the chain so far.
    questions: Vec<usize>,
    steps: usize,
}

struct Walk<'t, 's> {
    tokens: &'t mut [Token<'s>],
    brackets: Vec<Option<Bracket>>,
    open: Vec<Open>,
    questions: Vec<usize>,
    errors: Vec<Found>,
    operators: usize,
    choices: usize,
    steps: usize,
    /// Whether an operand must come next.
    operand: bool,
    /// Whether nothing further can be said.
    lost: bool,
    /// The index of the token at hand.
    at: usize,
}

/// Walks over `tokens`, fixing slips in place; `end` is the length of the source.
pub(super) fn check(tokens: &mut [Token<'_>], end: usize) -> Shape {
    let count = tokens.len();
    let mut walk = Walk {
        tokens,
        brackets: vec![None; count],
        open: Vec::new(),
        questions: Vec::new(),
        errors: Vec::new(),
        operators: 0,
        choices: 0,
        steps: 0,
        operand: true,
        lost: false,
        at: 0,
    };
    while walk.at < count && !walk.lost && walk.within_bounds() {
        if walk.operand {
            walk.expect_operand();
        } else {
            walk.expect_operator();
        }
        walk.at += 1;
    }
    if walk.at >= count && !walk.lost {
        walk.finish(end);
    }
    Shape { brackets: walk.brackets, errors: walk.errors }
}

impl Walk<'_, '_> {
    fn text(&self) -> &str {
        self.tokens.get(self.at).map_or("", |token| token.text.as_ref())
    }

    fn span(&self) -> Range<usize> {
        self.tokens.get(self.at).map_or(0..0, |token| token.span.clone())
    }

    fn kind(&self) -> TokenKind {
        self.tokens.get(self.at).map_or(TokenKind::Sign, |token| token.kind)
    }

    fn fail(&mut self, message: impl Into<String>, help: Option<String>) {
        let error = ExprError::new(self.span(), message).maybe_help(help);
        self.errors.push(error.into());
    }

    /// What follows can only be misunderstood.
    fn give_up(&mut self, message: impl Into<String>, help: Option<String>) {
        self.fail(message, help);
        self.lost = true;
    }

    fn within_bounds(&mut self) -> bool {
        let message = if self.open.len() > MAX_DEPTH {
            format!("brackets are nested more than {MAX_DEPTH} deep")
        } else if self.operators > MAX_OPERATORS {
            format!("the condition has more than {MAX_OPERATORS} operators")
        } else if self.choices > MAX_CHOICES {
            format!("the condition has more than {MAX_CHOICES} choices (`?`)")
        } else if self.steps > MAX_STEPS {
            format!("more than {MAX_STEPS} steps in a row")
        } else {
            return true;
        };
        self.fail(message, None);
        false
    }

    fn expect_operand(&mut self) {
        match self.kind() {
            TokenKind::Number | TokenKind::Quoted => self.took_operand(),
            TokenKind::Name => self.name(),
            TokenKind::Sign => match self.text() {
                "(" => self.opening(Opened::Group),
                "[" => self.opening(Opened::List),
                "!" | "-" => self.operators += 1,
                ")" | "]" => self.closing_without_operand(),
                "{" | "}" => self.give_up("conditions know no maps", None),
                _ => self.missing_before(),
            },
        }
    }

    fn took_operand(&mut self) {
        self.operand = false;
        self.steps = 0;
    }

    fn name(&mut self) {
        let Some(token) = self.tokens.get_mut(self.at) else { return };
        if let Some(found) = slips::negation_word(token) {
            self.errors.push(found);
            return;
        }
        if token.text == "in" {
            return self.missing_before();
        }
        self.errors.extend(slips::literal_word(token));
        if slips::kept_words().any(|word| word == self.text()) {
            let word = self.text().to_owned();
            self.give_up(format!("`{word}` is a word of the language, not a name"), slips::help_for_kept_word(&word));
        }
        self.took_operand();
    }

    fn missing_before(&mut self) {
        let sign = self.text().to_owned();
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|token| token.text.to_string());
        let message = match before {
            Some(before) => format!("something is missing between `{before}` and `{sign}`"),
            None => format!("something is missing before `{sign}`"),
        };
        self.fail(message, None);
    }

    fn expect_operator(&mut self) {
        match self.kind() {
            TokenKind::Name => self.word_after_operand(),
            TokenKind::Number | TokenKind::Quoted => self.missing_operator(),
            TokenKind::Sign => match self.text() {
                "(" if self.follows_name() => self.opening(Opened::Call),
                "[" => self.opening(Opened::Index),
                "." => self.step(),
                ")" | "]" => self.closing(),
                "," => self.comma(),
                "?" => self.question(),
                ":" => self.colon(),
                "(" | "!" => self.missing_operator(),
                "{" | "}" => self.give_up("conditions know no maps", None),
                _ => self.operator(),
            },
        }
    }

    fn operator(&mut self) {
        self.operators += 1;
        self.operand = true;
    }

    fn word_after_operand(&mut self) {
        let Some(token) = self.tokens.get_mut(self.at) else { return };
        let word = token.text.to_ascii_lowercase();
        let found = slips::operator_word(token);
        if token.kind == TokenKind::Sign {
            self.errors.extend(found);
            self.operator();
        } else if let Some(help) = slips::help_for_infix(&word) {
            let message = format!("`{}` can't stand between two values", self.text());
            self.fail(message, Some(help));
            self.operator();
            // `x not in y` is one slip, not two.
            self.at += usize::from(word == "not");
        } else {
            self.missing_operator();
        }
    }

    fn missing_operator(&mut self) {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|token| token.text.to_string());
        let message = format!("an operator is missing between `{}` and `{}`", before.unwrap_or_default(), self.text());
        self.fail(message, Some("join conditions with `&&` or `||`".to_owned()));
        if self.text() == "(" { self.opening(Opened::Group) } else { self.operand = self.text() == "!" }
    }

    fn follows_name(&self) -> bool {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|token| token.kind == TokenKind::Name)
    }

    /// A dot must be followed by a name.
    fn step(&mut self) {
        self.steps += 1;
        let next = self.tokens.get(self.at + 1).filter(|token| token.kind == TokenKind::Name);
        let keyword = next.map(|token| token.text.to_string()).filter(|name| KEYWORDS.contains(&name.as_str()));
        if let Some(keyword) = keyword {
            self.at += 1;
            self.fail(format!("`{keyword}` can't follow a dot"), Some(format!("write `[\"{keyword}\"]`")));
        } else if next.is_some() {
            self.at += 1;
        } else {
            self.fail("a name is missing after `.`", Some("for other keys, write `x[\"key\"]`".to_owned()));
        }
    }

    fn opening(&mut self, what: Opened) {
        let steps = if matches!(what, Opened::Call | Opened::Index) { self.steps + 1 } else { 0 };
        self.open.push(Open { what, token: self.at, questions: std::mem::take(&mut self.questions), steps });
        self.steps = 0;
        self.operand = true;
    }

    fn closing_without_operand(&mut self) {
        let last = self.open.last().map(|open| (open.what, open.token));
        let before = self.at.checked_sub(1);
        let after_comma = before.and_then(|at| self.tokens.get(at)).is_some_and(|token| token.is(","));
        let empty = last.is_some_and(|(what, token)| {
            Some(token) == before && matches!(what, Opened::Call | Opened::List) || after_comma && what == Opened::List
        });
        if !empty && last.is_some() {
            self.missing_before();
        }
        self.closing();
    }

    fn closing(&mut self) {
        let sign = self.text().to_owned();
        let Some(open) = self.open.pop() else {
            return self.fail(format!("this `{sign}` closes nothing"), None);
        };
        let expected = if matches!(open.what, Opened::Group | Opened::Call) { ")" } else { "]" };
        if sign != expected {
            self.fail(format!("`{expected}` is expected here, not `{sign}`"), None);
        }
        self.unanswered_questions();
        self.questions = open.questions;
        self.steps = open.steps;
        let groups = open.what == Opened::Group;
        for (one, other) in [(open.token, self.at), (self.at, open.token)] {
            if let Some(bracket) = self.brackets.get_mut(one) {
                *bracket = Some(Bracket { mate: other, groups });
            }
        }
        self.operand = false;
    }

    fn comma(&mut self) {
        if self.open.last().is_some_and(|open| matches!(open.what, Opened::Call | Opened::List)) {
            self.operand = true;
            return;
        }
        let between_numbers = [self.at.checked_sub(1), Some(self.at + 1)]
            .into_iter()
            .all(|at| at.and_then(|at| self.tokens.get(at)).is_some_and(|token| token.kind == TokenKind::Number));
        let before = self.open.last().and_then(|open| open.token.checked_sub(1)).and_then(|at| self.tokens.get(at));
        let help = if before.is_some_and(|token| token.text == "in") {
            "a list stands in square brackets: `x in [\"a\", \"b\"]`"
        } else if between_numbers {
            "write numbers without separators"
        } else {
            "join conditions with `&&` or `||`"
        };
        self.give_up("`,` can't stand here", Some(help.to_owned()));
    }

    fn question(&mut self) {
        self.choices += 1;
        self.questions.push(self.at);
        self.operator();
    }

    fn colon(&mut self) {
        if self.questions.pop().is_none() {
            self.fail("this `:` has no `?` before it", Some("write `condition ? one : other`".to_owned()));
        }
        self.operand = true;
    }

    fn unanswered_questions(&mut self) {
        for at in std::mem::take(&mut self.questions) {
            let span = self.tokens.get(at).map_or(0..0, |token| token.span.clone());
            let error = ExprError::new(span, "this `?` has no `:`").help("write `condition ? one : other`");
            self.errors.push(error.into());
        }
    }

    fn finish(&mut self, end: usize) {
        match self.tokens.last() {
            None if self.errors.is_empty() => {
                let error = ExprError::new(0..end, "the condition is empty").help("write `true` for always");
                self.errors.push(error.into());
            }
            Some(last) if self.operand => {
                let error = ExprError::new(last.span.clone(), format!("something is missing after `{}`", last.text));
                self.errors.push(error.into());
            }
            _ => {}
        }
        self.unanswered_questions();
        for open in std::mem::take(&mut self.open) {
            let Some(token) = self.tokens.get(open.token) else { continue };
            let error = ExprError::new(token.span.clone(), format!("this `{}` is never closed", token.text));
            self.errors.push(error.into());
        }
    }
}
