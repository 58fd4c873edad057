//! What is said about configurations that are wrong: `fixtures/broken/`, one snapshot each.

use std::path::Path;

use super::{diagnostic, env};
use crate::config::load;

#[test]
fn broken_files_are_explained() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .expect("fixtures/broken is there")
        .filter_map(|entry| entry.expect("it can be read").file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "yaml") && !name.starts_with("part-"))
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let all = load(&directory.join(&name), &env).map_or_else(|all| all, |loaded| loaded.warnings);
        let shown = diagnostic::render_all(&all, false).replace(&format!("{}/", directory.display()), "");
        insta::with_settings!({ description => name.clone(), omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("broken__{}", name.trim_end_matches(".yaml")), shown);
        });
    }
}
