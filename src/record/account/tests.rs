use serde_json::{Value, json};

use super::Found::{NotYet, Nowhere, Perhaps, Surely};
use super::*;
use crate::event::{MessageId, SourceName, Trust};
use crate::record::Saying;
use crate::record::ties::WAITS_FOR;
use crate::time::Millis;

const AT: i64 = 1_795_253_400_000;

fn event(call: Call) -> Event {
    Event {
        source: SourceName::new("app"),
        trust: Trust::Server,
        covered: true,
        call,
        message_id: "m".into(),
        message: Some(MessageId(1)),
        user_id: Some("u".into()),
        anonymous_id: None,
        previous_id: None,
        group_id: (call == Call::Group).then(|| "from the call".into()),
        context_group_id: None,
        name: None,
        timestamp: Millis(AT),
        received_at: Millis(AT),
        properties: map(json!({ "workspace": { "id": " w-1 ", "number": 7 }, "empty": " ", "list": ["w"] })),
        traits: map(json!({ "company": { "id": "c-1" } })),
        context_traits: map(json!({ "company": { "id": "c-2" } })),
    }
}

fn map(json: Value) -> Map<String, Value> {
    json.as_object().cloned().expect("an object")
}

fn path(root: PathRoot, steps: &[&str]) -> AccountKey {
    AccountKey::Path(root, steps.iter().map(|step| Box::from(*step)).collect())
}

/// A user with this e-mail address and these group calls.
fn user(email: Option<&str>, groups: &[(i64, &str)]) -> Subject {
    let mut user = Subject::default();
    if let Some(email) = email {
        user.traits.learn(
            &map(json!({ "email": email })),
            Saying { source: &SourceName::new("app"), at: Millis(AT), trust: Trust::Public },
            |_| None,
        );
    }
    groups.iter().for_each(|(at, group)| user.ties.memberships.join(group, Millis(*at), Trust::Public));
    user
}

fn surely(account: &str) -> Found {
    Surely(Arc::from(account))
}

const DEFAULT: [AccountKey; 2] = [AccountKey::LastGroup, AccountKey::EmailDomain];

#[test]
fn an_event_may_name_its_account_itself() {
    let company = ["company", "id"];
    let table = [
        (Call::Track, path(PathRoot::Properties, &["workspace", "id"]), surely("w-1")),
        (Call::Track, path(PathRoot::Properties, &["workspace", "number"]), surely("7")),
        (Call::Track, path(PathRoot::Properties, &["workspace"]), Nowhere),
        (Call::Track, path(PathRoot::Properties, &["empty"]), Nowhere),
        (Call::Track, path(PathRoot::Properties, &["list"]), Nowhere),
        (Call::Track, path(PathRoot::ContextTraits, &company), surely("c-2")),
        (Call::Identify, path(PathRoot::Traits, &company), surely("c-1")),
        (Call::Group, path(PathRoot::Traits, &company), Nowhere),
        (Call::Group, AccountKey::GroupId, surely("from the call")),
        (Call::Track, AccountKey::GroupId, Nowhere),
        (Call::Track, AccountKey::ContextGroupId, Nowhere),
    ];
    for (call, key, expected) in table {
        let found = account_of(std::slice::from_ref(&key), &event(call), &Subject::default());
        assert_eq!(found, expected, "{call:?} {key:?}");
    }
}

#[test]
fn the_first_place_that_has_one_counts() {
    let named = Event { context_group_id: Some("from the context".into()), ..event(Call::Group) };
    let keys = [AccountKey::ContextGroupId, AccountKey::GroupId, AccountKey::LastGroup];
    let grouped = user(None, &[(AT, "last")]);
    assert_eq!(account_of(&keys, &named, &grouped), surely("from the context"));
    assert_eq!(account_of(&keys, &event(Call::Group), &grouped), surely("from the call"));
    assert_eq!(account_of(&keys, &event(Call::Track), &grouped), surely("last"));
}

#[test]
fn membership_is_that_of_the_event_s_time() {
    let keys = [AccountKey::LastGroup];
    let table = [
        (vec![(AT - 5, "before"), (AT + 5, "after")], surely("before")),
        (vec![(AT, "now")], surely("now")),
        // Senders say who somebody is and what they do at the same time.
        (vec![(AT + WAITS_FOR, "a day later")], surely("a day later")),
        (vec![(AT + WAITS_FOR + 1, "too late")], NotYet),
        (vec![], NotYet),
    ];
    for (groups, expected) in table {
        assert_eq!(account_of(&keys, &event(Call::Track), &user(None, &groups)), expected, "{groups:?}");
    }
}

#[test]
fn an_address_alone_may_yet_be_overruled_by_a_group_call() {
    let track = event(Call::Track);
    let address = Some("kim@acme.com");
    let acme = || Arc::<str>::from("acme.com");
    assert_eq!(account_of(&DEFAULT, &track, &user(address, &[])), Perhaps(acme()));
    // What was found good once stays good.
    let mut settled = user(address, &[]);
    settled.ties.settled = true;
    assert_eq!(account_of(&DEFAULT, &track, &settled), Surely(acme()));
    // Somebody whose group calls came, but speak of later, had none then.
    assert_eq!(account_of(&DEFAULT, &track, &user(address, &[(AT + 2 * WAITS_FOR, "later")])), Surely(acme()));
    // Where no group call is asked for, or only behind the address, none is waited for.
    let reversed = [AccountKey::EmailDomain, AccountKey::LastGroup];
    for keys in [&reversed[..1], &reversed] {
        assert_eq!(account_of(keys, &track, &user(address, &[])), Surely(acme()));
    }
    for nobody in [None, Some("kim@gmail.com"), Some("kim")] {
        assert_eq!(account_of(&DEFAULT, &track, &user(nobody, &[])), NotYet, "{nobody:?}");
    }
}

#[test]
fn without_an_event_it_is_what_is_known_of_the_user() {
    let keys = [path(PathRoot::Properties, &["workspace", "id"]), AccountKey::LastGroup, AccountKey::EmailDomain];
    let account = |user: &Subject| current_account(&keys, user).map(|account| account.to_string());
    assert_eq!(account(&user(Some("kim@acme.com"), &[(1, "one"), (2, "two")])).as_deref(), Some("two"));
    assert_eq!(account(&user(Some("kim@acme.com"), &[])).as_deref(), Some("acme.com"));
    let mut named = user(None, &[]);
    assert_eq!(account(&named), None);
    named.ties.know_account("w-1", 1);
    named.ties.know_account("w-2", 1);
    assert_eq!(account(&named).as_deref(), Some("w-2"), "the one that events named last");
}
