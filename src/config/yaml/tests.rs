#![expect(clippy::string_slice, reason = "a place that is no boundary fails the test")]
use proptest::prelude::*;

use super::*;
use crate::config::findings::Findings;
use crate::config::source::Span;

fn tree(text: &str, env: &Lookup<'_>) -> (Option<Node>, Findings) {
    let mut findings = Findings::default();
    let file = findings.sources.add(std::path::Path::new("test.yaml"), text);
    let node = parse(file, env, &mut findings);
    (node, findings)
}

fn none(_: &str) -> Option<String> {
    None
}

/// The value of the key `v`.
fn value(node: &Node) -> &Scalar {
    let Kind::Map(entries) = &node.kind else { panic!("not a mapping: {node:?}") };
    let entry = entries.iter().find(|entry| &*entry.key.text == "v").expect("v is there");
    let Kind::Scalar(scalar) = &entry.value.kind else { panic!("not a scalar: {entry:?}") };
    scalar
}

/// What the file has where `part` of the value came from.
fn written(text: &str, part: &str) -> String {
    let (node, findings) = tree(text, &none);
    let node = node.unwrap_or_else(|| panic!("{text}: {findings:?}"));
    let scalar = value(&node);
    let at = scalar.text.find(part).unwrap_or_else(|| panic!("`{part}` is not in `{}`", scalar.text));
    let span = scalar.locate(&findings.sources, at..at + part.len());
    findings.sources.slice(span).to_owned()
}

#[test]
fn a_part_of_a_value_is_found_again_in_every_style() {
    for text in [
        "v: aa && bb > 1",
        "v: 'aa && bb > 1'",
        "v: \"aa && bb > 1\"",
        "v: |\n  aa &&\n  bb > 1\n",
        "v: >\n  aa &&\n  bb > 1\n",
        "v: >-\n\n  aa\n\n  && bb > 1\n",
        "v: aa\n  && bb\n  > 1",
        "v: 'aa\n\n  && bb > 1'",
        "v: \"aa \\\n  && bb > 1\"",
        "{ v: aa && bb > 1, w: 2 }",
        "v: |2\n    aa && bb > 1\n",
    ] {
        assert_eq!(written(text, "bb"), "bb", "{text}");
        assert_eq!(written(text, "aa"), "aa", "{text}");
    }
    assert_eq!(written("v: 'it''s bb'", "it's"), "it''s");
    assert_eq!(written("v: 'it''s bb'", "bb"), "bb");
    assert_eq!(written(r#"v: "\x41\u00e9 \"q\" bb""#, "bb"), "bb");
    assert_eq!(written(r#"v: "\x41\u00e9 \"q\" bb""#, "Aé"), r"\x41\u00e9");
    assert_eq!(written(r#"v: "\uD83D\uDE00 bb""#, "😀"), r"\uD83D\uDE00");
    assert_eq!(written(r#"v: "a\tbb""#, "bb"), "bb");
    assert_eq!(written("v: größer als bb", "bb"), "bb");
}

#[test]
fn what_came_out_of_a_variable_is_placed_at_the_variable() {
    let env = |name: &str| (name == "LONG").then(|| "a much longer value".to_owned());
    let text = "v: x ${LONG} y ${NOT:-z} wrong";
    let (node, findings) = tree(text, &env);
    let node = node.expect("a tree");
    let scalar = value(&node);
    assert_eq!(&*scalar.text, "x a much longer value y z wrong");
    let place = |part: &str| {
        let at = scalar.text.find(part).expect("the part is there");
        findings.sources.slice(scalar.locate(&findings.sources, at..at + part.len())).to_owned()
    };
    assert_eq!(place("much"), "${LONG}");
    assert_eq!(place(" y "), " y ");
    assert_eq!(place("z"), "${NOT:-z}");
    assert_eq!(place("wrong"), "wrong");
    assert_eq!(scalar.redact("no `a much longer value` here"), "no `${LONG}` here");
}

#[test]
fn variables_need_no_quotes_in_flow_mappings_and_stay_out_of_the_way_of_templates() {
    let env = |name: &str| (name == "KEY").then(|| "k, { 1 }".to_owned());
    for (text, expected) in [
        ("{ v: ${KEY} }", "k, { 1 }"),
        ("{ v: \"${KEY}\" }", "k, { 1 }"),
        ("v: $${KEY}", "${KEY}"),
        ("v: '${{ x }} and ${ y }'", "${{ x }} and ${ y }"),
        ("v: ${EMPTY:-}x", "x"),
        ("v: ${NO:-a b}", "a b"),
    ] {
        let (node, findings) = tree(text, &env);
        let node = node.unwrap_or_else(|| panic!("{text}: {:?}", findings.finish()));
        assert_eq!(&*value(&node).text, expected, "{text}");
    }
}

#[test]
fn aliases_and_merge_keys_are_followed_within_bounds() {
    let (node, findings) = tree("a: &x { v: 1, w: 2 }\nb:\n  <<: *x\n  w: 3\n", &none);
    let Kind::Map(entries) = node.expect("a tree").kind else { panic!() };
    let Kind::Map(merged) = &entries[1].value.kind else { panic!() };
    let pairs: Vec<String> = merged.iter().map(|entry| entry.key.text.to_string()).collect();
    assert_eq!(pairs, ["w", "v"]);
    assert!(!findings.has_errors());

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    let (node, findings) = tree(&bomb, &none);
    assert!(node.is_none());
    assert!(findings.finish()[0].message.contains("too large"));
}

/// A value made of words, and how it may be written.
fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-z>&é(]{1,6}", 1..8).prop_map(|mut words| {
        // Plain values may not begin with an indicator.
        words.insert(0, "begin".to_owned());
        words
    })
}

proptest! {
    #[test]
    fn every_word_is_found_again_however_it_is_written(
        words in words(),
        style in 0..5_usize,
        breaks in proptest::collection::vec(any::<bool>(), 10),
        indent in 1..6_usize,
    ) {
        let pad = " ".repeat(indent);
        let mut body = String::new();
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                let broken = breaks[at % breaks.len()];
                body.push_str(&if broken { format!("\n{pad}") } else { " ".to_owned() });
            }
            body.push_str(word);
        }
        let text = match style {
            0 => format!("v: {body}\n"),
            1 => format!("v: '{body}'\n"),
            2 => format!("v: \"{body}\"\n"),
            3 => format!("v: |\n{pad}{body}\n"),
            _ => format!("v: >-\n{pad}{body}\n"),
        };
        let (node, findings) = tree(&text, &none);
        let Some(node) = node else { return Err(TestCaseError::fail(format!("{text}: {:?}", findings.finish()))) };
        let scalar = value(&node);
        let mut from = 0;
        for word in &words {
            let at = from + scalar.text[from..].find(word.as_str()).expect("the word is in the value");
            let span = scalar.locate(&findings.sources, at..at + word.len());
            prop_assert_eq!(findings.sources.slice(span), word.as_str(), "{}", text);
            from = at + word.len();
        }
    }

    #[test]
    fn every_range_of_every_scalar_is_within_the_scalar(text in "(v: )?[ -~\\n\\té😀]{0,60}", start in 0..40_usize, length in 0..40_usize) {
        let (node, findings) = tree(&text, &none);
        if let Some(Node { kind: Kind::Map(entries), .. }) = node {
            for entry in entries {
                if let Kind::Scalar(scalar) = entry.value.kind {
                    let Span { start: from, end: to, .. } = scalar.locate(&findings.sources, start..start + length);
                    prop_assert!(from >= scalar.at.start && to <= scalar.at.end && from <= to);
                }
            }
        }
    }
}
