// Numbers and times in words; what is not known is a dash. No line ends between number and unit.

export const UNKNOWN = "–";

const NBSP = "\u00a0";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function count(value) {
  if (!isNumber(value)) return UNKNOWN;
  return Math.abs(value) < 100_000 ? whole.format(value) : short.format(value);
}

export function decimal(value, digits = 2) {
  return isNumber(value) ? value.toFixed(digits) : UNKNOWN;
}

export function percent(share, digits = 1) {
  return isNumber(share) ? `${Number((share * 100).toFixed(digits))}${NBSP}%` : UNKNOWN;
}

export function milliseconds(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)}${NBSP}s`;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)}${NBSP}ms`;
}

export function money(value) {
  if (!isNumber(value)) return UNKNOWN;
  return `$${value !== 0 && Math.abs(value) < 0.01 ? value.toPrecision(1) : value.toFixed(2)}`;
}

export function bytes(value) {
  if (!isNumber(value)) return UNKNOWN;
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (value >= size) return `${(value / size).toFixed(1)}${NBSP}${unit}`;
  }
  return `${value}${NBSP}B`;
}

export function duration(seconds) {
  if (!isNumber(seconds)) return UNKNOWN;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}${NBSP}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${NBSP}min`;
  if (s < 86_400) return `${Math.floor(s / 3600)}${NBSP}h ${Math.floor((s % 3600) / 60)}${NBSP}min`;
  return `${Math.floor(s / 86_400)}${NBSP}d ${Math.floor((s % 86_400) / 3600)}${NBSP}h`;
}

export function timeOfDay(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}

export function minuteOfDay(seconds) {
  return timeOfDay(seconds).slice(0, 5);
}

export function instant(seconds) {
  return new Date(seconds * 1000).toISOString();
}
