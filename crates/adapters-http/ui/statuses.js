// What each status of an order means to its customer.

/** The steps of the progress bar. */
export const STEPS = ["Placed", "Accepted", "Preparing", "Collected", "Arrived", "Delivered"];

const STATUSES = {
  pending: { step: 0, title: "Waiting for the restaurant" },
  confirmed: { step: 1, title: "The restaurant has accepted" },
  preparing: { step: 2, title: "Your order is being prepared" },
  ready_for_pickup: { step: 2, title: "Ready, waiting for a driver" },
  driver_assigned: { step: 2, title: "A driver is coming for it" },
  driver_at_restaurant: { step: 2, title: "Your driver is at the restaurant" },
  picked_up: { step: 3, title: "Your driver has your order" },
  on_the_way: { step: 3, title: "On the way to you" },
  at_doorstep: { step: 4, title: "Your driver is at the door" },
  delivered: { step: 5, title: "Delivered. Enjoy!", ended: true },
  undelivered: { step: 4, title: "It could not be handed over", ended: true },
  cancelled: { step: 0, title: "The order is cancelled", ended: true, withdrawn: true },
};

const CARRIED = new Set(["picked_up", "on_the_way", "at_doorstep"]);

/** What a page does not know yet is shown as it is called. */
export const describe = (status) => STATUSES[status] ?? { step: 0, title: status.replaceAll("_", " ") };

/** Whether the driver has the order, and goes to the door. */
export const isCarried = (status) => CARRIED.has(status);
