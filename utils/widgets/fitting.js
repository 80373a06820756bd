// Three losses fit a line to points that can be dragged.
const X_ENDS = [0, 10];
const Y_ENDS = [-4, 16];
const [R_END, LOSS_END, PULL_END] = [12, 20, 6];
const LOSSES = [
  { name: "squared", color: "var(--fig-orange)", loss: (r) => r * r, pull: (r) => 2 * r },
  { name: "absolute", color: "var(--fig-green)", loss: Math.abs, pull: Math.sign },
  {
    name: "Huber",
    color: "var(--fig-blue)",
    loss: (r, d) => (Math.abs(r) <= d ? (r * r) / 2 : d * (Math.abs(r) - d / 2)),
    pull: (r, d) => between(r, -d, d),
  },
];

const between = (value, low, high) => Math.min(Math.max(value, low), high);
const number = (value) => (Number(value.toFixed(2)) + 0).toFixed(2).replace("-", "−");
const sum = (values) => values.reduce((all, one) => all + one, 0);

function weightedLine(points, weights) {
  const total = sum(weights);
  const [mx, my] = [0, 1].map((axis) => sum(points.map((p, i) => weights[i] * p[axis])) / total);
  const spread = sum(points.map(([x], i) => weights[i] * (x - mx) ** 2));
  const shared = sum(points.map(([x, y], i) => weights[i] * (x - mx) * (y - my)));
  const slope = spread > 1e-12 ? shared / spread : 0;
  return [slope, my - slope * mx];
}

// A best line for the absolute loss goes through two of the points: try all pairs.
function leastAbsolute(points) {
  const ys = points.map(([, y]) => y).sort((a, b) => a - b);
  const half = ys.length / 2;
  let best = [0, (ys[Math.ceil(half) - 1] + ys[Math.floor(half)]) / 2];
  let least = Infinity;
  points.forEach(([xi, yi], i) => {
    for (const [xj, yj] of points.slice(i + 1)) {
      if (Math.abs(xj - xi) < 1e-9) continue;
      const slope = (yj - yi) / (xj - xi);
      const total = sum(points.map(([x, y]) => Math.abs(slope * (x - xi) + yi - y)));
      if (total < least - 1e-9) [best, least] = [[slope, yi - slope * xi], total];
    }
  });
  return best;
}

// Least squares in which a point beyond delta counts less, the less the farther: until all rests.
function leastHuber(points, delta) {
  let found = weightedLine(points, points.map(() => 1));
  for (let n = 0; n < 2000; n++) {
    const sizes = points.map(([x, y]) => Math.abs(found[0] * x + found[1] - y));
    const again = weightedLine(points, sizes.map((size) => delta / Math.max(size, delta)));
    const moved = Math.max(...again.map((value, i) => Math.abs(value - found[i])));
    found = again;
    if (moved < 1e-8) break;
  }
  return found;
}

function compute(model) {
  const [points, delta] = [model.get("points"), model.get("delta")];
  const chosen = between(model.get("chosen"), 0, points.length - 1);
  const lines = [
    weightedLine(points, points.map(() => 1)),
    leastAbsolute(points),
    leastHuber(points, delta),
  ];
  const [x, y] = points[chosen];
  const rows = lines.map(([slope, intercept], i) => {
    const exact = slope * x + intercept - y;
    const r = Math.abs(exact) < 1e-9 ? 0 : exact;
    return [slope, intercept, r, LOSSES[i].loss(r, delta), LOSSES[i].pull(r, delta)];
  });
  return { points, delta, chosen, rows };
}

// Axes with ticks and a title; to(x, y) gives the place of a value, from(px, py) the value.
function axes({ width, height, x, y, ticks, label, title }) {
  const [left, right, top, bottom] = [30, 8, 8, 34];
  const clip = figureId();
  const box = { x: left, y: top, width: width - left - right, height: height - top - bottom };
  const to = (a, b) => [
    box.x + ((a - x[0]) / (x[1] - x[0])) * box.width,
    box.y + ((y[1] - b) / (y[1] - y[0])) * box.height,
  ];
  const from = (px, py) => [
    x[0] + ((px - box.x) / box.width) * (x[1] - x[0]),
    y[1] - ((py - box.y) / box.height) * (y[1] - y[0]),
  ];
  const text = (place, anchor, value) =>
    h("svg:text", { x: place[0], y: place[1], "text-anchor": anchor, class: "fit-tick" }, value);
  const short = (value) => String(value).replace("-", "−");
  const across = ticks[0].map((value) => [to(value, y[0]), to(value, y[1]), value]);
  const up = ticks[1].map((value) => [to(x[0], value), to(x[1], value), value]);
  const grid = [...across, ...up].map(([[x1, y1], [x2, y2], value]) =>
    h("svg:line", { x1, y1, x2, y2, class: value === 0 ? "fit-zero" : "fit-grid" }));
  const below = across.map(([[px, py], , value]) => text([px, py + 15], "middle", short(value)));
  const beside = up.map(([[px, py], , value]) => text([px - 6, py + 4], "end", short(value)));
  const name = text([box.x + box.width / 2, height - 3], "middle", label);
  const inside = h("svg:g", { "clip-path": `url(#${clip})` });
  const over = h("svg:g");
  const el = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title },
    h("svg:clipPath", { id: clip }, h("svg:rect", box)), grid, below, beside, name, inside, over);
  return { el, to, from, inside, over };
}

const set = (el, values) => {
  for (const [name, value] of Object.entries(values)) el.setAttribute(name, value);
};
const stroke = ({ color, name }) => ({
  fill: "none", stroke: color, "stroke-width": 2.2, "stroke-dasharray": name === "absolute" ? "6 4" : "none",
});

// The plane: the points are handles.
function plane(model) {
  const frame = axes({
    width: 390, height: 330, x: X_ENDS, y: Y_ENDS, ticks: [[0, 2, 4, 6, 8, 10], [-4, 0, 4, 8, 12, 16]],
    label: "x", title: "Points, and the line of each loss",
  });
  const gap = h("svg:line", { class: "fit-gap" });
  const lines = LOSSES.map((one) => h("svg:line", stroke(one)));
  frame.inside.append(gap, ...lines);
  const ring = h("svg:circle", { r: 11, class: "fit-ring" });
  frame.over.append(ring);
  let handles = [];

  function place(i, px, py) {
    const [x, y] = frame.from(px, py);
    const point = [between(x, ...X_ENDS), between(y, ...Y_ENDS)].map((v) => Number(v.toFixed(2)));
    model.set("points", model.get("points").map((old, n) => (n === i ? point : old)));
    model.set("chosen", i);
    model.save_changes();
    return frame.to(...point);
  }
  function make(i) {
    const dot = h("svg:g", { class: "fit-point" },
      h("svg:circle", { r: 15, class: "fit-reach" }), h("svg:circle", { r: 5.5 }));
    const handle = draggable(dot, {
      label: `Point ${i + 1}`, at: [0, 0], step: 4,
      move: (px, py) => place(i, px, py),
      text: (px, py) => frame.from(px, py).map(number).join(", "),
    });
    dot.addEventListener("focus", () => {
      model.set("chosen", i);
      model.save_changes();
    });
    return { dot, set: handle.set };
  }
  function draw({ points, chosen, rows }) {
    while (handles.length > points.length) handles.pop().dot.remove();
    while (handles.length < points.length) {
      handles.push(make(handles.length));
      frame.over.append(handles.at(-1).dot);
    }
    handles.forEach(({ dot, set: tell }, i) => {
      const at = frame.to(...points[i]);
      dot.setAttribute("transform", `translate(${at.join(" ")})`);
      tell(...at);
    });
    rows.forEach(([slope, intercept], i) => {
      const [[x1, y1], [x2, y2]] = X_ENDS.map((x) => frame.to(x, slope * x + intercept));
      set(lines[i], { x1, y1, x2, y2 });
    });
    const [x, y] = points[chosen];
    const [x1, y1] = frame.to(x, y);
    set(ring, { cx: x1, cy: y1 });
    const far = rows.map((row) => row[2]).reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    set(gap, { x1, y1, x2: x1, y2: frame.to(x, y + far)[1] });
  }
  return { el: frame.el, draw };
}

// One of the two charts over the residual.
function chart(value, column, y, ticks, label, title) {
  const frame = axes({
    width: 310, height: 152, x: [-R_END, R_END], y, ticks: [[-12, -6, 0, 6, 12], ticks], label, title,
  });
  const curves = LOSSES.map((one) => h("svg:path", stroke(one)));
  const dots = LOSSES.map(({ color }) => h("svg:circle", { r: 5, stroke: color, "stroke-width": 2 }));
  frame.inside.append(...curves);
  frame.over.append(...dots);
  function draw({ delta, rows }) {
    LOSSES.forEach((one, i) => {
      const steps = Array.from({ length: 241 }, (_, n) => -R_END + n / 10);
      const way = steps.map((r) => frame.to(r, between(one[value](r, delta), -60, 60)).map((v) => v.toFixed(1)));
      curves[i].setAttribute("d", `M${way.map((at) => at.join(" ")).join("L")}`);
      const [r, exact] = [rows[i][2], rows[i][column]];
      const inside = Math.abs(r) <= R_END && exact >= y[0] && exact <= y[1];
      const [cx, cy] = frame.to(between(r, -R_END, R_END), between(exact, ...y));
      set(dots[i], { cx, cy, fill: inside ? one.color : "var(--fig-paper)" });
    });
  }
  return { el: frame.el, draw };
}

function table() {
  const heads = ["Slope", "Intercept", "Residual", "Loss", "Pull"];
  const cells = LOSSES.map(() => heads.map(() => h("output")));
  const key = (one) =>
    h("svg:svg", { viewBox: "0 0 22 10", class: "fit-key", "aria-hidden": "true" },
      h("svg:line", { x1: 1, y1: 5, x2: 21, y2: 5, ...stroke(one) }));
  const chosen = h("span");
  const el = h("table", { class: "fit-table" },
    h("thead", {},
      h("tr", {}, h("td"), h("th", { colspan: 2, scope: "colgroup" }, "The line"),
        h("th", { colspan: 3, scope: "colgroup" }, chosen)),
      h("tr", {}, h("td"), heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, LOSSES.map((one, i) =>
      h("tr", {}, h("th", { scope: "row" }, key(one), one.name), cells[i].map((cell) => h("td", {}, cell))))));
  function draw({ rows, chosen: i }) {
    chosen.textContent = `Point ${i + 1}, ringed`;
    rows.forEach((row, n) => row.forEach((value, m) => (cells[n][m].textContent = number(value))));
  }
  return { el, draw };
}

function render({ model, el }) {
  const begin = { points: model.get("points"), chosen: model.get("chosen"), delta: model.get("delta") };
  const points = plane(model);
  const loss = chart("loss", 3, [0, LOSS_END], [0, 5, 10, 15, 20], "", "Loss over the residual");
  const pull = chart("pull", 4, [-PULL_END, PULL_END], [-6, -3, 0, 3, 6], "residual r", "Pull over the residual");
  const numbers = table();
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const delta = slider("Huber’s δ", { min: 0.1, max: 10, step: 0.1, value: model.get("delta"), format: number },
    (value) => change({ delta: value }));
  const tame = button("Back in line", () => {
    const { points: now, chosen } = compute(model);
    const [slope, intercept] = leastAbsolute(now);
    const y = between(slope * now[chosen][0] + intercept, ...Y_ENDS);
    change({ points: now.map((p, i) => (i === chosen ? [p[0], Number(y.toFixed(2))] : p)) });
  });
  const reset = button("Reset", () => change(begin));
  const panel = (title, ...rest) => h("div", {}, h("p", { class: "fig-title" }, title), ...rest);
  el.append(
    h("div", { class: "fit-stage" },
      panel("Points: drag one far away", points.el),
      h("div", {}, panel("Loss of a residual r", loss.el), panel("Its derivative: the pull", pull.el))),
    numbers.el,
    h("div", { class: "fit-bar" }, delta.el, tame, reset),
    h("p", { class: "fig-note" },
      "The more a point is wrong, the harder the squared loss lets it pull. The pull of the other two stops, at 1 and at δ. ",
      "A hollow dot lies beyond the chart."),
  );
  const draw = () => {
    const now = compute(model);
    for (const part of [points, loss, pull, numbers]) part.draw(now);
    delta.set(now.delta);
  };
  for (const name of ["points", "delta", "chosen"]) bind(model, name, draw);
  draw();
}
export default { render };
