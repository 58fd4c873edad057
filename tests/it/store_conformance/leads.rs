//! Leads.

use handraiser::store::*;

use super::support::*;

async fn ids(store: &SharedStore, query: LeadQuery) -> Vec<String> {
    store.leads(&query).await.expect("leads can be listed").into_iter().map(|lead| lead.id).collect()
}

fn all() -> LeadQuery {
    LeadQuery { limit: 1_000, ..LeadQuery::default() }
}

pub async fn a_lead_is_found_by_its_id(store: &SharedStore) {
    let row = LeadRow {
        json: r#"{"name":"Żaneta 🙋"}"#.to_owned(),
        ..lead("l:1/ü", &user(store, "ana"), "big one", now())
    };
    ok(store, Commit { leads: vec![row.clone()], ..commit_at(now()) }).await;
    assert_eq!(store.lead("l:1/ü").await.expect("leads can be read"), Some(row.clone()));
    assert_eq!(store.lead("other").await.expect("leads can be read"), None);
    assert_eq!(store.leads(&all()).await.expect("leads can be listed"), [row]);
}

pub async fn leads_come_newest_first(store: &SharedStore) {
    let t = now();
    for (at, partition) in [(2, HERE), (0, THERE), (3, THERE), (1, HERE)] {
        let key = user_in(store.partitions(), partition, "ana");
        let leads = vec![lead(&format!("l{at}"), &key, "d", t.plus(at))];
        ok(store, Commit { partition, leads, ..commit_at(t) }).await;
    }
    assert_eq!(ids(store, all()).await, ["l3", "l2", "l1", "l0"]);
    assert_eq!(ids(store, LeadQuery { limit: 2, ..all() }).await, ["l3", "l2"]);
}

pub async fn leads_are_paged_by_time(store: &SharedStore) {
    let (t, key) = (now(), user(store, "ana"));
    let leads = (0..25).map(|n| lead(&format!("l{n:02}"), &key, "d", t.plus(n))).collect();
    ok(store, Commit { leads, ..commit_at(t) }).await;
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
    ok(store, Commit { leads, ..commit_at(t) }).await;
    assert_eq!(ids(store, LeadQuery { subject: Some(ana.clone()), ..all() }).await, ["l2", "l1"]);
    assert_eq!(ids(store, LeadQuery { definition: Some("small".to_owned()), ..all() }).await, ["l3", "l1"]);
    let both = LeadQuery { subject: Some(ana), definition: Some("small".to_owned()), ..all() };
    assert_eq!(ids(store, both.clone()).await, ["l1"]);
    assert_eq!(ids(store, LeadQuery { before: Some(t.plus(1)), ..both }).await, Vec::<String>::new());
    assert_eq!(ids(store, LeadQuery { subject: Some(user(store, "nobody")), ..all() }).await, Vec::<String>::new());
}

pub async fn a_lead_is_replaced_by_its_id(store: &SharedStore) {
    let (t, key) = (now(), user(store, "ana"));
    ok(store, Commit { leads: vec![lead("l", &key, "small", t), lead("m", &key, "small", t.plus(1))], ..commit_at(t) })
        .await;
    let newer = lead("l", &key, "large", t.plus(2));
    ok(store, Commit { leads: vec![newer.clone()], ..commit_at(t) }).await;
    assert_eq!(store.lead("l").await.expect("leads can be read"), Some(newer));
    assert_eq!(ids(store, all()).await, ["l", "m"]);
    assert_eq!(ids(store, LeadQuery { definition: Some("small".to_owned()), ..all() }).await, ["m"]);
    assert_eq!(ids(store, LeadQuery { definition: Some("large".to_owned()), ..all() }).await, ["l"]);
    assert_eq!(ids(store, LeadQuery { subject: Some(key), ..all() }).await, ["l", "m"]);
}
