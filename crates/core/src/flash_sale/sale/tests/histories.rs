//! Random histories: whoever asks, whatever is repeated, whenever the clock is looked at.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Wished {
    Claim(u32, u32),
    Join(u32),
    Leave(u32),
    /// Of the holds ever given, that one.
    Start(usize),
    Pay(usize),
    Release(usize),
    Tick,
    Close,
    /// The process is gone; the next one reads what was stored.
    Crash,
}

fn history() -> impl Strategy<Value = (Rules, Vec<(Wished, u64)>)> {
    let wished = prop_oneof![
        8 => (0..8_u32, 1..3_u32).prop_map(|(user, nth)| Wished::Claim(user, nth)),
        6 => (0..8_u32).prop_map(Wished::Join),
        1 => (0..8_u32).prop_map(Wished::Leave),
        1 => any::<usize>().prop_map(Wished::Start),
        4 => any::<usize>().prop_map(Wished::Pay),
        4 => any::<usize>().prop_map(Wished::Release),
        4 => Just(Wished::Tick),
        1 => Just(Wished::Crash),
    ];
    let wished = prop_oneof![60 => wished, 1 => Just(Wished::Close)];
    let wait = prop_oneof![4 => Just(0_u64), 2 => 1..2_000_u64, 1 => 10_000..80_000_u64];
    let rules =
        (1..5_u32, 1..3_u32, proptest::option::of(1..4_u32)).prop_map(|(stock, most, rate)| {
            let rules = rate.map_or_else(|| rules(stock), |rate| gated(stock, rate));
            Rules { per_user: most, ..rules }
        });
    (rules, proptest::collection::vec((wished, wait), 0..120))
}

/// Every hold ever given, with its owner.
fn given(counter: &Counter) -> Vec<(HoldId, u32)> {
    let held = |(_, event): &(Timestamp, Event<u32>)| match event {
        Event::Held { hold, user, .. } => Some((*hold, *user)),
        Event::PaymentStarted { .. }
        | Event::Sold { .. }
        | Event::SoldLate { .. }
        | Event::RefundDue { .. }
        | Event::Released { .. }
        | Event::Expired { .. }
        | Event::Closed
        | Event::Room(_) => None,
    };
    counter.log.iter().filter_map(held).collect()
}

/// What came of every payment that was made, by hold.
type Paid = std::collections::BTreeMap<HoldId, Answer>;

fn live(rules: &Rules, history: &[(Wished, u64)]) -> (Counter, Timestamp, Paid) {
    let mut counter = Counter::new(rules.clone());
    let (mut now, mut paid) = (T0.saturating_sub(Span::from_secs(2)), Paid::new());
    for (wished, wait) in history {
        now = now.saturating_add(Span::from_millis(*wait));
        let given = given(&counter);
        let that = |at: usize| given.get(at.checked_rem(given.len()).unwrap_or(0)).copied();
        let command = match *wished {
            Wished::Claim(user, nth) => Command::Claim { user, nth },
            Wished::Join(user) => join(user),
            Wished::Leave(user) => Command::Leave { user },
            Wished::Start(at) => match that(at) {
                Some((hold, user)) => Command::StartPayment { user, hold },
                None => continue,
            },
            Wished::Pay(at) => match that(at) {
                Some((hold, user)) => pay(user, hold),
                None => continue,
            },
            Wished::Release(at) => match that(at) {
                Some((hold, user)) => release(user, hold),
                None => continue,
            },
            Wished::Tick => Command::Tick,
            Wished::Close => Command::Close,
            Wished::Crash => {
                let json = serde_json::to_string(&counter.sale).unwrap();
                counter.sale = serde_json::from_str(&json).unwrap();
                continue;
            }
        };
        let told = counter.hears(&command, now);
        if let (Command::Pay { hold, .. }, Ok(decided)) = (&command, &told) {
            let before = paid.insert(*hold, decided.answer);
            assert!(before.is_none_or(|before| before == decided.answer), "one truth a payment");
        }
        if told == Err(Refusal::SoldOut) {
            assert_eq!(counter.sale.sold(), counter.sale.rules.stock, "sold out is final");
        }
        if let (Command::Claim { .. }, Err(Refusal::AllHeld { .. })) = (&command, &told) {
            let due = counter.sale.deadlines.first().is_some_and(|(until, _)| *until <= now);
            let left = counter.sale.available() > 0 || due && counter.sale.room.waiting() == 0;
            assert!(!left, "nobody is turned away from a unit that is there");
        }
    }
    (counter, now, paid)
}

proptest! {
    #[test]
    fn no_unit_is_lost_or_sold_twice_and_a_replay_gives_the_same((rules, history) in history()) {
        let (mut counter, now, paid) = live(&rules, &history);
        prop_assert_eq!(counter.replayed(), counter.sale.clone());
        for (hold, answer) in &paid {
            let sold = counter.sale.hold(*hold).is_some_and(|held| held.state == HoldState::Sold);
            let back = counter.sale.refunds().any(|(id, _)| id == *hold);
            prop_assert!(sold != back, "{:?}: sold, or paid back", hold);
            prop_assert_eq!(sold, *answer == Answer::Sold { hold: *hold });
        }
        let sold = u32::try_from(paid.values().filter(|a| matches!(a, Answer::Sold { .. })).count());
        prop_assert_eq!(counter.sale.sold(), sold.unwrap(), "nothing is sold that nobody paid");
        // Time passes: every clock that runs comes to its end, and no unit is stuck.
        let mut now = now;
        for _ in 0..1_000 {
            match counter.sale.next_deadline() {
                Some(at) => {
                    now = now.max(at);
                    counter.ticks(now);
                }
                None => break,
            }
        }
        prop_assert_eq!(counter.sale.next_deadline(), None);
        let paying = counter.sale.holds().filter(|(_, hold)| hold.state == HoldState::Paying).count();
        prop_assert_eq!(counter.sale.held() as usize, paying, "only what others watch is held");
    }

    #[test]
    fn a_crowd_with_a_rate_is_served_in_the_order_of_its_line(
        seed: u64, people in 1..60_u32, rate in 1..10_u32, stock in 1..20_u32,
    ) {
        let mut rules = gated(stock, rate);
        rules.admission.as_mut().unwrap().seed = seed;
        let mut counter = Counter::new(rules);
        for user in 0..people {
            counter.does(&join(user), T0.saturating_sub(Span::from_secs(1)));
        }
        counter.does(&join(1_000), T0);
        let line: Vec<u32> = counter.sale.room().in_line().copied().collect();
        prop_assert_eq!(line.last(), Some(&1_000), "who comes after the start stands behind");
        let mut holders = Vec::new();
        for second in 0..200 {
            counter.ticks(at(second));
            let in_this_round: Vec<u32> = (0..people).chain([1_000]).filter(|user| {
                matches!(counter.sale.room().place(user), Some(Place::Admitted { .. }))
            }).collect();
            prop_assert!(in_this_round.len() <= rate as usize, "never more than the rate");
            for user in in_this_round {
                let told = counter.hears(&claim(user), at(second));
                if let Ok(Decided { answer: Answer::Held { hold, .. }, .. }) = told {
                    counter.does(&pay(user, hold), at(second));
                    holders.push(user);
                }
            }
        }
        let served = stock.min(people + 1) as usize;
        prop_assert_eq!(holders.len(), served);
        // Whoever is served is within one round of the head of the line.
        let reach: Vec<u32> = line.iter().take(served + rate as usize).copied().collect();
        prop_assert!(holders.iter().all(|user| reach.contains(user)));
    }
}
