//! The rows of a CSV or JSONL file, one after another: whose each is, and what it says. The file is never in memory as a whole.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Map, Value};

/// Which columns mean what.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The column with the id.
    pub id: String,
    /// Columns that are traits of another name; with an empty one the column is left out.
    pub renamed: Vec<(String, String)>,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// Whose traits they are.
    pub id: String,
    /// What the row says.
    pub traits: Map<String, Value>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The line of the file, from 1.
    pub line: u64,
    /// What is wrong there.
    pub message: String,
}

/// A line longer than this is no row.
const MAX_LINE_BYTES: u64 = 1 << 20;

impl Columns {
    /// The trait of a column; `None` for one that is left out.
    fn trait_of<'c>(&'c self, column: &'c str) -> Option<&'c str> {
        let renamed = self.renamed.iter().find(|(from, _)| from.trim() == column.trim());
        let name = renamed.map_or(column.trim(), |(_, to)| to.trim());
        (!name.is_empty()).then_some(name)
    }

    fn is_id(&self, column: &str) -> bool {
        column.trim().eq_ignore_ascii_case(self.id.trim())
    }
}

/// Reads CSV: the first row names the columns, and an empty cell says nothing.
///
/// # Errors
/// When the header can't be read or has no column with the id.
pub fn csv<R: Read>(file: R, columns: Columns) -> Result<impl Iterator<Item = Result<Row, RowError>>, RowError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| csv_error(&error, 1))?.clone();
    let id = header.iter().position(|column| columns.is_id(column));
    let id = id.ok_or_else(|| {
        let there = header.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ");
        RowError {
            line: 1,
            message: format!("there is no column `{}`; there is {there}: name one with `--id`", columns.id),
        }
    })?;
    Ok(reader.into_records().map(move |record| {
        let record = record.map_err(|error| csv_error(&error, 0))?;
        let line = record.position().map_or(0, csv::Position::line);
        let empty = || RowError { line, message: format!("column `{}` is empty", columns.id) };
        let whose = record.get(id).filter(|id| !id.is_empty()).ok_or_else(empty)?.to_owned();
        let cells = header.iter().zip(&record).enumerate().filter(|(at, (_, cell))| *at != id && !cell.is_empty());
        let traits = cells.filter_map(|(_, (column, cell))| Some((columns.trait_of(column)?.to_owned(), cell.into())));
        Ok(Row { line, id: whose, traits: traits.collect() })
    }))
}

fn csv_error(error: &csv::Error, line: u64) -> RowError {
    let line = error.position().map_or(line, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns, and the header has {expected_len}: is a comma not in quotes?")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8: save the file as UTF-8".to_owned(),
        _ => error.to_string(),
    };
    RowError { line, message }
}

/// Reads a JSON object on each line: the id beside the traits, or `{"id": …, "traits": {…}}`.
pub fn jsonl<R: Read>(file: R, columns: Columns) -> impl Iterator<Item = Result<Row, RowError>> {
    let mut reader = BufReader::new(file);
    let mut line = 0;
    std::iter::from_fn(move || {
        loop {
            line += 1;
            let mut text = Vec::new();
            match reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) if text.trim_ascii().is_empty() => {}
                Ok(_) => {
                    return Some(
                        object(&text, &columns).map_err(|message| RowError { line, message }).map(|(id, traits)| Row {
                            line,
                            id,
                            traits,
                        }),
                    );
                }
                Err(error) => return Some(Err(RowError { line, message: error.to_string() })),
            }
        }
    })
}

fn object(text: &[u8], columns: &Columns) -> Result<(String, Map<String, Value>), String> {
    if text.len() as u64 > MAX_LINE_BYTES {
        return Err(format!("longer than {MAX_LINE_BYTES} bytes"));
    }
    let mut object: Map<String, Value> = serde_json::from_slice(text)
        .map_err(|error| format!("column {}: not a JSON object ({error})", error.column().max(1)))?;
    let key = object.keys().find(|key| columns.is_id(key)).cloned();
    let id = match key.and_then(|key| object.remove(&key)) {
        Some(Value::String(id)) if !id.trim().is_empty() => id,
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(format!("`{}` is missing: name the field with the id with `--id`", columns.id)),
    };
    let traits = match (object.len(), object.remove("traits")) {
        (1, Some(Value::Object(traits))) => traits,
        (_, Some(other)) => {
            object.insert("traits".to_owned(), other);
            object
        }
        (_, None) => object,
    };
    let named = traits.into_iter().filter_map(|(name, value)| Some((columns.trait_of(&name)?.to_owned(), value)));
    Ok((id, named.collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns() -> Columns {
        let renamed = [("Company Size", "employees"), ("Notes", "")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        Columns { id: "domain".to_owned(), renamed: renamed.into() }
    }

    fn said(rows: impl Iterator<Item = Result<Row, RowError>>) -> Vec<Value> {
        let shown = |row: Result<Row, RowError>| match row {
            Ok(row) => json!([row.line, row.id, row.traits]),
            Err(error) => json!([error.line, error.message]),
        };
        rows.map(shown).collect()
    }

    #[test]
    fn rows_of_csv_are_traits_by_the_header() {
        let file = "Domain,Company Size,Country,Notes\nacme.com,51-200,DE,\"a, b\"\n,1-10,US,\n\"multi\nline.com\",,FR,\nodd.com,1\n";
        assert_eq!(
            said(csv(file.as_bytes(), columns()).expect("a header")),
            [
                json!([2, "acme.com", { "employees": "51-200", "Country": "DE" }]),
                json!([3, "column `domain` is empty"]),
                json!([4, "multi\nline.com", { "Country": "FR" }]),
                json!([6, "2 columns, and the header has 4: is a comma not in quotes?"]),
            ]
        );
        let error = csv("a,b\n".as_bytes(), columns()).err().expect("no id");
        assert_eq!(error.message, "there is no column `domain`; there is `a`, `b`: name one with `--id`");
    }

    #[test]
    fn rows_of_jsonl_are_objects() {
        let file = "{\"domain\":\"acme.com\",\"Company Size\":60,\"arr\":null}\n\n{\"domain\":7,\"traits\":{\"plan\":\"pro\"}}\n{\"x\":1}\n[\n";
        let rows = said(jsonl(file.as_bytes(), columns()));
        assert_eq!(rows[0], json!([1, "acme.com", { "employees": 60, "arr": null }]));
        assert_eq!(rows[1], json!([3, "7", { "plan": "pro" }]));
        assert_eq!(rows[2], json!([4, "`domain` is missing: name the field with the id with `--id`"]));
        assert!(
            rows[3][1].as_str().is_some_and(|message| message.starts_with("column 1: not a JSON object")),
            "{rows:?}"
        );
    }
}
