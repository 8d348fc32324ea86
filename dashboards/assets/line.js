// Line charts: an axis from zero, and names at the ends of the lines instead of a legend.

const HEIGHT = 260;
const TOP = 14;
const ONE_LABEL = 26; // room below the axis
const TWO_LABELS = 40; // when years stand below months
const LABEL_HEIGHT = 16;
const LETTER = 6.9; // width of a letter at the size of axis texts, on the generous side
const WIDEST_NAME = 12; // letters at the end of a line
const TICK_ROOM = 58;
const STEPS = [1, 2, 3, 4, 6, 12, 24, 36, 60, 120];

/**
 * {keys, lines: [{name, tone, figures, open}]} of a line visual under the filters: keys without gaps, figures null where
 * unknown. `open` is the label of a last period that the data does not cover to its end, else null.
 */
function lineData(visual, cube, rows) {
  const x = page.dimension(visual.x);
  const series = visual.series ? page.dimension(visual.series) : null;
  const measures = visual.measures.map(page.measure);
  const groups = totalsBy(cube, rows, series ? [x, series] : [x], measures).filter((group) => group.keys[0] !== null);
  if (!groups.length) return { keys: [], lines: [] };
  const keys = unbroken([...new Set(groups.map((group) => group.keys[0]))].sort(), x.part);
  const lines = series
    ? seriesLines(visual, series, groups, keys, x.part)
    : measures.map((measure) => lineOf(measure.label, toneOf(measure), measure, groups, keys, x.part));
  const known = lines.filter((line) => line.figures.some((figure) => figure !== null));
  return known.length ? { keys, lines: known } : { keys: [], lines: [] };
}

/** One line per value of the series, the newest first. A filter on the series itself says which is the newest. */
function seriesLines(visual, series, groups, keys, part) {
  const chosen = page.chosen.get(series.name);
  const isIn = (name) => !chosen || (series.part ? name <= chosen : String(name) === chosen);
  const names = [...new Set(groups.map((group) => group.keys[1]))].filter(isIn).sort(compare).reverse();
  return names.slice(0, visual.limit || undefined).map((name, at) => {
    const own = groups.filter((group) => group.keys[1] === name);
    const year = series.part === "year" ? name : null;
    const tone = `s${Math.min(at, 3) + 1}`; // the fourth and all older ones are alike, told apart by their names
    return lineOf(labelOf(name, series.part), tone, page.measure(visual.measures[0]), own, keys, part, year);
  });
}

/** Months of a year before its first and after its last row are unknown; elsewhere a period without rows is nothing. */
function lineOf(name, tone, measure, groups, keys, part, year = null) {
  const found = new Map(groups.map((group) => [group.keys[0], group.totals[measure.name]]));
  const inside = part === "month_of_year" ? [...found.keys()].sort() : keys;
  const isInside = (key) => key >= inside[0] && key <= inside[inside.length - 1];
  const figures = keys.map((key) => (found.has(key) ? found.get(key) : isInside(key) ? nothing(measure) : null));
  return { name, tone, figures, open: openPeriod(keys, figures, part, year) };
}

function openPeriod(keys, figures, part, year) {
  const last = keys[lastKnown({ figures })];
  const key = part === "month_of_year" ? year && `${year}-${last}` : last;
  const own = part === "month_of_year" ? "month" : part;
  return key && !isComplete(key, own, raw.dataThrough) ? labelOf(key, own) : null;
}

/** What the chart says, in words: of a series its sums, else the last, highest and lowest value of the first line. */
function lineInWords(visual, data) {
  const part = page.dimension(visual.x).part;
  if (visual.series) {
    const addsUp = page.measure(visual.measures[0]).aggregation === "sum";
    const say = (line) => (addsUp ? seriesInWords(line, part) : line.name);
    return data.lines.map(say).join("; ") + "." + openInWords(data);
  }
  const closed = data.lines[0].open ? -1 : undefined;
  const points = data.keys
    .slice(0, closed)
    .map((key, at) => ({ label: labelOf(key, part), figure: data.lines[0].figures[at] }))
    .filter((point) => point.figure !== null);
  if (!points.length) return openInWords(data).trim();
  const by = [...points].sort((a, b) => roughly(a.figure) - roughly(b.figure));
  const [latest, highest, lowest] = [points[points.length - 1], by[by.length - 1], by[0]].map(
    (found) => `${inShort(found.figure)} in ${found.label}`,
  );
  return `${data.lines[0].name}: ${latest}; highest ${highest}, lowest ${lowest}.${openInWords(data)}`;
}

function openInWords(data) {
  const open = data.lines.map((line) => line.open).find((label) => label !== null);
  return open ? ` Dashed: ${open}, of which only a part is known.` : "";
}

const PERIOD = { year: "year", quarter: "quarter", month: "month", month_of_year: "month" };

function seriesInWords(line, part) {
  const present = line.figures.filter((figure) => figure !== null);
  const periods = `${present.length} ${PERIOD[part]}${present.length === 1 ? "" : "s"}`;
  return `${line.name}: ${inShort(sumOf(present))} in ${periods}`;
}

function sumOf(figures) {
  const scale = figures.reduce((most, figure) => Math.max(most, figure.scale), 0);
  const units = figures.reduce((sum, figure) => sum + figure.units * 10n ** BigInt(scale - figure.scale), 0n);
  return { ...figures[0], scale, units };
}

/** Axis values: round steps, at most five intervals, zero among them; counts have no halves. */
function niceTicks(low, high, format) {
  const span = Math.max(high, 0) - Math.min(low, 0) || 1;
  const size = 10 ** Math.floor(Math.log10(span / 4));
  const steps = (format === "integer" ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).map((factor) => factor * size);
  const step = steps.find((candidate) => span / candidate <= 5);
  const [from, to] = [Math.floor(Math.min(low, 0) / step), Math.ceil(Math.max(high, 0) / step)];
  return Array.from({ length: Math.max(to - from, 1) + 1 }, (_, at) => (from + at) * step);
}

/** Draw into `holder`; its width decides the form. */
function drawLine(holder, visual, data) {
  const part = page.dimension(visual.x).part;
  const format = page.measure(visual.measures[0]).format;
  const values = data.lines
    .flatMap((line) => line.figures)
    .filter((figure) => figure !== null)
    .map(roughly);
  const ticks = niceTicks(Math.min(...values), Math.max(...values), format);
  const width = Math.max(holder.clientWidth, 240);
  const texts = ticks.map((tick) => onAxis(tick, format));
  const left = Math.max(...texts.map((text) => text.length)) * LETTER + 8;
  const right = Math.min(Math.max(...data.lines.map((line) => line.name.length)), WIDEST_NAME) * LETTER + 14;
  const x = (at) => left + (data.keys.length < 2 ? 0.5 : at / (data.keys.length - 1)) * (width - left - right);
  const bottom = HEIGHT - (timeStep(data.keys, part, width - left - right) < perYear(part) ? TWO_LABELS : ONE_LABEL);
  const y = (value) => TOP + (1 - (value - ticks[0]) / (ticks[ticks.length - 1] - ticks[0])) * (bottom - TOP);
  const picture = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, class: "picture", "aria-hidden": "true", focusable: "false" },
    ...ticks.map((tick, at) => valueTick(tick, texts[at], left, width - right, y)),
    ...timeTicks(data.keys, part, x, width - left - right, bottom),
    ...data.lines.map((line) => lineMark(line, x, y)).reverse(),
    ...endNames(data.lines, x, y, bottom),
  );
  holder.replaceChildren(picture);
  addCursor(holder, picture, visual, data, { x, y, width, bottom });
}

function valueTick(tick, text, from, to, y) {
  const at = Math.round(y(tick)) + 0.5;
  return drawn(
    "g",
    {},
    drawn("line", { x1: from, x2: to, y1: at, y2: at, class: tick === 0 ? "zero" : "grid" }),
    drawn("text", { x: from - 8, y: at, "text-anchor": "end", "dominant-baseline": "central" }, text),
  );
}

/** How many periods make up a year; 1 where the labels need no year below them. */
const perYear = (part) => ({ quarter: 4, month: 12 })[part] || 1;

/** Every how many periods there is room for a label. */
function timeStep(keys, part, room) {
  const fitting = Math.max(Math.floor(room / TICK_ROOM), 2);
  return STEPS.find((candidate) => keys.length / candidate <= fitting) || STEPS[STEPS.length - 1];
}

/** Labels below the axis, on round periods; the year stands once, below its first label. */
function timeTicks(keys, part, x, room, bottom) {
  const step = timeStep(keys, part, room);
  const onYears = step >= perYear(part); // then every label is a year, or the month of any
  let lastYear = null;
  return keys.flatMap((key, at) => {
    if (ordinal(key, part) % step) return [];
    const year = key.slice(0, 4);
    const upper = onYears && perYear(part) > 1 ? year : labelOf(key, part).split(" ")[0];
    const lower = onYears || year === lastYear ? null : year;
    lastYear = year;
    const label = (text, y) => drawn("text", { x: x(at), y, "text-anchor": "middle" }, text);
    return [label(upper, bottom + 18), ...(lower ? [label(lower, bottom + 33)] : [])];
  });
}

function ordinal(key, part) {
  if (part === "month_of_year") return Number(key) - 1;
  const within = perYear(part) > 1 ? Number(key.slice(part === "quarter" ? 6 : 5)) - 1 : 0;
  return Number(key.slice(0, 4)) * perYear(part) + within;
}

function lineMark(line, x, y) {
  const last = lastKnown(line);
  const place = (position) => `${x(position).toFixed(1)} ${y(roughly(line.figures[position])).toFixed(1)}`;
  const isDrawn = (position) => line.figures[position] !== null && !(line.open && position === last);
  const path = line.figures
    .map((_, position) => (isDrawn(position) ? (position && isDrawn(position - 1) ? "L" : "M") + place(position) : ""))
    .join("");
  const before = line.open && last > 0 && line.figures[last - 1] !== null;
  return drawn(
    "g",
    { class: `series ${line.tone}` },
    drawn("path", { d: path, class: "mark" }),
    before ? drawn("path", { d: `M${place(last - 1)}L${place(last)}`, class: "mark open" }) : null,
    drawn("circle", { cx: x(last), cy: y(roughly(line.figures[last])), r: 3.5, class: line.open ? "end open" : "end" }),
  );
}

const lastKnown = (line) => line.figures.reduce((last, figure, at) => (figure === null ? last : at), 0);

/** Names beside the ends of their lines, moved apart where lines that end together would have theirs overlap. */
function endNames(lines, x, y, bottom) {
  const ends = lines.map((line) => ({ line, last: lastKnown(line) }));
  const places = ends.map((end) => ({ ...end, y: y(roughly(end.line.figures[end.last])) })).sort((a, b) => a.y - b.y);
  for (const end of new Set(places.map((place) => place.last))) {
    const together = places.filter((place) => place.last === end);
    spread(together, bottom);
  }
  return places.map(({ line, last, y: top }) =>
    drawn(
      "text",
      { x: x(last) + 8, y: top, "dominant-baseline": "central", class: `name ${line.tone}` },
      line.name.length > WIDEST_NAME ? line.name.slice(0, WIDEST_NAME - 1) + "…" : line.name,
    ),
  );
}

function spread(places, bottom) {
  places.forEach((place, at) => {
    if (at) place.y = Math.max(place.y, places[at - 1].y + LABEL_HEIGHT);
  });
  const over = Math.max(places[places.length - 1].y - bottom, 0);
  for (const place of places) place.y -= over;
}

function lineTable(visual, data) {
  const x = page.dimension(visual.x);
  const columns = [{ label: x.label }, ...data.lines.map((line) => ({ label: line.name, figure: true }))];
  const rows = data.keys.map((key, at) => [
    labelOf(key, x.part),
    ...data.lines.map((line) => inFull(line.figures[at])),
  ]);
  return readingTable(visual.title, columns, rows.reverse());
}
