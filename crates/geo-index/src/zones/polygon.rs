//! A polygon on the Earth, checked once.

use doorstep_core::place::{EARTH_RADIUS_M, LatLng};

use super::ring::{Edge, HALF_TURN_E7, HalfSides, POLE_E7, Ring, Role, Side, east_e7, east_of};
use crate::viewport::Viewport;

/// An area with holes, its edges included; also the edges of its holes, so that a place on the line
/// between two neighbouring zones belongs to both.
///
/// Edges are straight on the map of latitudes and longitudes, the shorter way around the Earth (as in
/// GeoJSON, RFC 7946, but nothing is cut at the antimeridian). The direction of a ring does not
/// matter, unless it goes around a pole: there, as RFC 7946 has it, the area lies to the left of its
/// exterior and of its holes.
///
/// ```
/// use doorstep_core::place::LatLng;
/// use doorstep_geo_index::zones::Polygon;
///
/// let at = |lat, lng| LatLng::new(lat, lng);
/// // Around Taveuni, across the antimeridian, without the lake.
/// let shore = [at(-17.1, 179.8)?, at(-17.1, -179.7)?, at(-16.6, -179.7)?, at(-16.6, 179.8)?];
/// let lake = vec![at(-16.9, 179.9)?, at(-16.9, -179.95)?, at(-16.8, -179.95)?];
/// let island = Polygon::new(&shore, &[lake])?;
/// assert!(island.contains(at(-16.7, 180.0)?));
/// assert!(!island.contains(at(-16.85, 180.0)?));
/// assert!(!island.contains(at(-16.7, 179.7)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polygon {
    exterior: Ring,
    holes: Box<[Ring]>,
    bounds: Viewport,
}

/// Why some rings bound no area. Rings are counted from 0, the exterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolygonError {
    /// All rings together have more than [`Polygon::POINTS_MAX`] points.
    #[error("{points} points; there may be {} at most", Polygon::POINTS_MAX)]
    TooManyPoints {
        /// How many there are.
        points: usize,
    },
    /// A ring has at least three points, repeated ones not counted.
    #[error("ring {ring} has {points} distinct points, and needs 3")]
    TooFewPoints {
        /// Which ring.
        ring: u32,
        /// How many are left without repetitions.
        points: u32,
    },
    /// The next point lies half a turn of the Earth away, and both ways there are as short: put a
    /// point between.
    #[error("from {from:?} in ring {ring} both ways around the Earth are as short")]
    HalfTurn {
        /// Which ring.
        ring: u32,
        /// Where the edge begins.
        from: LatLng,
    },
    /// The ring goes around the Earth more than once.
    #[error("ring {ring} goes around the Earth more than once")]
    Spiral {
        /// Which ring.
        ring: u32,
    },
    /// Two edges cross or run along one another, of one ring or of two. What such a thing encloses
    /// is a matter of opinion, so it is refused; to touch at a point is allowed.
    #[error("the edges that begin at {first:?} and at {second:?} cross or overlap")]
    Crossing {
        /// Where the one edge begins.
        first: LatLng,
        /// Where the other edge begins.
        second: LatLng,
    },
    /// A hole lies outside of the exterior, or within another hole.
    #[error("ring {ring} is no hole in the area")]
    HoleOutside {
        /// Which ring.
        ring: u32,
    },
}

impl Polygon {
    /// The most points of all rings together.
    pub const POINTS_MAX: usize = 20_000;

    /// The area within `exterior` and outside of every one of `holes`. Rings may be closed by
    /// repeating their first point, or not; repeated points are left out.
    ///
    /// It sorts the edges and compares those at the same latitudes: about a millisecond for 1,000
    /// points of a compact area.
    ///
    /// # Errors
    /// [`PolygonError`], checked in the order of its declaration.
    pub fn new(exterior: &[LatLng], holes: &[Vec<LatLng>]) -> Result<Self, PolygonError> {
        let points = holes.iter().map(Vec::len).fold(exterior.len(), usize::saturating_add);
        if points > Self::POINTS_MAX {
            return Err(PolygonError::TooManyPoints { points });
        }
        let exterior = Ring::new(exterior, Role::Exterior, 0)?;
        let holes = (1_u32..)
            .zip(holes)
            .map(|(ring, hole)| Ring::new(hole, Role::Hole, ring))
            .collect::<Result<Box<[_]>, _>>()?;
        let bounds = bounds(&exterior)?;
        let polygon = Self { exterior, holes, bounds };
        polygon.check_edges()?;
        polygon.check_holes()?;
        Ok(polygon)
    }

    /// Whether the place lies within, or on an edge. Exact; a look at every edge unless the place is
    /// outside of [`bounds`](Self::bounds).
    #[must_use]
    pub fn contains(&self, place: LatLng) -> bool {
        self.bounds.contains(place)
            && match self.exterior.side(place) {
                Side::Outside => false,
                Side::Edge | Side::Inside => {
                    self.holes.iter().all(|hole| hole.side(place) != Side::Inside)
                }
            }
    }

    /// The smallest rectangle around it.
    #[must_use]
    pub const fn bounds(&self) -> &Viewport {
        &self.bounds
    }

    /// How far outside a place lies, in metres, rounded; 0 within.
    ///
    /// Measured to the nearest edge on the map that is straightened at the place's latitude: true
    /// where that is near, as for the width of a street, and not meant for more; towards the poles it
    /// is too small rather than too large.
    #[must_use]
    pub fn outside_m(&self, place: LatLng) -> u32 {
        if self.contains(place) {
            return 0;
        }
        let metres = self.edges().map(|edge| distance_m(edge, place)).fold(f64::INFINITY, f64::min);
        // Half the circumference at most in each direction: 28,300,000 m.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let metres = libm::round(metres) as u32;
        metres
    }

    /// Whether an edge has a point within the box of these half sides around a place.
    pub(super) fn has_edge_within(&self, centre: LatLng, half_e7: HalfSides) -> bool {
        self.edges().any(|edge| edge.touches_box(centre, half_e7))
    }

    fn rings(&self) -> impl Iterator<Item = &Ring> {
        core::iter::once(&self.exterior).chain(&self.holes)
    }

    fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.rings().flat_map(|ring| &ring.edges)
    }

    /// No two edges cross or overlap: each is compared with those that begin before it ends, going
    /// from south to north.
    fn check_edges(&self) -> Result<(), PolygonError> {
        let mut edges: Vec<&Edge> = self.edges().collect();
        edges.sort_by_key(|edge| edge.lats_e7());
        for (at, first) in edges.iter().enumerate() {
            let rest = edges.iter().skip(at.saturating_add(1));
            let beside = rest.take_while(|second| second.lats_e7().0 <= first.lats_e7().1);
            for second in beside {
                if first.conflicts(second) {
                    return Err(PolygonError::Crossing { first: first.from, second: second.from });
                }
            }
        }
        Ok(())
    }

    /// As no edges cross, one place of a hole that is not on another ring tells where all of it is.
    fn check_holes(&self) -> Result<(), PolygonError> {
        for (ring, hole) in (1_u32..).zip(&self.holes) {
            let among = |other: &Ring, wanted: Side| {
                let mut sides = hole.edges.iter().map(|edge| other.side(edge.from));
                sides.find(|side| *side != Side::Edge).is_none_or(|side| side == wanted)
            };
            let others = (1_u32..).zip(&self.holes).filter(|(other, _)| *other != ring);
            let apart = |other: &Ring| among(other, Side::Outside);
            if !among(&self.exterior, Side::Inside) || !others.map(|(_, other)| other).all(apart) {
                return Err(PolygonError::HoleOutside { ring });
            }
        }
        Ok(())
    }
}

/// The smallest rectangle around a ring. One that has a pole within or on it has every longitude.
fn bounds(ring: &Ring) -> Result<Viewport, PolygonError> {
    let (mut south, mut north) = (POLE_E7, -POLE_E7);
    let (mut at, mut west, mut east) = (0_i64, 0_i64, 0_i64);
    for edge in &ring.edges {
        (south, north) = (south.min(edge.lats_e7().0), north.max(edge.lats_e7().1));
        at = at.saturating_add(i64::from(edge.east_e7));
        (west, east) = (west.min(at), east.max(at));
    }
    if ring.around_a_pole {
        (south, north) = if ring.holds_north_pole { (south, POLE_E7) } else { (-POLE_E7, north) };
    }
    let from = ring.edges.first().map_or(0, |edge| i64::from(edge.from.lng_e7()));
    let everywhere = ring.around_a_pole
        || south == -POLE_E7
        || north == POLE_E7
        || east.saturating_sub(west) >= HALF_TURN_E7.saturating_mul(2);
    let (west, east) = if everywhere {
        (-HALF_TURN_E7, HALF_TURN_E7)
    } else {
        (within_turn(from.saturating_add(west)), within_turn(from.saturating_add(east)))
    };
    // Latitudes of places, and longitudes brought back into their turn: always corners.
    let corner = |lat_e7, lng_e7: i64| {
        LatLng::from_e7(lat_e7, i32::try_from(lng_e7).unwrap_or(i32::MAX)).ok()
    };
    corner(south, west)
        .zip(corner(north, east))
        .and_then(|(south_west, north_east)| Viewport::new(south_west, north_east).ok())
        .ok_or(PolygonError::Spiral { ring: 0 })
}

/// From −180° to 180°, for a longitude up to a turn away.
const fn within_turn(lng_e7: i64) -> i64 {
    east_of(0, lng_e7)
}

/// From a place to an edge, on the map straightened at the place's latitude.
fn distance_m(edge: &Edge, place: LatLng) -> f64 {
    let metres_per_e7 = EARTH_RADIUS_M * 1e-7_f64.to_radians();
    let shrunk = libm::cos(place.lat().to_radians());
    let north = |lat_e7: i32| f64::from(lat_e7) - f64::from(place.lat_e7());
    // Within a turn: exact in a float.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    let start = east_e7(place.lng_e7(), edge.from.lng_e7()) as f64;
    let run = f64::from(edge.east_e7) * shrunk;
    let rise = f64::from(edge.to_lat_e7) - f64::from(edge.from.lat_e7());
    // An edge that begins on the far side of the Earth may come around it.
    let seen = [start, start + 3.6e9, start - 3.6e9].map(|start| {
        let (x, y) = (start * shrunk, north(edge.from.lat_e7()));
        let along = -(x * run + y * rise) / (run * run + rise * rise);
        // Where the edge is a point on this map, any part of it will do.
        let along = if along.is_finite() { along.clamp(0.0, 1.0) } else { 0.0 };
        libm::hypot(x + along * run, y + along * rise)
    });
    seen.into_iter().fold(f64::INFINITY, f64::min) * metres_per_e7
}
