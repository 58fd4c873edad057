use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use compact_str::CompactString;
use litemap::LiteMap;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::counters::Ledger;
use crate::counters::bucket::Width;
use crate::counters::buckets::Buckets;
use crate::counters::distinct::Distinct;
use crate::counters::ledger::Own;
use crate::counters::series::{Daily, Extreme, Series};
use crate::event::{Call, Event, MessageId, SourceName, Trust};
use crate::expr::TraitRule;
use crate::ids::RecordKey;
use crate::record::counted::Counted;
use crate::record::delivery::Done;
use crate::record::outcomes::Outcomes;
use crate::record::{
    Absence, AccountOwner, Archived, Asked, ConfigVersions, Delivery, DestinationHistory, Ending, Given, Held, Hold,
    Joiners, LeadClass, Meaning, Member, Memberships, MergeLog, MergeNote, MergeOutcome, MergedInto, Needs, News,
    Noted, NotedSignals, OpenLead, OpenWith, Ownership, PassedOver, Pause, PausedBy, Pending, Place, Profile, Quiet,
    Roster, RosterChange, Routing, Said, SaidBy, Saying, Seen, SeenOwner, Senders, SeriesPast, SourceLeads, Stage,
    Standing, Subject, TeamTurns, Tie, Ties, TookForce, Trait, Traits, Tried, Unassigned, Wait, Waiting, Waits,
    Written, WrittenFile,
};

/// Names as people and programs send them: with whatever separates things in the text.
fn name() -> impl Strategy<Value = String> {
    "[a-z0-9 :=,#\\\\\t\n\r\"'é😀\u{2028}-]{1,12}"
}

fn shared() -> impl Strategy<Value = Arc<str>> {
    name().prop_map(Arc::from)
}

fn boxed() -> impl Strategy<Value = Box<str>> {
    name().prop_map(Box::from)
}

fn time() -> impl Strategy<Value = Millis> {
    prop_oneof![Just(Millis(0)), (0..4_000_000_000_000_i64).prop_map(Millis)]
}

fn json_value() -> impl Strategy<Value = Value> {
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

fn traits() -> impl Strategy<Value = Traits> {
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

fn daily() -> impl Strategy<Value = Daily> {
    (btree_map(0..30_000_i32, 1..1_000_000_u64, 0..5), option::of(1..9_u64)).prop_map(|(counts, older)| {
        let mut days = Buckets::default();
        older.into_iter().for_each(|older| days.add(crate::counters::bucket::OLDER, older));
        counts.into_iter().for_each(|(day, count)| days.add(day, count));
        days
    })
}

fn series() -> impl Strategy<Value = Series> {
    let sums = btree_map(0..30_000_i32, any::<i64>(), 0..4).prop_map(|sums| {
        let mut buckets = Buckets::default();
        sums.into_iter().for_each(|(bucket, sum)| buckets.add(bucket, i128::from(sum)));
        Series::Sums(buckets)
    });
    let distinct = vec((any::<u64>(), 0..30_000_i32), 0..5)
        .prop_map(|seen| Series::Distinct(Distinct::from_parts(seen, Vec::new())));
    prop_oneof![sums, distinct, time().prop_map(|at| Series::Moment(Extreme::First, at))]
}

fn ledger() -> impl Strategy<Value = Ledger> {
    let own = (any::<u32>(), series()).prop_map(|(fingerprint, series)| Own { fingerprint, width: Width::Day, series });
    let key = || name().prop_map(CompactString::from);
    (btree_map(key(), daily(), 0..3), btree_map(key(), own, 0..3))
        .prop_map(|(daily, own)| Ledger { daily: daily.into_iter().collect(), own: own.into_iter().collect() })
}

fn routing() -> impl Strategy<Value = Routing> {
    let passed = (name(), option::of(name())).prop_map(|(rep, until)| PassedOver {
        rep,
        reason: crate::record::Why::Absent,
        until,
    });
    (option::of(name()), option::of(name()), option::of(name()), name(), vec(passed, 0..3))
        .prop_map(|(route, team, owner, reason, passed_over)| Routing { route, team, owner, reason, passed_over })
}

fn standing() -> impl Strategy<Value = Standing> {
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

fn member() -> impl Strategy<Value = Member> {
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

fn event() -> impl Strategy<Value = Arc<Event>> {
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

fn trust() -> impl Strategy<Value = Trust> {
    prop::sample::select(vec![Trust::Public, Trust::Server])
}

fn tie() -> impl Strategy<Value = Tie> {
    (time(), trust(), name()).prop_map(|(at, trust, source)| Tie { at, trust, source: SourceName::new(&source) })
}

fn merged_into() -> impl Strategy<Value = MergedInto> {
    (shared(), tie()).prop_map(|(user, tie)| MergedInto { user, tie })
}

fn counted() -> impl Strategy<Value = Counted> {
    let messages = || vec(any::<u64>().prop_map(MessageId), 1..4);
    (messages(), vec((time(), messages()), 0..3)).prop_map(|(own, brought)| Counted { own, brought })
}

fn ties() -> impl Strategy<Value = Ties> {
    let waiting = (event(), time()).prop_map(|(event, until)| Waiting { event, until });
    (
        (any::<bool>(), any::<bool>(), any::<u32>()),
        (option::of(merged_into().prop_map(Box::new)), btree_map(shared(), tie(), 0..3), vec((shared(), tie()), 0..3)),
        vec((shared(), any::<u64>()), 0..3),
        vec((time(), shared(), trust()), 0..3),
        vec(waiting, 0..3),
        option::of(counted().prop_map(Box::new)),
    )
        .prop_map(
            |((known, settled, asks), (merged_into, aliases, refused), accounts, joined, waiting, counted)| {
                let mut memberships = Memberships::default();
                joined.iter().for_each(|(at, account, trust)| memberships.join(account, *at, *trust));
                Ties { known, merged_into, aliases, refused, accounts, memberships, waiting, settled, asks, counted }
            },
        )
}

fn subject() -> impl Strategy<Value = Subject> {
    (
        (traits(), ledger(), ties().prop_map(Box::new), vec((name(), trust()), 0..3)),
        (option::of(time()), option::of(time()), time(), option::of(time()), (option::of(time()), option::of(time()))),
        btree_map(shared(), standing(), 0..3),
        btree_map(boxed(), option::of(shared()), 0..3),
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
            let told = signals.values().next().map(|(_, times)| u64::from(*times));
            Subject {
                traits,
                ledger,
                senders,
                first_seen,
                last_seen,
                touched,
                standings,
                noted,
                leads,
                ties,
                members,
                open_lead,
                ownership,
                outcomes,
                told,
                watchers,
                tell_at,
                wakes_at,
                forgotten,
            }
        })
}

fn needs() -> impl Strategy<Value = Needs> {
    (vec(shared(), 0..2), option::of(shared())).prop_map(|(skills, language)| Needs { skills, language })
}

fn class() -> impl Strategy<Value = LeadClass> {
    (needs(), 0..3_u8, vec(shared(), 0..2)).prop_map(|(needs, tier, not)| LeadClass { needs, tier, not })
}

fn team() -> impl Strategy<Value = TeamTurns> {
    let given = (0..50_000_i64, any::<u32>(), any::<u32>(), any::<u32>(), any::<[(u32, u32); 7]>());
    let given = given.prop_map(|(day, today, week, open, tiers)| Given { day, today, week, open, tiers });
    let place = (any::<u64>(), any::<u64>(), time(), any::<bool>(), given)
        .prop_map(|(behind, turn, at, away, given)| Place { behind, turn, at, away, given });
    (any::<u64>(), btree_map(class(), time(), 0..3), btree_map(shared(), place, 0..4))
        .prop_map(|(turns, waits, reps)| TeamTurns { turns, waits, reps })
}

fn news() -> impl Strategy<Value = News> {
    (shared(), time(), any::<u32>(), option::of(boxed()), shared())
        .prop_map(|(id, created, attempts, last_error, json)| News { id, created, attempts, last_error, json })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let known = btree_map(boxed(), boxed(), 0..3);
    let seen = (any::<bool>(), option::of(boxed()), option::of((boxed(), option::of(shared())))).prop_map(
        |(is_won, reason, owner)| {
            let stage = if is_won { Stage::Won } else { Stage::Working };
            Box::new(Seen { stage, reason, owner: owner.map(|(id, email)| SeenOwner { id, email }) })
        },
    );
    let tried =
        (shared(), time(), any::<u32>(), (option::of(boxed()), option::of(any::<u16>())), boxed(), option::of(boxed()))
            .prop_map(|(id, at, took_ms, (asked, status), error, said)| Tried {
                id,
                at,
                took_ms,
                asked,
                status,
                error,
                said,
            });
    let seen = (option::of(time()), option::of(seen), vec(tried, 0..3));
    (option::of(name()), vec(news(), 0..3), vec(news(), 0..3), time(), time(), known, seen)
        .prop_map(|(subject, pending, dead, due, died, remembered, (took, seen, tried))| Delivery {
            tried: VecDeque::from(tried),
            remembered,
            took,
            seen,
            subject: subject.map(|id| RecordKey::account(&id)),
            pending: VecDeque::from(pending),
            due,
            dead,
            died,
        })
        .prop_filter("nothing else is written of what is over", |delivery| !delivery.is_over())
}

fn history() -> impl Strategy<Value = DestinationHistory> {
    let done = ([boxed(), boxed(), boxed(), boxed()], time(), any::<u32>()).prop_map(
        |([id, lead, subject, kind], at, attempts)| {
            let (id, definition) = (Arc::from(&*id), lead.clone());
            Done { id, lead, subject, definition, kind, created: at, at, attempts }
        },
    );
    let asked = (time(), time(), option::of(time()), option::of(boxed()))
        .prop_map(|(until, next, answered, error)| Asked { until, next, answered, error });
    let by = prop_oneof![Just(PausedBy::Hand), Just(PausedBy::Refused)];
    let pause = (time(), by, option::of(boxed()), option::of(any::<u16>()))
        .prop_map(|(since, by, why, credentials)| Pause { since, by, why, credentials });
    (any::<u64>(), vec(done, 0..3), option::of(asked), option::of(pause))
        .prop_map(|(delivered, done, asked, pause)| DestinationHistory { delivered, done: done.into(), asked, pause })
}

fn hold() -> impl Strategy<Value = Hold> {
    (time(), name(), [boxed(), boxed(), boxed()]).prop_map(|(since, subject, [definition, lead, event])| {
        let subject = RecordKey::user(&subject);
        Hold(Some((since, Held { subject, definition: definition.into(), lead: lead.into(), event: event.into() })))
    })
}

fn wait() -> impl Strategy<Value = Wait> {
    let times = (time(), option::of(time()), option::of(time()));
    (
        hold(),
        [boxed(), boxed(), boxed()],
        any::<u8>(),
        option::of(any::<f32>().prop_filter("JSON has no others", |rank| rank.is_finite())),
        times,
        needs(),
    )
        .prop_map(|(hold, [team, route, because], tier, rank, (since, waits_since, until), needs)| {
            let lead = hold.0.expect("it holds one").1;
            let class = team.clone().into();
            let pending = Pending { team: team.into(), route: route.into(), because: because.into(), needs };
            Wait(Some(Box::new(Unassigned {
                pending,
                tier,
                rank,
                may_wait: tier > 1,
                since,
                waits_since,
                not: if tier > 2 { vec![lead.lead.clone()] } else { Vec::new() },
                lead,
                until,
                class,
            })))
        })
}

fn versions() -> impl Strategy<Value = ConfigVersions> {
    let took = (boxed(), boxed(), boxed(), boxed()).prop_map(|(hash, server, path, text)| {
        let meaning = Meaning {
            sections: [("counters".to_owned(), [(path.to_string(), hash.to_string())].into())].into(),
            figures: [(path.to_string(), hash.to_string())].into(),
        };
        let files = vec![WrittenFile { path: path.into(), text: text.into() }];
        TookForce { hash: Arc::from(hash), server, written: Written { files, meaning } }
    });
    proptest::collection::vec((took, time()), 0..3).prop_map(|all| {
        let mut versions = ConfigVersions::default();
        all.into_iter().for_each(|(took, at)| versions.took_force(took, at));
        versions
    })
}

fn archived() -> impl Strategy<Value = Archived> {
    let past =
        (vec(any::<(u64, u64)>(), 0..3), option::of(any::<u64>())).prop_map(|(lacks, off)| SeriesPast { lacks, off });
    (any::<u64>(), any::<bool>(), btree_map(boxed(), past, 0..4)).prop_map(|(blocks, noted, series)| Archived {
        blocks,
        noted,
        series,
    })
}

fn roster() -> impl Strategy<Value = Roster> {
    let absence = (boxed(), time(), option::of(time()), any::<bool>(), option::of(boxed()));
    proptest::collection::vec(absence, 0..5).prop_map(|all| {
        let mut roster = Roster::default();
        for (rep, from, until, by_hand, reason) in all {
            let by = if by_hand { SaidBy::Hand } else { SaidBy::Calendar };
            let change = RosterChange::Away { rep: rep.into(), absence: Absence { from, until, by, reason } };
            roster.change(&change, Millis(i64::MIN / 2));
            if by_hand {
                let change = RosterChange::Unread { rep: change.rep().clone(), error: "no answer\nat all".into() };
                roster.change(&change, from);
            }
        }
        roster
    })
}

fn record() -> impl Strategy<Value = (RecordKind, Record)> {
    prop_oneof![
        4 => subject().prop_map(|subject| (RecordKind::User, Record::Subject(Box::new(subject)))),
        1 => team().prop_map(|team| (RecordKind::Team, Record::Team(team))),
        1 => history().prop_map(|history| (RecordKind::Destination, Record::Destination(history))),
        1 => hold().prop_map(|hold| (RecordKind::Hold, Record::Hold(hold))),
        1 => wait().prop_map(|wait| (RecordKind::Wait, Record::Wait(wait))),
        1 => (time(), any::<u32>(), any::<u32>(), proptest::option::of(time()))
            .prop_map(|(hour, leads, held, heard)| {
                let note = |n: u32| MergeNote {
                    at: hour,
                    outcome: [MergeOutcome::Merged, MergeOutcome::Refused, MergeOutcome::Undone][n as usize % 3],
                    id: format!("an id\n{n}").into(),
                    user: "ana".into(),
                    trust: Trust::Public,
                };
                let merges = MergeLog((0..leads % 4).map(note).collect());
                (RecordKind::Source, Record::Source(SourceLeads { hour, leads, held, heard, merges }))
            }),
        1 => versions().prop_map(|versions| (RecordKind::Config, Record::Config(versions))),
        1 => roster().prop_map(|roster| (RecordKind::Roster, Record::Roster(Arc::new(roster)))),
        1 => archived().prop_map(|archived| (RecordKind::Archived, Record::Archived(archived))),
        2 => delivery().prop_map(|delivery| (RecordKind::Delivery, Record::Delivery(delivery))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_reads_back((kind, record) in record()) {
        let written = record.write().unwrap_or_default();
        prop_assert_eq!(Record::read(kind, &written), (record, Vec::new()), "{}", written);
    }

    #[test]
    fn a_line_says_one_thing_whatever_its_names_are((kind, record) in record()) {
        let written = record.write().unwrap_or_default();
        prop_assert!(written.is_empty() || written.ends_with('\n'));
        for line in written.lines() {
            prop_assert_eq!(line.matches('\t').count(), 1, "{}", line);
        }
        let lines = written.lines().count();
        prop_assert_eq!(written.split('\n').count(), lines + 1);
        prop_assert_eq!(Record::read(kind, &written.replace('\n', "\r\n")).0.write().unwrap_or_default(), written);
    }

    /// Whatever somebody wrote into the store: what can't be read is left out, and named.
    #[test]
    fn no_text_makes_it_panic(lines in vec((prop_oneof![known_name().boxed(), name().boxed()], "\\PC{0,30}"), 0..12)) {
        let text: String = lines.iter().map(|(name, value)| format!("{name}\t{value}\n")).collect();
        for kind in RecordKind::ALL {
            let (record, bad) = Record::read(kind, &text);
            prop_assert!(bad.len() <= text.lines().count());
            let written = record.write().unwrap_or_default();
            prop_assert_eq!(Record::read(kind, &written).1, Vec::<Box<str>>::new(), "{}", written);
        }
    }
}

/// A name that lines have, with something behind it.
fn known_name() -> impl Strategy<Value = String> {
    let names = "seen touched from: t: s: d: c: q: lead: forgotten known merged_into: alias: refused: account: member member: waiting settled asks counted brought p: \
                 watcher: tell_at turns turn: delivered done blocks noted series: subject due died pending dead";
    let names: Vec<&str> = names.split_whitespace().collect();
    (prop::sample::select(names), "[a-z]{0,3}").prop_map(|(name, more)| format!("{name}{more}"))
}

#[test]
fn a_person_can_read_it() {
    let at = Millis(1_795_253_400_000);
    let saying =
        |source: &'static str, trust| Saying { source: Box::leak(Box::new(SourceName::new(source))), at, trust };
    let mut subject = Subject { touched: at, ..Subject::default() };
    subject.see(at);
    subject.senders.note(&SourceName::new("web app"), Trust::Public);
    subject.traits.learn(
        json!({ "plan": "free", "Full\nName": "Ana\tB" }).as_object().expect("traits"),
        saying("web app", Trust::Public),
        |_| None,
    );
    subject.traits.learn(json!({ "seats": 5 }).as_object().expect("traits"), saying("crm", Trust::Server), |_| None);
    let rule = TraitRule { sources: ["crm", "clearbit"].map(SourceName::new).into(), stale: None };
    for (source, employees) in [("crm", json!(null)), ("clearbit", json!("51-200"))] {
        let said = json!({ "employees": employees });
        subject.traits.learn(said.as_object().expect("traits"), saying(source, Trust::Server), |_| Some(&rule));
    }
    subject.ties.know_account("acme", 2);
    subject.ties.memberships.join("acme", at, Trust::Server);
    let tie = Tie { at, trust: Trust::Public, source: SourceName::new("web app") };
    subject.ties.know_alias(&Arc::from("anon 1"), &tie);
    subject.ties.refuse(&Arc::from("mallory"), tie);
    subject.remember_lead("lead_1", None);
    let written = Record::Subject(Box::new(subject)).write().expect("something is known");
    insta::assert_snapshot!(written.replace('\t', " | "), @r#"
    seen | 2026-11-21T09:30:00.000Z 2026-11-21T09:30:00.000Z
    touched | 2026-11-21T09:30:00.000Z
    from:web app | public
    s:employees | 2026-11-21T09:30:00.000Z "51-200"
    t:full_name | 2026-11-21T09:30:00.000Z "Ana\\tB"
    t:plan | 2026-11-21T09:30:00.000Z "free"
    s:seats | 2026-11-21T09:30:00.000Z 5
    v:employees | 2026-11-21T09:30:00.000Z server {"clearbit":"51-200"}
    v:employees | 2026-11-21T09:30:00.000Z server {"crm":null}
    lead:lead_1 | 
    alias:anon 1 | 2026-11-21T09:30:00.000Z public web app
    refused:mallory | 2026-11-21T09:30:00.000Z public web app
    account:acme | 2
    member:server | 2026-11-21T09:30:00.000Z acme
    "#);
    assert_eq!(Record::empty(RecordKind::User).write(), None, "nothing is kept of what nothing is known of");
}

#[test]
fn what_cannot_be_read_is_left_out_and_named() {
    let text = "seen\t- -\ntouched\tyesterday\nt:plan\t2026-11-21T09:30:00.000Z \"free\"\nfuture_thing\t1\nt:x\t{\n";
    let (record, bad) = Record::read(RecordKind::Account, text);
    let Record::Subject(subject) = record else { panic!("an account is a subject") };
    assert_eq!(subject.traits.text("plan"), Some("free"));
    assert_eq!(bad.iter().map(|line| &**line).collect::<Vec<_>>(), ["touched\tyesterday", "future_thing\t1", "t:x\t{"]);
}
