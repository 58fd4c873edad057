//! The examples of `docs/conditions.md` are conditions.

use super::*;

#[test]
fn every_example_compiles() {
    let page = include_str!("../../../docs/conditions.md");
    let blocks = page.split("```cel\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let examples: Vec<&str> = blocks.flat_map(|(block, _)| block.lines()).collect();
    assert!(examples.len() > 15, "{examples:?}");
    for example in examples {
        compiled(example);
    }
}

#[test]
fn the_example_of_a_block_holds_conditions() {
    let page = include_str!("../../../docs/conditions.md");
    let block = page.split_once("fit: |\n").and_then(|(_, rest)| rest.split_once("```")).expect("it is there").0;
    let conditions = split_conditions(block);
    assert_eq!(conditions.len(), 3, "{conditions:?}");
    conditions.into_iter().for_each(|range| drop(compiled(block.get(range).expect("it lies inside"))));
}

#[test]
fn the_bounds_are_those_of_the_page() {
    let page = include_str!("../../../docs/conditions.md");
    let expected = format!(
        "{} KiB of source, brackets {} deep, {} operators, {} steps in a row (`a.b.c`), {} `?`",
        syntax::MAX_SOURCE / 1_024,
        syntax::MAX_DEPTH,
        syntax::MAX_OPERATORS,
        syntax::MAX_STEPS,
        syntax::MAX_CHOICES,
    );
    assert!(page.contains(&expected), "{expected}");
}
