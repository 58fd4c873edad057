use std::sync::Arc;

use super::{MAX_LEADS, Standing, Subject};
use crate::time::Millis;

#[test]
fn of_too_many_leads_the_oldest_leaves_that_no_standing_names() {
    let mut subject = Subject::default();
    // Ids are hashes: their order says nothing.
    let id = |number: usize| format!("lead_{:04}", 7 * number % 1_000);
    let standing = Standing { lead_id: id(0).as_str().into(), ..Standing::default() };
    subject.standings.insert(Arc::from("busy"), standing);
    for (number, at) in (0..MAX_LEADS + 50).zip(0..) {
        subject.remember_lead(&id(number), Millis(at), None);
    }
    assert_eq!(subject.leads.len(), MAX_LEADS);
    assert!(subject.leads.contains_key(&*id(0)), "it is the one that the definition has now");
    assert!((1..=50).all(|number| !subject.leads.contains_key(&*id(number))));
    assert!((51..MAX_LEADS + 50).all(|number| subject.leads.contains_key(&*id(number))));
}
