use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{Call, MessageId, SourceName, Trust};
use crate::record::outcomes::Told;
use crate::record::{PausedBy, Tie, Tried};
use crate::record::{Profile, Projection};

fn event(properties: &serde_json::Value) -> Arc<Event> {
    Arc::new(Event {
        source: SourceName::new("app"),
        trust: Trust::Server,
        covered: true,
        call: Call::Track,
        message_id: "m-1".into(),
        message: Some(MessageId(u64::MAX)),
        user_id: Some("kim".into()),
        anonymous_id: None,
        previous_id: None,
        group_id: None,
        context_group_id: Some("acme".into()),
        name: Some("Task Created".into()),
        timestamp: Millis(1_795_253_400_000),
        received_at: Millis(1_795_253_400_007),
        properties: properties.as_object().cloned().unwrap_or_default(),
        traits: serde_json::Map::new(),
        context_traits: serde_json::Map::new(),
    })
}

fn message(body: Body) -> LogItem {
    LogItem::Message(Message { to: RecordKey::user("kim"), at: Millis(7), hops: 1, body })
}

fn ledger() -> crate::counters::Ledger {
    let mut ledger = crate::counters::Ledger::default();
    let daily = crate::counters::text::read_daily("older=2 2026-11-20=3").unwrap();
    ledger.daily.insert("track:Task Created".into(), daily);
    let own = crate::counters::text::read_own("#1f0c9a2b day seen 2026-11-20=7 2026-11-21=3").unwrap();
    ledger.own.insert("people".into(), own);
    ledger
}

/// One of each form that an item's parts can have.
fn waits() -> Unassigned {
    let lead = Held {
        subject: RecordKey::account("acme"),
        definition: Arc::from("pql"),
        lead: Arc::from("lead_1"),
        event: Arc::from("evt_1"),
    };
    let pending = crate::record::Pending {
        team: Arc::from("dach"),
        route: Arc::from("all"),
        because: String::new(),
        needs: crate::record::Needs::default(),
    };
    Unassigned {
        lead,
        pending,
        tier: 1,
        rank: None,
        may_wait: true,
        since: Millis(7),
        waits_since: None,
        until: Some(Millis(9)),
        not: vec![Arc::from("ana@x.example")],
        class: Arc::from("any"),
    }
}

fn items() -> Vec<LogItem> {
    let event = event(&json!({ "n": 1, "f": 0.1, "deep": [{ "a": null }, "é\t"], "big": u64::MAX, "small": i64::MIN }));
    let projection = Projection {
        id: Arc::from("kim"),
        name: None,
        traits: event.properties.clone(),
        said: [(
            "n".to_owned(),
            vec![crate::record::Said {
                source: "crm".into(),
                said: crate::record::Trait { value: json!(1), at: Millis(1), trust: Trust::Server },
            }],
        )]
        .into(),
        ledger: ledger(),
        tallies: [(7, crate::record::outcomes::Tally { met: 3, unmet: 1, unknown: 0 })].into(),
        noted: crate::record::NotedSignals::default(),
        first_seen: Some(Millis(1)),
        last_seen: None,
    };
    let routing = Routing {
        route: None,
        team: Some("a".to_owned()),
        owner: None,
        reason: "nobody is there".to_owned(),
        ..Routing::default()
    };
    let waits = waits();
    let whom = Waits { team: Arc::from("dach"), since: Millis(7), until: None, reason: "nobody is there".to_owned() };
    let user = Some(Box::new(projection.clone()));
    let rejected = Rejected {
        at: Millis(1),
        source: "app".to_owned(),
        index: 3,
        code: "missing_id".to_owned(),
        message: "…".to_owned(),
        message_id: None,
        excerpt: "{".to_owned(),
    };
    let bodies = vec![
        Body::Event(Arc::clone(&event)),
        Body::AccountEvent(Box::new(AccountEvent {
            event: Arc::clone(&event),
            user: Arc::from("kim"),
            profile: Profile { email: Some("kim@acme.example".into()), ..Profile::default() },
            asking: user.clone(),
            told: Told { outcomes: vec![(7, Some(true)), (8, None)], keys: vec![(9, 1.5)] },
            waited: true,
        })),
        Body::Ask { user: Box::new(projection.clone()), at: Millis(2), quiet: Some(Millis(1)) },
        Body::Answer(Box::new(Answer {
            account: Arc::new(projection),
            user,
            event: Some(event),
            at: Millis(3),
            quiet: None,
            waited: true,
        })),
        Body::Absorb {
            from: Arc::from("anon"),
            tie: Tie { at: Millis(4), trust: Trust::Public, source: SourceName::new("web") },
            history: Arc::from("seen\t- -\n"),
        },
        Body::Rename { from: Arc::from("anon"), to: None },
        Body::Assigned(Box::new(Assigned {
            needs: crate::record::Needs::default(),
            definition: Arc::from("pql"),
            lead: Arc::from("lead_1"),
            event: Arc::from("evt_1"),
            outcome: AssignOutcome::Settled(routing),
        })),
        Body::Assigned(Box::new(Assigned {
            needs: crate::record::Needs::default(),
            definition: Arc::from("pql"),
            lead: Arc::from("lead_1"),
            event: Arc::from("evt_1"),
            outcome: AssignOutcome::Waits(whom),
        })),
        Body::Assign(Box::new(waits.clone())),
        Body::Wait(Box::new(waits)),
        Body::Worth { tier: 2, rank: Some(0.5) },
        Body::Called { class: Box::default(), leads: 3 },
        Body::Forget,
        Body::Wake { may_expire: true },
    ];
    bodies
        .into_iter()
        .chain(of_deliveries())
        .map(message)
        .chain([LogItem::Barrier, LogItem::Reject(vec![rejected])])
        .collect()
}

fn of_deliveries() -> Vec<Body> {
    let news = News {
        id: Arc::from("evt_1"),
        created: Millis(1),
        attempts: 0,
        last_error: None,
        json: Arc::from("{}"),
        revision: 1,
        was_tried: false,
    };
    let failed = News { attempts: 2, last_error: Some("no answer".into()), ..news.clone() };
    vec![
        Body::Deliver { subject: RecordKey::account("acme"), news: Box::new(news) },
        Body::Deliver { subject: RecordKey::account("acme"), news: Box::new(failed) },
        Body::Attempted(Box::new(Attempt {
            id: Arc::from("evt_1"),
            at: Millis(5),
            outcome: AttemptOutcome::Retry { due: Millis(6), counts: true, error: "503".into() },
            remembered: Some([("lead".into(), "17".into())].into()),
            tried: Some(Box::new(Tried {
                id: Arc::from("evt_1"),
                at: Millis(5),
                took_ms: 40,
                asked: Some("POST /leads".into()),
                status: None,
                error: "no answer".into(),
                said: None,
            })),
        })),
        Body::Attempted(Box::new(Attempt {
            id: Arc::from("evt_1"),
            at: Millis(5),
            outcome: AttemptOutcome::Denied { due: Millis(6), error: "401".into(), credentials: 7 },
            remembered: None,
            tried: None,
        })),
        Body::Pause(Box::new(Pause { since: Millis(5), by: PausedBy::Hand, why: None, credentials: None })),
        Body::Resume,
    ]
}

fn encoded(items: &[LogItem]) -> Vec<u8> {
    let mut payload = Vec::new();
    items.iter().for_each(|item| item.encode(&mut payload));
    payload
}

fn read(payload: &[u8]) -> Vec<Result<LogItem, Unreadable>> {
    LogItem::decode(payload).collect()
}

/// The items that can be read, and how many can't.
fn readable(payload: &[u8]) -> (Vec<LogItem>, usize) {
    let (good, bad): (Vec<_>, Vec<_>) = read(payload).into_iter().partition(Result::is_ok);
    (good.into_iter().flatten().collect(), bad.len())
}

#[test]
fn what_is_written_reads_back_alone_and_behind_others() {
    let items = items();
    for item in &items {
        assert_eq!(readable(&encoded(std::slice::from_ref(item))), (vec![item.clone()], 0));
    }
    assert_eq!(readable(&encoded(&items)), (items.clone(), 0));
    // Entries are concatenated where many are written at once.
    let (left, right) = items.split_at(3);
    assert_eq!(readable(&[encoded(left), encoded(right)].concat()), (items.clone(), 0));
    assert_eq!(read(b""), []);
}

#[test]
fn one_that_is_damaged_spoils_no_other() {
    let three = [message(Body::Forget), items().swap_remove(0), LogItem::Barrier];
    let first = encoded(&three[..1]).len();
    let mut payload = encoded(&three);
    // The body of the second, behind its form and length, no longer says anything.
    payload[first + HEAD] = 0xc1;
    assert_eq!(readable(&payload), (vec![three[0].clone(), three[2].clone()], 1));
    assert!(matches!(read(&payload)[1], Err(Unreadable::Damaged(_))));
}

#[test]
fn one_of_a_newer_form_says_so_and_spoils_no_other() {
    let three = [message(Body::Forget), message(Body::Wake { may_expire: true }), LogItem::Barrier];
    let mut payload = encoded(&three);
    payload[encoded(&three[..1]).len()] = FORM + 1;
    let found = read(&payload);
    assert_eq!(found, [Ok(three[0].clone()), Err(Unreadable::Form(FORM + 1)), Ok(three[2].clone())]);
    let told = found[1].as_ref().expect_err("a newer form").to_string();
    assert_eq!(told, "it has form 2, and this version reads form 1: upgrade this server");
}

#[test]
fn a_tail_that_was_cut_off_is_told_once() {
    let two = [message(Body::Forget), message(Body::Wake { may_expire: true })];
    let (first, whole) = (encoded(&two[..1]).len(), encoded(&two));
    for end in first + 1..whole.len() {
        let cut = &whole[..end];
        assert_eq!(readable(cut), (two[..1].to_vec(), 1), "cut at {end}");
    }
    assert_eq!(readable(&whole[..first]), (two[..1].to_vec(), 0));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..2_000_usize, with: u8) {
        prop_assert!(read(&bytes).len() <= bytes.len());
        let mut payload = encoded(&items());
        let len = payload.len();
        payload[at % len] = with;
        prop_assert!(read(&payload).len() <= len);
    }
}
