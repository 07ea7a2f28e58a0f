//! Numbers that look random and are the same in every run, for the benches and for what is tested on
//! recorded traces.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), by its
/// seed.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// From 0 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z >> 11) as f64) / ((1_u64 << 53) as f64)
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (self.next() * f64::from(bound)) as u32
    }

    /// Degrees of latitude and longitude in one of 40 cities, each some 30 km across and denser in the
    /// middle.
    pub(crate) fn spot(&mut self) -> (f64, f64) {
        let city = self.below(40);
        let mut spread = || (self.next() + self.next() + self.next() - 1.5) * 0.1;
        let (lat, lng) = (spread(), spread());
        (f64::from(city % 8) * 7.0 - 25.0 + lat, f64::from(city / 8) * 9.0 - 90.0 + lng)
    }
}
