use serde_json::json;

use super::*;

fn rendered(source: &str, event: &LeadEvent) -> Json {
    serde_json::from_slice(&render(source, event).expect("it renders")).expect("it is JSON")
}

fn known() -> Known {
    let traits = [("plan", json!("free")), ("arr", json!(40_000)), ("tags", json!(["vip"]))];
    let traits: std::collections::BTreeMap<_, _> = traits.map(|(name, value)| (name.to_owned(), value)).into();
    Known {
        user: traits.clone(),
        account: traits,
        usage: [("tasks_30d".to_owned(), json!(12))].into(),
        ..Known::default()
    }
}

fn check(source: &str) -> Result<(), TemplateError> {
    check_template(source, Over::Event, &known())
}

fn wrong(source: &str) -> String {
    check(source).expect_err("it is wrong").to_string()
}

#[test]
fn values_are_written_as_json() {
    let template = r#"{"title": {{ "PQL: " ~ lead.subject.name }}, "tier": {{ lead.tier }}, "owner": {{ lead.routing.owner }},
        "plan": {{ lead.account.traits.plan }}, "seats": {{ lead.account.traits.seats }}, "tasks": {{ lead.usage.tasks_30d }},
        "all": {{ lead.usage }}, "people": [{% for p in lead.people %}{{ p.email }}{% if not loop.last %},{% endif %}{% endfor %}],
        "id": {{ id }}, "type": {{ type }}}"#;
    assert_eq!(check(template), Ok(()));
    assert_eq!(
        rendered(template, &sample::full()),
        json!({
            "title": "PQL: Acme", "tier": 1, "owner": "ana@example.com", "plan": "free", "seats": null, "tasks": 132,
            "all": { "invited_30d": 10, "tasks_30d": 132 }, "people": ["kim@acme.example"], "id": "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8",
            "type": "lead.qualified"
        })
    );
}

#[test]
fn nothing_in_a_lead_breaks_out_of_the_document() {
    let mut event = sample::full();
    event.lead.summary = "\"}, \"tier\": 9, \"x\": \"</script>\n\u{2028}\\".to_owned();
    assert_eq!(rendered(r#"{"s": {{ lead.summary }}}"#, &event), json!({ "s": event.lead.summary }));
}

#[test]
fn mistakes_are_found_when_the_configuration_is_checked() {
    let mistakes = [
        "{\"a\": {{ lead.tire }}}",
        "{\"a\": {{ lead.tier }",
        "{\"a\": {{ lead.tier | shout }}}",
        "{\"a\": \"{{ lead.summary }}\"}",
        "hello",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}1",
        "[{% for a in range(9999) %}{{ lead }},{% endfor %}1]",
    ];
    insta::assert_debug_snapshot!(mistakes.map(wrong), @r#"
    [
        "line 1, column 10: `lead.tire` is undefined; `docs/lead.schema.json` lists what a lead event holds",
        "line 1, column 20: syntax error: unexpected `}`, expected end of variable block",
        "line 1, column 22: unknown filter: filter shout is unknown",
        "line 1, column 7: the template makes no valid JSON: expected `,` or `}` at line 1 column 9, near `{\"a\": \"\"17 people at Acme created 132 ta`; `{{ … }}` writes its own quotes, so put none around it",
        "line 1, column 1: the template makes no valid JSON: expected value at line 1 column 1, near `hello`; `{{ … }}` writes its own quotes, so put none around it",
        "line 1, column 1: the template takes too many steps; shorten its loops",
        "line 1, column 1: the body would be larger than 1 MiB",
    ]
    "#);
}

#[test]
fn traits_and_counters_need_not_be_known() {
    assert_eq!(check("[{{ lead.account.traits.whatever }}]"), Ok(()));
    let template = "[{{ lead.usage.anything }}, {{ lead.signals.anything }}, {{ lead.points.anything }}, {{ lead.hold }}, {{ lead.timestamps.lapsed }}]";
    assert_eq!(rendered(template, &sample::minimal()), json!([null, null, null, null, null]));
}

#[test]
fn a_number_is_a_number_when_it_is_tried() {
    let template = "{{ 2 * (lead.account.traits.arr | float) + lead.usage.tasks_30d }}";
    assert_eq!(check(template), Ok(()));
    let of_accounts = |value: &str| format!("{{% if lead.account %}}{{{{ {value} * 2 }}}}{{% else %}}0{{% endif %}}");
    assert!(template_warning(&of_accounts("lead.account.traits.arr"), &known()).is_some(), "a lead may lack it");
    assert_eq!(template_warning(&of_accounts("(lead.account.traits.arr | default(0, true))"), &known()), None);
    assert!(check("{{ lead.account.traits.plan | float }}").is_err(), "text is none");
    assert_eq!(check("{{ lead.account.traits.tags | join(\", \") }}"), Ok(()));
}

#[test]
fn names_are_told_as_they_are_written_also_where_a_branch_is_not_taken() {
    let template = "{% if lead.tier > 1 %}{{ lead.account.nam }}{% else %}{{ lead.people[0].email }}{% endif %}{% for p in lead.people %}{{ p.x }}{% endfor %}{{ range(2) }}";
    let names = names_in(template, Over::Event).expect("it can be read");
    assert_eq!(names, ["lead.account.nam", "lead.people", "lead.tier"]);
}

#[test]
fn a_sentence_is_tried_on_a_lead_of_its_kind() {
    let sentence = "{{ user.name }} uses {{ usage.tasks_30d }}";
    assert_eq!(check_template(sentence, Over::Lead(SubjectKind::User), &known()), Ok(()));
    let error =
        check_template(sentence, Over::Lead(SubjectKind::Account), &known()).expect_err("an account is no user");
    assert_eq!((error.line, error.column), (1, 4), "{error}");
}

#[test]
fn what_only_some_leads_have_is_worth_a_warning() {
    let template = "{{ lead.account.name }}";
    assert_eq!(check(template), Ok(()));
    let users = "{{ lead.user.traits.plan }}";
    assert_eq!(check(users), Ok(()));
    assert!(template_warning(users, &known()).is_some(), "an account's lead has no user");
    assert_eq!(rendered(users, &sample::of_user()), json!("free"));
    let warning = template_warning(template, &known()).expect("a user's lead may have no account");
    assert_eq!((warning.line, warning.column), (1, 8), "{warning}");
    assert_eq!(
        template_warning("{% if lead.account %}{{ lead.account.name }}{% else %}null{% endif %}", &known()),
        None
    );
}
