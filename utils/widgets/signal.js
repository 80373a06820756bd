// A deep random network: signal and gradient by layer, measured and predicted (see signal.py).

const BATCH = 16;
const LAYERS = 50;
const DECADES = 12;
const GRID = Array.from({ length: 320 }, (_, i) => -8 + (16 * i) / 319);
const MASS = (() => {
  const mass = GRID.map((u) => Math.exp((-u * u) / 2));
  const total = mass.reduce((sum, m) => sum + m, 0);
  return mass.map((m) => m / total);
})();

const sigmoid = (z) => 0.5 * (1 + Math.tanh(z / 2));
const ROOT = Math.sqrt(2 / Math.PI);
const inner = (z) => Math.tanh(ROOT * (z + 0.044715 * z * z * z));
// name -> what is written, the function, its slope
const ACTIVATIONS = {
  linear: ["none (linear)", (z) => z, () => 1],
  sigmoid: ["sigmoid", sigmoid, (z) => sigmoid(z) * (1 - sigmoid(z))],
  tanh: ["tanh", Math.tanh, (z) => 1 - Math.tanh(z) ** 2],
  relu: ["ReLU", (z) => (z > 0 ? z : 0), (z) => (z > 0 ? 1 : 0)],
  leaky: ["Leaky ReLU (0.1)", (z) => (z > 0 ? z : 0.1 * z), (z) => (z > 0 ? 1 : 0.1)],
  elu: ["ELU", (z) => (z > 0 ? z : Math.expm1(z)), (z) => Math.exp(Math.min(z, 0))],
  swish: [
    "Swish",
    (z) => z * sigmoid(z),
    (z) => sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z)),
  ],
  gelu: [
    "GELU (tanh form)",
    (z) => 0.5 * z * (1 + inner(z)),
    (z) => {
      const t = inner(z);
      return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * ROOT * (1 + 3 * 0.044715 * z * z);
    },
  ],
};

// ---- Chance: a number for every place, as in signal.py

function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

function uniform(seed, stream, count) {
  const key = mix(16 * seed + stream);
  return Float64Array.from({ length: count }, (_, i) => (mix((i + key) | 0) + 0.5) / 2 ** 32);
}

function normal(seed, stream, count) {
  const u = uniform(seed, stream, 2 * count);
  return Float64Array.from(
    { length: count },
    (_, i) => Math.sqrt(-2 * Math.log(u[2 * i])) * Math.cos(2 * Math.PI * u[2 * i + 1]),
  );
}

// Make the rows of a square matrix orthonormal, one after the other (Gram and Schmidt).
function orthonormalize(w, n) {
  for (let i = 0; i < n; i++) {
    const row = w.subarray(i * n, (i + 1) * n);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = w.subarray(k * n, (k + 1) * n);
        let dot = 0;
        for (let j = 0; j < n; j++) dot += row[j] * other[j];
        for (let j = 0; j < n; j++) row[j] -= dot * other[j];
      }
    }
    let square = 0;
    for (let j = 0; j < n; j++) square += row[j] * row[j];
    const length = Math.sqrt(square);
    for (let j = 0; j < n; j++) row[j] /= length;
  }
}

// The matrices with gain 1 of all layers, row by row.
function unitWeights(kind, n, seed) {
  const count = LAYERS * n * n;
  if (kind === "uniform") return uniform(seed, 0, count).map((u) => Math.sqrt(3 / n) * (2 * u - 1));
  const w = normal(seed, 0, count);
  if (kind === "normal") return w.map((one) => one / Math.sqrt(n));
  for (let l = 0; l < LAYERS; l++) orthonormalize(w.subarray(l * n * n, (l + 1) * n * n), n);
  return w;
}

// ---- The network

const meanSquare = (values) => values.reduce((sum, v) => sum + v * v, 0) / values.length;

function runNetwork(base, { activation, gain, width: n, depth, seed }) {
  const [, phi, slope] = ACTIVATIONS[activation];
  let a = normal(seed, 1, BATCH * n);
  const z = [];
  const outputs = [];
  for (let l = 0; l < depth; l++) {
    const out = new Float64Array(BATCH * n);
    const first = l * n * n;
    for (let b = 0; b < BATCH; b++) {
      for (let i = 0; i < n; i++) {
        let sum = 0;
        const row = first + i * n;
        for (let j = 0; j < n; j++) sum += base[row + j] * a[b * n + j];
        out[b * n + i] = gain * sum;
      }
    }
    z.push(out);
    a = out.map(phi);
    outputs.push(a);
  }
  let delta = normal(seed, 2, BATCH * n).map((g, i) => g * slope(z[depth - 1][i]));
  const gradient = [meanSquare(delta)];
  for (let l = depth - 1; l > 0; l--) {
    const back = new Float64Array(BATCH * n);
    for (let b = 0; b < BATCH; b++) {
      for (let i = 0; i < n; i++) {
        const d = gain * delta[b * n + i];
        const row = (l * n + i) * n;
        for (let j = 0; j < n; j++) back[b * n + j] += d * base[row + j];
      }
    }
    delta = back.map((g, i) => g * slope(z[l - 1][i]));
    gradient.unshift(meanSquare(delta));
  }
  return { signal: z.map(meanSquare), gradient, outputs };
}

function predict({ activation, gain, depth }) {
  const [, phi, slope] = ACTIVATIONS[activation];
  const scale = gain * gain;
  const mean = (f, q) => {
    const s = Math.sqrt(q);
    return GRID.reduce((sum, u, i) => sum + MASS[i] * f(s * u) ** 2, 0);
  };
  const signal = [scale];
  while (signal.length < depth) signal.push(scale * mean(phi, signal[signal.length - 1]));
  const slopes = signal.map((q) => mean(slope, q));
  const gradient = [slopes[depth - 1]];
  for (let l = depth - 2; l >= 0; l--) gradient.unshift(scale * slopes[l] * gradient[0]);
  return { signal, gradient };
}

// ---- Numbers as text

function amount(value) {
  if (!Number.isFinite(value)) return "∞";
  if (value === 0) return "0";
  if (value >= 0.01 && value < 1000) return String(Number(value.toPrecision(2)));
  const [digits, power] = value.toExponential(1).split("e");
  return `${digits}·10${raised(power)}`;
}

const fate = (value) => (value < 0.1 ? "dies" : value > 10 ? "explodes" : "lives");

// ---- The charts

const CHART = { width: 340, height: 214, left: 40, right: 4, top: 8, bottom: 34 };

function chart(title, hue) {
  const { width, height, left, right, top, bottom } = CHART;
  const y = (power) => top + ((DECADES - power) / (2 * DECADES)) * (height - top - bottom);
  const x = (layer, depth) => left + 8 + ((layer - 1) / (depth - 1)) * (width - left - right - 16);
  const clip = (value) => Math.max(-DECADES, Math.min(DECADES, Math.log10(value)));
  const text = (attributes, words) => h("svg:text", { fill: "var(--fig-muted)", "font-size": 12, ...attributes }, words);
  const marks = [-12, -8, -4, 0, 4, 8, 12].flatMap((power) => [
    h("svg:line", { x1: left, x2: width - right, y1: y(power), y2: y(power), stroke: "var(--fig-line)" }),
    text({ x: left - 6, y: y(power) + 4, "text-anchor": "end" }, power ? ["10", h("svg:tspan", { dy: -5, "font-size": 9 }, String(power).replace("-", "−"))] : "1"),
  ]);
  const band = h("svg:rect", { x: left, width: width - left - right, y: y(1), height: y(-1) - y(1), class: "sg-band" });
  const line = h("svg:path", { fill: "none", stroke: "var(--fig-muted)", "stroke-width": 2 });
  const dots = h("svg:g", { fill: `var(--fig-${hue})` });
  const ticks = h("svg:g", {});
  const name = text({ x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "layer");
  const svg = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}, by layer, on a logarithmic axis` }, band, marks, line, dots, ticks, name);
  const value = h("output", {});
  const verdict = h("span", { class: "sg-fate" });
  const el = h("div", { class: "sg-chart" }, h("p", { class: "fig-title sg-head" }, title, verdict), svg, h("p", { class: "sg-line" }, value));
  function draw(found, theory, at) {
    const depth = found.length;
    line.setAttribute("d", theory.map((v, i) => `${i ? "L" : "M"}${x(i + 1, depth).toFixed(1)} ${y(clip(v)).toFixed(1)}`).join(""));
    dots.replaceChildren(...found.map((v, i) => h("svg:circle", { cx: x(i + 1, depth), cy: y(Number.isFinite(v) ? clip(v) : DECADES), r: 2.6 })));
    const places = [...new Set([1, Math.round(depth / 2), depth])];
    ticks.replaceChildren(...places.map((layer) => text({ x: x(layer, depth), y: height - bottom + 16, "text-anchor": "middle" }, layer)));
    const layer = at === "first" ? 1 : depth;
    const [now, then] = [found[layer - 1], theory[layer - 1]];
    value.replaceChildren(`Layer ${layer}: `, h("data", { value: now, "data-of": "measured" }, amount(now)), ", predicted ", h("data", { value: then, "data-of": "predicted" }, amount(then)));
    verdict.textContent = fate(now);
    verdict.dataset.fate = fate(now);
    return fate(now);
  }
  return { el, draw };
}

// Small histograms of the activations of six layers, from -3 to 3; what lies outside goes to the end.
function histograms() {
  const [wide, high, bins] = [104, 62, 24];
  const one = () => {
    const bars = h("svg:path", { fill: "var(--fig-blue)" });
    const axis = h("svg:path", { d: `M0 ${high}H${wide}M${wide / 2} ${high}v4`, stroke: "var(--fig-muted)", fill: "none" });
    const svg = h("svg:svg", { viewBox: `0 0 ${wide} ${high + 5}`, "aria-hidden": "true" }, bars, axis);
    const name = h("span", {});
    const spread = h("output", {});
    const el = h("div", { class: "sg-hist" }, svg, h("p", {}, name, h("br", {}), spread));
    const draw = (layer, values) => {
      const counts = new Array(bins).fill(0);
      let [sum, squares] = [0, 0];
      for (const v of values) {
        counts[Math.max(0, Math.min(bins - 1, Math.floor(((v + 3) / 6) * bins)))] += 1;
        sum += v;
        squares += v * v;
      }
      const most = Math.max(...counts);
      const step = wide / bins;
      bars.setAttribute("d", counts.map((c, i) => `M${(i * step).toFixed(2)} ${high}v${(-(c / most) * high).toFixed(2)}h${(step - 0.6).toFixed(2)}V${high}Z`).join(""));
      const mean = sum / values.length;
      const std = Math.sqrt(Math.max(0, squares / values.length - mean * mean));
      name.textContent = `layer ${layer}`;
      spread.replaceChildren("± ", h("data", { value: std }, amount(std)));
    };
    return { el, draw };
  };
  const all = Array.from({ length: 6 }, one);
  const el = h("div", { class: "sg-strip" }, all.map(({ el: each }) => each));
  const draw = (outputs) =>
    all.forEach(({ draw: each }, i) => {
      const layer = Math.floor(1 + (i * (outputs.length - 1)) / 5 + 0.5);
      each(layer, outputs[layer - 1]);
    });
  return { el, draw };
}

// ---- The words below

function remark(activation, signal, gradient) {
  if (activation === "sigmoid") return "Each sigmoid passes on at most a quarter of the slope. Can any gain on this slider save the gradient?";
  if (signal === "lives" && gradient === "lives") return "Both stay in the green band: this network can learn from its first step. How far can you move the gain before that ends?";
  if (signal === "lives" && gradient === "explodes") return "The activation holds the signal back, but not the gradient: look at both before you call a gain good.";
  if (signal === "dies" || gradient === "dies") return "Too small: each layer loses a fixed part. Raise the gain until both curves end in the green band.";
  return "Too large: each layer adds a fixed part. Lower the gain until both curves end in the green band.";
}

function render({ model, el }) {
  const names = ["activation", "weights", "gain", "width", "depth", "seed"];
  let frame = 0;
  const later = () => {
    if (!frame) frame = requestAnimationFrame(draw);
  };
  const traits = Object.fromEntries(names.map((name) => [name, bind(model, name, later)]));
  const state = () => Object.fromEntries(names.map((name) => [name, traits[name].get()]));

  let kept = { key: "" };
  function base({ weights, width, seed }) {
    const key = `${weights} ${width} ${seed}`;
    if (kept.key !== key) kept = { key, matrices: unitWeights(weights, width, seed) };
    return kept.matrices;
  }

  const signal = chart("Signal: mean of z²", "blue");
  const gradient = chart("Gradient: mean of (∂L/∂z)²", "orange");
  const strip = histograms();
  const note = h("p", { class: "fig-note", "aria-live": "polite" });
  const options = (table, of) => Object.entries(table).map(([key, entry]) => [key, of(entry)]);
  const controls = {
    activation: choice("Activation", options(ACTIVATIONS, ([text]) => text), model.get("activation"), traits.activation.set),
    weights: choice("Weights", [["normal", "normal"], ["uniform", "uniform"], ["orthogonal", "orthogonal"]], model.get("weights"), traits.weights.set),
    width: choice("Units in a layer", [16, 32, 64].map((n) => [n, String(n)]), model.get("width"), traits.width.set),
    gain: slider("Gain, √fan-in × standard deviation", { min: 0.3, max: 3, step: 0.01, value: model.get("gain"), format: (v) => v.toFixed(2) }, traits.gain.set),
    depth: slider("Layers", { min: 5, max: LAYERS, step: 1, value: model.get("depth") }, traits.depth.set),
  };
  const presets = [["PyTorch 1/√3", 1 / Math.sqrt(3)], ["Xavier 1", 1], ["He √2", Math.SQRT2]].map(([text, gain]) => [button(text, () => traits.gain.set(gain)), gain]);
  const again = button("New network", () => traits.seed.set(traits.seed.get() + 1));

  function draw() {
    frame = 0;
    const now = state();
    const found = runNetwork(base(now), now);
    const theory = predict(now);
    const fates = [signal.draw(found.signal, theory.signal, "last"), gradient.draw(found.gradient, theory.gradient, "first")];
    strip.draw(found.outputs);
    note.textContent = remark(now.activation, ...fates);
    for (const name of ["activation", "weights", "width", "gain", "depth"]) controls[name].set(now[name]);
    for (const [one, gain] of presets) one.setAttribute("aria-pressed", String(Math.abs(gain - now.gain) < 0.005));
  }

  el.append(
    h("div", { class: "sg" },
      h("div", { class: "sg-choices" }, controls.activation.el, controls.weights.el, controls.width.el, again),
      h("div", { class: "sg-sliders" }, controls.gain.el, h("div", { class: "sg-presets" }, presets.map(([one]) => one)), controls.depth.el),
      h("div", { class: "sg-charts" }, signal.el, gradient.el),
      h("p", { class: "fig-title" }, "Activations of six layers, from −3 to 3, with their spread"),
      strip.el,
      note,
    ),
  );
  draw();
  return () => cancelAnimationFrame(frame);
}

export default { render };
