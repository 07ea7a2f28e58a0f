"""A small city to ask about: a restaurant, a driver in front of it, a sale, and an order."""

import json
import os
import urllib.request

URL = os.environ["DOORSTEP_URL"]
TOKENS = {
    role: os.environ["DOORSTEP_" + role.upper()]
    for role in ("customer", "restaurant", "driver", "operations")
}
KITCHEN = {"lat": 4.8133, "lng": -75.6961}
HOME = {"lat": 4.8245, "lng": -75.6880}
RESTAURANT = "rst_0000000000001"
DRIVER = "drv_0000000000001"
SALE = "sal_0000000000001"


def item(id, name):
    price = {"minor": 900, "currency": "EUR"}
    return {"id": id, "name": name, "price": price, "available": True}


MENU = {
    "position": KITCHEN,
    "delivery_radius_m": 5000,
    "cuisines": ["colombian"],
    "categories": [
        {
            "name": "soups",
            "items": [item("itm_0000000000001", "ajiaco"), item("itm_0000000000002", "sancocho")],
        }
    ],
    "preparation_s": 720,
    "open": True,
}
WISH = {
    "restaurant": RESTAURANT,
    "lines": [{"item": "itm_0000000000001", "quantity": 2}],
    "drop_off": HOME,
}


def ask(method, path, role=None, body=None, headers=None):
    """Status and JSON of an answer; `body` is JSON, or bytes as they are."""
    headers = {"Content-Type": "application/json"} | (headers or {})
    if role:
        headers["Authorization"] = "Bearer " + TOKENS[role]
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as problem:
        status, text = problem.code, problem.read()
    return status, json.loads(text) if text else None


def post(path, role, body, key):
    return ask("POST", path, role, body, {"Idempotency-Key": key})


def found():
    """Founds the city, and says which order is in it."""
    sale = {
        "restaurant": RESTAURANT,
        "item": "itm_0000000000002",
        "stock": 200,
        "opens_at": "2020-01-01T00:00:00Z",
    }
    told = [
        ask("PUT", f"/v1/restaurants/{RESTAURANT}", "operations", MENU),
        ask("PUT", f"/v1/ops/drivers/{DRIVER}", "operations", {"vehicle": "motorcycle"}),
        post("/v1/drivers/status", "driver", {"status": "online"}, "on-duty"),
        ask("POST", "/v1/drivers/location", "driver", {"pings": [KITCHEN]}),
        ask("PUT", f"/v1/ops/sales/{SALE}", "operations", sale),
        post("/v1/orders", "customer", WISH, "first-order"),
    ]
    statuses = [status for status, _ in told]
    assert statuses == [204, 204, 200, 200, 204, 201], told
    return told[-1][1]["id"]


if __name__ == "__main__":
    print("the city has an order:", found())
