// The axes of five normalizations: touch a cell, and its set lights up (see axes.py).

const EXAMPLES = 4;
const CHANNELS = 4;
const POSITIONS = 4;
const EPS = 1e-5;
const LOW = -20;
const HIGH = 20;
const START = [
  2, 5, 0, 1, -3, -1, -2, 2, 9, -6, 12, 1, 1, 0, 4, -1, 4, 1, 3, 0, 0, -4, 1, -1, -8, 4, 10, 6, 2, 3, -2, 1,
  -1, 2, 1, 6, -2, 1, -5, 2, 7, 14, -3, -6, 0, -1, 2, 3, 8, 9, 6, 11, 5, 3, 7, 4, 16, 2, 11, 19, 6, 9, 7, 8,
];
const NORMS = [["batch", "batch norm"], ["layer", "layer norm"], ["instance", "instance norm"], ["group", "group norm"], ["rms", "RMSNorm"]];

const index = (n, c, p) => (n * CHANNELS + c) * POSITIONS + p;
const signed = (value, digits) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");

// For each norm the set that a number belongs to.
function labelOf({ norm, groups }, n, c) {
  if (norm === "batch") return c;
  if (norm === "layer" || norm === "rms") return n;
  return CHANNELS * n + (norm === "instance" ? c : Math.floor(c / (CHANNELS / groups)));
}

// All numbers in the batch with their places, outputs, and the statistics of each set.
function normalize(state) {
  const sets = new Map();
  for (let n = 0; n < state.batch; n++)
    for (let c = 0; c < CHANNELS; c++)
      for (let p = 0; p < state.side ** 2; p++) {
        const label = labelOf(state, n, c);
        if (!sets.has(label)) sets.set(label, []);
        sets.get(label).push(index(n, c, p));
      }
  const out = new Map();
  const found = new Map();
  for (const [label, places] of sets) {
    const x = places.map((i) => state.values[i]);
    const average = (all) => all.reduce((sum, v) => sum + v, 0) / all.length;
    const mean = state.norm === "rms" ? 0 : average(x);
    const square = average(x.map((v) => (v - mean) ** 2));
    places.forEach((i) => out.set(i, (state.values[i] - mean) / Math.sqrt(square + EPS)));
    found.set(label, { places, mean, square });
  }
  return { out, found };
}

function words({ norm, groups, batch, side }, n, c) {
  const who = batch > 1 ? `all ${batch} examples` : "the only example";
  if (norm === "batch") return `channel ${c + 1} of ${who}`;
  if (norm === "instance") return `channel ${c + 1} of example ${n + 1}`;
  if (norm !== "group" || groups === 1) return `all channels of example ${n + 1}`;
  const size = CHANNELS / groups;
  const first = Math.floor(c / size) * size + 1;
  return `${size === 1 ? `channel ${first}` : `channels ${first} and ${first + size - 1}`} of example ${n + 1}${side === 1 && size === 1 ? ", a single number" : ""}`;
}

function remark({ norm, groups, batch, side }, count) {
  if (count === 1) return "A set of one number: it minus its own mean is 0, whatever it was. Nothing of the input is left.";
  if (count === 2) return "A set of two: the larger becomes 1, the smaller −1, whatever they were. Only their order is left.";
  if (norm === "batch" && batch === 1) return "With one example, batch norm can only average over the positions: it has become instance norm.";
  if (norm === "batch") return "Look down a column: an example's output depends on who else is in the batch. Shift a channel by 5: does any output change?";
  if (norm === "layer") return "Look along a row: every example for itself. Shift an example by 5, then a channel: which of the two is forgotten?";
  if (norm === "rms") return "The set of layer norm, but no mean is subtracted. Shift the example by 5, and compare with layer norm.";
  if (norm === "instance") return "Each little image for itself: its brightness and its contrast are gone. Shift example or channel by 5: no output changes.";
  return groups === 1 ? "One group: this is layer norm." : groups === CHANNELS ? "As many groups as channels: this is instance norm." : "Between layer norm and instance norm: change the number of groups to reach either.";
}

function render({ model, el }) {
  const names = ["norm", "groups", "batch", "side", "cell", "values"];
  let before = null; // the outputs before the reader changed a value
  let kept = "";
  const traits = Object.fromEntries(names.map((name) => [name, bind(model, name, () => draw())]));
  const state = () => {
    const all = Object.fromEntries(names.map((name) => [name, traits[name].get()]));
    const [n, c, p] = all.cell;
    all.cell = [Math.min(n, all.batch - 1), c, Math.min(p, all.side ** 2 - 1)];
    return all;
  };

  // ---- The two grids
  const inputs = new Map();
  const outputs = new Map();
  const touch = (n, c, p) => traits.cell.set([n, c, p]);
  function grid(title, cells, make) {
    const rows = [];
    for (let n = 0; n < EXAMPLES; n++) {
      rows.push(h("span", { class: "nx-row", "aria-hidden": "true" }, n + 1));
      for (let c = 0; c < CHANNELS; c++) {
        const block = h("div", { class: "nx-block" });
        for (let p = 0; p < POSITIONS; p++) {
          const one = make(n, c, p);
          cells.set(index(n, c, p), one);
          block.append(one);
        }
        rows.push(block);
      }
    }
    const heads = Array.from({ length: CHANNELS }, (_, c) => h("span", { class: "nx-head", "aria-hidden": "true" }, c ? c + 1 : "channel 1"));
    return h("div", { class: "nx-part" }, h("p", { class: "fig-title" }, title), h("div", { class: "nx-grid", role: "group", "aria-label": title }, h("span", {}), heads, rows));
  }
  function move(event, [n, c, p]) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    const { side, batch } = state();
    const clamp = (v, top) => Math.max(0, Math.min(top, v));
    const x = clamp(c * side + (p % side) + way[0], CHANNELS * side - 1);
    const y = clamp(n * side + Math.floor(p / side) + way[1], batch * side - 1);
    const to = [Math.floor(y / side), Math.floor(x / side), (y % side) * side + (x % side)];
    touch(...to);
    inputs.get(index(...to)).focus();
    event.preventDefault();
  }
  const left = grid("Input, an example a row: touch a cell", inputs, (n, c, p) =>
    h("button", { type: "button", class: "nx-cell", onclick: () => touch(n, c, p), onkeydown: (event) => move(event, [n, c, p]) }),
  );
  const right = grid("Normalized", outputs, (n, c, p) => h("div", { class: "nx-cell nx-out", onclick: () => touch(n, c, p) }));

  // ---- Controls
  const controls = {
    norm: choice("Normalization", NORMS, model.get("norm"), traits.norm.set),
    groups: choice("Groups G", [1, 2, 4].map((g) => [g, String(g)]), model.get("groups"), traits.groups.set),
    side: choice("Image", [[2, "2 × 2 positions"], [1, "1 position (an MLP)"]], model.get("side"), traits.side.set),
    batch: slider("Examples in the batch", { min: 1, max: EXAMPLES, value: model.get("batch") }, traits.batch.set),
  };
  const change = (f) => {
    const now = state();
    traits.values.set(now.values.map((v, i) => f(v, Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4, now)));
  };
  const value = slider("Value of the touched cell", { min: LOW, max: HIGH, value: 0, format: (v) => signed(v, 0) }, (wanted) =>
    change((v, n, c, p, now) => (index(n, c, p) === index(...now.cell) ? wanted : v)),
  );
  const shift = (which) => () => {
    const now = state();
    const mine = now.values.filter((_, i) => [Math.floor(i / 16), Math.floor(i / 4) % 4][which] === now.cell[which]);
    const by = Math.max(...mine) + 5 > HIGH ? -5 : 5;
    before = null; // count what this press changes
    fresh();
    change((v, n, c) => ([n, c][which] === now.cell[which] ? v + by : v));
  };
  const buttons = [
    button("Shift its example by 5", shift(0)),
    button("Shift its channel by 5", shift(1)),
    button("Reset", () => {
      before = null;
      kept = "";
      traits.values.set(START.slice());
    }),
  ];

  // ---- The words
  const what = h("output", { class: "nx-what" });
  const mean = h("output", { class: "nx-mean" });
  const square = h("output", { class: "nx-square" });
  const result = h("output", { class: "nx-result" });
  const changed = h("output", { class: "nx-changed" });
  const labels = { mean: h("span", {}), square: h("span", {}) };
  const facts = h("div", { class: "nx-facts" },
    h("p", {}, "Set: ", what),
    h("p", {}, labels.mean, mean, labels.square, square, ". This cell: ", result),
    h("p", {}, changed),
  );
  const note = h("p", { class: "fig-note", "aria-live": "polite" });

  function fresh() {
    const now = state();
    const key = JSON.stringify([now.norm, now.groups, now.batch, now.side, now.cell]);
    if (key !== kept || !before) [kept, before] = [key, normalize(now).out];
  }

  function draw() {
    const now = state();
    fresh();
    const [n, c, p] = now.cell;
    const { out, found } = normalize(now);
    const set = found.get(labelOf(now, n, c));
    const members = new Set(set.places);
    let count = 0;
    for (let i = 0; i < EXAMPLES * CHANNELS * POSITIONS; i++) {
      const [input, output] = [inputs.get(i), outputs.get(i)];
      const there = out.has(i);
      const outside = i % POSITIONS >= now.side ** 2;
      const moved = there && Math.abs(out.get(i) - before.get(i)) > 1e-6;
      count += moved;
      for (const one of [input, output]) {
        one.hidden = outside;
        one.dataset.in = members.has(i);
        one.dataset.there = there;
        one.dataset.touched = i === index(n, c, p);
      }
      input.disabled = !there;
      input.tabIndex = i === index(n, c, p) ? 0 : -1;
      input.setAttribute("aria-pressed", String(i === index(n, c, p)));
      const place = `example ${Math.floor(i / 16) + 1}, channel ${(Math.floor(i / 4) % 4) + 1}, position ${(i % 4) + 1}`;
      input.setAttribute("aria-label", `${place}: ${signed(now.values[i], 0)}${members.has(i) ? ", in the set" : ""}`);
      input.textContent = signed(now.values[i], 0);
      output.textContent = there ? signed(out.get(i), 2) : "";
      output.dataset.moved = moved;
    }
    for (const part of [left, right]) part.dataset.side = now.side;
    what.textContent = `${words(now, n, c)}, ${members.size} ${members.size === 1 ? "number" : "numbers"}`;
    const rms = now.norm === "rms";
    labels.mean.textContent = rms ? "" : "Mean ";
    mean.textContent = rms ? "" : signed(set.mean, 2);
    labels.square.textContent = rms ? "Mean square (no mean is subtracted) " : ", variance ";
    square.textContent = signed(set.square, 2);
    result.textContent = `${signed(now.values[index(n, c, p)], 0)} becomes ${signed(out.get(index(n, c, p)), 2)}`;
    const total = now.batch * CHANNELS * now.side ** 2;
    changed.textContent = `Changed by your last move: ${count} of ${total} outputs`;
    note.textContent = remark(now, members.size);
    for (const name of ["norm", "groups", "side", "batch"]) controls[name].set(now[name]);
    controls.groups.input.disabled = now.norm !== "group";
    value.set(now.values[index(n, c, p)]);
  }

  el.append(
    h("div", { class: "nx" },
      h("div", { class: "nx-choices" }, controls.norm.el, controls.groups.el, controls.side.el, controls.batch.el),
      h("div", { class: "nx-parts" }, left, right),
      facts,
      h("div", { class: "nx-bar" }, value.el, h("div", { class: "nx-buttons" }, buttons)),
      note,
    ),
  );
  draw();
}

export default { render };
