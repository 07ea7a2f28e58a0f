//! What was required, and what was reached.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::Found;
use crate::load::pace::Tally;
use crate::ours::Own;
use crate::rates::Rates;

/// How much of the machine it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Processors that the service's process kept busy: with it, the gateway's pings and checks.
    pub(crate) service: f64,
    /// Those of the callers' process.
    pub(crate) clients: f64,
    /// Bytes that the service's process holds at the end.
    pub(crate) memory: u64,
}

/// A line of the table.
#[derive(Debug)]
struct Line {
    name: &'static str,
    through: &'static str,
    required_per_s: f64,
    reached_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Requests that were not dealt with.
    failed: u64,
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Table {
    lines: Vec<Line>,
    seconds: f64,
    shares: Shares,
}

impl Table {
    pub(crate) fn new(
        rates: &Rates,
        lasts: Duration,
        own: &Own,
        tallies: &BTreeMap<String, Tally>,
        shares: Shares,
    ) -> Self {
        let none = Tally::default();
        let of = |name: &str| tallies.get(name).unwrap_or(&none);
        let line = |name, through, required_per_s, tally: &Tally| Line {
            name,
            through,
            required_per_s,
            reached_per_s: tally.per_s(),
            p50_ms: tally.quantile_ms(0.5),
            p99_ms: tally.quantile_ms(0.99),
            failed: tally.due.saturating_sub(tally.good()),
        };
        let in_process = (rates.checks - rates.polls).max(1.0);
        let lines = vec![
            line("pings", "in process, batches", rates.pings, &own.pings),
            line("orders placed", "HTTP", rates.orders, of("place")),
            line("orders accepted", "HTTP", rates.later, of("accept")),
            line("orders begun", "HTTP", rates.later, of("begin")),
            line("arrivals", "HTTP", rates.later, of("arrive")),
            line("browse", "HTTP", rates.browses, of("browse")),
            line("eligibility", "HTTP", rates.polls, of("poll")),
            line("eligibility", "in process, batches", in_process, &own.checks),
            line("flash sale claims", "HTTP", rates.crowd as f64, of("claim")),
        ];
        Self { lines, seconds: lasts.as_secs_f64(), shares }
    }

    pub(crate) fn json(&self, found: &Found) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "name": line.name,
                "through": line.through,
                "required_per_s": line.required_per_s,
                "reached_per_s": line.reached_per_s,
                "p50_ms": line.p50_ms,
                "p99_ms": line.p99_ms,
                "failed": line.failed,
            })
        });
        json!({
            "seconds": self.seconds,
            "paths": lines.collect::<Vec<_>>(),
            "service_cores": self.shares.service,
            "clients_cores": self.shares.clients,
            "service_rss_bytes": self.shares.memory,
            "log": found,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:18} {:20} {:>10} {:>10} {:>9} {:>9} {:>7}",
            "", "through", "required/s", "reached/s", "p50 ms", "p99 ms", "failed"
        )?;
        for line in &self.lines {
            let Line { name, through, required_per_s, reached_per_s, p50_ms, p99_ms, failed } =
                line;
            writeln!(
                f,
                "{name:18} {through:20} {required_per_s:>10.0} {reached_per_s:>10.0} {p50_ms:>9.2} {p99_ms:>9.2} {failed:>7}"
            )?;
        }
        let Shares { service, clients, memory } = self.shares;
        writeln!(
            f,
            "\nprocessors: service {service:.2}, with what is in process; callers {clients:.2}. \
             memory of the service: {} MiB",
            memory >> 20
        )
    }
}
