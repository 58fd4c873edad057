//! Leads that stand for all others: whichever lead there is, one of the samples of all rows meets the very same cells of a column.

use super::{Asks, Cell, PostalRange};
use crate::expr::band::Band;
use crate::routing::territory::Fact;

impl Fact {
    /// What no cell asks for.
    pub(in crate::routing::territory) const fn other() -> Self {
        Self::Texts(Vec::new())
    }
}

impl Cell {
    /// What a lead may say at, between and beside the bounds of this cell.
    pub(in crate::routing::territory) fn samples(&self) -> Vec<Fact> {
        match &self.asks {
            Asks::Nothing => Vec::new(),
            Asks::Countries(all) => all.iter().copied().map(Fact::Country).collect(),
            Asks::States(all) => all.iter().copied().map(Fact::State).collect(),
            Asks::Texts(all) => all.iter().map(|text| Fact::Texts(vec![text.to_string()])).collect(),
            Asks::Domains(all) => all.iter().map(|domain| Fact::Domain(domain.to_string())).collect(),
            Asks::Numbers(all) => all.iter().flat_map(around).collect(),
            Asks::Postal(all) => all.iter().flat_map(beside).collect(),
        }
    }
}

fn around(band: &Band) -> impl Iterator<Item = Fact> + use<> {
    let ends = [Some(band.min()), band.max()].into_iter().flatten();
    let all = ends.flat_map(|end| [end - 1.0, end, end + 1.0]);
    all.filter(|number| *number >= 0.0).map(|number| Fact::Number(Band::exactly(number)))
}

fn beside(range: &PostalRange) -> impl Iterator<Item = Fact> + use<> {
    let all = [Some(range.from.to_string()), Some(range.to.to_string()), after(&range.to)];
    all.into_iter().flatten().map(Fact::Postal)
}

/// The postal code of the same length behind this one, where digits stay digits and letters letters; `None` behind the last.
fn after(code: &str) -> Option<String> {
    let mut letters: Vec<char> = code.chars().collect();
    for letter in letters.iter_mut().rev() {
        *letter = match *letter {
            '9' => '0',
            'Z' => 'A',
            other => {
                *letter = char::from_u32(u32::from(other) + 1)?;
                return Some(letters.into_iter().collect());
            }
        };
    }
    None
}
