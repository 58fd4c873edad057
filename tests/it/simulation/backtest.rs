//! A backtest beside the product: told what an archive keeps of a random story, by the same rules, it says of everybody what was said live.

use std::sync::Arc;

use handraiser::backtest::Backtest;
use handraiser::lead::SubjectExplanation;
use serde_json::{Value, json};

use super::bare::Bare;
use super::language::random::{self, Focus};
use super::language::{Plane as _, play, rules, start};
use super::{cases, first_seed};

/// Without what became of leads: a backtest makes its own.
fn told(explained: Option<SubjectExplanation>) -> Value {
    let mut told = json!(explained);
    told["merged_into"].take();
    for definition in told["definitions"].as_array_mut().into_iter().flatten() {
        let definition = definition.as_object_mut().expect("it is an object");
        for lead in ["qualified_at", "lead_id", "outcome", "cooldown_until", "held_back"] {
            definition.remove(lead);
        }
    }
    told
}

fn holds(focus: Focus, cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    for seed in first_seed()..first_seed() + u64::from(cases) {
        let product = random::product(focus, seed);
        let (rules, steps) = (rules(&product), random::story(focus, seed));
        let mut bare = Bare::new(Arc::clone(&rules), seed, start(seed));
        runtime.block_on(play(focus, &product, &steps, &mut bare)).expect("it is as the reference says");
        let mut rows = bare.past().to_vec();
        rows.sort_by_key(|row| row.at);
        let mut backtest = Backtest::new(&rules);
        rows.into_iter().for_each(|row| backtest.tell(row));
        backtest.advance(handraiser::time::Millis(bare.now()));
        for (of, id) in bare.subjects() {
            let (live, again) = (told(bare.explain(of, id)), told(backtest.explain(of, id)));
            let names = format!("HANDRAISER_MODEL_SEED={seed} HANDRAISER_MODEL_CASES=1");
            assert_eq!(live, again, "{of} {id}, repeat it with {names}\n{}\n{steps:?}", product.yaml());
        }
    }
}

#[test]
fn figures_and_conditions_are_those_of_then() {
    holds(Focus::Readings, cases(200));
}

#[test]
fn so_is_what_hangs_on_colleagues_and_merged_ids() {
    holds(Focus::Others, cases(200));
}
