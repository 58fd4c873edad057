//! When time alone may bring a decision, in words: what `handraiser check` says of a definition.

use super::named::{date, written};
use crate::counters::{Plan, Window};
use crate::expr::{Expr, Period, Reading, Signal, Slot, Span, Wake};
use crate::qualify::Definition;
use crate::time::Millis;

/// Each way once; none where time alone changes nothing.
pub fn wakes(definition: &Definition, plan: &Plan) -> Vec<String> {
    let own = definition.conditions().chain(&definition.never).flat_map(Expr::wakes);
    let signals = definition.slots().filter_map(Slot::signal).flat_map(Signal::wakes);
    let timed = own.chain(signals).map(|wake| timed(&wake, plan));
    let mut all: Vec<String> = Vec::new();
    for text in timed.chain(definition.slots().filter_map(|slot| drifts(slot, plan))) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn timed(wake: &Wake, plan: &Plan) -> String {
    match wake {
        Wake::At(slot) => format!("at {}", written(slot, plan)),
        Wake::On(at) => format!("on {}", date(*at)),
        Wake::When(comparison) => format!("once {comparison} changes"),
        Wake::After(slots) => {
            let names: Vec<String> = slots.iter().map(|slot| written(slot, plan)).collect();
            format!("some time after {}", names.join(", "))
        }
    }
}

/// How a figure or a trait changes by itself.
fn drifts(slot: &Slot, plan: &Plan) -> Option<String> {
    match slot {
        Slot::Counter(id, reading) => {
            let (counter, _) = plan.counter(*id)?;
            let name = written(slot, plan);
            let back = |span: Span| match span {
                Span::Days(_) => format!("daily while {name} > 0"),
                Span::Minutes(_) => format!("as events leave {name}"),
            };
            Some(match reading {
                Reading::Own => match counter.window {
                    Window::Lifetime => return None,
                    Window::Days(days) => back(Span::Days(days)),
                    Window::Minutes(minutes) => back(Span::Minutes(minutes)),
                },
                Reading::Within(span) => back(*span),
                Reading::Between(..) => format!("as events come into {name} and leave it"),
                Reading::This(period) | Reading::Previous(period) => format!("when a {} begins", period.name()),
                Reading::Per(Period::Hour, _) => "when an hour begins".to_owned(),
                Reading::Per(period, _) => format!("when a {} begins", period.name()),
                Reading::Decayed(Span::Days(_)) => format!("daily while {name} > 0"),
                Reading::Decayed(Span::Minutes(_)) => format!("hourly while {name} > 0"),
                Reading::During { .. } | Reading::FirstAt | Reading::LastAt | Reading::Reached => return None,
            })
        }
        Slot::Trait { rule: Some(rule), .. } | Slot::About { rule: Some(rule), .. } => {
            let days = rule.stale? / Millis::DAY;
            Some(format!("when {} is {days} days old", written(slot, plan)))
        }
        _ => None,
    }
}
