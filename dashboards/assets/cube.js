// Grouping and filtering of the embedded figures. Sums are of BigInt, so they are what SQL gives for the same filter.

/** A cube with its figures as BigInt at one scale per measure. */
function openCube(raw) {
  const figures = {};
  const scales = {};
  for (const [name, texts] of Object.entries(raw.figures)) {
    scales[name] = texts.reduce((most, text) => Math.max(most, decimalsOf(text)), 0);
    figures[name] = texts.map((text) => (text === null ? null : unitsOf(text, scales[name])));
  }
  return { source: raw.source, rows: raw.rows, groups: raw.groups, figures, scales };
}

const decimalsOf = (text) => (text === null || !text.includes(".") ? 0 : text.length - text.indexOf(".") - 1);

/** The dimension's key of every row; null when the cube's table does not have the dimension. */
function keysOfRows(cube, dimension) {
  const column = cube.groups[dimension.columns[cube.source]];
  if (!column) return null;
  const keys = column.values.map((value) => keyOf(value, dimension.part));
  return column.at.map((position) => keys[position]);
}

/** Numbers of the rows that every filter lets through; a filter the table does not have lets all through. */
function rowsWithin(cube, filters) {
  let rows = Array.from({ length: cube.rows }, (_, row) => row);
  for (const { dimension, key } of filters) {
    const keys = keysOfRows(cube, dimension);
    if (keys) rows = rows.filter((row) => String(keys[row]) === key);
  }
  return rows;
}

/** Totals of the measures per combination of keys, in order of appearance: [{keys, totals}]. */
function totalsBy(cube, rows, dimensions, measures) {
  const keys = dimensions.map((dimension) => keysOfRows(cube, dimension));
  const groups = new Map();
  for (const row of rows) {
    const own = keys.map((all) => all[row]);
    const name = JSON.stringify(own);
    if (!groups.has(name)) groups.set(name, { keys: own, rows: [] });
    groups.get(name).rows.push(row);
  }
  return [...groups.values()].map((group) => ({ keys: group.keys, totals: totalsOf(cube, group.rows, measures) }));
}

/** One figure per measure over the rows; null where no row has one. */
function totalsOf(cube, rows, measures) {
  return Object.fromEntries(measures.map((measure) => [measure.name, figureOf(cube, rows, measure)]));
}

function figureOf(cube, rows, measure) {
  if (measure.numerator) {
    const [over, under] = [measure.numerator, measure.denominator].map((name) =>
      columnFigure(cube, rows, page.measure(name)),
    );
    return over === null || under === null || under.units === 0n ? null : { ...over, format: measure.format, under };
  }
  return columnFigure(cube, rows, measure);
}

const COMBINE = { sum: (a, b) => a + b, min: (a, b) => (a < b ? a : b), max: (a, b) => (a > b ? a : b) };

function columnFigure(cube, rows, measure) {
  const combine = COMBINE[measure.aggregation];
  let units = null;
  for (const row of rows) {
    const own = cube.figures[measure.name][row];
    if (own !== null) units = units === null ? own : combine(units, own);
  }
  return units === null ? null : { format: measure.format, units, scale: cube.scales[measure.name] };
}

/** What a sum over no row is. */
const nothing = (measure) => (measure.aggregation === "sum" ? { format: measure.format, units: 0n, scale: 0 } : null);
