//! Countries in any spelling: the names of the CLDR in every language, ISO 3166-1 codes, and what people say instead.
//!
//! `names.tsv.gz` is made by `scripts/countries`: the English names by code, an empty line, then folded names and their codes. It is
//! inflated when the first country is asked for; before that it costs nothing but its place in the program.

pub mod region;
pub mod subdivision;

use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;

use compact_str::CompactString;
use flate2::read::GzDecoder;

/// A country by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(&'static str);

struct Table {
    english: Vec<(&'static str, &'static str)>,
    by_name: HashMap<&'static str, Country, ahash::RandomState>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut text = String::new();
    let packed: &[u8] = include_bytes!("names.tsv.gz");
    GzDecoder::new(packed).read_to_string(&mut text).expect("the table in the program is whole");
    let (english, names) = text.leak().split_once("\n\n").expect("the table has two parts");
    let pairs = |part: &'static str| part.lines().filter_map(|line| line.split_once('\t'));
    Table {
        english: pairs(english).collect(),
        by_name: pairs(names).map(|(name, code)| (name, Country(code))).collect(),
    }
});

impl Country {
    /// The country that `written` means: a code, or a name in any language; `None` where it means none, or several.
    pub fn read(written: &str) -> Option<Self> {
        // Not Namibia.
        if matches!(&*written.trim().to_ascii_lowercase(), "n/a" | "n.a." | "n.a") {
            return None;
        }
        let table = &*TABLE;
        let folded = fold(written);
        let found = table.by_name.get(&*folded).or_else(|| table.by_name.get(folded.strip_prefix("the")?));
        found.copied()
    }

    /// Its code: `DE`.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// Its name in English.
    pub fn name(self) -> &'static str {
        let english = &TABLE.english;
        let found = english.binary_search_by(|(code, _)| code.cmp(&self.0)).ok().and_then(|at| english.get(at));
        found.map_or(self.0, |(_, name)| name)
    }

    /// The English names of all countries.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.english.iter().map(|(_, name)| *name)
    }
}

/// Case, spaces and punctuation make no difference. The same as in `scripts/countries`.
fn fold(written: &str) -> CompactString {
    let is_kept = |c: &char| {
        !c.is_whitespace()
            && !c.is_ascii_punctuation()
            && !matches!(c, '’' | '‘' | 'ʼ' | 'ʻ' | '·' | '–' | '—' | '،' | '・')
    };
    written.chars().filter(is_kept).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_known_in_any_spelling() {
        for (written, code) in [
            ("DE", "DE"),
            ("de", "DE"),
            ("deu", "DE"),
            ("Germany", "DE"),
            ("  GERMANY ", "DE"),
            ("Deutschland", "DE"),
            ("Allemagne", "DE"),
            ("Alemania", "DE"),
            ("Niemcy", "DE"),
            ("ドイツ", "DE"),
            ("Германия", "DE"),
            ("德国", "DE"),
            ("UK", "GB"),
            ("United Kingdom", "GB"),
            ("England", "GB"),
            ("USA", "US"),
            ("U.S.", "US"),
            ("United States of America", "US"),
            ("États-Unis", "US"),
            ("Etats Unis", "US"),
            ("the Netherlands", "NL"),
            ("Holland", "NL"),
            ("Österreich", "AT"),
            ("Osterreich", "AT"),
            ("canada", "CA"),
            ("Kanada", "CA"),
            ("Côte d’Ivoire", "CI"),
            ("Cote d'Ivoire", "CI"),
            ("South Korea", "KR"),
            ("Türkiye", "TR"),
            ("Turkey", "TR"),
            ("भारत", "IN"),
            ("Brasil", "BR"),
            ("Niger", "NE"),
            ("Nigeria", "NG"),
        ] {
            assert_eq!(Country::read(written).map(Country::code), Some(code), "{written}");
        }
        for nothing in ["", "the", "Bavaria", "Europe", "XX", "world", "n/a"] {
            assert_eq!(Country::read(nothing), None, "{nothing}");
        }
        assert_eq!(Country::read("de").map(Country::name), Some("Germany"));
    }

    #[test]
    fn the_table_is_whole_and_its_names_are_folded_as_they_are_looked_up() {
        let table = &*TABLE;
        assert!((240..260).contains(&table.english.len()));
        assert!(table.by_name.len() > 40_000);
        assert!(table.english.is_sorted());
        let unfolded: Vec<_> = table.by_name.keys().filter(|name| fold(name) != **name).collect();
        assert!(unfolded.is_empty(), "{unfolded:?}");
        for (code, name) in &table.english {
            assert_eq!(Country::read(code).map(Country::code), Some(*code));
            assert_eq!(Country::read(name).map(Country::code), Some(*code), "{name}");
        }
    }
}
