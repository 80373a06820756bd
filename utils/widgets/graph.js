// The computational graph stepper. The expressions come from Python as tables of nodes
// (utils/widgets/graph.py); here they are evaluated, drawn, and put into words.

const WIDTH = 344;
const HEIGHT = 500;
const SIDE = 484; // the least height of .graph-side in graph.css
const CARD = { width: 84, long: 100, wide: 124, height: 54 };

// For each operation: its value and its slopes (one for each parent), and how both are written.
const sigma = (a) => 1 / (1 + Math.exp(-a));
const OPERATIONS = {
  add: {
    value: (...a) => a.reduce((sum, b) => sum + b),
    slopes: (...a) => a.map(() => 1),
    numbers: (...a) => a.map((b, i) => (i ? paren(b) : number(b))).join(" + "),
    rules: (...names) => names.map(() => "1"),
  },
  subtract: {
    value: (a, b) => a - b,
    slopes: () => [1, -1],
    numbers: (a, b) => `${number(a)} − ${paren(b)}`,
    rules: () => ["1", "−1"],
  },
  multiply: {
    value: (a, b) => a * b,
    slopes: (a, b) => [b, a],
    numbers: (a, b) => `${number(a)} × ${paren(b)}`,
    rules: (a, b) => [b, a],
  },
  square: {
    value: (a) => a * a,
    slopes: (a) => [2 * a],
    numbers: (a) => `${paren(a)}²`,
    rules: (a) => [`2${a}`],
  },
  increment: {
    value: (a) => a + 1,
    slopes: () => [1],
    numbers: (a) => `${number(a)} + 1`,
    rules: () => ["1"],
  },
  relu: {
    value: (a) => Math.max(a, 0),
    slopes: (a) => [a > 0 ? 1 : 0],
    numbers: (a) => `ReLU(${number(a)})`,
    rules: () => ["ReLU′(z)"],
  },
  sigmoid: {
    value: sigma,
    slopes: (a) => [sigma(a) * (1 - sigma(a))],
    numbers: (a) => `σ(${number(a)})`,
    rules: () => ["p(1 − p)"],
  },
  surprise: {
    value: (a) => -Math.log(a),
    slopes: (a) => [-1 / a],
    numbers: (a) => `−ln ${paren(a)}`,
    rules: (a) => [`−1/${a}`],
  },
};

// ---- Numbers as text: three digits where there are more, whole numbers in full

function number(value) {
  if (Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === Infinity) return `${sign}∞`;
  if (size === 0) return "0";
  if (Number.isInteger(value) && size < 1e5) return sign + size;
  if (size >= 1e5 || size < 1e-3) {
    const [digits, power] = size.toExponential(2).split("e");
    return `${sign}${Number(digits)}×10${raised(power)}`;
  }
  return sign + (size >= 100 ? Math.round(size) : Number(size.toPrecision(3)));
}

const paren = (value) => (value < 0 ? `(${number(value)})` : number(value));

// "= 0.5", or "≈ 0.197" where digits were left out.
function equals(value) {
  const text = number(value).replace("−", "-");
  const exact = !Number.isFinite(value) || Number(text) === value;
  return `${exact ? "=" : "≈"} ${number(value)}`;
}

// ---- The computation

// Everything there is to know after so many steps. A gradient is a list of parts, one for each
// child that has spoken; they are added up.
function compute(nodes, inputs, step) {
  const operations = nodes.filter((node) => node.op);
  const count = operations.length;
  const value = {};
  for (const node of nodes.filter((one) => !one.op)) value[node.name] = inputs[node.name];
  for (const node of operations) {
    value[node.name] = OPERATIONS[node.op].value(...node.parents.map((name) => value[name]));
  }
  const known = new Set(nodes.filter((node) => !node.op).map((node) => node.name));
  operations.slice(0, step).forEach((node) => known.add(node.name));
  const parts = {};
  const result = nodes[nodes.length - 1].name;
  if (step > count) parts[result] = [{ product: 1 }];
  const total = (name) => parts[name].reduce((sum, part) => sum + part.product, 0);
  const spoken = [...operations].reverse().slice(0, Math.max(0, step - count - 1));
  for (const node of spoken) {
    const slopes = OPERATIONS[node.op].slopes(...node.parents.map((name) => value[name]));
    node.parents.forEach((name, i) => {
      const arriving = total(node.name);
      const part = { from: node.name, arriving, slope: slopes[i], product: arriving * slopes[i] };
      (parts[name] ??= []).push(part);
    });
  }
  let phase = "backward";
  if (step <= count) phase = step ? "forward" : "start";
  else if (step === count + 1) phase = "turn";
  const now = { forward: operations[step - 1], turn: operations[count - 1] };
  const current = now[phase] ?? spoken[spoken.length - 1];
  return { step, count, phase, current, value, known, parts, total, last: 2 * count + 1 };
}

const uses = (nodes, name) => nodes.filter((node) => node.parents.includes(name)).length;

// ---- The step in words: a heading, lines of colored pieces, a remark

const piece = (kind, text) => h("span", { class: `graph-${kind}` }, text);

function words(nodes, state) {
  const { phase, current, value, count, step } = state;
  if (phase === "start") {
    return ["Start", [], "The inputs have values, and nothing is computed yet. Step on: forward first."];
  }
  const name = current.name;
  if (phase === "turn") {
    const remark = `${name} follows itself one to one. Now against the arrows: each node passes on its gradient, times the local derivative.`;
    return ["Backward: the beginning", [[piece("gradient", `∂${name}/∂${name} = 1`)]], remark];
  }
  const at = current.parents.map((parent) => value[parent]);
  const operation = OPERATIONS[current.op];
  if (phase === "forward") {
    const line = [
      `${current.formula} = ${operation.numbers(...at)} `,
      piece("value", equals(value[name])),
    ];
    return [`Forward, ${step} of ${count}`, [line], remarkForward(state)];
  }
  const rules = operation.rules(...current.parents);
  const slopes = operation.slopes(...at);
  const local = current.parents.map((parent, i) => {
    const rule = rules[i] === number(slopes[i]) ? "" : `${rules[i]} `;
    return [i ? ", " : "", `∂${name}/∂${parent} = ${rule}`, piece("slope", rule ? equals(slopes[i]) : number(slopes[i]))];
  });
  const lines = current.parents.map((parent) => product(nodes, state, parent));
  const title = `Backward, ${step - count - 1} of ${count}: the turn of ${name}`;
  return [title, [["Local: ", local].flat(2), ...lines], remarkBackward(state)];
}

// One arrow of the backward sweep: ∂L/∂w = ∂L/∂p · ∂p/∂w = 4 × 2 = 8, and what was there before.
function product(nodes, { current, parts, total }, parent) {
  const d = (name) => `∂${nodes[nodes.length - 1].name}/∂${name}`;
  const part = parts[parent][parts[parent].length - 1];
  const paths = uses(nodes, parent);
  const line = [
    paths > 1 ? `${d(parent)}, path ${parts[parent].length} of ${paths}: ` : `${d(parent)} = `,
    `${d(current.name)} · ∂${current.name}/∂${parent} `,
    piece("whole", [
      "= ",
      piece("gradient", number(part.arriving)),
      " × ",
      piece("slope", paren(part.slope)),
      " ",
      piece("gradient", equals(part.product)),
    ]),
  ];
  if (parts[parent].length > 1) {
    const all = parts[parent].map((one, i) => (i ? paren(one.product) : number(one.product)));
    line[line.length - 1].append(",");
    line.push(" together ", piece("whole", piece("gradient", `${all.join(" + ")} ${equals(total(parent))}`)));
  }
  return line;
}

function remarkForward({ current, value, step, count }) {
  if (!Number.isFinite(value[current.name])) return TOO_LARGE;
  if (step === count) return "The forward sweep is done. Its values are kept: the way back needs them.";
  if (current.op !== "relu") return "";
  return value[current.parents[0]] > 0
    ? "Positive: ReLU lets it through."
    : "Not positive: ReLU answers 0.";
}

const TOO_LARGE =
  "Out of the range of 64-bit numbers: ∞ was too large, and NaN has no value at all, as ∞ × 0.";

function remarkBackward({ current, parts, step, last }) {
  const into = current.parents.map((name) => parts[name][parts[name].length - 1]);
  const end = step === last ? "Done. Step begins again." : "";
  if (into.some((part) => !Number.isFinite(part.product))) return TOO_LARGE;
  if (current.op === "relu" && into[0].slope === 0) {
    return `ReLU is flat here. Everything before it receives 0 and cannot learn. ${end}`;
  }
  if (current.op === "sigmoid" && into[0].slope < 0.01) {
    return `The sigmoid is almost flat here: it lets little of the gradient through. ${end}`;
  }
  return end;
}

// ---- The drawing

function layout(nodes) {
  const layers = 1 + Math.max(...nodes.map((node) => node.at[1]));
  const pitch = Math.min(150, (HEIGHT - CARD.height - 4) / (layers - 1));
  const top = (HEIGHT - CARD.height - pitch * (layers - 1)) / 2;
  const places = {};
  for (const node of nodes) {
    const short = node.formula.length > 11 ? CARD.long : CARD.width;
    const width = uses(nodes, node.name) > 1 ? CARD.wide : short;
    places[node.name] = { x: node.at[0], y: top + node.at[1] * pitch, width, layer: node.at[1] };
  }
  return places;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// From the foot of the parent to the head of the child; `at` is where its label stands.
function edge(from, to) {
  const shift = clamp((to.x - from.x) * 0.25, -26, 26);
  const [x0, y0] = [from.x + shift, from.y + CARD.height];
  const [x1, y1] = [to.x - shift, to.y];
  const t = to.layer - from.layer > 1 ? 0.72 : 0.46;
  return {
    down: `M${x0} ${y0}L${x1} ${y1 - 1}`,
    up: `M${x1} ${y1}L${x0} ${y0 + 1}`,
    at: [x0 + t * (x1 - x0), y0 + t * (y1 - y0)],
  };
}

function marker(id, kind) {
  return h("svg:marker", {
    id: `${id}-${kind}`, viewBox: "0 0 10 10", refX: 8, refY: 5, markerWidth: 9, markerHeight: 9,
    markerUnits: "userSpaceOnUse", orient: "auto",
  }, h("svg:path", { d: "M0 0.5 9.5 5 0 9.5z", class: `graph-head-${kind}` }));
}

// Draws the nodes of one expression once; show(state) then only changes texts and classes.
function drawing(nodes, onscrub) {
  const [places, id] = [layout(nodes), figureId()];
  const lines = h("svg:g", {});
  const cards = h("svg:g", {});
  const labels = h("svg:g", {});
  const edges = [];
  for (const node of nodes) {
    for (const parent of node.parents) {
      const curve = edge(places[parent], places[node.name]);
      const line = h("svg:path", { d: curve.down, class: "graph-edge", "marker-end": `url(#${id}-rest)` });
      const flow = h("svg:path", { class: "graph-flow", pathLength: 1 });
      const text = h("svg:text", { y: 4 });
      const box = h("svg:rect", { y: -9, height: 18, rx: 9 });
      const label = h("svg:g", { class: "graph-label", transform: `translate(${curve.at})` }, box, text);
      lines.append(line, flow);
      labels.append(label);
      edges.push({ node, parent, curve, line, flow, label, box, text });
    }
  }
  const boxes = nodes.map((node) => {
    const parts = card(node, places[node.name]);
    cards.append(parts.group);
    if (!node.op) onscrub(parts.group, node);
    return parts;
  });
  const el = h("svg:svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "graph-drawing" },
    h("svg:defs", {}, ["rest", "forward", "backward"].map((kind) => marker(id, kind))),
    lines, cards, labels);
  const show = (state) => {
    boxes.forEach((box) => showCard(box, nodes, state));
    edges.forEach((one) => showEdge(one, id, state));
    el.setAttribute("aria-label", spoken(nodes, state));
  };
  return { el, show };
}

function card(node, { x, y, width }) {
  const texts = ["formula", "value", "gradient"].map((kind, i) =>
    h("svg:text", { class: `graph-${kind}`, x: width / 2, y: [15, 31, 49][i] }));
  texts[0].textContent = node.formula || node.name;
  const [w, foot, end, r] = [width, 36, CARD.height, 7];
  const strip = h("svg:path", {
    class: "graph-strip",
    d: `M0 ${foot}H${w}V${end - r}A${r} ${r} 0 0 1 ${w - r} ${end}H${r}A${r} ${r} 0 0 1 0 ${end - r}z`,
  });
  const group = h("svg:g", { transform: `translate(${x - width / 2} ${y})` },
    h("svg:rect", { class: "graph-paper", width, height: end, rx: r }), strip,
    h("svg:rect", { class: "graph-frame", width, height: end, rx: r }), texts);
  return { node, group, width, value: texts[1], gradient: texts[2] };
}

function showCard(box, nodes, { value, known, parts, total, phase, current }) {
  const { name, op } = box.node;
  const got = parts[name];
  const turn = phase === "forward" ? "forward" : "backward";
  box.value.textContent = known.has(name) ? number(value[name]) : "";
  box.gradient.textContent = got ? sum(got, uses(nodes, name), total(name), box.width) : "";
  box.group.setAttribute("class", [
    "graph-card",
    op ? "" : "graph-given",
    known.has(name) ? "" : "graph-unknown",
    got ? "graph-reached" : "",
    current?.name === name ? `graph-${turn}` : "",
    phase === "backward" && current.parents.includes(name) ? "graph-receives" : "",
  ].filter(Boolean).join(" "));
}

// A gradient: one number, or the sum of what came along several paths, where there is room.
function sum(parts, paths, total, width) {
  if (paths < 2) return number(total);
  const text = parts.map((part, i) => (i ? paren(part.product) : number(part.product))).join(" + ");
  if (parts.length < paths) return `${text} + …`;
  const all = `${text} ${equals(total)}`;
  return all.length * 7 < width ? all : number(total);
}

function showEdge(one, id, { parts, phase, current }) {
  const { node, parent, curve } = one;
  const part = parts[parent]?.find((other) => other.from === node.name);
  const active = current === node && phase !== "turn" ? phase : "";
  one.line.classList.toggle("graph-under", active === "backward");
  one.label.classList.toggle("graph-shown", Boolean(part));
  one.label.classList.toggle("graph-active", active === "backward");
  one.text.textContent = part ? `×${number(part.slope)}` : "";
  const width = 12 + 6.6 * one.text.textContent.length;
  one.box.setAttribute("x", -width / 2);
  one.box.setAttribute("width", width);
  if (one.active === active) return;
  one.active = active;
  one.flow.setAttribute("class", `graph-flow ${active && `graph-${active}`}`);
  if (!active) return;
  one.flow.setAttribute("d", active === "backward" ? curve.up : curve.down);
  one.flow.setAttribute("marker-end", `url(#${id}-${active})`);
}

function spoken(nodes, { step, last, known, parts, value, total }) {
  const seen = nodes.filter((node) => known.has(node.name)).map((node) => {
    const gradient = parts[node.name] ? `, gradient ${number(total(node.name))}` : "";
    return `${node.name} ${number(value[node.name])}${gradient}`;
  });
  return `Computational graph of ${nodes.length} nodes after step ${step} of ${last}. ${seen.join("; ")}.`;
}

// ---- The table below: every number, for who wants them all or cannot see the drawing

function table(nodes, state) {
  const { known, parts, value, total } = state;
  const data = (kind, name, amount, shown) =>
    h("td", {}, shown ? h("data", { class: `graph-${kind}`, value: amount, "data-node": name }, number(amount)) : "–");
  const rows = nodes.map(({ name, formula }) => {
    const got = parts[name] ?? [];
    const along = got.filter((part) => part.from).map((part) =>
      h("div", {}, `${part.from}: `, piece("gradient", number(part.arriving)), " × ",
        h("data", { class: "graph-slope", value: part.slope, "data-node": name, "data-from": part.from },
          paren(part.slope)), ` ${equals(part.product)}`));
    return h("tr", {},
      h("th", { scope: "row" }, formula || name),
      data("value", name, value[name], known.has(name)),
      data("gradient", name, got.length ? total(name) : 0, got.length),
      h("td", {}, along.length ? along : "–"));
  });
  const heads = ["node", "value", "gradient", "received from"];
  return [
    h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows),
  ];
}

// ---- The inputs: a field to type in and a slider for each

function parse(text) {
  const plain = text.trim().replace(/[−–]/, "-").replace(",", ".");
  return plain === "" ? NaN : Number(plain);
}

function inputCell(node, { get, set, complain }) {
  const { name, ends: [min, max] } = node;
  const step = max - min > 4 ? 0.1 : 0.05;
  const tidy = (value) => Number(value.toFixed(4));
  const field = h("input", {
    type: "text", id: figureId(), autocomplete: "off", spellcheck: "false", class: "graph-field",
  });
  const range = h("input", { type: "range", min, max, step, "aria-label": `slider of ${name}` });
  const right = () => {
    field.removeAttribute("aria-invalid");
    complain(name, "");
  };
  const write = () => (field.value = String(get()).replace("-", "−"));
  const refresh = () => {
    range.value = get();
    if (document.activeElement !== field || parse(field.value) !== get()) write();
    right();
  };
  field.addEventListener("input", () => {
    const value = parse(field.value);
    if (Number.isFinite(value)) {
      right();
      set(value);
      return;
    }
    field.setAttribute("aria-invalid", "true");
    const shown = field.value.trim().slice(0, 12);
    complain(name, `${shown ? `“${shown}” is not a number` : "Type a number"}: ${name} stays ${number(get())}.`);
  });
  field.addEventListener("blur", () => {
    write();
    right();
  });
  field.addEventListener("keydown", (event) => {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    set(tidy(get() + way * step * (event.shiftKey ? 10 : 1)));
  });
  range.addEventListener("input", () => set(Number(range.value)));
  const el = h("div", { class: "graph-input" }, h("label", { for: field.id }, name), field, range);
  return { el, field, refresh, scrub: (from, pixels) => set(clamp(tidy(from + Math.round(pixels / 4) * step), min, max)) };
}

// Drag a card of an input sideways to change it; a click goes to its field. The sliders do the same
// for the keyboard.
function scrubbing(group, node, inputs, cells) {
  let start = null;
  group.addEventListener("pointerdown", (event) => {
    start = { x: event.clientX, value: inputs.get()[node.name], moved: false };
    group.setPointerCapture(event.pointerId);
  });
  group.addEventListener("pointermove", (event) => {
    if (!start || Math.abs(event.clientX - start.x) < 4) return;
    start.moved = true;
    cells[node.name].scrub(start.value, event.clientX - start.x);
  });
  group.addEventListener("pointerup", (event) => {
    if (start && !start.moved && event.pointerType === "mouse") cells[node.name].field.select();
    start = null;
  });
  group.addEventListener("pointercancel", () => (start = null));
}

// ---- The figure

function render({ model, el }) {
  const expressions = model.get("_expressions");
  let nodes, graph, cells, timer, said;
  let asked = false;
  const later = () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      update();
    });
  };
  const [expression, inputs, step] = ["expression", "inputs", "step"].map((name) => bind(model, name, later));
  const last = () => 2 * nodes.filter((node) => node.op).length + 1;
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
    later();
  };
  const go = (to) => change({ step: to > last() ? 0 : Math.max(to, 0) });
  const first = (list) => Object.fromEntries(list.filter((n) => !n.op).map((n) => [n.name, n.value]));

  const choose = choice("Expression", Object.entries(expressions).map(([key, { title }]) => [key, title]),
    expression.get(), (key) => {
      const list = expressions[key].nodes;
      const same = Object.keys(first(list)).join() === Object.keys(first(nodes)).join();
      pause();
      change(same ? { expression: key } : { expression: key, inputs: first(list), step: 2 * list.filter((n) => n.op).length + 1 });
    });
  const back = button("Back", () => (pause(), go(step.get() - 1)));
  const forth = button("Step", () => (pause(), go(step.get() + 1)));
  const play = button("Play", () => (timer ? pause() : start()));
  const reset = button("Reset", () => (pause(), change({ inputs: first(nodes), step: 0 })));
  forth.classList.add("fig-primary");
  const time = h("input", {
    type: "range", min: 0, step: 1, "aria-label": "Steps done",
    oninput: () => (pause(), go(Number(time.value))),
  });
  const heading = h("p", { class: "fig-title" });
  const lines = h("div", { class: "graph-lines" });
  const remark = h("p", { class: "graph-remark" });
  const hint = h("p", { class: "graph-hint" });
  const complaint = h("p", { class: "graph-complaint", role: "status" });
  const advice = "Or drag an input in the graph sideways.";
  const fields = h("div", { class: "graph-inputs" });
  const numbers = h("table", { class: "graph-table" });
  const view = h("div", {
    class: "graph-view", tabindex: 0, role: "group",
    "aria-label": "Computational graph: the arrow keys left and right step through it",
  });
  const side = h("div", { class: "graph-side" },
    h("div", { class: "graph-controls" },
      h("div", { class: "graph-time" }, time,
        h("div", { class: "graph-sweeps", "aria-hidden": "true" }, piece("value", "forward: values"), piece("gradient", "backward: gradients"))),
      h("div", { class: "graph-buttons" }, back, forth, play, reset)),
    h("div", { class: "graph-words" }, heading, lines, remark, hint),
    h("div", {}, fields, complaint));
  const root = h("div", { class: "graph-stepper", onkeydown: keys }, choose.el, view, side,
    h("details", { class: "graph-all" }, h("summary", {}, "All numbers"), numbers));
  el.append(root);

  function keys(event) {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way || event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    pause();
    go(step.get() + way);
  }

  function start() {
    play.textContent = "Pause";
    if (step.get() >= last()) go(0);
    timer = setInterval(() => {
      go(step.get() + 1);
      if (step.get() >= last()) pause();
    }, 1400);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function complain(name, text) {
    if (text) complaint.dataset.name = name;
    else if (complaint.dataset.name !== name) return;
    complaint.classList.toggle("graph-wrong", Boolean(text));
    complaint.textContent = text || advice;
  }

  function rebuild() {
    nodes = expressions[expression.get()].nodes;
    cells = {};
    graph = drawing(nodes, (group, node) => scrubbing(group, node, inputs, cells));
    for (const node of nodes.filter((one) => !one.op)) {
      cells[node.name] = inputCell(node, {
        get: () => inputs.get()[node.name],
        set: (value) => change({ inputs: { ...inputs.get(), [node.name]: value } }),
        complain,
      });
    }
    view.replaceChildren(graph.el);
    fields.replaceChildren(...Object.values(cells).map((cell) => cell.el));
    complaint.dataset.name = "";
    complain("", "");
    time.max = last();
    hint.textContent = `Try: ${expressions[expression.get()].hint}`;
    root.style.setProperty("--graph-split", `${(100 * (last() - 1)) / 2 / last()}%`);
  }

  function update() {
    if (expressions[expression.get()].nodes !== nodes) {
      rebuild();
      choose.set(expression.get());
    }
    // For a moment Python may have told us the new expression, and its inputs not yet.
    if (Object.keys(first(nodes)).some((name) => !(name in inputs.get()))) return;
    const state = compute(nodes, inputs.get(), clamp(step.get(), 0, last()));
    graph.show(state);
    Object.values(cells).forEach((cell) => cell.refresh());
    const [title, list, text] = words(nodes, state);
    heading.textContent = title;
    lines.replaceChildren(...list.map((pieces) => h("p", {}, pieces)));
    remark.textContent = text;
    numbers.replaceChildren(...table(nodes, state));
    hint.hidden = false;
    hint.hidden = side.offsetHeight > SIDE; // rather no hint than a figure that grows
    time.value = state.step;
    time.setAttribute("aria-valuetext", `${state.step} of ${state.last}: ${title}`);
    back.disabled = state.step === 0;
    if (said !== undefined && said !== state.step) announce(root, `${title}. ${lines.textContent} ${text}`);
    said = state.step;
  }

  update();
  return pause;
}

export default { render };
