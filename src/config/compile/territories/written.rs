//! Rows as they are written: texts by dimension, with the place of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::{meant_by, names};
use crate::config::attached::Attached;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{List, Many, Named};
use crate::config::shape::TerritoriesShape;
use crate::config::source::Span;
use crate::config::suggest::{did_you_mean, fold, one_of};
use crate::config::yaml::Scalar;

/// So many parents above one another are followed.
const MAX_PARENTS: usize = 16;

/// A row as it is written.
#[derive(Clone, Debug)]
pub struct WrittenRow {
    /// `territories.csv:14`, or its number.
    pub place: Arc<str>,
    pub at: Span,
    /// What it says, by name, those that are blank left out.
    pub cells: BTreeMap<Arc<str>, (String, Span)>,
}

impl WrittenRow {
    pub fn get(&self, name: &str) -> Option<(&str, Span)> {
        self.cells.get(name).map(|(text, at)| (text.as_str(), *at))
    }
}

/// The rows in the configuration itself.
pub fn in_rows(shape: &TerritoriesShape) -> Vec<WrittenRow> {
    let rows = shape.rows.get().into_iter().flat_map(|List(all)| all);
    rows.enumerate()
        .map(|(at, Named(fields))| {
            let cell = |(name, said): &(Scalar, Option<Many<Scalar>>)| {
                let Many(all) = said.as_ref()?;
                let texts: Vec<&str> = all.iter().map(|one| one.text.trim()).collect();
                let span = all.first().map_or(name.at, |one| one.at);
                Some((Arc::from(name.text.trim()), (texts.join("; "), span)))
            };
            let place = Arc::from(format!("row {}", at + 1));
            let span = fields.first().map_or(shape.at, |(name, _)| name.at);
            WrittenRow { place, at: span, cells: fields.iter().filter_map(cell).collect() }
        })
        .collect()
}

/// The rows of the file; `None` when it can't be read.
pub fn in_file(
    shape: &TerritoriesShape,
    named: &Scalar,
    attached: &Attached,
    findings: &mut Findings,
) -> Option<Vec<WrittenRow>> {
    let number = attached.number(named)?;
    let file = findings.sources.file(number)?;
    let (text, path) = (Arc::clone(&file.text), file.path.clone());
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(&text)).flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().cloned().unwrap_or_default();
    let first = Span::new(number, 0..text.lines().next().map_or(0, str::len));
    let columns = columns(shape, &headers, &text, first, findings)?;
    let short = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let at = error
                    .position()
                    .map_or(first, |at| line_at(number, &text, usize::try_from(at.byte()).unwrap_or(0)));
                findings.push(Problem::error(at, Code::Syntax, format!("this line is no CSV: {error}")));
                return None;
            }
        };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let start = record.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(0));
        let at = line_at(number, &text, start);
        if record.len() != headers.len() {
            let message = format!("this line has {} cells, the first one {}", record.len(), headers.len());
            findings.push(
                Problem::error(at, Code::Syntax, message).help("put a cell that has commas in it into double quotes"),
            );
            continue;
        }
        let line = findings.sources.file(number).map_or(0, |file| file.position(at.start as usize).line);
        let cell = |(name, cell): (&Option<Arc<str>>, &str)| {
            let name = name.as_ref().filter(|_| !cell.trim().is_empty())?;
            Some((Arc::clone(name), (cell.trim().to_owned(), within(number, &text, at, cell))))
        };
        let cells = columns.iter().zip(record.iter()).filter_map(cell).collect();
        rows.push(WrittenRow { place: Arc::from(format!("{short}:{line}")), at, cells });
    }
    Some(rows)
}

/// What stands in the file's columns, by their order; those that say nothing are `None`.
fn columns(
    shape: &TerritoriesShape,
    headers: &csv::StringRecord,
    text: &str,
    line: Span,
    findings: &mut Findings,
) -> Option<Vec<Option<Arc<str>>>> {
    let declared: Vec<(&Scalar, &Scalar)> = shape
        .columns
        .get()
        .into_iter()
        .flat_map(|Named(all)| all)
        .filter_map(|(name, header)| Some((name, header.as_ref()?)))
        .collect();
    let own: Vec<&str> =
        shape.reads.get().into_iter().flat_map(|Named(all)| all).map(|(name, _)| name.text.trim()).collect();
    let known = names(own.iter().copied());
    let ignored: Vec<String> =
        shape.ignore.get().into_iter().flat_map(|List(all)| all).map(|one| fold(&one.text)).collect();
    let mut fine = true;
    for (name, header) in &declared {
        if !known.contains(&name.text.trim()) {
            let message = format!("unknown dimension `{}`", name.shown);
            let help = did_you_mean(&name.text, known.iter().copied(), || {
                "say where a lead says it, under `reads`".to_owned()
            });
            findings.push(Problem::error(name.at, Code::UnknownName, message).help(help));
            fine = false;
        }
        if !headers.iter().any(|one| fold(one) == fold(&header.text)) {
            let message = format!("the file has no column `{}`", header.shown);
            let help = did_you_mean(&header.text, headers.iter(), || format!("it has {}", one_of(headers.iter())));
            findings.push(Problem::error(header.at, Code::UnknownName, message).help(help));
            fine = false;
        }
    }
    let mut columns: Vec<Option<Arc<str>>> = Vec::new();
    for header in headers {
        let mapped = declared.iter().find(|(_, one)| fold(&one.text) == fold(header)).map(|(name, _)| name.text.trim());
        let by_itself = || {
            let meant = own.iter().find(|name| fold(name) == fold(header)).copied().or_else(|| meant_by(header))?;
            // What another column was declared to be is not this one.
            declared.iter().all(|(name, _)| name.text.trim() != meant).then_some(meant)
        };
        let is_ignored = header.trim().is_empty() || ignored.contains(&fold(header));
        let name = mapped.or_else(|| if is_ignored { None } else { by_itself() });
        let at = within(line.file, text, line, header);
        match name {
            None if !is_ignored => {
                let message = format!("what does the column `{header}` say?");
                let help = format!(
                    "map it under `columns`, as in `columns: {{ country: {header} }}`, or name it under `ignore`"
                );
                findings.push(Problem::error(at, Code::UnknownName, message).help(help));
                fine = false;
            }
            Some(name) if columns.iter().flatten().any(|known| **known == *name) => {
                let message = format!("two columns say `{name}`; `{header}` is the second");
                findings.push(Problem::error(at, Code::Duplicate, message).help("name one of them under `ignore`"));
                fine = false;
            }
            _ => {}
        }
        columns.push(name.map(Arc::from));
    }
    fine.then_some(columns)
}

/// What parts the cells: whatever the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |mark: u8| first.bytes().filter(|byte| *byte == mark).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|mark| (count(*mark), *mark == b',')).unwrap_or(b',')
}

fn line_at(file: u16, text: &str, start: usize) -> Span {
    // A record's place may be that of the line break before it.
    let rest = text.get(start..).unwrap_or_default();
    let start = start + (rest.len() - rest.trim_start_matches(['\r', '\n']).len());
    let length = text.get(start..).unwrap_or_default().find(['\r', '\n']).unwrap_or(text.len() - start.min(text.len()));
    Span::new(file, start..start + length)
}

/// Where a cell's text stands in its line, as far as that can be told.
fn within(file: u16, text: &str, line: Span, cell: &str) -> Span {
    let cell = cell.trim();
    match text.get(line.range()).and_then(|whole| whole.find(cell)) {
        Some(found) if !cell.is_empty() => {
            let start = line.start as usize + found;
            Span::new(file, start..start + cell.len())
        }
        _ => line,
    }
}

/// Fills blank cells with what the parents ask.
pub fn inherit(rows: &mut [WrittenRow], findings: &mut Findings) {
    let named: BTreeMap<String, WrittenRow> =
        rows.iter().filter_map(|row| Some((fold(row.get("name")?.0), row.clone()))).collect();
    for row in rows.iter_mut() {
        let mut above = row.get("parent").map(|(name, at)| (name.to_owned(), at));
        for depth in 0.. {
            let Some((name, at)) = above.take() else { break };
            let parent = named.get(&fold(&name)).filter(|_| depth < MAX_PARENTS);
            let Some(parent) = parent else {
                let known = named.values().filter_map(|row| row.get("name")).map(|(name, _)| name);
                let (message, help) = if depth < MAX_PARENTS {
                    let help = did_you_mean(&name, known, || "a parent is the `name` of another row".to_owned());
                    (format!("there is no territory `{name}`"), help)
                } else {
                    (format!("`{name}` is above itself"), "name a parent that has none of these below it".to_owned())
                };
                findings.push(Problem::error(at, Code::UnknownName, message).help(help));
                break;
            };
            for (name, cell) in &parent.cells {
                if !matches!(&**name, "to" | "name" | "parent" | "priority") {
                    row.cells.entry(Arc::clone(name)).or_insert_with(|| cell.clone());
                }
            }
            above = parent.get("parent").map(|(name, at)| (name.to_owned(), at));
        }
    }
}
