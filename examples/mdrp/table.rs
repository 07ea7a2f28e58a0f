//! The figures, beside what others published.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use super::check::{Figures, mean};

/// What is published of an instance: who, mean click-to-door, undelivered %.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published {
    rolling: Option<f64>,
    best: Option<f64>,
    undelivered_pct: Option<f64>,
}

/// The published figures in `dir`, by instance; none where there is no such file.
pub(crate) fn published(dir: &Path) -> Result<BTreeMap<String, Published>, Box<dyn Error>> {
    let mut all: BTreeMap<String, Published> = BTreeMap::new();
    for file in ["published_anchors.csv", "published_anchors_large.csv"] {
        let path = dir.join(file);
        if !path.exists() {
            continue;
        }
        for row in csv::Reader::from_path(path)?.deserialize() {
            let row: BTreeMap<String, String> = row?;
            let number = |column: &str| row.get(column).and_then(|text| text.parse::<f64>().ok());
            let of = all.entry(row.get("inst").cloned().unwrap_or_default()).or_default();
            of.rolling = number("reyes_rollhorizon_ctd").or(number("ctd_mean")).or(of.rolling);
            of.best = number("reyes_exact_ctd").or(number("yildiz_ctd")).or(of.best);
            of.undelivered_pct = number("undelivered_pct").or(of.undelivered_pct);
        }
    }
    Ok(all)
}

pub(crate) fn head() {
    println!(
        "{:<18}{:>6}{:>8}{:>7}{:>8}{:>6}{:>7}{:>6}{:>8}{:>7}{:>7}{:>8}{:>8}   {:>8}{:>9}{:>9}{:>8}",
        "instance",
        "orders",
        "undel %",
        ">90 %",
        "CtD",
        "p90",
        "RtP",
        "p90",
        "overage",
        "$",
        "/trip",
        "p50 ms",
        "p99 ms",
        "greedy",
        "rolling",
        "hindsight",
        "undel %",
    );
}

pub(crate) fn row(figures: &Figures, greedy: &Figures, published: Option<&Published>) {
    let shown = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
    let other = published.cloned().unwrap_or_default();
    println!(
        "{:<18}{:>6}{:>8.2}{:>7.2}{:>8.2}{:>6.0}{:>7.2}{:>6.0}{:>8.2}{:>7.2}{:>7.3}{:>8.3}{:>8.3}   {:>8.2}{:>9}{:>9}{:>8}{}",
        figures.inst,
        figures.orders,
        figures.undelivered_pct,
        figures.over90_pct,
        figures.ctd_mean,
        figures.ctd_p90,
        figures.rtp_mean,
        figures.rtp_p90,
        figures.overage_mean,
        figures.cost_per_order,
        figures.orders_per_bundle,
        figures.decision_p50_ms,
        figures.decision_p99_ms,
        greedy.ctd_mean,
        shown(other.rolling),
        shown(other.best),
        shown(other.undelivered_pct),
        if figures.feasible { "" } else { "   NOT FEASIBLE" },
    );
}

/// The means over all instances, beside the greedy baseline.
pub(crate) fn foot(all: &[Figures], greedy: &[Figures]) {
    for (name, figures) in [("planned", all), ("greedy at placement", greedy)] {
        let over = |of: fn(&Figures) -> f64| mean(&figures.iter().map(of).collect::<Vec<_>>());
        let orders: usize = figures.iter().map(|figures| figures.orders).sum();
        let share = |of: fn(&Figures) -> f64| {
            figures.iter().map(|f| of(f) * f.orders as f64).sum::<f64>() / (orders as f64).max(1.0)
        };
        println!(
            "{name}: {} instances, {orders} orders: click-to-door {:.2}, ready-to-pickup {:.2}, cost \
             per order {:.2}, orders per trip {:.3}; undelivered {:.3} % and over 90 min {:.3} % of \
             all orders",
            figures.len(),
            over(|f| f.ctd_mean),
            over(|f| f.rtp_mean),
            over(|f| f.cost_per_order),
            over(|f| f.orders_per_bundle),
            share(|f| f.undelivered_pct),
            share(|f| f.over90_pct),
        );
    }
}
