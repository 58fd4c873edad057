//! Secrets put back into a configuration that is kept without them: from the file that it is to replace.

use std::collections::BTreeMap;
use std::path::Path;

use super::findings::Findings;
use super::redact;
use super::source::Span;
use super::yaml::{self, Kind, Node, Scalar};
use crate::record::versions::MASK;

/// `kept` with the secrets of `current` in it, wherever both have the same thing at the same place. What stays open is told, each by
/// its place (`destinations.crm.webhook.url`): it is not in `current`, or was another.
///
/// # Errors
/// The places where a secret has to be written by hand, or the whole file when it can't be read.
pub fn fill(kept: &str, current: &str) -> Result<String, Vec<String>> {
    let mut findings = Findings::default();
    let places = |text: &str, findings: &mut Findings| {
        let number = findings.sources.add(Path::new(""), text);
        let mut found = BTreeMap::new();
        let tree = yaml::parse(number, &|_| Some(String::new()), findings);
        tree.inspect(|tree| scalars(tree, "", &mut found)).map(|_| (number, found))
    };
    let whole = || vec!["the file as a whole".to_owned()];
    let (_, open) = places(kept, &mut findings).ok_or_else(whole)?;
    if !kept.contains(MASK) {
        return Ok(kept.to_owned());
    }
    let (number, known) = places(current, &mut findings).unwrap_or_default();
    let masked = findings.sources.file(number).map(|file| redact::file(file, number, findings.secret()));
    let (_, known_masked) = places(&masked.unwrap_or_default(), &mut findings).unwrap_or_default();
    let mut out = kept.to_owned();
    let mut missing = Vec::new();
    let masks = open.iter().filter(|(_, (_, shown))| shown.contains(MASK));
    let mut masks: Vec<_> = masks.collect();
    // From the end, so that what is still to be replaced stays where it is.
    masks.sort_by_key(|(_, (at, _))| std::cmp::Reverse(at.start));
    for (place, (at, shown)) in masks {
        let is_same = known_masked.get(place).is_some_and(|(_, masked)| masked == shown);
        match known.get(place).filter(|_| is_same) {
            Some((from, _)) => out.replace_range(at.range(), findings.sources.slice(*from)),
            None => missing.push(place.clone()),
        }
    }
    missing.sort_unstable();
    if missing.is_empty() { Ok(out) } else { Err(missing) }
}

/// Every scalar by its place: where it stands, and how it is written.
fn scalars(node: &Node, place: &str, found: &mut BTreeMap<String, (Span, String)>) {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match &node.kind {
        Kind::Null => {}
        Kind::Scalar(Scalar { at, shown, .. }) => drop(found.insert(place.to_owned(), (*at, shown.to_string()))),
        Kind::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| scalars(item, &below(&index.to_string()), found));
        }
        Kind::Map(entries) => entries.iter().for_each(|entry| scalars(&entry.value, &below(&entry.key.text), found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: &str = "sources:\n  app: { write_key: new-key-123 }\n  b: { write_key: ${B} }\ndestinations:\n  \
        crm: { webhook: { url: \"https://crm.example.com/hooks/abc\", secret: 'whsec_x' } }\n";

    #[test]
    fn secrets_come_from_the_file_that_is_replaced() {
        let kept = "# before\ndestinations:\n  crm: { webhook: { secret: •••, url: \"https://crm.example.com•••\" } }\n\
                    sources: { app: { write_key: ••• }, b: { write_key: ${B} } }\n";
        let filled = "# before\ndestinations:\n  crm: { webhook: { secret: 'whsec_x', url: \"https://crm.example.com/hooks/abc\" } }\n\
                      sources: { app: { write_key: new-key-123 }, b: { write_key: ${B} } }\n";
        assert_eq!(fill(kept, CURRENT).as_deref(), Ok(filled));
        assert_eq!(fill("a: 1\n", "").as_deref(), Ok("a: 1\n"), "none is needed");
    }

    #[test]
    fn what_is_unknown_or_was_another_is_told() {
        let kept = "destinations: { crm: { webhook: { url: \"https://old.example.com•••\" } } }\n\
                    sources: { old: { write_key: ••• } }\n";
        let places = ["destinations.crm.webhook.url", "sources.old.write_key"].map(str::to_owned).to_vec();
        assert_eq!(fill(kept, CURRENT), Err(places));
        assert_eq!(fill("{ a: ••• ", CURRENT), Err(vec!["the file as a whole".to_owned()]));
    }
}
