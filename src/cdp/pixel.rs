//! Calls in the address of an image: `?data=<base64 JSON>`, or one parameter per field with dots for nesting. Browsers and
//! mail programs send them where no script runs.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// How deep dotted names nest at most.
const DEPTH: usize = 8;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The body that the query of a pixel's address stands for. What can't be decoded is passed on as it is, so that the
/// reader of bodies says what is wrong with it.
pub fn body_of(query: &str) -> Vec<u8> {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name == "data" {
            return decode(&value);
        }
        let path: Vec<&str> = name.splitn(DEPTH, '.').collect();
        insert(&mut fields, &path, Value::String(value.into_owned()));
    }
    Value::Object(fields).to_string().into_bytes()
}

fn decode(data: &str) -> Vec<u8> {
    // `+` of base64 reads as a blank where it was not escaped.
    let data = data.trim().replace(' ', "+");
    STANDARD.decode(&data).or_else(|_| URL_SAFE.decode(&data)).unwrap_or_else(|_| data.into_bytes())
}

fn insert(fields: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] => {
            fields.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let inner = fields.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_data_and_dotted_fields() {
        for (query, expected) in [
            ("data=eyJhIjoxfQ==", r#"{"a":1}"#),
            ("data=eyJhIjoxfQ", r#"{"a":1}"#),
            ("data=eyJhIjoiPz8/In0%3D", r#"{"a":"???"}"#),
            ("data=eyJhIjoiPz8_In0", r#"{"a":"???"}"#),
            ("data=eyJhIjoiPj4+In0=", r#"{"a":">>>"}"#),
            ("data={}", "{}"),
            (
                "writeKey=k&userId=u&event=Opened+mail&properties.subject=Hi%20there&context.page.url=x",
                r#"{"writeKey":"k","userId":"u","event":"Opened mail","properties":{"subject":"Hi there"},"context":{"page":{"url":"x"}}}"#,
            ),
            ("a=1&a.b=2", r#"{"a":"1"}"#),
            ("", "{}"),
        ] {
            assert_eq!(String::from_utf8(body_of(query)).as_deref(), Ok(expected), "{query}");
        }
    }
}
