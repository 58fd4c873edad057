//! Leads, and the rejected events.

use handraiser::ids::ShardId;
use handraiser::store::*;
use handraiser::time::Millis;

use super::records::NASTY;
use super::support::*;

/// Leads of [`HERE`] are added.
async fn added(store: &SharedStore, leads: Vec<LeadRow>) {
    ok(store, Commit { leads, ..here() }).await;
}

pub async fn a_lead_is_found_by_its_id(store: &SharedStore) {
    let row = LeadRow {
        json: r#"{"name":"Żaneta 🙋"}"#.to_owned(),
        ..lead("l:1/ü", &user(store, "ana"), "big one", now())
    };
    added(store, vec![row.clone()]).await;
    assert_eq!(store.lead("l:1/ü").await.expect("leads can be read"), Some(row.clone()));
    assert_eq!(store.lead("other").await.expect("leads can be read"), None);
    assert_eq!(store.leads(&all()).await.expect("leads can be listed"), [row]);
    // Whatever the names are made of.
    for (n, name) in NASTY.iter().enumerate() {
        let row = LeadRow { json: format!("{{\"n\":{n}}}"), ..lead(name, &user(store, name), name, Millis(1)) };
        added(store, vec![row.clone()]).await;
        assert_eq!(store.lead(name).await.expect("leads can be read"), Some(row.clone()));
        let query = LeadQuery { subject: Some(row.subject.clone()), definition: Some((*name).to_owned()), ..all() };
        assert_eq!(store.leads(&query).await.expect("leads can be listed"), [row]);
    }
}

pub async fn leads_come_newest_first(store: &SharedStore) {
    let t = now();
    for (at, shard) in [(2, HERE), (0, THERE), (3, THERE), (1, HERE), (4, ShardId(0))] {
        let key = user_in(store, shard, "ana");
        let leads = vec![lead(&format!("l{at}"), &key, "d", t.plus(at))];
        ok(store, Commit { leads, ..stay(shard) }).await;
    }
    assert_eq!(lead_ids(store, all()).await, ["l4", "l3", "l2", "l1", "l0"]);
    assert_eq!(lead_ids(store, LeadQuery { limit: 2, ..all() }).await, ["l4", "l3"]);
    assert_eq!(lead_ids(store, LeadQuery { limit: 0, ..all() }).await, Vec::<String>::new());
    // Those of one moment by their ids, wherever they live.
    for (id, shard) in [("x2", HERE), ("x3", THERE), ("x1", HERE)] {
        let leads = vec![lead(id, &user_in(store, shard, "ben"), "d", t.plus(5))];
        ok(store, Commit { leads, ..stay(shard) }).await;
    }
    assert_eq!(lead_ids(store, LeadQuery { limit: 4, ..all() }).await, ["x3", "x2", "x1", "l4"]);
}

pub async fn leads_are_paged_by_time(store: &SharedStore) {
    let (t, key) = (now(), user(store, "ana"));
    added(store, (0..25).map(|n| lead(&format!("l{n:02}"), &key, "d", t.plus(n))).collect()).await;
    let (mut before, mut found) = (None, Vec::new());
    loop {
        let page = store.leads(&LeadQuery { before, limit: 10, ..all() }).await.expect("leads can be listed");
        let Some(last) = page.last() else { break };
        before = Some(last.updated);
        found.extend(page.into_iter().map(|lead| lead.id));
    }
    let expected: Vec<_> = (0..25).rev().map(|n| format!("l{n:02}")).collect();
    assert_eq!(found, expected);
}

pub async fn leads_are_filtered(store: &SharedStore) {
    let (t, ana, ben) = (now(), user(store, "ana"), user(store, "ben"));
    let leads = vec![
        lead("l1", &ana, "small", t.plus(1)),
        lead("l2", &ana, "large", t.plus(2)),
        lead("l3", &ben, "small", t.plus(3)),
    ];
    added(store, leads).await;
    let subject = || Some(ana.clone());
    let small = || Some("small".to_owned());
    assert_eq!(lead_ids(store, LeadQuery { subject: subject(), ..all() }).await, ["l2", "l1"]);
    assert_eq!(lead_ids(store, LeadQuery { definition: small(), ..all() }).await, ["l3", "l1"]);
    let both = LeadQuery { subject: subject(), definition: small(), ..all() };
    assert_eq!(lead_ids(store, both.clone()).await, ["l1"]);
    assert_eq!(lead_ids(store, LeadQuery { before: Some(t.plus(1)), ..both }).await, Vec::<String>::new());
    let limited = LeadQuery { definition: small(), before: Some(t.plus(3)), limit: 1, ..all() };
    assert_eq!(lead_ids(store, limited).await, ["l1"]);
    let nobody = LeadQuery { subject: Some(user(store, "nobody")), ..all() };
    assert_eq!(lead_ids(store, nobody).await, Vec::<String>::new());
}

pub async fn a_lead_is_replaced_by_its_id(store: &SharedStore) {
    let (t, key) = (now(), user(store, "ana"));
    added(store, vec![lead("l", &key, "small", t), lead("m", &key, "small", t.plus(1))]).await;
    let newer = lead("l", &key, "large", t.plus(2));
    added(store, vec![newer.clone()]).await;
    assert_eq!(store.lead("l").await.expect("leads can be read"), Some(newer));
    assert_eq!(lead_ids(store, all()).await, ["l", "m"]);
    let of = |definition: &str| LeadQuery { definition: Some(definition.to_owned()), ..all() };
    assert_eq!(lead_ids(store, of("small")).await, ["m"]);
    assert_eq!(lead_ids(store, of("large")).await, ["l"]);
    assert_eq!(lead_ids(store, LeadQuery { subject: Some(key.clone()), ..all() }).await, ["l", "m"]);
    // Also to an earlier moment.
    added(store, vec![lead("l", &key, "small", t)]).await;
    assert_eq!(lead_ids(store, all()).await, ["m", "l"]);
    assert_eq!(lead_ids(store, of("small")).await, ["m", "l"]);
}

pub async fn leads_of_a_subject_are_forgotten(store: &SharedStore) {
    let (ana, ben, cem) = (user(store, "ana"), user(store, "ben"), user_in(store, THERE, "cem"));
    let many = |key, name: &str| (0..30).map(|n| lead(&format!("{name}{n}"), key, "d", Millis(n))).collect::<Vec<_>>();
    added(store, [many(&ana, "a"), many(&ben, "b")].concat()).await;
    ok(store, Commit { leads: many(&cem, "c"), ..stay(THERE) }).await;
    ok(store, Commit { forget_leads: vec![ana.clone(), user(store, "nobody")], ..here() }).await;
    assert_eq!(lead_ids(store, LeadQuery { subject: Some(ana), ..all() }).await, Vec::<String>::new());
    assert_eq!(store.lead("a7").await.expect("leads can be read"), None);
    let left = lead_ids(store, LeadQuery { definition: Some("d".to_owned()), ..all() }).await;
    assert_eq!((left.len(), left.iter().any(|id| id.starts_with('a'))), (60, false));
    assert_eq!(lead_ids(store, LeadQuery { subject: Some(ben), ..all() }).await.len(), 30);
}

pub async fn forgotten_before_added(store: &SharedStore) {
    let ana = user(store, "ana");
    added(store, vec![lead("old", &ana, "d", Millis(1)), lead("same", &ana, "d", Millis(2))]).await;
    let leads = vec![lead("same", &ana, "e", Millis(3)), lead("new", &ana, "e", Millis(4))];
    ok(store, Commit { forget_leads: vec![ana.clone()], leads, ..here() }).await;
    assert_eq!(lead_ids(store, all()).await, ["new", "same"]);
    assert_eq!(lead_ids(store, LeadQuery { definition: Some("d".to_owned()), ..all() }).await, Vec::<String>::new());
    assert_eq!(lead_ids(store, LeadQuery { subject: Some(ana), ..all() }).await, ["new", "same"]);
}

pub async fn rejected_events_come_newest_first(store: &SharedStore) {
    let log: Vec<_> = (0..6).map(rejected).collect();
    for (shard, of_shard) in [(HERE, &log[..3]), (THERE, &log[3..5]), (HERE, &log[5..])] {
        ok(store, Commit { rejected: of_shard.to_vec(), ..stay(shard) }).await;
    }
    let found = store.rejected(10).await.expect("the log can be read");
    assert_eq!(found, log.iter().rev().cloned().collect::<Vec<_>>());
    let found = store.rejected(2).await.expect("the log can be read");
    assert_eq!(found.iter().map(|r| r.index).collect::<Vec<_>>(), [5, 4]);
}

pub async fn the_rejected_log_is_bounded(store: &SharedStore) {
    let bound = super::options().rejected_log;
    let log: Vec<_> = (0..bound * 40).map(rejected).collect();
    for batch in log.chunks(bound * 3 / 2) {
        ok(store, Commit { rejected: batch.to_vec(), ..here() }).await;
    }
    let found = store.rejected(log.len()).await.expect("the log can be read");
    assert!((bound..=bound * 4).contains(&found.len()), "{} are kept", found.len());
    assert_eq!(found, log.iter().rev().take(found.len()).cloned().collect::<Vec<_>>());
}

pub async fn no_source_pushes_out_what_others_sent(store: &SharedStore) {
    let of = |source: &str, n| Rejected { source: source.to_owned(), ..rejected(n) };
    let bound = super::options().rejected_log;
    let few: Vec<_> = (0..5).map(|n| of("few", n)).collect();
    ok(store, Commit { rejected: few.clone(), ..here() }).await;
    for round in 0..10 {
        let many = (0..bound * 2).map(|n| of("many \"quoted\"", 5 + round * bound * 2 + n));
        ok(store, Commit { rejected: many.collect(), ..here() }).await;
    }
    ok(store, Commit { rejected: vec![of("other", 100_000)], ..here() }).await;
    let found = store.rejected(bound * 50).await.expect("the log can be read");
    assert!((bound..=bound * 4).contains(&found.len()), "{} are kept", found.len());
    let kept: Vec<_> = found.iter().rev().filter(|one| one.source == "few").cloned().collect();
    assert_eq!((kept, &*found[0].source), (few, "other"));
}
