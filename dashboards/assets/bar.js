// Bars from a common zero, each with its figure beside it; longest and shortest are found without a scale.

/** The groups of a bar or table visual under the filters, sorted; `all` are before the limit. */
function sortedGroups(visual, cube, rows, dimensions) {
  const measures = visual.measures.map(page.measure);
  const groups = totalsBy(cube, rows, dimensions, measures);
  const at = dimensions.findIndex((dimension) => dimension.name === visual.sort.by);
  const worth = (group) => (at >= 0 ? group.keys[at] : group.totals[visual.sort.by]);
  groups.sort(
    (a, b) => (visual.sort.descending ? -1 : 1) * compare(worth(a), worth(b)) || compare(a.keys.join(), b.keys.join()),
  );
  return { all: groups, shown: groups.slice(0, visual.limit || undefined) };
}

/** Order of two keys or two figures of one measure; what is missing comes first. */
function compare(a, b) {
  if (a === null || b === null) return (a !== null) - (b !== null);
  if (typeof a !== "object") return a < b ? -1 : a > b ? 1 : 0;
  const difference = a.under ? roughly(a) - roughly(b) : Number(a.units - b.units);
  return Math.sign(difference);
}

function barData(visual, cube, rows) {
  const groups = sortedGroups(visual, cube, rows, [page.dimension(visual.category)]);
  return { ...groups, total: totalsOf(cube, rows, visual.measures.map(page.measure)) };
}

function barInWords(visual, data) {
  const [measure] = visual.measures.map(page.measure);
  const [first] = data.shown;
  const figure = first.totals[measure.name];
  const name = labelOf(first.keys[0], page.dimension(visual.category).part);
  const which = visual.sort.by !== measure.name ? "First" : visual.sort.descending ? "Highest" : "Lowest";
  const share = which === "Highest" ? shareOf(figure, data.total[measure.name], measure, data.all) : "";
  const of =
    visual.limit && data.all.length > visual.limit ? ` ${data.shown.length} of ${data.all.length} are shown.` : "";
  return `${which}: ${name} with ${inShort(figure)}${share}.${of}`;
}

/** ", 21.2 % of 133 bn" where parts make up a whole: a sum without losses. */
function shareOf(figure, whole, measure, groups) {
  const isWhole =
    measure.aggregation === "sum" &&
    whole !== null &&
    whole.units > 0n &&
    groups.every((group) => group.totals[measure.name] === null || group.totals[measure.name].units >= 0n);
  return isWhole && figure !== null
    ? `, ${inFull({ ...figure, format: "percent", under: whole })} of ${inShort(whole)}`
    : "";
}

function drawBars(holder, visual, data) {
  const [measure, ...others] = visual.measures.map(page.measure);
  const part = page.dimension(visual.category).part;
  const values = data.shown.map((group) =>
    group.totals[measure.name] === null ? 0 : roughly(group.totals[measure.name]),
  );
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)];
  const span = high - low || 1;
  const head = element(
    "div",
    { class: "bar-head" },
    element("span", {}),
    element("span", {}, measure.label),
    ...others.map((other) => element("span", {}, other.label)),
  );
  const rows = data.shown.map((group, at) => {
    const mark = element("span", { class: values[at] < 0 ? "mark loss" : `mark ${toneOf(measure)}` });
    mark.style.left = `${((Math.min(values[at], 0) - low) / span) * 100}%`;
    mark.style.width = `${(Math.abs(values[at]) / span) * 100}%`;
    return element(
      "div",
      { class: "bar-row" },
      element("span", { class: "bar-name" }, labelOf(group.keys[0], part)),
      element("span", { class: "bar-track" }, mark),
      ...[measure, ...others].map((shown) =>
        element("span", { class: "bar-figure" }, inShort(group.totals[shown.name])),
      ),
    );
  });
  const bars = element(
    "div",
    {
      class: `bars with-${visual.measures.length}`,
      role: "img",
      "aria-label": `${visual.title}. ${barInWords(visual, data)} All figures are in the data table below.`,
    },
    others.length ? head : null,
    ...rows,
  );
  holder.replaceChildren(bars);
}

function groupTable(visual, dimensions, data, withTotal) {
  const measures = visual.measures.map(page.measure);
  const columns = [
    ...dimensions.map((dimension) => ({ label: dimension.label })),
    ...measures.map((measure) => ({ label: measure.label, figure: true })),
  ];
  const rows = data.shown.map((group) => [
    ...group.keys.map((key, at) => labelOf(key, dimensions[at].part)),
    ...measures.map((measure) => judged(group.totals[measure.name], measure)),
  ]);
  const blank = dimensions.slice(1).map(() => "");
  const total = ["Total", ...blank, ...measures.map((measure) => judged(data.total[measure.name], measure))];
  return readingTable(visual.title, columns, rows, withTotal ? total : null);
}
