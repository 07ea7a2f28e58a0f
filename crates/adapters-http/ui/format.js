// Times, money, numbers and distances, as the reader's language writes them.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const minutesOf = new Intl.NumberFormat(undefined, { style: "unit", unit: "minute", unitDisplay: "short" });
const metres = new Intl.NumberFormat(undefined, { style: "unit", unit: "meter" });
const kilometres = new Intl.NumberFormat(undefined, {
  style: "unit",
  unit: "kilometer",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** Decimals of a currency by ISO 4217, where they are not two. Intl has those that people write. */
const DECIMALS = {
  BHD: 3, BIF: 0, CLF: 4, CLP: 0, DJF: 0, GNF: 0, IQD: 3, ISK: 0, JOD: 3, JPY: 0, KMF: 0, KRW: 0,
  KWD: 3, LYD: 3, OMR: 3, PYG: 0, RWF: 0, TND: 3, UGX: 0, UYI: 0, UYW: 4, VND: 0, VUV: 0, XAF: 0,
  XOF: 0, XPF: 0,
};

const currencies = new Map();

function inCurrency(currency) {
  if (!currencies.has(currency)) {
    currencies.set(currency, new Intl.NumberFormat(undefined, { style: "currency", currency }));
  }
  return currencies.get(currency);
}

/** An amount in minor units. */
export const money = ({ minor, currency }) =>
  inCurrency(currency).format(minor / 10 ** (DECIMALS[currency] ?? 2));

export const count = (number) => whole.format(number);

/** The time of day of an RFC 3339 time or of milliseconds since 1970. */
export const timeOfDay = (at) => clock.format(new Date(at));

/** Whole minutes, at least one. */
export const minutes = (milliseconds) =>
  minutesOf.format(Math.max(1, Math.round(Math.abs(milliseconds) / 60_000)));

/** To 10 m below a kilometre, to 100 m beyond. */
export const distance = (m) =>
  m < 995 ? metres.format(Math.round(m / 10) * 10) : kilometres.format(m / 1000);
