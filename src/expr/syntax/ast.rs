//! The syntax tree that the checker reads: every node knows the bytes it was written in.

use std::ops::Range;

#[derive(Debug)]
pub(in super::super) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(in super::super) enum Kind {
    Literal(Literal),
    Name(String),
    Select {
        of: Box<Node>,
        field: String,
        field_span: Range<usize>,
    },
    Index {
        of: Box<Node>,
        index: Box<Node>,
    },
    List(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// Two operands or more, in the order in which they were written.
    And(Vec<Node>),
    Or(Vec<Node>),
    If {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Box<Node>,
    },
    Binary {
        operator: Operator,
        operator_span: Range<usize>,
        left: Box<Node>,
        right: Box<Node>,
    },
    Call {
        name: String,
        name_span: Range<usize>,
        target: Option<Box<Node>>,
        arguments: Vec<Node>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    /// A length of time in milliseconds: `30d`.
    Duration(f64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Operator {
    Compare(Comparison),
    Calculate(Arithmetic),
    In,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Comparison {
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// The same comparison with its sides exchanged: `50 < x` is `x > 50`.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Arithmetic {
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
