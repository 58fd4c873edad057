//! What is legal and not safe: secrets that can be guessed, templates that strangers can break, files that are no configuration.

use super::{diagnostic, env, messages};
use crate::config::load;

const STRONG: &str = "9f86d081884c7d659a2feaa0c55ad015";

/// The warnings about secrets, for one in each role.
fn about(key: &str, secret: &str, token: &str, signing: &str) -> Vec<String> {
    let text = format!(
        "sources:\n  app: {{ write_key: '{key}' }}\n  hook: {{ signature: {{ scheme: segment, secret: '{secret}' }} }}\n\
         server: {{ admin_token: '{token}' }}\n\
         destinations: {{ crm: {{ webhook: {{ url: 'https://crm.example.com', secret: '{signing}' }} }} }}\n"
    );
    messages(&text).into_iter().filter(|message| !message.contains("no `definitions`")).collect()
}

const SIGNING: &str = "whsec_Q0JTVk1YWjEyMzQ1Njc4OTBhYmNkZWZnaGlqa2xtbm8=";

#[test]
fn weak_secrets_are_told_without_being_shown() {
    let fine = about(STRONG, "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "c0ffee00d15ea5e5b16b00b5cafed00d", SIGNING);
    assert!(fine.is_empty(), "{fine:?}");
    let weak = about(
        "abc",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "changeme-changeme-changeme",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    insta::assert_snapshot!(weak.join("\n"), @r"
    2:21 the write key of `app` is short: it can be guessed
    3:49 the secret of `hook` is simple: it can be guessed
    4:24 the admin token stands in examples: everybody knows it
    5:75 the signing secret of `crm` is simple: it can be guessed
    ");
    let published =
        about("6cc734c6db418fc31dbd03f74edc5c95", STRONG, "d8c203da9392b2854433fa1598328bd63366bcbe96015294", SIGNING);
    insta::assert_snapshot!(published.join("\n"), @r"
    2:21 the write key of `app` stands in examples: everybody knows it
    4:24 the admin token stands in examples: everybody knows it
    ");
}

#[test]
fn one_secret_for_two_purposes_is_told() {
    insta::assert_snapshot!(about(STRONG, STRONG, STRONG, SIGNING).join("\n"), @r"
    3:49 the secret of `hook` is the write key of `app`, too
    4:24 the admin token is the write key of `app`, too
    ");
}

#[test]
fn tokens_of_vendors_are_told_where_they_are_none_or_open_another_door() {
    let text = format!(
        "sources: {{ app: {{ write_key: '{STRONG}' }} }}
destinations:
  slack: {{ slack: {{ token: xoxb-your-token, channel: C024BE91L }} }}
  hubspot: {{ hubspot: {{ token: changeme }} }}
  pipedrive: {{ pipedrive: {{ url: 'https://acme.pipedrive.com', token: '{STRONG}' }} }}
  salesforce: {{ salesforce: {{ url: 'https://acme.my.salesforce.com', client_id: x, client_secret: <secret> }} }}
  attio: {{ attio: {{ token: your-token }} }}
  short: {{ hubspot: {{ token: pat-1 }} }}
  twice: {{ hubspot: {{ token: pat-1 }} }}
"
    );
    let told: Vec<_> = messages(&text).into_iter().filter(|message| !message.contains("no `definitions`")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    1:1 no admin token: the admin API answers nobody
    3:28 the Slack token of `slack` stands in examples: everybody knows it
    4:32 the HubSpot token of `hubspot` stands in examples: everybody knows it
    5:71 the Pipedrive token of `pipedrive` is the write key of `app`, too
    6:99 the Salesforce client secret of `salesforce` stands in examples: everybody knows it
    7:28 the Attio token of `attio` stands in examples: everybody knows it
    ");
}

#[test]
fn templates_that_write_what_strangers_say_as_it_is_are_told() {
    let with = |template: &str| {
        let text = format!(
            "destinations:\n  crm:\n    webhook:\n      url: 'https://crm.example.com'\n      template: '{template}'\n"
        );
        messages(&text).into_iter().filter(|message| message.starts_with("5:")).collect::<Vec<_>>().join("\n")
    };
    let all = [
        r#"{"a": {{ "\"fixed\"" | safe }} }"#,
        r#"{"a": "{{ lead.subject.name | safe }}" }"#,
        r#"{% autoescape false %}{"a": "{{ lead.account.traits.plan }}"}{% endautoescape %}"#,
    ];
    insta::assert_snapshot!(all.map(with).join("\n\n"), @r#"
    5:39 `| safe` writes values as they are, and strangers write what is in them

    5:24 on a lead whose texts hold quotes and control characters, the template makes no valid JSON: trailing characters at line 1 column 10, near `{"a": ""}, "tier": 1, "x": ["\`; `{{ … }}` writes its own quotes, so put none around it
    5:46 `| safe` writes values as they are, and strangers write what is in them

    5:18 `{% autoescape false` writes values as they are, and strangers write what is in them
    5:46 on a lead whose texts hold quotes and control characters, the template makes no valid JSON: trailing characters at line 1 column 10, near `{"a": ""}, "tier": 1, "x": ["\`; `{{ … }}` writes its own quotes, so put none around it
    "#);
}

#[test]
fn nothing_of_a_file_that_is_no_configuration_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("handraiser.yaml");
    let secret = "hunter2hunter2";
    for text in [
        format!("root:$6${secret}:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nserver:{secret}:1::\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"),
        format!("# of the app\nDB_PASSWORD={secret}\nexport TOKEN=\"{secret}\"\n"),
        format!("{secret}: {secret}\n"),
        format!("machine example.com login ana password {secret}\n"),
        format!("{{\"{secret}\": [1, }}"),
        format!("[default]\naws_secret_access_key = {secret}\n"),
        format!("- {secret}\n- ${{{secret}}}\n"),
        format!("apiVersion: v1\nkind: Secret\ndata: {{ a: {secret} }}\n"),
        format!("\tx {secret}\n"),
    ] {
        std::fs::write(&path, &text).unwrap();
        let all = load(&path, &env).expect_err("it is no configuration");
        let shown = format!("{}{all:?}", diagnostic::render_all(&all, false));
        assert!(!shown.contains(secret), "{text}\n{shown}");
        assert!(shown.contains("this is no configuration of Handraiser"), "{text}\n{shown}");
        // Nor when it is included.
        let outer = format!("sources: {{}}\ninclude: {}\n", path.display());
        let outside = directory.path().join("outer.yaml");
        std::fs::write(&outside, outer).unwrap();
        let all = load(&outside, &env).expect_err("it includes none");
        assert!(!format!("{all:?}").contains(secret), "{text}\n{all:?}");
    }
    for text in ["", "# nothing yet\n", "sorces: {}\n", "counter: {}\n"] {
        std::fs::write(&path, text).unwrap();
        let all = load(&path, &env).map_or_else(|all| all, |loaded| loaded.warnings);
        assert!(!format!("{all:?}").contains("no configuration of"), "{text}\n{all:?}");
    }
}
