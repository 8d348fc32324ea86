// The cursor of a line chart: a slider whose value text is what the pointer sees, so that arrow keys and screen readers
// get the same figures.

const NOTE_GAP = 14; // between the cursor and its note, so that neither line nor point is covered

const STEPS_BY_KEY = {
  ArrowLeft: (at) => at - 1,
  ArrowDown: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  ArrowUp: (at) => at + 1,
  Home: () => 0,
  End: () => Infinity,
};

/** Put a cursor over a drawn line chart; `frame` is {x, y, width, bottom} in the units of the picture. */
function addCursor(holder, picture, visual, data, frame) {
  const rule = drawn("line", { y1: TOP, y2: frame.bottom, class: "cursor" });
  const dots = data.lines.map((line) => drawn("circle", { r: 4, class: `dot ${line.tone}` }));
  const note = element("div", { class: "note", "aria-hidden": "true" });
  const last = data.keys.length - 1;
  const slider = sliderOver(visual, last);
  const parts = { holder, rule, dots, note, slider };
  picture.append(rule, ...dots);
  holder.append(slider, note);
  tell(parts, visual, data, last);
  listen(parts, frame, last, (at) => point(parts, visual, data, frame, at));
}

function sliderOver(visual, last) {
  return element("div", {
    class: "cursor-area",
    role: "slider",
    tabindex: "0",
    "aria-label": `${visual.title}: read point by point with the arrow keys`,
    "aria-valuemin": "0",
    "aria-valuemax": String(last),
  });
}

/** What the slider says of a point. */
function tell({ slider }, visual, data, at) {
  const figures = data.lines.map((line) => `${line.name} ${inFull(line.figures[at])}`).join(", ");
  slider.setAttribute("aria-valuenow", at);
  slider.setAttribute("aria-valuetext", `${labelOf(data.keys[at], page.dimension(visual.x).part)}: ${figures}`);
}

/** Show a point: the rule through it, dots on the lines, the exact figures beside it. */
function point(parts, visual, data, { x, y, width }, at) {
  tell(parts, visual, data, at);
  fill(parts.rule, { x1: x(at), x2: x(at) }, []);
  data.lines.forEach((line, index) => {
    const figure = line.figures[at];
    parts.dots[index].classList.toggle("absent", figure === null);
    if (figure !== null) fill(parts.dots[index], { cx: x(at), cy: y(roughly(figure)) }, []);
  });
  const heading = element("strong", {}, labelOf(data.keys[at], page.dimension(visual.x).part));
  parts.note.replaceChildren(heading, ...data.lines.map((line) => noteRow(line, at)));
  parts.holder.classList.add("pointed");
  placeNote(parts, (x(at) * parts.holder.clientWidth) / width);
}

function noteRow(line, at) {
  const [name, figure] = [element("span", {}, line.name), element("b", {}, inFull(line.figures[at]))];
  return element("span", { class: `row ${line.tone}` }, name, figure);
}

/** To the right of the cursor where there is room, else to its left. */
function placeNote({ holder, note }, place) {
  const isRight = place + NOTE_GAP + note.offsetWidth <= holder.clientWidth;
  note.style.left = `${isRight ? place + NOTE_GAP : Math.max(place - NOTE_GAP - note.offsetWidth, 0)}px`;
}

function listen({ holder, slider }, { x, width }, last, show) {
  const within = (at) => Math.min(Math.max(at, 0), last);
  const current = () => Number(slider.getAttribute("aria-valuenow"));
  const hide = () => holder.classList.remove("pointed");
  slider.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    if (!STEPS_BY_KEY[event.key]) return;
    event.preventDefault();
    show(within(STEPS_BY_KEY[event.key](current())));
  });
  slider.addEventListener("pointermove", (event) => {
    const place = (event.offsetX / holder.clientWidth) * width;
    show(within(Math.round(((place - x(0)) / (x(last) - x(0) || 1)) * last)));
  });
  slider.addEventListener("pointerleave", () => {
    if (document.activeElement !== slider) hide();
  });
  slider.addEventListener("focus", () => {
    if (slider.matches(":focus-visible")) show(current());
  });
  slider.addEventListener("blur", hide);
}
