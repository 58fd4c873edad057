//! Users and accounts at random, with all that their records may say.

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use litemap::LiteMap;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::*;
use crate::counters::Ledger;
use crate::counters::bucket::Width;
use crate::counters::buckets::Buckets;
use crate::counters::distinct::Distinct;
use crate::counters::ledger::Own;
use crate::counters::series::{Daily, Extreme, Series};
use crate::event::{Call, Event, MessageId, SourceName, Trust};
use crate::ids::RecordKey;
use crate::record::counted::Counted;
use crate::record::outcomes::Outcomes;
use crate::record::{
    AccountOwner, Ending, Held, Joiners, KnownLead, Looked, Member, Memberships, MergedInto, Noted, NotedSignals,
    OpenLead, OpenWith, Ownership, PassedOver, Profile, Quiet, Routing, Said, Senders, Standing, Subject, Tie, Ties,
    Trait, Traits, Waiting, Waits,
};

/// Names as people and programs send them: with whatever separates things in the text.
pub fn name() -> impl Strategy<Value = String> {
    "[a-z0-9 :=,#\\\\\t\n\r\"'é😀\u{2028}-]{1,12}"
}

pub fn shared() -> impl Strategy<Value = Arc<str>> {
    name().prop_map(Arc::from)
}

pub fn boxed() -> impl Strategy<Value = Box<str>> {
    name().prop_map(Box::from)
}

pub fn time() -> impl Strategy<Value = Millis> {
    prop_oneof![Just(Millis(0)), (0..4_000_000_000_000_i64).prop_map(Millis)]
}

pub fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        name().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(name(), inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

pub fn traits() -> impl Strategy<Value = Traits> {
    let said = || (json_value(), time(), trust()).prop_map(|(value, at, trust)| Trait { value, at, trust });
    let known = btree_map(name().prop_map(CompactString::from), said(), 0..4);
    let by_source = btree_map(name().prop_map(CompactString::from), btree_map(name(), said(), 1..3), 0..3);
    (known, by_source).prop_map(|(known, by_source)| {
        let said = |all: BTreeMap<String, Trait>| {
            all.into_iter().map(|(source, said)| Said { source: source.into(), said }).collect::<Vec<_>>()
        };
        let by_source: LiteMap<_, _> = by_source.into_iter().map(|(name, all)| (name, said(all))).collect();
        let by_source = (!by_source.is_empty()).then(|| Box::new(by_source));
        Traits { known: known.into_iter().collect(), by_source }
    })
}

pub fn daily() -> impl Strategy<Value = Daily> {
    (btree_map(0..30_000_i32, 1..1_000_000_u64, 0..5), option::of(1..9_u64)).prop_map(|(counts, older)| {
        let mut days = Buckets::default();
        older.into_iter().for_each(|older| days.add(crate::counters::bucket::OLDER, older));
        counts.into_iter().for_each(|(day, count)| days.add(day, count));
        days
    })
}

pub fn series() -> impl Strategy<Value = Series> {
    let sums = btree_map(0..30_000_i32, any::<i64>(), 0..4).prop_map(|sums| {
        let mut buckets = Buckets::default();
        sums.into_iter().for_each(|(bucket, sum)| buckets.add(bucket, i128::from(sum)));
        Series::Sums(buckets)
    });
    let distinct = vec((any::<u64>(), 0..30_000_i32), 0..5)
        .prop_map(|seen| Series::Distinct(Distinct::from_parts(seen, Vec::new())));
    prop_oneof![sums, distinct, time().prop_map(|at| Series::Moment(Extreme::First, at))]
}

pub fn ledger() -> impl Strategy<Value = Ledger> {
    let own = (any::<u32>(), series()).prop_map(|(fingerprint, series)| Own { fingerprint, width: Width::Day, series });
    let key = || name().prop_map(CompactString::from);
    (btree_map(key(), daily(), 0..3), btree_map(key(), own, 0..3))
        .prop_map(|(daily, own)| Ledger { daily: daily.into_iter().collect(), own: own.into_iter().collect() })
}

pub fn routing() -> impl Strategy<Value = Routing> {
    let passed = (name(), option::of(name())).prop_map(|(rep, until)| PassedOver {
        rep,
        reason: crate::record::Why::Absent,
        until,
    });
    (option::of(name()), option::of(name()), option::of(name()), name(), vec(passed, 0..3))
        .prop_map(|(route, team, owner, reason, passed_over)| Routing { route, team, owner, reason, passed_over })
}

pub fn standing() -> impl Strategy<Value = Standing> {
    (any::<(u32, u32, u8)>(), name(), (time(), option::of(time())), option::of(routing()), vec(boxed(), 0..3)).prop_map(
        |((times, revision, tier), lead_id, (qualified_at, lapsed_at), routing, queue)| Standing {
            times,
            lead_id,
            revision,
            tier,
            qualified_at,
            lapsed_at,
            quiet: (times == 0).then_some(Quiet::OldEvent),
            shadow: revision % 2 == 0,
            before: if tier % 2 == 0 { vec![Ending::Lost] } else { Vec::new() },
            ended: lapsed_at.map(|at| (Ending::Won, at)),
            open_with: lapsed_at.map(|_| OpenWith { lead: "lead_1".into(), team: "dach".into(), rep: "ana".into() }),
            claims: lapsed_at.is_none().then(|| Arc::from("acme")),
            joiners: (revision % 3 == 0).then(|| Box::new(Joiners { count: revision, ..Joiners::default() })),
            waits: queue.first().map(|team| Waits {
                team: Arc::from(&**team),
                since: qualified_at,
                until: lapsed_at,
                reason: team.to_string(),
            }),
            routing,
            queue,
            ..Standing::default()
        },
    )
}

pub fn member() -> impl Strategy<Value = Member> {
    let keys = vec((any::<u32>(), -1e15..1e15_f64), 0..3);
    (any::<u64>(), time(), option::of(boxed()), option::of(boxed()), option::of(boxed()), keys).prop_map(
        |(events, last_seen, email, name, title, keys)| Member {
            events,
            last_seen,
            profile: Profile { email, name, title },
            keys: keys.into(),
        },
    )
}

pub fn event() -> impl Strategy<Value = Arc<Event>> {
    (option::of(any::<u64>()), option::of(boxed()), boxed(), time(), btree_map(name(), json_value(), 0..3)).prop_map(
        |(message, user_id, name, timestamp, properties)| {
            Arc::new(Event {
                source: SourceName::new("app"),
                trust: Trust::Server,
                covered: true,
                call: Call::Track,
                message_id: name.clone(),
                message: message.map(MessageId),
                user_id,
                anonymous_id: Some(name.clone()),
                previous_id: None,
                group_id: None,
                context_group_id: None,
                name: Some(name),
                timestamp,
                received_at: timestamp,
                properties: properties.into_iter().collect(),
                traits: Map::new(),
                context_traits: Map::new(),
            })
        },
    )
}

pub fn trust() -> impl Strategy<Value = Trust> {
    prop::sample::select(vec![Trust::Public, Trust::Server])
}

pub fn tie() -> impl Strategy<Value = Tie> {
    (time(), trust(), name()).prop_map(|(at, trust, source)| Tie { at, trust, source: SourceName::new(&source) })
}

pub fn merged_into() -> impl Strategy<Value = MergedInto> {
    (shared(), tie()).prop_map(|(user, tie)| MergedInto { user, tie })
}

pub fn counted() -> impl Strategy<Value = Counted> {
    let messages = || vec(any::<u64>().prop_map(MessageId), 1..4);
    (messages(), vec((time(), messages()), 0..3)).prop_map(|(own, brought)| Counted { own, brought })
}

pub fn ties() -> impl Strategy<Value = Ties> {
    let waiting = (event(), time()).prop_map(|(event, until)| Waiting { event, until });
    (
        (any::<bool>(), any::<bool>(), any::<u32>()),
        (option::of(merged_into().prop_map(Box::new)), btree_map(shared(), tie(), 0..3), vec((shared(), tie()), 0..3)),
        vec((shared(), any::<u64>()), 0..3),
        vec((time(), shared(), trust()), 0..3),
        (vec(waiting, 0..3), vec(option::of(event()), 0..3)),
        option::of(counted().prop_map(Box::new)),
    )
        .prop_map(
            |(
                (known, settled, asks),
                (merged_into, aliases, refused),
                accounts,
                joined,
                (waiting, deferred),
                counted,
            )| {
                let mut memberships = Memberships::default();
                joined.iter().for_each(|(at, account, trust)| memberships.join(account, *at, *trust));
                Ties {
                    known,
                    merged_into,
                    aliases,
                    refused,
                    accounts,
                    memberships,
                    waiting,
                    settled,
                    asks,
                    deferred,
                    counted,
                }
            },
        )
}

pub fn subject() -> impl Strategy<Value = Subject> {
    (
        (traits(), ledger(), ties().prop_map(Box::new), vec((name(), trust()), 0..3)),
        (option::of(time()), option::of(time()), time(), option::of(time()), (option::of(time()), option::of(time()))),
        btree_map(shared(), standing(), 0..3),
        btree_map(boxed(), (time(), option::of(shared())).prop_map(|(since, home)| KnownLead { since, home }), 0..3),
        btree_map(name().prop_map(CompactString::from), member(), 0..3),
        btree_map(shared(), time(), 0..3),
        btree_map(name(), (option::of(time()), any::<u32>()), 0..3),
    )
        .prop_map(|((traits, ledger, ties, sources), times, standings, leads, members, watchers, signals)| {
            let (first_seen, last_seen, touched, tell_at, (wakes_at, forgotten)) = times;
            let mut senders = Senders::default();
            sources.iter().for_each(|(source, trust)| senders.note(&SourceName::new(source), *trust));
            let mut noted = NotedSignals::default();
            for (signal, (since, times)) in &signals {
                noted.set(signal, Noted { since: *since, times: *times });
            }
            let outcomes = (!signals.is_empty()).then(|| {
                let mut outcomes = Box::<Outcomes>::default();
                for (member, (since, times)) in signals.values().enumerate() {
                    outcomes.hear(member as u64, &[(7, Some(since.is_some())), (8, (times % 2 == 0).then_some(true))]);
                }
                outcomes
            });
            let open_lead = tell_at.map(|since| {
                let (subject, definition) = (RecordKey::user("kim"), Arc::from("pql"));
                Box::new(OpenLead { account: Arc::from("acme"), subject, definition, lead: Arc::from("lead_1"), since })
            });
            let ownership = wakes_at.map(|at| {
                let lead = || Held {
                    subject: RecordKey::user("kim"),
                    definition: Arc::from("pql"),
                    lead: Arc::from("lead_1"),
                    event: Arc::from("evt_1"),
                };
                let owner = forgotten.map(|at| AccountOwner { rep: Arc::from("ana"), at, pinned: true });
                Box::new(Ownership { owner, deciding: Some(lead()), check_at: Some(at), asking: vec![lead()] })
            });
            let told = signals.values().next().map(|(_, times)| (u64::from(*times), u64::from(*times)));
            Subject {
                traits,
                ledger,
                senders,
                first_seen,
                last_seen,
                touched,
                looked: tell_at.map(|at| {
                    Box::new(Looked { at, unnoted: signals.keys().map(|name| name.as_str().into()).collect() })
                }),
                standings,
                noted,
                sent_to: leads.keys().map(|name| Arc::from(&**name)).collect(),
                leads,
                ties,
                members,
                open_lead,
                ownership,
                outcomes,
                told,
                watchers,
                tell_at,
                tells_quietly: tell_at.is_some_and(|at| at.0 % 2 == 0),
                wakes_at,
                put_off: None,
                forgotten,
            }
        })
}
