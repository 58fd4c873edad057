//! Leads that ask for more than that somebody is there: a language, a skill, a tier of which they may be given more, somebody who has not had
//! them. They go to whoever has it, and wait by themselves.

use handraiser::apply::message::Made;
use handraiser::ids::RecordKey;
use handraiser::lead::{Lead, Progress};
use handraiser::time::Millis;
use serde_json::json;

use crate::desk::Desk;
use handraiser::event::Call;

const ROUTES: &str = "[ { name: all, to: dach, needs: { language: user.locale } }, { name: rest, to: self_serve } ]";

/// The desk starts on a Saturday, at 10:00 in the morning of UTC.
fn desk(teams: &str, reps: &str, routes: &str) -> Desk {
    Desk::documented(&sections(teams, reps, routes))
}

fn sections(teams: &str, reps: &str, routes: &str) -> String {
    format!(
        "
traits: {{ user: {{ locale: text, plan: text }} }}
counters: {{ signups: {{ of: user, event: Signed Up }} }}
definitions:
  - {{ name: signed up, of: user, intent: [ signups > 0 ], tiers: {{ 1: user.plan == \"pro\", 2: \"true\" }} }}
teams: {teams}
reps: {reps}
routes: {routes}
"
    )
}

async fn sign_up(desk: &Desk, user: &str, locale: &str, plan: &str) {
    let traits = json!({ "locale": locale, "plan": plan });
    desk.send(vec![desk.told(Call::Identify, user, None, traits), desk.track(user, "Signed Up")]).await;
    desk.pass(Millis::SECOND).await;
}

async fn lead(desk: &Desk, user: &str) -> Lead {
    let found = desk.leads().await.into_iter().find(|lead| lead.subject.id == user);
    found.unwrap_or_else(|| panic!("{user} has a lead"))
}

async fn whose(desk: &Desk, user: &str) -> String {
    let lead = lead(desk, user).await;
    match (lead.routing, lead.waits) {
        (Some(routing), _) => routing.owner.unwrap_or_else(|| "nobody".to_owned()),
        (None, waits) => format!("waits for {}", waits.and_then(|waits| waits.team).expect("it waits")),
    }
}

async fn turn(desk: &Desk, text: &str) {
    desk.pass(Millis::parse(text).expect("a moment").since(desk.clock.now())).await;
}

#[tokio::test]
async fn a_lead_goes_to_somebody_who_speaks_its_language_and_waits_for_them_alone() {
    let reps = "{ ana@x.example: { languages: [de, en], hours: Mo-Fr 09:00-17:00 }, ben@x.example: { languages: en } }";
    let desk = desk("{ dach: { reps: [ana@x.example, ben@x.example] } }", reps, ROUTES);
    sign_up(&desk, "german", "de_AT.UTF-8", "pro").await;
    sign_up(&desk, "english", "en", "free").await;
    sign_up(&desk, "anybody", "", "free").await;
    assert_eq!(whose(&desk, "german").await, "waits for dach", "ben doesn't speak German");
    let reason = lead(&desk, "german").await.waits.expect("it waits").reason;
    let expected = "route `all`: always; nobody of team dach is there (ana@x.example is off until Mon 2026-11-23 09:00, ben@x.example doesn't \
                    speak the lead's language), so that it waits for the first of them";
    assert_eq!(reason, expected);
    assert_eq!(whose(&desk, "english").await, "ben@x.example", "who comes later, and is worth less, waits for nothing");
    assert_eq!(whose(&desk, "anybody").await, "ben@x.example");
    sign_up(&desk, "french", "fr", "pro").await;
    assert_eq!(whose(&desk, "french").await, "nobody", "nobody of the team speaks it: the next route decides");
    let reason = lead(&desk, "french").await.routing.expect("routed").reason;
    assert_eq!(
        reason,
        "route `all`: always; nobody of team dach speaks fr; route `rest`: always; self-serve, the product follows up"
    );
    let text = desk.text(&RecordKey::team("dach")).await;
    assert!(text.contains("\nwaits\t2026-11-21T") && text.contains("\"language\":\"de-at\""), "{text}");
    turn(&desk, "2026-11-23T08:59:59Z").await;
    assert_eq!(whose(&desk, "german").await, "waits for dach");
    turn(&desk, "2026-11-23T09:00:00Z").await;
    assert_eq!(whose(&desk, "german").await, "ana@x.example");
    assert!(!desk.text(&RecordKey::team("dach")).await.contains("waits"), "nobody waits any more");
}

#[tokio::test]
async fn who_learns_a_language_is_given_the_leads_that_wait_for_it() {
    let teams = "{ dach: { reps: [ana@x.example, ben@x.example] } }";
    let reps = "{ ana@x.example: { languages: de, hours: Mo-Fr 09:00-17:00 }, ben@x.example: { languages: en } }";
    let desk = desk(teams, reps, ROUTES);
    sign_up(&desk, "german", "de", "pro").await;
    assert_eq!(whose(&desk, "german").await, "waits for dach");
    desk.reload(&sections(teams, &reps.replace("languages: en", "languages: [en, de]"), ROUTES)).await;
    desk.pass(Millis::SECOND).await;
    assert_eq!(whose(&desk, "german").await, "ben@x.example");
}

#[tokio::test]
async fn a_lead_that_asks_for_a_skill_passes_over_those_without() {
    let reps = "{ ana@x.example: {}, ben@x.example: { skills: [Security] } }";
    let routes = "[ { name: all, to: dach, needs: { skills: security } } ]";
    let desk = desk("{ dach: { reps: [ana@x.example, ben@x.example] } }", reps, routes);
    for user in ["ada", "bea"] {
        sign_up(&desk, user, "", "pro").await;
        assert_eq!(whose(&desk, user).await, "ben@x.example");
    }
    let routing = lead(&desk, "bea").await.routing.expect("routed");
    let passed = serde_json::to_value(&routing.passed_over).expect("plain data");
    assert_eq!(passed, json!([{ "rep": "ana@x.example", "reason": "skill" }]));
    assert!(routing.reason.contains("ana@x.example has not the skills that it takes; ben@x.example's turn"));
}

#[tokio::test]
async fn leads_of_a_tier_of_which_somebody_has_enough_keep_nobody_waiting() {
    let reps = "{ ana@x.example: { caps: { tiers: { 1: { day: 1 } } } } }";
    let desk = desk("{ dach: { reps: [ana@x.example] } }", reps, ROUTES);
    for (user, plan) in [("first", "pro"), ("second", "pro"), ("free", "free"), ("third", "free")] {
        sign_up(&desk, user, "", plan).await;
    }
    assert_eq!(whose(&desk, "first").await, "ana@x.example");
    assert_eq!(whose(&desk, "second").await, "waits for dach");
    assert_eq!(
        (whose(&desk, "free").await, whose(&desk, "third").await),
        ("ana@x.example".into(), "ana@x.example".into())
    );
    let reason = lead(&desk, "second").await.waits.expect("it waits").reason;
    assert!(reason.contains("ana@x.example has the cap of leads of this tier until Sun 2026-11-22 00:00"), "{reason}");
    // One that is worth less now is none of that tier any more.
    desk.send(vec![desk.told(Call::Identify, "second", None, json!({ "plan": "free" }))]).await;
    desk.pass(Millis::SECOND).await;
    assert_eq!(whose(&desk, "second").await, "ana@x.example");
    sign_up(&desk, "fourth", "", "pro").await;
    assert_eq!(whose(&desk, "fourth").await, "waits for dach");
    turn(&desk, "2026-11-22T00:00:00Z").await;
    assert_eq!(whose(&desk, "fourth").await, "ana@x.example");
}

#[tokio::test]
async fn a_lead_that_was_not_taken_on_waits_for_somebody_else_and_may_be_taken_on_meanwhile() {
    let teams = "{ dach: { reps: [ana@x.example, ben@x.example], sla: { accept: 1h } } }";
    let reps = "{ ben@x.example: { hours: Mo-Fr 09:00-17:00 } }";
    let desk = desk(teams, reps, ROUTES);
    for user in ["ada", "bea"] {
        sign_up(&desk, user, "", "pro").await;
        assert_eq!(whose(&desk, user).await, "ana@x.example", "ben is off");
    }
    desk.pass(2 * Millis::HOUR).await;
    let (ada, bea) = (lead(&desk, "ada").await, lead(&desk, "bea").await);
    assert_eq!(
        (whose(&desk, "ada").await, whose(&desk, "bea").await),
        ("ana@x.example".into(), "ana@x.example".into())
    );
    let record = |lead: &Lead| RecordKey::wait("dach", &lead.id);
    assert!(desk.text(&record(&ada)).await.contains("\"not\":[\"ana@x.example\"]"));
    // Who comes meanwhile is given to whoever is there.
    sign_up(&desk, "cleo", "", "pro").await;
    assert_eq!(whose(&desk, "cleo").await, "ana@x.example");
    desk.engine.became(&ada.id, Made::Came(Progress::Accepted)).await.expect("it is taken");
    desk.settle().await;
    assert_eq!(desk.text(&record(&ada)).await, "", "it waits for nobody any more");
    desk.engine.became(&lead(&desk, "cleo").await.id, Made::Came(Progress::Accepted)).await.expect("it is taken");
    turn(&desk, "2026-11-23T09:00:00Z").await;
    assert_eq!(
        (whose(&desk, "ada").await, whose(&desk, "bea").await),
        ("ana@x.example".into(), "ben@x.example".into())
    );
    assert_eq!(desk.text(&record(&bea)).await, "");
    let history: Vec<String> = lead(&desk, "bea").await.history.into_iter().map(|one| one.what).collect();
    assert_eq!(history, ["qualified", "routed", "waits", "assigned"]);
    assert_eq!(desk.turns("dach").await, 4);
}

#[tokio::test]
async fn teams_and_territories_ask_for_what_it_takes_as_routes_do() {
    let reps = "{ ana@x.example: { languages: [de, en], skills: [security] }, ben@x.example: { languages: [de, en] }, \
                 cy@x.example: { languages: en, skills: [security] } }";
    let teams = "{ dach: { reps: [ana@x.example, ben@x.example, cy@x.example], needs: { language: user.locale } } }";
    let table = "territories:\n  reads: { plan: user.plan }\n  rows:\n    - { plan: pro, needs: security, to: dach }\n    \
                 - { plan: swiss, speaks: de, to: dach }\n    - { to: dach }\n";
    let routes = format!("[ {{ name: table, to: territories }}, {{ name: rest, to: self_serve }} ]\n{table}");
    let desk = desk(teams, reps, &routes);
    for n in 0..4 {
        sign_up(&desk, &format!("secure {n}"), "de", "pro").await;
        assert_eq!(
            whose(&desk, &format!("secure {n}")).await,
            "ana@x.example",
            "the row asks for the skill, the team for German"
        );
        sign_up(&desk, &format!("german {n}"), "de", "free").await;
        assert_ne!(whose(&desk, &format!("german {n}")).await, "cy@x.example", "the team asks for the language");
        sign_up(&desk, &format!("swiss {n}"), "", "swiss").await;
        assert_ne!(whose(&desk, &format!("swiss {n}")).await, "cy@x.example", "the row asks for the language");
        sign_up(&desk, &format!("english {n}"), "en", "pro").await;
        assert_ne!(whose(&desk, &format!("english {n}")).await, "ben@x.example");
    }
    sign_up(&desk, "french", "fr", "free").await;
    assert_eq!(whose(&desk, "french").await, "nobody", "nobody of the team speaks it");
}
