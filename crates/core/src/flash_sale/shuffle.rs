//! A shuffle that a seed determines, the same on every platform and in every release: the log holds
//! the seed, and a replay must seat the same people.

/// Fisher and Yates (Knuth, TAOCP 3.4.2, algorithm P), fed by `SplitMix64`.
pub(super) fn shuffle<T>(people: &mut [T], seed: u64) {
    let mut state = seed;
    for end in (1..people.len()).rev() {
        people.swap(end, below(&mut state, end.saturating_add(1)));
    }
}

/// A number below `most`, each equally likely (Lemire 2019, with rejection).
fn below(state: &mut u64, most: usize) -> usize {
    let most = most as u64;
    let surplus = most.wrapping_neg().checked_rem(most).unwrap_or(0);
    loop {
        let wide = u128::from(next(state)).wrapping_mul(u128::from(most));
        let (high, low) = ((wide >> 64) as u64, wide as u64);
        if low >= surplus {
            return usize::try_from(high).unwrap_or(0);
        }
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs for seed 1234567 of the reference implementation (prng.di.unimi.it).
        let mut state = 1_234_567;
        let first = [next(&mut state), next(&mut state), next(&mut state)];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_seed_seats_the_same_people_for_ever() {
        let mut people: Vec<u32> = (0..8).collect();
        shuffle(&mut people, 7);
        assert_eq!(people, GOLDEN);
        let mut others: Vec<u32> = (0..8).collect();
        shuffle(&mut others, 8);
        assert_ne!(people, others);
    }

    /// Written down once: a change here seats people differently in an old log.
    const GOLDEN: [u32; 8] = [7, 4, 6, 1, 2, 5, 0, 3];

    #[test]
    fn every_seat_is_equally_likely_for_everybody() {
        let mut seats = [[0_u32; 4]; 4];
        for seed in 0..40_000_u64 {
            let mut people = [0_usize, 1, 2, 3];
            shuffle(&mut people, seed);
            for (seat, person) in people.into_iter().enumerate() {
                seats[seat][person] += 1;
            }
        }
        assert!(seats.as_flattened().iter().all(|&n| (9_600..10_400).contains(&n)), "{seats:?}");
    }
}
