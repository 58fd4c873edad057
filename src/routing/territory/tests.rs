mod cover;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::expr::country::Country;
use crate::expr::{Facts, Scope, Slot, Type, Value, compile_value};
use crate::record::Needs;
use crate::routing::RouteTarget;
use crate::time::Millis;

/// A lead of which only the account's traits are known.
struct Account(Json);

impl Facts for Account {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        match slot {
            Slot::Trait { path, .. } => self.0.get(&*path[0]).map_or(Value::Unknown, Value::from_json),
            _ => Value::Unknown,
        }
    }
}

fn dimensions(names: &[&str]) -> Vec<Dimension> {
    let traits = names.iter().chain(&["country"]).map(|name| (Box::from(*name), Type::Any)).collect();
    let scope = Scope { account_traits: Some(traits), ..Scope::default() };
    let dimension = |name: &&str| {
        let of = if Kind::of(name) == Kind::Region { "country" } else { name };
        let reads = vec![compile_value(&format!("account.{of}"), &scope).expect("a name")];
        Dimension { name: Arc::from(*name), kind: Kind::of(name), reads }
    };
    names.iter().map(dimension).collect()
}

/// A table: the first line names the dimensions, the others what they ask and who gets the leads.
fn table(text: &str) -> Territories {
    let mut lines = text.trim().lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let names = lines.next().expect("a heading");
    let dimensions = dimensions(&names[..names.len() - 1]);
    let rows = lines.enumerate().map(|(at, cells)| {
        let (to, cells) = cells.split_last().expect("a target");
        let country = dimensions
            .iter()
            .position(|one| one.kind == Kind::Country)
            .map(|at| Cell::read(Kind::Country, cells[at], &Regions::new(), None).expect("a country"));
        let read = |(text, of): (&&str, &Dimension)| {
            Cell::read(of.kind, text, &Regions::new(), country.as_ref())
                .unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
        };
        Row {
            name: Arc::from(*to),
            place: Arc::from(format!("row {}", at + 1)),
            cells: cells.iter().zip(&dimensions).map(read).collect(),
            priority: 0,
            effective: (None, None),
            needs: Needs::default(),
            to: RouteTarget::Team(Arc::from(*to)),
        }
    });
    let rows = rows.collect();
    Territories::new(dimensions.clone(), rows, Unknown::NextRoute)
}

fn chosen(table: &Territories, account: Json) -> String {
    let choice = table.choose(&Account(account), Millis(0));
    match (choice.unclear, choice.row) {
        (Some((row, why)), _) => format!("{why} for {}", row.name),
        (None, Some(row)) => row.name.to_string(),
        (None, None) => "nobody".to_owned(),
    }
}

const WORLD: &str = "
    domain              | postal_code | state      | country     | region | employees | to
    acme.com; acme.de   |             |            |             |        |           | named
                        | 80-85       |            | Germany     |        |           | munich
                        |             | Kalifornien| USA         |        |           | west
                        |             |            | DE, AT      |        | 200+      | dach large
                        |             |            | Deutschland |        | <200      | germany small
                        |             |            |             | EMEA   | 200+      | emea large
                        |             |            |             | EMEA   | <200      | emea small
                        |             |            |             |        | 1000+     | giants
                        |             |            |             |        |           | rest";

#[test]
fn the_most_specific_row_takes_a_lead() {
    let world = table(WORLD);
    assert_eq!(world.overlaps(9), []);
    for (account, expected) in [
        (json!({ "domain": "acme.com", "country": "DE", "employees": 5 }), "named"),
        (json!({ "domain": "https://shop.acme.de/x", "country": "FR", "employees": 5 }), "named"),
        (json!({ "domain": "notacme.com", "country": "FR", "employees": "201-500" }), "emea large"),
        (json!({ "country": "Germany", "postal_code": "82 041", "employees": 5 }), "munich"),
        (json!({ "country": "Germany", "postal_code": "10115", "employees": 5 }), "germany small"),
        (json!({ "country": "ドイツ", "postal_code": "10115", "employees": 5000 }), "dach large"),
        (json!({ "country": "AT", "postal_code": "8010", "employees": 199 }), "emea small"),
        (json!({ "country": "US", "state": "Calif.", "employees": 50 }), "west"),
        (json!({ "country": "US", "state": "TX", "employees": 5000 }), "giants"),
        (json!({ "country": "US", "state": "TX", "employees": 50 }), "rest"),
        // Whoever says which state says which country.
        (json!({ "state": "Texas", "employees": 50 }), "rest"),
        (json!({ "country": "AT", "postal_code": "8010" }), "employees is unknown for dach large"),
        (
            json!({ "country": "AT", "postal_code": "8010", "employees": "51-500" }),
            "51-500 may or may not be 200+ for dach large",
        ),
        (json!({ "country": "US", "employees": 50 }), "state is unknown for west"),
        (json!({ "country": "nowhere", "employees": 50, "state": "US-TX" }), "rest"),
        (
            json!({ "country": "nowhere", "employees": 50, "state": "OR", "postal_code": "97" }),
            "state is “OR”, which can't be understood, country is “nowhere”, which can't be understood for west",
        ),
    ] {
        assert_eq!(chosen(&world, account.clone()), expected, "{account}");
    }
}

#[test]
fn rows_of_one_rank_that_one_lead_may_meet_are_found() {
    let found = |rows: &str| {
        let table = table(rows);
        let named = |at: usize| table.rows[at].place.to_string();
        let all = table.overlaps(9);
        all.iter().map(|one| format!("{} and {}", named(one.first), named(one.second))).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(found("country | employees | to\n DE | 50-200 | a\n DE, FR | 200+ | b"), "row 1 and row 2");
    assert_eq!(found("country | employees | to\n DE | 50-199 | a\n DE, FR | 200+ | b"), "");
    assert_eq!(found("region | to\n EMEA | a\n DACH | b\n APAC | c"), "", "the smaller region is more specific");
    assert_eq!(found("country | to\n DE, AT | a\n CH, AT | b"), "row 1 and row 2");
    assert_eq!(found("postal_code | to\n 80-85 | a\n 84 | b\n 85-89 | c"), "row 1 and row 3");
    assert_eq!(found("domain | to\n acme.com | a\n acme.com | b\n shop.acme.com | c"), "row 1 and row 2");
    assert_eq!(found("industry | to\n Legal; finance | a\n FINANCE | b"), "row 1 and row 2");
}

#[test]
fn what_was_nearly_enough_is_said() {
    let near =
        table(WORLD).near(&Account(json!({ "country": "AT", "postal_code": "1010", "employees": 180 })), Millis(0));
    assert_eq!(
        near,
        [
            "employees is 180; 200+ would have gone to dach large (row 4)",
            "country is Austria; Deutschland would have gone to germany small (row 5)",
            "employees is 180; 200+ would have gone to emea large (row 6)",
        ]
    );
}

#[test]
fn cells_that_nobody_can_read_say_how_to_write_them() {
    let wrong = |kind, text: &str, country: Option<&str>| {
        let country =
            country.map(|country| Cell::read(Kind::Country, country, &Regions::new(), None).expect("a country"));
        let wrong = Cell::read(kind, text, &Regions::new(), country.as_ref()).expect_err(text);
        format!("{}: {}", wrong.message, wrong.help)
    };
    assert_eq!(wrong(Kind::Country, "Germny", None), "no country: did you mean `Germany`?");
    assert_eq!(wrong(Kind::Country, "DACH", None), "a region, not a country: put it into the column `region`");
    assert_eq!(wrong(Kind::Region, "EMAE", None), "no region: did you mean `EMEA`?");
    assert_eq!(
        wrong(Kind::State, "Georgia", None),
        "not the name of one state only: write `US-GA`, or the country in its column"
    );
    assert_eq!(
        wrong(Kind::State, "Bavaria", Some("US")),
        "no state of United States: write its name or its code, such as `California`, `US-CA`, or `CA` with the country"
    );
    assert_eq!(wrong(Kind::Number, "many", None), "no number: write `50-200`, `200+`, `<50`, or a number");
    assert_eq!(
        wrong(Kind::Postal, "90000-80000", None),
        "a range that ends before it begins: write the lower code first"
    );
    assert_eq!(wrong(Kind::Domain, "acme", None), "no domain: write it as in `acme.com`");
}

#[test]
fn a_territory_holds_from_a_day_until_before_another() {
    let mut table = table("country | to\n DE | old\n DE | new");
    for row in &mut table.rows {
        row.effective = if *row.name == *"old" { (None, Some(Millis(100))) } else { (Some(Millis(100)), None) };
    }
    assert_eq!(table.overlaps(9), []);
    let at = |now| table.choose(&Account(json!({ "country": "DE" })), Millis(now)).row.map(|row| row.name.to_string());
    assert_eq!((at(99).as_deref(), at(100).as_deref()), (Some("old"), Some("new")));
}

fn cells() -> impl Strategy<Value = [String; 5]> {
    let blank = |of: &'static [&'static str]| prop::sample::select(of).prop_map(str::to_owned);
    [
        blank(&["", "", "acme.com", "shop.acme.com", "other.io"]),
        blank(&["", "", "8", "80-85", "81", "9"]),
        blank(&["", "", "DE", "DE,AT", "FR", "US"]),
        blank(&["", "", "DACH", "EMEA", "NORAM"]),
        blank(&["", "", "<50", "50-199", "200+", "100-300"]),
    ]
}

fn lead() -> impl Strategy<Value = Json> {
    let one = |of: &'static [&'static str]| {
        prop::sample::select(of).prop_map(|text| if text.is_empty() { Json::Null } else { json!(text) })
    };
    let all = (
        one(&["", "acme.com", "x.shop.acme.com", "nobody.example"]),
        one(&["", "80331", "81", "9000", "8"]),
        one(&["", "DE", "Austria", "FR", "US", "JP"]),
        one(&["", "10", "50", "150", "250", "51-200", "1000+"]),
    );
    all.prop_map(|(domain, postal, country, employees)| {
        json!({ "domain": domain, "postal_code": postal, "country": country, "employees": employees })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// With the shelves of rows as without; and where no overlap is found, no lead meets two rows of one rank.
    #[test]
    fn the_choice_is_what_trying_every_row_says(rows in prop::collection::vec(cells(), 1..9), leads in prop::collection::vec(lead(), 1..9)) {
        let lines: Vec<String> = rows.iter().enumerate().map(|(at, row)| format!("{} | t{at}", row.join(" | "))).collect();
        let table = table(&format!("domain | postal_code | country | region | employees | to\n{}", lines.join("\n")));
        let overlaps = !table.overlaps(1).is_empty();
        for lead in leads {
            let account = Account(lead.clone());
            let choice = table.choose(&account, Millis(0));
            let tried = table.tried(&account, Millis(0));
            let first = tried.iter().position(|tried| tried.failed.is_empty());
            prop_assert_eq!(choice.row.map(|row| &row.place), first.map(|at| &tried[at].row.place), "{}", lead);
            let unclear = tried.iter().take(first.unwrap_or(tried.len())).find(|tried| tried.failed.iter().all(|one| one.unknown));
            prop_assert_eq!(choice.unclear.map(|(row, _)| &row.place), unclear.map(|tried| &tried.row.place), "{}", lead);
            let met: Vec<_> = tried.iter().filter(|tried| tried.failed.is_empty()).map(|tried| tried.row.rank()).collect();
            let same = met.windows(2).any(|pair| pair[0] == pair[1]);
            prop_assert!(!same || overlaps, "two rows of one rank take {}", lead);
        }
    }
}

#[test]
fn states_of_several_countries_need_the_country() {
    let table = table("state | country | to\n Georgia | US | peach\n | Georgia | wine");
    assert_eq!(chosen(&table, json!({ "state": "GA", "country": "United States" })), "peach");
    assert_eq!(chosen(&table, json!({ "state": "Tbilisi", "country": "Georgia" })), "wine");
    assert!(Country::read("Georgia").is_some());
    assert_eq!(
        chosen(&table, json!({ "state": "Georgia" })),
        "state is “Georgia”, which may mean several as long as the country is unknown, country is unknown for peach"
    );
}

#[test]
fn what_only_looks_like_a_domain_hides_none() {
    let traits = ["id", "site"].map(|name| (Box::from(name), Type::Any)).into_iter().collect();
    let scope = Scope { account_traits: Some(traits), ..Scope::default() };
    let reads = ["account.id", "account.site"].map(|text| compile_value(text, &scope).expect("a name")).to_vec();
    let dimension = [Dimension { name: Arc::from("domain"), kind: Kind::Domain, reads }];
    for (id, site, expected) in [
        ("org.42", json!("acme.com"), "acme.com"),
        ("v2.acct_9", json!("https://www.acme.de/x"), "acme.de"),
        ("acme.co.uk", json!("other.io"), "acme.co.uk"),
        ("crm.internal", json!(null), "crm.internal"),
        ("42", json!(null), "none"),
    ] {
        let facts = Fact::all(&dimension, &Named(id, Account(json!({ "site": site }))));
        assert_eq!(facts[0].to_string(), expected, "{id}");
    }
}

/// An account with an id.
struct Named(&'static str, Account);

impl Facts for Named {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        if let Slot::Id(_) = slot { Value::Text(self.0.into()) } else { self.1.read(slot) }
    }
}
