//! Territories: a spreadsheet beside the configuration, and rows within it.

use crate::config::diagnostic::render_all;
use crate::config::{Loaded, load};
use crate::crm::sample;
use crate::lead::LeadEvent;
use crate::routing::explain::explain;
use crate::time::Millis;

const TEAMS: &str = "
teams: { enterprise: { reps: [ana@x.example] }, smb: { reps: [ben@x.example] } }
routes: [ { name: by territory, to: territories }, { name: rest, to: self_serve } ]
";

fn load_with(yaml: &str, csv: &str) -> Result<Loaded, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("handraiser.yaml");
    std::fs::write(&path, format!("{yaml}{TEAMS}")).expect("written");
    std::fs::write(directory.path().join("territories.csv"), csv).expect("written");
    let prefix = format!("{}/", directory.path().display());
    load(&path, &|_| None).map_err(|all| render_all(&all, false).replace(&prefix, ""))
}

fn lead(country: &str, employees: u32) -> LeadEvent {
    let mut event = sample::full();
    let account = event.lead.account.as_mut().expect("there is one");
    account.traits.insert("country".to_owned(), country.into());
    account.traits.insert("employees".to_owned(), employees.into());
    event
}

fn reason(loaded: &Loaded, event: &LeadEvent) -> String {
    explain(loaded.config.rules.routes(), event, Millis(0)).reason
}

#[test]
fn a_spreadsheet_as_ops_teams_keep_it() {
    let csv = "\u{feff}Territory;Country;Company size;Owner;Notes\r\n\
        DACH large;\"Germany, AT, Schweiz\";200+;enterprise;since 2024\r\n\
        ;;;;\r\n\
        DACH;DE, AT, CH;<200;smb;\r\n\
        Canada;canada;;kai@x.example;\r\n";
    let loaded = load_with("territories: { from: territories.csv, ignore: [Notes] }", csv).expect("right");
    assert!(loaded.files.iter().any(|file| file.ends_with("territories.csv")));
    assert_eq!(
        reason(&loaded, &lead("Deutschland", 640)),
        "route `by territory`: always; territory `DACH large` (territories.csv:2): country Germany, employees 640; whoever's turn it is in team enterprise"
    );
    assert!(
        reason(&loaded, &lead("CA", 1))
            .ends_with("territory `Canada` (territories.csv:5): country Canada; goes to kai@x.example")
    );
    assert_eq!(
        reason(&loaded, &lead("France", 1)),
        "route `by territory`: always; no territory matched; route `rest`: always; self-serve, the product follows up"
    );
    let other = load_with("territories: { from: territories.csv, ignore: [Notes] }", &csv.replace("200+", "300+"));
    assert_ne!(other.expect("right").config.version, loaded.config.version, "another table is another configuration");
}

#[test]
fn rows_regions_dimensions_and_parents_of_ones_own() {
    let yaml = "
traits: { account: { segment: text, billing_country: country }, user: { segment: text } }
territories:
  regions: { south: [IT, Spain, Iberia] }
  reads: { segment: [account.segment, user.segment], country: [account.billing_country, account.country] }
  order: [segment, country]
  rows:
    - { name: Europe, region: EMEA }
    - { name: large, parent: Europe, employees: 500+, to: enterprise }
    - { name: south, region: south, to: smb }
    - { name: partners, segment: [Partner, reseller], to: self_serve }
    - { name: small, parent: Europe, employees: <500, to: smb, priority: 2 }
";
    let loaded = load_with(yaml, "").expect("right");
    let table = loaded.config.rules.territories.as_ref().expect("a table");
    assert_eq!(table.dimensions.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["segment", "region", "employees"]);
    let mut event = lead("Poland", 900);
    assert!(reason(&loaded, &event).contains("segment is unknown, which `partners`"), "{}", reason(&loaded, &event));
    let traits = |event: &mut LeadEvent, segment: &str| {
        event.lead.account.as_mut().expect("one").traits.insert("segment".into(), segment.into());
    };
    traits(&mut event, "direct");
    assert!(
        reason(&loaded, &event).contains("territory `large` (row 2): region EMEA (Poland), employees 900"),
        "{}",
        reason(&loaded, &event)
    );
    traits(&mut event, "PARTNER");
    assert!(reason(&loaded, &event).contains("`partners` (row 4): segment partner"), "{}", reason(&loaded, &event));
}

#[test]
fn what_is_wrong_with_a_spreadsheet_is_said_by_its_lines() {
    let csv = "Country,Employees,Owner,Quota\n\
        Germny,200+,enterprise,\n\
        Austria,lots,enterprise,\n\
        CH,,smbb,\n\
        FR,1-10\n\
        IT,,,5\n";
    insta::assert_snapshot!(load_with("territories: { from: territories.csv, columns: { region: Area } }", csv).expect_err("wrong"), @r"
    error: the file has no column `Area`
     --> handraiser.yaml:1:58
      |
    1 | territories: { from: territories.csv, columns: { region: Area } }
      |                                                          ^^^^
      = help: it has `Country`, `Employees`, `Owner` or `Quota`

    error: what does the column `Quota` say?
     --> territories.csv:1:25
      |
    1 | Country,Employees,Owner,Quota
      |                         ^^^^^
      = help: map it under `columns`, as in `columns: { country: Quota }`, or name it under `ignore`

    2 errors
    ");
    let csv = csv.replace(",Quota", ",Priority");
    insta::assert_snapshot!(load_with("territories: { from: territories.csv }", &csv).expect_err("wrong"), @r"
    error: `country`: `Germny` is no country
     --> territories.csv:2:1
      |
    2 | Germny,200+,enterprise,
      | ^^^^^^
      = help: did you mean `Germany`?

    error: `employees`: `lots` is no number
     --> territories.csv:3:9
      |
    3 | Austria,lots,enterprise,
      |         ^^^^
      = help: write `50-200`, `200+`, `<50`, or a number

    error: unknown team `smbb`
     --> territories.csv:4:5
      |
    4 | CH,,smbb,
      |     ^^^^
      = help: did you mean `smb`?

    error: this line has 2 cells, the first one 4
     --> territories.csv:5:1
      |
    5 | FR,1-10
      | ^^^^^^^
      = help: put a cell that has commas in it into double quotes

    error: this territory has nobody who gets its leads
     --> territories.csv:6:1
      |
    6 | IT,,,5
      | ^^^^^^
      = help: add a team, a rep's e-mail address, or `self_serve`, in the column `to`

    5 errors
    ");
    let overlap = "Country,Size,To\nDE,50-200,smb\n\"DE,FR\",200+,enterprise\nFR,,smb\nFrance,,enterprise\n";
    insta::assert_snapshot!(load_with("territories: { from: territories.csv }", overlap).expect_err("wrong"), @r#"
    error: a lead may be in `DE, 50-200` (territories.csv:2) and in `DE,FR, 200+`, which are equally specific
     --> territories.csv:3:1
      |
    3 | "DE,FR",200+,enterprise
      | ^^^^^^^^^^^^^^^^^^^^^^^
      = help: narrow one of them, or give one of them a greater `priority`

    error: a lead may be in `FR` (territories.csv:4) and in `France`, which are equally specific
     --> territories.csv:5:1
      |
    5 | France,,enterprise
      | ^^^^^^^^^^^^^^^^^^
      = help: narrow one of them, or give one of them a greater `priority`

    2 errors
    "#);
}

#[test]
fn what_is_wrong_with_the_section_is_said() {
    let yaml = "
territories:
  from: territories.csv
  reads: { segment: acount.segment, tier: account.tierr }
  regions: { south: [Itly] }
  order: [contry]
  rows:
    - { country: DE, to: smb, contry: DE }
    - { country: FR }
    - { country: IT, to: territories }
    - { name: a, parent: b, to: smb }
    - { name: b, parent: a, to: smb, effective_from: soon, priority: high }
";
    insta::assert_snapshot!(load_with(yaml, "Country,To\n").expect_err("wrong"), @r"
    error: unknown name `acount`
     --> handraiser.yaml:4:21
      |
    4 |   reads: { segment: acount.segment, tier: account.tierr }
      |                     ^^^^^^
      = help: did you mean `account`?

    error: unknown trait `account.tierr`
     --> handraiser.yaml:4:43
      |
    4 |   reads: { segment: acount.segment, tier: account.tierr }
      |                                           ^^^^^^^^^^^^^
      = help: declare it under `traits`, below `account`

    error: `Itly` is no country, and no region
     --> handraiser.yaml:5:22
      |
    5 |   regions: { south: [Itly] }
      |                      ^^^^
      = help: did you mean `Italy`?

    error: unknown dimension `contry`
     --> handraiser.yaml:6:11
      |
    6 |   order: [contry]
      |           ^^^^^^
      = help: did you mean `country`?

    error: unknown dimension `contry`
     --> handraiser.yaml:8:39
      |
    8 |     - { country: DE, to: smb, contry: DE }
      |                                       ^^
      = help: did you mean `country`?

    error: this territory has nobody who gets its leads
     --> handraiser.yaml:9:9
      |
    9 |     - { country: FR }
      |         ^^^^^^^
      = help: add a team, a rep's e-mail address, or `self_serve`, in the column `to`

    error: unknown team `territories`
      --> handraiser.yaml:10:26
       |
    10 |     - { country: IT, to: territories }
       |                          ^^^^^^^^^^^
       = help: there is `enterprise`, `smb` or `self_serve`; a rep is named by e-mail address

    error: `b` is above itself
      --> handraiser.yaml:11:26
       |
    11 |     - { name: a, parent: b, to: smb }
       |                          ^
       = help: name a parent that has none of these below it

    error: `a` is above itself
      --> handraiser.yaml:12:26
       |
    12 |     - { name: b, parent: a, to: smb, effective_from: soon, priority: high }
       |                          ^
       = help: name a parent that has none of these below it

    error: `effective_from`: `soon` is no date
      --> handraiser.yaml:12:54
       |
    12 |     - { name: b, parent: a, to: smb, effective_from: soon, priority: high }
       |                                                      ^^^^
       = help: write it as in `2027-01-31`; a territory holds from the one until before the other

    error: `priority`: `high` is no whole number
      --> handraiser.yaml:12:70
       |
    12 |     - { name: b, parent: a, to: smb, effective_from: soon, priority: high }
       |                                                                      ^^^^
       = help: the greater one wins; without one it is 0

    11 errors
    ");
}

#[test]
fn a_table_without_rows_and_a_route_without_a_table_are_refused() {
    let stale =
        "traits: { account: { employees: { type: band, stale: 30d } } }\nterritories: { from: territories.csv }";
    insta::assert_snapshot!(load_with(stale, "Employees,To\n200+,smb\n").expect_err("wrong"), @r"
    error: `employees`: `account.employees` goes stale, and a lead has the last value whatever its age
     --> handraiser.yaml:2:14
      |
    2 | territories: { from: territories.csv }
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: say where a lead says it: `reads: { employees: … }`, a trait or a signal

    1 error
    ");
    insta::assert_snapshot!(load_with("territories: {}", "").expect_err("wrong"), @r"
    error: there is no row in the territories
     --> handraiser.yaml:1:14
      |
    1 | territories: {}
      |              ^^
      = help: name a CSV file, `from: territories.csv`, or write `rows`

    1 error
    ");
    insta::assert_snapshot!(load_with("", "").expect_err("wrong"), @r"
    error: there are no territories
     --> handraiser.yaml:3:37
      |
    3 | routes: [ { name: by territory, to: territories }, { name: rest, to: self_serve } ]
      |                                     ^^^^^^^^^^^
      = help: add `territories: { from: territories.csv }`

    1 error
    ");
}

#[test]
fn a_row_whose_owner_was_forgotten_is_told() {
    let csv = "Name,Parent,Country,To\nEurope,,\"DE,FR\",\nGermany,Europe,DE,smb\nFrance,europe,FR,smb\nBrazil,,BR,\nWorld,,,smb\n";
    let warnings = load_with("territories: { from: territories.csv }", csv).expect("it can be used").warnings;
    let of_rows = warnings.iter().filter(|warning| warning.message.contains("`parent`"));
    let said: Vec<_> = of_rows.map(|warning| (warning.line, &*warning.message)).collect();
    assert_eq!(said, [(5, "nobody gets the leads of `Brazil`, and no territory names it as its `parent`")]);
}
