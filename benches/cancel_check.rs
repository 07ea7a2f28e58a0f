//! Whether the cancel button shows: the board's look-up, and the order's own answer.
#![allow(missing_docs, reason = "criterion's own functions")]
#![allow(clippy::expect_used, reason = "a measurement that fails is to end")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use doorstep::core::cancel::Board;
use doorstep::core::id::OrderId;
use doorstep::core::time::Timestamp;

const LIVE: u32 = 60_000;
const NOW: Timestamp = Timestamp::from_secs(1_768_500_000);

fn cancel_check(criterion: &mut Criterion) {
    let board = Board::with_capacity(usize::MAX);
    for number in 0..LIVE {
        let shows = if number % 3 == 0 { NOW } else { Timestamp::NEVER };
        board.publish(OrderId::from(number), shows).expect("there is room");
    }
    // A step that is prime to the number of orders visits all of them, far apart.
    let mut asked = 0_u32;
    let mut next = || {
        asked = asked.wrapping_add(22_697).checked_rem(LIVE).unwrap_or_default();
        OrderId::from(asked)
    };
    criterion.bench_function("cancel/check", |bench| {
        bench.iter(|| black_box(board.may_cancel(&next(), NOW)));
    });
    criterion.bench_function("cancel/publish", |bench| {
        bench.iter(|| black_box(board.publish(next(), NOW)));
    });
}

criterion_group!(benches, cancel_check);
criterion_main!(benches);
