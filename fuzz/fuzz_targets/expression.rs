//! Conditions: any source is compiled or refused with a place inside it; what is compiled can be tested and explained, and
//! both agree.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use handraiser::counters::CounterId;
use handraiser::identity::SubjectKind;
use handraiser::qualify::expr::{Facts, Scope, Slot, Type, Value, compile};
use handraiser::time::Millis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u64, &str)| {
    let (seed, source) = data;
    match compile(source, &scope()) {
        Ok(expr) => {
            let facts = Dice(seed);
            assert_eq!(expr.test(&facts), expr.explain(&facts).met, "{source:?}");
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason: {source:?}");
            for error in errors {
                let span = error.span;
                assert!(span.start <= span.end && span.end <= source.len(), "{span:?} is outside {source:?}");
                assert!(source.is_char_boundary(span.start) && source.is_char_boundary(span.end), "{source:?}");
            }
        }
    }
});

fn scope() -> Scope {
    let counter = |id, kind, ty| (CounterId(id), kind, ty);
    let traits: BTreeMap<Box<str>, Type> =
        [("plan", Type::Text), ("employees", Type::Number), ("tags", Type::List(Box::new(Type::Text)))]
            .map(|(name, ty)| (name.into(), ty))
            .into();
    Scope {
        counters: BTreeMap::from([
            (Arc::from("tasks"), counter(0, SubjectKind::Account, Type::Number)),
            (Arc::from("seen"), counter(1, SubjectKind::User, Type::Time)),
        ]),
        user_traits: Some(traits.clone()),
        account_traits: Some(traits),
        event: true,
        flags: true,
        lead: true,
    }
}

/// The same value for the same name, chosen by a seed: known or not, of the declared type or of another.
struct Dice(u64);

impl Facts for Dice {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        let name = format!("{slot:?}");
        let mixed = name.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        match mixed >> 61 {
            0 => Value::Unknown,
            1 => Value::Bool(mixed & 1 == 0),
            2 => Value::Number(f64::from((mixed & 0xff) as u32)),
            3 => Value::text("free"),
            4 => Value::Time(Millis((mixed >> 20) as i64)),
            5 => Value::List(vec![Value::text("a"), Value::Number(1.0)]),
            6 => Value::Number(f64::NAN),
            _ => Value::text(""),
        }
    }
}
