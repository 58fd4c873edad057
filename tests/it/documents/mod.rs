//! The documents that are made from the code are current.

mod lead;
mod reference;

use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

pub(crate) fn is_current(name: &str, made: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(name), made).expect("docs/ can be written");
    }
    let kept = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(kept == made, "docs/{name} is out of date; `make docs` renews it");
}

#[test]
fn the_schema_of_the_configuration_is_current() {
    is_current("config.schema.json", &(handraiser::config::schema::pretty() + "\n"));
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    is_current("configuration.md", &reference::markdown());
}
