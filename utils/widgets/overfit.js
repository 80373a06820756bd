// A curve of bumps fitted to points that can be dragged; L2, L1, dropout and early stopping.
const [BUMPS, WIDTH, RATE, Y_END, HEIGHT_END] = [20, 0.06, 0.5, 2, 2.5];
const ERRORS = [0.02, 2];
const CENTERS = Array.from({ length: BUMPS }, (_, j) => j / (BUMPS - 1));
const STEPS = [...new Set(Array.from({ length: 61 }, (_, k) => Math.round(10 ** (k / 20))))];
const LEVELS = [0, 0.0003, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3, 0.6, 1];
const between = (value, low, high) => Math.min(Math.max(value, low), high);
const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const set = (el, values) => Object.entries(values).forEach(([name, value]) => el.setAttribute(name, value));
const bumps = (x) => CENTERS.map((c) => Math.exp(-((x - c) ** 2) / (2 * WIDTH ** 2)));
const dot = (a, b) => a.reduce((all, value, i) => all + value * b[i], 0);

// mulberry32: the same numbers as in Python.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// The heights after each of STEPS: gradient descent, and soft thresholding for L1.
function train(points, { l2, l1, dropout }) {
  const features = points.map(([x]) => bumps(x));
  const [next, share, n] = [random(1), 1 - dropout, points.length];
  const eta = RATE * share;
  const mask = new Float64Array(BUMPS).fill(1);
  const g = new Float64Array(BUMPS);
  let w = new Float64Array(BUMPS);
  const kept = [];
  for (let step = 1; step <= STEPS.at(-1); step++) {
    if (dropout > 0) for (let j = 0; j < BUMPS; j++) mask[j] = (next() >= dropout ? 1 : 0) / share;
    g.fill(0);
    for (let i = 0; i < n; i++) {
      let r = -points[i][1];
      for (let j = 0; j < BUMPS; j++) r += features[i][j] * mask[j] * w[j];
      for (let j = 0; j < BUMPS; j++) g[j] += (features[i][j] * mask[j] * r) / n;
    }
    for (let j = 0; j < BUMPS; j++) {
      const v = w[j] - eta * (g[j] + l2 * w[j]);
      w[j] = Math.sign(v) * Math.max(Math.abs(v) - eta * l1, 0);
    }
    if (step === STEPS[kept.length]) kept.push(Array.from(w));
  }
  return kept;
}

function error(points, heights) {
  const features = points.map(([x]) => bumps(x));
  return heights.map((w) =>
    Math.sqrt(points.reduce((all, [, y], i) => all + (dot(features[i], w) - y) ** 2, 0) / points.length));
}

// Axes; to(a, b) gives the place of a value.
function axes({ width, height, x, y, ticks, label, title, log }) {
  const [left, right, top, bottom] = [40, 10, 8, label ? 36 : 20];
  const box = { x: left, y: top, width: width - left - right, height: height - top - bottom };
  const scale = (v) => (log ? Math.log10(v) : v);
  const part = (v, [low, high]) => (scale(v) - scale(low)) / (scale(high) - scale(low));
  const to = (a, b) => [box.x + part(a, x) * box.width, box.y + (1 - part(b, y)) * box.height];
  const from = (px, py) => [
    x[0] + ((px - box.x) / box.width) * (x[1] - x[0]),
    y[1] - ((py - box.y) / box.height) * (y[1] - y[0]),
  ];
  const text = (at, anchor, value) =>
    h("svg:text", { x: at[0], y: at[1], "text-anchor": anchor, class: "ovf-tick" }, String(value).replace("-", "−"));
  const rule = ([x1, y1], [x2, y2], zero) =>
    h("svg:line", { x1, y1, x2, y2, class: zero ? "ovf-zero" : "ovf-grid" });
  const grid = [
    ...ticks[0].map((v) => rule(to(v, y[0]), to(v, y[1]))),
    ...ticks[1].map((v) => rule(to(x[0], v), to(x[1], v), v === 0)),
  ];
  const names = [
    ...ticks[0].map((v) => text([to(v, y[0])[0], box.y + box.height + 15], "middle", v)),
    ...ticks[1].map((v) => text([box.x - 6, to(x[0], v)[1] + 4], "end", v)),
  ];
  if (label) names.push(text([box.x + box.width / 2, height - 4], "middle", label));
  const clip = figureId();
  const inside = h("svg:g", { "clip-path": `url(#${clip})` });
  const over = h("svg:g");
  const el = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title },
    h("svg:clipPath", { id: clip }, h("svg:rect", box)), grid, names, inside, over);
  return { el, to, from, inside, over, box };
}
const way = (places) => `M${places.map((at) => at.map((v) => v.toFixed(1)).join(" ")).join("L")}`;

function plane(model) {
  const frame = axes({
    width: 400, height: 250, x: [0, 1], y: [-Y_END, Y_END],
    ticks: [[0, 0.2, 0.4, 0.6, 0.8, 1], [-2, -1, 0, 1, 2]], title: "Points and the fitted curve",
  });
  const curve = h("svg:path", { class: "ovf-curve" });
  const others = h("svg:g");
  frame.inside.append(others, curve);
  let handles = [];
  const place = (i, px, py) => {
    const [x, y] = frame.from(px, py);
    const point = [between(x, 0, 1), between(y, -Y_END, Y_END)].map((v) => Number(v.toFixed(3)));
    model.set("points", model.get("points").map((old, n) => (n === i ? point : old)));
    model.save_changes();
    return frame.to(...point);
  };
  const make = (i) => {
    const el = h("svg:g", { class: "ovf-point" }, h("svg:circle", { r: 14, class: "ovf-reach" }), h("svg:circle", { r: 5.5 }));
    const handle = draggable(el, {
      label: `Training point ${i + 1}`, at: [0, 0], step: 4, move: (px, py) => place(i, px, py),
      text: (px, py) => frame.from(px, py).map((v) => number(v)).join(", "),
    });
    return { el, tell: handle.set };
  };
  function draw({ points, validation, shown }) {
    while (handles.length > points.length) handles.pop().el.remove();
    while (handles.length < points.length) {
      handles.push(make(handles.length));
      frame.over.append(handles.at(-1).el);
    }
    handles.forEach(({ el, tell }, i) => {
      const at = frame.to(...points[i]);
      el.setAttribute("transform", `translate(${at.join(" ")})`);
      tell(...at);
    });
    others.replaceChildren(...validation.map((p) => {
      const [cx, cy] = frame.to(...p);
      return h("svg:circle", { cx, cy, r: 4, class: "ovf-other" });
    }));
    const xs = Array.from({ length: 201 }, (_, i) => i / 200);
    curve.setAttribute("d", way(xs.map((x) => frame.to(x, between(dot(bumps(x), shown), -9, 9)))));
  }
  return { el: frame.el, draw };
}

function bars() {
  const frame = axes({
    width: 400, height: 118, x: [0, 1], y: [-HEIGHT_END, HEIGHT_END], ticks: [[0, 0.2, 0.4, 0.6, 0.8, 1], [-2, 0, 2]],
    label: "x: the place of the bump", title: "Heights of the bumps",
  });
  const all = CENTERS.map(() => h("svg:rect", { width: 11, class: "ovf-bar" }));
  frame.over.append(...all);
  const draw = ({ shown }) => shown.forEach((w, j) => {
    const [x, zero] = frame.to(CENTERS[j], 0);
    const y = frame.to(0, between(w, -HEIGHT_END, HEIGHT_END))[1];
    set(all[j], { x: x - 5.5, y: Math.min(y, zero), height: Math.abs(y - zero) });
  });
  return { el: frame.el, draw };
}

function chart() {
  const frame = axes({
    width: 310, height: 250, x: [1, 1000], y: ERRORS, log: true,
    ticks: [[1, 10, 100, 1000], [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]], label: "step of gradient descent", title: "Errors by step",
  });
  const here = h("svg:line", { class: "ovf-here" });
  const paths = ["training", "validation"].map((name) => h("svg:path", { class: `ovf-${name}` }));
  const dots = ["training", "validation"].map((name) => h("svg:circle", { r: 5, class: `ovf-dot ovf-${name}` }));
  const star = h("svg:path", { d: "M0-8L7 5H-7Z", class: "ovf-best" });
  frame.inside.append(here, ...paths);
  frame.over.append(star, ...dots);
  function draw({ errors, at, best }) {
    errors.forEach((values, k) => {
      paths[k].setAttribute("d", way(values.map((v, i) => frame.to(STEPS[i], between(v, 0.001, 50)))));
      const [cx, cy] = frame.to(STEPS[at], between(values[at], ...ERRORS));
      set(dots[k], { cx, cy });
    });
    const [x1] = frame.to(STEPS[at], 1);
    set(here, { x1, x2: x1, y1: frame.box.y, y2: frame.box.y + frame.box.height });
    const [x, y] = frame.to(STEPS[best], between(errors[1][best], ...ERRORS));
    star.setAttribute("transform", `translate(${x} ${y + 14})`);
  }
  return { el: frame.el, draw };
}

function table() {
  const rows = [["training error", "ovf-training"], ["validation error", "ovf-validation"], ["lowest, at step", "ovf-best"], ["bumps in use", ""]];
  const cells = rows.map(() => h("output"));
  const key = (kind) =>
    h("svg:svg", { viewBox: "0 0 22 12", class: "ovf-key", "aria-hidden": "true" },
      kind === "ovf-best" ? h("svg:path", { d: "M11 1L16 11H6Z", class: kind }) : kind && h("svg:path", { d: "M1 6H21", class: kind }));
  const el = h("table", { class: "ovf-table" }, h("tbody", {}, rows.map(([name, kind], i) =>
    h("tr", {}, h("th", { scope: "row" }, key(kind), name), h("td", {}, cells[i])))));
  function draw({ errors, at, best, shown }) {
    cells[0].textContent = number(errors[0][at], 3);
    cells[1].textContent = number(errors[1][at], 3);
    cells[2].textContent = `${number(errors[1][best], 3)}, ${STEPS[best]}`;
    cells[3].textContent = `${shown.filter((w) => w !== 0).length} of ${BUMPS}`;
  }
  return { el, draw };
}

function render({ model, el }) {
  const names = ["points", "validation", "l2", "l1", "dropout", "step"];
  const begin = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  let memory = { key: "" };
  function compute() {
    const [points, validation] = [model.get("points"), model.get("validation")];
    const cures = { l2: model.get("l2"), l1: model.get("l1"), dropout: model.get("dropout") };
    const key = JSON.stringify([points, validation, cures]);
    if (memory.key !== key) {
      const heights = train(points, cures);
      const errors = [error(points, heights), error(validation, heights)];
      memory = { key, heights, errors, best: errors[1].indexOf(Math.min(...errors[1])) };
    }
    const at = Math.max(STEPS.indexOf(model.get("step")), 0);
    return { ...memory, points, validation, ...cures, at, shown: memory.heights[at] };
  }
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const level = (value) => LEVELS.reduce((near, one, i) => (Math.abs(one - value) < Math.abs(LEVELS[near] - value) ? i : near), 0);
  const penalty = (label, name) =>
    slider(label, { min: 0, max: LEVELS.length - 1, value: level(model.get(name)), format: (i) => String(LEVELS[i]) },
      (i) => change({ [name]: LEVELS[i] }));
  const l2 = penalty("L2: λ", "l2");
  const l1 = penalty("L1: λ", "l1");
  const dropout = slider("Dropout: p", { min: 0, max: 0.6, step: 0.05, value: model.get("dropout"), format: (v) => v.toFixed(2) },
    (v) => change({ dropout: v }));
  const step = slider("Stop at step", { min: 0, max: STEPS.length - 1, value: STEPS.indexOf(model.get("step")), format: (i) => String(STEPS[i]) },
    (i) => change({ step: STEPS[i] }));
  const stop = button("Best step", () => change({ step: STEPS[compute().best] }));
  const none = button("No cure", () => change({ l2: 0, l1: 0, dropout: 0, step: 1000 }));
  const reset = button("Reset", () => change(begin));
  const [points, heights, errors, numbers] = [plane(model), bars(), chart(), table()];
  const panel = (title, ...rest) => h("div", {}, h("p", { class: "fig-title" }, title), ...rest);
  el.append(
    h("div", { class: "ovf-stage" },
      h("div", {}, panel("Points: drag the filled ones", points.el), panel("Heights of the 20 bumps", heights.el)),
      h("div", {}, panel("Error (root mean square)", errors.el), numbers.el)),
    h("div", { class: "ovf-bar-controls" }, l2.el, l1.el, dropout.el, step.el),
    h("div", { class: "fig-bar ovf-buttons" }, stop, none, reset),
    h("p", { class: "fig-note" },
      "Without a cure the curve goes through every filled point, and the validation error has long turned. The triangle marks its lowest step."),
  );
  const draw = () => {
    const now = compute();
    for (const part of [points, heights, errors, numbers]) part.draw(now);
    l2.set(level(now.l2));
    l1.set(level(now.l1));
    dropout.set(now.dropout);
    step.set(now.at);
  };
  for (const name of names) bind(model, name, draw);
  draw();
}
export default { render };
