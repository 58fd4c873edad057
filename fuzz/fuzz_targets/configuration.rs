//! Configurations: any text gives a configuration or diagnostics that can be shown; never a panic, never endless work.
#![no_main]

use handraiser::config::{load_text, render_all};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let environment = |name: &str| (name.len() < 8).then(|| format!("value-of-{name}"));
    match load_text("handraiser.yaml", text, &environment) {
        Ok(_) => {}
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|diagnostic| diagnostic.is_error()), "refused without a reason");
            assert!(!render_all(&diagnostics, false).is_empty());
        }
    }
});
