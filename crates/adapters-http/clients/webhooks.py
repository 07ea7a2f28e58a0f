"""Stripe's own library signs what the webhook route hears; it, and that of Standard Webhooks, verify
what we sign."""

import json
import os
import sys
import time

import standardwebhooks
import stripe
from stripe import Webhook, WebhookSignature

from city import WISH, ask, post

SECRET = os.environ["DOORSTEP_WEBHOOK_SECRET"]
ROUTE = "/v1/webhooks/payments"


def signed(body, secret=SECRET, at=None):
    """The header that Stripe sends, by the library's own arithmetic."""
    at = int(time.time()) if at is None else at
    mac = WebhookSignature._compute_signature(f"{at}.{body.decode()}", secret)
    return f"t={at},v1={mac}"


def tell(body, header):
    status, problem = ask("POST", ROUTE, body=body, headers={"Stripe-Signature": header} if header else {})
    return status, (problem or {}).get("code")


def event(id, kind, intent):
    return json.dumps(
        {
            "id": id,
            "object": "event",
            "api_version": stripe.api_version,
            "created": int(time.time()),
            "type": kind,
            "pending_webhooks": 1,
            "data": {"object": {"object": "payment_intent", "currency": "eur"} | intent},
        },
        # What Stripe sends has line ends and umlauts: the raw bytes count.
        indent=2,
        ensure_ascii=False,
    ).encode()


def check(what, found, wanted):
    print(f"{what:60} {found}")
    assert found == wanted, f"{what}: {found}, not {wanted}"


status, order = post("/v1/orders", "customer", WISH, "paid-by-stripe")
assert status == 201, order
metadata = {"doorstep_effect": f"{order['id']}/hold/1", "note": "für Grüße, \u2028 and \\u0000"}
total = order["quote"]["total"]["minor"]
held = event(
    "evt_1", "payment_intent.amount_capturable_updated", {"amount_capturable": total, "metadata": metadata}
)
now = int(time.time())
check("what Stripe signs is heard", tell(held, signed(held)), (204, None))
check("heard again, it is heard once", tell(held, signed(held)), (204, None))
other = event("evt_2", "customer.created", {"metadata": {}})
check("an event that is of no use", tell(other, signed(other)), (204, None))
check("two signatures, one of them ours: a rotation", tell(held, signed(held) + ",v1=" + "0" * 64), (204, None))
check("beside Stripe's old scheme v0", tell(held, signed(held) + ",v0=" + "0" * 64), (204, None))

refused = (400, "bad_signature")
check("altered by one byte", tell(held.replace(b"evt_1", b"evt_3"), signed(held)), refused)
check("with the white space taken out", tell(json.dumps(json.loads(held)).encode(), signed(held)), refused)
check("by another secret", tell(held, signed(held, "whsec_guessed")), refused)
check("six minutes old", tell(held, signed(held, at=now - 360)), refused)
check("six minutes ahead", tell(held, signed(held, at=now + 360)), refused)
check("the time altered", tell(held, signed(held).replace(f"t={now}", f"t={now - 1}", 1)), refused)
check("not signed at all", tell(held, None), refused)
nonsense = b"{}"
check("signed, and no event", tell(nonsense, signed(nonsense)), (400, "not_an_event"))


def is_refused(what, refusal, verify):
    try:
        verify()
    except refusal:
        print(f"{what:60} refused")
    else:
        raise AssertionError(f"{what}: it passes")


# And the other way round: what we sign as Stripe does, and what the service's own webhooks carry.
as_stripe, own = sys.stdin.read().splitlines()
header, body = as_stripe.split("\t")
heard = Webhook.construct_event(body, header, SECRET)
check("what we sign, Stripe's library constructs", heard["type"], "payment_intent.succeeded")
altered = stripe.SignatureVerificationError
is_refused("altered by a space", altered, lambda: Webhook.construct_event(body + " ", header, SECRET))

id, timestamp, signature, body = own.split("\t")
headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}
receiver = standardwebhooks.Webhook(SECRET)
heard = receiver.verify(body, headers)
check("what the service sends, Standard Webhooks' library verifies", heard["type"], "order.confirmed")
refusal = standardwebhooks.WebhookVerificationError
is_refused("altered by a space", refusal, lambda: receiver.verify(body + " ", headers))
is_refused("under another id", refusal, lambda: receiver.verify(body, headers | {"webhook-id": "n_1"}))
