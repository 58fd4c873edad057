//! Regions by the names that sales organisations give them (DACH, EMEA, APAC, Nordics, …), as lists of countries.
//!
//! `regions.tsv` is made by `scripts/countries`. What a name means differs between companies, so that configurations may declare their
//! own, under the same names, too.

use super::{Country, fold};

/// The countries of a region that everybody knows by this name; `None` where nobody does.
pub fn region(name: &str) -> Option<Vec<Country>> {
    let folded = fold(name);
    let lines = include_str!("regions.tsv").lines().filter_map(|line| line.split_once('\t'));
    let (_, countries) = lines.into_iter().find(|(names, _)| names.split('|').any(|name| fold(name) == folded))?;
    Some(countries.split(' ').filter_map(Country::read).collect())
}

/// The names of all of them, of each the first.
pub fn region_names() -> impl Iterator<Item = &'static str> {
    include_str!("regions.tsv").lines().filter_map(|line| line.split(['|', '\t']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_the_countries_that_sales_organisations_mean() {
        let has = |name: &str, code: &str| region(name).is_some_and(|all| all.iter().any(|one| one.code() == code));
        for (name, inside, outside) in [
            ("DACH", "AT", "LI"),
            ("emea", "ZA", "IN"),
            ("EMEA", "AE", "US"),
            ("APAC", "AU", "AE"),
            ("Asia-Pacific", "JP", "TR"),
            ("LATAM", "BR", "US"),
            ("Nordics", "IS", "EE"),
            ("UK & Ireland", "IE", "FR"),
            ("EU", "HR", "GB"),
            ("Benelux", "LU", "DE"),
        ] {
            assert!(has(name, inside), "{inside} is in {name}");
            assert!(!has(name, outside), "{outside} is not in {name}");
        }
        assert_eq!(region("Atlantis"), None);
        assert!(region_names().all(|name| region(name).is_some_and(|all| !all.is_empty())));
    }
}
