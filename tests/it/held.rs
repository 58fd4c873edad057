//! Leads of a source that makes too many: how many are held, for how long, and who may make another.

use handraiser::ids::{RecordKey, RecordKind};
use handraiser::lead::HeldBackBy;
use handraiser::record::{Record, SourceLeads};
use handraiser::time::Millis;

use crate::desk::Desk;

const SECTIONS: &str = "
sources:
  app: { write_key: k, quotas: { leads: 1, held_leads: 2, held_for: 3d } }
counters: { tasks: { of: user, event: Task Created } }
definitions:
  - { name: busy, of: user, intent: [ tasks > 0 ] }
routes: [ { name: all, to: self_serve } ]
";

async fn start() -> Desk {
    let desk = Desk::documented(SECTIONS);
    for user in ["ana", "ben", "cy", "dan", "eve"] {
        task(&desk, user).await;
    }
    desk
}

async fn task(desk: &Desk, user: &str) {
    desk.send(vec![desk.track(user, "Task Created")]).await;
}

/// What becomes of the leads in the store, by whose they are: `goes`, `held`, or why it was let go.
async fn leads(desk: &Desk) -> Vec<(String, String)> {
    let mut leads: Vec<_> = desk.leads().await.iter().map(|lead| (lead.subject.id.clone(), fate(lead))).collect();
    leads.sort();
    leads
}

fn fate(lead: &handraiser::lead::Lead) -> String {
    let hold = lead.hold.as_ref();
    hold.map_or("goes", |hold| {
        hold.because.map_or(if hold.discarded { "discarded" } else { "held" }, |why| why.as_str())
    })
    .to_owned()
}

async fn source(desk: &Desk) -> SourceLeads {
    match Record::read(RecordKind::Source, &desk.text(&RecordKey::source("app")).await).0 {
        Record::Source(source) => source,
        other => panic!("no source: {other:?}"),
    }
}

async fn held_back(desk: &Desk, user: &str) -> Option<(HeldBackBy, Option<String>)> {
    let explained = desk.explain(&RecordKey::user(user)).await.expect("they are known");
    explained.definitions[0].held_back.clone().map(|held| (held.by, held.until))
}

async fn release(desk: &Desk, user: &str, discard: bool) {
    let lead = desk.leads().await.into_iter().find(|lead| lead.subject.id == user).expect("there is a lead");
    desk.engine.release(&[RecordKey::hold("app", &lead.id)], discard).await.expect("a store in memory answers");
    desk.settle().await;
}

fn all(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(user, fate)| ((*user).to_owned(), (*fate).to_owned())).collect()
}

#[tokio::test]
async fn so_many_are_held_and_what_is_beyond_is_not_even_stored() {
    let desk = start().await;
    assert_eq!(leads(&desk).await, all(&[("ana", "goes"), ("ben", "held"), ("cy", "held")]));
    let counted = source(&desk).await;
    assert_eq!((counted.leads, counted.held, counted.dropped, counted.waiting), (1, 2, 2, 2));
    let tomorrow = desk.clock.now().plus(Millis::DAY).rfc3339();
    assert_eq!(held_back(&desk, "dan").await, Some((HeldBackBy::Full, Some(tomorrow))));
    let explained = desk.explain(&RecordKey::user("dan")).await.expect("they are known");
    assert_eq!(explained.definitions[0].lead_id, None, "there is no such lead");
    assert_eq!(desk.engine.usage(&handraiser::ids::SourceName::new("app")).leads_let_go, 2);
    // What they do at once is no lead, and by time alone nobody comes again.
    task(&desk, "dan").await;
    desk.pass(2 * Millis::HOUR).await;
    assert_eq!(leads(&desk).await.len(), 3);
    assert_eq!(desk.taken(1).await.len(), 1);
}

#[tokio::test]
async fn whoever_does_more_a_day_later_makes_a_lead_again() {
    let desk = start().await;
    desk.pass(Millis::DAY).await;
    assert_eq!(leads(&desk).await.len(), 3, "who does nothing any more was made up");
    task(&desk, "dan").await;
    task(&desk, "eve").await;
    assert_eq!(leads(&desk).await, all(&[("ana", "goes"), ("ben", "held"), ("cy", "held"), ("dan", "goes")]));
    assert_eq!(desk.taken(2).await[1].lead.subject.id, "dan");
}

#[tokio::test]
async fn each_that_is_held_no_longer_makes_room_for_one() {
    let desk = start().await;
    release(&desk, "ben", false).await;
    assert_eq!(source(&desk).await.waiting, 1);
    task(&desk, "fay").await;
    release(&desk, "cy", true).await;
    task(&desk, "gil").await;
    let expected = [("ana", "goes"), ("ben", "goes"), ("cy", "discarded"), ("fay", "held"), ("gil", "held")];
    assert_eq!(leads(&desk).await, all(&expected));
    release(&desk, "ben", false).await;
    assert_eq!(source(&desk).await.waiting, 2, "it makes room once");
    desk.engine.forget(&RecordKey::user("fay")).await.expect("it is forgotten");
    desk.settle().await;
    assert_eq!(source(&desk).await.waiting, 1);
    // Of two ids that are one user, one lead is left.
    desk.send(vec![desk.visit("anon-1")]).await;
    let task = |anonymous: &str| handraiser::event::Event {
        name: Some("Task Created".into()),
        call: handraiser::event::Call::Track,
        ..desk.visit(anonymous)
    };
    desk.send(vec![task("anon-1")]).await;
    assert_eq!(source(&desk).await.waiting, 2);
    desk.send(vec![desk.identify("gil", "anon-1")]).await;
    assert_eq!(source(&desk).await.waiting, 1, "gil's own is held still");
}

#[tokio::test]
async fn nothing_is_held_for_ever() {
    let desk = start().await;
    desk.pass(3 * Millis::DAY - Millis::MINUTE).await;
    release(&desk, "ben", false).await;
    assert_eq!(leads(&desk).await, all(&[("ana", "goes"), ("ben", "goes"), ("cy", "held")]));
    desk.pass(Millis::HOUR).await;
    assert_eq!(leads(&desk).await, all(&[("ana", "goes"), ("ben", "goes"), ("cy", "expired")]));
    assert_eq!(source(&desk).await.waiting, 0);
    assert_eq!(held_back(&desk, "cy").await.map(|(by, _)| by), Some(HeldBackBy::Expired));
    let told = desk.explain(&RecordKey::user("cy")).await.expect("they are known");
    assert!(told.definitions[0].lead_id.is_some(), "the lead is there to be seen");
    task(&desk, "cy").await;
    assert_eq!(leads(&desk).await.len(), 4, "{:?}", leads(&desk).await);
    assert_eq!(desk.taken(3).await.len(), 3, "ana's, ben's, and what cy did later");
}
