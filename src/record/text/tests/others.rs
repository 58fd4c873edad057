//! Records of every other kind at random, and any of all kinds.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::*;
use super::subjects::*;
use crate::event::Trust;
use crate::ids::RecordKey;
use crate::record::delivery::Done;
use crate::record::{
    Absence, AccountOwner, Archived, Asked, ConfigVersions, Delivery, DestinationHistory, Domain, DomainAsk, Given,
    Held, Hold, LeadClass, Meaning, MergeLog, MergeNote, MergeOutcome, Needs, News, Ownership, Pause, PausedBy,
    Pending, Place, ReRoute, Roster, RosterChange, SaidBy, Seen, SeenOwner, SeriesPast, SourceLeads, Stage, TeamTurns,
    TookForce, Tried, Unassigned, Wait, Walk, Walked, Walking, Written, WrittenFile,
};

pub fn needs() -> impl Strategy<Value = Needs> {
    (vec(shared(), 0..2), option::of(shared())).prop_map(|(skills, language)| Needs { skills, language })
}

pub fn class() -> impl Strategy<Value = LeadClass> {
    (needs(), 0..3_u8, vec(shared(), 0..2)).prop_map(|(needs, tier, not)| LeadClass { needs, tier, not })
}

pub fn team() -> impl Strategy<Value = TeamTurns> {
    let given = (0..50_000_i64, any::<u32>(), any::<u32>(), any::<u32>(), any::<[(u32, u32); 7]>());
    let given = given.prop_map(|(day, today, week, open, tiers)| Given { day, today, week, open, tiers });
    let place = (any::<u64>(), any::<u64>(), time(), any::<bool>(), given)
        .prop_map(|(behind, turn, at, away, given)| Place { behind, turn, at, away, given });
    (any::<u64>(), btree_map(class(), time(), 0..3), btree_map(shared(), place, 0..4))
        .prop_map(|(turns, waits, reps)| TeamTurns { turns, waits, reps })
}

pub fn news() -> impl Strategy<Value = News> {
    (shared(), time(), any::<[u32; 2]>(), option::of(boxed()), shared(), any::<bool>()).prop_map(
        |(id, created, [attempts, revision], last_error, json, was_tried)| News {
            id,
            created,
            attempts,
            last_error,
            json,
            revision,
            was_tried,
        },
    )
}

pub fn delivery() -> impl Strategy<Value = Delivery> {
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
    let newest = (any::<u32>(), shared())
        .prop_map(|(revision, json)| Box::new(crate::record::delivery::Newest { revision, json }));
    let seen = (option::of(time()), option::of(seen), vec(tried, 0..3), option::of(newest));
    (option::of(name()), vec(news(), 0..3), vec(news(), 0..3), time(), time(), known, seen)
        .prop_map(|(subject, pending, dead, due, died, remembered, (took, seen, tried, newest))| Delivery {
            newest,
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

pub fn history() -> impl Strategy<Value = DestinationHistory> {
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

pub fn hold() -> impl Strategy<Value = Hold> {
    (time(), name(), [boxed(), boxed(), boxed()]).prop_map(|(since, subject, [definition, lead, event])| {
        let subject = RecordKey::user(&subject);
        Hold(Some((since, Held { subject, definition: definition.into(), lead: lead.into(), event: event.into() })))
    })
}

pub fn wait() -> impl Strategy<Value = Wait> {
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

pub fn versions() -> impl Strategy<Value = ConfigVersions> {
    let took = (boxed(), boxed(), boxed(), boxed()).prop_map(|(hash, server, path, text)| {
        let meaning = Meaning {
            sections: [("counters".to_owned(), [(path.to_string(), hash.to_string())].into())].into(),
            figures: [(path.to_string(), hash.to_string())].into(),
            decides: [(path.to_string(), hash.to_string())].into(),
        };
        let files = vec![WrittenFile { path: path.into(), text: text.into() }];
        let (routing, re_route) = (Arc::from(hash.clone()), Some(ReRoute::Untouched));
        TookForce { hash: Arc::from(hash), server, written: Written { files, meaning }, routing, re_route }
    });
    proptest::collection::vec((took, time()), 0..3).prop_map(|all| {
        let mut versions = ConfigVersions::default();
        all.into_iter().for_each(|(took, at)| versions.took_force(took, at));
        versions
    })
}

pub fn archived() -> impl Strategy<Value = Archived> {
    let past =
        (vec(any::<(u64, u64)>(), 0..3), option::of(any::<u64>())).prop_map(|(lacks, off)| SeriesPast { lacks, off });
    (any::<u64>(), any::<bool>(), btree_map(boxed(), past, 0..4)).prop_map(|(blocks, noted, series)| Archived {
        blocks,
        noted,
        series,
    })
}

pub fn roster() -> impl Strategy<Value = Roster> {
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

pub fn domain() -> impl Strategy<Value = Domain> {
    (boxed(), hold(), time(), option::of(time())).prop_map(|(rep, hold, at, leaves)| {
        let owner = leaves.map(|at| AccountOwner { rep: rep.into(), at, pinned: false });
        let lead = hold.0.expect("it holds one").1;
        let asking = vec![DomainAsk { lead: lead.clone(), owner: owner.clone() }, DomainAsk { lead, owner: None }];
        let ownership = Ownership { owner, deciding: asking.first().cloned(), check_at: Some(at), asking };
        Domain { ownership, leaves }
    })
}

pub fn walk() -> impl Strategy<Value = Walk> {
    let sayings = || proptest::collection::btree_map(boxed(), boxed(), 0..3);
    let walking = (sayings(), boxed(), any::<u64>(), time()).prop_map(|(wanted, after, seen, began)| Walking {
        wanted,
        after,
        seen,
        began,
    });
    let walked = (time(), any::<u64>()).prop_map(|(at, seen)| Walked { at, seen });
    (sayings(), proptest::option::of(walking), proptest::option::of(walked)).prop_map(|(through, now, last)| Walk {
        through,
        now,
        last,
    })
}

pub fn record() -> impl Strategy<Value = (RecordKind, Record)> {
    prop_oneof![
        4 => subject().prop_map(|subject| (RecordKind::User, Record::Subject(Box::new(subject)))),
        1 => team().prop_map(|team| (RecordKind::Team, Record::Team(team))),
        1 => history().prop_map(|history| (RecordKind::Destination, Record::Destination(history))),
        1 => hold().prop_map(|hold| (RecordKind::Hold, Record::Hold(hold))),
        1 => wait().prop_map(|wait| (RecordKind::Wait, Record::Wait(wait))),
        1 => (time(), any::<[u32; 4]>(), proptest::option::of(time()))
            .prop_map(|(hour, [leads, held, dropped, waiting], heard)| {
                let note = |n: u32| MergeNote {
                    at: hour,
                    outcome: [MergeOutcome::Merged, MergeOutcome::Refused, MergeOutcome::Undone][n as usize % 3],
                    id: format!("an id\n{n}").into(),
                    user: "ana".into(),
                    trust: Trust::Public,
                };
                let merges = MergeLog((0..leads % 4).map(note).collect());
                (RecordKind::Source, Record::Source(SourceLeads { hour, leads, held, dropped, waiting, heard, merges }))
            }),
        1 => versions().prop_map(|versions| (RecordKind::Config, Record::Config(versions))),
        1 => roster().prop_map(|roster| (RecordKind::Roster, Record::Roster(Arc::new(roster)))),
        1 => domain().prop_map(|domain| (RecordKind::Domain, Record::Domain(Box::new(domain)))),
        1 => walk().prop_map(|walk| (RecordKind::Walk, Record::Walk(Box::new(walk)))),
        1 => archived().prop_map(|archived| (RecordKind::Archived, Record::Archived(archived))),
        2 => delivery().prop_map(|delivery| (RecordKind::Delivery, Record::Delivery(delivery))),
    ]
}
