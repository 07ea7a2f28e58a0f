//! Instances as they are published: integer minutes and metres.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A point of the plane, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) drop_off: Point,
    pub(crate) placed: i64,
    /// Which of the instance's restaurants.
    pub(crate) restaurant: usize,
    pub(crate) ready: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Courier {
    pub(crate) name: String,
    pub(crate) start: Point,
    pub(crate) on: i64,
    pub(crate) off: i64,
}

/// A day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) metres_per_minute: f64,
    pub(crate) restaurants: Vec<Point>,
    /// By placement, in the order of the file.
    pub(crate) orders: Vec<Order>,
    pub(crate) couriers: Vec<Courier>,
}

#[derive(Deserialize)]
struct OrderRow {
    inst: String,
    order: String,
    x_m: f64,
    y_m: f64,
    placement_min: f64,
    restaurant: String,
    ready_min: f64,
}

#[derive(Deserialize)]
struct CourierRow {
    inst: String,
    courier: String,
    x_m: f64,
    y_m: f64,
    on_min: f64,
    off_min: f64,
}

#[derive(Deserialize)]
struct RestaurantRow {
    inst: String,
    restaurant: String,
    x_m: f64,
    y_m: f64,
}

#[derive(Deserialize)]
struct StatsRow {
    inst: String,
    meters_per_minute: f64,
}

impl Instance {
    /// The instances in `dir` whose names match `glob`, in the order of `instance_stats.csv`.
    pub(crate) fn load(dir: &Path, glob: &str) -> Result<Vec<Self>, Box<dyn Error>> {
        let mut instances: Vec<Self> = Vec::new();
        let mut at = BTreeMap::new();
        for row in rows::<StatsRow>(dir, "instance_stats.csv")? {
            if matches(glob, &row.inst) {
                let metres_per_minute = row.meters_per_minute;
                if !(metres_per_minute.is_finite() && metres_per_minute > 0.0) {
                    return Err(format!("{}: no speed: {metres_per_minute}", row.inst).into());
                }
                at.insert(row.inst.clone(), instances.len());
                instances.push(Self { name: row.inst, metres_per_minute, ..Self::default() });
            }
        }
        let mut restaurants = BTreeMap::new();
        for row in rows::<RestaurantRow>(dir, "restaurants.csv")? {
            let Some(&of) = at.get(&row.inst) else { continue };
            restaurants.insert((of, row.restaurant), instances[of].restaurants.len());
            instances[of].restaurants.push(Point { x: row.x_m, y: row.y_m });
        }
        for row in rows::<CourierRow>(dir, "couriers.csv")? {
            let Some(&of) = at.get(&row.inst) else { continue };
            let start = Point { x: row.x_m, y: row.y_m };
            let (on, off) = (minute(row.on_min)?, minute(row.off_min)?);
            instances[of].couriers.push(Courier { name: row.courier, start, on, off });
        }
        for row in rows::<OrderRow>(dir, "orders.csv")? {
            let Some(&of) = at.get(&row.inst) else { continue };
            let Some(&restaurant) = restaurants.get(&(of, row.restaurant)) else {
                return Err(format!("{} {}: no such restaurant", row.inst, row.order).into());
            };
            instances[of].orders.push(Order {
                name: row.order,
                drop_off: Point { x: row.x_m, y: row.y_m },
                placed: minute(row.placement_min)?,
                restaurant,
                ready: minute(row.ready_min)?,
            });
        }
        for instance in &mut instances {
            instance.orders.sort_by_key(|order| order.placed);
        }
        Ok(instances)
    }

    /// Minutes from place to place, begun ones counted whole.
    pub(crate) fn travel(&self, from: Point, to: Point) -> i64 {
        ((from.x - to.x).hypot(from.y - to.y) / self.metres_per_minute).ceil() as i64
    }

    pub(crate) fn kitchen(&self, order: &Order) -> Point {
        self.restaurants[order.restaurant]
    }
}

fn rows<R: DeserializeOwned>(dir: &Path, file: &str) -> Result<Vec<R>, Box<dyn Error>> {
    let path = dir.join(file);
    let named = |error: csv::Error| format!("{}: {error}", path.display());
    let mut reader = csv::Reader::from_path(&path).map_err(named)?;
    Ok(reader.deserialize().collect::<Result<_, _>>().map_err(named)?)
}

fn minute(value: f64) -> Result<i64, String> {
    let whole = value.fract() == 0.0 && value.abs() < 1e9;
    if whole { Ok(value as i64) } else { Err(format!("{value} is not a whole minute")) }
}

/// Whether `name` is of the form `glob`.
fn matches(glob: &str, name: &str) -> bool {
    match glob.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = &glob[1..];
            (0..=name.len()).any(|cut| name.is_char_boundary(cut) && matches(rest, &name[cut..]))
        }
        Some(first) => name.chars().next().is_some_and(|other| {
            (first == '?' || first == other)
                && matches(&glob[first.len_utf8()..], &name[other.len_utf8()..])
        }),
    }
}
