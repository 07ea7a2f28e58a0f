// What was ordered, and how its money stands.

import { count, distance, money } from "./format.js";

const PAYMENTS = {
  processing: "Your payment is being processed.",
  held: "Held on your card; taken when it is delivered.",
  captured: "Paid.",
  voided: "Nothing was taken from your card.",
  refunded: "Your money is on its way back to you.",
  failed: "The payment failed.",
};

const part = (selector) => document.querySelector(selector);

export function showReceipt({ lines, quote, payment }) {
  part("#receipt").hidden = false;
  part("#lines").replaceChildren(
    ...lines.map(({ quantity, name, item, unit_price }) => {
      const price = { ...unit_price, minor: unit_price.minor * quantity };
      return row("li", `${count(quantity)} × ${name ?? item}`, money(price));
    }),
  );
  const total = row("div", "Total", money(quote.total), ["dt", "dd"]);
  total.classList.add("total");
  part("#sums").replaceChildren(
    row("div", `Delivery, ${distance(quote.distance_m)}`, money(quote.delivery_fee), ["dt", "dd"]),
    row("div", "Tax", money(quote.tax), ["dt", "dd"]),
    total,
  );
  part("#payment").textContent = PAYMENTS[payment.state] ?? "";
}

function row(kind, name, value, [nameKind, valueKind] = ["span", "span"]) {
  const element = document.createElement(kind);
  const [left, right] = [document.createElement(nameKind), document.createElement(valueKind)];
  left.textContent = name;
  right.textContent = value;
  element.append(left, right);
  return element;
}
