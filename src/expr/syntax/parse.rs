//! The parser: operands joined by operators, the stronger ones first.
//!
//! `None` everywhere means that the rest can't be understood, and that this was reported.

use std::ops::Range;

use super::super::ExprError;
use super::ast::{Arithmetic, Comparison, Kind, Literal, Node, Operator};
use super::lex::{Token, TokenKind};
use super::{Errors, MAX_CHOICES, MAX_DEPTH, MAX_OPERATORS, MAX_STEPS, slips};

/// How strongly an operator between two operands binds.
pub(super) const fn strength(operator: &str) -> Option<u8> {
    Some(match operator.as_bytes() {
        b"?" => CHOICE,
        b"||" => 1,
        b"&&" => 2,
        b"==" | b"!=" | b"<" | b"<=" | b">" | b">=" | b"in" | b"not in" => RELATION,
        b"+" | b"-" => 4,
        b"*" | b"/" | b"%" => 5,
        _ => return None,
    })
}

const CHOICE: u8 = 0;
const RELATION: u8 = 3;

/// The tree of `tokens`, those of `source`.
pub(super) fn parse(source: &str, tokens: Vec<Token>, errors: &mut Errors) -> Option<Node> {
    if tokens.is_empty() {
        let error = ExprError::new(0..source.len(), "the condition is empty").help("write `true` for always");
        return errors.push(error, None);
    }
    let mut parser = Parser { source, tokens, at: 0, errors, depth: 0, operators: 0, choices: 0 };
    let tree = parser.expression(CHOICE)?;
    if parser.at < parser.tokens.len() { parser.surplus(None) } else { Some(tree) }
}

struct Parser<'s, 'e> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    errors: &'e mut Errors,
    depth: usize,
    operators: usize,
    choices: usize,
}

impl<'s> Parser<'s, '_> {
    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    /// The sign at hand, if it is one.
    fn sign(&self) -> &'static str {
        match self.token(self.at).map(|token| &token.kind) {
            Some(TokenKind::Sign(sign)) => sign,
            _ => "",
        }
    }

    /// The word at `at`, if it is one.
    fn word(&self, at: usize) -> &'s str {
        match self.token(at) {
            Some(Token { kind: TokenKind::Name, span }) => self.source.get(span.clone()).unwrap_or_default(),
            _ => "",
        }
    }

    /// Where the token at `at` was written; behind the last one, where that was.
    fn span(&self, at: usize) -> Range<usize> {
        self.token(at).or(self.tokens.last()).map_or(0..0, |token| token.span.clone())
    }

    fn text(&self, span: Range<usize>) -> &'s str {
        self.source.get(span).unwrap_or_default()
    }

    /// The token at `at` as messages show it.
    fn shown(&self, at: usize) -> String {
        const LONGEST: usize = 40;
        let text = self.text(self.span(at));
        text.char_indices()
            .nth(LONGEST)
            .map_or_else(|| text.to_owned(), |(end, _)| format!("{}…", text.get(..end).unwrap_or_default()))
    }

    fn fail<T>(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) -> Option<T> {
        self.errors.push(ExprError::new(span, message).maybe_help(help), None)
    }

    /// Reports something that is understood all the same.
    fn slip(&mut self, span: Range<usize>, message: String, help: String) {
        self.errors.push(ExprError::new(span, message).help(help), ());
    }

    /// Takes the token at hand.
    fn take(&mut self) -> Range<usize> {
        let span = self.span(self.at);
        self.at += 1;
        span
    }

    fn take_operator(&mut self) -> Option<Range<usize>> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            let message = format!("the condition has more than {MAX_OPERATORS} operators");
            return self.fail(self.span(self.at), message, None);
        }
        Some(self.take())
    }

    /// Operators that bind at least as strongly as `least`, and their operands.
    fn expression(&mut self, least: u8) -> Option<Node> {
        let mut left = self.prefixed()?;
        loop {
            let operator = self.operator(&mut left)?;
            let Some(strength) = strength(operator).filter(|strength| *strength >= least) else { return Some(left) };
            left = match operator {
                "?" => self.choice(left)?,
                "&&" | "||" => self.joined(left, operator, strength)?,
                _ => self.binary(left, operator, strength)?,
            };
        }
    }

    /// The operator that follows `left`, not taken yet; empty when none does. Words that stand for operators become them.
    fn operator(&mut self, left: &mut Node) -> Option<&'static str> {
        let word = self.word(self.at);
        if word.is_empty() {
            let sign = self.sign();
            if sign == "%"
                && !self.begins_operand(self.at + 1)
                && matches!(left.kind, Kind::Literal(Literal::Number(_)))
            {
                self.percent(left)?;
                return self.operator(left);
            }
            return Some(sign);
        }
        let next = self.word(self.at + 1).to_ascii_lowercase();
        let (meant, words) = match (slips::operator(word), next.as_str()) {
            (Some("=="), "not") => ("!=", 2),
            (Some(meant), _) => (meant, 1),
            (None, "in") if word.eq_ignore_ascii_case("not") => ("not in", 2),
            (None, _) => return self.method_as_operator(word, left),
        };
        let span = self.span(self.at).start..self.span(self.at + words - 1).end;
        let written = self.text(span.clone());
        if written != meant || meant == "not in" {
            let help = if meant == "not in" {
                format!("write `!({} in […])`", self.text(left.span.clone()))
            } else {
                format!("write `{meant}`")
            };
            self.slip(span.clone(), format!("`{written}` is not an operator"), help);
        }
        let token = Token { kind: TokenKind::Sign(meant), span };
        self.tokens.splice(self.at..self.at + words, [token]);
        Some(meant)
    }

    fn method_as_operator(&mut self, word: &str, left: &Node) -> Option<&'static str> {
        match slips::help_for_method(word, self.text(left.span.clone())) {
            Some(help) => self.fail(self.span(self.at), format!("`{word}` can't stand between two values"), Some(help)),
            None => Some(""),
        }
    }

    /// `80%`, with nothing behind it to divide by, is read as 0.8.
    fn percent(&mut self, left: &mut Node) -> Option<()> {
        if let Kind::Literal(Literal::Number(number)) = &mut left.kind {
            let share = *number / 100.0;
            *number = share;
            left.span.end = self.take_operator()?.end;
            let written = self.text(left.span.clone());
            self.slip(left.span.clone(), format!("`{written}` is no number"), format!("write `{share}`"));
        }
        Some(())
    }

    /// Whether the token at `at` can be the first of an operand.
    fn begins_operand(&self, at: usize) -> bool {
        match self.token(at).map(|token| &token.kind) {
            None => false,
            Some(TokenKind::Sign(sign)) => matches!(*sign, "(" | "[" | "!" | "-"),
            Some(TokenKind::Name) => slips::operator(self.word(at)).is_none(),
            Some(_) => true,
        }
    }

    fn joined(&mut self, left: Node, operator: &'static str, strength: u8) -> Option<Node> {
        let start = left.span.start;
        let mut terms = vec![left];
        while self.sign() == operator {
            self.take_operator()?;
            terms.push(self.expression(strength + 1)?);
        }
        let end = terms.last().map_or(start, |term| term.span.end);
        let kind = if operator == "&&" { Kind::And(terms) } else { Kind::Or(terms) };
        Some(Node { span: start..end, kind })
    }

    fn binary(&mut self, left: Node, operator: &'static str, strength: u8) -> Option<Node> {
        let operator_span = self.take_operator()?;
        let right = self.expression(strength + 1)?;
        let span = left.span.start..right.span.end;
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = Kind::Binary { operator: binary_operator(operator)?, operator_span, left, right };
        let node = Node { span: span.clone(), kind };
        Some(if operator == "not in" { Node { span, kind: Kind::Not(Box::new(node)) } } else { node })
    }

    fn choice(&mut self, condition: Node) -> Option<Node> {
        const HELP: &str = "write `condition ? one : other`";
        self.choices += 1;
        if self.choices > MAX_CHOICES {
            let message = format!("the condition has more than {MAX_CHOICES} choices (`?`)");
            return self.fail(self.span(self.at), message, None);
        }
        let question = self.take_operator()?;
        let then = self.expression(CHOICE)?;
        if self.sign() != ":" {
            return self.fail(question, "this `?` has no `:`", Some(HELP.to_owned()));
        }
        self.take();
        let otherwise = self.expression(CHOICE)?;
        let span = condition.span.start..otherwise.span.end;
        let (condition, then, otherwise) = (Box::new(condition), Box::new(then), Box::new(otherwise));
        Some(Node { span, kind: Kind::If { condition, then, otherwise } })
    }

    /// An operand with the `!` and `-` before it.
    fn prefixed(&mut self) -> Option<Node> {
        let mut prefixes = Vec::new();
        while let sign @ ("!" | "-") = self.sign() {
            prefixes.push((sign, self.take_operator()?.start));
        }
        let mut node = self.chain()?;
        for (sign, start) in prefixes.into_iter().rev() {
            let span = start..node.span.end;
            let kind = match node.kind {
                Kind::Literal(Literal::Number(number)) if sign == "-" => Kind::Literal(Literal::Number(-number)),
                _ if sign == "-" => Kind::Negate(Box::new(node)),
                _ => Kind::Not(Box::new(node)),
            };
            node = Node { span, kind };
        }
        Some(node)
    }

    /// An operand with the names, methods and indexes behind it.
    fn chain(&mut self) -> Option<Node> {
        let mut node = self.operand()?;
        for _ in 0..=MAX_STEPS {
            node = match self.sign() {
                "." => self.step(node)?,
                "[" => {
                    let (mut items, end) = self.bracketed("]")?;
                    let span = node.span.start..end;
                    let (Some(index), true) = (items.pop(), items.is_empty()) else {
                        return self.fail(span, "one index stands in square brackets", None);
                    };
                    Node { span, kind: Kind::Index { of: Box::new(node), index: Box::new(index) } }
                }
                _ => return Some(node),
            };
        }
        self.fail(node.span, format!("more than {MAX_STEPS} steps in a row"), None)
    }

    fn step(&mut self, of: Node) -> Option<Node> {
        let dot = self.take();
        let name = self.word(self.at);
        if name.is_empty() {
            let help = "for other keys, write `x[\"key\"]`".to_owned();
            return self.fail(dot, "a name is missing after `.`", Some(help));
        }
        let field_span = self.take();
        if self.sign() == "(" {
            return self.call(name, field_span, Some(Box::new(of)));
        }
        let span = of.span.start..field_span.end;
        Some(Node { span, kind: Kind::Select { of: Box::new(of), field: name.to_owned(), field_span } })
    }

    fn call(&mut self, name: &str, name_span: Range<usize>, target: Option<Box<Node>>) -> Option<Node> {
        let start = target.as_ref().map_or(name_span.start, |target| target.span.start);
        let (arguments, end) = self.bracketed(")")?;
        Some(Node { span: start..end, kind: Kind::Call { name: name.to_owned(), name_span, target, arguments } })
    }

    fn operand(&mut self) -> Option<Node> {
        let span = self.span(self.at);
        let kind = match self.token(self.at).map(|token| &token.kind) {
            Some(TokenKind::Number(number)) => Kind::Literal(Literal::Number(*number)),
            Some(TokenKind::Duration(ms)) => Kind::Literal(Literal::Duration(*ms)),
            Some(TokenKind::Text(text)) => Kind::Literal(Literal::Text(text.clone())),
            Some(TokenKind::Name) => return self.name(),
            Some(TokenKind::Sign(sign)) => return self.opening(sign),
            None => return self.fail(span, format!("something is missing after `{}`", self.shown(self.at)), None),
        };
        self.take();
        Some(Node { span, kind })
    }

    fn name(&mut self) -> Option<Node> {
        let mut name = self.word(self.at);
        if name == "in" {
            return self.missing();
        }
        let span = self.take();
        if name.eq_ignore_ascii_case("not") {
            self.operators += 1;
            self.slip(span.clone(), format!("`{name}` is not an operator"), "write `!(…)`".to_owned());
            let of = self.expression(RELATION)?;
            return Some(Node { span: span.start..of.span.end, kind: Kind::Not(Box::new(of)) });
        }
        if self.sign() == "(" {
            return self.call(name, span, None);
        }
        if let Some(meant) = slips::literal(name) {
            self.slip(span.clone(), format!("`{name}` is not a value"), format!("write `{meant}`"));
            name = meant;
        }
        let kind = match name {
            "true" | "false" => Kind::Literal(Literal::Bool(name == "true")),
            "null" => Kind::Literal(Literal::Null),
            _ => Kind::Name(name.to_owned()),
        };
        Some(Node { span, kind })
    }

    /// What a sign in the place of an operand begins: a list or a group.
    fn opening(&mut self, sign: &str) -> Option<Node> {
        let start = self.span(self.at).start;
        match sign {
            "[" => {
                let (items, end) = self.bracketed("]")?;
                Some(Node { span: start..end, kind: Kind::List(items) })
            }
            "(" => {
                let open = self.open()?;
                let inner = self.expression(CHOICE)?;
                let end = self.close(open, ")")?;
                Some(Node { span: start..end, ..inner })
            }
            "{" | "}" => self.fail(self.span(self.at), "conditions know no maps", None),
            _ => self.missing(),
        }
    }

    /// Expressions between brackets, and where the closing one ends.
    fn bracketed(&mut self, closing: &'static str) -> Option<(Vec<Node>, usize)> {
        let open = self.open()?;
        let mut items = Vec::new();
        while self.sign() != closing {
            items.push(self.expression(CHOICE)?);
            if self.sign() != "," {
                break;
            }
            self.take();
        }
        Some((items, self.close(open, closing)?))
    }

    /// Takes an opening bracket and returns which token it was.
    fn open(&mut self) -> Option<usize> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("brackets are nested more than {MAX_DEPTH} deep");
            return self.fail(self.span(self.at), message, None);
        }
        self.take();
        Some(self.at - 1)
    }

    fn close(&mut self, open: usize, closing: &'static str) -> Option<usize> {
        if self.sign() != closing {
            return self.surplus(Some((open, closing)));
        }
        self.depth -= 1;
        Some(self.take().end)
    }

    /// An operand is missing before the sign or word at hand.
    fn missing<T>(&mut self) -> Option<T> {
        let sign = self.shown(self.at);
        let message = match self.at.checked_sub(1) {
            Some(before) => format!("something is missing between `{}` and `{sign}`", self.shown(before)),
            None => format!("something is missing before `{sign}`"),
        };
        self.fail(self.span(self.at), message, None)
    }

    /// What is at hand behind a whole expression belongs nowhere. `inside`: the bracket that is open, and what would close it.
    fn surplus<T>(&mut self, inside: Option<(usize, &'static str)>) -> Option<T> {
        let span = self.span(self.at);
        let shown = self.shown(self.at);
        match (self.token(self.at).map(|_| self.sign()), inside) {
            (None, inside) => {
                let open = inside.map_or(0, |(open, _)| open);
                self.fail(self.span(open), format!("this `{}` is never closed", self.shown(open)), None)
            }
            (Some(")" | "]"), Some((_, closing))) => {
                self.fail(span, format!("`{closing}` is expected here, not `{shown}`"), None)
            }
            (Some(")" | "]"), None) => self.fail(span, format!("this `{shown}` closes nothing"), None),
            (Some(":"), _) => {
                let help = "write `condition ? one : other`".to_owned();
                self.fail(span, "this `:` has no `?` before it", Some(help))
            }
            (Some("{" | "}"), _) => self.fail(span, "conditions know no maps", None),
            (Some(","), inside) => {
                let help = self.help_for_comma(inside.map(|(open, _)| open));
                self.fail(span, "`,` can't stand here", Some(help.to_owned()))
            }
            _ => {
                let before = self.at.saturating_sub(1);
                let help = slips::help_for_neighbours(&self.shown(before), &shown);
                let message = format!("an operator is missing between `{}` and `{shown}`", self.shown(before));
                self.fail(span, message, Some(help))
            }
        }
    }

    fn help_for_comma(&self, open: Option<usize>) -> &'static str {
        let number = |at| self.token(at).is_some_and(|token| matches!(token.kind, TokenKind::Number(_)));
        let after_in = open.and_then(|open| self.token(open.checked_sub(1)?));
        if after_in.is_some_and(|token| matches!(token.kind, TokenKind::Sign("in" | "not in"))) {
            "a list stands in square brackets: `x in [\"a\", \"b\"]`"
        } else if number(self.at.saturating_sub(1)) && number(self.at + 1) {
            "write numbers without separators"
        } else {
            "join conditions with `&&` or `||`"
        }
    }
}

fn binary_operator(sign: &str) -> Option<Operator> {
    Some(match sign {
        "==" => Operator::Compare(Comparison::Equal),
        "!=" => Operator::Compare(Comparison::NotEqual),
        "<" => Operator::Compare(Comparison::Less),
        "<=" => Operator::Compare(Comparison::LessOrEqual),
        ">" => Operator::Compare(Comparison::Greater),
        ">=" => Operator::Compare(Comparison::GreaterOrEqual),
        "+" => Operator::Calculate(Arithmetic::Add),
        "-" => Operator::Calculate(Arithmetic::Subtract),
        "*" => Operator::Calculate(Arithmetic::Multiply),
        "/" => Operator::Calculate(Arithmetic::Divide),
        "%" => Operator::Calculate(Arithmetic::Remainder),
        "in" | "not in" => Operator::In,
        _ => return None,
    })
}
