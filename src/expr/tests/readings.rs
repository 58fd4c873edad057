//! How counters are read in conditions.

use serde_json::json;

use super::*;

fn counter(reading: Reading) -> Slot {
    Slot::Counter(crate::ids::CounterId(0), reading)
}

#[test]
fn readings_are_what_they_are_written_as() {
    for (written, reading) in [
        ("tasks_30d > 5", Reading::Own),
        ("tasks_30d.within(duration(\"30d\")) > 5", Reading::Within(Span::Days(30))),
        ("tasks_30d.within(duration(\"2w\")) > 5", Reading::Within(Span::Days(14))),
        ("tasks_30d.within(duration(\"24h\")) > 5", Reading::Within(Span::Minutes(1_440))),
        ("tasks_30d.within(duration(\"1d12h\")) > 5", Reading::Within(Span::Minutes(2_160))),
        ("tasks_30d.between(duration(\"14d\"), duration(\"7d\")) > 5", Reading::Between(Span::Days(14), Span::Days(7))),
        (
            "tasks_30d.between(duration(\"2d\"), duration(\"90m\")) > 5",
            Reading::Between(Span::Minutes(2_880), Span::Minutes(90)),
        ),
        ("tasks_30d.this(month) > 5", Reading::This(Period::Month)),
        ("tasks_30d.previous(quarter) > 5", Reading::Previous(Period::Quarter)),
        ("tasks_30d.per(day, 7).all(n, n > 5)", Reading::Per(Period::Day, 7)),
        ("tasks_30d.decayed(duration(\"14d\")) > 5", Reading::Decayed(Span::Days(14))),
        ("now - tasks_30d.last_at < duration(\"14d\")", Reading::LastAt),
        ("tasks_30d.first_at > user.first_seen", Reading::FirstAt),
        ("tasks_30d.during(user.created_at, user.created_at + duration(\"7d\")) > 5", Reading::ANCHORED),
        ("tasks_30d.during(user.created_at, user.created_at + duration(\"36h\")) > 5", Reading::ANCHORED_HOURS),
    ] {
        let slots: Vec<Slot> = compiled(written).slots().cloned().collect();
        assert!(slots.contains(&counter(reading)), "{written}: {slots:?}");
    }
}

#[test]
fn lists_of_periods() {
    let facts = json!({ "tasks_30d Per(Day, 5)": [0, 4, 5, 0, 6] });
    for (condition, expected) in [
        ("tasks_30d.per(day, 5).exists(n, n > 5)", Some(true)),
        ("tasks_30d.per(day, 5).all(n, n > 0)", Some(false)),
        ("tasks_30d.per(day, 5).count(n, n > 0) == 3", Some(true)),
        ("tasks_30d.per(day, 5).streak(n, n > 0) == 2", Some(true)),
        ("tasks_30d.per(day, 5).avg() == 3", Some(true)),
        ("tasks_30d.per(day, 5).min() == 0", Some(true)),
        ("tasks_30d.per(day, 5).max() == 6", Some(true)),
        ("tasks_30d.per(day, 5).sum() == 15", Some(true)),
        ("tasks_30d.per(day, 5)[4] > tasks_30d.per(day, 5)[0] * 2", Some(true)),
        ("boards.per(day, 5).avg() > 1", None),
        ("boards.per(day, 5).count(n, n > 1) > 1", None),
    ] {
        assert_eq!(test(condition, facts.clone()), expected, "{condition}");
    }
}

#[test]
fn between_moments_that_are_known_only_now() {
    let from = time_from_text("2026-11-01").unwrap();
    let reading = Reading::During { hours: false, from, to: from.plus(7 * Millis::DAY) };
    let condition = "tasks_30d.during(user.created_at, user.created_at + duration(\"7d\")) >= 5";
    let facts = json!({ "user.created_at": "2026-11-01", (format!("tasks_30d {reading:?}")): 7 });
    assert_eq!(test(condition, facts), Some(true));
    assert_eq!(test(condition, json!({})), None, "nobody knows when that was");
}

#[test]
fn explained_as_written() {
    let facts = json!({ "tasks_30d Within(Days(7))": 3 });
    let observed = compiled("tasks_30d.within(duration(\"7d\")) > 5").explain(&Sample::of(facts)).observed;
    assert_eq!(observed[0].what, "tasks_30d.within(duration(\"7d\"))");
    assert_eq!(observed[0].value, 3);
}

#[test]
fn what_is_wrong_is_said() {
    let wrong: Vec<String> = [
        "tasks_30d.within(30) > 5",
        "tasks_30d.within(\"30d\") > 5",
        "tasks_30d.within(duration(\"500d\")) > 5",
        "tasks_30d.within(duration(\"5000h\")) > 5",
        "tasks_30d.within() > 5",
        "tasks_30d.within > 5",
        "tasks_30d.withn(duration(\"30d\")) > 5",
        "tasks_30d.last(duration(\"30d\")) > 5",
        "tasks_30d.between(duration(\"7d\"), duration(\"14d\")) > 5",
        "tasks_30d.this(year) > 5",
        "tasks_30d.this(hour) > 5",
        "tasks_30d.per(day, 1000).all(n, n > 5)",
        "tasks_30d.per(day, 7) > 5",
        "tasks_30d.avg() > 5",
        "account.plan.avg() > 5",
        "tasks_30d.decayed(duration(\"90d\")) > 5",
        "tasks_30d.first_at > 5",
        "tasks_30d.first_at() > user.created_at",
        "tasks_30d.first_seen > user.created_at",
        "tasks_30d.reached > 2",
        "tasks_30d.during(now - duration(\"7d\"), now) > 5",
        "tasks_30d.during(user.title, user.created_at) > 5",
        "people.between(duration(\"14d\"), duration(\"7d\")) > 5",
        "days.within(24h) > 5",
        "path.reached > true",
    ]
    .into_iter()
    .map(|source| {
        let errors = compile(source, &scope()).expect_err(source);
        rendered(source, &errors)
    })
    .collect();
    snapshot("readings", &wrong.join("\n"));
}
