// A kernel slides over a picture. Names are those of the page: picture x, kernel w, map z.
const K = 3;

const sign = (number, digits = 2) =>
  String(Number(number.toFixed(digits)) + 0).replace("-", "−");
const clamp = (number, low, high) => Math.min(Math.max(number, low), high);

// Everything that follows from the traits.
function compute(model) {
  const [x, w] = [model.get("image"), model.get("kernel")];
  const [s, p, d] = ["stride", "padding", "dilation"].map((name) => model.get(name));
  const sides = [x.length, x[0].length];
  const size = sides.map((n) => {
    const free = n + 2 * p - d * (K - 1) - 1;
    return free < 0 ? 0 : Math.floor(free / s) + 1;
  });
  const pixel = (i, j) => x[i - p]?.[j - p] ?? 0;
  const taps = (i, j) => {
    const found = [];
    for (let u = 0; u < K; u++) {
      for (let v = 0; v < K; v++) {
        found.push({ weight: w[u][v], pixel: pixel(s * i + d * u, s * j + d * v) });
      }
    }
    return found;
  };
  const sum = (i, j) => taps(i, j).reduce((all, tap) => all + tap.weight * tap.pixel, 0);
  const z = Array.from({ length: size[0] }, (_, i) =>
    Array.from({ length: size[1] }, (__, j) => sum(i, j)),
  );
  const [i, j] = model.get("position").map((n, axis) => clamp(n, 0, Math.max(size[axis] - 1, 0)));
  return { x, w, s, p, d, sides, size, z, i, j, taps, pixel, fits: size[0] > 0 && size[1] > 0 };
}

// A map of squares that keeps its elements while its shape stays.
function squares(attributes) {
  const cells = h("svg:g");
  const over = h("svg:g");
  const el = h("svg:svg", { class: "conv-map", ...attributes }, cells, over);
  let shape = "";
  function fit(rows, columns) {
    if (shape === `${rows} ${columns}`) return;
    shape = `${rows} ${columns}`;
    el.setAttribute("viewBox", `0 0 ${Math.max(columns, 1)} ${Math.max(rows, 1)}`);
    const all = Array.from({ length: rows * columns }, (_, n) =>
      h("svg:rect", { x: n % columns, y: Math.floor(n / columns), width: 1, height: 1 }),
    );
    cells.replaceChildren(...all);
  }
  function at(event) {
    const place = new DOMPoint(event.clientX, event.clientY);
    const { x, y } = place.matrixTransform(el.getScreenCTM().inverse());
    return [Math.floor(y), Math.floor(x)];
  }
  return { el, over, fit, at, cells: cells.children };
}

function paint(cell, value, largest, kind = "conv-cell") {
  cell.setAttribute("class", kind);
  const color = value < 0 ? "var(--fig-orange)" : "var(--fig-blue)";
  cell.style.fill = kind === "conv-zero" ? "" : color;
  cell.style.fillOpacity = kind === "conv-zero" ? "" : Math.min(Math.abs(value) / largest, 1);
}

const frame = (kind) => h("svg:rect", { class: kind, width: 1, height: 1 });
const place = (el, x, y, side) => {
  for (const [name, value] of Object.entries({ x, y, width: side, height: side })) {
    el.setAttribute(name, value);
  }
};
const shade = (el, value, largest) => {
  const color = value < 0 ? "var(--fig-orange)" : "var(--fig-blue)";
  const part = Math.round((38 * Math.abs(value)) / largest);
  el.style.setProperty("--shade", `color-mix(in srgb, ${color} ${part}%, transparent)`);
};
const panel = (area, title, detail, ...rest) =>
  h("div", { class: `conv-${area}`, style: `grid-area: ${area}` },
    h("p", { class: "fig-title" }, title, detail), ...rest);

// The picture: shows the window, and is drawn on with pointer or keyboard.
function inputMap(model, change) {
  const map = squares({
    tabindex: 0,
    role: "application",
    "aria-label": "Input. Draw with the pointer, or move with the arrow keys and press space.",
  });
  const [window_, pen] = [frame("conv-frame"), frame("conv-pen")];
  const taps = Array.from({ length: K * K }, () => frame("conv-tap"));
  map.over.append(...taps, window_, pen);
  let [row, column, ink] = [0, 0, null];
  const movePen = () => place(pen, column + model.get("padding"), row + model.get("padding"), 1);

  function put(i, j, value) {
    const x = model.get("image");
    if (x[i]?.[j] === undefined || x[i][j] === value) return;
    change("image", x.map((line, n) => (n === i ? line.map((v, m) => (m === j ? value : v)) : line)));
  }
  const inside = (event) => map.at(event).map((n) => n - model.get("padding"));
  let last = null;
  map.el.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [i, j] = inside(event);
    const now = model.get("image")[i]?.[j];
    if (now === undefined) return;
    ink = now >= 0.5 ? 0 : 1;
    last = [i, j];
    map.el.setPointerCapture(event.pointerId);
    put(i, j, ink);
    event.preventDefault();
  });
  map.el.addEventListener("pointermove", (event) => {
    if (ink === null) return;
    const next = inside(event);
    // A quick pointer skips pixels: fill the way from the last one.
    const steps = Math.max(1, ...next.map((n, axis) => Math.abs(n - last[axis])));
    for (let n = 1; n <= steps; n++) {
      put(...next.map((to, axis) => Math.round(last[axis] + ((to - last[axis]) * n) / steps)), ink);
    }
    last = next;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    map.el.addEventListener(end, () => (ink = null));
  }
  const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  map.el.addEventListener("keydown", (event) => {
    const x = model.get("image");
    if (keys[event.key]) {
      row = clamp(row + keys[event.key][0], 0, x.length - 1);
      column = clamp(column + keys[event.key][1], 0, x[0].length - 1);
    } else if (event.key === " " || event.key === "Enter") {
      put(row, column, x[row][column] >= 0.5 ? 0 : 1);
    } else return;
    event.preventDefault();
    movePen();
    const value = sign(model.get("image")[row][column]);
    announce(map.el.closest(".course-figure"), `Row ${row}, column ${column}: ${value}`);
  });

  function draw({ x, p, s, d, i, j, sides, fits }) {
    const [rows, columns] = sides.map((n) => n + 2 * p);
    map.fit(rows, columns);
    [...map.cells].forEach((cell, n) => {
      const value = x[Math.floor(n / columns) - p]?.[(n % columns) - p];
      paint(cell, value ?? 0, 1, value === undefined ? "conv-zero" : "conv-cell");
      if (value !== undefined) cell.style.fill = "var(--fig-ink)";
    });
    taps.forEach((tap, n) => {
      place(tap, s * j + d * (n % K), s * i + d * Math.floor(n / K), 1);
      tap.style.display = fits ? "" : "none";
    });
    place(window_, s * j, s * i, d * (K - 1) + 1);
    window_.style.display = fits ? "" : "none";
    movePen();
  }
  return { el: map.el, draw };
}

// The map: the pointer over it, or the arrow keys, choose the number that is explained.
function outputMap(model, choose) {
  const map = squares({});
  const mark = frame("conv-frame");
  const handle = draggable(mark, {
    label: "Position in the output",
    at: [0, 0],
    move: (x, y) => choose(Math.round(y), Math.round(x)),
    text: (x, y) => {
      const { z } = compute(model);
      return `row ${y}, column ${x}: ${sign(z[y]?.[x] ?? 0)}`;
    },
  });
  map.over.append(mark);
  const follow = (event) => choose(...map.at(event));
  map.el.addEventListener("pointerdown", (event) => {
    map.el.setPointerCapture(event.pointerId);
    mark.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  });
  map.el.addEventListener("pointermove", follow);

  function draw({ z, size, i, j, fits }, shown) {
    const largest = Math.max(1e-9, ...z.flat().map(Math.abs));
    map.fit(...size);
    [...map.cells].forEach((cell, n) => {
      paint(cell, z[Math.floor(n / size[1])][n % size[1]], largest);
      if (n > shown) cell.style.fillOpacity = 0;
    });
    mark.style.display = fits ? "" : "none";
    place(mark, j, i, 1);
    handle.set(j, i);
    return largest;
  }
  return { el: map.el, draw };
}

function kernelGrid(model, change) {
  const inputs = Array.from({ length: K * K }, (_, n) =>
    h("input", {
      type: "number", step: 0.5, inputmode: "decimal",
      "aria-label": `Weight in row ${Math.floor(n / K)}, column ${n % K}`,
      oninput: () => {
        if (Number.isNaN(inputs[n].valueAsNumber)) return; // half typed
        const value = Number(inputs[n].valueAsNumber.toFixed(4));
        change("kernel", model.get("kernel").map((row, u) =>
          row.map((old, v) => (u * K + v === n ? value : old))));
      },
    }),
  );
  function draw({ w }) {
    const largest = Math.max(1e-9, ...w.flat().map(Math.abs));
    w.flat().forEach((value, n) => {
      shade(inputs[n], value, largest);
      if (document.activeElement === inputs[n] && Number(inputs[n].value) === value) return;
      inputs[n].value = Number(value.toFixed(2));
    });
  }
  return { el: h("div", { class: "conv-nine" }, inputs), draw };
}

function productGrid() {
  const cells = Array.from({ length: K * K }, () => h("div", {}, h("span"), h("small")));
  function draw({ taps, i, j, fits }) {
    const all = fits ? taps(i, j) : [];
    const largest = Math.max(1e-9, ...all.map((tap) => Math.abs(tap.weight * tap.pixel)));
    cells.forEach((cell, n) => {
      const { weight = 0, pixel = 0 } = all[n] ?? {};
      cell.firstChild.textContent = all.length ? sign(weight * pixel) : "";
      const short = (number) => sign(number).replace("0.", ".");
      cell.lastChild.textContent = all.length ? `${short(weight)}·${short(pixel)}` : "";
      shade(cell, weight * pixel, largest);
    });
  }
  return { el: h("div", { class: "conv-nine", "aria-hidden": "true" }, cells), draw };
}

function render({ model, el }) {
  const first = model.get("image");
  let shown = Infinity; // while the kernel slides, what lies ahead is still empty
  let timer = null;

  const change = (name, value) => {
    stop();
    model.set(name, value);
    model.save_changes();
  };
  const go = (i, j) => {
    const { size } = compute(model);
    const to = [clamp(i, 0, Math.max(size[0] - 1, 0)), clamp(j, 0, Math.max(size[1] - 1, 0))];
    model.set("position", to);
    model.save_changes();
    return to;
  };
  const choose = (i, j) => {
    stop();
    const [row, column] = go(i, j);
    return [column, row];
  };

  const input = inputMap(model, change);
  const output = outputMap(model, choose);
  const kernel = kernelGrid(model, change);
  const products = productGrid();
  const [inputSize, outputSize] = [h("span"), h("span")];
  const [low, high] = [h("span"), h("span")];
  const terms = h("span");
  const z = h("output", { class: "conv-z" });
  const numbers = h("span");
  const size = h("output", { class: "conv-size" });
  const presets = model.get("_kernels");
  const preset = choice("Preset", [...presets.map(([name, w]) => [w, name]), [null, "Your own"]], null,
    (w) => w && change("kernel", w));
  const settings = [["stride", 1], ["padding", 0], ["dilation", 1]].map(([name, min]) => {
    const label = name[0].toUpperCase() + name.slice(1);
    const one = slider(label, { min, max: 3, value: model.get(name) }, (value) => change(name, value));
    return { name, ...one };
  });
  const play = button("Slide", () => (timer ? stop() : start()));
  play.setAttribute("aria-pressed", "false");

  function start() {
    const { size: [rows, columns], fits } = compute(model);
    if (!fits) return;
    const pause = clamp(9000 / (rows * columns), 30, 250);
    let n = 0;
    timer = setInterval(() => {
      if (n >= rows * columns || !el.isConnected) return stop();
      shown = n;
      go(Math.floor(n / columns), n % columns);
      if (n === 0) draw();
      n += 1;
    }, pause);
    play.textContent = "Stop";
    play.setAttribute("aria-pressed", "true");
  }
  function stop() {
    if (!timer) return;
    clearInterval(timer);
    [timer, shown] = [null, Infinity];
    play.textContent = "Slide";
    play.setAttribute("aria-pressed", "false");
    draw();
  }

  function draw() {
    const now = compute(model);
    const { sides, p, d, s, fits, i, j } = now;
    input.draw(now);
    kernel.draw(now);
    products.draw(now);
    const largest = output.draw(now, shown);
    inputSize.textContent = sides.join(" × ") + (p ? `, padded ${sides.map((n) => n + 2 * p).join(" × ")}` : "");
    outputSize.textContent = now.size.join(" × ");
    low.textContent = sign(-largest);
    high.textContent = sign(largest);
    const parts = fits ? now.taps(i, j).filter((tap) => tap.weight * tap.pixel) : [];
    const written = parts.map((tap) => `${sign(tap.weight)}·${sign(tap.pixel)}`).join(" + ");
    terms.textContent = fits
      ? `z[${i}, ${j}] = ${written.replaceAll("+ −", "− ") || "0"} = `
      : "The kernel does not fit into the picture.";
    z.textContent = fits ? sign(now.z[i][j], 4) : "";
    numbers.textContent =
      `= ⌊(${sides[0]} + 2·${p} − ${d}·(3 − 1) − 1) / ${s}⌋ + 1 = `;
    size.textContent = now.size[0];
    settings.forEach(({ name, set }) => set(model.get(name)));
    const own = presets.find(([, w]) => JSON.stringify(w) === JSON.stringify(now.w));
    preset.set(own ? own[1] : null);
  }

  const variable = (name) => h("i", {}, name);
  const formula = h("span", {}, "⌊(", variable("H"), " + 2", variable("p"), " − ", variable("d"), "(",
    variable("k"), " − 1) − 1) / ", variable("s"), "⌋ + 1 ");
  const clear = button("Clear", () => change("image", model.get("image").map((row) => row.map(() => 0))));
  const reset = button("Reset", () => change("image", first));
  el.append(
    h("div", { class: "conv-stage" },
      panel("input", "Input", inputSize, input.el, h("div", { class: "conv-tools" }, clear, reset)),
      panel("kernel", "Kernel", h("span", {}, "3 × 3"), kernel.el),
      panel("window", "Products", null, products.el),
      panel("output", "Output", outputSize, output.el,
        h("div", { class: "conv-scale" }, low, h("i"), high))),
    h("div", { class: "conv-math" },
      h("span", {}, "The sum"), h("p", { class: "conv-sum" }, terms, z),
      h("span", {}, "The size"), h("p", {}, formula, numbers, size)),
    h("div", { class: "conv-bar" }, preset.el, settings.map((one) => one.el), play),
    h("p", { class: "fig-note" }, model.get("_note")),
  );
  for (const name of ["image", "kernel", "stride", "padding", "dilation", "position"]) {
    bind(model, name, draw);
  }
  // A smaller output moves the position inside; then Python hears of it too.
  for (const name of ["image", "stride", "padding", "dilation"]) {
    bind(model, name, () => go(...model.get("position")));
  }
  draw();
  return () => clearInterval(timer);
}
export default { render };
