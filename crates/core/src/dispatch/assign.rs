//! Who gets what at the least cost in all: the sparse assignment problem, exactly.
//!
//! Rows (trips to be made) are matched with columns (drivers), each at most once, so that the sum of
//! the costs is the least possible. A row has few candidates, and one way out of its own: to stay
//! unassigned, at a price. So every problem has a solution.
//!
//! **How.** Successive shortest augmenting paths with potentials (Jonker and Volgenant, *Computing*
//! 38, 1987) on a sparse graph: rows are added one by one, each by the cheapest chain of
//! re-assignments, which Dijkstra's algorithm finds because the potentials keep all reduced costs at
//! zero or above. A search never leaves the component of its row, so that a city of many
//! neighbourhoods costs the sum of them. Whole numbers only.
//!
//! **Ties.** Of several solutions with the same sum the answer is always the same one for the same
//! rows in the same order, whatever order a row's candidates are named in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The largest cost, and below zero the least: a chain through 2²⁰ rows still fits.
pub const COST_MAX: i64 = 1 << 40;

/// The most rows, and the most columns.
pub const SIDE_MAX: u32 = 1 << 20;

/// A solver that keeps its memory: once it has seen a problem of a size, another of that size
/// allocates nothing.
///
/// ```
/// use doorstep_core::dispatch::assign::Assignment;
///
/// let mut assignment = Assignment::new();
/// assignment.begin(2)?; // two drivers
/// let near = assignment.row(1_000, [(0, 4), (1, 5)])?;
/// let far = assignment.row(1_000, [(0, 6), (1, 90)])?;
/// let late = assignment.row(7, [(0, 30), (1, 30)])?; // it may as well wait
/// assert_eq!(assignment.solve(), 5 + 6 + 7);
/// assert_eq!(assignment.column_of(near), Some(1)); // not its nearest: the other needs that one more
/// assert_eq!(assignment.column_of(far), Some(0));
/// assert_eq!(assignment.column_of(late), None);
/// # Ok::<(), doorstep_core::dispatch::assign::BadProblem>(())
/// ```
///
/// **Cost.** O(r · e log e) at the very worst for r rows and e candidates in one component; in
/// practice nearly every row is placed by a handful of steps.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    rows: Vec<Row>,
    columns: Vec<Column>,
    edges: Vec<Edge>,
    search: Search,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where its candidates begin in `edges`.
    begin: usize,
    end: usize,
    unassigned: i64,
    potential: i64,
    column: Option<u32>,
    /// What its column costs it.
    cost: i64,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    potential: i64,
    row: Option<u32>,
    // What the search under way knows of it.
    distance: i64,
    /// The row before it on the way, and what that row would pay for it.
    from: u32,
    cost: i64,
    settled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    column: u32,
    cost: i64,
}

/// The memory of one search.
#[derive(Clone, Debug, Default)]
struct Search {
    /// By distance, then by column: what makes ties fall one way.
    queue: BinaryHeap<Reverse<(i64, u32)>>,
    touched: Vec<u32>,
    settled: Vec<u32>,
}

/// Why a problem is none. It changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadProblem {
    /// More rows or columns than [`SIDE_MAX`].
    #[error("more than {SIDE_MAX} rows or columns")]
    TooLarge,
    /// A candidate that does not exist.
    #[error("column {column} of row {row} is not below {columns}")]
    NoSuchColumn {
        /// The row.
        row: u32,
        /// The column named.
        column: u32,
        /// How many there are.
        columns: u32,
    },
    /// A cost beyond ±[`COST_MAX`].
    #[error("the cost {cost} in row {row} is beyond ±2^40")]
    CostOutOfRange {
        /// The row.
        row: u32,
        /// The cost.
        cost: i64,
    },
}

/// Where a search ended.
#[derive(Clone, Copy)]
enum Found {
    /// At a column that nobody has.
    Free { column: u32 },
    /// At a row that had better stay unassigned.
    Unassigned { row: u32 },
}

impl Assignment {
    /// A solver without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a problem with so many columns, and forgets the last one.
    ///
    /// # Errors
    /// [`BadProblem::TooLarge`]; then the last problem is still there.
    pub fn begin(&mut self, columns: u32) -> Result<(), BadProblem> {
        if columns > SIDE_MAX {
            return Err(BadProblem::TooLarge);
        }
        self.rows.clear();
        self.edges.clear();
        self.columns.clear();
        self.columns.resize(columns as usize, Column::NEW);
        Ok(())
    }

    /// Adds a row: what it costs to leave it unassigned, and its candidates with their costs. A column
    /// named twice counts at its lower cost. Rows are numbered from 0 in the order they are added.
    ///
    /// # Errors
    /// [`BadProblem`], and the row is not added.
    pub fn row(
        &mut self,
        unassigned: i64,
        candidates: impl IntoIterator<Item = (u32, i64)>,
    ) -> Result<u32, BadProblem> {
        let begin = self.edges.len();
        let row = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let added = self.check_and_push(row, unassigned, candidates);
        if let Err(bad) = added {
            self.edges.truncate(begin);
            return Err(bad);
        }
        let end = self.edges.len();
        self.rows.push(Row {
            begin,
            end,
            unassigned,
            potential: 0,
            column: None,
            cost: unassigned,
        });
        Ok(row)
    }

    fn check_and_push(
        &mut self,
        row: u32,
        unassigned: i64,
        candidates: impl IntoIterator<Item = (u32, i64)>,
    ) -> Result<(), BadProblem> {
        if row >= SIDE_MAX {
            return Err(BadProblem::TooLarge);
        }
        let columns = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        let check = |cost: i64| match cost.unsigned_abs() <= COST_MAX.unsigned_abs() {
            true => Ok(()),
            false => Err(BadProblem::CostOutOfRange { row, cost }),
        };
        check(unassigned)?;
        for (column, cost) in candidates {
            if column >= columns {
                return Err(BadProblem::NoSuchColumn { row, column, columns });
            }
            check(cost)?;
            self.edges.push(Edge { column, cost });
        }
        Ok(())
    }

    /// Solves the problem, and says what the solution costs. Called again, it answers the same.
    pub fn solve(&mut self) -> i64 {
        self.columns.fill(Column::NEW);
        for row in &mut self.rows {
            *row = Row { potential: 0, column: None, cost: row.unassigned, ..*row };
        }
        for row in 0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX) {
            let found = self.search(row);
            self.reassign(row, found);
        }
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.cost))
    }

    /// The column that a row has got; `None`: it is unassigned, or there is no such row.
    #[must_use]
    pub fn column_of(&self, row: u32) -> Option<u32> {
        self.rows.get(row as usize)?.column
    }

    /// The row that has got a column; `None`: nobody has, or there is no such column.
    #[must_use]
    pub fn row_of(&self, column: u32) -> Option<u32> {
        self.columns.get(column as usize)?.row
    }

    /// Finds the cheapest chain of re-assignments that makes room for `new`, and moves the
    /// potentials so that it costs nothing.
    fn search(&mut self, new: u32) -> Found {
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
    fn reassign(&mut self, new: u32, found: Found) {
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

impl Column {
    const NEW: Self =
        Self { potential: 0, row: None, distance: i64::MAX, from: 0, cost: 0, settled: false };
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

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a row costs unassigned, and its candidates.
    type Asked = (i64, Vec<(u32, i64)>);

    /// Every way to assign, by brute force: the least sum.
    fn least(rows: &[Asked], taken: u64) -> i64 {
        let Some(((unassigned, candidates), rest)) = rows.split_first() else { return 0 };
        let free = candidates.iter().filter(|(column, _)| taken & (1 << column) == 0);
        free.map(|(column, cost)| cost + least(rest, taken | (1 << column)))
            .fold(unassigned + least(rest, taken), i64::min)
    }

    fn assigned(columns: u32, rows: &[Asked]) -> (i64, Vec<Option<u32>>) {
        let mut assignment = Assignment::new();
        assignment.begin(columns).unwrap();
        for (unassigned, candidates) in rows {
            assignment.row(*unassigned, candidates.iter().copied()).unwrap();
        }
        let sum = assignment.solve();
        let columns_of: Vec<_> =
            (0..rows.len() as u32).map(|row| assignment.column_of(row)).collect();
        // What it says it costs is what it costs, and nobody has what another has.
        let mut paid = 0;
        for (row, (column, (unassigned, candidates))) in columns_of.iter().zip(rows).enumerate() {
            paid += match column {
                None => *unassigned,
                Some(column) => {
                    assert_eq!(assignment.row_of(*column), Some(row as u32));
                    let costs = candidates.iter().filter(|(named, _)| named == column);
                    costs.map(|(_, cost)| *cost).min().unwrap()
                }
            };
        }
        assert_eq!(paid, sum);
        assert_eq!(assignment.solve(), sum, "again");
        (sum, columns_of)
    }

    #[test]
    fn a_row_without_candidates_stays_unassigned_and_a_problem_without_rows_costs_nothing() {
        assert_eq!(assigned(0, &[]), (0, vec![]));
        assert_eq!(assigned(3, &[(5, vec![])]), (5, vec![None]));
    }

    #[test]
    fn nobody_drives_for_nothing() {
        assert_eq!(assigned(1, &[(5, vec![(0, 5)])]), (5, vec![None]));
        assert_eq!(assigned(1, &[(5, vec![(0, 4)])]), (4, vec![Some(0)]));
        assert_eq!(assigned(1, &[(-5, vec![(0, -4)])]), (-5, vec![None]));
    }

    #[test]
    fn of_a_column_named_twice_the_lower_cost_counts() {
        assert_eq!(assigned(1, &[(9, vec![(0, 7), (0, 3), (0, 8)])]), (3, vec![Some(0)]));
    }

    #[test]
    fn a_bad_row_is_refused_with_its_reason_and_changes_nothing() {
        let mut assignment = Assignment::new();
        assert_eq!(assignment.begin(SIDE_MAX + 1), Err(BadProblem::TooLarge));
        assignment.begin(2).unwrap();
        assignment.row(10, [(0, 1), (1, 2)]).unwrap();
        let far = assignment.row(10, [(0, 1), (2, 1)]);
        assert_eq!(far, Err(BadProblem::NoSuchColumn { row: 1, column: 2, columns: 2 }));
        for cost in [COST_MAX + 1, -COST_MAX - 1, i64::MIN, i64::MAX] {
            let bad = Err(BadProblem::CostOutOfRange { row: 1, cost });
            assert_eq!(assignment.row(cost, []), bad);
            assert_eq!(assignment.row(0, [(0, 1), (1, cost)]), bad);
        }
        assert_eq!(assignment.solve(), 1);
        assert_eq!(assignment.row(COST_MAX, [(0, COST_MAX)]), Ok(1));
        assert_eq!(assignment.solve(), 1 + COST_MAX);
    }

    #[test]
    fn the_largest_costs_do_not_overflow_a_chain() {
        // Each row wants the next one's column: the last one moves them all.
        let rows = 2_000_u32;
        let mut assignment = Assignment::new();
        assignment.begin(rows).unwrap();
        for row in 0..rows - 1 {
            assignment.row(COST_MAX, [(row, -COST_MAX), (row + 1, COST_MAX - 1)]).unwrap();
        }
        assignment.row(COST_MAX, [(0, -COST_MAX)]).unwrap();
        let sum = i64::from(rows - 1) * -COST_MAX + COST_MAX;
        assert_eq!(assignment.solve(), sum);
    }

    fn problems() -> impl Strategy<Value = (u32, Vec<Asked>)> {
        (1_u32..8).prop_flat_map(|columns| {
            let candidates = prop::collection::vec((0..columns, -20_i64..20), 0..6);
            (Just(columns), prop::collection::vec((-20_i64..30, candidates), 0..8))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn no_assignment_is_cheaper((columns, rows) in problems()) {
            prop_assert_eq!(assigned(columns, &rows).0, least(&rows, 0));
        }

        #[test]
        fn the_order_in_which_candidates_are_named_changes_nothing(
            (columns, rows) in problems(),
            turn in 0_usize..6,
        ) {
            let turned = rows.iter().map(|(unassigned, candidates)| {
                let mut candidates = candidates.clone();
                candidates.reverse();
                let by = turn.min(candidates.len());
                candidates.rotate_left(by);
                (*unassigned, candidates)
            });
            let turned: Vec<_> = turned.collect();
            prop_assert_eq!(assigned(columns, &rows), assigned(columns, &turned));
        }
    }
}
