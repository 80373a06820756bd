// p has two humps and stays, q is a Gaussian that is moved. Names and numbers as in divergence.py.
const [BARS, REACH, HUMP, LEFT] = [41, 6, 0.7, 0.6];
const [MEAN, WIDTH, STEP, TOP] = [[-5, 5], [0.6, 3.5], 0.05, 0.21];
const PLACES = Array.from({ length: BARS }, (_, i) => -REACH + (2 * REACH * i) / (BARS - 1));
const SIDE = PLACES[1] - PLACES[0];
const FORWARD = "KL(p‖q)";
const BACKWARD = "KL(q‖p)";

const clamp = (number, [low, high]) => Math.min(Math.max(number, low), high);
const sum = (list) => list.reduce((all, one) => all + one, 0);
const logSum = (list) => {
  const top = Math.max(...list);
  return top + Math.log(sum(list.map((z) => Math.exp(z - top))));
};
function logBars(mean, width) {
  const z = PLACES.map((x) => -0.5 * ((x - mean) / width) ** 2);
  const all = logSum(z);
  return z.map((one) => one - all);
}
function logHumps(distance) {
  const [left, right] = [-1, 1].map((side) => logBars((side * distance) / 2, HUMP));
  return left.map((l, i) => logSum([Math.log(LEFT) + l, Math.log(1 - LEFT) + right[i]]));
}
const kl = (first, second) => sum(first.map((l, i) => Math.exp(l) * (l - second[i])));

// A text of the same length whatever the value, with a real minus sign.
const text = (value) => (Math.abs(value) < 5e-4 ? 0 : value).toFixed(Math.abs(value) < 100 ? 3 : 1).replace("-", "−");

function render({ model, el }) {
  const get = (name) => model.get(name);
  // Several traits at once, and one drawing for all of them.
  let held = false;
  function put(values) {
    held = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    held = false;
    draw();
    model.save_changes();
  }

  // ---- The drawing: three rows of bars over the same places, as wide as the box.
  const bar = (kind) => PLACES.map(() => h("svg:rect", { class: kind }));
  const rows = [
    { top: 24, base: 174, bars: bar("div-p") },
    { top: 206, base: 280, half: 72, bars: bar("div-forward"), title: FORWARD },
    { top: 326, base: 400, half: 72, bars: bar("div-backward"), title: BACKWARD },
  ];
  const outline = h("svg:path", { class: "div-q" });
  const lines = rows.map(({ base }) => h("svg:path", { class: "div-base", "data-y": base }));
  const words = (kind, string = "") => h("svg:text", { class: kind }, string);
  const key = [words("div-key div-key-p", "p, given"), words("div-key div-key-q", "q, yours to move")];
  const titles = rows.slice(1).map(() => words("div-title"));
  const scales = rows.slice(1).map(() => [words("div-scale"), words("div-scale")]);
  const ticks = [-6, -4, -2, 0, 2, 4, 6].map((x) => words("div-tick", text(x).replace(".000", "")));
  const grip = h("svg:circle", { class: "div-grip", r: 9 });
  const drawing = h("svg:svg", { class: "div-drawing", height: 440 },
    rows.flatMap(({ bars }) => bars), lines, outline, key, titles, scales.flat(), ticks, grip);

  let wide = 460;
  const [before, after] = [36, 8];
  const across = (x) => before + ((x + REACH + SIDE / 2) / (2 * REACH + SIDE)) * (wide - before - after);
  const up = (share) => rows[0].base - (share / TOP) * (rows[0].base - rows[0].top);
  const peak = (mean, width) => Math.exp(-logSum(PLACES.map((x) => -0.5 * ((x - mean) / width) ** 2)));
  const gripAt = () => [across(get("mean")), up(peak(get("mean"), get("width")))];

  let timer = null;
  const handle = draggable(grip, {
    label: "The top of q: left and right move its mean, up makes it narrower",
    at: [0, 0],
    step: 6,
    move: (x, y) => {
      stop();
      const share = ((x - before) / (wide - before - after)) * (2 * REACH + SIDE) - REACH - SIDE / 2;
      const mean = Number(clamp(share, MEAN).toFixed(2));
      const height = Math.max(((rows[0].base - y) / (rows[0].base - rows[0].top)) * TOP, 0.01);
      const width = Number(clamp(SIDE / (height * Math.sqrt(2 * Math.PI)), WIDTH).toFixed(2));
      put({ mean, width });
      return gripAt();
    },
    text: () => `mean ${get("mean").toFixed(2)}, width ${get("width").toFixed(2)}`,
  });

  // ---- The values.
  const value = () => h("output", {});
  const [entropy, price, forward, backward] = [value(), value(), value(), value()];
  const [own, extra] = [h("i", { class: "div-own" }), h("i", { class: "div-extra" })];
  const line = (kind, name, what, output) =>
    h("div", { class: `div-value ${kind}` }, h("span", {}, name), output, h("small", {}, what));
  const values = h("div", { class: "div-values" },
    line("div-is-p", "Entropy H(p)", "what p costs in its own code", entropy),
    line("div-is-forward", FORWARD, "too many, with the code for q", forward),
    line("div-is-sum", "Cross-entropy H(p, q)", "the two together", price),
    h("div", { class: "div-stack", "aria-hidden": "true" }, own, extra),
    line("div-is-backward", BACKWARD, "the other way round", backward));

  // ---- The controls.
  const set = (name) => (number) => {
    stop();
    put({ [name]: number });
  };
  const fixed = (number) => number.toFixed(2).replace("-", "−");
  const range = (name, [min, max], step) => ({ min, max, step, value: get(name), format: fixed });
  const sliders = {
    mean: slider("Mean of q", range("mean", MEAN, 0.01), set("mean")),
    width: slider("Width of q", range("width", WIDTH, 0.01), set("width")),
    distance: slider("Distance of p's humps", range("distance", [0, 6], 0.1), set("distance")),
  };
  const unit = choice("Unit", [["bits", "bits"], ["nats", "nats"]], get("unit"), set("unit"));
  const buttons = [FORWARD, BACKWARD].map((name) => button(`Minimize ${name}`, () => minimize(name)));

  // Downhill to the best of the eight neighbors until none is better.
  function* descent(direction) {
    const logP = logHumps(get("distance"));
    const at = ([m, w]) => [Number((m * STEP).toFixed(2)), Number((w * STEP).toFixed(2))];
    const cost = (place) => {
      const [mean, width] = at(place);
      if (mean < MEAN[0] || mean > MEAN[1] || width < WIDTH[0] || width > WIDTH[1]) return Infinity;
      const logQ = logBars(mean, width);
      return direction === FORWARD ? kl(logP, logQ) : kl(logQ, logP);
    };
    let here = [Math.round(get("mean") / STEP), Math.round(get("width") / STEP)];
    let best = cost(here);
    for (;;) {
      let next = null;
      for (const a of [-1, 0, 1]) {
        for (const b of [-1, 0, 1]) {
          const place = [here[0] + a, here[1] + b];
          const found = cost(place);
          if (found < best) [best, next] = [found, place];
        }
      }
      if (!next) break;
      here = next;
      yield at(here);
    }
    yield at(here);
  }
  function minimize(direction) {
    stop();
    const steps = [...descent(direction)];
    const show = ([mean, width]) => put({ mean, width });
    const done = () => {
      show(steps.at(-1));
      announce(el, `${direction} is at its minimum: mean ${fixed(get("mean"))}, width ${fixed(get("width"))}`);
    };
    if (calm()) return done();
    let n = 0;
    timer = setInterval(() => {
      n += 1;
      if (n < steps.length && el.isConnected) return show(steps[n]);
      stop();
      if (el.isConnected) done();
    }, 24);
  }
  function stop() {
    clearInterval(timer);
    timer = null;
  }

  // ---- Everything anew.
  function fit() {
    drawing.setAttribute("viewBox", `0 0 ${wide} 440`);
    for (const { bars } of rows) {
      bars.forEach((rect, i) => {
        const [left, right] = [-1, 1].map((side) => across(PLACES[i] + (side * SIDE) / 2));
        rect.setAttribute("x", (left + 0.75).toFixed(2));
        rect.setAttribute("width", Math.max(right - left - 1.5, 1).toFixed(2));
      });
    }
    lines.forEach((one) => one.setAttribute("d", `M${before} ${one.dataset.y}H${wide - after}`));
    ticks.forEach((one, i) => write(one, null, across(-6 + 2 * i), 434));
    write(key[0], null, before, 14);
    write(key[1], null, before + 74, 14);
  }
  function place(rect, from, to) {
    rect.setAttribute("y", Math.min(from, to).toFixed(2));
    rect.setAttribute("height", Math.abs(to - from).toFixed(2));
  }
  const write = (node, string, x, y) => {
    if (string !== null) node.textContent = string;
    node.setAttribute("x", x);
    node.setAttribute("y", y);
  };
  function draw() {
    if (held) return;
    const size = get("unit") === "bits" ? Math.LN2 : 1;
    const [logP, logQ] = [logHumps(get("distance")), logBars(get("mean"), get("width"))];
    const parts = [
      logP.map((l, i) => (Math.exp(l) * (l - logQ[i])) / size),
      logQ.map((l, i) => (Math.exp(l) * (l - logP[i])) / size),
    ];
    const found = { h: -sum(logP.map((l) => Math.exp(l) * l)) / size, f: sum(parts[0]), b: sum(parts[1]) };
    logP.forEach((l, i) => place(rows[0].bars[i], rows[0].base, up(Math.exp(l))));
    const steps = logQ.map((l, i) => `${across(PLACES[i] - SIDE / 2)} ${up(Math.exp(l))}H${across(PLACES[i] + SIDE / 2)}`);
    outline.setAttribute("d", `M${across(-REACH - SIDE / 2)} ${rows[0].base}L${steps.join("L")}V${rows[0].base}`);
    const largest = Math.max(...parts.flat().map((one) => (one < 0 ? -4 * one : one)));
    const scale = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((one) => one >= largest) ?? 100;
    parts.forEach((part, n) => {
      const { base, half, bars, top, title } = rows[n + 1];
      part.forEach((one, i) => place(bars[i], base, base - (one / scale) * half));
      write(titles[n], `${title}, bar by bar`, before, top - 6);
      write(scales[n][0], `${scale}`, before - 6, base - half + 8);
      write(scales[n][1], "0", before - 6, base + 4);
    });
    const [x, y] = gripAt();
    grip.setAttribute("cx", x);
    grip.setAttribute("cy", y);
    handle.set(x, y);

    const unitName = get("unit");
    entropy.textContent = `${text(found.h)} ${unitName}`;
    forward.textContent = `${text(found.f)} ${unitName}`;
    price.textContent = `${text(found.h + found.f)} ${unitName}`;
    backward.textContent = `${text(found.b)} ${unitName}`;
    const whole = Math.max(found.h + found.f, 6 / size);
    own.style.width = `${(100 * found.h) / whole}%`;
    extra.style.width = `${(100 * found.f) / whole}%`;
    for (const [name, one] of Object.entries(sliders)) one.set(get(name));
    unit.set(unitName);
  }

  el.append(
    h("div", { class: "div-stage" }, h("div", { class: "div-box" }, drawing), values),
    h("div", { class: "div-controls" }, Object.values(sliders).map((one) => one.el), unit.el),
    h("div", { class: "div-buttons" }, buttons),
    h("p", { class: "fig-note" }, get("_note")),
  );
  for (const name of ["mean", "width", "distance", "unit"]) bind(model, name, draw);
  const box = drawing.parentElement;
  const watcher = new ResizeObserver(() => {
    const now = Math.round(box.clientWidth);
    if (now && now !== wide) {
      wide = now;
      fit();
      draw();
    }
  });
  watcher.observe(box);
  wide = Math.round(box.clientWidth) || wide;
  fit();
  draw();
  return () => {
    stop();
    watcher.disconnect();
  };
}
export default { render };
