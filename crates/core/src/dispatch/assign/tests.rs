//! The least sum by brute force and by another solver; bounds, ties, and orders of naming.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

use super::*;
use pathfinding::matrix::Matrix;
use pathfinding::prelude::kuhn_munkres_min;
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
    let columns_of: Vec<_> = (0..rows.len() as u32).map(|row| assignment.column_of(row)).collect();
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

fn large() -> impl Strategy<Value = (u32, Vec<Asked>)> {
    (1_u32..40).prop_flat_map(|columns| {
        let candidates = prop::collection::vec((0..columns, -500_i64..5_000), 0..12);
        (Just(columns), prop::collection::vec((0_i64..6_000, candidates), 1..40))
    })
}

/// The least sum by a dense solver: each row has a column of its own to stay unassigned.
fn munkres(columns: u32, rows: &[Asked]) -> i64 {
    const NEVER: i64 = 1 << 30;
    let dense = rows.iter().enumerate().map(|(number, (unassigned, candidates))| {
        let mut costs = vec![NEVER; columns as usize + rows.len()];
        for &(column, cost) in candidates {
            let least = &mut costs[column as usize];
            *least = cost.min(*least);
        }
        costs[columns as usize + number] = *unassigned;
        costs
    });
    kuhn_munkres_min(&Matrix::from_rows(dense).unwrap()).0
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

    /// Larger than brute force can take.
    #[test]
    fn no_assignment_is_cheaper_by_kuhn_and_munkres((columns, rows) in large()) {
        prop_assert_eq!(assigned(columns, &rows).0, munkres(columns, &rows));
    }
}
