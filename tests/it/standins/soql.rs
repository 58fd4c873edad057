//! As much of SOQL as is asked here: one object, a condition of comparisons, an order, a limit.

use handraiser::time::Millis;
use serde_json::{Map, Value, json};

pub type Row = Map<String, Value>;

/// A query in its parts.
pub struct Query {
    pub columns: Vec<String>,
    pub object: String,
    condition: Vec<String>,
    order: Vec<String>,
    limit: usize,
}

impl Query {
    pub fn parse(text: &str) -> Self {
        let (columns, rest) = text.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM ")).expect("a query");
        let (rest, limit) =
            rest.rsplit_once(" LIMIT ").map_or((rest, 2_000), |(rest, n)| (rest, n.parse().expect("a number")));
        let (rest, order) = rest.split_once(" ORDER BY ").unwrap_or((rest, "CreatedDate"));
        let (object, condition) = rest.split_once(" WHERE ").unwrap_or((rest, ""));
        let list = |text: &str| text.split(", ").map(str::to_owned).collect();
        Self {
            columns: list(columns),
            object: object.to_owned(),
            condition: tokens(condition),
            order: list(order),
            limit,
        }
    }

    /// Every field that it names.
    pub fn fields(&self) -> Vec<String> {
        let named = self.condition.iter().filter(|token| token.starts_with(|c: char| c.is_alphabetic()));
        let words = ["AND", "OR", "IN", "null", "true", "false"];
        let order = self.order.iter().filter(|name| *name != "CreatedDate");
        self.columns
            .iter()
            .chain(named)
            .chain(order)
            .filter(|token| !words.contains(&token.as_str()))
            .cloned()
            .collect()
    }

    /// `related` is the record that one names by a relation, such as `Account`.
    pub fn select(&self, rows: &[Row], related: impl Fn(&Row, &str) -> Option<Row>) -> Vec<Value> {
        let value = |row: &Row, field: &str| match field.split_once('.') {
            None => row.get(field).cloned().unwrap_or(Value::Null),
            Some((relation, field)) => {
                related(row, relation).and_then(|other| other.get(field).cloned()).unwrap_or(Value::Null)
            }
        };
        let is_met = |row: &&Row| {
            let value = |field: &str| value(row, field);
            self.condition.is_empty() || Condition { tokens: &self.condition, at: 0, value: &value }.any()
        };
        let mut found: Vec<&Row> = rows.iter().filter(is_met).collect();
        if self.order[0] != "CreatedDate" {
            let key = |row: &&Row| self.order.iter().map(|name| value(row, name).to_string()).collect::<Vec<_>>();
            found.sort_by_key(key);
        }
        let shown = |row: &Row| {
            let mut shown = Row::from_iter([("attributes".to_owned(), json!({ "type": self.object }))]);
            for column in &self.columns {
                match column.split_once('.') {
                    None => drop(shown.insert(column.clone(), value(row, column))),
                    Some((relation, field)) => {
                        match (related(row, relation), shown.entry(relation).or_insert(Value::Null)) {
                            (None, _) => {}
                            (Some(other), entry) => entry[field] = other.get(field).cloned().unwrap_or(Value::Null),
                        }
                    }
                }
            }
            Value::Object(shown)
        };
        found.into_iter().take(self.limit).map(shown).collect()
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
                // Moments are written without quotes.
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || "_.:-".contains(*c)) {
                    token.push(c);
                }
            }
            '!' | '>' => token.extend(chars.next_if_eq(&'=')),
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}

struct Condition<'c> {
    tokens: &'c [String],
    at: usize,
    value: &'c dyn Fn(&str) -> Value,
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
        let name = self.next().to_owned();
        let stands = (self.value)(&name);
        if self.eat("=") {
            let wanted = self.next().to_owned();
            return is(&stands, &wanted);
        }
        if self.eat("!=") {
            let wanted = self.next().to_owned();
            return !is(&stands, &wanted);
        }
        for (comparison, or_equal) in [(">=", true), (">", false)] {
            if self.eat(comparison) {
                let wanted = self.next().trim_matches('\'').to_owned();
                let stands = stands.as_str().unwrap_or_default();
                let order = match (Millis::parse(stands), Millis::parse(&wanted)) {
                    (Some(stands), Some(wanted)) => stands.cmp(&wanted),
                    _ => stands.cmp(&wanted),
                };
                return !stands.is_empty() && (order.is_gt() || or_equal && order.is_eq());
            }
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
        (Value::String(stands), wanted) if Millis::parse(wanted).is_some() => {
            Millis::parse(stands) == Millis::parse(wanted)
        }
        (Value::String(stands), wanted) => {
            wanted.strip_prefix('\'').is_some_and(|wanted| stands.eq_ignore_ascii_case(wanted))
        }
        _ => false,
    }
}
