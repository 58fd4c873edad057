//! The JSON Schema of the configuration, for editors.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::shape::ConfigShape;

/// The schema as it is committed in `docs/config.schema.json`.
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<ConfigShape>().to_value();
    require(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "Handraiser configuration".into());
    }
    schema
}

/// Gathers the fields that are marked as required into the lists where JSON Schema has them.
fn require(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let marked: Vec<Value> = object
                .get_mut("properties")
                .and_then(Value::as_object_mut)
                .into_iter()
                .flatten()
                .filter_map(|(name, field)| {
                    field.as_object_mut()?.shift_remove(REQUIRED).map(|_| Value::String(name.clone()))
                })
                .collect();
            if !marked.is_empty() {
                object.insert("required".into(), Value::Array(marked));
            }
            object.values_mut().for_each(require);
        }
        Value::Array(items) => items.iter_mut().for_each(require),
        _ => {}
    }
}

/// The mark of a required field; every field is optional to the reader, which reports what is missing itself.
const REQUIRED: &str = "x-required";

/// The schema, indented, as it is printed and committed.
pub fn pretty() -> String {
    serde_json::to_string_pretty(&json_schema()).unwrap_or_default()
}
