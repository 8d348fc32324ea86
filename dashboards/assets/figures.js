// Exact figures. A figure is a whole number of 10^-scale (BigInt), or a ratio of two; a Number is made of it only for
// pixels and short forms, never for what is shown to the cent.

const NO_BREAK = "\u00a0";
const MINUS = "\u2212";
const SHORT_UNITS = [
  [1e12, "tn"],
  [1e9, "bn"],
  [1e6, "m"],
  [1e3, "k"],
];

/** "-12.34" at scale 2 as -1234n. */
function unitsOf(text, scale) {
  const [whole, fraction = ""] = text.replace("-", "").split(".");
  const units = BigInt(whole + fraction.padEnd(scale, "0"));
  return text.startsWith("-") ? -units : units;
}

/** top / bottom as a whole number, half away from zero. */
function dividedAndRounded(top, bottom) {
  const negative = top < 0n !== bottom < 0n;
  const [over, under] = [top < 0n ? -top : top, bottom < 0n ? -bottom : bottom];
  const rounded = (2n * over + under) / (2n * under);
  return negative ? -rounded : rounded;
}

/** A decimal of `places` given in its smallest units, with thousands separators and a real minus sign. */
function grouped(units, places) {
  const digits = (units < 0n ? -units : units).toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
  return (units < 0n ? MINUS : "") + whole + (places ? "." + digits.slice(-places) : "");
}

/** top / bottom in units of 10^-places; both figures with their own scale. */
function scaled(figure, places) {
  const top = figure.units * 10n ** BigInt(places + (figure.under ? figure.under.scale : 0));
  const bottom = (figure.under ? figure.under.units : 1n) * 10n ** BigInt(figure.scale);
  return dividedAndRounded(top, bottom);
}

/** The figure as it is reported: money and decimals to the hundredth, shares to a tenth of a percent. */
function inFull(figure) {
  if (figure === null) return "–";
  if (figure.format === "percent") return grouped(scaled(figure, 3), 1) + NO_BREAK + "%";
  return figure.format === "integer" ? grouped(scaled(figure, 0), 0) : grouped(scaled(figure, 2), 2);
}

/** The figure as a Number, good for some 15 digits: for lengths and short forms only. */
function roughly(figure) {
  const number = (part) => Number(part.units) / 10 ** part.scale;
  return figure.under ? number(figure) / number(figure.under) : number(figure);
}

/** The figure in three digits, such as 1.96 bn. */
function inShort(figure) {
  if (figure === null) return "–";
  const number = roughly(figure);
  const isCount = figure.format === "integer" && Math.abs(number) < 1e6; // 5,000 orders are read as easily as 5.00 k
  return figure.format === "percent" || isCount ? inFull(figure) : shortNumber(number);
}

function shortNumber(number) {
  const size = Math.abs(number);
  const sign = number < 0 ? MINUS : "";
  const found = SHORT_UNITS.find(([unit]) => size >= unit * 0.9995); // 999.5 k is written 1.00 m
  if (found) return sign + threeDigits(size / found[0]) + NO_BREAK + found[1];
  return sign + size.toFixed(2);
}

function threeDigits(number) {
  return number.toFixed(number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2);
}

/** A round value of an axis, without zeros that say nothing: 2.5 bn, 500 m, 30 %. */
function onAxis(number, format) {
  if (format === "percent") return +(number * 100).toPrecision(6) + NO_BREAK + "%";
  const [unit, name] = SHORT_UNITS.find(([least]) => Math.abs(number) >= least) || [1, ""];
  const digits = String(+(Math.abs(number) / unit).toPrecision(6));
  return (number < 0 ? MINUS : "") + digits + (name ? NO_BREAK + name : "");
}

/** How much `now` is above `before`: in percent, or in percentage points for shares; null where that says nothing. */
function change(now, before) {
  if (now === null || before === null) return null;
  if (now.format === "percent") return signed(scaled(now, 3) - scaled(before, 3), 1, "pp");
  const [new_, old] = [scaled(now, 6), scaled(before, 6)];
  return old > 0n ? signed(dividedAndRounded((new_ - old) * 1000n, old), 1, "%") : null;
}

/** Whether a figure is good, to be watched or poor by its measure's triage; null without one or without a figure. */
function verdictOf(figure, measure) {
  if (!measure.triage || figure === null) return null;
  const { better, good, poor } = measure.triage;
  const isAbove = (limit) => Math.sign(Number(difference(figure, limit)));
  const [toGood, toPoor] = better === "higher" ? [isAbove(good), isAbove(poor)] : [-isAbove(good), -isAbove(poor)];
  return toGood >= 0 ? "good" : toPoor < 0 ? "poor" : "watch";
}

/** A figure less a limit, of which only the sign counts; a limit of shares is in percent. */
function difference(figure, limit) {
  const places = limit.includes(".") ? limit.length - limit.indexOf(".") - 1 : 0;
  const bottom = figure.under || { units: 1n, scale: 0 };
  const hundred = figure.format === "percent" ? 100n : 1n;
  const over = figure.units * hundred * 10n ** BigInt(places + bottom.scale);
  const under = unitsOf(limit, places) * bottom.units * 10n ** BigInt(figure.scale);
  return bottom.units < 0n ? under - over : over - under;
}

const VERDICTS = { good: "Good", watch: "Watch", poor: "Poor" };

function signed(units, places, name) {
  return (units > 0n ? "+" : "") + grouped(units, places) + NO_BREAK + name;
}
