// A deep random network with and without skips: signal and gradient by layer (see depth.py).

const BATCH = 16;
const WIDTH = 32;
const LAYERS = 60;
const DECADES = 8;

// ---- Chance: a number for every place, as in signal.py

function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

function normal(seed, stream, count) {
  const key = mix(16 * seed + stream);
  const uniform = (i) => (mix((i + key) | 0) + 0.5) / 2 ** 32;
  return Float64Array.from(
    { length: count },
    (_, i) => Math.sqrt(-2 * Math.log(uniform(2 * i))) * Math.cos(2 * Math.PI * uniform(2 * i + 1)),
  );
}

// ---- The network

const size = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

// The mean cosine between two different rows.
function likeness(rows) {
  const sum = new Float64Array(WIDTH);
  for (let b = 0; b < BATCH; b++) {
    const row = rows.subarray(b * WIDTH, (b + 1) * WIDTH);
    const length = Math.max(1e-300, Math.sqrt(row.reduce((all, v) => all + v * v, 0)));
    row.forEach((v, j) => (sum[j] += v / length));
  }
  return (sum.reduce((all, v) => all + v * v, 0) - BATCH) / (BATCH * (BATCH - 1));
}

// What every layer multiplies its skip by, and its branch.
function factors({ kind, depth, scale, bias, cut }) {
  const gate = 1 / (1 + Math.exp(-bias));
  const [skip, branch] = { plain: [0, 1], residual: [1, scale], highway: [1 - gate, gate] }[kind];
  const kept = Array.from({ length: depth }, (_, i) => (cut.includes(i + 1) ? 0 : skip));
  return { kept, branch, gate };
}

function runNetwork({ weights, inputs, arriving }, { kept, branch }, gain) {
  const n = WIDTH;
  const factor = branch * gain;
  const hs = [inputs];
  kept.forEach((skip, l) => {
    const h = hs[l];
    const out = h.map((v) => skip * v);
    for (let b = 0; b < BATCH * n; b += n) {
      for (let i = 0; i < n; i++) {
        let sum = 0;
        const row = (l * n + i) * n;
        for (let j = 0; j < n; j++) if (h[b + j] > 0) sum += weights[row + j] * h[b + j];
        out[b + i] += factor * sum;
      }
    }
    hs.push(out);
  });
  let g = arriving;
  const gradient = [size(g)];
  for (let l = kept.length - 1; l >= 0; l--) {
    const h = hs[l];
    const back = new Float64Array(BATCH * n);
    for (let b = 0; b < BATCH * n; b += n) {
      for (let i = 0; i < n; i++) {
        const d = factor * g[b + i];
        const row = (l * n + i) * n;
        for (let j = 0; j < n; j++) back[b + j] += d * weights[row + j];
      }
    }
    g = back.map((v, i) => (h[i] > 0 ? v : 0) + kept[l] * g[i]);
    gradient.unshift(size(g));
  }
  return { signal: hs.map(size), gradient, cosine: likeness(hs[kept.length]) };
}

function predict({ kept, branch }, gain) {
  const signal = [1];
  for (const skip of kept) signal.push(signal[signal.length - 1] * Math.sqrt(skip ** 2 + (branch * gain) ** 2 / 2));
  const gradient = [1];
  for (const skip of [...kept].reverse()) gradient.unshift(gradient[0] * Math.sqrt(skip ** 2 + (branch * gain) ** 2 / 2));
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

const fate = (value) => (value < 10 ** -0.5 ? "shrinks" : value > 10 ** 0.5 ? "grows" : "holds");

// ---- The charts

const CHART = { width: 340, height: 206, left: 38, right: 4, top: 8, bottom: 34 };

function chart(title, hue) {
  const { width, height, left, right, top, bottom } = CHART;
  const y = (power) => top + ((DECADES - power) / (2 * DECADES)) * (height - top - bottom);
  const x = (layer, depth) => left + 8 + (layer / depth) * (width - left - right - 16);
  const clip = (value) => Math.max(-DECADES, Math.min(DECADES, Math.log10(value)));
  const text = (attributes, words) => h("svg:text", { fill: "var(--fig-muted)", "font-size": 12, ...attributes }, words);
  const marks = [-8, -4, 0, 4, 8].flatMap((power) => [
    h("svg:line", { x1: left, x2: width - right, y1: y(power), y2: y(power), stroke: "var(--fig-line)" }),
    text({ x: left - 6, y: y(power) + 4, "text-anchor": "end" }, power ? ["10", h("svg:tspan", { dy: -5, "font-size": 9 }, minus(String(power)))] : "1"),
  ]);
  const band = h("svg:rect", { x: left, width: width - left - right, y: y(0.5), height: y(-0.5) - y(0.5), class: "dp-band" });
  const line = h("svg:path", { fill: "none", stroke: "var(--fig-muted)", "stroke-width": 2 });
  const dots = h("svg:g", { fill: `var(--fig-${hue})` });
  const ticks = h("svg:g", {});
  const name = text({ x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "layer");
  const svg = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}, by layer, on a logarithmic axis` }, band, marks, line, dots, ticks, name);
  const value = h("output", {});
  const verdict = h("span", { class: "dp-fate" });
  const el = h("div", { class: "dp-chart" }, h("p", { class: "fig-title dp-head" }, title, verdict), svg, h("p", { class: "dp-line" }, value));
  function draw(found, theory, at) {
    const depth = found.length - 1;
    line.setAttribute("d", theory.map((v, i) => `${i ? "L" : "M"}${x(i, depth).toFixed(1)} ${y(clip(v)).toFixed(1)}`).join(""));
    dots.replaceChildren(...found.map((v, i) => h("svg:circle", { cx: x(i, depth).toFixed(1), cy: y(clip(v)).toFixed(1), r: 2.4 })));
    const places = [...new Set([0, Math.round(depth / 2), depth])];
    ticks.replaceChildren(...places.map((layer) => text({ x: x(layer, depth), y: height - bottom + 16, "text-anchor": "middle" }, layer)));
    const layer = at === "first" ? 0 : depth;
    value.replaceChildren(
      at === "first" ? "At the input: " : `After layer ${depth}: `,
      h("data", { value: found[layer], "data-of": "measured" }, amount(found[layer])),
      ", predicted ",
      h("data", { value: theory[layer], "data-of": "predicted" }, amount(theory[layer])),
    );
    verdict.textContent = fate(found[layer]);
    verdict.dataset.fate = fate(found[layer]);
    return fate(found[layer]);
  }
  return { el, draw };
}

// ---- The diagram: a button for every layer, which cuts its skip or mends it

function chain(toggle) {
  const one = (layer) => {
    const arc = h("svg:path", { class: "dp-arc", d: "M2 27C2 3 26 3 26 27" });
    const number = layer % 10 === 0 || layer === 1 ? h("svg:text", { x: 14, y: 46, "text-anchor": "middle", "font-size": 11, fill: "var(--fig-muted)" }, layer) : null;
    const svg = h("svg:svg", { viewBox: "0 0 28 48", "aria-hidden": "true" },
      h("svg:path", { class: "dp-stream", d: "M0 27H28" }),
      h("svg:rect", { class: "dp-box", x: 8, y: 20, width: 12, height: 14, rx: 2 }),
      arc,
      number);
    const el = h("button", { type: "button", class: "dp-layer", tabindex: -1, onclick: () => toggle(layer) }, svg);
    return el;
  };
  const all = Array.from({ length: LAYERS }, (_, i) => one(i + 1));
  const el = h("div", { class: "dp-chain", role: "group", "aria-label": "The layers; press one to cut its skip, arrow keys to walk" }, all);
  let shown = LAYERS;
  el.addEventListener("keydown", (event) => {
    const at = all.indexOf(event.target.closest("button"));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown - 1 }[event.key];
    if (to === undefined || at < 0 || to < 0 || to >= shown) return;
    event.preventDefault();
    all[at].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  });
  function draw(kind, depth, cut) {
    shown = depth;
    el.dataset.kind = kind;
    all.forEach((button, i) => {
      const isCut = kind !== "plain" && cut.includes(i + 1);
      button.hidden = i >= depth;
      button.dataset.cut = isCut;
      button.disabled = kind === "plain";
      button.setAttribute("aria-pressed", String(isCut));
      button.setAttribute("aria-label", kind === "plain" ? `Layer ${i + 1}, no skip` : `Layer ${i + 1}, skip ${isCut ? "cut" : "in place"}`);
    });
    if (!all.some((button, i) => i < depth && button.tabIndex === 0)) {
      all.forEach((button, i) => (button.tabIndex = i === 0 ? 0 : -1));
    }
  }
  return { el, draw };
}

// ---- The words below

function remark(kind, signal, gradient, cosine, cuts) {
  if (kind !== "plain" && cuts) return "Each cut takes away half of all paths. Is a cut in the first layers worse than one in the last?";
  if (kind === "plain") {
    if (signal !== "holds" || gradient !== "holds") return "Without skips only a narrow range of gains holds both curves. Find it, then read the cosine below.";
    return cosine > 0.8 ? "Both sizes hold, and yet the network has forgotten which input it saw: look at the cosine." : "Both sizes hold. Now add layers, and watch the cosine.";
  }
  if (kind === "residual") {
    if (signal === "grows" || gradient === "grows") return "Nothing vanishes, but every branch adds. Press 1/√L, then change the number of layers.";
    return "A steady stream. How far may you move the gain now? Click a layer to cut its skip.";
  }
  if (signal === "shrinks" || gradient === "shrinks") return "A gate that is open by t keeps only 1 − t of the stream. Press −log L to close the gates further.";
  return "Nearly closed gates carry signal and gradient. Click a layer to cut its skip.";
}

function render({ model, el }) {
  const names = ["kind", "depth", "gain", "scale", "bias", "cut", "seed"];
  let frame = 0;
  const later = () => {
    if (!frame) frame = requestAnimationFrame(draw);
  };
  const traits = Object.fromEntries(names.map((name) => [name, bind(model, name, later)]));
  const state = () => Object.fromEntries(names.map((name) => [name, traits[name].get()]));

  let kept = { seed: -1 };
  function chance(seed) {
    if (kept.seed !== seed) {
      const weights = normal(seed, 0, LAYERS * WIDTH * WIDTH).map((w) => w / Math.sqrt(WIDTH));
      kept = { seed, weights, inputs: normal(seed, 1, BATCH * WIDTH), arriving: normal(seed, 2, BATCH * WIDTH) };
    }
    return kept;
  }

  function toggle(layer) {
    const cut = traits.cut.get();
    traits.cut.set(cut.includes(layer) ? cut.filter((other) => other !== layer) : [...cut, layer].sort((a, b) => a - b));
  }

  const signal = chart("Signal: size of h", "blue");
  const gradient = chart("Gradient: size of ∂L/∂h", "orange");
  const layers = chain(toggle);
  const legend = h("p", { class: "fig-title" });
  const cosine = h("output", {});
  const factor = h("output", {});
  const note = h("p", { class: "fig-note", "aria-live": "polite" });
  const controls = {
    kind: choice("Network", [["plain", "plain"], ["residual", "residual"], ["highway", "highway"]], model.get("kind"), traits.kind.set),
    depth: slider("Layers L", { min: 2, max: LAYERS, step: 1, value: model.get("depth") }, traits.depth.set),
    gain: slider("Gain of the weights", { min: 0.5, max: 2.5, step: 0.01, value: model.get("gain"), format: (v) => v.toFixed(2) }, traits.gain.set),
    scale: slider("Scale s of a branch", { min: 0, max: 1.2, step: 0.01, value: model.get("scale"), format: (v) => v.toFixed(2) }, traits.scale.set),
    bias: slider("Bias of the gates", { min: -8, max: 2, step: 0.1, value: model.get("bias"), format: (v) => minus(v.toFixed(1)) }, traits.bias.set),
  };
  const round = (value) => Number(value.toFixed(2));
  const presets = {
    residual: [["1", () => 1], ["1/√L", (L) => round(1 / Math.sqrt(L))]],
    highway: [["−1", () => -1], ["−log L", (L) => round(-Math.log(L))]],
  };
  const own = { residual: "scale", highway: "bias" };
  const preset = [0, 1].map((i) => button("", () => {
    const kind = traits.kind.get();
    if (kind !== "plain") traits[own[kind]].set(presets[kind][i][1](traits.depth.get()));
  }));
  const again = button("New network", () => traits.seed.set(traits.seed.get() + 1));
  const mend = button("Mend all", () => traits.cut.set([]));

  function draw() {
    frame = 0;
    const now = state();
    const parts = factors(now);
    const found = runNetwork(chance(now.seed), parts, now.gain);
    const theory = predict(parts, now.gain);
    const fates = [signal.draw(found.signal, theory.signal, "last"), gradient.draw(found.gradient, theory.gradient, "first")];
    layers.draw(now.kind, now.depth, now.cut);
    const cuts = now.cut.filter((layer) => layer <= now.depth).length;
    const paths = now.kind === "plain" ? 0 : now.depth - cuts;
    legend.replaceChildren("The layers", h("span", { class: "dp-quiet" }, now.kind === "plain" ? ": one path through all" : `: ${cuts} ${cuts === 1 ? "skip" : "skips"} cut, 2${[...String(paths)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")} paths`));
    cosine.replaceChildren(h("data", { value: found.cosine, "data-of": "cosine" }, minus(found.cosine.toFixed(2))));
    factor.textContent = now.kind === "highway" ? `gate t = ${amount(parts.gate)}` : "";
    note.textContent = remark(now.kind, ...fates, found.cosine, cuts);
    for (const name of ["kind", "depth", "gain", "scale", "bias"]) controls[name].set(now[name]);
    controls.scale.el.hidden = now.kind === "highway";
    controls.scale.input.disabled = now.kind === "plain";
    controls.bias.el.hidden = now.kind !== "highway";
    const shown = presets[now.kind === "highway" ? "highway" : "residual"];
    preset.forEach((one, i) => {
      const value = now[own[now.kind] ?? "scale"];
      one.textContent = shown[i][0];
      one.disabled = now.kind === "plain";
      one.setAttribute("aria-pressed", String(now.kind !== "plain" && Math.abs(shown[i][1](now.depth) - value) < 0.005));
    });
    mend.disabled = !cuts || now.kind === "plain";
  }

  el.append(
    h("div", { class: "dp" },
      h("div", { class: "dp-row" }, controls.kind.el, controls.depth.el, again),
      h("div", { class: "dp-row dp-second" }, controls.gain.el, controls.scale.el, controls.bias.el, h("div", { class: "dp-presets" }, preset)),
      h("div", { class: "dp-charts" }, signal.el, gradient.el),
      h("p", { class: "dp-facts" }, h("span", {}, "Mean cosine of two inputs, last layer: ", cosine), factor),
      h("div", { class: "dp-title" }, legend, mend),
      layers.el,
      note,
    ),
  );
  draw();
  return () => cancelAnimationFrame(frame);
}

export default { render };
