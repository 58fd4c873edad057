//! The JSON Schema of the configuration, for editors.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::shape::ConfigShape;

/// The schema as it is committed in `docs/config.schema.json`.
#[must_use]
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<ConfigShape>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "Handraiser configuration".into());
    }
    schema
}

/// The schema, indented, as it is printed and committed.
#[must_use]
pub fn pretty() -> String {
    serde_json::to_string_pretty(&json_schema()).unwrap_or_default()
}
