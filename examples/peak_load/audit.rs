//! The log, read back: whatever somebody was told is in it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use doorstep_core::flash_sale::sale;
use doorstep_core::id::OrderId;
use doorstep_core::log::Record;
use doorstep_core::order;
use doorstep_core::shard::{Event, Outcome};
use doorstep_sqlite::Inspector;
use serde::Serialize;

use crate::clients::Acknowledged;
use crate::load::Fallible;
use crate::rates::UNITS;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Found {
    /// Records that count.
    records: u64,
    /// What was acknowledged: placed, accepted, begun, arrived.
    acknowledged: u64,
    /// Of those, what is not in the log.
    lost: u64,
    /// Units that the log gives to somebody.
    held: u64,
    /// Units that somebody was told to have.
    told_held: u64,
}

/// Reads every record, checks the chain, and compares.
pub(crate) fn read_back(log: &Path, acknowledged: &Acknowledged) -> Fallible<Found> {
    let [mut placed, mut accepted, mut begun, mut arrived]: [BTreeSet<OrderId>; 4] =
        Default::default();
    let mut found = Found { told_held: acknowledged.held, ..Found::default() };
    let mut unreadable = None;
    Inspector::open(log)?.lines(|line| {
        if !line.counts {
            return;
        }
        found.records += 1;
        let text = line.record.map(|record| record.get().to_owned()).unwrap_or_default();
        let batch = match Record::<Event, Outcome>::decode(text.as_bytes()) {
            Ok(Record::Batch(batch)) => batch,
            Ok(Record::Claim { .. } | Record::Mark { .. }) => return,
            Err(why) => return unreadable = Some(why),
        };
        for event in batch.events {
            use order::Event as E;
            match event {
                Event::Order { order, event: E::Placed { .. } } => _ = placed.insert(order),
                Event::Order { order, event: E::Accepted { .. } } => _ = accepted.insert(order),
                Event::Order { order, event: E::PreparingStarted } => _ = begun.insert(order),
                Event::Order { order, event: E::ArrivedAtDoorstep { .. } } => {
                    arrived.insert(order);
                }
                Event::Sale { event: sale::Event::Held { .. }, .. } => found.held += 1,
                Event::PolicySet(_)
                | Event::Catalog(_)
                | Event::Checkout { .. }
                | Event::Order { .. }
                | Event::Dispatch(_)
                | Event::Provider { .. }
                | Event::SaleOpened { .. }
                | Event::Sale { .. }
                | Event::SaleCheckout { .. } => {}
            }
        }
    })?;
    if let Some(why) = unreadable {
        return Err(why.into());
    }
    let told = [
        (&acknowledged.placed, &placed),
        (&acknowledged.accepted, &accepted),
        (&acknowledged.begun, &begun),
        (&acknowledged.arrived, &arrived),
    ];
    for (told, known) in told {
        found.acknowledged += told.len() as u64;
        found.lost += told.iter().filter(|order| !known.contains(order)).count() as u64;
    }
    Ok(found)
}

impl Found {
    /// Nothing is lost, nothing sold twice, and nobody was told what is not so.
    pub(crate) const fn is_sound(&self) -> bool {
        self.lost == 0 && self.held <= UNITS as u64 && self.held == self.told_held
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, acknowledged, lost, held, told_held } = self;
        write!(
            f,
            "log: {records} records; of {acknowledged} acknowledged writes {lost} are lost; \
             {held} of {UNITS} units held, {told_held} acknowledged"
        )
    }
}
