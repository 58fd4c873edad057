//! The `cel` crate's parser, and its tree as ours.

use std::ops::Range;

use cel::common::ast::operators;
use cel::common::ast::{CallExpr, Expr as CelExpr, LiteralValue, SelectExpr, SourceInfo};
use cel::{Env, IdedExpr};

use super::super::ExprError;
use super::ast::{Arithmetic, Comparison, Kind, Literal, Node, Operator};
use super::lex::Token;
use super::shape::Bracket;

/// More than the depth of brackets that we allow: the parser counts other levels too.
const PARSER_DEPTH: u16 = 64;

/// Parses `tokens`, whose brackets are known to match.
pub(super) fn convert(tokens: &[Token<'_>], brackets: &[Option<Bracket>]) -> Result<Node, Vec<ExprError>> {
    let (source, starts) = join(tokens);
    // An environment without macros leaves `has(…)`, `exists(…)` and `all(…)` as the calls that were written.
    let parser = Env::default().with_optional_support(false).parser();
    let parsed = parser.max_recursion_depth(PARSER_DEPTH).error_recovery_limit(4).parse_with_source_info(&source);
    let converter = |info| Converter { info, tokens, brackets, starts: &starts };
    match parsed {
        Ok((tree, info)) => {
            let converter = converter(&info);
            let found = converter.node(&tree).map_err(|error| vec![error])?;
            Ok(converter.place(found).1)
        }
        Err(errors) => {
            let at =
                errors.errors.first().map_or(0, |error| usize::try_from(error.pos.1).unwrap_or(0).saturating_sub(1));
            let token = token_at(&starts, at).and_then(|index| tokens.get(index)).or(tokens.last());
            let (span, text) = token.map_or((0..0, ""), |token| (token.span.clone(), token.text.as_ref()));
            Err(vec![ExprError::new(span, format!("`{text}` can't be understood here"))])
        }
    }
}

/// The tokens as one line, and where each begins in it.
fn join(tokens: &[Token<'_>]) -> (String, Vec<usize>) {
    let mut line = String::new();
    let mut starts = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !line.is_empty() {
            line.push(' ');
        }
        starts.push(line.len());
        line.push_str(&token.text);
    }
    (line, starts)
}

/// The token that covers byte `at` of the joined line.
fn token_at(starts: &[usize], at: usize) -> Option<usize> {
    starts.partition_point(|start| *start <= at).checked_sub(1)
}

/// A node with its first and last token.
struct Found {
    first: usize,
    last: usize,
    kind: Kind,
}

struct Converter<'c, 's> {
    info: &'c SourceInfo,
    tokens: &'c [Token<'s>],
    brackets: &'c [Option<Bracket>],
    starts: &'c [usize],
}

impl Converter<'_, '_> {
    /// The token that the parser tied to a node: an operator, a dot, an opening bracket, a name or a literal.
    fn anchor(&self, id: u64) -> Result<usize, ExprError> {
        let offset = self.info.offset_for(id).and_then(|(start, _)| usize::try_from(start).ok());
        offset
            .and_then(|at| token_at(self.starts, at))
            .ok_or_else(|| ExprError::new(0..0, "this condition can't be understood"))
    }

    fn bytes(&self, first: usize, last: usize) -> Range<usize> {
        let start = self.tokens.get(first).map_or(0, |token| token.span.start);
        let end = self.tokens.get(last).map_or(start, |token| token.span.end);
        start..end.max(start)
    }

    fn mate(&self, open: usize) -> usize {
        self.brackets.get(open).copied().flatten().map_or(open, |bracket| bracket.mate)
    }

    /// The node with its bytes, grouping brackets around it included, and the tokens that it covers then.
    fn place(&self, found: Found) -> (Range<usize>, Node) {
        let Found { mut first, mut last, kind } = found;
        while let Some(before) = first.checked_sub(1) {
            match self.brackets.get(before).copied().flatten() {
                Some(bracket) if bracket.groups && bracket.mate == last + 1 => (first, last) = (before, last + 1),
                _ => break,
            }
        }
        (first..last + 1, Node { span: self.bytes(first, last), kind })
    }

    fn child(&self, tree: &IdedExpr) -> Result<(Range<usize>, Node), ExprError> {
        Ok(self.place(self.node(tree)?))
    }

    fn children(&self, trees: &[IdedExpr]) -> Result<Vec<Node>, ExprError> {
        trees.iter().map(|tree| Ok(self.child(tree)?.1)).collect()
    }

    fn node(&self, tree: &IdedExpr) -> Result<Found, ExprError> {
        match &tree.expr {
            CelExpr::Literal(literal) => self.literal(self.anchor(tree.id)?, literal),
            CelExpr::Ident(name) => {
                let at = self.anchor(tree.id)?;
                Ok(Found { first: at, last: at, kind: Kind::Name(name.clone()) })
            }
            CelExpr::Select(select) => self.select(self.anchor(tree.id)?, select),
            CelExpr::List(list) => {
                let at = self.anchor(tree.id)?;
                Ok(Found { first: at, last: self.mate(at), kind: Kind::List(self.children(&list.elements)?) })
            }
            CelExpr::Call(call) => self.call(self.anchor(tree.id)?, call),
            CelExpr::Map(_) | CelExpr::Struct(_) | CelExpr::Comprehension(_) | CelExpr::Unspecified => {
                let at = self.anchor(tree.id).unwrap_or_default();
                Err(ExprError::new(self.bytes(at, at), "this can't be understood as part of a condition"))
            }
        }
    }

    fn literal(&self, at: usize, literal: &LiteralValue) -> Result<Found, ExprError> {
        let literal = match literal {
            LiteralValue::Null => Literal::Null,
            LiteralValue::Boolean(flag) => Literal::Bool(*flag.inner()),
            #[expect(clippy::cast_precision_loss, reason = "all numbers are f64; past 2^53 they are near enough")]
            LiteralValue::Int(number) => Literal::Number(*number.inner() as f64),
            #[expect(clippy::cast_precision_loss, reason = "all numbers are f64; past 2^53 they are near enough")]
            LiteralValue::UInt(number) => Literal::Number(*number.inner() as f64),
            LiteralValue::Double(number) => Literal::Number(*number.inner()),
            LiteralValue::String(text) => Literal::Text(text.inner().to_owned()),
            LiteralValue::Bytes(_) => return Err(ExprError::new(self.bytes(at, at), "conditions know no bytes")),
        };
        // The sign of a negative number is a token of its own, before the anchor.
        let signed = matches!(literal, Literal::Number(number) if number.is_sign_negative());
        Ok(Found { first: at - usize::from(signed && at > 0), last: at, kind: Kind::Literal(literal) })
    }

    fn select(&self, dot: usize, select: &SelectExpr) -> Result<Found, ExprError> {
        let (tokens, of) = self.child(&select.operand)?;
        let last = dot + 1;
        let field_span = self.bytes(last, last);
        Ok(Found {
            first: tokens.start,
            last,
            kind: Kind::Select { of: Box::new(of), field: select.field.clone(), field_span },
        })
    }

    fn call(&self, at: usize, call: &CallExpr) -> Result<Found, ExprError> {
        match (call.func_name.as_str(), call.args.as_slice(), &call.target) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, _, None) => self.logic(call),
            (operators::LOGICAL_NOT, [of], None) => self.unary(at, of, Kind::Not),
            (operators::NEGATE, [of], None) => self.unary(at, of, Kind::Negate),
            (operators::CONDITIONAL, [condition, then, otherwise], None) => self.choice(condition, then, otherwise),
            (operators::INDEX, [of, index], None) => {
                let (tokens, of) = self.child(of)?;
                let index = Box::new(self.child(index)?.1);
                Ok(Found { first: tokens.start, last: self.mate(at), kind: Kind::Index { of: Box::new(of), index } })
            }
            (name, [left, right], None) if operator(name).is_some() => self.binary(at, name, left, right),
            _ => self.function(at, call),
        }
    }

    fn unary(&self, at: usize, of: &IdedExpr, kind: fn(Box<Node>) -> Kind) -> Result<Found, ExprError> {
        let (tokens, of) = self.child(of)?;
        Ok(Found { first: at, last: tokens.end - 1, kind: kind(Box::new(of)) })
    }

    fn choice(&self, condition: &IdedExpr, then: &IdedExpr, otherwise: &IdedExpr) -> Result<Found, ExprError> {
        let (start, condition) = self.child(condition)?;
        let then = Box::new(self.child(then)?.1);
        let (end, otherwise) = self.child(otherwise)?;
        let kind = Kind::If { condition: Box::new(condition), then, otherwise: Box::new(otherwise) };
        Ok(Found { first: start.start, last: end.end - 1, kind })
    }

    fn binary(&self, at: usize, name: &str, left: &IdedExpr, right: &IdedExpr) -> Result<Found, ExprError> {
        let operator = operator(name).unwrap_or(Operator::In);
        let (start, left) = self.child(left)?;
        let (end, right) = self.child(right)?;
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = Kind::Binary { operator, operator_span: self.bytes(at, at), left, right };
        Ok(Found { first: start.start, last: end.end - 1, kind })
    }

    /// The parser makes a balanced tree of a chain of `&&`; here it is one list again, in the order of writing.
    fn logic(&self, call: &CallExpr) -> Result<Found, ExprError> {
        let mut terms = Vec::new();
        self.terms(call, &mut terms)?;
        let first = terms.first().map_or(0, |(tokens, _)| tokens.start);
        let last = terms.last().map_or(0, |(tokens, _)| tokens.end - 1);
        let nodes = terms.into_iter().map(|(_, node)| node).collect();
        let kind = if call.func_name == operators::LOGICAL_AND { Kind::And(nodes) } else { Kind::Or(nodes) };
        Ok(Found { first, last, kind })
    }

    fn terms(&self, call: &CallExpr, into: &mut Vec<(Range<usize>, Node)>) -> Result<(), ExprError> {
        for term in &call.args {
            match &term.expr {
                CelExpr::Call(inner) if inner.func_name == call.func_name => self.terms(inner, into)?,
                _ => into.push(self.child(term)?),
            }
        }
        Ok(())
    }

    fn function(&self, open: usize, call: &CallExpr) -> Result<Found, ExprError> {
        let target = call.target.as_deref().map(|target| self.child(target)).transpose()?;
        let name = open.saturating_sub(1);
        let first = target.as_ref().map_or(name, |(tokens, _)| tokens.start);
        let kind = Kind::Call {
            name: call.func_name.clone(),
            name_span: self.bytes(name, name),
            target: target.map(|(_, node)| Box::new(node)),
            arguments: self.children(&call.args)?,
        };
        Ok(Found { first, last: self.mate(open), kind })
    }
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::EQUALS => Operator::Compare(Comparison::Equal),
        operators::NOT_EQUALS => Operator::Compare(Comparison::NotEqual),
        operators::LESS => Operator::Compare(Comparison::Less),
        operators::LESS_EQUALS => Operator::Compare(Comparison::LessOrEqual),
        operators::GREATER => Operator::Compare(Comparison::Greater),
        operators::GREATER_EQUALS => Operator::Compare(Comparison::GreaterOrEqual),
        operators::ADD => Operator::Calculate(Arithmetic::Add),
        operators::SUBSTRACT => Operator::Calculate(Arithmetic::Subtract),
        operators::MULTIPLY => Operator::Calculate(Arithmetic::Multiply),
        operators::DIVIDE => Operator::Calculate(Arithmetic::Divide),
        operators::MODULO => Operator::Calculate(Arithmetic::Remainder),
        operators::IN => Operator::In,
        _ => return None,
    })
}
