//! What a run says at its end: a table for people, and a line a figure for programs.

use std::fmt;

use super::rounds::Samples;

/// The lines of a run, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
    skipped: Vec<String>,
}

#[derive(Debug)]
struct Line {
    kind: &'static str,
    name: &'static str,
    samples: Samples,
    unit: &'static str,
    what: String,
}

impl Report {
    /// Our throughput over theirs: more is better.
    pub(crate) fn ratio(&mut self, name: &'static str, samples: Samples, what: impl Into<String>) {
        self.add("ratio", name, samples, "", what);
    }

    /// Our time over theirs: less is better.
    pub(crate) fn cost(&mut self, name: &'static str, samples: Samples, what: impl Into<String>) {
        self.add("cost", name, samples, "", what);
    }

    /// A bare figure.
    pub(crate) fn figure(
        &mut self,
        name: &'static str,
        samples: Samples,
        unit: &'static str,
        what: impl Into<String>,
    ) {
        self.add("figure", name, samples, unit, what);
    }

    /// Something could not be measured here.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("SKIPPED: {what}");
        self.skipped.push(what);
    }

    fn add(
        &mut self,
        kind: &'static str,
        name: &'static str,
        samples: Samples,
        unit: &'static str,
        what: impl Into<String>,
    ) {
        self.lines.push(Line { kind, name, samples, unit, what: what.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
        writeln!(f, "\n{:6} {:width$} {:>11} {:>23}  of", "", "", "median", "quarters")?;
        for Line { kind, name, samples, unit, what } in &self.lines {
            let (low, high) = samples.spread();
            let spread = format!("{} – {}", number(low), number(high));
            let median = number(samples.median());
            let what = if unit.is_empty() { what.clone() } else { format!("{unit}: {what}") };
            writeln!(f, "{kind:6} {name:width$} {median:>11} {spread:>23}  {what}")?;
        }
        for what in &self.skipped {
            writeln!(f, "SKIPPED: {what}")?;
        }
        writeln!(f)?;
        for Line { kind, name, samples, unit, .. } in &self.lines {
            let end = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            writeln!(f, "{kind} {name} {}{end}", number(samples.median()))?;
        }
        Ok(())
    }
}

/// Three digits that matter, and none of an exponent.
fn number(value: f64) -> String {
    let digits: usize = match value.abs() {
        big if big >= 100.0 => 0,
        middling if middling >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}
