//! The places of the cancel board, in every interleaving that `loom` finds. Its map stands for the
//! `DashMap`: a step on one order is one step.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
//!     cargo test -p doorstep-core --release --test loom_board
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test that goes wrong fails")]

use doorstep_core::cancel::{Board, BoardFull};
use doorstep_core::time::{Span, Timestamp};
use loom::sync::Arc;
use loom::thread;

const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A board for `capacity` orders with these on it.
fn board(capacity: usize, orders: &[u32]) -> Arc<Board<u32>> {
    let board = Board::with_capacity(capacity);
    for &order in orders {
        board.publish(order, T0).unwrap();
    }
    Arc::new(board)
}

fn model(body: impl Fn() + Send + Sync + 'static) {
    loom::model::Builder::new().check(body);
}

/// How many of these are on it, which is how many it says there are.
fn count(board: &Board<u32>, orders: core::ops::Range<u32>) -> usize {
    let on_it = orders.filter(|order| board.cancellable_from(order).is_some()).count();
    assert_eq!(board.len(), on_it);
    on_it
}

#[test]
fn of_two_new_orders_one_gets_the_last_place() {
    model(|| {
        let board = board(1, &[]);
        let other = Arc::clone(&board);
        let there = thread::spawn(move || other.publish(1, T0));
        let (here, full) = (board.publish(2, T0), Err(BoardFull { capacity: 1 }));
        let there = there.join().unwrap();
        assert!((here, there) == (Ok(()), full) || (here, there) == (full, Ok(())));
        assert_eq!(count(&board, 1..3), 1);
    });
}

#[test]
fn one_order_that_is_published_twice_at_once_takes_one_place() {
    model(|| {
        let board = board(1, &[]);
        let other = Arc::clone(&board);
        let there = thread::spawn(move || other.publish(1, T0));
        assert_eq!((board.publish(1, T0), there.join().unwrap()), (Ok(()), Ok(())));
        assert_eq!(count(&board, 1..2), 1);
    });
}

#[test]
fn one_order_that_is_taken_off_twice_at_once_frees_one_place() {
    model(|| {
        let board = board(2, &[1, 2]);
        let other = Arc::clone(&board);
        let there = thread::spawn(move || other.remove(&1));
        board.remove(&1);
        there.join().unwrap();
        assert_eq!(count(&board, 1..3), 1);
        assert_eq!(board.publish(3, T0), Ok(()));
        assert_eq!(board.publish(4, T0), Err(BoardFull { capacity: 2 }));
    });
}

#[test]
fn a_place_that_comes_free_is_taken_once_and_never_lost() {
    model(|| {
        let board = board(1, &[1]);
        let (one, two) = (Arc::clone(&board), Arc::clone(&board));
        let removes = thread::spawn(move || one.remove(&1));
        let there = thread::spawn(move || two.publish(2, T0).is_ok());
        let here = board.publish(3, T0).is_ok();
        removes.join().unwrap();
        let there = there.join().unwrap();
        assert!(!(here && there));
        assert_eq!(count(&board, 1..4), usize::from(here || there));
        assert_eq!(board.publish(4, T0).is_ok(), !(here || there), "whoever asks now gets it");
    });
}

#[test]
fn a_button_that_was_hidden_does_not_come_back() {
    model(|| {
        let board = board(1, &[1]);
        let other = Arc::clone(&board);
        let there = thread::spawn(move || other.publish(1, Timestamp::NEVER).unwrap());
        let now = T0.saturating_add(Span::from_millis(1));
        let first = board.may_cancel(&1, now);
        let second = board.may_cancel(&1, now);
        assert!(first || !second);
        there.join().unwrap();
        assert!(!board.may_cancel(&1, now));
    });
}
