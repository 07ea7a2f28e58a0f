//! One closed line on the map, and on which side of it a place lies: exact, in whole numbers.
//!
//! Between two points a ring is straight on the map of latitudes and longitudes, the shorter way
//! around the Earth (RFC 7946, 3.1.1, but across the antimeridian without a cut). Every question
//! here is about an edge seen from one place, with longitudes taken relative to it: so the
//! antimeridian is nowhere special. Coordinates are ten-millionths of a degree, products of two fit
//! an `i128`, and nothing is rounded.

use doorstep_core::place::LatLng;

use super::PolygonError;

/// Where a place lies with regard to a closed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    /// On the line itself.
    Edge,
    Outside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: LatLng,
    /// Longitude covered eastwards, less than half a turn either way.
    pub(super) east_e7: i32,
    pub(super) to_lat_e7: i32,
}

/// A closed line of at least three points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    pub(super) edges: Box<[Edge]>,
    /// A line around a pole parts the Earth in two halves; this says that the northern one is
    /// within. Of any other line the half without the poles is within.
    pub(super) holds_north_pole: bool,
    /// It goes around a pole.
    pub(super) around_a_pole: bool,
}

pub(super) const HALF_TURN_E7: i64 = 1_800_000_000;
const TURN_E7: i64 = 3_600_000_000;
pub(super) const POLE_E7: i32 = 900_000_000;

/// From one longitude to another, the shorter way, eastwards: −180° included, 180° not.
pub(super) const fn east_e7(from_lng_e7: i32, to_lng_e7: i32) -> i64 {
    east_of(from_lng_e7 as i64, to_lng_e7 as i64)
}

/// The same for longitudes that are at most a turn apart, wherever they are counted from.
pub(super) const fn east_of(from_lng_e7: i64, to_lng_e7: i64) -> i64 {
    let east = to_lng_e7.saturating_sub(from_lng_e7);
    if east >= HALF_TURN_E7 {
        east.saturating_sub(TURN_E7)
    } else if east < -HALF_TURN_E7 {
        east.saturating_add(TURN_E7)
    } else {
        east
    }
}

/// Which way around an outer line keeps what it encloses to its left, and a hole to its right
/// (RFC 7946, 3.1.6). It matters only for lines around a pole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Exterior,
    Hole,
}

impl Ring {
    /// The line through these points and back to the first. A last point that repeats the first, and
    /// points that repeat the one before, are left out.
    pub(super) fn new(points: &[LatLng], role: Role, ring: u32) -> Result<Self, PolygonError> {
        let same = |a: &LatLng, b: &LatLng| {
            a.lat_e7() == b.lat_e7() && east_e7(a.lng_e7(), b.lng_e7()) == 0
        };
        let mut distinct = points.to_vec();
        distinct.dedup_by(|a, b| same(a, b));
        while distinct.len() > 1
            && distinct.first().zip(distinct.last()).is_some_and(|(a, b)| same(a, b))
        {
            distinct.pop();
        }
        if distinct.len() < 3 {
            let points = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
            return Err(PolygonError::TooFewPoints { ring, points });
        }
        let (mut edges, mut around_e7) = (Vec::with_capacity(distinct.len()), 0_i64);
        let nexts = distinct.iter().skip(1).chain(distinct.first());
        for (&from, to) in distinct.iter().zip(nexts) {
            let east = east_e7(from.lng_e7(), to.lng_e7());
            if east == -HALF_TURN_E7 {
                return Err(PolygonError::HalfTurn { ring, from });
            }
            around_e7 = around_e7.saturating_add(east);
            // Less than half a turn: 1.8e9 fits.
            let east_e7 = i32::try_from(east).unwrap_or_default();
            edges.push(Edge { from, east_e7, to_lat_e7: to.lat_e7() });
        }
        let around_a_pole = match around_e7 {
            0 => false,
            TURN_E7 | -3_600_000_000 => true,
            _ => return Err(PolygonError::Spiral { ring }),
        };
        let eastwards = around_e7 > 0;
        let north_is_left = eastwards == (role == Role::Exterior);
        Ok(Self {
            edges: edges.into(),
            holds_north_pole: around_a_pole && north_is_left,
            around_a_pole,
        })
    }

    /// Which side of the line a place lies on. One pass over the edges.
    ///
    /// The meridian from the place to the north pole crosses the line as often as one changes sides
    /// on it; the pole's own side is known. Of a vertex on the meridian the edges to its east count.
    pub(super) fn side(&self, place: LatLng) -> Side {
        let mut inside = self.holds_north_pole;
        for edge in &self.edges {
            match edge.seen_from(place) {
                Seen::On => return Side::Edge,
                Seen::North => inside = !inside,
                Seen::Elsewhere => {}
            }
        }
        if inside { Side::Inside } else { Side::Outside }
    }
}

/// Where an edge runs, seen from a place.
enum Seen {
    /// Through the place.
    On,
    /// Across the meridian that goes from the place to the north pole.
    North,
    Elsewhere,
}

impl Edge {
    fn seen_from(&self, place: LatLng) -> Seen {
        let (lat, from_lat) = (place.lat_e7(), self.from.lat_e7());
        let (south, north) = (from_lat.min(self.to_lat_e7), from_lat.max(self.to_lat_e7));
        if lat > north {
            return Seen::Elsewhere;
        }
        // A pole lies at every longitude.
        if lat.abs() == POLE_E7 && (lat == from_lat || lat == self.to_lat_e7) {
            return Seen::On;
        }
        let (east, covered) =
            (east_e7(self.from.lng_e7(), place.lng_e7()), i64::from(self.east_e7));
        if east < covered.min(0) || east > covered.max(0) {
            return Seen::Elsewhere;
        }
        let crossed = (east < 0) != (east < covered);
        if lat < south {
            return if crossed { Seen::North } else { Seen::Elsewhere };
        }
        let above = i64::from(lat).saturating_sub(i64::from(from_lat));
        let rise = i64::from(self.to_lat_e7).saturating_sub(i64::from(from_lat));
        let turn = cross((covered, rise), (east, above));
        if turn == 0 {
            return Seen::On;
        }
        // To the right of an eastward edge is south of it.
        let north_of_place = (turn < 0) == (covered > 0);
        if crossed && north_of_place { Seen::North } else { Seen::Elsewhere }
    }

    /// Whether the edge has a point within the box of these half sides around a place, its sides
    /// included. `half_east_e7` is at most 10°.
    pub(super) fn touches_box(&self, centre: LatLng, half_e7: HalfSides) -> bool {
        let from_lat = i64::from(self.from.lat_e7()).saturating_sub(i64::from(centre.lat_e7()));
        let to_lat = i64::from(self.to_lat_e7).saturating_sub(i64::from(centre.lat_e7()));
        let (half_east, half_north) = (i64::from(half_e7.east), i64::from(half_e7.north));
        if from_lat.min(to_lat) > half_north || from_lat.max(to_lat) < half_north.saturating_neg() {
            return false;
        }
        let start = east_e7(centre.lng_e7(), self.from.lng_e7());
        let covered = i64::from(self.east_e7);
        // An edge that begins on the far side of the Earth may come around it.
        [start, start.saturating_add(TURN_E7), start.saturating_sub(TURN_E7)].into_iter().any(
            |start| {
                let end = start.saturating_add(covered);
                if start.min(end) > half_east || start.max(end) < half_east.saturating_neg() {
                    return false;
                }
                // The boxes of both overlap; they are apart only if the edge's own line has the
                // whole box to one side.
                let rise = to_lat.saturating_sub(from_lat);
                let of_centre = cross((covered, rise), (start, from_lat)).unsigned_abs();
                let reach = product(covered, half_north)
                    .unsigned_abs()
                    .saturating_add(product(rise, half_east).unsigned_abs());
                of_centre <= reach
            },
        )
    }

    /// Whether two edges cross, or run along one another for some way. To touch in one point that is
    /// an end of either is neither.
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        let (a, b) = self.points();
        let start = east_e7(self.from.lng_e7(), other.from.lng_e7());
        [start, start.saturating_add(TURN_E7), start.saturating_sub(TURN_E7)].into_iter().any(
            |start| {
                let lat0 = i64::from(self.from.lat_e7());
                let c = (start, i64::from(other.from.lat_e7()).saturating_sub(lat0));
                let d = (
                    start.saturating_add(i64::from(other.east_e7)),
                    i64::from(other.to_lat_e7).saturating_sub(lat0),
                );
                conflict((a, b), (c, d))
            },
        )
    }

    /// Both ends, relative to the first.
    fn points(&self) -> (Point, Point) {
        let rise = i64::from(self.to_lat_e7).saturating_sub(i64::from(self.from.lat_e7()));
        ((0, 0), (i64::from(self.east_e7), rise))
    }

    pub(super) fn lats_e7(&self) -> (i32, i32) {
        let from = self.from.lat_e7();
        (from.min(self.to_lat_e7), from.max(self.to_lat_e7))
    }
}

/// Half the sides of a box, in ten-millionths of a degree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HalfSides {
    pub(super) east: i32,
    pub(super) north: i32,
}

/// East and north, in ten-millionths of a degree.
type Point = (i64, i64);

fn conflict((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let apart =
        |p: fn(Point) -> i64| p(a).max(p(b)) < p(c).min(p(d)) || p(c).max(p(d)) < p(a).min(p(b));
    if apart(|point| point.0) || apart(|point| point.1) {
        return false;
    }
    let (c_of_ab, d_of_ab) = (turn(a, b, c), turn(a, b, d));
    let (a_of_cd, b_of_cd) = (turn(c, d, a), turn(c, d, b));
    if c_of_ab == 0 && d_of_ab == 0 {
        // On one line, and not apart: they share one point or a stretch.
        let along = |p: fn(Point) -> i64| {
            p(a).max(p(b)).min(p(c).max(p(d))) > p(a).min(p(b)).max(p(c).min(p(d)))
        };
        return along(|point| point.0) || along(|point| point.1);
    }
    c_of_ab.signum().saturating_mul(d_of_ab.signum()) < 0
        && a_of_cd.signum().saturating_mul(b_of_cd.signum()) < 0
}

/// Positive if `c` lies to the left of the way from `a` to `b`, 0 if on it.
fn turn(a: Point, b: Point, c: Point) -> i128 {
    let minus = |p: Point, q: Point| (p.0.saturating_sub(q.0), p.1.saturating_sub(q.1));
    cross(minus(b, a), minus(c, a))
}

fn cross(a: Point, b: Point) -> i128 {
    product(a.0, b.1).saturating_sub(product(a.1, b.0))
}

fn product(a: i64, b: i64) -> i128 {
    i128::from(a).saturating_mul(i128::from(b))
}
