//! Attempts to deliver something that failed, for people.

use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::TriedItem;
use crate::time::Millis;

/// A table of them; nothing where there are none.
pub(super) fn render(tried: &[TriedItem], now: Millis, paint: Paint) -> String {
    if tried.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["TRIED", "TOOK", "ASKED", "STATUS", "WHY IT FAILED"]);
    for TriedItem { at, took_ms, asked, status, error, said, .. } in tried {
        let said = said.as_ref().map(|said| format!(" — it said: {said}"));
        table.row(vec![
            Cell::toned(words::ago(at, now), Tone::Dim),
            Cell::new(words::span(i64::from(*took_ms))),
            Cell::new(asked.as_deref().unwrap_or("nothing")),
            Cell::toned(status.map_or_else(|| "none".to_owned(), |status| status.to_string()), Tone::Bad),
            Cell::new(format!("{error}{}", said.unwrap_or_default())),
        ]);
    }
    format!("\n{}", table.render(paint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_told_one_by_one() {
        let tried = |at: i64, asked: Option<&str>, status, said: Option<&str>| TriedItem {
            event_id: "evt_1".to_owned(),
            at: Millis(at * Millis::MINUTE).rfc3339(),
            took_ms: 312,
            asked: asked.map(str::to_owned),
            status,
            error: if status.is_some() { "503 Service Unavailable" } else { "no complete answer within 15 s" }
                .to_owned(),
            said: said.map(str::to_owned),
        };
        let all = [
            tried(1, Some("POST /crm/v3/objects/contacts"), Some(503), Some("{\"status\":\"error\"}")),
            tried(5, Some("POST hooks.example.com/…"), None, None),
        ];
        insta::assert_snapshot!(render(&all, Millis(10 * Millis::MINUTE), Paint::plain()));
        assert_eq!(render(&[], Millis(0), Paint::plain()), "");
    }
}
