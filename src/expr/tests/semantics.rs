//! What operators, methods and literals mean, and how what senders write is read.

use serde_json::json;

use super::*;

fn all(facts: &Json, rows: &[(&str, Option<bool>)]) {
    for (source, outcome) in rows {
        assert_eq!(test(source, facts.clone()), *outcome, "{source} over {facts}");
    }
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

#[test]
fn numbers() {
    let facts = json!({"tasks_30d": 48, "boards": 10, "seats_used": 8, "account.seats_limit": 10});
    all(
        &facts,
        &[
            ("tasks_30d > 48", NO),
            ("tasks_30d >= 48", YES),
            ("tasks_30d == 48.0", YES),
            ("tasks_30d != 48", NO),
            ("tasks_30d < 48.5", YES),
            ("tasks_30d <= 47", NO),
            ("48 == tasks_30d", YES),
            ("50 > tasks_30d", YES),
            ("50 <= tasks_30d", NO),
            ("tasks_30d > boards * 4", YES),
            ("tasks_30d - boards == 38", YES),
            ("tasks_30d % boards == 8", YES),
            ("-tasks_30d == -48", YES),
            ("tasks_30d == 4.8e1", YES),
            ("seats_used / account.seats_limit >= 0.8", YES),
            ("seats_used / account.seats_limit > 0.8", NO),
            ("2 + 3 * 4 == 14", YES),
            ("(2 + 3) * 4 == 20", YES),
            ("10 - 3 - 2 == 5", YES),
            ("7 / 2 == 3.5", YES),
            ("-7 % 3 == -1", YES),
            ("tasks_30d / (boards - 10) > 0", None),
            ("tasks_30d % (boards - 10) == 0", None),
            ("tasks_30d in [1, 48]", YES),
            ("tasks_30d in [1, 2]", NO),
            ("!(tasks_30d in [boards, 2])", YES),
            ("(tasks_30d > 40 ? boards : 0) == 10", YES),
        ],
    );
}

#[test]
fn texts() {
    let facts = json!({"account.plan": "Free", "user.title": "VP of Co-operations", "user.email": " ana@example.com "});
    all(
        &facts,
        &[
            ("account.plan == \"Free\"", YES),
            ("account.plan == 'free'", NO),
            ("account.plan != \"free\"", YES),
            ("account.plan.lower() == \"free\"", YES),
            ("account.plan.lowerAscii() == \"free\"", YES),
            ("account.plan.upper() == \"FREE\"", YES),
            ("account.plan < \"G\"", YES),
            ("account.plan in [\"Free\", \"Pro\"]", YES),
            ("account.plan in [\"free\"]", NO),
            ("account.plan.startsWith(\"Fr\")", YES),
            ("account.plan.endsWith(\"ee\")", YES),
            ("account.plan.contains(\"re\")", YES),
            ("account.plan.contains(\"RE\")", NO),
            ("account.plan.containsAny([\"RE\", \"x\"])", YES),
            ("account.plan.containsAny(\"FREE\")", YES),
            ("account.plan.matches(\"^F.*e$\")", YES),
            ("account.plan.matches(r\"^\\w{4}$\")", YES),
            ("account.plan.matches(\"(?i)^free$\")", YES),
            ("account.plan.size() == 4", YES),
            ("size(account.plan) == 4", YES),
            ("user.email.trim() == \"ana@example.com\"", YES),
            ("user.email.trim().endsWith(\"@example.com\")", YES),
            ("user.title.contains(account.plan)", NO),
            ("account.plan + \"mium\" == \"Freemium\"", YES),
            ("user.title.containsAny([\"operations\"])", YES),
            ("user.title.containsWord([\"operations\"])", NO),
            ("user.title.containsWord([\"co-operations\"])", YES),
            ("user.title.containsWord([\"vp\"])", YES),
            ("user.title.containsWord([\"VP of\"])", YES),
        ],
    );
}

#[test]
fn words_are_whole_in_any_case_and_script() {
    for (text, word, outcome) in [
        ("Operations", "operations", true),
        ("Head of Operations", "operations", true),
        ("operations, legal", "operations", true),
        ("Co-operations", "operations", false),
        ("operationsmanager", "operations", false),
        ("Partner/Owner", "partner", true),
        ("partners", "partner", false),
        ("Geschäftsführer", "geschäftsführer", true),
        ("GESCHÄFTSFÜHRER", "geschäftsführer", true),
        ("партнёр фирмы", "Партнёр", true),
        ("operations operations-x", "operations", true),
        ("", "x", false),
    ] {
        let lowered = word.to_lowercase();
        assert_eq!(words::contains_word(text, &lowered), outcome, "{word} in {text}");
        assert_eq!(words::contains(text, &lowered), text.to_lowercase().contains(&lowered), "{word} within {text}");
    }
}

#[test]
fn times() {
    let facts = json!({
        "user.first_seen": "2026-11-11T09:30:00Z",
        "account.trial_ends_at": "2026-11-20",
        "user.created_at": 1_762_000_000,
        "exports.first_at": "2026-11-21T09:29:00Z",
    });
    all(
        &facts,
        &[
            ("now - user.first_seen < duration(\"14d\")", YES),
            ("now - user.first_seen == duration(\"10d\")", YES),
            ("now - duration(\"1w\") > user.first_seen", YES),
            ("user.first_seen + duration(\"10d\") == now", YES),
            ("duration(\"10d\") + user.first_seen >= now", YES),
            ("now > account.trial_ends_at", YES),
            ("account.trial_ends_at == timestamp(\"2026-11-20T00:00:00Z\")", YES),
            ("account.trial_ends_at == \"2026-11-20\"", YES),
            ("account.trial_ends_at > \"2026-11-20T00:00:00+01:00\"", YES),
            ("user.created_at < timestamp(\"2026-01-01\")", YES),
            ("exports.first_at > now - duration(\"1h\")", YES),
            ("(now - user.first_seen) / duration(\"1d\") == 10", YES),
            ("duration(\"1d\") * 3 == duration(\"72h\")", YES),
            ("30d == duration(\"30d\") && 2w == 14d && 24h == 1d && 15m == 900s && 1h30m == 90m && 500ms == 0.5s", YES),
            ("1.5h == 90m && -1d < 0s && 2 * 12h == 1d && 36h / 1d == 1.5", YES),
            ("now - user.first_seen == 10d && now - 1w > user.first_seen && now - 1h30m < now", YES),
            ("account.trial_ends_at in [\"2026-11-20\", \"2026-11-21\"]", YES),
        ],
    );
}

#[test]
fn lists_and_paths() {
    let facts = json!({
        "user.tags": ["beta", "admin"],
        "user.company": {"name": "Acme", "people": [{"role": "owner"}, {"role": "member"}]},
        "account.address": {"country": "DE"},
        "account.vat": {"id": "DE1"},
    });
    all(
        &facts,
        &[
            ("\"beta\" in user.tags", YES),
            ("\"Beta\" in user.tags", NO),
            ("user.tags[1] == \"admin\"", YES),
            ("user.tags[2] == \"admin\"", None),
            ("size(user.tags) == 2", YES),
            ("user.tags.exists(t, t.startsWith(\"ad\"))", YES),
            ("user.tags.all(t, t.size() >= 4)", YES),
            ("[\"beta\", \"x\"].exists(t, t in user.tags)", YES),
            ("user.company.name == \"Acme\"", YES),
            ("user[\"company\"][\"name\"] == \"Acme\"", YES),
            ("user.company.people[0].role == \"owner\"", YES),
            ("user.company.people.exists(p, p.role == \"member\")", YES),
            ("user.company.people.exists(p, p.role == \"guest\")", NO),
            ("account.address.country in [\"DE\", \"AT\", \"CH\"]", YES),
            ("account.vat.id.startsWith(\"DE\")", YES),
            ("has(account.vat)", YES),
            ("user.company.size() == 2", YES),
        ],
    );
}

#[test]
fn trait_names_are_written_any_way() {
    let facts = json!({"account.trial_ends_at": "2026-11-20", "user.created_at": "2026-01-01"});
    all(
        &facts,
        &[
            ("now > account.trialEndsAt", YES),
            ("now > account.Trial_Ends_At", YES),
            ("now > account[\"Trial Ends At\"]", YES),
            ("now > user.createdAt", YES),
        ],
    );
}

#[test]
fn what_an_event_brings_is_compared_as_what_is_meant() {
    let facts = json!({"event": {"name": "Invoice Paid", "type": "track", "source": "app", "traits": {"plan": "pro"}, "properties": {
        "amount": "12.50", "count": 7, "label": "x", "ok": "true", "flag": true, "at": "2026-11-20T00:00:00Z", "id": 42,
        "deep": {"er": {"value": 1}}, "list": [1, 2], "odd name": 1,
    }}});
    all(
        &facts,
        &[
            ("event.name == \"Invoice Paid\" && event.type == \"track\" && event.source == \"app\"", YES),
            ("event.traits.plan == \"pro\"", YES),
            ("event.properties.count == 7", YES),
            ("properties.amount > 12", YES),
            ("properties.amount == 12.5", YES),
            ("properties.amount + 1 == 13.5", YES),
            ("properties.count > 6.5", YES),
            ("properties.label > 5", None),
            ("properties.label == 5", NO),
            ("properties.label != 5", YES),
            ("properties.id == \"42\"", YES),
            ("properties.id in [\"42\"]", YES),
            ("properties.amount in [12.5]", YES),
            ("properties.label in [12.5]", NO),
            ("properties.ok", YES),
            ("properties.ok == true", YES),
            ("properties.flag && !false", YES),
            ("properties.label", None),
            ("properties.at < now", YES),
            ("now - properties.at < duration(\"2d\")", YES),
            ("properties.label < now", None),
            ("properties.label == now", NO),
            ("properties.deep.er.value == 1", YES),
            ("properties.deep == 1", NO),
            ("properties[\"odd name\"] == 1", YES),
            ("2 in properties.list", YES),
            ("properties.list[0] == 1", YES),
            ("properties.count.contains(\"7\")", None),
        ],
    );
}

#[test]
fn declared_numbers_are_read_as_people_write_them() {
    for (written, number) in [
        ("50", Some(50.0)),
        (" 50 ", Some(50.0)),
        ("50.5", Some(50.5)),
        ("1,000", Some(1000.0)),
        ("1 000", Some(1000.0)),
        ("1'000'000", Some(1e6)),
        ("1,001-5,000", None),
        ("51-200", None),
        ("51 – 200", None),
        ("51 to 200", None),
        ("51..200", None),
        ("51-200 employees", None),
        ("500+", None),
        ("10,000+ employees", None),
        (">500", None),
        (">= 500", None),
        ("<50", None),
        ("1k-5k", None),
        ("2.5M", Some(2.5e6)),
        ("$1.2M", Some(1.2e6)),
        ("$1M-$10M", None),
        ("-3", Some(-3.0)),
        ("self-employed", None),
        ("unknown", None),
        ("", None),
        ("2026-11-21", None),
        ("3rd floor", None),
        ("1.2.3", None),
        ("NaN", None),
        ("inf", None),
    ] {
        assert_eq!(exact_number(written), number, "{written}");
    }
    for (employees, outcome) in [
        (json!(50), YES),
        (json!(50.0), YES),
        (json!("50"), YES),
        // Nobody knows which number it is: that is what `band` is for.
        (json!("51-200"), None),
        (json!("500+"), None),
        (json!("1,000"), YES),
        (json!("lots"), None),
        (json!(true), None),
        (json!([50]), None),
    ] {
        let facts = json!({"account.seats_limit": employees});
        assert_eq!(test("account.seats_limit >= 50", facts), outcome, "{employees}");
    }
}

#[test]
fn other_declared_types_are_read_kindly_too() {
    for (source, facts, outcome) in [
        ("account.plan == \"5\"", json!({"account.plan": 5}), YES),
        ("account.plan == \"true\"", json!({"account.plan": true}), YES),
        ("account.plan == \"x\"", json!({"account.plan": ["x"]}), None),
        ("user.verified", json!({"user.verified": "yes"}), YES),
        ("user.verified", json!({"user.verified": "False"}), NO),
        ("user.verified", json!({"user.verified": 1}), YES),
        ("user.verified", json!({"user.verified": "maybe"}), None),
        ("user.created_at < now", json!({"user.created_at": 1_762_000_000}), YES),
        ("user.created_at < now", json!({"user.created_at": 1_762_000_000_000_i64}), YES),
        ("user.created_at < now", json!({"user.created_at": "1762000000"}), YES),
        ("user.created_at < now", json!({"user.created_at": "2026-01-01 10:00:00"}), YES),
        ("user.created_at < now", json!({"user.created_at": "soon"}), None),
    ] {
        assert_eq!(test(source, facts.clone()), outcome, "{source} over {facts}");
    }
}

#[test]
fn lengths_of_time() {
    const DAY: i64 = Millis::DAY;
    for (written, ms) in [
        ("30d", Some(30 * DAY)),
        ("2w", Some(14 * DAY)),
        ("1h30m", Some(5_400_000)),
        ("1h 30m", Some(5_400_000)),
        ("1.5h", Some(5_400_000)),
        ("90s", Some(90_000)),
        ("250ms", Some(250)),
        ("-1d", Some(-DAY)),
        ("30", None),
        ("d", None),
        ("30 days", None),
        ("1y", None),
        ("", None),
        ("99999999999999999999d", None),
    ] {
        assert_eq!(duration_from_text(written), ms, "{written}");
    }
}

#[test]
fn names_of_counters() {
    for name in ["tasks_30d", "_x", "A1"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["", "1a", "a-b", "user", "in", "größe", "a b", "now"] {
        assert!(!is_name(name), "{name}");
    }
}

#[test]
fn names_that_are_read_are_listed_once() {
    let expr = compiled(
        "tasks_30d > 5 && (tasks_30d < 9 || account.plan == \"free\") && user.tags.exists(t, t == account.plan)",
    );
    let slots: Vec<&Slot> = expr.slots().collect();
    assert_eq!(slots.len(), 3, "{slots:?}");
    assert_eq!(slots[0], &Slot::Counter(crate::ids::CounterId(0), Reading::Own));
}

#[test]
fn a_band_decides_only_what_all_of_it_decides() {
    for (source, size, outcome) in [
        ("account.employees >= 51", json!("51-200"), YES),
        ("account.employees >= 100", json!("51-200"), None),
        ("account.employees > 200", json!("51-200"), NO),
        ("account.employees >= 100", json!(120), YES),
        ("account.employees >= 100", json!("500+"), YES),
        ("account.employees < 50", json!("<50"), YES),
        ("100 <= account.employees", json!("500+"), YES),
        ("account.employees >= 100", json!("a few"), None),
        ("account.employees.min > 20", json!("51-200"), YES),
        ("account.employees.max <= 200", json!("51-200"), YES),
        ("account.employees.max <= 200", json!("500+"), None),
        ("account.employees.min * 2 == 102", json!("51-200"), YES),
        ("account.employees.min == 120", json!(120), YES),
        ("account.employees == \"51-200\"", json!("51-200"), YES),
        ("account.employees == \"51-200\"", json!(120), YES),
        ("account.employees != \"51-200\"", json!("11-50"), YES),
        ("account.employees in [\"11-50\", \"51-200\"]", json!("51-200"), YES),
        ("account.employees in [\"11-50\", \"51-200\"]", json!("500+"), NO),
        ("account.employees in [\"11-50\", 120]", json!(120), YES),
        ("account.employees > properties.n", json!("500+"), YES),
        ("account.employees > account.seats_limit", json!("500+"), YES),
        ("account.seats_limit < account.employees", json!("500+"), YES),
        ("has(account.employees)", json!("51-200"), YES),
    ] {
        let facts = json!({"account.employees": size, "account.seats_limit": 20, "event": {"properties": {"n": 20}}});
        assert_eq!(test(source, facts), outcome, "{source} over {size}");
    }
}

#[test]
fn countries_and_choices_are_known_in_any_spelling() {
    for (source, facts, outcome) in [
        ("account.country == \"Germany\"", json!({"account.country": "Deutschland"}), YES),
        ("account.country == \"DE\"", json!({"account.country": "germany"}), YES),
        ("\"Deutschland\" == account.country", json!({"account.country": "DE"}), YES),
        ("account.country != \"UK\"", json!({"account.country": "England"}), NO),
        ("account.country in [\"Canada\", \"USA\"]", json!({"account.country": "U.S."}), YES),
        ("account.country in [\"Canada\", \"USA\"]", json!({"account.country": "Atlantis"}), None),
        ("account.sector == \"LEGAL\"", json!({"account.sector": "Legal"}), YES),
        ("account.sector in [\"Real Estate\"]", json!({"account.sector": "real-estate"}), YES),
        ("account.sector == \"legal\"", json!({"account.sector": "gardening"}), None),
        ("account.sector.containsAny([\"estate\"])", json!({"account.sector": "real-estate"}), YES),
    ] {
        assert_eq!(test(source, facts.clone()), outcome, "{source} over {facts}");
    }
}

#[test]
fn money_is_a_number_however_it_is_written() {
    for budget in [json!(40_000), json!("$40k"), json!("40.000 €"), json!("40,000.00"), json!("USD 40,000")] {
        assert_eq!(test("account.budget / 2 == 20000", json!({"account.budget": budget})), YES, "{budget}");
    }
}

#[test]
fn what_can_be_asked_about_a_trait() {
    let facts = json!({"account.employees.at": "2026-11-01", "account.employees": 5});
    assert_eq!(test("now - account.employees.at > duration(\"1d\")", facts), YES);
}
