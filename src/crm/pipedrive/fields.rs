//! Fields of Pipedrive: people know them by their names, the API by codes that differ from company to company.

use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Pipedrive;
use super::talk::{Talk, Values, part};
use crate::crm::mapping::{self, values};
use crate::crm::retry::{Failure, Verdict};
use crate::crm::told::{ACCOUNT, FACTS, Fact, FactKind, shortened};
use crate::lead::LeadEvent;

/// For how long fields are known.
const KNOWN: Duration = Duration::from_hours(1);
/// How many pages of fields are read, of 500 each.
const MOST_PAGES: usize = 10;
/// The longest line of text.
const LONGEST_LINE: usize = 255;
/// Fields of leads that deals call otherwise, or don't have.
const OF_LEADS: [&str; 8] =
    ["title", "value", "label_ids", "expected_close_date", "visible_to", "was_seen", "channel", "channel_id"];

/// A kind of record that has fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Organization,
    Person,
    /// Leads have the fields of deals.
    Lead,
}

impl Kind {
    /// Where its fields are.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Organization => "organizationFields",
            Self::Person => "personFields",
            Self::Lead => "dealFields",
        }
    }

    /// As people say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Organization => "organizations",
            Self::Person => "persons",
            Self::Lead => "leads",
        }
    }

    /// Those of ours that it has.
    pub fn ours(self) -> &'static [Fact] {
        match self {
            Self::Organization => &[ACCOUNT],
            Self::Person => &[],
            Self::Lead => &FACTS,
        }
    }
}

/// A field, as Pipedrive tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Field {
    #[serde(rename = "field_code")]
    pub code: String,
    #[serde(rename = "field_name")]
    pub name: String,
    #[serde(rename = "field_type")]
    pub kind: String,
    #[serde(rename = "is_custom_field", default)]
    pub is_custom: bool,
    #[serde(default)]
    pub options: Option<Vec<Choice>>,
}

/// One of the values that a field may have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Choice {
    pub id: Value,
    pub label: String,
}

/// The fields of one kind of record.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    pub kind: Kind,
    pub fields: Vec<Field>,
}

/// What is to be written of a record: fields that every company has, and those that are its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub plain: Values,
    pub custom: Values,
}

impl Written {
    /// As version 2 wants it.
    pub fn nested(mut self) -> Values {
        if !self.custom.is_empty() {
            self.plain.insert("custom_fields".to_owned(), self.custom.into());
        }
        self.plain
    }

    /// As version 1 wants it.
    pub fn flat(mut self) -> Values {
        self.plain.extend(self.custom);
        self.plain
    }

    /// Leaves out what a record holds already.
    pub fn retain_changes(&mut self, record: &Value) {
        // What has no value may not be told of at all.
        let is_new = |value: &Value, stands: Option<&Value>| !same(stands.unwrap_or(&Value::Null), value);
        self.plain.retain(|name, value| is_new(value, record.get(name.as_str())));
        self.custom.retain(|code, value| is_new(value, custom(record, code)));
    }

    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.custom.is_empty()
    }
}

/// The value of a company's own field, wherever the version has it.
pub(super) fn custom<'r>(record: &'r Value, code: &str) -> Option<&'r Value> {
    record.get("custom_fields").and_then(|fields| fields.get(code)).or_else(|| record.get(code))
}

/// Whether the value of a company's own field is this text.
pub(super) fn says(record: &Value, code: &str, text: &str) -> bool {
    custom(record, code).and_then(Value::as_str).is_some_and(|value| value.trim() == text.trim())
}

/// Whether two values say the same.
fn same(one: &Value, other: &Value) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    match (one, other) {
        (Value::String(one), Value::String(other)) => plain(one) == plain(other),
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().map(f64::to_bits) == other.as_f64().map(f64::to_bits)
        }
        _ => one == other,
    }
}

impl Catalogue {
    /// The field of a code, or of a name as people read it.
    pub fn find(&self, name: &str) -> Option<&Field> {
        let by_code = self.fields.iter().find(|field| field.code == name);
        by_code.or_else(|| self.fields.iter().find(|field| field.name.trim().eq_ignore_ascii_case(name.trim())))
    }

    /// The code of one of ours.
    pub fn ours(&self, fact: &Fact) -> &str {
        self.own(fact).map_or(fact.label, |field| &field.code)
    }

    /// One of ours.
    pub fn own(&self, fact: &Fact) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_custom && field.name == fact.label)
    }

    /// What an operator mapped.
    pub fn mapped(&self, fields: &[mapping::Field], event: &LeadEvent) -> Result<Written, Failure> {
        let mut written = Written::default();
        for (name, value) in values(fields, event)? {
            if self.kind == Kind::Lead && OF_LEADS.contains(&name.as_str()) {
                written.plain.insert(name, value);
                continue;
            }
            let field = self.find(&name).ok_or_else(|| {
                let fix = "make it in Pipedrive, or take it out of the mapping";
                let error = format!("there is no field `{name}` for {}; {fix}", self.kind.words());
                Failure::unanswered(error, UNKNOWN_FIELD)
            })?;
            let value = shaped(field, value)?;
            if field.is_custom { &mut written.custom } else { &mut written.plain }.insert(field.code.clone(), value);
        }
        Ok(written)
    }

    /// What is written when a record is made, or changed: of the operator's fields, and `ours`.
    pub fn written(
        &self,
        event: &LeadEvent,
        fields: &mapping::Fields,
        is_new: bool,
        ours: Values,
    ) -> Result<Written, Failure> {
        let mut written = Written { custom: ours, ..Written::default() };
        for some in [is_new.then_some(&fields.once), Some(&fields.always)].into_iter().flatten() {
            let mapped = self.mapped(some, event)?;
            written.plain.extend(mapped.plain);
            written.custom.extend(mapped.custom);
        }
        Ok(written)
    }

    /// Whether a name may be mapped.
    pub fn knows(&self, name: &str) -> bool {
        (self.kind == Kind::Lead && OF_LEADS.contains(&name)) || self.find(name).is_some()
    }
}

/// Why a write is not tried that names a field that Pipedrive doesn't have.
pub(super) const UNKNOWN_FIELD: &str = "unknown field";

/// A value, as a field of its kind takes it.
fn shaped(field: &Field, value: Value) -> Result<Value, Failure> {
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(match field.kind.as_str() {
        "varchar" | "varchar_auto" | "phone" => shortened(&text(), LONGEST_LINE).into(),
        "text" => text().into(),
        "double" | "int" => {
            value.as_str().and_then(|text| text.trim().parse::<serde_json::Number>().ok()).map_or(value, Value::from)
        }
        "date" => shortened(&text(), 10).into(),
        "enum" | "varchar_options" => choice(field, &value)?,
        "set" => match value {
            Value::Array(all) => all.iter().map(|one| choice(field, one)).collect::<Result<Vec<_>, _>>()?.into(),
            one => json!([choice(field, &one)?]),
        },
        "address" if value.is_string() => json!({ "value": value }),
        _ => value,
    })
}

/// One of the values that a field may have, by what people call it.
fn choice(field: &Field, value: &Value) -> Result<Value, Failure> {
    let Some(options) = &field.options else { return Ok(value.clone()) };
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    let named = options.iter().find(|option| option.label.trim().eq_ignore_ascii_case(&text));
    let named = named.or_else(|| options.iter().find(|option| option.id == *value));
    named.map(|option| option.id.clone()).ok_or_else(|| {
        let all: Vec<&str> = options.iter().map(|option| option.label.as_str()).take(20).collect();
        let error = format!("`{text}` is no option of `{}`: there is {}", field.name, all.join(", "));
        Failure::refused(shortened(&error, 300), "no option")
    })
}

/// A fact, as a field of ours takes it.
pub(super) fn fact(fact: &Fact, text: &str) -> Value {
    match fact.kind {
        FactKind::Text => shortened(text, LONGEST_LINE).into(),
        FactKind::Long => text.into(),
        FactKind::Number => text.parse::<serde_json::Number>().map_or(Value::Null, Value::from),
        // There are days, and no moments.
        FactKind::Time => shortened(text, 10).into(),
    }
}

/// What is mapped on a kind of record.
pub(super) const fn mapped(pipedrive: &Pipedrive, kind: Kind) -> &mapping::Fields {
    match kind {
        Kind::Organization => &pipedrive.organization,
        Kind::Person => &pipedrive.person,
        Kind::Lead => &pipedrive.lead,
    }
}

/// Whether anything is written into fields of a kind of record that have to be looked up.
pub(super) fn is_of_use(pipedrive: &Pipedrive, kind: Kind) -> bool {
    let mapped = mapped(pipedrive, kind);
    !(kind.ours().is_empty() && mapped.always.is_empty() && mapped.once.is_empty())
}

/// The fields of a kind of record as they are, known of late or asked for; none are made.
pub(super) async fn lookup(talk: &Talk<'_, '_>, kind: Kind) -> Result<Catalogue, Failure> {
    match talk.session.known(kind.path()).and_then(|text| serde_json::from_str(&text).ok()) {
        Some(fields) => Ok(Catalogue { kind, fields }),
        None => there(talk, kind).await,
    }
}

/// The fields of a kind of record, with all of ours among them.
pub(super) async fn catalogue(talk: &mut Talk<'_, '_>, kind: Kind) -> Result<Catalogue, Failure> {
    if !is_of_use(talk.pipedrive, kind) {
        return Ok(Catalogue { kind, fields: Vec::new() });
    }
    if let Some(fields) = talk.session.looked_up(kind.path()).and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(Catalogue { kind, fields });
    }
    // Two who made the same field would make two.
    let _turn = talk.session.turn(kind.path()).await;
    let mut found = there(talk, kind).await?;
    for fact in kind.ours() {
        if found.own(fact).is_some() {
            continue;
        }
        if !talk.pipedrive.create_fields {
            let fix = "write `create_fields: true`, or make it in Pipedrive: docs/crm/pipedrive.md says of which type";
            let error = format!("there is no field `{}` for {}; {fix}", fact.label, kind.words());
            return Err(Failure::unanswered(error, UNKNOWN_FIELD));
        }
        found.fields.push(create(talk, kind, fact).await?);
    }
    talk.session.learn(kind.path(), serde_json::to_string(&found.fields).unwrap_or_default(), KNOWN);
    Ok(found)
}

/// The fields that there are.
pub(super) async fn there(talk: &Talk<'_, '_>, kind: Kind) -> Result<Catalogue, Failure> {
    let mut fields = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut url = talk.v2(&[kind.path()]);
        url.query_pairs_mut().append_pair("limit", "500");
        if let Some(cursor) = &cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let said = talk.hear(Method::GET, url, None).await?;
        cursor = said.pointer("/additional_data/next_cursor").and_then(Value::as_str).map(str::to_owned);
        let page = Vec::<Field>::deserialize(part(said, "data")).map_err(|error| {
            Failure::unanswered(format!("the fields of {} can't be read: {error}", kind.words()), "fields")
        })?;
        fields.extend(page);
        if cursor.is_none() {
            break;
        }
    }
    Ok(Catalogue { kind, fields })
}

/// As which type one of ours is made.
pub(super) const fn type_of(fact: &Fact) -> &'static str {
    match fact.kind {
        FactKind::Text => "varchar",
        FactKind::Long => "text",
        FactKind::Number => "double",
        FactKind::Time => "date",
    }
}

async fn create(talk: &Talk<'_, '_>, kind: Kind, fact: &Fact) -> Result<Field, Failure> {
    let values = [("field_name", fact.label), ("field_type", type_of(fact))];
    let values = values.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
    let said = talk.hear(Method::POST, talk.v2(&[kind.path()]), Some(&values)).await?;
    Field::deserialize(part(said, "data")).map_err(|error| Failure {
        verdict: Verdict::Failed,
        ..Failure::refused(format!("no field was made: {error}"), "fields")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: &str, options: &[&str]) -> Field {
        let choice = |(label, id): (&&str, u32)| Choice { id: id.into(), label: (*label).to_owned() };
        let options = Some(options.iter().zip(10..).map(choice).collect()).filter(|all: &Vec<_>| !all.is_empty());
        Field { code: "c".to_owned(), name: "F".to_owned(), kind: kind.to_owned(), is_custom: true, options }
    }

    #[test]
    fn values_are_of_the_type_that_their_field_takes() {
        let of =
            |kind: &str, value: Value| shaped(&field(kind, &["Hot", "Warm"]), value).map_err(|failure| failure.error);
        assert_eq!(of("varchar", json!("x".repeat(300))), Ok(json!("x".repeat(255))));
        assert_eq!(of("text", json!(7)), Ok(json!("7")));
        assert_eq!((of("double", json!("7.5")), of("int", json!(7))), (Ok(json!(7.5)), Ok(json!(7))));
        assert_eq!(of("date", json!("2026-11-21T09:30:00.000Z")), Ok(json!("2026-11-21")));
        assert_eq!((of("enum", json!("warm")), of("enum", json!(10))), (Ok(json!(11)), Ok(json!(10))));
        assert_eq!(of("set", json!(["Hot", "Warm"])), Ok(json!([10, 11])));
        assert_eq!(of("address", json!("Main St 1")), Ok(json!({ "value": "Main St 1" })));
        assert_eq!(of("enum", json!("Cold")), Err("`Cold` is no option of `F`: there is Hot, Warm".to_owned()));
    }

    #[test]
    fn what_is_there_already_is_not_written_again() {
        let record = json!({ "title": "Acme", "value": 7.0, "custom_fields": { "nested": "a\r\nb" }, "flat": "x" });
        let written = |plain: Value, custom: Value| {
            let map = |value: Value| value.as_object().cloned().unwrap_or_default();
            let mut written = Written { plain: map(plain), custom: map(custom) };
            written.retain_changes(&record);
            written.flat()
        };
        let same = json!({ "nested": "a\nb", "flat": "x", "never_had": null });
        assert_eq!(written(json!({ "title": "Acme", "value": 7 }), same), Values::new());
        let other = json!({ "nested": "b", "flat": null, "new": 1 });
        assert_eq!(Value::from(written(json!({}), other.clone())), other);
    }
}
