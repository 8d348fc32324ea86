// Parts of dates as keys whose text order is their order in time: 2024, 2024-Q3, 2024-07, and 07 for July of any year.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const quarterOf = (iso) => Math.ceil(Number(iso.slice(5, 7)) / 3);

const PARTS = {
  year: (iso) => iso.slice(0, 4),
  quarter: (iso) => `${iso.slice(0, 4)}-Q${quarterOf(iso)}`,
  month: (iso) => iso.slice(0, 7),
  month_of_year: (iso) => iso.slice(5, 7),
};

/** The key of a group value: the part of a date, or the value itself. */
function keyOf(value, part) {
  if (value === null) return null;
  return part ? PARTS[part](value) : value;
}

/** How people write a key. */
function labelOf(key, part) {
  if (key === null) return "(none)";
  if (part === "month") return `${MONTHS[Number(key.slice(5)) - 1]} ${key.slice(0, 4)}`;
  if (part === "quarter") return `${key.slice(5)} ${key.slice(0, 4)}`;
  return part === "month_of_year" ? MONTHS[Number(key) - 1] : String(key);
}

/** Keys from the first to the last without gaps. */
function unbroken(keys, part) {
  if (part === "month_of_year") return MONTHS.map((_, index) => String(index + 1).padStart(2, "0"));
  const found = [];
  for (let key = keys[0]; key <= keys[keys.length - 1]; key = following(key, part)) found.push(key);
  return found;
}

function following(key, part) {
  const year = Number(key.slice(0, 4));
  if (part === "year") return String(year + 1);
  const last = part === "quarter" ? 4 : 12;
  const number = Number(key.slice(part === "quarter" ? 6 : 5));
  const [next, nextYear] = number === last ? [1, year + 1] : [number + 1, year];
  return part === "quarter" ? `${nextYear}-Q${next}` : `${nextYear}-${String(next).padStart(2, "0")}`;
}

/** The period before that of a quarter or month key. */
function preceding(key, part) {
  const last = part === "quarter" ? 4 : 12;
  const year = Number(key.slice(0, 4));
  const number = Number(key.slice(part === "quarter" ? 6 : 5));
  const [past, pastYear] = number === 1 ? [last, year - 1] : [number - 1, year];
  return part === "quarter" ? `${pastYear}-Q${past}` : `${pastYear}-${String(past).padStart(2, "0")}`;
}

/** Whether the period of a year, quarter or month key had ended by the date. */
function isComplete(key, part, iso) {
  const month = { year: 12, quarter: Number(key.slice(6)) * 3, month: Number(key.slice(5)) }[part];
  const lastDay = new Date(Date.UTC(Number(key.slice(0, 4)), month, 0));
  return lastDay.toISOString().slice(0, 10) <= iso;
}

const yearBefore = (key) => String(Number(key.slice(0, 4)) - 1) + key.slice(4);
