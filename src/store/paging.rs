//! Pages of leads, which go by time.

use super::types::LeadRow;

/// Cuts rows to a page. Leads that changed in the same millisecond stay on one page, because paging goes by time: what
/// would be torn apart is left for the next page, unless it is all there is.
pub fn page(mut rows: Vec<LeadRow>, limit: usize) -> (Vec<LeadRow>, Option<i64>) {
    let Some(first_beyond) = rows.get(limit).map(|row| row.updated) else {
        return (rows, None);
    };
    let whole = rows.iter().position(|row| row.updated == first_beyond).unwrap_or(limit);
    if whole == 0 {
        rows.truncate(limit);
        return (rows, Some(first_beyond.0));
    }
    rows.truncate(whole);
    (rows, Some(first_beyond.0.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RecordKey;
    use crate::time::Millis;

    fn row(id: &str, updated: i64) -> LeadRow {
        let subject = RecordKey::account("a");
        LeadRow { id: id.into(), subject, definition: "d".into(), updated: Millis(updated), json: "{}".into() }
    }

    fn ids(rows: &[LeadRow]) -> Vec<&str> {
        rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn the_last_page_has_no_next() {
        let (rows, next) = page(vec![row("b", 2), row("a", 1)], 2);
        assert_eq!((ids(&rows), next), (vec!["b", "a"], None));
    }

    #[test]
    fn a_millisecond_is_not_torn_apart() {
        let (rows, next) = page(vec![row("c", 3), row("b", 2), row("a", 2)], 2);
        assert_eq!((ids(&rows), next), (vec!["c"], Some(3)));
    }

    #[test]
    fn a_page_of_one_millisecond_moves_on_all_the_same() {
        let (rows, next) = page(vec![row("c", 2), row("b", 2), row("a", 2)], 2);
        assert_eq!((ids(&rows), next), (vec!["c", "b"], Some(2)));
    }
}
