// Elements without markup in strings: every text is text, whatever a partner's file put into it.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const element = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const drawn = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Colour of a measure, the same in every chart; the fourth and all later ones are alike, told apart by their names. */
const toneOf = (measure) => `m${Math.min(page.dashboard.measures.indexOf(measure), 3) + 1}`;

/** A figure as people read it, with what its measure's triage says of it in words and colour. */
function judged(figure, measure) {
  const verdict = verdictOf(figure, measure);
  if (!verdict) return inFull(figure);
  const mark = element("span", { class: `verdict ${verdict}` }, VERDICTS[verdict]);
  return element("span", { class: "judged" }, `${inFull(figure)} `, mark);
}

/** A table for reading: `columns` are {label, figure: bool}, cells are texts or elements; the first heads its row. */
function readingTable(caption, columns, rows, total = null) {
  const cell = (tag, text, column, attributes = {}) =>
    element(tag, { class: column.figure ? "figure" : null, ...attributes }, text);
  const line = (cells, name) =>
    element(
      "tr",
      { class: name },
      ...cells.map((text, at) =>
        at === 0 ? cell("th", text, columns[at], { scope: "row" }) : cell("td", text, columns[at]),
      ),
    );
  return element(
    "table",
    {},
    element("caption", { class: "unseen" }, caption),
    element(
      "thead",
      {},
      element("tr", {}, ...columns.map((column) => cell("th", column.label, column, { scope: "col" }))),
    ),
    element("tbody", {}, ...rows.map((cells) => line(cells, null))),
    total ? element("tfoot", {}, line(total, "total")) : null,
  );
}
