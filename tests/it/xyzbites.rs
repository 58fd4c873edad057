//! The whole rule of `XYZbites` as one definition, over real HTTP: a buyer at a law firm, or a free plan that is outgrown. What makes it
//! true comes from the user, from colleagues' group calls and from what they do, in every order.

use std::collections::BTreeMap;

use handraiser::config::load_text;
use handraiser::crm::receiver::Receiver;
use handraiser::lead::{LeadEvent, LeadEventType};
use handraiser::secret::Secret;
use handraiser::server::{Options, RunningServer, start};
use serde_json::{Value, json};

use crate::delivery::plant::{PATIENCE, SECRET};

const RULE: &str = r#"
traits:
  user: { industry: { type: choice, of: [legal, finance, other] } }
counters:
  tracked:  { of: user, event: Time Tracked, sum: properties.minutes, label: [minute tracked, minutes tracked] }
  invited:  { of: user, event: Users Invited, max: properties.count }
  invitees: { of: user, event: User Invited, distinct: properties.email }
signals:
  law_firm_buyer:
    of: user
    all: |
      tracked >= 60
      user.title.containsWord(["partner", "operations", "administrative"])
      user.industry == "legal"
      account.employees.min > 20
  outgrew_free: { of: user, all: [ 'account.plan == "free"', 'invited > 10 || invitees > 10' ] }
definitions:
  - { name: XYZbites PQL, of: user, intent: law_firm_buyer || outgrew_free }
routes: [ { name: all, to: self_serve } ]
"#;

async fn serve(crm: &Receiver) -> RunningServer {
    let text = format!(
        "sources: {{ app: {{ write_key: key }} }}\n{RULE}\
         destinations: {{ crm: {{ webhook: {{ url: '{}', secret: '{SECRET}' }}, allow_addresses: [127.0.0.0/8] }} }}\n\
         store: {{ memory: {{}} }}\n",
        crm.url()
    );
    let loaded = load_text("xyzbites.yaml", &text, &|_| None).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let options = Options { listen: Some(([127, 0, 0, 1], 0).into()), ..Options::default() };
    start(loaded.config, options).await.expect("it starts")
}

/// Every order of so many things.
fn orders(many: usize) -> Vec<Vec<usize>> {
    let Some(last) = many.checked_sub(1) else { return vec![Vec::new()] };
    let longer = |order: Vec<usize>| {
        (0..many).map(move |at| {
            let mut order = order.clone();
            order.insert(at, last);
            order
        })
    };
    orders(last).into_iter().flat_map(longer).collect()
}

/// What happens at the n-th firm, of which the boss is to be a lead: said and done at moments of its own, a second apart.
fn firm(n: usize) -> Vec<Value> {
    let (boss, account) = (format!("boss-{n}"), format!("firm-{n}"));
    let mut events = vec![
        json!({ "type": "identify", "userId": boss, "traits": { "title": "Operations Manager", "industry": "Legal" } }),
        json!({ "type": "group", "userId": boss, "groupId": account }),
        json!({ "type": "group", "userId": format!("clerk-{n}"), "groupId": account, "traits": { "employees": "51-200" } }),
        json!({ "type": "track", "userId": boss, "event": "Time Tracked", "properties": { "minutes": 45 } }),
        json!({ "type": "track", "userId": boss, "event": "Time Tracked", "properties": { "minutes": 15 } }),
    ];
    stamp(&mut events, &account);
    events
}

/// What happens at the n-th shop: one invites, another one says which plan they are on.
fn shop(n: usize) -> Vec<Value> {
    let (owner, account) = (format!("owner-{n}"), format!("shop-{n}"));
    let mut events = vec![
        json!({ "type": "group", "userId": owner, "groupId": account }),
        json!({ "type": "group", "userId": format!("clerk-of-shop-{n}"), "groupId": account, "traits": { "plan": "free" } }),
        json!({ "type": "track", "userId": owner, "event": "Users Invited", "properties": { "count": 11 } }),
    ];
    stamp(&mut events, &account);
    events
}

/// Who comes close: no title that buys, too small a firm, an hour that is not full, ten invitations, a plan that is paid.
fn near_misses() -> Vec<Value> {
    let mut events = Vec::new();
    for (n, title, employees, minutes) in
        [(0, "Lawyer", "51-200", 60), (1, "Partner", "11-50", 60), (2, "Partner", "51-200", 59)]
    {
        let (boss, account) = (format!("nearly-{n}"), format!("near-firm-{n}"));
        events.extend([
            json!({ "type": "identify", "userId": boss, "traits": { "title": title, "industry": "legal" } }),
            json!({ "type": "group", "userId": boss, "groupId": account, "traits": { "employees": employees } }),
            json!({ "type": "track", "userId": boss, "event": "Time Tracked", "properties": { "minutes": minutes } }),
        ]);
    }
    for (n, plan, count) in [(3, "free", 10), (4, "team", 50)] {
        let (owner, account) = (format!("nearly-{n}"), format!("near-shop-{n}"));
        events.extend([
            json!({ "type": "group", "userId": owner, "groupId": account, "traits": { "plan": plan } }),
            json!({ "type": "track", "userId": owner, "event": "Users Invited", "properties": { "count": count } }),
        ]);
    }
    stamp(&mut events, "near");
    events
}

fn stamp(events: &mut [Value], whose: &str) {
    let begin = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5);
    for (n, event) in events.iter_mut().enumerate() {
        let second = i64::try_from(n).expect("there are few");
        event["messageId"] = json!(format!("{whose}-{n}"));
        event["timestamp"] = json!((begin + jiff::SignedDuration::from_secs(second)).to_string());
    }
}

async fn send(server: &RunningServer, client: &reqwest::Client, events: &[Value]) {
    let body = json!({ "batch": events, "writeKey": "key" }).to_string();
    let url = format!("http://{}/v1/batch", server.address());
    let answer = client.post(url).header("content-type", "application/json").body(body).send().await;
    let answer = answer.expect("the server answers");
    let status = answer.status();
    assert_eq!(status, 200, "{}", answer.text().await.unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_fits_the_rule_is_one_lead_in_every_order() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let crm = Receiver::start(&[Secret::new(SECRET)]).expect("a free port");
    let (server, client) = (serve(&crm).await, reqwest::Client::new());
    // The n-th firm hears things in the n-th order; what is next for each of them goes in one request.
    let firms: Vec<(Vec<usize>, Vec<Value>)> =
        orders(5).into_iter().enumerate().map(|(n, order)| (order, firm(n))).collect();
    let shops: Vec<(Vec<usize>, Vec<Value>)> =
        orders(3).into_iter().enumerate().map(|(n, order)| (order, shop(n))).collect();
    let expected = firms.len() + shops.len();
    assert_eq!(expected, 120 + 6);
    send(&server, &client, &near_misses()).await;
    for step in 0..5 {
        let next = firms.iter().chain(&shops).filter_map(|(order, events)| Some(events[*order.get(step)?].clone()));
        let next: Vec<Value> = next.collect();
        send(&server, &client, &next).await;
    }
    let arrivals = tokio::time::timeout(PATIENCE, crm.wait_for(|arrivals| arrivals.len() >= expected)).await;
    let arrivals = arrivals.unwrap_or_else(|_| panic!("{} of {expected} leads", crm.arrivals().len()));
    // Whoever has a lead hears of no other.
    let mut leads: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for arrival in &arrivals {
        let event: LeadEvent = serde_json::from_str(&arrival.body).expect("a lead event");
        assert_eq!((event.kind, event.lead.revision), (LeadEventType::Qualified, 1), "{}", event.lead.subject.id);
        let signal = |name: &str| event.lead.signals[name] == json!(true);
        let branch = (signal("law_firm_buyer"), signal("outgrew_free"));
        assert!(leads.insert(event.lead.subject.id.clone(), branch).is_none(), "{} twice", event.lead.subject.id);
    }
    let all = (0..120).map(|n| (format!("boss-{n}"), (true, false)));
    let all: BTreeMap<_, _> = all.chain((0..6).map(|n| (format!("owner-{n}"), (false, true)))).collect();
    assert_eq!(leads, all);
    assert!(server.stop().await, "it stops in order");
    assert_eq!(crm.arrivals().len(), expected, "nobody else is a lead");
}
