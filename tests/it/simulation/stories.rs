//! Random configurations of the whole language, played without the engine: thousands of them.

use std::sync::Arc;

use super::bare::Bare;
use super::language::random::{self, Focus, Step};
use super::language::terms::Product;
use super::language::{play, rules, shuffle, start};
use super::{cases, first_seed};

/// Without an engine there is nothing to wait for.
fn run(playing: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime starts").block_on(playing)
}

/// Plays stories, by seeds from [`first_seed`] on. A failure names the seed that repeats it, with the shortest story that still goes wrong.
fn holds(focus: Focus, cases: u32, one: impl Fn(u64, &Product, &[Step], Bare) -> Result<(), String>) {
    let first = first_seed();
    for seed in first..first + u64::from(cases) {
        let product = random::product(focus, seed);
        let rules = rules(&product);
        let try_one = |steps: &[Step]| one(seed, &product, steps, Bare::new(Arc::clone(&rules), seed, start(seed)));
        let mut steps = random::story(focus, seed);
        let Err(mut wrong) = try_one(&steps) else { continue };
        for at in (0..steps.len()).rev() {
            let without = [&steps[..at], &steps[at + 1..]].concat();
            if let Err(what) = try_one(&without) {
                (steps, wrong) = (without, what);
            }
        }
        let again = format!("HANDRAISER_MODEL_SEED={seed} HANDRAISER_MODEL_CASES=1");
        panic!("{}\n{wrong}\nrepeat it with {again}\n{steps:?}", product.yaml());
    }
}

fn in_order(focus: Focus, cases: u32) {
    holds(focus, cases, |_, product, steps, mut bare| run(play(focus, product, steps, &mut bare)));
}

/// Each story in two orders.
fn in_any_order(focus: Focus, cases: u32) {
    holds(focus, cases, |seed, product, steps, mut bare| {
        run(shuffle(focus, (seed, 1), product, steps, &mut bare))?;
        let mut bare = bare.anew(seed + 1, start(seed));
        run(shuffle(focus, (seed, 2), product, steps, &mut bare)).map_err(|wrong| format!("the second time: {wrong}"))
    });
}

#[test]
fn every_reading_is_what_the_list_of_events_says() {
    in_order(Focus::Readings, cases(500));
}

#[test]
fn leads_come_and_go_at_their_moment() {
    in_order(Focus::Leads, cases(500));
}

#[test]
fn people_and_accounts_are_leads_by_what_is_true_of_each_other() {
    in_order(Focus::Others, cases(300));
}

#[test]
fn figures_are_the_same_in_any_order_of_arrival() {
    in_any_order(Focus::Readings, cases(300));
}

#[test]
fn who_stands_where_is_the_same_in_any_order_of_arrival() {
    in_any_order(Focus::Others, cases(300));
}
