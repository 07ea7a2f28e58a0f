// What a page is told behind the `#`, which a browser sends to nobody: the token, and what to show.

const told = new URLSearchParams(location.hash.slice(1));

export const token = told.get("token");
export const orderId = told.get("order");
export const saleId = told.get("sale");

/** Says something more there, and begins again with it. */
export function beginWith(name, value) {
  told.set(name, value);
  location.hash = told.toString();
  location.reload();
}
