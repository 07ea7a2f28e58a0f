//! What a command means to a waiting room.

use super::{Command, Event, Phase, Refusal, WaitingRoom};
use crate::time::Timestamp;

/// People let in, or sent away, by one tick at most: the rest is due at once again.
const TICK_MAX: usize = 256;

impl<U: Clone + Ord> WaitingRoom<U> {
    /// What `command` means at `now`. Nothing changes; an empty list means "already so".
    ///
    /// # Errors
    /// [`Refusal`], with what the caller needs to go on.
    pub fn decide(&self, command: &Command<U>, now: Timestamp) -> Result<Vec<Event<U>>, Refusal> {
        match command {
            Command::Join { user } => self.join(user, now),
            Command::Leave { user } => Ok(self.leave(user)),
            Command::Enter { user, number } => {
                if self.has_pass(user, Some(*number), now) {
                    Ok(vec![Event::Entered { user: user.clone() }])
                } else {
                    Err(Refusal::NotAdmitted)
                }
            }
            Command::Tick => Ok(self.tick(true, now)),
        }
    }

    /// Whether `user` may enter at `now`, with this pass or with any.
    pub(crate) fn has_pass(&self, user: &U, number: Option<u64>, now: Timestamp) -> bool {
        let pass = self.passes.get(user);
        pass.is_some_and(|pass| now < pass.until && number.is_none_or(|n| n == pass.number))
    }

    /// The place that somebody with a pass would be sent back to.
    pub(crate) fn ahead_of_pass(&self, user: &U) -> u64 {
        self.passes.get(user).map_or(0, |pass| self.line.ahead(pass.number))
    }

    fn join(&self, user: &U, now: Timestamp) -> Result<Vec<Event<U>>, Refusal> {
        let mut events = self.start(now);
        let waits = self.line.number(user).is_some();
        if waits || self.has_pass(user, None, now) {
            return Ok(Vec::new());
        }
        if self.passes.contains_key(user) {
            events.push(Event::Lapsed { user: user.clone() });
        }
        let people = self.line.len().saturating_add(self.passes.len());
        if people >= usize::try_from(self.people_max).unwrap_or(usize::MAX) {
            return Err(Refusal::Full { most: self.people_max });
        }
        events.push(Event::Joined { user: user.clone(), number: self.next_number });
        Ok(events)
    }

    pub(crate) fn leave(&self, user: &U) -> Vec<Event<U>> {
        let is_in = self.line.number(user).is_some() || self.passes.contains_key(user);
        if is_in { vec![Event::Left { user: user.clone() }] } else { Vec::new() }
    }

    /// What the passing of time means: the start, lapsed passes, and, where it `admits`, the next
    /// people of this round.
    pub(crate) fn tick(&self, admits: bool, now: Timestamp) -> Vec<Event<U>> {
        let start = self.start(now);
        if !start.is_empty() {
            // Nobody came yet: whoever comes first starts it.
            return if self.line.is_empty() { Vec::new() } else { start };
        }
        let lapsed = self.lapses.iter().take_while(|(until, _)| *until <= now).take(TICK_MAX);
        let mut events: Vec<_> =
            lapsed.map(|(_, user)| Event::Lapsed { user: user.clone() }).collect();
        if let (Phase::Open { round, used }, Some(rate), true) =
            (self.phase, &self.admission, admits)
        {
            let used = if rate.round(self.opens_at, now) == round { used } else { 0 };
            let left = usize::try_from(rate.per_round().saturating_sub(used)).unwrap_or(0);
            let until = now.saturating_add(rate.pass_for);
            let next = self.line.iter().take(left.min(TICK_MAX));
            events.extend(next.map(|(_, user)| Event::Admitted { user: user.clone(), until }));
        }
        events
    }

    /// The start, if it has come and nobody has dealt with it.
    fn start(&self, now: Timestamp) -> Vec<Event<U>> {
        match (self.phase, &self.admission) {
            (Phase::Gathering, Some(admission)) if now >= self.opens_at => {
                vec![Event::Started { seed: admission.seed }]
            }
            (Phase::Gathering | Phase::Open { .. }, _) => Vec::new(),
        }
    }
}
