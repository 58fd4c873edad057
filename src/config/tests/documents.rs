//! What the documents say of the configuration is so.

use crate::config::schema;

/// What the reference gives as defaults is what an empty configuration has.
#[test]
fn the_documented_defaults_are_the_defaults() {
    let schema = schema::json_schema();
    let section = |name: &str| defaults(&schema, &schema["$defs"][name]);
    let (server, limits) = (section("ServerShape"), section("LimitsShape"));
    let (store, embedded) = (section("StoreShape"), section("EmbeddedShape"));
    let accounts = &schema["properties"]["accounts"]["default"];
    let zone = &schema["properties"]["time_zone"]["default"];
    let written = format!(
        "time_zone: {zone}\naccounts: {accounts}\nserver:\n{}  limits:\n{}store:\n{}  embedded:\n{}",
        indent(&server, 2),
        indent(&limits, 4),
        indent(&store, 2),
        indent(&embedded, 4)
    );
    let (explicit, implied) = (super::loaded(&written).config, super::loaded("time_zone: UTC").config);
    assert_eq!(format!("{:?}", explicit.server), format!("{:?}", implied.server));
    assert_eq!(format!("{:?}", explicit.store), format!("{:?}", implied.store));
    assert_eq!(explicit.engine, implied.engine);
    assert_eq!(explicit.rules.accounts, implied.rules.accounts);

    let destination =
        [("RetryShape", "  webhook:\n    url: https://crm.example.com\n  retry:\n", 4), ("DestinationShape", "", 2)];
    let sections: String =
        destination.iter().map(|(name, head, depth)| format!("{head}{}", indent(&section(name), *depth))).collect();
    let explicit = super::loaded(&format!("destinations:\n crm:\n{sections}")).config;
    let implied = super::loaded("destinations: { crm: { webhook: { url: https://crm.example.com } } }").config;
    assert_eq!(explicit.destinations, implied.destinations);
}

fn defaults(_: &serde_json::Value, section: &serde_json::Value) -> Vec<(String, String)> {
    let properties = section["properties"].as_object().expect("a section has fields");
    let defaults: Vec<_> =
        properties.iter().filter_map(|(name, field)| Some((name.clone(), field.get("default")?.to_string()))).collect();
    assert!(!defaults.is_empty());
    defaults
}

fn indent(fields: &[(String, String)], depth: usize) -> String {
    fields.iter().map(|(name, value)| format!("{}{name}: {value}\n", " ".repeat(depth))).collect()
}
