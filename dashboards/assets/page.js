// The page itself: reads the embedded document, fills in what is shown, and again whenever a filter changes.

const raw = JSON.parse(document.getElementById("document").textContent);
const page = {
  dashboard: raw.dashboard,
  cubes: new Map(raw.cubes.map((cube) => [cube.source, openCube(cube)])),
  measure: (name) => raw.dashboard.measures.find((measure) => measure.name === name),
  dimension: (name) => raw.dashboard.dimensions.find((dimension) => dimension.name === name),
  chosen: new Map(), // key by filter name; a filter that is not here lets everything through
};

const DRAW = {
  line: (visual, cube, rows) => {
    const data = lineData(visual, cube, rows);
    const draw = (holder) => drawLine(holder, visual, data);
    return {
      empty: !data.keys.length,
      words: () => lineInWords(visual, data),
      draw,
      table: () => lineTable(visual, data),
    };
  },
  bar: (visual, cube, rows) => {
    const data = barData(visual, cube, rows);
    const dimensions = [page.dimension(visual.category)];
    const draw = (holder) => drawBars(holder, visual, data);
    return {
      empty: !data.shown.length,
      words: () => barInWords(visual, data),
      draw,
      table: () => groupTable(visual, dimensions, data, false),
    };
  },
  table: (visual, cube, rows) => {
    const dimensions = visual.dimensions.map(page.dimension);
    const groups = sortedGroups(visual, cube, rows, dimensions);
    const data = { ...groups, total: totalsOf(cube, rows, visual.measures.map(page.measure)) };
    const words = () =>
      data.all.length > data.shown.length
        ? `${data.shown.length} of ${data.all.length} rows; the total is of all.`
        : "";
    return { empty: !data.shown.length, words, draw: null, table: () => groupTable(visual, dimensions, data, true) };
  },
};

const visuals = page.dashboard.sections.flatMap((section) => section.visuals);
const pictures = new Map(); // how to draw again when the width changes, by visual

/** The chosen filters as {dimension, key, label}. */
function filters() {
  const chosen = page.dashboard.filters.filter((name) => page.chosen.has(name)).map(page.dimension);
  return chosen.map((dimension) => {
    const key = page.chosen.get(dimension.name);
    return { dimension, key, label: labelOf(key, dimension.part) };
  });
}

function showVisual(visual) {
  const figure = document.getElementById(`visual-${visual.id}`);
  const cube = page.cubes.get(visual.source);
  const rows = rowsWithin(
    cube,
    filters().filter((filter) => filter.dimension.name !== visual.series),
  );
  const shown = DRAW[visual.kind](visual, cube, rows);
  const holder = figure.querySelector(".drawing");
  figure.querySelector(".scope").textContent = scopeOf(cube, visual.series);
  figure.querySelector(".words").textContent = shown.empty ? "Nothing matches these filters." : shown.words();
  figure.querySelector(".cells").replaceChildren(...(shown.empty ? [] : [shown.table()]));
  figure.classList.toggle("empty", shown.empty);
  pictures.delete(visual.id);
  if (!holder) return;
  holder.replaceChildren();
  if (shown.empty) return;
  shown.draw(holder);
  if (visual.kind === "line") pictures.set(visual.id, { holder, draw: shown.draw, width: holder.clientWidth });
}

/** Which filters a card obeys and which it cannot, in words: nobody should take a total for that of a region. */
function scopeOf(cube, series = null) {
  const has = ({ dimension }) => dimension.columns[cube.source] in cube.groups;
  const obeyed = filters()
    .filter(has)
    .map((filter) => (filter.dimension.name === series && filter.dimension.part ? `to ${filter.label}` : filter.label));
  const ignored = filters()
    .filter((filter) => !has(filter))
    .map((filter) => filter.dimension.label.toLowerCase());
  return [...obeyed, ...ignored.map((name) => `not by ${name}`)].join(" · ");
}

function showKpis() {
  const { source, measures, period } = page.dashboard.kpis;
  const cube = page.cubes.get(source);
  const rows = rowsWithin(cube, filters());
  const now = totalsOf(cube, rows, measures.map(page.measure));
  const compared = comparison(cube, page.dimension(period));
  const isOver = (group) =>
    group.keys[0] !== null && isComplete(group.keys[0], page.dimension(period).part, raw.dataThrough);
  const trend = totalsBy(cube, rows, [page.dimension(period)], measures.map(page.measure))
    .filter(isOver)
    .sort((a, b) => compare(a.keys[0], b.keys[0]));
  document.getElementById("kpi-scope").textContent = scopeOf(cube);
  document.getElementById("kpi-comparison").textContent = compared.words;
  for (const name of measures) {
    const card = document.getElementById(`kpi-${name}`);
    card.querySelector(".short").textContent = inShort(now[name]);
    const full = card.querySelector(".full");
    full.textContent = inFull(now[name]);
    full.classList.toggle("same", inFull(now[name]) === inShort(now[name]));
    const verdict = verdictOf(now[name], page.measure(name));
    const mark = card.querySelector(".verdict");
    mark.className = `verdict ${verdict || ""}`;
    mark.textContent = verdict ? VERDICTS[verdict] : "";
    card.querySelector(".change").textContent =
      (compared.now && change(compared.now[name], compared.before[name])) || "";
    card.querySelector(".spark").replaceChildren(spark(trend.map((group) => group.totals[name])));
  }
}

/** Complete periods of the newest year in scope beside those of the year before, or the newest beside the one before. */
function comparison(cube, dimension) {
  const periods = keysOfRows(cube, dimension);
  const year = page.dashboard.filters
    .map(page.dimension)
    .find((filter) => filter.part === "year" && page.chosen.has(filter.name));
  const rows = rowsWithin(
    cube,
    filters().filter((filter) => filter.dimension !== year),
  );
  const known = new Set(periods.filter((key) => key !== null)); // of all rows: a region without an order in a quarter sold nothing, which is known
  const isNext = page.dashboard.kpis.against === "period_before";
  const earlierOf = (key) => (isNext ? preceding(key, dimension.part) : yearBefore(key));
  const isUsable = (key) =>
    isComplete(key, dimension.part, raw.dataThrough) &&
    known.has(earlierOf(key)) &&
    (!year || key.startsWith(page.chosen.get(year.name)));
  const usable = [...known].filter(isUsable).sort();
  if (!usable.length) return { words: "", now: null };
  const measures = page.dashboard.kpis.measures.map(page.measure);
  const total = (keys) =>
    totalsOf(
      cube,
      rows.filter((row) => keys.includes(periods[row])),
      measures,
    );
  if (isNext) {
    const own = usable[usable.length - 1];
    const earlier = preceding(own, dimension.part);
    return {
      now: total([own]),
      before: total([earlier]),
      words: `Change: ${labelOf(own, dimension.part)} against ${labelOf(earlier, dimension.part)}, complete ${dimension.part}s only.`,
    };
  }
  const newest = usable[usable.length - 1].slice(0, 4);
  const own = usable.filter((key) => key.startsWith(newest));
  const before = own.map(yearBefore);
  const span = own.length === { quarter: 4, month: 12 }[dimension.part] ? "" : spanOf(own, dimension.part);
  return {
    now: total(own),
    before: total(before),
    words: `Change: ${span}${newest} against ${span}${Number(newest) - 1}, complete ${dimension.part}s only.`,
  };
}

function spanOf(keys, part) {
  const short = (key) => labelOf(key, part).split(" ")[0];
  return keys.length === 1 ? `${short(keys[0])} ` : `${short(keys[0])} to ${short(keys[keys.length - 1])} `;
}

/** A small trend without axis; the figures stand in the charts below. */
function spark(figures) {
  const values = figures.filter((figure) => figure !== null).map(roughly);
  if (values.length < 2) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const points = values.map(
    (value, at) =>
      `${((at / (values.length - 1)) * 100).toFixed(1)},${(22 - ((value - low) / (high - low || 1)) * 20).toFixed(1)}`,
  );
  return drawn(
    "svg",
    { viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    drawn("polyline", { points: points.join(" ") }),
  );
}

function offerFilters() {
  for (const name of page.dashboard.filters) {
    const dimension = page.dimension(name);
    const keys = new Set([...page.cubes.values()].flatMap((cube) => keysOfRows(cube, dimension) || []));
    const sorted = [...keys].filter((key) => key !== null).sort(compare);
    const select = document.getElementById(`filter-${name}`);
    for (const key of dimension.part ? sorted.reverse() : sorted)
      select.append(element("option", { value: key }, labelOf(key, dimension.part)));
    select.addEventListener("change", () => {
      if (select.value) page.chosen.set(name, select.value);
      else page.chosen.delete(name);
      show();
    });
  }
  document.getElementById("filters").addEventListener("reset", () => {
    page.chosen.clear();
    show();
  });
}

function show() {
  showKpis();
  visuals.forEach(showVisual);
  const words = filters().map((filter) => `${filter.dimension.label} ${filter.label}`);
  document.getElementById("chosen").textContent = words.length ? `Showing ${words.join(", ")}` : "Showing everything";
}

/** Lines are drawn for the width they have, so that texts keep their size. */
function drawAgain() {
  for (const picture of pictures.values()) {
    if (picture.holder.clientWidth === picture.width || !picture.holder.clientWidth) continue;
    picture.width = picture.holder.clientWidth;
    picture.draw(picture.holder);
  }
}

if (raw.cubes.some((cube) => cube.rows)) {
  offerFilters();
  show();
  new ResizeObserver(drawAgain).observe(document.body);
}
