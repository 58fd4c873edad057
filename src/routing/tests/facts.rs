use std::borrow::Cow;
use std::sync::Arc;

use crate::crm::sample;
use crate::expr::{Facts, Scope, Slot, TraitOf, Type, Value, compile};
use crate::ids::SubjectKind;
use crate::routing::LeadFacts;
use crate::time::Millis;

fn path(text: &str) -> Arc<[Box<str>]> {
    text.split('.').map(Box::from).collect()
}

fn lead(text: &str) -> Slot {
    Slot::Lead(path(text))
}

fn account(text: &str, ty: Type) -> Slot {
    Slot::Trait { of: TraitOf::Account, path: path(text), ty, rule: None }
}

fn user(text: &str) -> Slot {
    Slot::Trait { of: TraitOf::User, path: path(text), ty: Type::Text, rule: None }
}

fn text(value: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(value))
}

#[test]
fn reads_the_lead_as_a_crm_receives_it() {
    let event = sample::full();
    let facts = LeadFacts::new(&event, Millis(7));
    let table = [
        (lead("tier"), Value::Number(1.0)),
        (lead("of"), text("account")),
        (lead("definition"), text("ready for a team plan")),
        (lead("contact.title"), text("Head of Operations")),
        (lead("usage.tasks_30d"), Value::Number(132.0)),
        (lead("tierr"), Value::Unknown),
        (Slot::Id(TraitOf::Account), text("acme")),
        (Slot::Id(TraitOf::User), text("u-17")),
        (user("email"), text("kim@acme.example")),
        (user("plan"), Value::Unknown),
        (account("plan", Type::Text), text("free")),
        (account("employees", Type::Number), Value::Number(640.0)),
        (account("address.country", Type::Any), text("DE")),
        (account("name", Type::Text), text("Acme")),
        (account("missing", Type::Any), Value::Unknown),
        (Slot::FirstSeen(TraitOf::Account), Value::Time(Millis(1_793_520_000_000))),
        (Slot::FirstSeen(TraitOf::User), Value::Unknown),
        (Slot::Now, Value::Time(Millis(7))),
        (Slot::Intent, Value::Unknown),
    ];
    for (slot, expected) in table {
        assert_eq!(facts.read(&slot), expected, "{slot:?}");
    }
}

#[test]
fn a_user_who_qualified_has_traits() {
    let event = sample::of_user();
    let facts = LeadFacts::new(&event, Millis(0));
    assert_eq!(facts.read(&user("plan")), text("free"));
    assert_eq!(facts.read(&user("name")), text("Kim Example"));
    assert_eq!(facts.read(&Slot::Id(TraitOf::User)), text("u-17"));
}

#[test]
fn what_a_lead_lacks_is_unknown() {
    let event = sample::minimal();
    assert_eq!(event.lead.subject.kind, SubjectKind::User);
    let facts = LeadFacts::new(&event, Millis(0));
    for slot in [user("email"), account("plan", Type::Any), Slot::Id(TraitOf::Account), Slot::LastSeen(TraitOf::User)] {
        assert_eq!(facts.read(&slot), Value::Unknown, "{slot:?}");
    }
}

/// What the configuration lets routes read.
fn scope() -> Scope {
    let traits = |traits: &[(&str, Type)]| traits.iter().map(|(name, ty)| (Box::from(*name), ty.clone())).collect();
    Scope {
        account_traits: Some(traits(&[("plan", Type::Text), ("employees", Type::Band), ("created_at", Type::Time)])),
        user_traits: Some(traits(&[("email", Type::Text), ("plan", Type::Text), ("seats", Type::Number)])),
        lead: true,
        ..Scope::default()
    }
}

#[test]
fn conditions_of_routes_read_leads() {
    let mut banded = sample::full();
    let traits = &mut banded.lead.account.as_mut().expect("an account").traits;
    traits.insert("employees".to_owned(), "501-1000".into());
    let table = [
        ("lead.tier == 1", [Some(true), Some(true), Some(true)]),
        ("lead.tier == 1 && account.employees >= 500", [Some(true), Some(true), None]),
        ("lead.of == 'account' && lead.definition == 'ready for a team plan'", [Some(true), Some(true), Some(false)]),
        ("account.created_at < timestamp('2026-10-01T00:00:00Z')", [Some(true), Some(true), None]),
        ("user.email.endsWith('@acme.example')", [Some(true), Some(true), None]),
        ("lead.usage.tasks_30d > 100", [Some(true), Some(true), None]),
        ("user.plan == 'free'", [None, None, None]),
    ];
    for (source, expected) in table {
        let expr = compile(source, &scope()).unwrap_or_else(|errors| panic!("{source}: {errors:?}"));
        let events = [sample::full(), banded.clone(), sample::minimal()];
        let found = events.each_ref().map(|event| expr.test(&LeadFacts::new(event, Millis(0))));
        assert_eq!(found, expected, "{source}");
    }
    let of_users = compile("user.plan == 'free' && user.seats > 5", &scope()).expect("it compiles");
    assert_eq!(of_users.test(&LeadFacts::new(&sample::of_user(), Millis(0))), Some(true));
}
