// A schedule to drag, and the loss that it leads to. schedule.py computes the same numbers.
const STEPS = 300;
const CURVATURES = [10, 1, 0.1];
const TOP = 0.25;
const WARMUP = 150;
const FAR = 1e4;
const LEAST = 1e-3;
const LOSS_ENDS = [-3, 2]; // powers of ten
const [W, H, LEFT, BASE] = [350, 250, 36, 216];
const KINDS = [
  ["constant", "Constant"], ["step", "Step decay"], ["exponential", "Exponential decay"],
  ["linear", "Linear decay"], ["cosine", "Cosine annealing"], ["restarts", "Warm restarts"],
];
const HINTS = {
  constant: "A constant rate: the loss falls to its floor and rests there. Which one ends lowest?",
  step: "Two drops, at half and three quarters of the way: after each, the noise dies at once and the start fades more slowly.",
  exponential: "By the same factor in every step: it falls early, so it needs a higher peak than the others.",
  linear: "Along a line to the end. Try what a last rate above 0 costs.",
  cosine: "Half a cosine wave: long near the peak, long near the end, quick between.",
  restarts: "Three cycles, each twice as long. Every restart brings the noise back; what is it good for here?",
};

const clip = (value, low, high) => Math.min(Math.max(value, low), high);

function decay(kind, share, last) {
  if (kind === "constant") return 1;
  if (kind === "step") return Math.max(last, LEAST) ** (0.5 * ((share >= 0.5) + (share >= 0.75)));
  if (kind === "exponential") return Math.max(last, LEAST) ** share;
  if (kind === "linear") return 1 - (1 - last) * share;
  if (kind === "restarts") {
    const [begin, end] = [[0, 1], [1, 3], [3, 7]].find((c) => share < c[1] / 7 || c[1] === 7);
    share = (7 * share - begin) / (end - begin);
  }
  return last + ((1 - last) * (1 + Math.cos(Math.PI * share))) / 2;
}

function shakes(seed) {
  const draw = chance(seed);
  return Array.from({ length: STEPS }, () => CURVATURES.map(() => gaussian(draw)));
}

function ratesOf({ kind, peak, warmup, last }) {
  return Array.from({ length: STEPS }, (_, t) => {
    const share = (t - warmup) / (STEPS - 1 - warmup);
    return peak * (share < 0 ? (t + 1) / (warmup + 1) : decay(kind, share, last));
  });
}

const steepest = (sharp, t) => CURVATURES[0] * (sharp ? 1 + 3 * Math.exp(-t / 25) : 1);
const curvaturesAt = (sharp, t) => [steepest(sharp, t), CURVATURES[1], CURVATURES[2]];
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

// Expected loss, [of the start, of the noise] before each step and at the end.
function partsOf(rates, { noise, sharp }) {
  let [begin, brought] = [CURVATURES.map((one) => 10 / one), [0, 0, 0]];
  const losses = [];
  for (let t = 0; t <= STEPS; t++) {
    const curvatures = curvaturesAt(sharp, t);
    const now = [dot(curvatures, begin) / 2, dot(curvatures, brought) / 2];
    if (!(now[0] + now[1] < FAR)) break;
    losses.push(now);
    const rate = rates[t] ?? 0;
    const keep = curvatures.map((one) => (1 - rate * one) ** 2);
    begin = begin.map((value, i) => keep[i] * value);
    brought = brought.map((value, i) => keep[i] * value + (rate * noise) ** 2);
  }
  return losses;
}

function runOf(rates, { noise, sharp, seed }) {
  const shake = shakes(seed);
  let e = CURVATURES.map((one) => Math.sqrt(10 / one));
  const losses = [];
  for (let t = 0; t <= STEPS; t++) {
    const curvatures = curvaturesAt(sharp, t);
    const loss = curvatures.reduce((sum, one, i) => sum + one * e[i] ** 2, 0) / 2;
    if (!(loss < FAR)) break;
    losses.push(loss);
    if (t < STEPS) e = e.map((x, i) => x - rates[t] * (curvatures[i] * x + noise * shake[t][i]));
  }
  return losses;
}

function floorAt(rate, t, { noise, sharp }) {
  const room = curvaturesAt(sharp, t).map((one) => 2 - rate * one);
  return room.every((one) => one > 0) ? room.reduce((sum, one) => sum + (rate * noise ** 2) / one, 0) / 2 : Infinity;
}

// Three digits that one can read.
function brief(value) {
  if (!(value >= 0.0005)) return value >= 0 ? "< 0.001" : "–";
  return value.toFixed(clip(2 - Math.floor(Math.log10(value)), 0, 3));
}

const across = (t) => LEFT + (t / STEPS) * (W - LEFT - 12);
const tick = (x, y, anchor, ...words) => h("svg:text", { x, y, "text-anchor": anchor, class: "sched-tick" }, ...words);
function path(points) {
  let pen = "M";
  return points.map(([x, y]) => {
    if (!Number.isFinite(y)) {
      pen = "M";
      return "";
    }
    const part = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    return part;
  }).join("") || "M0 0";
}

// A chart with ticks on both axes; lines are drawn inside, handles over it.
function frame(label, rows) {
  const id = figureId();
  const inside = h("svg:g", { "clip-path": `url(#${id})` });
  const over = h("svg:g");
  const grid = rows.map(([y]) => h("svg:path", { class: "sched-grid", d: `M${LEFT} ${y}H${W - 12}` }));
  const el = h("svg:svg", { viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": label },
    h("svg:clipPath", { id }, h("svg:rect", { x: LEFT, y: 6, width: W - LEFT - 12, height: BASE - 6 })),
    ...grid, ...rows.map(([y, ...words]) => tick(LEFT - 6, y + 4, "end", ...words)),
    ...[0, 100, 200, 300].map((t) => tick(across(t), BASE + 19, "middle", String(t))),
    tick(across(150), H - 1, "middle", "step"), inside, over);
  return { el, inside, over };
}
const line = (name) => h("svg:path", { class: `sched-line ${name}` });

function render({ model, el }) {
  const names = ["kind", "peak", "warmup", "last", "noise", "sharp", "seed", "kept"];
  const read = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };

  // -- The schedule, with its handles
  const rateY = (rate) => BASE - (rate / TOP) * (BASE - 14);
  const rateAt = (y) => ((BASE - y) / (BASE - 14)) * TOP;
  const plan = frame("The learning rate over the steps", [0, 0.05, 0.1, 0.15, 0.2, 0.25].map((r) => [rateY(r), r ? r.toFixed(2) : "0"]));
  const [limit, oldRates, rates] = [line("sched-limit"), line("sched-kept"), line("sched-main")];
  const limitName = h("svg:text", { class: "sched-tick", "text-anchor": "end", x: W - 14 }, "limit 2/λ of the steepest");
  plan.inside.append(limit, oldRates, rates);
  const knob = (shape, reach) => h("svg:g", { class: "sched-knob" }, h("svg:circle", { r: 17, class: "sched-reach" }), shape);
  const ring = knob(h("svg:circle", { r: 8 }));
  const square = knob(h("svg:rect", { x: -7, y: -7, width: 14, height: 14, rx: 2 }));
  plan.over.append(limitName, square, ring);
  const top = draggable(ring, {
    label: "Peak and length of the warmup", at: [0, 0], step: 4,
    text: () => `peak ${model.get("peak")} after ${model.get("warmup")} steps`,
    move(x, y) {
      const warmup = clip(Math.round(((x - LEFT) / (W - LEFT - 12)) * STEPS), 0, WARMUP);
      const peak = clip(Number(rateAt(y).toFixed(4)), 0.001, TOP);
      change({ warmup, peak });
      return [across(warmup), rateY(peak)];
    },
  });
  const end = draggable(square, {
    label: "Rate at the end", at: [0, 0], step: 4,
    text: () => `${(100 * model.get("last")).toFixed(0)} % of the peak`,
    move(x, y) {
      const last = clip(Number((rateAt(y) / model.get("peak")).toFixed(4)), 0, 1);
      change({ last });
      return [across(STEPS), rateY(last * model.get("peak"))];
    },
  });

  // -- The loss
  const lossY = (loss) => {
    if (!Number.isFinite(loss)) return loss;
    const part = (Math.log10(Math.max(loss, 1e-9)) - LOSS_ENDS[0]) / (LOSS_ENDS[1] - LOSS_ENDS[0]);
    return BASE - clip(part, -0.1, 1.1) * (BASE - 14);
  };
  const marks = [-3, -2, -1, 0, 1, 2].map((power) => [lossY(10 ** power), "10", h("svg:tspan", { dy: -4, "font-size": 9 }, minus(power))]);
  const chart = frame("The loss over the steps, on a logarithmic axis", marks);
  const [run, oldLoss, floor, loss] = [line("sched-run"), line("sched-kept"), line("sched-floor"), line("sched-main")];
  chart.inside.append(run, oldLoss, floor, loss);
  const key = (name, text) => h("span", {}, h("svg:svg", { viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" },
    h("svg:path", { d: "M1 4H21", class: `sched-line ${name}` })), text);

  // -- The numbers
  const heads = [["total", "Loss at the end"], ["begin", "left of the start"], ["brought", "brought by noise"],
    ["sum", "Sum of the rates"], ["kept", "Kept: loss at the end"]];
  const cells = Object.fromEntries(heads.map(([name]) => [name, h("output", { "data-name": name })]));
  const numbers = h("div", { class: "sched-numbers" }, heads.map(([name, text]) =>
    h("div", { class: ["begin", "brought"].includes(name) ? "sched-part" : "" }, h("span", {}, text), cells[name])));

  // -- Controls
  const kind = choice("Decay", KINDS, model.get("kind"), (value) => change({ kind: value }));
  const noise = slider("Noise σ", { min: 0, max: 3, step: 0.1, value: model.get("noise"), format: (v) => v.toFixed(1) },
    (value) => change({ noise: value }));
  const sharp = button("Sharp start", () => change({ sharp: !model.get("sharp") }));
  const dice = button("New noise", () => change({ seed: (model.get("seed") + 1) % 1000 }));
  const keep = button("Keep to compare", () => {
    const { kind: shape, peak, warmup, last } = read();
    change({ kept: [shape, peak, warmup, last] });
  });
  keep.classList.add("fig-primary");
  const says = h("p", { class: "fig-note sched-says" });

  function draw() {
    const values = read();
    const used = ratesOf(values);
    const parts = partsOf(used, values);
    const total = parts.map(([a, b]) => a + b);
    const [kept, old] = [values.kept, { kind: values.kept[0], peak: values.kept[1], warmup: values.kept[2], last: values.kept[3] }];
    rates.setAttribute("d", path(used.map((rate, t) => [across(t), rateY(rate)])));
    const bound = used.map((_, t) => 2 / steepest(values.sharp, t));
    limit.setAttribute("d", path(bound.map((rate, t) => [across(t), rateY(rate)])));
    limitName.setAttribute("y", rateY(bound.at(-1)) - 5);
    run.setAttribute("d", path(runOf(used, values).map((value, t) => [across(t), lossY(value)])));
    loss.setAttribute("d", path(total.map((value, t) => [across(t), lossY(value)])));
    floor.setAttribute("d", path(used.map((rate, t) => [across(t), lossY(floorAt(rate, t, values))])));
    const before = kept.length ? ratesOf(old) : [];
    const beforeLoss = kept.length ? partsOf(before, values).map(([a, b]) => a + b) : [];
    oldRates.setAttribute("d", path(before.map((rate, t) => [across(t), rateY(rate)])));
    oldLoss.setAttribute("d", path(beforeLoss.map((value, t) => [across(t), lossY(value)])));
    const places = [[ring, top, across(values.warmup), rateY(values.peak)],
      [square, end, across(STEPS), rateY(used.at(-1))]];
    for (const [knobOf, handle, x, y] of places) {
      knobOf.setAttribute("transform", `translate(${x} ${y})`);
      handle.set(x, y);
    }
    const flat = values.kind === "constant";
    square.setAttribute("visibility", flat ? "hidden" : "visible");
    square.setAttribute("tabindex", flat ? -1 : 0);
    const lost = total.length <= STEPS;
    const put = (name, value, text) => {
      cells[name].textContent = text;
      cells[name].dataset.value = value ?? "";
    };
    const [a, b] = lost ? [null, null] : parts.at(-1);
    put("total", lost ? null : a + b, lost ? "blown up" : brief(a + b));
    put("begin", a, lost ? "–" : brief(a));
    put("brought", b, lost ? "–" : brief(b));
    const sum = used.reduce((all, rate) => all + rate, 0);
    put("sum", sum, sum.toFixed(1));
    const oldEnd = beforeLoss.length > STEPS ? beforeLoss.at(-1) : null;
    put("kept", oldEnd, kept.length ? (oldEnd === null ? "blown up" : brief(oldEnd)) : "nothing yet");
    kind.set(values.kind);
    noise.set(values.noise);
    sharp.setAttribute("aria-pressed", String(values.sharp));
    says.textContent = lost
      ? `The loss blows up at step ${total.length}: the rate has been above the dotted limit for too long. Lower the peak${values.sharp ? ", or warm up for longer" : ""}.`
      : HINTS[values.kind];
  }

  const panel = (title, chartEl) => h("div", {}, h("p", { class: "fig-title" }, title), chartEl);
  el.append(h("div", { class: "sched" },
    h("div", { class: "sched-stage" },
      panel("The schedule: drag the circle and the square", plan.el), panel("The loss, in a valley with noise", chart.el)),
    h("p", { class: "sched-keys" }, key("sched-main", "expected"), key("sched-run", "one run"),
      key("sched-floor", "floor of this rate"), key("sched-kept", "kept")),
    numbers,
    h("div", { class: "sched-bar" }, kind.el, noise.el, h("div", { class: "sched-buttons" }, sharp, dice, keep)),
    says));
  for (const name of names) bind(model, name, draw);
  draw();
}
export default { render };
