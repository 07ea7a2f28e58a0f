//! A recorded day: its orders and its couriers' shifts, read from two CSV files.
//!
//! Two kinds of trouble are kept apart. A file that is not of the schema is refused. A row that makes
//! no sense is counted and named, and the day goes on without it: real data has dirt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, StringRecord};
use doorstep_core::eta::Vehicle;
use doorstep_core::place::LatLng;

/// Bad rows that are named; beyond them they are only counted.
pub const BAD_ROWS_NAMED: usize = 1_000;

/// A day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Its orders, in the order of the file.
    pub orders: Vec<DayOrder>,
    /// Its couriers, in the order of the file.
    pub couriers: Vec<DayCourier>,
    /// The rows that were left out, the first [`BAD_ROWS_NAMED`].
    pub bad_rows: Vec<BadRow>,
    /// How many rows were left out in all.
    pub bad_row_count: u64,
}

/// An order of the day. Times are seconds since the day's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOrder {
    /// Where it stands in its file, from 1 with the header; in a generated day its number.
    pub line: u64,
    /// The restaurant.
    pub pickup: LatLng,
    /// The door.
    pub drop_off: LatLng,
    /// When the customer ordered.
    pub placed_s: u32,
    /// When the restaurant took it and began; not before `placed_s`.
    pub accept_s: u32,
    /// When the kitchen was done; not before `accept_s`.
    pub ready_s: u32,
    /// For when it was promised; not before `placed_s`.
    pub promised_s: u32,
}

/// A courier's shift. Times are seconds since the day's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCourier {
    /// Where it stands in its file, from 1 with the header; in a generated day its number.
    pub line: u64,
    /// What they move by.
    pub vehicle: Vehicle,
    /// Where they begin.
    pub start: LatLng,
    /// When they begin.
    pub on_s: u32,
    /// When they stop taking orders; after `on_s`.
    pub off_s: u32,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// In which file.
    pub file: PathBuf,
    /// In which line, from 1 with the header.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// A file that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, line {line}: {reason}", .file.display())]
pub struct DayError {
    /// Which file.
    pub file: PathBuf,
    /// In which line, from 1; 0 where the file could not be opened.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl Day {
    /// Reads a day.
    ///
    /// Columns are found by name, in any order, and others are left alone:
    /// `order_id,pick_lat,pick_lng,drop_lat,drop_lng,placed_s,prep_start_s,ready_s,expected_dropoff_s`
    /// and `courier_id,vehicle,on_lat,on_lng,on_s,off_s`. Degrees are WGS 84, times seconds since
    /// midnight; both may have decimals, and a second begun is dropped.
    ///
    /// # Errors
    /// [`DayError`] if a file cannot be read, has no rows, or lacks a column.
    pub fn read(orders: &Path, couriers: &Path) -> Result<Self, DayError> {
        let mut day = Self::default();
        let mut placed = Vec::new();
        read_file(orders, &ORDER_COLUMNS, &mut day, |row| {
            placed.push(order(row)?);
            Ok(())
        })?;
        let mut shifts = Vec::new();
        read_file(couriers, &COURIER_COLUMNS, &mut day, |row| {
            shifts.push(courier(row)?);
            Ok(())
        })?;
        day.orders = placed;
        day.couriers = shifts;
        Ok(day)
    }

    fn bad_row(&mut self, file: &Path, line: u64, reason: String) {
        self.bad_row_count = self.bad_row_count.saturating_add(1);
        if self.bad_rows.len() < BAD_ROWS_NAMED {
            self.bad_rows.push(BadRow { file: file.to_owned(), line, reason });
        }
    }
}

const ORDER_COLUMNS: [&str; 9] = [
    "order_id",
    "pick_lat",
    "pick_lng",
    "drop_lat",
    "drop_lng",
    "placed_s",
    "prep_start_s",
    "ready_s",
    "expected_dropoff_s",
];
const COURIER_COLUMNS: [&str; 6] = ["courier_id", "vehicle", "on_lat", "on_lng", "on_s", "off_s"];

/// No time of a day lies later: the end of the next one.
const SECONDS_MAX: f64 = 2.0 * 86_400.0;

/// A row under the names of its columns.
struct Row<'a> {
    line: u64,
    record: &'a StringRecord,
    columns: &'a BTreeMap<&'static str, usize>,
}

impl Row<'_> {
    fn text(&self, column: &'static str) -> &str {
        self.columns.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    fn number(&self, column: &'static str) -> Result<f64, String> {
        let text = self.text(column);
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("{column} is no number: {text:?}"))
    }

    fn place(&self, lat: &'static str, lng: &'static str) -> Result<LatLng, String> {
        LatLng::new(self.number(lat)?, self.number(lng)?)
            .map_err(|error| format!("{lat}, {lng}: {error}"))
    }

    fn seconds(&self, column: &'static str) -> Result<u32, String> {
        let seconds = self.number(column)?;
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(format!("{column} is not within two days: {seconds}"));
        }
        // In range by the check above.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let whole = seconds as u32;
        Ok(whole)
    }

    /// `later` must not come before `earlier`.
    fn in_order(&self, earlier: &'static str, later: &'static str) -> Result<(), String> {
        let (first, second) = (self.seconds(earlier)?, self.seconds(later)?);
        if second < first {
            return Err(format!("{later} ({second}) is before {earlier} ({first})"));
        }
        Ok(())
    }
}

fn order(row: &Row<'_>) -> Result<DayOrder, String> {
    row.in_order("placed_s", "prep_start_s")?;
    row.in_order("prep_start_s", "ready_s")?;
    row.in_order("placed_s", "expected_dropoff_s")?;
    Ok(DayOrder {
        line: row.line,
        pickup: row.place("pick_lat", "pick_lng")?,
        drop_off: row.place("drop_lat", "drop_lng")?,
        placed_s: row.seconds("placed_s")?,
        accept_s: row.seconds("prep_start_s")?,
        ready_s: row.seconds("ready_s")?,
        promised_s: row.seconds("expected_dropoff_s")?,
    })
}

fn courier(row: &Row<'_>) -> Result<DayCourier, String> {
    let vehicle = match row.text("vehicle") {
        "walking" => Vehicle::Walking,
        "bicycle" => Vehicle::Bicycle,
        "motorcycle" => Vehicle::Motorcycle,
        "car" => Vehicle::Car,
        other => return Err(format!("no such vehicle: {other:?}")),
    };
    let (on_s, off_s) = (row.seconds("on_s")?, row.seconds("off_s")?);
    if off_s <= on_s {
        return Err(format!("off_s ({off_s}) is not after on_s ({on_s})"));
    }
    Ok(DayCourier { line: row.line, vehicle, start: row.place("on_lat", "on_lng")?, on_s, off_s })
}

/// Walks the rows of a file. The first column of `names` is the row's id and occurs once.
fn read_file<const N: usize>(
    file: &Path,
    names: &[&'static str; N],
    day: &mut Day,
    mut take: impl FnMut(&Row<'_>) -> Result<(), String>,
) -> Result<(), DayError> {
    let refused = |line: u64, reason: String| DayError { file: file.to_owned(), line, reason };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(|error| refused(0, error.to_string()))?;
    let mut record = ByteRecord::new();
    let mut header: Option<(usize, BTreeMap<&'static str, usize>)> = None;
    let mut ids = BTreeSet::new();
    let mut rows = false;
    loop {
        let more = reader.read_byte_record(&mut record).map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            refused(line, error.to_string())
        })?;
        if !more {
            break;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let text = StringRecord::from_byte_record(record.clone());
        let Some((width, columns)) = &header else {
            let text = text.map_err(|_| refused(line, "the header is not UTF-8".to_owned()))?;
            let columns = columns_of(&text, names).map_err(|reason| refused(line, reason))?;
            header = Some((text.len(), columns));
            continue;
        };
        rows = true;
        let taken = match text {
            Err(_) => Err("it is not UTF-8".to_owned()),
            Ok(record) if record.len() != *width => {
                Err(format!("{} fields, the header has {width}", record.len()))
            }
            Ok(record) => {
                let row = Row { line, record: &record, columns };
                let id = names.first().map(|name| row.text(name)).unwrap_or_default();
                if id.is_empty() {
                    Err("it has no id".to_owned())
                } else if !ids.insert(id.to_owned()) {
                    Err(format!("its id occurs before: {id}"))
                } else {
                    take(&row)
                }
            }
        };
        if let Err(reason) = taken {
            day.bad_row(file, line, reason);
        }
    }
    if rows { Ok(()) } else { Err(refused(1, "the file is empty, or has no rows".to_owned())) }
}

fn columns_of<const N: usize>(
    header: &StringRecord,
    names: &[&'static str; N],
) -> Result<BTreeMap<&'static str, usize>, String> {
    let mut columns = BTreeMap::new();
    for name in names {
        let mut found = header.iter().enumerate().filter(|(_, column)| column == name);
        let Some((at, _)) = found.next() else {
            return Err(format!("there is no column {name}"));
        };
        if found.next().is_some() {
            return Err(format!("there are two columns {name}"));
        }
        columns.insert(*name, at);
    }
    Ok(columns)
}

#[cfg(test)]
mod tests;
