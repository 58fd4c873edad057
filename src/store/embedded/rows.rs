//! Which rows of packs are free, and which are worth being emptied.
//!
//! A record that is written anew is dead in the row where it stood. A row in which all are dead is free. With records that are
//! changed at random that takes long, so rows of which little is alive are emptied: what lives in them is written again beside
//! what a commit brings. How little is a trade of writing against room: at a third, each record is written about one and a half
//! times, and the file is about as full as 0.6.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::errors::damaged;
use super::index::{Index, MAX_ROWS, Place};
use crate::store::StoreError;

/// Rows with fewer live units than this are worth being emptied.
const SPARSE_UNITS: u16 = 24;
/// Sparse rows stand in classes of so many units.
const CLASS_UNITS: u16 = 4;
const CLASSES: usize = (SPARSE_UNITS / CLASS_UNITS) as usize;

/// Only the writer knows of it, and changes it when a transaction is through.
pub(super) struct Rows {
    /// By row; the first stands for none.
    live: Vec<u16>,
    free: Vec<u32>,
    /// Rows that were in a class when they were put there.
    sparse: [Vec<u32>; CLASSES],
}

/// What a group is going to do with the rows.
#[derive(Default)]
pub(super) struct RowsStage {
    /// How many free rows are taken, from the end.
    taken: usize,
    /// How many rows there are more.
    added: u32,
    /// Live units that rows get or lose.
    changes: HashMap<u32, i32, ahash::RandomState>,
    /// How many rows become free.
    freed: usize,
    /// Sparse rows that were passed over, as something changes in them.
    passed_over: Vec<u32>,
}

/// Where a pack goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A row that is there.
    Row(u32),
    /// One behind the last.
    New(u32),
}

impl Target {
    pub(super) const fn row(self) -> u32 {
        match self {
            Self::Row(row) | Self::New(row) => row,
        }
    }
}

impl Rows {
    /// From the index and the last row that there is.
    pub(super) fn new(index: &Index, last: u32) -> Result<Self, StoreError> {
        let mut live = vec![0_u16; last as usize + 1];
        let counted = index.each(|place| {
            let live = live.get_mut(place.row() as usize)?;
            *live = live.saturating_add(u16::try_from(place.units()).unwrap_or(u16::MAX));
            Some(())
        });
        counted.ok_or_else(|| damaged("the table of records, which ends before what the index knows,"))?;
        let mut rows = Self { live, free: Vec::new(), sparse: Default::default() };
        rows.classify();
        Ok(rows)
    }

    /// Finds free and sparse rows by looking at all of them.
    pub(super) fn classify(&mut self) {
        self.free.clear();
        self.sparse.iter_mut().for_each(Vec::clear);
        for (row, live) in (0..).zip(&self.live).skip(1) {
            match live {
                0 => self.free.push(row),
                live => {
                    if let Some(class) = self.sparse.get_mut(class(*live)) {
                        class.push(row);
                    }
                }
            }
        }
    }

    fn put_in_class(&mut self, row: u32, live: u16) {
        if let Some(class) = self.sparse.get_mut(class(live)).filter(|_| live > 0) {
            class.push(row);
        }
    }

    fn live(&self, row: u32) -> u16 {
        self.live.get(row as usize).copied().unwrap_or(0)
    }

    /// A row for a pack.
    pub(super) fn take(&self, stage: &mut RowsStage) -> Result<Target, StoreError> {
        if let Some(row) = self.free.len().checked_sub(stage.taken + 1).and_then(|at| self.free.get(at)) {
            stage.taken += 1;
            return Ok(Target::Row(*row));
        }
        let row = u32::try_from(self.live.len()).unwrap_or(u32::MAX).saturating_add(stage.added);
        if row >= MAX_ROWS {
            return Err(StoreError::Unusable("the file has as many records as it can hold".to_owned()));
        }
        stage.added += 1;
        Ok(Target::New(row))
    }

    /// A record is going to stand there.
    pub(super) fn add(&self, stage: &mut RowsStage, place: Place) {
        *stage.changes.entry(place.row()).or_default() += place.units().cast_signed();
    }

    /// A record is not going to stand there any more.
    pub(super) fn remove(&self, stage: &mut RowsStage, place: Place) {
        let change = stage.changes.entry(place.row()).or_default();
        *change -= place.units().cast_signed();
        if i32::from(self.live(place.row())) + *change <= 0 {
            stage.freed += 1;
        }
    }

    /// How many rows the next group finds free.
    pub(super) fn free_afterwards(&self, stage: &RowsStage) -> usize {
        self.free.len() - stage.taken.min(self.free.len()) + stage.freed
    }

    /// A row in which little is alive and nothing is going to change.
    pub(super) fn sparsest(&mut self, stage: &mut RowsStage) -> Option<u32> {
        for at in 0..CLASSES {
            while let Some(row) = self.sparse.get_mut(at)?.pop() {
                let live = self.live(row);
                if live == 0 || class(live) != at {
                    continue;
                }
                match stage.changes.entry(row) {
                    Entry::Occupied(_) => stage.passed_over.push(row),
                    Entry::Vacant(vacant) => {
                        // It may stand in its class twice.
                        vacant.insert(0);
                        return Some(row);
                    }
                }
            }
        }
        None
    }

    /// The group is durable.
    pub(super) fn publish(&mut self, stage: RowsStage) {
        self.free.truncate(self.free.len() - stage.taken.min(self.free.len()));
        self.live.resize(self.live.len() + stage.added as usize, 0);
        for (row, change) in stage.changes {
            let Some(live) = self.live.get_mut(row as usize) else { continue };
            let before = *live;
            *live = u16::try_from(i32::from(before) + change).unwrap_or(0);
            match *live {
                0 => self.free.push(row),
                live if class(live) != class(before) => self.put_in_class(row, live),
                _ => {}
            }
        }
        for row in stage.passed_over {
            self.put_in_class(row, self.live(row));
        }
        // Most of what stands in the classes has moved on long since.
        if self.sparse.iter().map(Vec::len).sum::<usize>() > 4 * self.live.len() + 1_024 {
            self.classify();
        }
    }
}

const fn class(live: u16) -> usize {
    (live / CLASS_UNITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(live: &[u16]) -> Rows {
        let mut rows = Rows { live: live.to_vec(), free: Vec::new(), sparse: Default::default() };
        rows.classify();
        rows
    }

    #[test]
    fn free_rows_are_taken_before_the_table_grows() {
        let mut rows = rows(&[0, 63, 0, 63]);
        let mut stage = RowsStage::default();
        let targets: Vec<_> = (0..3).map(|_| rows.take(&mut stage).map(Target::row)).collect();
        assert_eq!(targets, [Ok(2), Ok(4), Ok(5)]);
        for row in [2, 4, 5] {
            rows.add(&mut stage, Place::new(row, 60));
        }
        assert_eq!(rows.free_afterwards(&stage), 0);
        rows.publish(stage);
        assert_eq!(rows.live, [0, 63, 60, 63, 60, 60]);
        assert!(rows.free.is_empty());
    }

    #[test]
    fn a_row_that_a_group_frees_is_taken_by_the_next() {
        let mut rows = rows(&[0, 7]);
        let mut stage = RowsStage::default();
        rows.remove(&mut stage, Place::new(1, 7));
        assert_eq!(rows.take(&mut stage).map(Target::row), Ok(2), "readers may still look into row 1");
        rows.add(&mut stage, Place::new(2, 7));
        assert_eq!(rows.free_afterwards(&stage), 1);
        rows.publish(stage);
        assert_eq!(rows.take(&mut RowsStage::default()).map(Target::row), Ok(1));
    }

    #[test]
    fn the_sparsest_row_comes_first_and_once() {
        let mut rows = rows(&[0, 14, 63, 2, 21, 30]);
        let mut stage = RowsStage::default();
        rows.remove(&mut stage, Place::new(4, 7));
        let found: Vec<_> = std::iter::from_fn(|| rows.sparsest(&mut stage)).collect();
        assert_eq!(found, [3, 1], "row 4 is about to change, rows 2 and 5 are not sparse");
        rows.publish(stage);
        assert_eq!(rows.sparsest(&mut RowsStage::default()), Some(4), "it was only passed over");
    }

    #[test]
    fn the_classes_do_not_grow_without_end() {
        let mut rows = rows(&[0, 63]);
        for _ in 0..10_000 {
            for change in [-40, 40] {
                let mut stage = RowsStage::default();
                stage.changes.insert(1, change);
                rows.publish(stage);
            }
        }
        assert!(rows.sparse.iter().map(Vec::len).sum::<usize>() < 2_000);
    }
}
