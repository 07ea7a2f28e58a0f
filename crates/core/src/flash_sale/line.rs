//! People in an order, each at most once, with a quick answer to "how many are ahead of me".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Numbers that are counted together.
const BLOCK: u64 = 256;

/// A line. Numbers say who comes before whom; they need not be dense.
///
/// Joining and leaving cost a few look-ups; a rank costs one step for each block of 256 numbers that
/// is ahead, and at most 256 more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, U)>", into = "Vec<(u64, U)>")]
#[serde(bound(
    serialize = "U: Clone + Ord + Serialize",
    deserialize = "U: Clone + Ord + Deserialize<'de>"
))]
pub(super) struct Line<U: Clone + Ord> {
    people: BTreeMap<u64, U>,
    numbers: BTreeMap<U, u64>,
    blocks: BTreeMap<u64, u64>,
}

impl<U: Clone + Ord> Line<U> {
    pub(super) const fn new() -> Self {
        Self { people: BTreeMap::new(), numbers: BTreeMap::new(), blocks: BTreeMap::new() }
    }

    /// Puts somebody in; `false`, and no change, if the person or the number is taken.
    pub(super) fn insert(&mut self, number: u64, user: U) -> bool {
        if self.people.contains_key(&number) || self.numbers.contains_key(&user) {
            return false;
        }
        self.numbers.insert(user.clone(), number);
        self.people.insert(number, user);
        let block = self.blocks.entry(number / BLOCK).or_default();
        *block = block.saturating_add(1);
        true
    }

    pub(super) fn remove(&mut self, user: &U) -> Option<u64> {
        let number = self.numbers.remove(user)?;
        self.people.remove(&number);
        if let Some(block) = self.blocks.get_mut(&(number / BLOCK)) {
            *block = block.saturating_sub(1);
            if *block == 0 {
                self.blocks.remove(&(number / BLOCK));
            }
        }
        Some(number)
    }

    pub(super) fn number(&self, user: &U) -> Option<u64> {
        self.numbers.get(user).copied()
    }

    /// How many stand before this number.
    pub(super) fn ahead(&self, number: u64) -> u64 {
        let block = number / BLOCK;
        let whole = self.blocks.range(..block).map(|(_, people)| *people);
        let rest = self.people.range(block.saturating_mul(BLOCK)..number).count();
        whole.fold(rest as u64, u64::saturating_add)
    }

    /// Everybody, the first first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &U)> {
        self.people.iter().map(|(&number, user)| (number, user))
    }

    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// The same numbers, given to the same people in the order of `order`.
    pub(super) fn reseat(&mut self, order: impl FnOnce(&mut [U])) {
        let (numbers, mut users): (Vec<u64>, Vec<U>) =
            core::mem::take(&mut self.people).into_iter().unzip();
        order(&mut users);
        *self = numbers.into_iter().zip(users).collect::<Vec<_>>().into();
    }
}

impl<U: Clone + Ord> From<Vec<(u64, U)>> for Line<U> {
    fn from(people: Vec<(u64, U)>) -> Self {
        let mut line = Self::new();
        for (number, user) in people {
            line.insert(number, user);
        }
        line
    }
}

impl<U: Clone + Ord> From<Line<U>> for Vec<(u64, U)> {
    fn from(line: Line<U>) -> Self {
        line.people.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_rank_is_what_counting_says(
            steps in proptest::collection::vec((any::<bool>(), 0..2_000_u64, 0..300_u16), 0..400),
            asked in 0..2_100_u64,
        ) {
            let (mut line, mut naive) = (Line::new(), Vec::<(u64, u16)>::new());
            for (joins, number, user) in steps {
                if joins {
                    let fits = naive.iter().all(|&(n, u)| n != number && u != user);
                    prop_assert_eq!(line.insert(number, user), fits);
                    if fits {
                        naive.push((number, user));
                    }
                } else {
                    let at = naive.iter().position(|&(_, u)| u == user);
                    prop_assert_eq!(line.remove(&user), at.map(|at| naive.remove(at).0));
                }
            }
            naive.sort_unstable();
            let ahead = naive.iter().filter(|&&(n, _)| n < asked).count();
            prop_assert_eq!(line.ahead(asked), ahead as u64);
            prop_assert_eq!(line.iter().map(|(n, &u)| (n, u)).collect::<Vec<_>>(), naive);
            let json = serde_json::to_string(&line).unwrap();
            prop_assert_eq!(serde_json::from_str::<Line<u16>>(&json).unwrap(), line);
        }
    }
}
