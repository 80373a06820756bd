// Networks with a hidden fault: train, run tests, name the fault (see clinic.py).

const CLASSES = 4;
const HIDDEN = 12;
const TRAIN = 80;
const VAL = 40;
const BATCH = 20;
const STEPS = 200;
const RATE = 0.3;
const EVERY = 4;
const FITTED = 6;
const CENTER = [40, 3];
const SPREAD = [12, 0.8];
const FAULTS = {
  healthy: "nothing: it is healthy",
  softmax: "softmax applied twice",
  kept: "old gradients never cleared",
  labels: "labels shuffled against inputs",
  dead: "hidden units dead from the start",
  path: "inputs scaled in training only",
};

function faultOf(patient) {
  const order = Object.keys(FAULTS);
  const draw = chance(101 + Math.floor((patient - 1) / order.length));
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order[(patient - 1) % order.length];
}

// ---- A patient: a network with its data and its way to train

const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));

function softmax(z) {
  const top = Math.max(...z);
  const e = z.map((v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

function makePatient(fault, seed) {
  const draw = chance(seed);
  const rows = range(TRAIN + VAL, (i) => {
    const angle = Math.PI * (0.25 + 0.5 * (i % CLASSES));
    const u = 1.1 * Math.cos(angle) + 0.42 * gaussian(draw);
    const v = 1.1 * Math.sin(angle) + 0.42 * gaussian(draw);
    return [CENTER[0] + SPREAD[0] * u, CENTER[1] + SPREAD[1] * v];
  });
  const y = rows.map((_, i) => i % CLASSES);
  const first = {
    W1: range(HIDDEN, () => range(2, () => gaussian(draw))),
    b1: range(HIDDEN, () => 0.3 * gaussian(draw) - (fault === "dead" ? 9 : 0)),
    W2: range(CLASSES, () => range(HIDDEN, () => (0.4 * gaussian(draw)) / Math.sqrt(HIDDEN))),
    b2: range(CLASSES, () => 0),
  };
  const targets = [...y];
  if (fault === "labels") {
    for (let i = TRAIN - 1; i > 0; i--) {
      const j = Math.floor(draw() * (i + 1));
      [targets[i], targets[j]] = [targets[j], targets[i]];
    }
  }
  const none = () => ({ W1: range(HIDDEN, () => [0, 0]), b1: range(HIDDEN, () => 0), W2: range(CLASSES, () => range(HIDDEN, () => 0)), b2: range(CLASSES, () => 0) });
  let w, g;
  const again = () => {
    w = structuredClone(first);
    g = none();
  };
  const input = (i, training) => (training || fault !== "path" ? rows[i].map((v, d) => (v - CENTER[d]) / SPREAD[d]) : rows[i]);
  const scores = (x) => {
    const a = w.W1.map((row, m) => Math.max(0, row[0] * x[0] + row[1] * x[1] + w.b1[m]));
    return { a, z: w.W2.map((row, k) => row.reduce((sum, v, m) => sum + v * a[m], 0) + w.b2[k]) };
  };
  const mean = (from, to, f) => range(to - from, (i) => f(from + i)).reduce((a, b) => a + b, 0) / (to - from);
  const loss = (from, to, labels, training) => mean(from, to, (i) => {
    let { z } = scores(input(i, training));
    if (fault === "softmax") z = softmax(z);
    const top = Math.max(...z);
    return top + Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0)) - z[labels[i]];
  });
  const right = (from, to, labels, training) => mean(from, to, (i) => {
    const { z } = scores(input(i, training));
    return z.indexOf(Math.max(...z)) === labels[i] ? 1 : 0;
  });
  function backward(from, to) {
    for (let i = from; i < to; i++) {
      const x = input(i, true);
      const { a, z } = scores(x);
      const p = softmax(z);
      let d = (fault === "softmax" ? softmax(p) : p).map((v, k) => (v - (k === targets[i] ? 1 : 0)) / (to - from));
      if (fault === "softmax") {
        const inner = d.reduce((sum, v, k) => sum + v * p[k], 0);
        d = d.map((v, k) => p[k] * (v - inner));
      }
      d.forEach((v, k) => {
        g.b2[k] += v;
        for (let m = 0; m < HIDDEN; m++) g.W2[k][m] += v * a[m];
      });
      for (let m = 0; m < HIDDEN; m++) {
        if (a[m] <= 0) continue;
        const da = d.reduce((sum, v, k) => sum + v * w.W2[k][m], 0);
        g.b1[m] += da;
        g.W1[m][0] += da * x[0];
        g.W1[m][1] += da * x[1];
      }
    }
    return Math.sqrt(Object.values(g).flat(2).reduce((sum, v) => sum + v * v, 0));
  }
  function step(from, to) {
    if (fault !== "kept") g = none();
    backward(from, to);
    for (const name of ["W1", "W2"]) w[name].forEach((row, i) => row.forEach((_, j) => (row[j] -= RATE * g[name][i][j])));
    for (const name of ["b1", "b2"]) w[name].forEach((_, i) => (w[name][i] -= RATE * g[name][i]));
  }
  function train() {
    again();
    const curve = [];
    for (let now = 0; now <= STEPS; now++) {
      if (now % EVERY === 0) curve.push([now, loss(0, TRAIN, targets, true), loss(TRAIN, TRAIN + VAL, y, false)]);
      const from = (now * BATCH) % TRAIN;
      step(from, from + BATCH);
    }
    return curve;
  }
  function vitals() {
    again();
    const found = { first: loss(0, TRAIN, targets, true) };
    const active = range(HIDDEN, (m) => range(TRAIN, (i) => scores(input(i, true)).a[m] > 0).some(Boolean));
    found.dead = active.filter((one) => !one).length / HIDDEN;
    const lengths = [0, 1].map(() => {
      if (fault !== "kept") g = none();
      return backward(0, FITTED);
    });
    found.twice = lengths[1] / lengths[0];
    again();
    for (let i = 0; i < 5 * STEPS; i++) step(0, FITTED);
    found.fit_loss = loss(0, FITTED, targets, true);
    found.fit_right = right(0, FITTED, targets, true);
    const curve = train();
    found.train = right(0, TRAIN, targets, true);
    found.path = right(0, TRAIN, targets, false);
    found.val = right(TRAIN, TRAIN + VAL, y, false);
    return { curve, found };
  }
  return { vitals };
}

// ---- Words

const percent = (value) => `${Math.round(100 * value)} %`;
const number = (value) => (value < 0.005 ? value.toFixed(3) : value < 100 ? value.toFixed(2) : "over 100");
const of = (share, all) => `${Math.round(share * all)} of ${all}`;

// Each test: its button, what it measures, and what a healthy network shows.
const TESTS = {
  first: ["First loss", (v) => `loss ${number(v.first)}`, "log 4 = 1.39, a guess"],
  fit: [`Fit one batch of ${FITTED}`, (v) => `loss ${number(v.fit_loss)}, ${of(v.fit_right, FITTED)} right`, `near 0, ${FITTED} of ${FITTED} right`],
  twice: ["Gradient twice, no step", (v) => `${number(v.twice)} times as long`, "1.00, the same"],
  dead: ["Count dead units", (v) => `${of(v.dead, HIDDEN)} never answer`, `0 of ${HIDDEN}, or few`],
  path: ["Training data, evaluated", (v) => `${percent(v.path)} right, ${percent(v.train)} in training`, "both the same"],
};

// What each diagnosis would show, in a sentence with what this patient shows.
const SHOWS = {
  healthy: (v) => `A healthy network learns and passes all five tests. This one gets ${percent(v.train)} of its training data right, ${percent(v.val)} of the validation data.`,
  softmax: (v) => `With two softmaxes the loss cannot fall below 0.74, even with all ${FITTED} examples of one batch right. Here: loss ${number(v.fit_loss)}, ${of(v.fit_right, FITTED)} right.`,
  kept: (v) => `If gradients are never cleared, a second pass without a step doubles what is stored. Here it becomes ${number(v.twice)} times as long.`,
  labels: (v) => `With shuffled labels a network can still fit one batch, but hardly the training set, and never the validation set. Here: ${of(v.fit_right, FITTED)} of the batch, ${percent(v.train)} and ${percent(v.val)}.`,
  dead: (v) => `Dead units answer to no example, and pass no gradient. Here ${of(v.dead, HIDDEN)} never answer.`,
  path: (v) => `If evaluation treats inputs in another way, the very training data come out worse there. Here: ${percent(v.path)} right, ${percent(v.train)} in training.`,
};

const CURES = {
  healthy: "Stop looking for a fault; compare with a baseline.",
  softmax: "Give cross-entropy the scores.",
  kept: "Call zero_grad before each backward pass.",
  labels: "Permute inputs and labels by one and the same index.",
  dead: "Start the biases at zero.",
  path: "Use one function to prepare inputs, everywhere.",
};

// ---- The chart

function chart() {
  const [width, height, left, right, top, bottom, most] = [340, 236, 34, 6, 8, 40, 3];
  const x = (step) => left + (step / STEPS) * (width - left - right);
  const y = (value) => top + (1 - Math.min(value, most) / most) * (height - top - bottom);
  const text = (attributes, words) => h("svg:text", { fill: "var(--fig-muted)", "font-size": 12, ...attributes }, words);
  const marks = [0, 1, 2, 3].flatMap((value) => [
    h("svg:line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: "var(--fig-line)" }),
    text({ x: left - 7, y: y(value) + 4, "text-anchor": "end" }, value),
  ]);
  const guess = h("svg:line", { x1: left, x2: width - right, y1: y(Math.log(4)), y2: y(Math.log(4)), stroke: "var(--fig-muted)", "stroke-dasharray": "2 4" });
  const ticks = [0, 100, 200].map((step) => text({ x: x(step), y: height - bottom + 16, "text-anchor": step === 200 ? "end" : "middle" }, step));
  const lines = ["blue", "orange"].map((hue, i) => h("svg:path", { fill: "none", stroke: `var(--fig-${hue})`, "stroke-width": 2, "stroke-dasharray": i ? "6 4" : null }));
  const svg = h("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Training and validation loss over 200 steps; a dotted line shows the loss of a guess, log 4" },
    marks, guess, ticks, text({ x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, "step"), lines);
  const key = (hue, words) => h("span", { class: `cl-key cl-${hue}` }, words);
  const el = h("div", {}, h("p", { class: "cl-keys" }, h("span", { class: "fig-title" }, "Loss"), key("blue", "training"), key("orange", "validation"), key("guess", "guess")), svg);
  const draw = (curve) => lines.forEach((line, i) => line.setAttribute("d", curve.map((row, n) => `${n ? "L" : "M"}${x(row[0]).toFixed(1)} ${y(Number.isFinite(row[i + 1]) ? row[i + 1] : most).toFixed(1)}`).join("")));
  return { el, draw };
}

function render({ model, el }) {
  const names = ["patient", "tests", "guess", "solved", "seen"];
  let frame = 0;
  const later = () => {
    if (!frame) frame = requestAnimationFrame(draw);
  };
  const traits = Object.fromEntries(names.map((name) => [name, bind(model, name, later)]));
  let kept = { patient: 0 };
  function examined() {
    const patient = traits.patient.get();
    if (kept.patient !== patient) kept = { patient, fault: faultOf(patient), ...makePatient(faultOf(patient), patient).vitals() };
    return kept;
  }

  const title = h("p", { class: "fig-title cl-title" });
  const score = h("output", { class: "cl-score" });
  const next = button("Next patient", () => {
    model.set("tests", []);
    model.set("guess", "");
    traits.patient.set(traits.patient.get() + 1);
    picked = "";
    list.set("");
  });
  const curves = chart();
  const facts = h("p", { class: "cl-facts" });
  const rows = Object.entries(TESTS).map(([name, [label, , healthy]]) => {
    const one = button(label, () => {
      if (!traits.tests.get().includes(name)) traits.tests.set([...traits.tests.get(), name]);
    });
    const result = h("output", {});
    return { name, one, result, el: h("div", { class: "cl-test" }, one, h("p", { class: "cl-result" }, result, h("span", {}, `healthy: ${healthy}`))) };
  });

  let picked = traits.guess.get();
  const list = choice("Your diagnosis", [["", "choose one"], ...Object.entries(FAULTS)], picked, (value) => {
    picked = value;
    diagnose.disabled = !value;
  });
  const diagnose = button("Diagnose", () => {
    const patient = traits.patient.get();
    if (!traits.seen.get().includes(patient)) {
      model.set("seen", [...traits.seen.get(), patient]);
      if (picked === examined().fault) model.set("solved", [...traits.solved.get(), patient]);
    }
    traits.guess.set(picked);
  });
  diagnose.classList.add("fig-primary");
  const verdict = h("p", { class: "fig-note cl-verdict", "aria-live": "polite" });

  function draw() {
    frame = 0;
    const { patient, fault, curve, found } = examined();
    const [tests, guess] = [traits.tests.get(), traits.guess.get()];
    title.textContent = `Patient ${patient}`;
    score.textContent = `${traits.solved.get().length} of ${traits.seen.get().length} right at the first try`;
    curves.draw(curve);
    facts.replaceChildren("In the end right: training ", h("b", {}, percent(found.train)), ", validation ", h("b", {}, percent(found.val)));
    for (const { name, one, result } of rows) {
      const run = tests.includes(name);
      result.textContent = run ? TESTS[name][1](found) : "not run yet";
      result.dataset.run = run;
      one.setAttribute("aria-pressed", String(run));
    }
    diagnose.disabled = !picked;
    verdict.dataset.right = guess ? String(guess === fault) : "";
    if (!guess) verdict.textContent = "Which tests do you need? Run few, and name the fault before you have run them all, if you can.";
    else if (guess === fault) verdict.textContent = `Right. ${SHOWS[fault](found)} ${CURES[fault]}`;
    else verdict.textContent = `No. ${SHOWS[guess](found)}`;
  }

  el.append(
    h("div", { class: "cl" },
      h("div", { class: "cl-head" }, title, score, next),
      h("div", { class: "cl-body" }, h("div", {}, curves.el, facts), h("div", { class: "cl-tests" }, rows.map((row) => row.el))),
      h("div", { class: "cl-ask" }, list.el, diagnose),
      verdict,
    ),
  );
  draw();
  return () => cancelAnimationFrame(frame);
}

export default { render };
