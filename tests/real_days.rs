//! A recorded day, where its data is at hand.

use std::path::{Path, PathBuf};

use doorstep::core::money::Currency;
use doorstep::core::policy::Policy;
use doorstep_sim::day::Day;
use doorstep_sim::report::Summary;
use doorstep_sim::world::{World, WorldConfig};

/// The folder of the recorded days: `DOORSTEP_DATA`, or beside the project.
fn data() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("DOORSTEP_DATA").map_or_else(beside, PathBuf::from)
}

#[test]
fn on_the_recorded_day_of_pereira_every_order_ends_and_every_invariant_holds() {
    let rappi = data().join("rappi");
    let (orders, couriers) = (rappi.join("pereira_orders.csv"), rappi.join("pereira_couriers.csv"));
    if !orders.exists() || !couriers.exists() {
        println!("SKIPPED: no recorded days in {} (set DOORSTEP_DATA)", rappi.display());
        return;
    }
    let day = Day::read(&orders, &couriers).unwrap();
    let config = WorldConfig::new(1, Policy::new(Currency::new("COP").unwrap()));
    let evening = World::new(config, &day).run(|_| {});
    let summary = Summary::new(&evening.auditor, &evening.counters("pereira".to_owned(), 1, &day));
    let why = summary.to_json();
    assert_eq!(evening.auditor.violations(), [], "{why}");
    assert_eq!(summary.unfinished, 0, "{why}");
    assert!(summary.log_verified, "{why}");
    assert!(summary.orders_placed > 100 && summary.delivered > 0, "{why}");
    // Nobody cancels on recorded days: the generated city's tests see to those invariants.
    let checked = summary.invariants.values().filter(|checks| **checks > 0).count();
    assert!(checked >= 25, "{:?}", summary.invariants);
}
