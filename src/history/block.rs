//! A block: what one commit counted. A first line that says which commit, then a line for each thing that happened, compressed by
//! gzip: `zcat` shows it. Blocks stand one behind the other in a segment.

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::line::{self, Row};
use crate::ids::{Position, ShardId};
use crate::time::Millis;

/// What a commit that waits for nothing may spend on it.
const FAST: Compression = Compression::new(1);
/// What is written once and kept for long.
const SMALL: Compression = Compression::new(6);

/// Which commit a block is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many commits the shard has had with this one.
    pub block: u64,
    /// The shard.
    pub shard: ShardId,
    /// Up to where the shard's log is applied with it.
    pub position: Position,
    /// When it was decided.
    pub at: Millis,
    /// Whether it tells that somebody is forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgets: bool,
}

/// A block that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct PastBlock {
    /// Which commit it is of.
    pub head: Head,
    /// What happened, in order.
    pub rows: Vec<Row>,
}

/// Compresses a block: `lines` as [`line::write`] wrote them.
pub fn compress(head: &Head, lines: &[u8]) -> Vec<u8> {
    let room = Vec::with_capacity(lines.len() / 4 + 128);
    gzip(room, FAST, |out| {
        write_head(head, out)?;
        out.write_all(lines)
    })
}

/// Compresses blocks again, together.
pub(super) fn compress_all(blocks: &[PastBlock]) -> Vec<u8> {
    let mut text = Vec::new();
    gzip(Vec::new(), SMALL, |out| {
        for block in blocks {
            write_head(&block.head, out)?;
            text.clear();
            for row in &block.rows {
                line::write(&row.of, row.at, &row.past, &mut text);
            }
            out.write_all(&text)?;
        }
        Ok(())
    })
}

fn write_head(head: &Head, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, head)?;
    out.write_all(b"\n")
}

fn gzip(into: Vec<u8>, level: Compression, write: impl FnOnce(&mut GzEncoder<Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(into, level);
    // Writing to memory does not fail.
    let written = write(&mut encoder).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Why blocks can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BadBlock {
    /// The compression is damaged.
    #[error("{0}")]
    Compression(#[from] io::Error),
    /// A line is none of ours.
    #[error("line {0} can't be read")]
    Line(usize),
}

/// Which commit a block is of, without reading the rest of it.
pub(super) fn head(bytes: &[u8]) -> Result<Head, BadBlock> {
    let mut line = Vec::new();
    BufReader::with_capacity(512, MultiGzDecoder::new(bytes)).read_until(b'\n', &mut line)?;
    serde_json::from_slice(&line).map_err(|_| BadBlock::Line(1))
}

/// Reads blocks that stand one behind the other; `wanted` says of a line, as text, whether it is worth being read.
///
/// # Errors
/// When the compression or a line is damaged; what came before it was given to `each`.
pub fn read(bytes: impl Read, wanted: impl Fn(&[u8]) -> bool, mut each: impl FnMut(PastBlock)) -> Result<(), BadBlock> {
    let mut lines = BufReader::with_capacity(64 << 10, MultiGzDecoder::new(BufReader::new(bytes)));
    let (mut line, mut number) = (Vec::new(), 0);
    let mut block: Option<PastBlock> = None;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.starts_with(b"{\"block\":") {
            let head = serde_json::from_slice(&line).map_err(|_| BadBlock::Line(number))?;
            block.replace(PastBlock { head, rows: Vec::new() }).into_iter().for_each(&mut each);
        } else if wanted(&line) {
            let row = line::read(&line).ok_or(BadBlock::Line(number))?;
            block.as_mut().ok_or(BadBlock::Line(number))?.rows.push(row);
        }
    }
    block.into_iter().for_each(each);
    Ok(())
}
