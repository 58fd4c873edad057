//! Lead events: with everything, of an account and of a user, and with nothing that may be missing. Templates are tried on both when a
//! configuration is checked, and the documentation shows the account's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::event::Trust;
use crate::expr::Observation;
use crate::ids::SubjectKind;
use crate::lead::{
    AccountPart, Axis, Lead, LeadEvent, LeadEventType, LeadSource, Person, PointsGiven, Reason, Routing, SCHEMA,
    Subject, Timestamps, UserPart,
};

/// What leads of a configuration may hold beyond what every lead does: a sample of each trait, figure and signal.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The traits of users, by canonical name.
    pub user: BTreeMap<String, Value>,
    /// Those of accounts.
    pub account: BTreeMap<String, Value>,
    /// Every counter, and what else conditions read.
    pub usage: BTreeMap<String, Value>,
    /// Every signal.
    pub signals: BTreeMap<String, Value>,
}

impl Known {
    /// The event with all of it.
    pub fn fill(&self, mut event: LeadEvent) -> LeadEvent {
        let lead = &mut event.lead;
        let add = |to: &mut BTreeMap<String, Value>, from: &BTreeMap<String, Value>| to.extend(from.clone());
        add(&mut lead.usage, &self.usage);
        add(&mut lead.signals, &self.signals);
        lead.account.iter_mut().for_each(|account| add(&mut account.traits, &self.account));
        lead.user.iter_mut().for_each(|user| add(&mut user.traits, &self.user));
        event
    }
}

/// A lead event in which everything is present.
pub fn full() -> LeadEvent {
    LeadEvent {
        schema: SCHEMA.to_owned(),
        id: "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8".to_owned(),
        kind: LeadEventType::Qualified,
        occurred_at: "2026-11-21T09:30:00.000Z".to_owned(),
        lead: Lead {
            account: Some(account()),
            contact: Some(kim()),
            people: vec![kim()],
            rank: Some(5_720.into()),
            usage: BTreeMap::from([("tasks_30d".to_owned(), json!(132)), ("invited_30d".to_owned(), json!(10))]),
            signals: BTreeMap::from([("engagement".to_owned(), json!(34)), ("outgrew_free".to_owned(), json!(true))]),
            points: BTreeMap::from([(
                "engagement".to_owned(),
                [("creates tasks", 1, 30), ("exports", 2, 4)]
                    .map(|(label, times, points)| PointsGiven {
                        label: label.to_owned(),
                        times: times.into(),
                        points: points.into(),
                    })
                    .into(),
            )]),
            sources: vec![
                LeadSource { name: "app".to_owned(), trust: Trust::Public },
                LeadSource { name: "backend".to_owned(), trust: Trust::Server },
            ],
            first_seen: Some("2026-11-01T08:00:00.000Z".to_owned()),
            last_seen: Some("2026-11-21T09:30:00.000Z".to_owned()),
            routing: Some(Routing {
                route: Some("large accounts".to_owned()),
                team: Some("enterprise".to_owned()),
                owner: Some("ana@example.com".to_owned()),
                reason:
                    "route `large accounts`: lead.tier == 1; round robin in team enterprise: ana@example.com's turn \
                         (waited longest)"
                        .to_owned(),
                ..Routing::default()
            }),
            ..base(SubjectKind::Account, "acme", Some("Acme"))
        },
    }
}

/// A user's lead event, with everything that it may have.
pub fn of_user() -> LeadEvent {
    let mut event = full();
    let traits = [("plan", json!("free")), ("email", json!("kim@acme.example")), ("seats", json!(7))];
    let traits = traits.map(|(name, value)| (name.to_owned(), value)).into();
    event.lead.subject =
        Subject { kind: SubjectKind::User, id: "u-17".to_owned(), name: Some("Kim Example".to_owned()) };
    event.lead.user = Some(UserPart { id: "u-17".to_owned(), name: Some("Kim Example".to_owned()), traits });
    event.lead.people = Vec::new();
    event
}

/// A lead event in which everything that may be missing is missing.
pub fn minimal() -> LeadEvent {
    LeadEvent {
        schema: SCHEMA.to_owned(),
        id: "evt_90a4f1c27e6b43d5a8f2c1de5570b316".to_owned(),
        kind: LeadEventType::Qualified,
        occurred_at: "2026-11-21T09:30:00.000Z".to_owned(),
        lead: Lead { reasons: Vec::new(), ..base(SubjectKind::User, "u-17", None) },
    }
}

/// `event` of somebody of whom nobody told anything.
pub fn without_traits(mut event: LeadEvent) -> LeadEvent {
    event.lead.account.iter_mut().for_each(|account| account.traits.clear());
    event.lead.user.iter_mut().for_each(|user| user.traits.clear());
    event
}

/// What a stranger may write into a name, a title or a trait.
pub const HOSTILE: &str =
    "\"}, \"tier\": 1, \"x\": [\"\\\n\r\t\0\u{1b}[2J\u{7f}\u{85}\u{2028}\u{202e}</script>{{ 7 * 7 }}@\u{fffd}";

/// `event` with [`HOSTILE`] text, and much of it, wherever strangers write what stands in a lead.
pub fn hostile(mut event: LeadEvent) -> LeadEvent {
    let text = HOSTILE.repeat(20);
    let some = |field: &mut Option<String>| *field = field.is_some().then(|| text.clone());
    let replace = |traits: &mut BTreeMap<String, Value>| {
        traits.values_mut().filter(|value| value.is_string()).for_each(|value| *value = Value::from(text.as_str()));
    };
    let lead = &mut event.lead;
    lead.summary.clone_from(&text);
    lead.subject.id.clone_from(&text);
    some(&mut lead.subject.name);
    if let Some(account) = &mut lead.account {
        account.id.clone_from(&text);
        some(&mut account.name);
        replace(&mut account.traits);
    }
    if let Some(user) = &mut lead.user {
        user.id.clone_from(&text);
        some(&mut user.name);
        replace(&mut user.traits);
    }
    for person in lead.people.iter_mut().chain(&mut lead.contact) {
        person.user_id.clone_from(&text);
        [&mut person.email, &mut person.name, &mut person.title].into_iter().for_each(some);
    }
    event
}

fn base(kind: SubjectKind, id: &str, name: Option<&str>) -> Lead {
    Lead {
        id: "lead_d90946431f7235019f9735b9ff57c687".to_owned(),
        revision: 1,
        definition: "ready for a team plan".to_owned(),
        goal: Some("team plan".to_owned()),
        definition_version: "1d0c3b7a".to_owned(),
        config_version: "5f0c61d2a9be".to_owned(),
        tier: 1,
        rank: None,
        subject: Subject { kind, id: id.to_owned(), name: name.map(str::to_owned) },
        user: None,
        account: None,
        contact: None,
        people: Vec::new(),
        summary: "17 people at Acme created 132 tasks this month.".to_owned(),
        because: vec!["132 tasks created in the last 30 days".to_owned(), "plan is free".to_owned()],
        reasons: vec![reason()],
        joined: Vec::new(),
        joined_count: 0,
        history: Vec::new(),
        progress: None,
        outcome: None,
        outcome_reason: None,
        usage: BTreeMap::new(),
        signals: BTreeMap::new(),
        points: BTreeMap::new(),
        sources: Vec::new(),
        withheld_from: Vec::new(),
        truncated: Vec::new(),
        first_seen: None,
        last_seen: None,
        routing: None,
        source: Some("app".to_owned()),
        shadow: false,
        hold: None,
        waits: None,
        accept_url: None,
        timestamps: Timestamps {
            event: "2026-11-21T09:29:59.871Z".to_owned(),
            received: "2026-11-21T09:29:59.998Z".to_owned(),
            qualified: "2026-11-21T09:30:00.000Z".to_owned(),
            routed: Some("2026-11-21T09:30:00.003Z".to_owned()),
            lapsed: None,
            accept_by: None,
            accepted: None,
            worked: None,
            ended: None,
        },
    }
}

fn account() -> AccountPart {
    let traits = [
        ("plan", json!("free")),
        ("employees", json!(640)),
        ("created_at", json!("2026-09-01T00:00:00Z")),
        ("address", json!({ "country": "DE" })),
    ];
    let traits = traits.map(|(name, value)| (name.to_owned(), value)).into();
    AccountPart { id: "acme".to_owned(), name: Some("Acme".to_owned()), traits }
}

fn kim() -> Person {
    Person {
        user_id: "u-17".to_owned(),
        email: Some("kim@acme.example".to_owned()),
        name: Some("Kim Example".to_owned()),
        title: Some("Head of Operations".to_owned()),
        events: 41,
        last_seen: Some("2026-11-21T09:30:00.000Z".to_owned()),
    }
}

fn reason() -> Reason {
    Reason {
        axis: Axis::Intent,
        condition: "tasks_30d > 50".to_owned(),
        met: Some(true),
        observed: vec![Observation {
            what: "tasks_30d".to_owned(),
            operator: ">".to_owned(),
            value: json!(132),
            threshold: json!(50),
            met: Some(true),
            within: None,
        }],
        progress: Some(1.0),
    }
}
