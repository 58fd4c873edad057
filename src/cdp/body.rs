//! The shape of a body: one call, `{"batch":[…]}`, or a bare list; found in one pass that leaves the calls unread.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ids::TextField;
use super::when::TimeField;
use crate::time::Millis;

/// A body, taken apart. Its parts are slices of the body's own bytes, because signatures are made over those.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    pub calls: Calls<'a>,
    /// `writeKey` beside the batch or in the single call.
    pub write_key: Option<Box<str>>,
    /// When the request left; holds for every call that doesn't say so itself.
    pub sent_at: Option<Millis>,
    /// `context` and `integrations` beside the batch.
    pub context: Option<&'a RawValue>,
    pub integrations: Option<&'a RawValue>,
}

/// The calls of a body, unread.
#[derive(Debug)]
pub(super) enum Calls<'a> {
    Single(&'a str),
    /// The first calls, up to the limit, and how many there are in all.
    Batch {
        first: Vec<&'a RawValue>,
        total: usize,
    },
}

impl Default for Calls<'_> {
    fn default() -> Self {
        Self::Single("")
    }
}

/// Why a body can't be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    NotJson(String),
    NotCalls(String),
}

impl<'a> Body<'a> {
    /// Takes a body apart; of a batch, the first `limit` calls are kept.
    pub fn parse(bytes: &'a [u8], limit: usize) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| BodyError::NotJson(format!("the body is not JSON: byte {} is not UTF-8", e.valid_up_to())))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
        match text.as_bytes().first() {
            None => Err(BodyError::NotJson("the body is empty; an event or a batch in JSON is expected".to_owned())),
            Some(b'[') => list(text, limit).map_err(|e| not_json(&e)),
            Some(b'{') => object(text, limit),
            Some(_) => Err(other(text)),
        }
    }

    /// The raw first element of a batch: what Segment signs.
    pub fn first_of_batch(&self) -> Option<&'a str> {
        match &self.calls {
            Calls::Batch { first, .. } => first.first().map(|raw| raw.get()),
            Calls::Single(_) => None,
        }
    }
}

/// The raw first element of a batch, found without reading what comes after it.
pub(super) fn first_of_batch(bytes: &[u8]) -> Option<&str> {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut first = FirstOf(None);
    // It breaks off once it has the element, as an error.
    match text.first()? {
        b'[' => deserializer.deserialize_seq(&mut first).err(),
        b'{' => deserializer.deserialize_map(&mut first).err(),
        _ => None,
    };
    first.0.map(RawValue::get)
}

struct FirstOf<'a>(Option<&'a RawValue>);

impl<'de> Visitor<'de> for &mut FirstOf<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0 = seq.next_element()?;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Field>()? {
            if matches!(key, Field::Batch) {
                return map.next_value_seed(self);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for &mut FirstOf<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

fn not_json(error: &serde_json::Error) -> BodyError {
    BodyError::NotJson(format!("the body is not JSON: {error}"))
}

fn other(text: &str) -> BodyError {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => BodyError::NotCalls("the body is neither an event nor a batch, but a single JSON value".to_owned()),
        Err(error) if text.contains('=') && !text.contains(['{', ' ']) => BodyError::NotJson(format!(
            "the body is not JSON: {error}; it looks form-encoded: choose JSON in the sender's settings"
        )),
        Err(error) => not_json(&error),
    }
}

fn list(text: &str, limit: usize) -> Result<Body<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Listed { first, total } = Limited(limit).read(&mut deserializer)?.unwrap_or_default();
    deserializer.end()?;
    Ok(Body { calls: Calls::Batch { first, total }, ..Body::default() })
}

fn object(text: &str, limit: usize) -> Result<Body<'_>, BodyError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let envelope = deserializer.deserialize_map(EnvelopeVisitor(limit)).map_err(|e| not_json(&e))?;
    deserializer.end().map_err(|e| not_json(&e))?;
    let calls = match envelope.batch {
        BatchField::Absent => Calls::Single(text),
        BatchField::List(Listed { first, total }) => Calls::Batch { first, total },
        BatchField::NoList => return Err(BodyError::NotCalls("`batch` is not a list of events".to_owned())),
    };
    Ok(Body { calls, ..envelope.body })
}

#[derive(Default)]
struct Envelope<'a> {
    body: Body<'a>,
    batch: BatchField<'a>,
}

#[derive(Default)]
enum BatchField<'a> {
    #[default]
    Absent,
    List(Listed<'a>),
    NoList,
}

#[derive(Default)]
struct Listed<'a> {
    first: Vec<&'a RawValue>,
    total: usize,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Batch,
    #[serde(alias = "write_key")]
    WriteKey,
    #[serde(alias = "sent_at")]
    SentAt,
    Timestamp,
    Context,
    Integrations,
    #[serde(other)]
    Other,
}

struct EnvelopeVisitor(usize);

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        let mut stamped = None;
        while let Some(key) = map.next_key::<Field>()? {
            let body = &mut envelope.body;
            match key {
                Field::Batch => {
                    envelope.batch = map.next_value_seed(Limited(self.0))?.map_or(BatchField::NoList, BatchField::List);
                }
                Field::WriteKey => body.write_key = leniently::<TextField>(map.next_value()?).0,
                Field::SentAt => body.sent_at = leniently::<TimeField>(map.next_value()?).0,
                Field::Timestamp => stamped = leniently::<TimeField>(map.next_value()?).0,
                Field::Context => body.context = Some(map.next_value()?),
                Field::Integrations => body.integrations = Some(map.next_value()?),
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // A batch's own `timestamp` is when it left, in senders that write one (RudderStack's Node SDK). That of a single call is
        // when it happened: taken for the time of sending, it would date every back-fill now.
        if !matches!(envelope.batch, BatchField::Absent) {
            envelope.body.sent_at = envelope.body.sent_at.or(stamped);
        }
        Ok(envelope)
    }
}

/// A field of the envelope; one that can't be read is as good as none, and no reason to refuse all calls.
fn leniently<'a, T: serde::Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// Reads a list, keeping the first so many raw elements and counting the rest, which bounds memory; `None` for
/// anything that is no list.
struct Limited(usize);

impl Limited {
    fn read<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Listed<'de>>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Limited {
    type Value = Option<Listed<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.read(deserializer)
    }
}

impl<'de> Visitor<'de> for Limited {
    type Value = Option<Listed<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut listed = Listed::default();
        while listed.total < self.0 {
            let Some(raw) = seq.next_element::<&'de RawValue>()? else { return Ok(Some(listed)) };
            listed.first.push(raw);
            listed.total += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            listed.total += 1;
        }
        Ok(Some(listed))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// The event inside an element of the extensible webhook's batches, `{"json":{…}}`; any other element as it is.
pub(super) fn unwrap_json(raw: &str) -> &str {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        json: &'a RawValue,
    }
    // Nearly all elements are bare; they are told by their first key, without reading them.
    let inner = raw.strip_prefix('{').map(str::trim_ascii_start).filter(|rest| rest.starts_with("\"json\""));
    let wrapped = inner.and_then(|_| serde_json::from_str::<Wrapped<'_>>(raw).ok());
    wrapped.map(|wrapped| wrapped.json.get()).filter(|json| json.starts_with('{')).unwrap_or(raw)
}

/// The `writeKey` inside a call.
pub(super) fn write_key_of(raw: &str) -> Option<Box<str>> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keyed {
        #[serde(default)]
        write_key: TextField,
    }
    serde_json::from_str::<Keyed>(raw).ok().and_then(|keyed| keyed.write_key.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(body: &str, limit: usize) -> Result<(Vec<String>, usize), BodyError> {
        Body::parse(body.as_bytes(), limit).map(|body| match body.calls {
            Calls::Single(raw) => (vec![raw.to_owned()], 1),
            Calls::Batch { first, total } => (first.iter().map(|raw| raw.get().to_owned()).collect(), total),
        })
    }

    #[test]
    fn finds_the_calls_of_every_shape() {
        for (body, expected, total) in [
            (r#"{"type":"track"}"#, vec![r#"{"type":"track"}"#], 1),
            ("\u{feff} {\"a\":1}\n", vec![r#"{"a":1}"#], 1),
            (r#"{"batch":[ {"a": 1.50} ,2]}"#, vec![r#"{"a": 1.50}"#, "2"], 2),
            (r#"{"batch":[],"sentAt":null}"#, vec![], 0),
            (r#"[{"a":1},{"a":2},{"a":3}]"#, vec![r#"{"a":1}"#, r#"{"a":2}"#], 3),
            ("[]", vec![], 0),
        ] {
            assert_eq!(calls(body, 2), Ok((expected.into_iter().map(str::to_owned).collect(), total)), "{body}");
        }
    }

    #[test]
    fn finds_the_first_call_of_a_batch_without_reading_the_rest() {
        for (body, expected) in [
            ("\u{feff} [ {\"a\": 1.50} ,", Some(r#"{"a": 1.50}"#)),
            (r#"{"context":{"batch":[1]},"batch":[{"a":1},nonsense"#, Some(r#"{"a":1}"#)),
            (r#"{"type":"track"}"#, None),
            (r#"{"batch":{"a":1}}"#, None),
            ("[]", None),
            ("[nonsense", None),
            ("", None),
        ] {
            assert_eq!(first_of_batch(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn says_why_a_body_is_no_call() {
        for (body, expected) in [
            ("", "the body is empty; an event or a batch in JSON is expected"),
            ("ok", "the body is not JSON: expected value at line 1 column 1"),
            ("{\"a\":1", "the body is not JSON: EOF while parsing an object at line 1 column 6"),
            ("{\"batch\":[{]}", "the body is not JSON: key must be a string at line 1 column 12"),
            ("[1,2]]", "the body is not JSON: trailing characters at line 1 column 6"),
            (
                "userId=1&event=x",
                "the body is not JSON: expected value at line 1 column 1; it looks form-encoded: choose JSON in the \
                 sender's settings",
            ),
            ("42", "the body is neither an event nor a batch, but a single JSON value"),
            (r#"{"batch":{"a":1}}"#, "`batch` is not a list of events"),
        ] {
            let (BodyError::NotJson(message) | BodyError::NotCalls(message)) = calls(body, 9).expect_err(body);
            assert_eq!(message, expected, "{body}");
        }
        let error = Body::parse(b"{\"a\":\"\xff\"}", 9).expect_err("not UTF-8");
        assert_eq!(error, BodyError::NotJson("the body is not JSON: byte 6 is not UTF-8".to_owned()));
    }

    #[test]
    fn unwraps_elements_of_the_extensible_webhook() {
        for (raw, expected) in [
            (r#"{"json":{"a":1}}"#, r#"{"a":1}"#),
            (r#"{ "json" : {"a": 1} }"#, r#"{"a": 1}"#),
            (r#"{"json":{"a":1},"type":"track"}"#, r#"{"json":{"a":1},"type":"track"}"#),
            (r#"{"json":5}"#, r#"{"json":5}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("7", "7"),
        ] {
            assert_eq!(unwrap_json(raw), expected, "{raw}");
        }
    }

    #[test]
    fn reads_the_envelope() {
        let text = r#"{"batch":[],"writeKey":" k ","sentAt":"2026-11-21T20:36:52.064Z","context":{"a":[1]},"x":{}}"#;
        let body = Body::parse(text.as_bytes(), 1).expect("a batch");
        assert_eq!(body.write_key.as_deref(), Some("k"));
        assert_eq!(body.sent_at, Some(Millis(1_795_293_412_064)));
        assert_eq!(body.context.map(RawValue::get), Some(r#"{"a":[1]}"#));
        let stamped = r#"{"batch":[],"timestamp":"2026-11-21T20:36:52.064Z"}"#;
        let body = Body::parse(stamped.as_bytes(), 1).expect("a batch");
        assert_eq!(body.sent_at, Some(Millis(1_795_293_412_064)));
        let single = r#"{"type":"track","timestamp":"2026-11-21T20:36:52.064Z"}"#;
        assert_eq!(Body::parse(single.as_bytes(), 1).expect("a call").sent_at, None);
    }
}
