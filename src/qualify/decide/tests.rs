use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::counters::bucket::OLDER;
use crate::counters::buckets::Buckets;
use crate::counters::{Aggregate, Counter, EventMatch, Ledger, Plan, Reads, Window};
use crate::expr::{Figures, Readable, Scope, Type, compile};
use crate::ids::{CounterId, SourceName, SubjectKind};
use crate::qualify::{Tier, Who};
use crate::record::{LeadHold, LetGo, Projection, Saying, Subject};

const NOW: Millis = Millis(1_795_253_400_000);
const COOLDOWN: i64 = 30 * Millis::DAY;

fn counters() -> Vec<Counter> {
    [("logins", SubjectKind::User), ("boards", SubjectKind::Account)]
        .map(|(name, of)| Counter {
            name: Arc::from(name),
            of,
            events: vec![EventMatch::Any],
            was: None,
            filter: None,
            from: Vec::new(),
            aggregate: Aggregate::Count,
            window: Window::Lifetime,
            label: None,
        })
        .into()
}

fn expr(source: &str) -> Expr {
    let traits = |name: &str| Some(BTreeMap::from([(Box::from(name), Type::Text)]));
    let known = counters()
        .into_iter()
        .zip(0..)
        .map(|(counter, id)| (counter.name, Readable { id: CounterId(id), of: counter.of, figures: Figures::Added }));
    let scope = Scope {
        counters: known.collect(),
        user_traits: traits("role"),
        account_traits: traits("plan"),
        event: true,
        flags: true,
        ..Scope::default()
    };
    compile(source, &scope).unwrap_or_else(|errors| panic!("{source}: {errors:?}"))
}

fn definition(when: &str, tiers: &[(u8, &str)]) -> Definition {
    Definition {
        name: Arc::from("pql"),
        of: SubjectKind::User,
        intent: vec![expr("logins >= 3")],
        fit: Vec::new(),
        when: expr(when),
        tiers: tiers.iter().map(|(number, when)| Tier { number: *number, when: expr(when) }).collect(),
        cooldown_ms: COOLDOWN,
        never: Vec::new(),
        each: None,
        settle_ms: 0,
        shadow: false,
        start_sends: false,
        fresh_ms: Millis::DAY,
        from: Vec::new(),
        version: Arc::from("v"),
        goal: None,
        rank: None,
        contact: Arc::new([]),
        sentence: None,
    }
}

/// Somebody with so many signs of use: both counters count them.
fn projection(uses: u64, traits: Value) -> Projection {
    let mut any = Buckets::default();
    any.add(OLDER, uses);
    let mut ledger = Ledger::default();
    ledger.daily.insert("any".into(), any);
    Projection {
        id: Arc::from("somebody"),
        ledger,
        traits: traits.as_object().cloned().unwrap_or_default(),
        ..Projection::default()
    }
}

/// What `definition` says of a user with so many logins whose account stands like this.
fn evaluated(definition: &Definition, logins: u64, account: Who<'_>) -> Evaluation {
    let user = projection(logins, json!({ "role": "admin" }));
    let plan = Plan::new(&counters(), &Reads::default(), jiff::tz::TimeZone::UTC);
    let view = View {
        plan: &plan,
        now: NOW,
        user: Who::Projection(&user),
        account,
        event: None,
        member_events: None,
        intent: None,
        fit: None,
    };
    evaluate(definition, &view)
}

fn standing(tier: u8, lapsed: bool, qualified_at: Millis) -> Standing {
    Standing {
        times: 1,
        lead_id: "lead_1".to_owned(),
        revision: 1,
        tier,
        qualified_at,
        lapsed_at: lapsed.then_some(NOW),
        ..Standing::default()
    }
}

/// Nothing is decided without the account that could be decided otherwise with it: no lead, no change of tier, no lapse.
#[test]
fn while_the_account_is_awaited_what_hangs_on_it_is_open() {
    let paying = projection(9, json!({ "plan": "pro" }));
    let nothing_known = projection(0, json!({}));
    for (when, without, pending, with_paying, with_nothing) in [
        ("intent && has(account.plan)", Some(false), None, Some(true), Some(false)),
        ("intent && account.plan == null", Some(true), None, Some(false), Some(true)),
        ("intent && account.plan != null", Some(false), None, Some(true), Some(false)),
        ("intent && boards > 5", None, None, Some(true), Some(false)),
        ("intent && account.plan == \"pro\"", None, None, Some(true), None),
        ("intent && user.role == \"admin\"", Some(true), Some(true), Some(true), Some(true)),
        ("intent && !has(user.role)", Some(false), Some(false), Some(false), Some(false)),
    ] {
        let definition = definition(when, &[]);
        let found = [Who::Nobody, Who::Pending, Who::Projection(&paying), Who::Projection(&nothing_known)]
            .map(|account| evaluated(&definition, 3, account));
        assert_eq!(found.map(|found| found.qualifies), [without, pending, with_paying, with_nothing], "{when}");
        // What is false by the user alone is false, whatever the account turns out to be.
        let too_few = evaluated(&definition, 2, Who::Pending);
        assert_eq!((too_few.qualifies, too_few.is_sure()), (Some(false), true), "{when}");
    }
}

#[test]
fn a_tier_is_sure_when_none_before_it_is_open() {
    let paying = projection(9, json!({ "plan": "pro" }));
    let by_account = definition("intent", &[(1, "has(account.plan)"), (2, "true")]);
    let by_user = definition("intent", &[(1, "user.role == \"admin\""), (2, "has(account.plan)")]);
    for (definition, account, tier, sure) in [
        (&by_account, Who::Pending, Some(2), false),
        (&by_account, Who::Nobody, Some(2), true),
        (&by_account, Who::Projection(&paying), Some(1), true),
        (&by_user, Who::Pending, Some(1), true),
    ] {
        let found = evaluated(definition, 3, account);
        assert_eq!((found.tier, found.is_sure()), (tier, sure));
    }
    let only_by_account = definition("intent", &[(1, "has(account.plan)")]);
    assert_eq!(evaluated(&only_by_account, 3, Who::Pending).qualifies, None, "there may be a tier yet");
    assert_eq!(evaluated(&only_by_account, 3, Who::Nobody).qualifies, Some(false), "there is none");
}

#[test]
fn qualifying_is_an_edge() {
    let definition = definition("intent", &[]);
    let (yes, no) = (evaluated(&definition, 3, Who::Nobody), evaluated(&definition, 0, Who::Nobody));
    let open = Evaluation { qualifies: None, ..no };
    let long_ago = NOW.plus(-COOLDOWN);
    for (evaluation, before, expected) in [
        (yes, None, Decision::Qualify { tier: 1 }),
        (yes, Some(standing(1, false, long_ago)), Decision::Nothing),
        (yes, Some(standing(2, false, NOW)), Decision::Retier { tier: 1 }),
        (yes, Some(standing(1, true, long_ago)), Decision::Qualify { tier: 1 }),
        (yes, Some(standing(1, true, long_ago.plus(1))), Decision::Nothing),
        (no, None, Decision::Nothing),
        (no, Some(standing(1, false, NOW)), Decision::Lapse),
        (no, Some(standing(1, true, NOW)), Decision::Nothing),
        (open, Some(standing(1, false, NOW)), Decision::Nothing),
        (open, None, Decision::Nothing),
    ] {
        assert_eq!(
            decide(&definition, evaluation, before.as_ref(), NOW, (false, false)),
            expected,
            "{evaluation:?} {before:?}"
        );
    }
}

#[test]
fn who_was_let_go_comes_again_by_what_they_do_a_day_later() {
    let definition = definition("intent", &[]);
    let (yes, no) = (evaluated(&definition, 3, Who::Nobody), evaluated(&definition, 0, Who::Nobody));
    let let_go = |lapsed: bool, at: Millis| {
        let hold = LeadHold { source: "web".to_owned(), discarded: true, because: Some(LetGo::Full) };
        Some(Standing { hold: Some(hold), ..standing(1, lapsed, at) })
    };
    let yesterday = NOW.plus(-Millis::DAY);
    for (evaluation, before, is_event, expected) in [
        (yes, let_go(false, yesterday), true, Decision::Qualify { tier: 1 }),
        (yes, let_go(false, yesterday), false, Decision::Nothing),
        (yes, let_go(false, yesterday.plus(1)), true, Decision::Nothing),
        (yes, let_go(true, yesterday), false, Decision::Qualify { tier: 1 }),
        (no, let_go(false, yesterday), true, Decision::Lapse),
    ] {
        let found = decide(&definition, evaluation, before.as_ref(), NOW, (is_event, false));
        assert_eq!(found, expected, "{evaluation:?} {before:?} {is_event}");
    }
}

#[test]
fn a_record_and_its_projection_say_the_same() {
    let plan = Plan::new(&counters(), &Reads::default(), jiff::tz::TimeZone::UTC);
    let mut record = Subject::default();
    record.traits.learn(
        json!({ "role": "admin", "gone": null }).as_object().expect("traits"),
        Saying { source: &SourceName::new("app"), at: NOW, trust: crate::event::Trust::Public },
        |_| None,
    );
    record.see(NOW);
    let id: Arc<str> = Arc::from("kim");
    let projected = Projection::of(&record, &id, SubjectKind::User, (&plan, |_: &str| true, |_: &str| true), NOW);
    for source in
        ["user.role == \"admin\"", "has(user.role)", "logins == 0", "user.id == \"kim\"", "user.last_seen == now"]
    {
        let by = [Who::Record(&id, &record), Who::Projection(&projected)].map(|user| {
            let view = View {
                plan: &plan,
                now: NOW,
                user,
                account: Who::Nobody,
                event: None,
                member_events: None,
                intent: None,
                fit: None,
            };
            expr(source).test(&view)
        });
        assert_eq!(by, [Some(true); 2], "{source}");
    }
}
