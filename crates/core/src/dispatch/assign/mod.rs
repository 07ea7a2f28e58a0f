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

mod search;

use search::Search;

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
}

impl Column {
    const NEW: Self =
        Self { potential: 0, row: None, distance: i64::MAX, from: 0, cost: 0, settled: false };
}

#[cfg(test)]
mod tests;
