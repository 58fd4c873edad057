//! Fields of records at a destination, as they are mapped.

use crate::config::compile::names::unique;
use crate::config::compile::template;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field as Written, Named};
use crate::config::shape::FieldsShape;
use crate::config::yaml::Scalar;
use crate::crm::Known;
use crate::crm::mapping::{Field, Fields};

/// Compiles fields. `taken` are names that are written anyway, and why they can't be mapped.
pub fn mapped(
    written: &Written<Named<Scalar>>,
    taken: &[(&str, &str)],
    known: &Known,
    findings: &mut Findings,
) -> Vec<Field> {
    let mut fields = Vec::new();
    unique(written.get().into_iter().flat_map(|Named(all)| all).map(|(name, _)| name), "field", findings);
    for (name, value) in written.get().into_iter().flat_map(|Named(all)| all) {
        let Some(value) = value else { continue };
        if let Some((_, why)) = taken.iter().find(|(taken, _)| *taken == &*name.text) {
            let message = format!("`{}` can't be mapped", name.shown);
            findings.push(Problem::error(name.at, Code::BadValue, message).help(*why));
        }
        template::field(value, known, findings);
        fields.push(Field { name: name.text.clone(), value: value.text.clone() });
    }
    fields
}

/// Compiles the fields of one kind of record. `taken` are names that are written anyway, and why they can't be mapped.
pub fn fields(shape: &Written<FieldsShape>, taken: &[(&str, &str)], known: &Known, findings: &mut Findings) -> Fields {
    let Some(shape) = shape.get() else { return Fields::default() };
    let both = [&shape.always, &shape.once];
    let names = both.iter().filter_map(|written| written.get()).flat_map(|Named(all)| all);
    unique(names.map(|(name, _)| name), "field", findings);
    let [always, once] = both.map(|written| mapped(written, taken, known, findings));
    Fields { always, once }
}
