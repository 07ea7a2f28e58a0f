//! One driver and one zone: what is believed, and what it takes to believe otherwise.

use doorstep_core::time::{Span, Timestamp};

use super::tracker::{Passage, TrackerConfig};

/// A driver in a zone, or about to be believed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stay<Z> {
    pub(super) zone: Z,
    belief: Belief,
    /// Since when, without a break, the fixes have spoken against the belief.
    turning_since: Option<Timestamp>,
    /// What the last fix said.
    there: There,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    Outside,
    Inside(Inside),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inside {
    since: Timestamp,
    dwelt: bool,
    told_at: Timestamp,
}

/// What a fix says about a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// Within.
    Inside,
    /// Outside, but not so far that it would speak for a departure.
    Near,
    /// Outside.
    Away,
}

/// A fix that counts, and whether the silence before it was too long for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) after_silence: bool,
}

impl<Z: Copy> Stay<Z> {
    /// A driver seen inside for the first time.
    pub(super) const fn begin(zone: Z, at: Timestamp) -> Self {
        let turning_since = Some(at);
        Self { zone, belief: Belief::Outside, turning_since, there: There::Inside }
    }

    /// Since when the driver is believed inside, if so.
    pub(super) const fn inside_since(&self) -> Option<Timestamp> {
        match self.belief {
            Belief::Outside => None,
            Belief::Inside(inside) => Some(inside.since),
        }
    }

    /// Whether nothing but a crossed edge can change what the fixes say.
    pub(super) fn is_surely_inside(&self) -> bool {
        self.there == There::Inside
    }

    /// Takes in what a fix says; tells each passage that it completes, with the time from which it
    /// holds. The stay goes on if it returns true.
    pub(super) fn observe(
        &mut self,
        there: There,
        moment: Moment,
        config: &TrackerConfig,
        mut tell: impl FnMut(Passage, Timestamp),
    ) -> bool {
        self.there = there;
        if moment.after_silence {
            self.turning_since = None;
        }
        let (turning, needed) = match self.belief {
            Belief::Outside => (there == There::Inside, config.enter_after),
            Belief::Inside(_) => (there == There::Away, config.exit_after),
        };
        let turned_since = self.turns(turning, moment.at, needed);
        let inside = match (&mut self.belief, turned_since) {
            // Nobody waits for who was never believed inside and is not.
            (Belief::Outside, None) => return turning,
            (Belief::Outside, Some(since)) => {
                tell(Passage::Entered, since);
                let inside = Inside { since, dwelt: false, told_at: moment.at };
                self.belief = Belief::Inside(inside);
                return self.stays(moment.at, config, tell);
            }
            (Belief::Inside(inside), Some(_)) => inside.since,
            (Belief::Inside(_), None) if turning => return true,
            (Belief::Inside(_), None) => return self.stays(moment.at, config, tell),
        };
        tell(Passage::Exited(super::Absence::Left), inside);
        false
    }

    /// The earliest fix that this stay must see though the driver has not crossed an edge.
    pub(super) fn due_at(&self, config: &TrackerConfig) -> Timestamp {
        let Belief::Inside(inside) = self.belief else {
            return Timestamp::EPOCH.saturating_sub(Span::from_millis(u64::MAX));
        };
        let after = |from: Timestamp, span: Option<Span>| {
            span.map_or(Timestamp::NEVER, |span| from.saturating_add(span))
        };
        let dwells = if inside.dwelt { None } else { config.dwell_after };
        after(inside.since, dwells).min(after(inside.told_at, config.inside_every))
    }

    /// When the run against the belief that is long enough began, if the fix completes one.
    fn turns(&mut self, turning: bool, at: Timestamp, needed: Span) -> Option<Timestamp> {
        if !turning {
            self.turning_since = None;
            return None;
        }
        // The fix that begins a run never completes it, however little is needed.
        let Some(since) = self.turning_since else {
            self.turning_since = Some(at);
            return None;
        };
        if at.saturating_since(since) < needed {
            return None;
        }
        self.turning_since = None;
        Some(since)
    }

    fn stays(
        &mut self,
        at: Timestamp,
        config: &TrackerConfig,
        mut tell: impl FnMut(Passage, Timestamp),
    ) -> bool {
        if let Belief::Inside(inside) = &mut self.belief {
            let elapsed = |from: Timestamp, span: Option<Span>| {
                span.is_some_and(|span| at >= from.saturating_add(span))
            };
            if !inside.dwelt && elapsed(inside.since, config.dwell_after) {
                inside.dwelt = true;
                tell(Passage::Dwelt, inside.since);
            }
            if elapsed(inside.told_at, config.inside_every) {
                inside.told_at = at;
                tell(Passage::Inside, inside.since);
            }
        }
        true
    }
}
