//! One row more: the cheapest chain of re-assignments that makes room for it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Assignment, Column};

/// The memory of one search.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// By distance, then by column: what makes ties fall one way.
    queue: BinaryHeap<Reverse<(i64, u32)>>,
    touched: Vec<u32>,
    settled: Vec<u32>,
}

/// Where a search ended.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// At a column that nobody has.
    Free { column: u32 },
    /// At a row that had better stay unassigned.
    Unassigned { row: u32 },
}

impl Assignment {
    /// Finds the cheapest chain of re-assignments that makes room for `new`, and moves the
    /// potentials so that it costs nothing.
    pub(super) fn search(&mut self, new: u32) -> Found {
        let Self { rows, columns, edges, search } = self;
        search.begin(columns);
        let mut way_out = (i64::MAX, new);
        let (mut row, mut so_far) = (new, 0);
        let (found, distance) = loop {
            let Some(at) = rows.get(row as usize) else {
                break (Found::Unassigned { row: new }, 0);
            };
            let base = i64::saturating_sub(so_far, at.potential);
            let unassigned = base.saturating_add(at.unassigned);
            if unassigned < way_out.0 {
                way_out = (unassigned, row);
            }
            for edge in edges.get(at.begin..at.end).unwrap_or_default() {
                let Some(column) = columns.get_mut(edge.column as usize) else { continue };
                let distance = base.saturating_add(edge.cost).saturating_sub(column.potential);
                if !column.settled && distance < column.distance {
                    if column.distance == i64::MAX {
                        search.touched.push(edge.column);
                    }
                    (column.distance, column.from, column.cost) = (distance, row, edge.cost);
                    search.queue.push(Reverse((distance, edge.column)));
                }
            }
            // To stay unassigned wins a tie: nobody drives for nothing.
            let Some((distance, at)) = search.next(columns).filter(|next| next.0 < way_out.0)
            else {
                break (Found::Unassigned { row: way_out.1 }, way_out.0);
            };
            let Some(column) = columns.get_mut(at as usize) else {
                break (Found::Unassigned { row: new }, 0);
            };
            let Some(holder) = column.row else { break (Found::Free { column: at }, distance) };
            column.settled = true;
            search.settled.push(at);
            (row, so_far) = (holder, distance);
        };
        if let Some(new) = rows.get_mut(new as usize) {
            new.potential = new.potential.saturating_add(distance);
        }
        for &settled in &search.settled {
            let Some(column) = columns.get_mut(settled as usize) else { continue };
            let rise = distance.saturating_sub(column.distance);
            column.potential = column.potential.saturating_sub(rise);
            if let Some(holder) = column.row.and_then(|row| rows.get_mut(row as usize)) {
                holder.potential = holder.potential.saturating_add(rise);
            }
        }
        found
    }

    /// Walks the chain back to `new`: each row takes the column that the search reached from it, and
    /// leaves its own to the row before.
    pub(super) fn reassign(&mut self, new: u32, found: Found) {
        let mut next = match found {
            Found::Free { column } => Some(column),
            Found::Unassigned { row } => self.rows.get_mut(row as usize).and_then(|row| {
                row.cost = row.unassigned;
                row.column.take()
            }),
        };
        while let Some(at) = next {
            let Some(column) = self.columns.get_mut(at as usize) else { return };
            column.row = Some(column.from);
            let Some(row) = self.rows.get_mut(column.from as usize) else { return };
            row.cost = column.cost;
            next = row.column.replace(at).filter(|_| column.from != new);
        }
    }
}

impl Search {
    fn begin(&mut self, columns: &mut [Column]) {
        for touched in self.touched.drain(..) {
            if let Some(column) = columns.get_mut(touched as usize) {
                (column.distance, column.settled) = (i64::MAX, false);
            }
        }
        self.queue.clear();
        self.settled.clear();
    }

    /// The nearest column not yet settled.
    fn next(&mut self, columns: &[Column]) -> Option<(i64, u32)> {
        while let Some(Reverse((distance, at))) = self.queue.pop() {
            let column = columns.get(at as usize)?;
            if !column.settled && distance == column.distance {
                return Some((distance, at));
            }
        }
        None
    }
}
