//! What a right configuration becomes.

use std::time::Duration;

use super::{findings, loaded, messages};
use crate::cdp::source::Proof;
use crate::config::{Config, EngineOptions};
use crate::counters::{Aggregate, EventMatch, Window};
use crate::crm::Kind;
use crate::event::{Call, Trust};
use crate::expr::Expr;
use crate::ids::SubjectKind;
use crate::record::{AccountKey, PathRoot};
use crate::routing::{RouteTarget, RouteTo};
use crate::store::{Durability, StoreKind};

const ISSUE: &str = include_str!("../../../fixtures/issue.yaml");

#[test]
fn the_example_loads_as_it_stands() {
    let config = loaded(ISSUE).config;
    assert_eq!(config.sources.len(), 2);
    assert_eq!(config.sources[0].write_keys[0].expose(), "k-app-0123456789");
    assert!(config.sources[0].correct_time && config.sources[0].proof.is_none());
    assert!(matches!(&config.sources[1].proof, Some(Proof::Segment { secrets, strict: false }) if secrets.len() == 1));
    assert!(!config.sources[1].correct_time);
    let counters: Vec<_> = config.rules.plan.counters.iter().map(|c| (&*c.name, &c.aggregate, c.window)).collect();
    let email = Aggregate::DistinctProperty(vec![Box::from("email")].into());
    assert_eq!(
        counters,
        [
            ("tasks_30d", &Aggregate::Count, Window::Days(30)),
            ("invited_30d", &email, Window::Days(30)),
            ("daily_users", &Aggregate::DistinctUsers, Window::Days(1)),
        ]
    );
    assert_eq!(config.rules.plan.counters[2].events, [EventMatch::Any]);
    let definition = &config.rules.definitions[0];
    assert_eq!((&*definition.name, definition.of), ("ready for a team plan", SubjectKind::Account));
    assert_eq!((definition.intent.len(), definition.fit.len()), (2, 2));
    assert_eq!(definition.tiers.iter().map(|tier| tier.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(definition.cooldown_ms, 90 * 86_400_000);
    assert_eq!(definition.version.len(), 8);
    assert!(matches!(&config.rules.routes[0].to, RouteTo::Target(RouteTarget::Team(team)) if **team == *"enterprise"));
    assert!(matches!(config.rules.routes[1].to, RouteTo::Target(RouteTarget::SelfServe)));
    let destination = &config.destinations[0];
    let Kind::Webhook(webhook) = &destination.kind else { panic!("it is no webhook") };
    assert_eq!(webhook.url.as_str(), "https://crm.example.com/hooks/leads");
    assert_eq!(destination.http.timeout, Duration::from_secs(15));
    assert_eq!(config.rules.accounts.len(), 6);
    assert!(matches!(&config.store.kind, StoreKind::Embedded { path } if path.ends_with("data/handraiser.db")));
}

#[test]
fn the_example_s_warnings_are_true() {
    insta::assert_snapshot!(findings(ISSUE));
}

#[test]
fn a_block_of_conditions_is_a_list_of_them() {
    const BLOCK: &str = "\
counters:
  tasks: { of: account, event: Task Created }
definitions:
  - name: ready
    of: account
    intent: |
      # They work.
      tasks > 5   # much

      tasks > 10
        || account.plan == \"free: #1, all\"
    fit:
      - account.employees > 5
      - |
        account.plan in [
          \"free\",
          \"trial\",
        ]
        !has(account.industry)
    when: |
      intent
        && fit
";
    let definition = &loaded(BLOCK).config.rules.definitions[0];
    let written = |list: &[Expr]| list.iter().map(|one| one.source().to_owned()).collect::<Vec<_>>();
    assert_eq!(written(&definition.intent), ["tasks > 5", "tasks > 10\n  || account.plan == \"free: #1, all\""]);
    assert_eq!(
        written(&definition.fit),
        ["account.employees > 5", "account.plan in [\n  \"free\",\n  \"trial\",\n]", "!has(account.industry)"]
    );
    let constant = BLOCK.replace("# They work.", "1 > 2");
    assert_eq!(
        messages(&constant).iter().filter(|line| line.contains("always")).collect::<Vec<_>>(),
        ["7:7 this condition is always false"]
    );
    let wrong = BLOCK.replace("\"trial\",", "\"trial\", 5,");
    assert!(messages(&wrong).iter().any(|line| line.starts_with("17:20 ")), "{:?}", messages(&wrong));
}

#[test]
fn deliveries_are_tried_for_about_a_day() {
    let retry = &loaded(ISSUE).config.destinations[0].retry;
    let waits = (0..retry.max_attempts - 1).map(|n| retry.base.saturating_mul(1 << n).min(retry.cap));
    let hours = waits.sum::<Duration>().as_secs() / 3_600;
    assert!(retry.max_attempts >= 10 && (20..=28).contains(&hours), "{hours} h");
}

#[test]
fn a_definition_s_version_follows_its_meaning_and_nothing_else() {
    let version = |text: &str| loaded(text).config.rules.definitions[0].version.clone();
    let original = version(ISSUE);
    let same = ISSUE.replace("cooldown: 90d", "cooldown: 90d\n    description: for teams\n    sentence: Hello!");
    assert_eq!(version(&same), original);
    assert_eq!(
        version(
            &ISSUE.replace("daily_users:     { of: account, event: any", "daily_users: { of: account, event: Login")
        ),
        original
    );
    for (from, to) in [
        ("tasks_30d > 50", "tasks_30d > 51"),
        ("cooldown: 90d", "cooldown: 91d"),
        ("event: Task Created, within: 30d", "event: Task Created, within: 29d"),
        ("1: account.employees >= 500", "1: account.employees >= 501"),
    ] {
        assert_ne!(version(&ISSUE.replace(from, to)), original, "{to}");
    }
}

#[test]
fn every_way_to_count() {
    let config = loaded(
        "counters:
  a: { of: user, event: [One, Two], page: any, screen: Home, within: 2w }
  b: { of: account, event: Paid, sum: 'properties.order[\"total amount\"]', where: properties.currency == 'EUR' }
  c: { of: user, event: any, distinct: day, within: 7d }
  d: { of: user, event: any, label: first use }
  e: { of: user, event: any, within: 400d }
  f: { of: user, page: [Pricing], within: 15m }
  g: { of: account, event: any, distinct: user, within: 24h }
  h: { of: user, event: any, distinct: event }
  i: { of: user, event: Invited, max: properties.count, was: invited }
  j: { of: user, event: Signed Up, first: properties.utm_source }
  k: { of: user, event: Edited, by: properties.doc, within: 7d }
  l: { of: user, steps: [Signed Up, Invited, Signed Up], in: 36h }
",
    )
    .config;
    let [a, b, c, d, e, f, g, h, i, j, k, l] = &config.rules.plan.counters[..] else { panic!("twelve counters") };
    let one = |name: &str| EventMatch::Track(name.into());
    assert_eq!(a.events, [one("One"), one("Two"), EventMatch::Page(None), EventMatch::Screen(Some("Home".into()))]);
    assert_eq!(a.window, Window::Days(14));
    assert_eq!(b.aggregate, Aggregate::Sum(vec!["order".into(), "total amount".into()].into()));
    assert_eq!(b.filter.as_ref().map(Expr::source), Some("properties.currency == 'EUR'"));
    assert_eq!((&c.aggregate, c.window), (&Aggregate::Days, Window::Days(7)));
    assert_eq!((&d.aggregate, d.label.as_ref().map(|label| &*label.one)), (&Aggregate::Count, Some("first use")));
    assert_eq!((&e.aggregate, e.window), (&Aggregate::Count, Window::Days(400)));
    assert_eq!((f.events[0].clone(), f.window), (EventMatch::Page(Some("Pricing".into())), Window::Minutes(15)));
    assert_eq!((&g.aggregate, g.window), (&Aggregate::DistinctUsers, Window::Minutes(1_440)));
    let path = |name: &str| vec![Box::from(name)].into();
    assert_eq!(h.aggregate, Aggregate::DistinctEvents);
    assert_eq!((&i.aggregate, i.was.as_deref()), (&Aggregate::Max(path("count")), Some("invited")));
    assert_eq!((&j.aggregate, &k.aggregate), (&Aggregate::First(path("utm_source")), &Aggregate::Busiest(path("doc"))));
    assert_eq!(
        l.aggregate,
        Aggregate::Steps(["Signed Up", "Invited", "Signed Up"].map(std::sync::Arc::from).into(), 129_600_000)
    );
    assert_eq!(l.events, [one("Signed Up"), one("Invited")]);
}

#[test]
fn every_way_to_prove_oneself() {
    let config = loaded(
        "sources:
  a: { signature: { scheme: hmac_sha256, secrets: [one, two] } }
  b: { signature: { scheme: standard_webhooks, secret: \"${CRM_WEBHOOK_SECRET}\" } }
  c: { signature: { scheme: header, header: X-Key, secret: three } }
  d: { signature: { scheme: basic, user: me, secret: four }, correct_time: true }
  e: { signature: { scheme: bearer, secret: five }, write_keys: [six, seven] }
  f: { signature: { scheme: segment, secret: eight, strict: true } }
",
    )
    .config;
    let proofs: Vec<_> = config.sources.iter().filter_map(|source| source.proof.as_ref()).collect();
    assert!(
        matches!(proofs[0], Proof::HmacSha256 { header, secrets } if header == "X-Signature" && secrets.len() == 2)
    );
    assert!(matches!(proofs[1], Proof::StandardWebhooks { .. }));
    assert!(matches!(proofs[2], Proof::Header { name, .. } if name == "X-Key"));
    assert!(matches!(proofs[3], Proof::Basic { user, .. } if user == "me"));
    assert!(matches!(proofs[4], Proof::Bearer { .. }));
    assert!(matches!(proofs[5], Proof::Segment { strict: true, .. }));
    assert!(config.sources[3].correct_time && !config.sources[4].correct_time);
    assert_eq!(config.sources[4].write_keys.len(), 2);
}

#[test]
fn settings_are_read() {
    let config = loaded(
        "time_zone: Europe/Berlin
server:
  listen: :9000
  workers: 2
  trusted_proxies: [ 10.1.2.3/8, 127.0.0.1 ]
  admin_token: ${ADMIN_TOKEN}
  limits: { event: 64KiB, request: 500KB, batch_events: 100, in_flight: 10, backlog: 5000 }
  drain_timeout: 1m30s
store:
  redis: { urls: [redis://a:1, redis://b:2], cluster: true, durability: replicas 2 }
  shards: 32
  cache: 64MB
  remember: 3d
  idle_subjects: 400d
  rejected_log: 10
accounts: [ properties.workspace_id, 'traits[\"company id\"]', last group ]
traits: { user: { nps: number, isOwner: bool, tags: list }, account: { Region: text } }
",
    )
    .config;
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:9000");
    let trusted: Vec<_> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["10.0.0.0/8", "127.0.0.1/32"]);
    assert_eq!((config.server.limits.event_bytes, config.server.limits.request_bytes), (65_536, 500_000));
    assert_eq!(config.server.drain_timeout, Duration::from_secs(90));
    assert!(
        matches!(&config.store.kind, StoreKind::Redis { urls, cluster: true, durability: Durability::Replicas(2) } if urls.len() == 2)
    );
    assert_eq!((config.store.shards.count(), config.store.rejected_log), (32, 10));
    let remember = Duration::from_secs(3 * 86_400);
    assert_eq!(config.engine, EngineOptions { remember, memory_bytes: 64_000_000, max_backlog_entries: 5_000 });
    assert_eq!(config.rules.idle_subjects, Some(400 * 86_400_000));
    assert_eq!(config.rules.accounts[0], AccountKey::Path(PathRoot::Properties, vec!["workspace_id".into()]));
    assert_eq!(config.rules.accounts[1], AccountKey::Path(PathRoot::Traits, vec!["company id".into()]));
    assert_eq!(config.rules.accounts[2], AccountKey::LastGroup);
    assert_eq!(config.rules.time_zone.as_ref().and_then(|zone| zone.iana_name()), Some("Europe/Berlin"));
}

#[test]
fn ids_that_many_people_share_are_known_and_can_be_added_to() {
    let default = loaded("time_zone: UTC").config;
    let given = loaded("shared_ids: [ Demo User, ' kiosk ' ]").config;
    let shared = |config: &Config, id: &str| config.rules.shared_ids.contains(&*id.to_lowercase());
    for id in ["anonymous", "NULL", "undefined", "0", "Guest", "N/A", "00000000-0000-0000-0000-000000000000"] {
        assert!(shared(&default, id) && shared(&given, id), "{id}");
    }
    assert!(!shared(&default, "demo user") && shared(&given, "demo user") && shared(&given, "Kiosk"));
    assert!(!shared(&default, "user 1") && !shared(&default, "admin"), "somebody may be called that");
}

#[test]
fn an_empty_file_is_no_configuration_and_one_without_definitions_does_nothing() {
    for text in ["", "# nothing yet\n", "{}\n"] {
        assert_eq!(messages(text), ["0:0 the configuration is empty"], "{text}");
    }
    assert!(loaded("sources:\n").config.rules.definitions.is_empty());
    assert!(messages("sources:\n").iter().any(|message| message.contains("no event can come in")));
}

#[test]
fn the_fixtures_that_people_copy_are_right() {
    let any = |name: &str| {
        Some(match name {
            name if name.ends_with("CRM_SECRET") || name.ends_with("WEBHOOK_SECRET") => {
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr".to_owned()
            }
            name if name.ends_with("_URL") => "https://crm.example.com".to_owned(),
            name => format!("{name}-0123456789"),
        })
    };
    for name in ["starter.yaml", "demo/handraiser.yaml"] {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let loaded = crate::config::load(&file, &any);
        let found = loaded.map_or_else(|all| all, |loaded| loaded.warnings);
        assert_eq!(crate::config::diagnostic::render_all(&found, false), "", "{name}");
    }
}

#[test]
fn the_properties_that_anything_reads_are_known() {
    let text = "
sources: { app: { write_key: k-app-0123456789 } }
accounts: [ properties.workspace.id, context.groupId ]
counters:
  paid:    { of: account, event: Order Completed, sum: properties.total, where: 'properties.currency == \"EUR\"' }
  invited: { of: user, event: User Invited, distinct: properties.invitee.email }
definitions:
  - name: big spender
    of: account
    intent: [ paid > 100, event.properties.coupon != \"FREE\" ]
    tiers: { 1: event.properties.express == true, 2: true }
";
    let read = ["workspace", "total", "currency", "invitee", "coupon", "express"];
    assert_eq!(loaded(text).config.wanted_properties, read.into_iter().collect());
    assert_eq!(loaded(ISSUE).config.wanted_properties, ["email"].into_iter().collect());
}

#[test]
fn a_source_is_believed_by_what_proves_it_unless_it_says_otherwise() {
    let config = loaded(
        "sources:\n  web: { write_key: k1, allow: [ track, identify ] }\n  api: { write_key: k2, trust: server }\n  \
         hook: { signature: { scheme: bearer, secret: s1 } }\n  \
         site: { signature: { scheme: bearer, secret: s2 }, trust: public, allow: page }\n",
    )
    .config;
    let trust: Vec<_> = config.sources.iter().map(|source| (source.name.as_str(), source.trust)).collect();
    let expected = [("web", Trust::Public), ("api", Trust::Server), ("hook", Trust::Server), ("site", Trust::Public)];
    assert_eq!(trust, expected);
    let allow: Vec<_> = config.sources.iter().map(|source| source.allow.clone()).collect();
    assert_eq!(allow, [Some([Call::Track, Call::Identify].into()), None, None, Some([Call::Page].into())]);
}

#[test]
fn a_definition_from_a_source_reads_nothing_that_others_can_change() {
    insta::assert_snapshot!(findings(
        "sources: { web: { write_key: k1 }, backend: { write_key: k2, trust: server } }\n\
         traits: { account: { plan: { type: text, from: backend }, seats: number } }\n\
         counters:\n  paid: { of: account, event: Paid, from: backend }\n  seen: { of: account, event: Seen }\n  \
         odd: { of: account, event: Odd, from: bakend }\n\
         definitions:\n  - name: paying\n    of: account\n    from: backend\n    \
         intent: [ paid > 1, seen > 1, now - account.first_seen > duration('24h') ]\n    \
         fit: [ account.plan == 'free', account.seats > 3 ]\n",
    ));
}

#[test]
fn what_ends_leads_is_not_for_others_than_those_whom_they_rest_on() {
    let with = |from: &str, ends: &str, intent: &str| {
        let text = format!(
            "sources:
  web: {{ write_key: k-web-0123456789abcdef }}
  backend: {{ write_key: k-backend-0123456789abc, trust: server }}
counters:
  paid: {{ of: account, event: Paid, from: backend }}
  used: {{ of: user, event: Used, from: backend }}
  seen: {{ of: account, event: Seen }}
definitions: [ {{ name: paying, of: account{from}, intent: '{intent}' }} ]
outcomes: {{ won: {ends} }}
"
        );
        let told = messages(&text).into_iter();
        told.filter(|message| message.contains("end") && !message.contains("token")).collect::<Vec<_>>()
    };
    let from = ", from: backend";
    assert_eq!(
        with(from, "seen", "paid > 1"),
        ["9:11 leads of `paying` are from `backend` alone, but the counter `seen`, which ends them, is not"]
    );
    assert_eq!(
        with("", "seen", "paid > 1"),
        ["9:11 anybody with a public write key can end leads by the counter `seen`"]
    );
    assert!(with(from, "paid", "paid > 1").is_empty(), "{:?}", with(from, "paid", "paid > 1"));
    assert_eq!(
        with(from, "paid", "members.exists(m, m.events > 3)"),
        ["8:24 the definition is from `backend` alone, but the number `m.events` is not"]
    );
    let of_members = with(from, "paid", "members.exists(m, m.used > 3)");
    assert!(of_members.is_empty(), "{of_members:?}");
}

#[test]
fn every_way_to_declare_a_trait() {
    let text = "sources:
  app: { write_key: k-app-0123456789abcdef }
  crm: { write_key: k-crm-0123456789abcdef, trust: server }
traits:
  account:
    Head Count: { type: band, from: [crm, app], stale: 365d }
    sector: { type: choice, of: [legal, Real Estate] }
    budget: money
    hq: country
";
    let rule = loaded(text).config.rules.trait_rules[&(SubjectKind::Account, "head_count".into())].clone();
    assert_eq!(rule.sources.iter().map(crate::ids::SourceName::as_str).collect::<Vec<_>>(), ["crm", "app"]);
    assert_eq!(rule.stale, Some(365 * 86_400_000));
    let wrong = text
        .replace("[crm, app]", "[app, crm]")
        .replace("[legal, Real Estate]", "[]")
        .replace("hq: country", "hq: { type: text, of: [a] }");
    let told = messages(&wrong);
    for expected in [
        "6:5 `app` is public: what `crm` says of `Head Count` stands before it",
        "7:21 `sector` has no choices",
        "9:5 `of` goes with `type: choice`, and `hq` is none",
    ] {
        assert!(told.iter().any(|message| message == expected), "{expected}: {told:#?}");
    }
}
