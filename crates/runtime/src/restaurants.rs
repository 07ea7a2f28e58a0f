//! Restaurants near an address, for people who are hungry: open now, deliver there, with distance,
//! fee and estimated time; page by page.

use doorstep_core::catalog::{self, Hours, Restaurant};
use doorstep_core::eta;
use doorstep_core::id::RestaurantId;
use doorstep_core::money::Money;
use doorstep_core::place::LatLng;
use doorstep_core::policy::Policy;
use doorstep_core::pricing::Quote;
use doorstep_core::shard::{Event, Shard};
use doorstep_core::time::{Span, Timestamp};
use doorstep_geo_index::places::{Cursor, Place, Places};
use parking_lot::RwLock;

/// Most restaurants on one page.
pub const PAGE_MAX: usize = 100;

/// What somebody looks for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where it is to be brought.
    pub to: LatLng,
    /// How far away a restaurant may be, in metres; its own delivery radius counts besides.
    pub radius_m: u32,
    /// Only restaurants of this cuisine, spelt as the restaurant does.
    pub cuisine: Option<&'a str>,
    /// Go on behind the last page.
    pub after: Option<Cursor>,
    /// How many, 1 to [`PAGE_MAX`]; held within it.
    pub limit: usize,
}

/// A restaurant that would bring it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearbyRestaurant {
    /// Which; its menu is the catalogue's to show.
    pub restaurant: RestaurantId,
    /// Where.
    pub position: LatLng,
    /// How far, along the great circle.
    pub distance_m: u32,
    /// What the delivery costs.
    pub delivery_fee: Money,
    /// When it would be there, ordered now.
    pub estimate: Timestamp,
}

/// A page of them, the nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestaurantPage {
    /// What was found.
    pub restaurants: Vec<NearbyRestaurant>,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<Cursor>,
}

/// What a search needs of a restaurant beside its place.
#[derive(Clone, Debug)]
struct Listing {
    cuisines: Vec<String>,
    hours: Hours,
    open: bool,
    ready_span: Span,
}

/// The restaurants of a shard, by place. Fed from counted batches, read by any thread.
#[derive(Debug)]
pub struct Restaurants {
    listed: RwLock<(Places<Listing>, Policy)>,
}

impl Restaurants {
    /// What the counted state lists.
    #[must_use]
    pub fn of(shard: &Shard) -> Self {
        let policy = shard.policy().clone();
        let mut places = Places::new(policy.memory.restaurants_max);
        for restaurant in shard.catalog().iter() {
            // Bounded as the catalogue is.
            let _full = places.insert(place(restaurant));
        }
        Self { listed: RwLock::new((places, policy)) }
    }

    /// Who would bring something there now, the nearest first.
    ///
    /// What it says is advice for a page: the checkout asks the catalogue, in log order.
    #[must_use]
    pub fn near(&self, search: &Search<'_>, now: Timestamp) -> RestaurantPage {
        let (places, policy) = &*self.listed.read();
        let orderable = |place: &Place<Listing>| {
            let listing = &place.about;
            let serves = |cuisine| listing.cuisines.iter().any(|c| c == cuisine);
            listing.open && listing.hours.is_open(now) && search.cuisine.is_none_or(serves)
        };
        let limit = search.limit.clamp(1, PAGE_MAX);
        let page = places.near(search.to, search.radius_m, search.after.as_ref(), limit, orderable);
        let restaurants = page.places.iter().filter_map(|nearby| {
            let nothing = Money::zero(policy.currency);
            let quote = Quote::new(nothing, nearby.distance_m, &policy.checkout).ok()?;
            let (ready_span, speeds) = (nearby.place.about.ready_span, &policy.dispatch.speeds);
            Some(NearbyRestaurant {
                restaurant: nearby.place.id,
                position: nearby.place.position,
                distance_m: nearby.distance_m,
                delivery_fee: quote.delivery_fee,
                estimate: eta::estimate(now, ready_span, nearby.distance_m, speeds),
            })
        });
        RestaurantPage { restaurants: restaurants.collect(), next: page.next }
    }

    /// Follows a fact of a counted batch.
    pub(crate) fn follow(&self, event: &Event) {
        match event {
            Event::PolicySet(policy) => self.listed.write().1 = (**policy).clone(),
            Event::Catalog(catalog::Event::Put(restaurant)) => {
                let _full = self.listed.write().0.insert(place(restaurant));
            }
            Event::Catalog(catalog::Event::Removed { restaurant }) => {
                self.listed.write().0.remove(restaurant);
            }
            Event::Catalog(catalog::Event::SetOpen { restaurant, open }) => {
                if let Some(listing) = self.listed.write().0.about_mut(restaurant) {
                    listing.open = *open;
                }
            }
            Event::Catalog(catalog::Event::SetItemAvailable { .. })
            | Event::Checkout { .. }
            | Event::Order { .. }
            | Event::Dispatch(_)
            | Event::Provider { .. }
            | Event::SaleOpened { .. }
            | Event::Sale { .. }
            | Event::SaleCheckout { .. } => {}
        }
    }
}

fn place(restaurant: &Restaurant) -> Place<Listing> {
    Place {
        id: restaurant.id,
        position: restaurant.position,
        delivery_radius_m: restaurant.delivery_radius_m,
        about: Listing {
            cuisines: restaurant.cuisines.clone(),
            hours: restaurant.hours.clone(),
            open: restaurant.open,
            ready_span: restaurant.ready_span(),
        },
    }
}

#[cfg(test)]
mod tests {
    use doorstep_core::catalog::{Acceptance, KitchenKind, Menu, Opening};
    use doorstep_core::id::ShardId;
    use doorstep_core::money::Currency;

    use super::*;

    /// A Monday, 12:00 UTC.
    const NOON: Timestamp = Timestamp::from_secs(1_767_614_400);

    fn at(lat: f64) -> LatLng {
        LatLng::new(lat, 0.0).unwrap()
    }

    fn restaurant(id: u32, lat: f64, cuisine: &str) -> Restaurant {
        Restaurant {
            id: RestaurantId::from(id),
            position: at(lat),
            delivery_radius_m: 3_000,
            cuisines: vec![cuisine.into()],
            hours: Hours::always(),
            menu: Menu { categories: vec![] },
            preparation: Span::from_mins(10),
            acceptance: Acceptance::Manual,
            kitchen: KitchenKind::Cooks,
            open: true,
        }
    }

    fn listed(restaurants: impl IntoIterator<Item = Restaurant>) -> Restaurants {
        let policy = Policy::new(Currency::new("EUR").unwrap());
        let listed = Restaurants::of(&Shard::new(ShardId::default(), policy));
        for restaurant in restaurants {
            listed.follow(&Event::Catalog(catalog::Event::Put(restaurant)));
        }
        listed
    }

    fn found(listed: &Restaurants, search: &Search<'_>, now: Timestamp) -> Vec<u64> {
        let page = listed.near(search, now);
        page.restaurants.iter().map(|found| found.restaurant.get()).collect()
    }

    fn search<'a>() -> Search<'a> {
        Search { to: at(0.0), radius_m: 5_000, cuisine: None, after: None, limit: 10 }
    }

    #[test]
    fn the_nearest_come_first_with_fee_and_estimate() {
        let listed = listed([restaurant(1, 0.02, "thai"), restaurant(2, 0.01, "thai")]);
        let page = listed.near(&search(), NOON);
        let [near, far] = page.restaurants[..] else { panic!("{page:?}") };
        assert_eq!((near.restaurant.get(), near.distance_m), (2, 1_112));
        // 1.99 and 0.50 for each of two kilometres begun; 10 min and 1,112 m at 320 m/min.
        assert_eq!(near.delivery_fee.minor(), 299);
        assert_eq!(near.estimate.saturating_since(NOON).as_secs(), 600 + 209);
        assert!(far.delivery_fee.minor() > near.delivery_fee.minor());
    }

    #[test]
    fn who_is_closed_paused_too_far_or_of_another_cuisine_is_not_shown() {
        let mut closed = restaurant(1, 0.001, "thai");
        closed.hours = Hours::new(0, vec![Opening { from_min: 18 * 60, to_min: 22 * 60 }]).unwrap();
        let beyond_its_radius = restaurant(2, 0.03, "thai");
        let listed = listed([
            closed,
            beyond_its_radius,
            restaurant(3, 0.002, "pizza"),
            restaurant(4, 0.003, "thai"),
        ]);
        let thai = Search { cuisine: Some("thai"), ..search() };
        assert_eq!(found(&listed, &thai, NOON), [4]);
        let evening = NOON.saturating_add(Span::from_hours(7));
        assert_eq!(found(&listed, &thai, evening), [1, 4]);

        let (four, three) = (RestaurantId::from(4), RestaurantId::from(3));
        let pause = catalog::Event::SetOpen { restaurant: four, open: false };
        listed.follow(&Event::Catalog(pause));
        listed.follow(&Event::Catalog(catalog::Event::Removed { restaurant: three }));
        assert!(found(&listed, &search(), NOON).is_empty());
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let listed = listed((1..=7).map(|id| restaurant(id, 0.001 * f64::from(id), "thai")));
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = listed.near(&Search { after, limit: 3, ..search() }, NOON);
            seen.extend(page.restaurants.iter().map(|found| found.restaurant.get()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    }
}
