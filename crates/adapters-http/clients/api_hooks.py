"""Who asks, and for what: made-up requests are of some use only if they name what there is."""

import atexit
import collections
import random

import schemathesis
from schemathesis.generation import GenerationMode

from city import HOME, KITCHEN, RESTAURANT, TOKENS, ask, post

draw = random.Random(1)
keys = iter(range(1_000_000_000))
# The newest orders, and how often an operation has answered what.
orders = collections.deque(maxlen=8)
seen = collections.defaultdict(collections.Counter)
# The newest cursors of each list.
cursors = collections.defaultdict(lambda: collections.deque(maxlen=8))

ROLES = {"orders": "customer", "restaurants": "restaurant", "drivers": "driver", "sales": "customer"}
# What it must come to at least, so that it is known to ask in earnest.
REACHED = {
    "place_order": 201,
    "get_order": 200,
    "cancel_order": 200,
    "answer_order": 200,
    "driver_location": 200,
    "accept": 200,
    "arrived": 200,
    "delivered": 200,
    "claim_unit": 201,
    "put_restaurant": 204,
    "driver_map": 200,
}


def name_of(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.auth(refresh_interval=None)
class ByRole:
    def get(self, case, context):
        # Operations list restaurants, so that the one that is ordered from is left as it is.
        if name_of(case) == "put_restaurant":
            return TOKENS["operations"]
        return TOKENS[ROLES.get(case.operation.definition.raw["tags"][0], "operations")]

    def set(self, case, token, context):
        case.headers["Authorization"] = "Bearer " + token


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    # A key that was used with another body is another test's.
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"key-{next(keys)}"
    # A cursor is opaque: there is none but those that were handed out.
    query = case.query or {}
    if "cursor" in query and query["cursor"] not in cursors[name_of(case)]:
        del query["cursor"]
    name = name_of(case)
    if name == "put_restaurant" and case.path_parameters.get("id") == RESTAURANT:
        case.path_parameters["id"] = "rst_0000000000002"
    if case.meta.phase.name.value != "coverage" and draw.random() < 0.8:
        make_real(name, case)


def make_real(name, case):
    """Names what there is instead of something of the same form."""
    if name == "place_order":
        case.body = sensible(case.body)
    elif name == "driver_location":
        case.body = {"pings": [KITCHEN]}
    elif name == "driver_status":
        case.body = {"status": "online"}
    elif name in ("get_order", "cancellation_terms", "cancel_order", "answer_order") and orders:
        case.path_parameters["id"] = draw.choice(orders)
    elif "/deliveries/" in case.operation.path:
        delivery = on_hand(case.operation.path.rsplit("/", 1)[1])
        if delivery:
            case.path_parameters["id"] = delivery
    elif name == "open_sale":
        # Not of what is ordered: it would be sold through the sale alone.
        case.body = case.body | {"restaurant": "rst_0000000000002"}


def sensible(wish):
    """A wish for what is on the menu, near enough to be brought."""
    line = {"item": "itm_0000000000001", "quantity": draw.randint(1, 9)}
    near = {side: degrees + draw.uniform(-0.01, 0.01) for side, degrees in HOME.items()}
    return wish | {"restaurant": RESTAURANT, "lines": [line], "drop_off": near, "sale": None}


# What a driver does with a delivery, in this order.
STEPS = ["accept", "arrived", "picked_up", "on_the_way", "at_doorstep", "delivered"]


def on_hand(tap):
    """What the driver is asked to take, or carries, as far as it must be for this tap."""
    ask("POST", "/v1/drivers/location", "driver", {"pings": [KITCHEN]})
    _, driver = post("/v1/drivers/status", "driver", {"status": "online"}, f"duty-{next(keys)}")
    if driver.get("offer"):
        delivery, done = driver["offer"]["delivery"], 0
    elif driver.get("deliveries"):
        delivery, done = driver["deliveries"][0]["id"], 1
        carried = driver["deliveries"][0]["orders"][0]["id"]
        ask("PATCH", f"/v1/restaurants/orders/{carried}", "restaurant", {"status": "ready_for_pickup"})
    else:
        # A new order is accepted, so that something is offered.
        _, order = post("/v1/orders", "customer", sensible({}), f"order-{next(keys)}")
        accepted = {"status": "accepted"}
        ask("PATCH", f"/v1/restaurants/orders/{order.get('id')}", "restaurant", accepted)
        return None
    # A delivery that failed was picked up; one that is dropped was not.
    until = STEPS.index({"failed": "on_the_way", "drop": "arrived", "decline": "accept"}.get(tap, tap))
    for step in STEPS[done:until]:
        post(f"/v1/drivers/deliveries/{delivery}/{step}", "driver", {}, f"step-{next(keys)}")
    return delivery


@schemathesis.hook
def after_call(context, case, response):
    seen[name_of(case)][response.status_code] += 1
    if name_of(case) == "place_order" and response.status_code == 201:
        orders.append(response.json()["id"])
    if response.status_code == 200 and name_of(case) in ("list_orders", "restaurants_near"):
        cursors[name_of(case)].append(response.json().get("next_cursor"))


@atexit.register
def tell():
    if not seen:
        return
    for name, statuses in sorted(seen.items()):
        print(f"{name:20}", "  ".join(f"{status}×{n}" for status, n in sorted(statuses.items())))
    for name, status in REACHED.items():
        if status not in seen[name]:
            print(f"NOT REACHED: {name} never answered {status}")
