// Draw a character. Lines become 28 x 28 gray levels, a small network reads them, and the page shows
// its answer with what its layers found. utils/widgets/draw.py and pen.py compute the same in Python.
const SIDE = 28, HALF = 14, QUARTER = 7, PIXELS = SIDE * SIDE;
const PEN = 2.6, TALL = 20, SMALLEST = 0.1;

// ---- The network: convolution, ReLU, pooling, twice; then a linear layer and softmax. -----------

// 3 x 3, padding 1, then ReLU: x holds maps of side x side, one after the other.
function convolve(x, side, weight, bias) {
  const inputs = x.length / (side * side), outputs = bias.length, wide = side + 2;
  const padded = new Float32Array(inputs * wide * wide);
  for (let c = 0; c < inputs; c++) {
    for (let i = 0; i < side; i++) {
      const row = x.subarray((c * side + i) * side, (c * side + i + 1) * side);
      padded.set(row, (c * wide + i + 1) * wide + 1);
    }
  }
  const z = new Float64Array(outputs * side * side);
  for (let o = 0; o < outputs; o++) {
    const map = z.subarray(o * side * side, (o + 1) * side * side).fill(bias[o]);
    for (let tap = 0; tap < inputs * 9; tap++) {
      const w = weight[o * inputs * 9 + tap], c = Math.floor(tap / 9);
      const from = (c * wide + Math.floor((tap % 9) / 3)) * wide + (tap % 3);
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < side; j++) map[i * side + j] += w * padded[from + i * wide + j];
      }
    }
  }
  return Float32Array.from(z, (value) => Math.max(value, 0));
}

function pool(x, side) {
  const half = side / 2;
  return Float32Array.from({ length: x.length / 4 }, (_, n) => {
    const at = 2 * Math.floor(n / half) * side + 2 * (n % half);
    return Math.max(x[at], x[at + 1], x[at + side], x[at + side + 1]);
  });
}

function softmax(logits) {
  const top = Math.max(...logits), powers = logits.map((z) => Math.exp(z - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// What each of the 7 x 7 places adds to the score of class k: the linear layer, before its sum.
function evidence({ w3 }, pooled, k) {
  const places = new Float64Array(QUARTER * QUARTER);
  for (let n = 0; n < pooled.length; n++) {
    places[n % places.length] += w3[k * pooled.length + n] * pooled[n];
  }
  return places;
}

function run(net, image) {
  const first = convolve(image, SIDE, net.w1, net.b1);
  const second = convolve(pool(first, SIDE), HALF, net.w2, net.b2);
  const pooled = pool(second, HALF);
  const sum = (k) => evidence(net, pooled, k).reduce((a, b) => a + b, net.b3[k]);
  return { first, second, pooled, answer: softmax(Array.from(net.b3.keys(), sum)) };
}

// A 16-bit float: one bit of sign, five of exponent, ten of fraction.
function half(bits) {
  const sign = bits >> 15 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
  if (power === 31) return NaN;
  return sign * (power ? 2 ** (power - 25) * (1024 + rest) : 2 ** -24 * rest);
}

// The weights as they were stored, in 16 or 32 bits each, or null where they are not all there.
function unpack(data, maps, classes) {
  const [a, b] = maps ?? [];
  const sizes = [9 * a, a, 9 * a * b, b, classes * b * QUARTER * QUARTER, classes];
  const total = sizes.reduce((x, y) => x + y), size = (data?.byteLength ?? 0) / total;
  if (size !== 2 && size !== 4) return null;
  const view = new DataView(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const numbers = Float32Array.from({ length: total }, (_, n) =>
    size === 2 ? half(view.getUint16(2 * n, true)) : view.getFloat32(4 * n, true));
  if (!numbers.every(Number.isFinite)) return null;
  let at = 0;
  const [w1, b1, w2, b2, w3, b3] = sizes.map((count) => numbers.subarray(at, (at += count)));
  return { w1, b1, w2, b2, w3, b3, total, kb: data.byteLength / 1000 };
}

// ---- The pen: lines on a sheet from 0 to 1 become 28 x 28 gray levels. ----------------------------

// Middle and scale that center the drawing and make its longer side TALL, the pen's width included.
function placed(lines, center) {
  if (!center) return { x: 0.5, y: 0.5, scale: SIDE };
  const xs = lines.flat().map((p) => p[0]), ys = lines.flat().map((p) => p[1]);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = (TALL - PEN) / Math.max(right - left, bottom - top, SMALLEST);
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale };
}

function ink(lines, center) {
  const gray = new Uint8Array(PIXELS);
  if (!lines.length) return gray;
  const { x, y, scale } = placed(lines, center);
  const near = new Float64Array(PIXELS).fill(Infinity);
  const reach = PEN / 2 + 1;
  for (const line of lines) {
    const points = line.map((p) => [(p[0] - x) * scale + HALF, (p[1] - y) * scale + HALF]);
    for (let n = 0; n < Math.max(points.length - 1, 1); n++) {
      const [ax, ay] = points[n], [bx, by] = points[n + 1] ?? points[n];
      const [wx, wy] = [bx - ax, by - ay], square = Math.max(wx * wx + wy * wy, 1e-12);
      const clip = (value) => Math.min(Math.max(Math.floor(value), 0), SIDE - 1);
      const [i0, i1] = [clip(Math.min(ay, by) - reach), clip(Math.max(ay, by) + reach)];
      const [j0, j1] = [clip(Math.min(ax, bx) - reach), clip(Math.max(ax, bx) + reach)];
      for (let i = i0; i <= i1; i++) {
        for (let j = j0; j <= j1; j++) {
          const [px, py] = [j + 0.5 - ax, i + 0.5 - ay];
          const t = Math.min(Math.max((px * wx + py * wy) / square, 0), 1);
          const [gx, gy] = [px - t * wx, py - t * wy];
          near[i * SIDE + j] = Math.min(near[i * SIDE + j], gx * gx + gy * gy);
        }
      }
    }
  }
  near.forEach((square, n) => {
    gray[n] = Math.floor(Math.min(Math.max(PEN / 2 - Math.sqrt(square) + 0.5, 0), 1) * 255 + 0.5);
  });
  return gray;
}

const bytes = (data) => new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
const percent = (p) => (p > 0.995 && p < 1 ? "> 99" : p < 0.005 ? "< 1" : (100 * p).toFixed(0)) + " %";

// ---- Pictures on canvas. ------------------------------------------------------------------------------

// Values as a small picture of one color (as "#rrggbb"), as opaque as they say; negative ones in another.
function tile(values, side, positive, negative = positive) {
  const canvas = h("canvas", { width: side, height: side }), ctx = canvas.getContext("2d");
  const image = ctx.createImageData(side, side), paints = [positive, negative].map((hex) => parseInt(hex.slice(1), 16));
  values.forEach((value, n) => {
    const paint = paints[value < 0 ? 1 : 0];
    image.data.set([paint >> 16, (paint >> 8) & 255, paint & 255, 255 * Math.min(Math.abs(value), 1)], 4 * n);
  });
  ctx.putImageData(image, 0, 0);
  return canvas;
}

// A grid of maps on one canvas: columns of them, one unit each, with a gap between.
function grid(count, columns, label) {
  const gap = 0.1, rows = Math.ceil(count / columns);
  const [width, height] = [columns + gap * (columns - 1), rows + gap * (rows - 1)];
  let last = () => {};
  const { el, ctx, size } = canvas2d(100 * width, 100 * height, () => last());
  el.setAttribute("role", "img");
  el.setAttribute("aria-label", label);
  const draw = (maps, side, ...colors) => {
    last = () => {
      size();
      ctx.imageSmoothingEnabled = false;
      for (let n = 0; n < count; n++) {
        const at = [100 * (1 + gap) * (n % columns), 100 * (1 + gap) * Math.floor(n / columns), 100, 100];
        ctx.fillStyle = color(el, "--fig-surface");
        ctx.fillRect(...at);
        ctx.drawImage(tile(maps[n], side, ...colors), ...at);
      }
    };
    last();
  };
  return { el, draw };
}

// ---- The figure. ----------------------------------------------------------------------------------------

function render({ model, el }) {
  const classes = model.get("classes") ?? [];
  const net = unpack(model.get("_weights"), model.get("_maps"), classes.length);
  if (!net) {
    const text = "This figure cannot answer: the network's weights are missing or incomplete. Run the lab again to store them.";
    el.append(h("p", { class: "fig-note", role: "alert" }, text));
    return;
  }
  const [mapsA, mapsB] = model.get("_maps");
  const stored = bytes(model.get("_examples") ?? new ArrayBuffer(0));
  const examples = (model.get("_names") ?? []).map((name, n) => [name, stored.slice(n * PIXELS, (n + 1) * PIXELS)]);

  let gray = bytes(model.get("drawing")).slice(), lines = [], loaded = gray.some(Boolean);
  let pen = [0.5, 0.3], isDown = false, byKey = false, moved = 0, waiting = 0, asked = null, seen, shown = "";

  // The brightest that each layer gets on the examples: so maps can be compared while one draws.
  const peaks = [gray, ...examples.map(([, picture]) => picture)].map((picture) => {
    const { first, second } = run(net, Float32Array.from(picture, (v) => v / 255));
    return [Math.max(...first), Math.max(...second)];
  });
  const bright = [0, 1].map((layer) => Math.max(...peaks.map((peak) => peak[layer]), 1e-6));

  // -- The sheet
  const sheet = canvas2d(SIDE, SIDE, () => paint());
  const help = h("p", { class: "fig-hidden", id: figureId() }, "Arrow keys move the pen, with Shift further. Space puts it down and lifts it. Backspace takes back the last line, Delete clears the sheet.");
  for (const [name, value] of [["tabindex", 0], ["role", "application"], ["aria-label", "Sheet to draw on"], ["aria-describedby", help.id], ["class", "draw-sheet"]]) {
    sheet.el.setAttribute(name, value);
  }

  function paint() {
    const { ctx } = sheet, tone = color(el, "--fig-ink");
    sheet.size();
    ctx.imageSmoothingEnabled = false;
    if (loaded) ctx.drawImage(tile(Array.from(gray, (v) => v / 255), SIDE, tone), 0, 0, SIDE, SIDE);
    Object.assign(ctx, { lineWidth: 1.9, lineCap: "round", lineJoin: "round", strokeStyle: tone });
    for (const line of lines) {
      ctx.beginPath();
      line.forEach(([x, y]) => ctx.lineTo(x * SIDE, y * SIDE));
      if (line.length === 1) ctx.lineTo(line[0][0] * SIDE, line[0][1] * SIDE + 0.01);
      ctx.stroke();
    }
    if (byKey && document.activeElement === sheet.el) {
      const [x, y] = pen.map((v) => v * SIDE);
      Object.assign(ctx, { lineWidth: 0.25, strokeStyle: color(el, "--fig-focus"), fillStyle: color(el, "--fig-focus") });
      ctx.beginPath();
      ctx.arc(x, y, 1.3, 0, 7);
      if (isDown) ctx.fill();
      else ctx.stroke();
    }
  }

  const blank = () => [lines, loaded] = [[], false];
  function start(at) {
    if (loaded) blank();
    lines.push([at]);
  }
  function extend(at) {
    const line = lines[lines.length - 1], end = line[line.length - 1];
    if (Math.hypot(at[0] - end[0], at[1] - end[1]) > 0.004) line.push(at);
  }
  const place = (event) => {
    const box = sheet.el.getBoundingClientRect(), clip = (v) => Math.min(Math.max(v, 0), 1);
    return [clip((event.clientX - box.left) / box.width), clip((event.clientY - box.top) / box.height)];
  };
  let pointer = null;
  sheet.el.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pointer !== null) return;
    [pointer, byKey, isDown] = [event.pointerId, false, false];
    sheet.el.setPointerCapture(pointer);
    sheet.el.focus({ preventScroll: true });
    event.preventDefault();
    start(place(event));
    ask(event.timeStamp);
  });
  sheet.el.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) extend(place(one));
    ask(event.timeStamp);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    sheet.el.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      say();
    });
  }
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  sheet.el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const way = ways[event.key];
    if (way) {
      const far = event.shiftKey ? 0.12 : 0.04;
      pen = pen.map((v, axis) => Math.min(Math.max(v + far * way[axis], 0), 1));
      if (isDown) extend(pen);
    } else if (event.key === " ") {
      isDown = !isDown;
      if (isDown) start(pen);
      else say();
    } else if (event.key === "Backspace") undo();
    else if (event.key === "Delete") clear();
    else return;
    byKey = true;
    event.preventDefault();
    ask(event.timeStamp);
  });
  sheet.el.addEventListener("focus", () => {
    byKey = sheet.el.matches(":focus-visible") && pointer === null;
    paint();
  });
  sheet.el.addEventListener("blur", () => {
    [isDown, byKey] = [false, false];
    paint();
  });

  // -- The answer
  const answer = h("output", { class: "draw-answer" }), sure = h("span", { class: "draw-sure" });
  const rows = classes.map((name, k) => {
    const bar = h("i", {}), value = h("output", {});
    const row = h("tr", { onclick: () => wonder(k) }, h("th", { scope: "row" }, name), h("td", { class: "draw-track" }, bar), h("td", {}, value));
    return { row, bar, value };
  });
  const table = h("table", { class: "draw-bars" }, h("caption", { class: "fig-hidden" }, "Probability of each class"), h("colgroup", {}, h("col"), h("col"), h("col")), h("tbody", {}, rows.map(({ row }) => row)));

  // -- What the network sees and finds
  const maps = [
    grid(1, 1, "What the network reads, 28 by 28 pixels"),
    grid(mapsA, 4, `The ${mapsA} feature maps of the first layer`),
    grid(mapsB, 8, `The ${mapsB} feature maps of the second layer`),
    grid(1, 1, "What each place of the drawing adds to a class's score"),
  ];
  const lit = [h("output", { class: "fig-hidden" }), h("output", { class: "fig-hidden" })];
  const about = h("select", { "aria-label": "Class whose evidence is shown", onchange: () => wonder(about.selectedIndex - 1) }, h("option", {}, "answer"), classes.map((name) => h("option", {}, name)));
  const flow = h("div", { class: "draw-flow" },
    h("div", {}, h("div", { class: "fig-title" }, "It reads"), maps[0].el, h("div", { class: "draw-size" }, `${SIDE}×${SIDE} pixels`)),
    h("div", {}, h("div", { class: "fig-title" }, "Layer 1"), maps[1].el, h("div", { class: "draw-size" }, `${mapsA} maps of ${SIDE}×${SIDE}`), lit[0]),
    h("div", {}, h("div", { class: "fig-title" }, "Layer 2"), maps[2].el, h("div", { class: "draw-size" }, `${mapsB} maps of ${HALF}×${HALF}`), lit[1]),
    h("div", {}, h("div", { class: "fig-title" }, h("span", { class: "draw-for" }, "For"), " / ", h("span", { class: "draw-against" }, "against")), maps[3].el, h("div", { class: "draw-size" }, about)));

  function wonder(k) {
    asked = k >= 0 && k !== asked ? k : null;
    about.selectedIndex = asked === null ? 0 : asked + 1;
    showMaps();
  }

  function showMaps() {
    const cut = (all, side, scale) => Array.from({ length: all.length / (side * side) }, (_, n) =>
      all.subarray(n * side * side, (n + 1) * side * side).map((v) => v / scale));
    const [tone, blue, orange] = ["--fig-ink", "--fig-blue", "--fig-orange"].map((name) => color(el, name));
    maps[0].draw([Array.from(gray, (v) => v / 255)], SIDE, tone);
    maps[1].draw(cut(seen.first, SIDE, bright[0]), SIDE, blue);
    maps[2].draw(cut(seen.second, HALF, bright[1]), HALF, blue);
    const k = asked ?? best(), places = evidence(net, seen.pooled, k);
    const most = Math.max(...places.map(Math.abs), 4);
    maps[3].draw([places.map((v) => v / most)], QUARTER, blue, orange);
    maps[3].el.setAttribute("aria-label", `What each place adds to the score of ${classes[k]}: blue for it, orange against it`);
    rows.forEach(({ row }, n) => row.classList.toggle("draw-asked", n === asked));
  }

  const best = () => seen.answer.indexOf(Math.max(...seen.answer));
  function show(gone) {
    const order = [...seen.answer.keys()].sort((a, b) => seen.answer[b] - seen.answer[a]);
    const [one, two] = order.map((k) => classes[k]), p = seen.answer[order[0]], isEmpty = !gray.some(Boolean);
    answer.textContent = isEmpty ? "–" : p < 0.6 ? `${one} or ${two}?` : one;
    sure.textContent = isEmpty ? "nothing drawn, and still an answer" : p < 0.6 ? "not sure" : `with ${percent(p)}`;
    shown = isEmpty ? "The sheet is empty." : `Read as ${p < 0.6 ? `${one} or ${two}, not sure` : `${one}, ${percent(p)}`}.`;
    seen.answer.forEach((value, k) => {
      rows[k].bar.style.width = `${100 * value}%`;
      rows[k].value.textContent = percent(value);
      rows[k].value.title = value.toFixed(6);
      rows[k].row.classList.toggle("draw-best", k === order[0]);
    });
    [seen.first, seen.second].forEach((all, layer) => {
      const size = all.length / [mapsA, mapsB][layer];
      const tops = Array.from({ length: all.length / size }, (_, n) => Math.max(...all.subarray(n * size, (n + 1) * size)));
      lit[layer].textContent = `Largest value of each map: ${tops.map((top) => top.toFixed(2)).join(", ")}`;
    });
    showMaps();
    speed.textContent = `${seen.took.toFixed(1)} ms`;
    wait.textContent = gone === null ? "" : `, ${Math.max(performance.now() - gone, 0.1).toFixed(0)} ms after your move`;
  }

  // Read the sheet and answer. `gone` is when the reader moved; null where it was no reader.
  function read(gone) {
    if (!loaded) gray = ink(lines, model.get("center"));
    const begin = performance.now();
    seen = run(net, Float32Array.from(gray, (v) => v / 255));
    seen.took = performance.now() - begin;
    paint();
    show(gone);
  }
  // At most once for each picture that the screen shows, however fast the pen is.
  function ask(when) {
    moved ||= when;
    waiting ||= requestAnimationFrame(() => {
      read(moved);
      [moved, waiting] = [0, 0];
      tell();
    });
  }
  let own = null;
  function tell() {
    own = gray.slice();
    model.set("drawing", new DataView(own.buffer));
    model.set("probabilities", seen.answer);
    model.save_changes();
  }
  const say = () => requestAnimationFrame(() => requestAnimationFrame(() => announce(el, shown)));

  // -- Buttons
  function change(what) {
    return (event) => {
      what();
      isDown = false;
      ask(event?.timeStamp ?? performance.now());
      say();
    };
  }
  const clear = change(blank);
  const undo = change(() => (loaded ? blank() : lines.pop()));
  const load = (picture) => change(() => {
    blank();
    [gray, loaded] = [picture.slice(), true];
  });
  const thumbs = examples.map(([name, picture]) => {
    const face = h("span", { class: "draw-face" }), one = button("", load(picture));
    const draw = () => face.replaceChildren(tile(Array.from(picture, (v) => v / 255), SIDE, color(el, "--fig-ink")));
    one.setAttribute("aria-label", name);
    one.title = name;
    one.classList.add("draw-thumb");
    one.append(face);
    return { one, draw };
  });
  const fit = h("input", { type: "checkbox" });
  const center = bind(model, "center", (value) => {
    fit.checked = value;
    change(() => {})();
  });
  fit.checked = center.get();
  fit.addEventListener("change", () => center.set(fit.checked));

  const speed = h("output", {}), wait = h("output", {});
  el.append(
    h("div", { class: "draw-stage" },
      h("div", {}, h("div", { class: "draw-title" }, h("span", { class: "fig-title" }, "Draw a digit here"), " with mouse, finger, or keys"), sheet.el),
      h("div", { class: "draw-read" }, h("div", { class: "draw-head" }, h("span", { class: "fig-title" }, "Read as"), answer, sure), table)),
    h("div", { class: "fig-bar draw-tools" },
      h("div", { class: "draw-group" }, button("Clear", clear), button("Undo", undo)),
      h("label", { class: "draw-check" }, fit, h("span", {}, "Center and scale")),
      h("div", { class: "draw-group", role: "group", "aria-label": "Examples" }, thumbs.map(({ one }) => one))),
    flow,
    h("p", { class: "fig-note draw-note" }, model.get("about")),
    h("p", { class: "fig-note draw-cost" }, `${net.total.toLocaleString("en")} parameters, ${net.kb.toFixed(0)} kB, run in this page. Last answer: `, speed, wait, "."),
    help);

  const colors = () => {
    thumbs.forEach(({ draw }) => draw());
    paint();
    showMaps();
  };
  model.on("change:drawing", () => {
    const now = bytes(model.get("drawing"));
    if (now.length !== PIXELS || (own && now.every((v, n) => v === own[n]))) return;
    [gray, lines, loaded] = [now.slice(), [], now.some(Boolean)];
    read(null);
    own = gray.slice();
    model.set("probabilities", seen.answer);
    model.save_changes();
  });
  read(null);
  own = gray.slice();
  colors();
  return onTheme(el, colors);
}

export default { render };
