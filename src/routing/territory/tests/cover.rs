use proptest::prelude::*;
use serde_json::json;

use super::{Account, cells, lead, table};
use crate::routing::territory::{Covered, Territories, Unknown};
use crate::time::Millis;

/// The same table, its rows with these priorities.
fn ranked(table: &Territories, priorities: &[i64]) -> Territories {
    let mut rows = table.rows.clone();
    rows.sort_by_key(|row| row.place.clone());
    rows.iter_mut().zip(priorities).for_each(|(row, priority)| row.priority = *priority);
    Territories::new(table.dimensions.clone(), rows, Unknown::NextRoute)
}

fn told(covered: &Covered<'_>) -> String {
    let countries: Vec<&str> = covered.countries.iter().map(|country| country.code()).collect();
    let countries = if countries.is_empty() { "elsewhere".to_owned() } else { countries.join(" ") };
    let rows: Vec<&str> = covered.rows.iter().map(|row| &*row.name).collect();
    format!("{countries}: {} ({})", rows.join(", "), covered.gap.as_deref().unwrap_or("all"))
}

fn by_country(text: &str) -> Vec<String> {
    table(text).by_country(Millis(0)).iter().map(told).collect()
}

#[test]
fn who_falls_through_is_told_by_country() {
    let found = by_country(
        "
        domain   | state | country | region  | industry   | employees | to
        acme.com |       |         |         |            |           | named
                 |       | DE, AT  |         |            | 200+      | dach
                 |       | DE      |         |            | <200      | germany small
                 |       |         | Benelux | government |           | public
                 |       |         | Benelux |            | 1-49      | small
                 |       |         | Benelux |            | 50+       | large
                 | N.S.W.; Vic.; Qld; WA; SA; Tas.; ACT | Australia | | | | australia
        ",
    );
    assert_eq!(
        found,
        [
            "AU: australia (state Northern Territory (AU-NT))",
            "AT: dach (employees 199)",
            "BE LU NL: public, small, large (another industry, employees 0)",
            "DE: dach, germany small (all)",
            "elsewhere:  (everybody)",
        ]
    );
    let everywhere = by_country("country | employees | to\n DE | 200+ | de\n | 50+ | large\n | <50 | small");
    assert_eq!(everywhere, ["DE: de, large, small (all)", "elsewhere: large, small (all)"]);
}

#[test]
fn a_territory_all_of_whose_leads_others_take_never_wins() {
    let all = table(
        "
        country | region | employees | industry | to
        DE      |        |           |          | germany
                | DACH   | <200      |          | small
                | DACH   | 200+      |          | large
        AT      |        | 10-20     |          | austria
        CH      |        |           | banks    | banks
        ",
    );
    let never = |priorities: &[i64]| {
        let table = ranked(&all, priorities);
        let told = table.never_win().into_iter().map(|one| {
            let by: Vec<&str> = one.by.iter().map(|row| &*row.name).collect();
            format!("{} by {}", one.row.name, by.join(", "))
        });
        told.collect::<Vec<_>>()
    };
    // The most specific wins, so that everybody has their turn.
    assert_eq!(never(&[0; 5]), Vec::<String>::new());
    assert_eq!(never(&[0, 5, 0, 0, 0]), ["austria by small"]);
    let both = ["austria by small", "banks by small, large", "germany by small, large"];
    assert_eq!(never(&[0, 5, 5, 0, 0]), both);
    assert_eq!(never(&[0, 5, 5, 9, 9]), ["germany by small, large"]);
}

#[test]
fn ranges_of_postal_codes_are_looked_at_to_their_ends() {
    let never = |text: &str| ranked(&table(text), &[0, 1, 1]).never_win().len();
    let table =
        |first: &str, second: &str| format!("postal_code | to\n 80000-86999 | all\n {first} | a\n {second} | b");
    assert_eq!(never(&table("80000-83999", "84000-86999")), 1);
    assert_eq!(never(&table("80000-83999", "84000-86998")), 0);
    assert_eq!(never(&table("80-83", "84-86")), 1);
    assert_eq!(never(&table("80-83", "85-86")), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// What is said never to win wins no lead, and a lead that nobody takes is from where somebody is said to fall through.
    #[test]
    fn what_is_said_of_a_table_is_true_of_every_lead(
        rows in prop::collection::vec(cells(), 1..9),
        priorities in prop::collection::vec(0..3_i64, 9),
        leads in prop::collection::vec(lead(), 1..12),
    ) {
        let lines: Vec<String> = rows.iter().enumerate().map(|(at, row)| format!("{} | t{at}", row.join(" | "))).collect();
        let table = table(&format!("domain | postal_code | country | region | employees | to\n{}", lines.join("\n")));
        let table = ranked(&table, &priorities);
        let never: Vec<_> = table.never_win().iter().map(|one| one.row.place.clone()).collect();
        let covered = table.by_country(Millis(0));
        for lead in leads {
            let account = Account(lead.clone());
            let choice = table.choose(&account, Millis(0));
            if choice.unclear.is_some() {
                continue;
            }
            if let Some(row) = choice.row {
                prop_assert!(!never.contains(&row.place), "{} wins {}", row.place, lead);
            } else if lead["country"] != json!(null) {
                let country = crate::expr::country::Country::read(lead["country"].as_str().expect("a text")).expect("one");
                let about = covered.iter().find(|one| one.countries.contains(&country)).or(covered.last()).expect("the rest");
                prop_assert!(about.gap.is_some(), "nobody takes {lead}, and {} is said", told(about));
            }
        }
    }
}
