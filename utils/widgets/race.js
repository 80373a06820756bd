// Optimizers run on a loss surface. race.py computes the same numbers.
const STEPS = 200;
const SPAN = 2; // the plane reaches from -SPAN to SPAN on both axes
const SIDE = 340; // of its drawing
const CELLS = 64;
const FAR = 1e6;
const [COS, SIN] = [Math.sqrt(3) / 2, 0.5];
const RATES = [-4, -3, -2, -1, 0].flatMap((e) => [1, 2, 3, 5, 7].map((digit) => Number(`${digit}e${e}`)));

const OPTIMIZERS = [
  ["gd", "Gradient descent", "ink", false], ["momentum", "Momentum", "blue", false],
  ["nesterov", "Nesterov", "purple", true], ["adagrad", "AdaGrad", "orange", false],
  ["adadelta", "Adadelta", "muted", true], ["rmsprop", "RMSprop", "red", false],
  ["adam", "Adam", "green", false], ["lamb", "LAMB", "focus", true],
].map(([name, title, tone, dashed]) => ({ name, title, tone: `var(--fig-${tone})`, dashed }));

const turned = (x, y) => [COS * x + SIN * y, COS * y - SIN * x];
const SURFACES = {
  ravine: {
    title: "Ravine", start: [-1.8, 1], lowest: [[0, 0]],
    loss: (x, y, k) => 0.5 * (x * x + k * y * y),
    slopes: (x, y, k) => [x, k * y],
    hint: "The slope across is steeper than the slope along by the condition number. Raise it: who needs a smaller rate, and who doesn't?",
  },
  turned: {
    title: "Ravine, turned by 30°", start: [-1.8, 0.2], lowest: [[0, 0]],
    loss: (x, y, k) => {
      const [a, b] = turned(x, y);
      return 0.5 * (a ** 2 + k * b ** 2);
    },
    slopes: (x, y, k) => {
      const [a, b] = turned(x, y);
      return [COS * a - SIN * k * b, SIN * a + COS * k * b];
    },
    hint: "The same ravine, askew to the axes. A rate for each axis helps less here, and momentum doesn't notice the difference.",
  },
  rosenbrock: {
    title: "Rosenbrock's valley", start: [-1.5, 1.6], lowest: [[1, 1]],
    loss: (x, y) => (1 - x) ** 2 + 10 * (y - x * x) ** 2,
    slopes: (x, y) => [-2 * (1 - x) - 40 * x * (y - x * x), 20 * (y - x * x)],
    hint: "A bent valley, flat along its floor (with the factor 10 in place of the usual 100). Find a rate at which gradient descent survives.",
  },
  saddle: {
    title: "Saddle", start: [-1.6, 0.01], lowest: [[0, 1], [0, -1]],
    loss: (x, y) => 0.5 * x * x + 0.25 * (y * y - 1) ** 2,
    slopes: (x, y) => [x, y * (y * y - 1)],
    hint: "Between two minima lies a saddle, on the line y = 0. Start on it exactly: who ever leaves? Then start a hair beside it.",
  },
  noisy: {
    title: "Noisy bowl", start: [-1.7, 1.4], lowest: [[0, 0]], noise: 1,
    loss: (x, y) => 0.5 * (x * x + 4 * y * y),
    slopes: (x, y) => [x, 4 * y],
    hint: "Each slope comes with noise, as from a mini-batch. Halve a rate: the loss comes to rest lower, and gets there later.",
  },
};
const POWER = { rosenbrock: 4 }; // contour lines are denser where the surface is low

// Two normal numbers for each step.
function shakes(seed) {
  const draw = chance(seed);
  return Array.from({ length: STEPS }, () => [gaussian(draw), gaussian(draw)]);
}

// Where an optimizer walks along one axis; it keeps m, u and v in s. t counts from 1.
const root = Math.sqrt;
function adam(g, s, t, eps) {
  s.m = 0.9 * s.m + 0.1 * g;
  s.v = 0.999 * s.v + 0.001 * g * g;
  return s.m / (1 - 0.9 ** t) / (root(s.v / (1 - 0.999 ** t)) + eps);
}
const RULES = {
  gd: (g) => g,
  momentum: (g, s) => (s.m = 0.9 * s.m + g),
  nesterov: (g, s) => g + 0.9 * (s.m = 0.9 * s.m + g),
  adagrad: (g, s) => g / (root((s.v += g * g)) + 1e-10),
  rmsprop: (g, s) => g / (root((s.v = 0.99 * s.v + 0.01 * g * g)) + 1e-8),
  adadelta: (g, s) => {
    s.v = 0.9 * s.v + 0.1 * g * g;
    const d = g * root((s.u + 1e-6) / (s.v + 1e-6));
    s.u = 0.9 * s.u + 0.1 * d * d;
    return d;
  },
  adam: (g, s, t) => adam(g, s, t, 1e-8),
  lamb: (g, s, t) => adam(g, s, t, 1e-6),
};

// All points of an optimizer with their losses; fewer than STEPS + 1 if it diverges.
function run(name, { surface, condition, start, rates, shake }) {
  const { loss, slopes, noise = 0 } = SURFACES[surface];
  const memory = [0, 1].map(() => ({ m: 0, u: 0, v: 0 }));
  const points = [[...start, loss(...start, condition)]];
  for (let t = 1; t <= STEPS; t++) {
    const [x, y] = points[t - 1];
    const g = slopes(x, y, condition).map((slope, i) => slope + noise * shake[t - 1][i]);
    const d = g.map((slope, i) => RULES[name](slope, memory[i], t));
    let rate = rates[name];
    const [size, move] = [Math.hypot(x, y), Math.hypot(...d)];
    if (name === "lamb" && size > 0 && move > 0) rate *= size / move;
    const next = [x - rate * d[0], y - rate * d[1]];
    if (!(Math.max(...next.map(Math.abs)) < FAR)) break;
    points.push([...next, loss(...next, condition)]);
  }
  return points;
}

// Contour lines of a surface as one path: in each cell, cut the edges that a level crosses.
function contours(surface, condition) {
  const z = [];
  const at = (n) => (2 * SPAN * n) / CELLS - SPAN;
  for (let row = 0; row <= CELLS; row++) {
    for (let column = 0; column <= CELLS; column++) {
      z.push(SURFACES[surface].loss(at(column), -at(row), condition));
    }
  }
  const top = Math.max(...z);
  const power = POWER[surface] ?? 2;
  const rank = (height) => 13 * (height / top) ** (1 / power); // level n has rank n
  const cell = SIDE / CELLS;
  const parts = [];
  const places = [[0, 0], [1, 0], [1, 1], [0, 1]];
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      const k = row * (CELLS + 1) + column;
      const heights = [z[k], z[k + 1], z[k + CELLS + 2], z[k + CELLS + 1]];
      const last = Math.min(Math.floor(rank(Math.max(...heights))), 12);
      for (let n = Math.max(Math.ceil(rank(Math.min(...heights))), 1); n <= last; n++) {
        const level = top * (n / 13) ** power;
        let pen = "M";
        for (let side = 0; side < 4; side++) {
          const next = (side + 1) % 4;
          const [a, b] = [heights[side] - level, heights[next] - level];
          if (a > 0 === b > 0) continue;
          const part = a / (a - b);
          const x = column + places[side][0] + part * (places[next][0] - places[side][0]);
          const y = row + places[side][1] + part * (places[next][1] - places[side][1]);
          parts.push(`${pen}${Math.round(10 * x * cell) / 10} ${Math.round(10 * y * cell) / 10}`);
          pen = pen === "M" ? "L" : "M";
        }
      }
    }
  }
  return parts.join("");
}

const clip = (number, low, high) => Math.min(Math.max(number, low), high);
const across = (x) => ((clip(x, -9, 9) + SPAN) / (2 * SPAN)) * SIDE;
const line = (points) => `M${points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}`;
// Four digits, or a power of ten.
function brief(number) {
  if (number === 0) return "0";
  const size = Math.floor(Math.log10(number));
  if (size >= -4 && size < 4) return number.toFixed(clip(3 - size, 0, 6));
  return `${(number / 10 ** size).toFixed(1)}·10${raised(size)}`;
}

// The loss over the steps, on a logarithmic axis of its own numbers.
function lossChart() {
  const [W, H, LEFT, BASE] = [340, 132, 34, 112];
  const marks = h("svg:g");
  const curves = OPTIMIZERS.map(({ tone, dashed }) =>
    h("svg:path", { class: `race-line${dashed ? " race-dashed" : ""}`, stroke: tone }));
  const now = h("svg:path", { class: "race-now" });
  const el = h("svg:svg", { class: "race-chart", viewBox: `0 0 ${W} ${H}`, role: "img",
    "aria-label": "The loss of each optimizer over the steps, on a logarithmic axis" },
  marks, ...curves, now);
  const text = (x, y, anchor, words) => h("svg:text", { x, y, "text-anchor": anchor }, words);
  const x = (t) => LEFT + (t / STEPS) * (W - LEFT - 6);
  function draw(traces) {
    const seen = traces.flatMap((points) => points ?? []).map((point) => point[2]).filter((z) => z > 1e-12);
    const low = Math.max(Math.floor(Math.log10(Math.min(...seen, 1))), -12);
    const high = clip(Math.ceil(Math.log10(Math.max(...seen, 1e-11))), low + 1, 3);
    const y = (z) => BASE - ((clip(Math.log10(Math.max(z, 1e-13)), low, high) - low) / (high - low)) * (BASE - 8);
    const every = Math.ceil((high - low) / 4);
    const lines = [];
    for (let power = low; power <= high; power += every) {
      const place = y(10 ** power);
      lines.push(h("svg:path", { class: "race-grid", d: `M${LEFT} ${place}H${W - 6}` }));
      const above = h("svg:tspan", { dy: -4, "font-size": 9 }, minus(power));
      lines.push(text(LEFT - 5, place + 4, "end", ["10", above].flat()));
    }
    for (let t = 0; t <= STEPS; t += 50) lines.push(text(x(t), H - 5, "middle", String(t)));
    marks.replaceChildren(...lines);
    traces.forEach((points, i) => {
      curves[i].setAttribute("d", points ? line(points.map((point, t) => [x(t), y(point[2])])) : "M0 0");
    });
  }
  const mark = (step) => now.setAttribute("d", `M${x(step)} 4V${BASE}`);
  return { el, draw, mark };
}

function render({ model, el }) {
  const names = ["surface", "condition", "start", "chosen", "rates", "step", "seed"];
  const read = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  let [timer, drawn, ran, traces] = [null, "", "", []];
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };

  // -- The plane
  const hills = h("svg:path", { class: "race-hills" });
  const goals = h("svg:g", { class: "race-goals" });
  const paths = OPTIMIZERS.map(({ tone, dashed }) =>
    h("svg:path", { class: `race-line${dashed ? " race-dashed" : ""}`, stroke: tone }));
  const runners = OPTIMIZERS.map(({ tone }) => h("svg:circle", { class: "race-runner", r: 5, fill: tone }));
  const ring = h("svg:circle", { class: "race-start", r: 9 });
  const plane = h("svg:svg", { class: "race-plane", viewBox: `0 0 ${SIDE} ${SIDE}` },
    hills, goals, ...paths, ...runners, ring);
  const inside = (number) => Number(clip(number, -SPAN, SPAN).toFixed(3));
  const handle = draggable(ring, {
    label: "Start of the race",
    at: model.get("start").map((number, i) => across(i ? -number : number)),
    step: SIDE / 80,
    text: () => model.get("start").map((number) => minus(number)).join(", "),
    move(x, y) {
      const start = [inside((x / SIDE) * 2 * SPAN - SPAN), inside(SPAN - (y / SIDE) * 2 * SPAN)];
      change({ start });
      return [across(start[0]), across(-start[1])];
    },
  });

  // -- The runners: a button, a rate and the loss for each
  const rows = OPTIMIZERS.map(({ name, title, tone, dashed }) => {
    const swatch = h("svg:svg", { width: 22, height: 8, "aria-hidden": "true" },
      h("svg:path", { d: "M1 4H21", stroke: tone, "stroke-width": 3, "stroke-dasharray": dashed ? "5 3" : null }));
    const toggle = button("", () => {
      const chosen = model.get("chosen");
      const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
      change({ chosen: OPTIMIZERS.map((one) => one.name).filter((one) => next.includes(one)) });
    });
    toggle.classList.add("race-toggle");
    toggle.append(swatch, title);
    const rate = h("select", { "aria-label": `Learning rate of ${title}`, onchange: () =>
      change({ rates: { ...model.get("rates"), [name]: Number(rate.value) } }) });
    const loss = h("output", { "aria-label": `Loss of ${title}` });
    return { name, title, toggle, rate, loss };
  });
  function fill({ rate, name }, value) {
    const offered = [...new Set([...RATES, value])].sort((a, b) => a - b);
    const key = offered.join();
    if (rate.dataset.key !== key) {
      rate.dataset.key = key;
      rate.replaceChildren(...offered.map((one) => h("option", { value: one }, String(one))));
    }
    rate.value = value;
  }

  // -- Controls
  const options = Object.entries(SURFACES).map(([name, { title }]) => [name, title]);
  const surface = choice("Surface", options, model.get("surface"), (name) => {
    stop();
    change({ surface: name, start: SURFACES[name].start });
  });
  const condition = slider("Condition number", {
    min: 0, max: 2, step: 0.01, value: Math.log10(model.get("condition")),
    format: (power) => String(Math.round(10 ** power)),
  }, (power) => change({ condition: Math.round(10 ** power) }));
  const steps = slider("Steps made", { min: 0, max: STEPS, value: model.get("step") }, (step) => {
    stop();
    change({ step });
  });
  const play = button("Play", () => (timer ? stop() : go()));
  play.classList.add("fig-primary");
  const one = button("Step", () => {
    stop();
    change({ step: Math.min(model.get("step") + 1, STEPS) });
  });
  const dice = button("New noise", () => change({ seed: (model.get("seed") + 1) % 1000 }));
  const chart = lossChart();
  const says = h("p", { class: "fig-note race-says" });

  function go() {
    if (model.get("step") >= STEPS) change({ step: 0 });
    timer = setInterval(() => {
      if (!el.isConnected || model.get("step") >= STEPS) return stop();
      change({ step: model.get("step") + 1 });
    }, 40);
    play.textContent = "Pause";
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function draw() {
    const values = read();
    const { step, chosen, rates, start } = values;
    const here = SURFACES[values.surface];
    const hilly = `${values.surface} ${values.condition}`;
    if (drawn !== hilly) {
      drawn = hilly;
      hills.setAttribute("d", contours(values.surface, values.condition));
      goals.replaceChildren(...here.lowest.map(([x, y]) =>
        h("svg:path", { d: `M${across(x) - 5} ${across(-y)}h10m-5 -5v10` })));
    }
    const causes = { ...values, step: 0 };
    if (ran !== JSON.stringify(causes)) {
      ran = JSON.stringify(causes);
      const shake = shakes(values.seed);
      traces = OPTIMIZERS.map(({ name }) => (chosen.includes(name) ? run(name, { ...values, shake }) : null));
      chart.draw(traces);
    }
    chart.mark(step);
    traces.forEach((points, i) => {
      const row = rows[i];
      const shown = points?.slice(0, step + 1);
      const last = shown?.[shown.length - 1];
      const lost = points && step >= points.length;
      paths[i].setAttribute("d", shown ? line(shown.map(([x, y]) => [across(x), across(-y)])) : "M0 0");
      runners[i].setAttribute("visibility", shown && !lost ? "visible" : "hidden");
      if (shown) for (const [key, value] of [["cx", across(last[0])], ["cy", across(-last[1])]]) {
        runners[i].setAttribute(key, value);
      }
      row.toggle.setAttribute("aria-pressed", String(Boolean(points)));
      row.loss.textContent = !points ? "–" : lost ? "diverged" : brief(last[2]);
      row.loss.dataset.loss = points && !lost ? last[2] : "";
      fill(row, rates[row.name]);
    });
    ring.setAttribute("cx", across(start[0]));
    ring.setAttribute("cy", across(-start[1]));
    handle.set(across(start[0]), across(-start[1]));
    plane.setAttribute("aria-label", `${here.title}: contour lines and paths`);
    surface.set(values.surface);
    condition.set(Math.log10(values.condition));
    const bowl = ["ravine", "turned"].includes(values.surface);
    condition.input.disabled = !bowl;
    condition.el.classList.toggle("race-off", !bowl);
    dice.disabled = !here.noise;
    steps.set(step);
    one.disabled = step >= STEPS;
    says.textContent = report(values) + here.hint;
  }

  // Who is ahead now.
  function report({ step }) {
    const alive = rows.map(({ title }, i) => [traces[i]?.[step]?.[2], title]).filter(([z]) => z !== undefined);
    if (!traces.some(Boolean)) return "Choose who runs. ";
    if (!alive.length) return "All have diverged: their rates are too large. ";
    if (!step) return "On your marks. ";
    alive.sort(([a], [b]) => a - b);
    return alive.length > 1 ? `After ${step} steps ${alive[0][1]} is lowest, at ${brief(alive[0][0])}. ` : "";
  }

  el.append(h("div", { class: "race" },
    h("div", { class: "race-top" }, surface.el, condition.el),
    h("div", { class: "race-map" }, plane),
    h("div", { class: "race-side" },
      h("div", { class: "race-head", "aria-hidden": "true" },
        h("span", {}, "Optimizer"), h("span", {}, "Rate"), h("span", {}, "Loss")),
      ...rows.map(({ toggle, rate, loss }) => h("div", { class: "race-row" }, toggle, rate, loss))),
    h("div", { class: "race-player" }, play, one, dice, steps.el),
    h("div", { class: "race-loss" }, h("p", { class: "fig-title" }, "Loss over the steps"), chart.el),
    says));
  for (const name of names) bind(model, name, draw);
  draw();
  return () => clearInterval(timer);
}
export default { render };
