mod others;
mod subjects;

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{SourceName, Trust};
use crate::expr::TraitRule;
use crate::record::{Saying, Subject, Tie};

use self::others::record;
use self::subjects::name;

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
    let names = "seen touched from: t: s: v: d: c: q: signal: open owner told lead: sent_to: forgotten known merged_into: alias: refused: account: member \
                 member: waiting deferred settled asks asked said: counted brought p: k: watcher: tell_at tells_quietly wakes_at turns turn: opens waits delivered done \
                 paused leads heard merge blocks noted series: away: unread: version held subject due died took there: tried \
                 pending dead";
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
    subject.remember_lead("lead_1", Millis(0), None);
    subject.remember_lead("lead_2", Millis(1), Some("a-1".into()));
    subject.sent_to.insert("crm".into());
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
    lead:lead_1 | 1970-01-01T00:00:00.000Z
    lead:lead_2 | 1970-01-01T00:00:00.001Z a-1
    sent_to:crm | 
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
