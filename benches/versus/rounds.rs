//! Rounds: everybody's turn again and again, and what comes of it.

/// One contestant's turn: it does its work and says how much a second it did, or how long one took.
pub(crate) type Turn<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// What the rounds gave, one value a round.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<f64>);

/// Lets everybody take one turn untimed, and then one a round, beginning with another one each
/// round, so that nobody always comes after the same.
pub(crate) fn interleave<const N: usize>(rounds: usize, mut turns: [Turn<'_>; N]) -> [Samples; N] {
    let mut samples = std::array::from_fn(|_| Samples(Vec::new()));
    for turn in &mut turns {
        turn();
    }
    for round in 0..rounds {
        for place in 0..N {
            let who = (round + place) % N;
            samples[who].0.push(turns[who]());
        }
    }
    samples
}

impl Samples {
    pub(crate) fn new(values: Vec<f64>) -> Self {
        Self(values)
    }

    /// This over that, round by round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }

    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(change).collect())
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The first and the third quarter.
    pub(crate) fn spread(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = part * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * place.fract()
    }
}
