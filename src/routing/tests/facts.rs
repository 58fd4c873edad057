use std::borrow::Cow;
use std::sync::Arc;

use crate::crm::sample;
use crate::identity::SubjectKind;
use crate::qualify::expr::{Facts, Slot, TraitOf, Type, Value};
use crate::routing::LeadFacts;
use crate::time::Millis;

fn path(text: &str) -> Arc<[Box<str>]> {
    text.split('.').map(Box::from).collect()
}

fn lead(text: &str) -> Slot {
    Slot::Lead(path(text))
}

fn account(text: &str, ty: Type) -> Slot {
    Slot::Trait { of: TraitOf::Account, path: path(text), ty }
}

fn user(text: &str) -> Slot {
    Slot::Trait { of: TraitOf::User, path: path(text), ty: Type::Text }
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
        (account("employees", Type::Text), Value::Unknown),
        (account("created_at", Type::Time), Value::Time(Millis(1_788_220_800_000))),
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
    assert_eq!(facts.read(&user("seats")), Value::Unknown, "declared as text, and it is a number");
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
