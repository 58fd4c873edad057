//! As much of SOQL as is asked here: one object, a condition of comparisons, an order that rows have anyway, a limit.

use serde_json::{Map, Value, json};

pub type Row = Map<String, Value>;

/// A query in its parts.
pub struct Query {
    pub columns: Vec<String>,
    pub object: String,
    condition: Vec<String>,
    limit: usize,
}

impl Query {
    pub fn parse(text: &str) -> Self {
        let (columns, rest) = text.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM ")).expect("a query");
        let (object, rest) = rest.split_once(" WHERE ").expect("a condition");
        let (rest, limit) =
            rest.rsplit_once(" LIMIT ").map_or((rest, 2_000), |(rest, n)| (rest, n.parse().expect("a number")));
        let condition = rest.strip_suffix(" ORDER BY CreatedDate").unwrap_or(rest);
        let columns = columns.split(", ").map(str::to_owned).collect();
        Self { columns, object: object.to_owned(), condition: tokens(condition), limit }
    }

    /// Every field that it names.
    pub fn fields(&self) -> Vec<String> {
        let named = self.condition.iter().filter(|token| token.starts_with(|c: char| c.is_alphabetic()));
        let words = ["AND", "OR", "IN", "null", "true", "false"];
        self.columns.iter().chain(named).filter(|token| !words.contains(&token.as_str())).cloned().collect()
    }

    pub fn select(&self, rows: &[Row], related: impl Fn(&str) -> Option<Row>) -> Vec<Value> {
        let found = rows.iter().filter(|row| Condition { tokens: &self.condition, at: 0, row }.any());
        let shown = |row: &Row| {
            let mut shown = Row::from_iter([("attributes".to_owned(), json!({ "type": self.object }))]);
            let other = row.get("AccountId").and_then(Value::as_str).and_then(&related);
            for column in &self.columns {
                match column.strip_prefix("Account.") {
                    None => drop(shown.insert(column.clone(), row.get(column).cloned().unwrap_or(Value::Null))),
                    Some(column) => match (&other, shown.entry("Account").or_insert(Value::Null)) {
                        (None, _) => {}
                        (Some(other), entry) => entry[column] = other.get(column).cloned().unwrap_or(Value::Null),
                    },
                }
            }
            Value::Object(shown)
        };
        found.take(self.limit).map(shown).collect()
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = String::from(c);
        match c {
            ' ' | ',' => continue,
            '\'' => loop {
                match chars.next().expect("a text ends") {
                    '\\' => token.extend(chars.next()),
                    '\'' => break,
                    c => token.push(c),
                }
            },
            c if c.is_alphanumeric() => {
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || "_.".contains(*c)) {
                    token.push(c);
                }
            }
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}

struct Condition<'c> {
    tokens: &'c [String],
    at: usize,
    row: &'c Row,
}

impl Condition<'_> {
    fn next(&mut self) -> &str {
        self.at += 1;
        self.tokens.get(self.at - 1).map_or("", String::as_str)
    }

    fn eat(&mut self, token: &str) -> bool {
        let there = self.tokens.get(self.at).is_some_and(|found| found == token);
        self.at += usize::from(there);
        there
    }

    fn any(mut self) -> bool {
        self.or()
    }

    fn or(&mut self) -> bool {
        let mut met = self.and();
        while self.eat("OR") {
            met |= self.and();
        }
        met
    }

    fn and(&mut self) -> bool {
        let mut met = self.one();
        while self.eat("AND") {
            met &= self.one();
        }
        met
    }

    fn one(&mut self) -> bool {
        if self.eat("(") {
            let met = self.or();
            assert!(self.eat(")"), "a bracket is closed");
            return met;
        }
        let stands = self.next().to_owned();
        let stands = self.row.get(&stands).cloned().unwrap_or(Value::Null);
        if self.eat("=") {
            let wanted = self.next().to_owned();
            return is(&stands, &wanted);
        }
        assert!(self.eat("IN") && self.eat("("), "a comparison: {:?}", self.tokens);
        let mut met = false;
        while !self.eat(")") {
            let wanted = self.next().to_owned();
            met |= is(&stands, &wanted);
        }
        met
    }
}

/// Texts are compared without regard to capitals, but for what is declared case-sensitive, as our ids are.
fn is(stands: &Value, wanted: &str) -> bool {
    match (stands, wanted) {
        (Value::Null, "null") => true,
        (Value::Bool(stands), wanted) => stands.to_string() == wanted,
        (Value::String(stands), wanted) => {
            wanted.strip_prefix('\'').is_some_and(|wanted| stands.eq_ignore_ascii_case(wanted))
        }
        _ => false,
    }
}
