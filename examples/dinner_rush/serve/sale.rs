//! A flash sale, and the crowd that comes for it.

use doorstep::core::catalog::{
    Acceptance, Cart, CartLine, Category, Command as Catalog, Hours, Item, KitchenKind, Menu,
    Restaurant,
};
use doorstep::core::flash_sale::HoldId;
use doorstep::core::flash_sale::sale::{HoldState, Place, Standing};
use doorstep::core::id::{CommandId, CustomerId, ItemId, RestaurantId, SaleId};
use doorstep::core::money::{Currency, Money};
use doorstep::core::place::LatLng;
use doorstep::core::shard::{Command, Crowd, Offering, SaleAct, Wish};
use doorstep::core::time::{Span, Timestamp};
use doorstep_runtime::client::Client;

/// Which sale.
pub(crate) fn sale_id() -> SaleId {
    SaleId::from(1)
}

/// Nobody of the day has numbers from here on.
const FIRST_NUMBER: u32 = 1_000_000;

/// Units that there are.
const STOCK: u32 = 120;

/// People who come, in all.
const PEOPLE: u32 = 600;

/// How many come in a minute.
const PER_MINUTE: u64 = 60;

/// People a second who are let in.
const CAPACITY_PER_S: u32 = 1;

/// How long it is announced before it opens.
const ANNOUNCED_FOR: Span = Span::from_mins(4);

/// How often somebody looks at the page.
const LOOK_EVERY: Span = Span::from_secs(5);

/// The crowd of a flash sale. Everybody joins the waiting room, claims when let in, and orders what
/// is held.
pub(crate) struct SaleCrowd {
    client: Client,
    restaurant: RestaurantId,
    item: ItemId,
    centre: LatLng,
    begun_at: Timestamp,
    looked_at: Timestamp,
    commands: u64,
    people: Vec<Buyer>,
}

/// Somebody in the crowd.
struct Buyer {
    customer: CustomerId,
    /// The hold that was ordered, so that it is ordered once.
    ordered: Option<HoldId>,
}

impl SaleCrowd {
    /// Puts a restaurant near `centre` on the map and announces its sale.
    pub(crate) fn announce(
        client: Client,
        centre: LatLng,
        currency: Currency,
        now: Timestamp,
    ) -> Self {
        let (restaurant, item) = (RestaurantId::from(FIRST_NUMBER), ItemId::from(FIRST_NUMBER));
        let mut crowd = Self {
            client,
            restaurant,
            item,
            centre,
            begun_at: now,
            looked_at: now,
            commands: 0,
            people: Vec::new(),
        };
        let item = Item {
            id: item,
            name: "the last cake of the season".to_owned(),
            price: Money::new(1_200, currency),
            available: true,
            option_groups: Vec::new(),
        };
        let category = Category { name: "today only".to_owned(), items: vec![item] };
        let bakery = Restaurant {
            id: restaurant,
            position: centre,
            delivery_radius_m: 20_000,
            cuisines: Vec::new(),
            hours: Hours::always(),
            menu: Menu { categories: vec![category] },
            preparation: Span::from_mins(15),
            acceptance: Acceptance::Manual,
            kitchen: KitchenKind::Cooks,
            open: true,
        };
        crowd.submit(now, Command::Catalog(Catalog::Put(bakery)));
        let offering = Offering {
            restaurant: crowd.restaurant,
            item: crowd.item,
            stock: STOCK,
            opens_at: now.saturating_add(ANNOUNCED_FOR),
            crowd: Some(Crowd { capacity_per_s: CAPACITY_PER_S, seed: 1 }),
        };
        crowd.submit(now, Command::Sale { sale: sale_id(), act: SaleAct::Open(offering) });
        crowd
    }

    /// Does what people in the crowd do by now.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        if now.saturating_since(self.looked_at) < LOOK_EVERY {
            return;
        }
        self.looked_at = now;
        self.come(now);
        let mut people = std::mem::take(&mut self.people);
        for buyer in &mut people {
            self.look(buyer, now);
        }
        self.people = people;
    }

    fn come(&mut self, now: Timestamp) {
        let minutes_by = |rate: u64, span: Span| span.as_millis().saturating_mul(rate) / 60_000;
        let due = minutes_by(PER_MINUTE, now.saturating_since(self.begun_at));
        let due = u32::try_from(due).unwrap_or(PEOPLE).min(PEOPLE);
        for number in u32::try_from(self.people.len()).unwrap_or(PEOPLE)..due {
            let customer = CustomerId::from(FIRST_NUMBER.saturating_add(number));
            self.people.push(Buyer { customer, ordered: None });
            self.submit(now, Command::Sale { sale: sale_id(), act: SaleAct::Join { customer } });
        }
    }

    fn look(&mut self, buyer: &mut Buyer, now: Timestamp) {
        let customer = buyer.customer;
        let standing = self.client.sale(sale_id(), |shown| shown.sale.standing(&customer, 1));
        match standing {
            Some(Standing::Waits(Place::Admitted { .. })) => {
                let claim = SaleAct::Claim { customer, nth: 1 };
                self.submit(now, Command::Sale { sale: sale_id(), act: claim });
            }
            Some(Standing::Has { hold, state: HoldState::Reserved { .. } })
                if buyer.ordered != Some(hold) =>
            {
                buyer.ordered = Some(hold);
                let line =
                    CartLine { item: self.item, quantity: 1, choices: vec![], unit_price: None };
                let wish = Wish {
                    customer,
                    cart: Cart { restaurant: self.restaurant, lines: vec![line] },
                    drop_off: self.door(customer),
                    promised: None,
                };
                let act = SaleAct::Checkout { hold, wish: Box::new(wish) };
                self.submit(now, Command::Sale { sale: sale_id(), act });
            }
            _ => {}
        }
    }

    /// Somewhere within 2 km.
    fn door(&self, customer: CustomerId) -> LatLng {
        let aside = |factor: u64| {
            let spread = customer.get().wrapping_mul(factor) % 300;
            i32::try_from(spread).unwrap_or(0).saturating_sub(150).saturating_mul(1_000)
        };
        let (north, east) = (aside(37), aside(91));
        let (lat, lng) = (self.centre.lat_e7(), self.centre.lng_e7());
        LatLng::from_e7(lat.saturating_add(north), lng.saturating_add(east)).unwrap_or(self.centre)
    }

    /// What becomes of it is seen in the sale itself.
    fn submit(&mut self, now: Timestamp, command: Command) {
        self.commands = self.commands.saturating_add(1);
        let id = CommandId::new(u128::MAX.saturating_sub(u128::from(self.commands)));
        let _ticket = self.client.submit(Client::cause(id, now), command);
    }
}
