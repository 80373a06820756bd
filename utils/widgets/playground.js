// A small network that learns in the page. playground.py computes the same numbers.

const SPAN = 2; // the plane reaches from -SPAN to SPAN
const GRID = 40; // cells of the pictures along each side
const POINTS = 100;
const RATES = [1, 2, 5].flatMap((digit) => [-3, -2, -1, 0, 1].map((e) => Number(`${digit}e${e}`)))
  .concat(100).sort((a, b) => a - b);
const DATA = [["xor", "XOR"], ["circles", "Circles"], ["moons", "Moons"], ["spiral", "Spiral"],
  ["blobs", "Two clouds"], ["empty", "My own (empty)"]];
const NAMES = ["orange", "blue"];
const SUB = "₀₁₂₃₄₅₆₇₈";
const GOOD_ENOUGH = 0.002; // a run stops when the loss falls below it
const LONG_RUN = 30000; // and after so many steps

const rounded = (value, digits) => Math.floor(value * 10 ** digits + 0.5) / 10 ** digits;
const within = (value) => rounded(Math.min(Math.max(value, -SPAN), SPAN), 3);

const MAKE = {
  xor(i, draw) {
    const [u, v] = [i & 1 ? 1 : -1, i & 2 ? 1 : -1];
    return [u * (0.25 + 1.5 * draw()), v * (0.25 + 1.5 * draw()), u === v ? 0 : 1];
  },
  circles(i, draw) {
    const angle = 2 * Math.PI * draw();
    const radius = (i % 2 ? 0.6 : 1.5) + 0.15 * gaussian(draw);
    return [radius * Math.cos(angle), radius * Math.sin(angle), i % 2];
  },
  moons(i, draw) {
    const [angle, side] = [Math.PI * draw(), i % 2 ? 1 : -1];
    return [1.1 * (Math.cos(angle) + 0.5 * side) + 0.12 * gaussian(draw),
      1.4 * side * (0.25 - Math.sin(angle)) + 0.12 * gaussian(draw), i % 2];
  },
  spiral(i, draw) {
    const t = Math.sqrt(((i >> 1) + 1) / (POINTS / 2));
    const angle = 2.5 * Math.PI * t + Math.PI * (i % 2);
    return [1.8 * t * Math.cos(angle) + 0.04 * gaussian(draw),
      1.8 * t * Math.sin(angle) + 0.04 * gaussian(draw), i % 2];
  },
  blobs(i, draw) {
    const side = i % 2 ? 1 : -1;
    return [0.8 * side + 0.45 * gaussian(draw), 0.7 * side + 0.45 * gaussian(draw), i % 2];
  },
};

function makePoints(data, seed = 1) {
  const draw = chance(seed);
  return Array.from({ length: data === "empty" ? 0 : POINTS }, (_, i) => {
    const [x1, x2, y] = MAKE[data](i, draw);
    return [within(x1), within(x2), y];
  });
}

function makeWeights(hidden, activation, seed) {
  const draw = chance(seed);
  const sizes = [2, ...hidden, 1];
  return sizes.slice(1).map((outputs, l) => {
    const scale = Math.sqrt((activation === "relu" ? 2 : 1) / sizes[l]);
    const numbers = (count, factor) =>
      Array.from({ length: count }, () => rounded(factor * gaussian(draw), 4));
    const W = Array.from({ length: outputs }, () => numbers(sizes[l], scale));
    return { W, b: l < hidden.length ? numbers(outputs, 0.3) : [0] };
  });
}

// ---- The network. What a layer computes for n points is a list of columns, one for each unit. ----
function sums({ W, b }, before, i) {
  const z = new Float64Array(before[0].length).fill(b[i]);
  before.forEach((a, j) => {
    const w = W[i][j];
    for (let k = 0; k < z.length; k++) z[k] += w * a[k];
  });
  return z;
}

function forward(weights, activation, inputs) {
  const layers = [inputs];
  weights.forEach((layer, l) => {
    layers.push(layer.b.map((_, i) => {
      const z = sums(layer, layers[l], i);
      if (l === weights.length - 1) return z;
      if (activation === "relu") for (let k = 0; k < z.length; k++) z[k] = z[k] <= 0 ? 0 : z[k];
      else for (let k = 0; k < z.length; k++) z[k] = Math.tanh(z[k]);
      return z;
    }));
  });
  return layers;
}

// Loss, gradients and how many points are on their side; the formulas stand in playground.py.
function evaluate(weights, { activation, loss_function: kind, points }) {
  const n = points.length;
  const inputs = [0, 1].map((d) => Float64Array.from(points, (point) => point[d]));
  const layers = forward(weights, activation, inputs);
  const z = layers[weights.length][0];
  let [loss, right] = [0, 0];
  let delta = [z.map((score, k) => {
    const y = points[k][2];
    right += score > 0 === (y === 1);
    if (kind === "cross-entropy") {
      loss += Math.max(score, 0) - score * y + Math.log1p(Math.exp(-Math.abs(score)));
      return (1 / (1 + Math.exp(-score)) - y) / n;
    }
    const error = score - (2 * y - 1);
    loss += error * error;
    return (2 * error) / n;
  })];
  const gradients = [];
  for (let l = weights.length - 1; l >= 0; l--) {
    const before = layers[l];
    gradients[l] = {
      W: delta.map((d) => before.map((a) => {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += d[k] * a[k];
        return sum;
      })),
      b: delta.map((d) => d.reduce((sum, one) => sum + one, 0)),
    };
    if (l) delta = before.map((a, j) => backward(weights[l].W, delta, a, j, activation));
  }
  const silent = activation === "relu"
    ? layers.slice(1, -1).findIndex((units) => units.every((a) => a.every((value) => value <= 0))) + 1
    : 0;
  return { loss: n ? loss / n : null, right, gradients, silent, scores: z };
}

function backward(W, delta, a, j, activation) {
  const sum = new Float64Array(a.length);
  delta.forEach((d, i) => {
    const w = W[i][j];
    for (let k = 0; k < a.length; k++) sum[k] += d[k] * w;
  });
  for (let k = 0; k < a.length; k++) {
    sum[k] *= activation === "relu" ? Number(a[k] > 0) : 1 - a[k] * a[k];
  }
  return sum;
}

const moved = (weights, gradients, rate) => weights.map(({ W, b }, l) => ({
  W: W.map((row, i) => row.map((w, j) => w - rate * gradients[l].W[i][j])),
  b: b.map((value, i) => value - rate * gradients[l].b[i]),
}));

const allFinite = (weights) =>
  weights.every(({ W, b }) => b.every(Number.isFinite) && W.every((row) => row.every(Number.isFinite)));

// ---- Training: what a step does, and what can go wrong ----
class Training {
  constructor(values) {
    this.take(values);
  }

  // Values of the synced traits, from Python or from the page's first state.
  take(values) {
    Object.assign(this, values);
    this.settle();
    if (values.diverged) this.diverge();
  }

  diverge() {
    this.diverged = true;
    this.now = { ...this.now, loss: NaN };
  }

  // Points, weights or settings are new: measure, and take this as the best so far.
  settle() {
    this.now = evaluate(this.weights, this);
    this.diverged = this.points.length > 0 && !Number.isFinite(this.now.loss);
    this.best = { ...this.now, weights: this.weights, steps: this.steps };
    if (!this.history.length && this.points.length && !this.diverged) this.history = [[this.steps, this.now.loss]];
  }

  restart() {
    this.weights = makeWeights(this.hidden, this.activation, this.seed);
    this.steps = 0;
    this.history = [];
    this.settle();
  }

  step() {
    if (this.diverged || !this.points.length) return false;
    const next = moved(this.weights, this.now.gradients, this.learning_rate);
    const measured = evaluate(next, this);
    this.steps += 1;
    if (!Number.isFinite(measured.loss) || !allFinite(next)) {
      this.diverge();
      return false;
    }
    this.weights = next;
    this.now = measured;
    if (measured.loss < this.best.loss) this.best = { ...measured, weights: next, steps: this.steps };
    this.remember();
    return true;
  }

  remember() {
    if (this.history.length >= 600) this.history = this.history.filter((_, i) => i % 2 === 0);
    const every = this.history.length > 1 ? this.history[1][0] - this.history[0][0] : 1;
    const last = this.history[this.history.length - 1];
    if (!last || this.steps - last[0] >= every) this.history.push([this.steps, this.now.loss]);
  }

  // Back to the best weights, with a tenth of the learning rate.
  rescue() {
    this.learning_rate = this.gentler;
    this.weights = this.best.weights;
    this.steps = this.best.steps;
    this.history = this.history.filter(([step]) => step <= this.steps);
    this.settle();
  }

  get gentler() {
    return Math.max(Number((this.learning_rate / 10).toPrecision(2)), RATES[0]);
  }

  get hasWayBack() {
    const { loss, steps, silent } = this.best;
    return (this.overshoots || this.now.silent > 0) && Number.isFinite(loss) && steps < this.steps && !silent;
  }

  // The loss of a network that always answers "I don't know".
  get guess() {
    return this.loss_function === "cross-entropy" ? Math.LN2 : 1;
  }

  get overshoots() {
    return this.diverged || (this.now.loss > 2 * this.guess && this.now.loss > 2 * this.best.loss);
  }

  // One or two sentences: what the reader sees, and what to try. Those with a way back beside them
  // are short, so that the text never needs more room than there is.
  says() {
    const { points, now, hidden, steps } = this;
    const rate = plain(this.learning_rate);
    const share = `${now.right} of ${points.length} points are right.`;
    if (!points.length) return "No points, so nothing to learn. Click the plane to put some there: blue ones, then orange ones.";
    if (this.diverged) return `Diverged in step ${steps}: the loss is no longer a finite number. At learning rate ${rate} every step overshoots by more than the one before.`;
    if (this.overshoots) return `Loss ${short(now.loss)}, far worse than a guess (${short(this.guess)}). At learning rate ${rate} every step jumps across the valley instead of down into it.`;
    const first = points[0][2];
    if (points.every((point) => point[2] === first)) {
      return `All points are ${NAMES[first]}: the output's bias alone can learn that. Add ${NAMES[1 - first]} points, and a boundary must appear.`;
    }
    if (now.silent) return `All units of layer ${now.silent} are silent: ReLU gives 0 at every point, so no gradient gets through, and they cannot learn any more.`;
    if (!steps) return "New random weights: the answer means nothing yet. Train, and watch which lines grow thick.";
    const hasWon = now.right === points.length;
    if (hasWon && now.loss < 0.1) return `All ${points.length} points are right. Would fewer units do? Drag a point deep into the other color and train on, or try other data.`;
    if (!hasWon && hidden[0] === 1 && steps > 150) return `${share} One unit in the first layer looks along one direction only, so all boundaries are parallel lines. Add a unit.`;
    if (this.isStuck) return `${share} The loss has settled at ${short(now.loss)}. Start over from other weights, add a unit, or move the points that are in the way.`;
    return `${share}${hasWon ? "" : " A heavy ring marks the others."} Train on, drag a point across the boundary, or raise the learning rate until it breaks. Choose a unit to see its part.`;
  }

  get isStuck() {
    const past = this.history.find(([step]) => step >= this.steps * 0.7);
    return this.steps >= 500 && past && past[1] - this.now.loss < 0.01 * past[1];
  }
}

// ---- Numbers as text ----
const decimals = (number, digits) =>
  (Math.abs(number) < 1e4 ? number.toFixed(digits) : number.toExponential(1)).replace("-", "−");
const put = (el, text) => el.textContent === text || (el.textContent = text);
const plain = (number) => String(Number(number.toPrecision(3)));
function short(number) {
  if (!Number.isFinite(number)) return "not finite";
  if (number >= 1e5) return number.toExponential(1).replace("e+", " × 10^");
  return number.toFixed(number < 0.1 ? 4 : number < 100 ? 3 : 0);
}

// ---- Drawing ----
// A canvas in CSS pixels that fills its box.
function begin(canvas) {
  const dense = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h2] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h2) [canvas.width, canvas.height] = [w, h2];
  const g = canvas.getContext("2d");
  g.setTransform(dense, 0, 0, dense, 0, 0);
  g.clearRect(0, 0, width, height);
  return { g, width, height };
}

// A color "#rrggbb" as a canvas keeps it in memory, without its alpha.
const packed = (hex) => [5, 3, 1].reduce((all, i) => (all << 8) | parseInt(hex.slice(i, i + 2), 16), 0);

// The grid on which all pictures are computed, row by row from the top left.
const SIDE = GRID + 1;
const GRID_INPUTS = [0, 1].map((d) => Float64Array.from({ length: SIDE * SIDE }, (_, k) =>
  (d ? 1 - (2 * Math.floor(k / SIDE)) / GRID : (2 * (k % SIDE)) / GRID - 1) * SPAN));

// Values in [-1, 1] on the grid as a picture: orange below 0, blue above, clear at 0.
function makeTinter() {
  const canvas = h("canvas", { width: SIDE, height: SIDE });
  const g = canvas.getContext("2d");
  const image = g.createImageData(SIDE, SIDE);
  const pixels = new Uint32Array(image.data.buffer);
  return (values, scale, [below, above], strength) => {
    for (let k = 0; k < pixels.length; k++) {
      const v = scale(values[k]);
      pixels[k] = ((255 * strength * Math.min(Math.abs(v), 1)) << 24) | (v > 0 ? above : below);
    }
    g.putImageData(image, 0, 0);
    return canvas;
  };
}

const SCALES = {
  input: (v) => v / SPAN,
  tanh: (v) => v,
  relu: (v) => 1 - Math.exp(-Math.abs(v)), // it has no upper end
  "cross-entropy": (z) => 2 / (1 + Math.exp(-z)) - 1,
  "squared error": (z) => Math.max(-1, Math.min(1, z)),
};

// Where the values are 0: cell by cell, cut the edges on which they change sign, and join the cuts.
function contour(g, values, cell) {
  g.beginPath();
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const at = row * SIDE + column;
      const corners = [at, at + 1, at + 1 + SIDE, at + SIDE];
      const signs = corners.filter((k) => values[k] > 0).length;
      if (signs === 0 || signs === 4) continue;
      let pen = false;
      corners.forEach((k, side) => {
        const next = corners[(side + 1) % 4];
        if (values[k] > 0 === values[next] > 0) return;
        const t = values[k] / (values[k] - values[next]);
        const along = (from, to) => (from + t * (to - from)) * cell;
        const x = along(k % SIDE, next % SIDE);
        const y = along(Math.floor(k / SIDE), Math.floor(next / SIDE));
        if (pen) g.lineTo(x, y);
        else g.moveTo(x, y);
        pen = !pen;
      });
    }
  }
}

function curveAt({ x0, y0, x1, y1 }, t) {
  const s = 1 - t;
  const bend = 3 * s * t;
  const ease = t * t * t + bend * t;
  return [s ** 3 * x0 + t ** 3 * x1 + bend * ((x0 + x1) / 2), y0 + ease * (y1 - y0)];
}

function pathOf(g, { x0, y0, x1, y1 }) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
}

function mark(g, x, y, kind, size) {
  g.beginPath();
  if (kind) return g.arc(x, y, size, 0, 2 * Math.PI);
  const s = size * 1.25;
  g.moveTo(x, y - s);
  for (const [u, v] of [[s, 0], [0, s], [-s, 0]]) g.lineTo(x + u, y + v);
  return g.closePath();
}

// ---- The figure ----
const TRAITS = ["data", "hidden", "activation", "loss_function", "learning_rate", "seed", "points", "weights", "steps", "diverged", "history"];

function render({ model, el }) {
  const read = () => Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  const net = new Training(read());
  let [running, ticket, visible, pen, selected, ringed] = [false, 0, true, 1, -1, -1];
  let [pinned, pointed, line] = [null, null, null]; // units and the line that the reader looks at
  let [colors, palette, ink, muted, paper, focus, font] = [];
  let [lines, place] = [[], null]; // of the network: its lines, and where everything is

  // -- The model: what belongs together goes in one message, during a run every 300 ms.
  let [writing, sent] = [false, 0];
  function write(force = true) {
    const now = performance.now();
    if (!force && now - sent < 300) return;
    sent = now;
    const history = net.history.map(([step, loss]) => [step, Number(loss.toPrecision(5))]);
    const loss = Number.isFinite(net.now.loss) ? net.now.loss : null;
    writing = true;
    const values = { ...Object.fromEntries(TRAITS.map((name) => [name, net[name]])), history, loss };
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    writing = false;
    model.save_changes();
  }
  let waiting = false;
  function changedOutside() {
    if (writing || waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      const got = read();
      const shape = [...got.hidden, 1];
      if (!shape.every((count, l) => got.weights[l]?.b.length === count)) return; // more is coming
      net.take(got);
      show();
    });
  }
  for (const name of TRAITS) model.on(`change:${name}`, changedOutside);

  // -- Controls
  const set = (values) => {
    Object.assign(net, values);
    if (values.data) net.points = makePoints(values.data);
    selected = -1;
    pinned = pointed = null;
    net.restart();
    write();
    show();
  };
  const train = h("button", { type: "button", class: "fig-button fig-primary", onclick: () => (calm() ? burst() : run(!running)) });
  const stepper = button("Step", () => {
    run(false);
    net.step();
    after();
  });
  const restart = button("Start over", () => {
    set({ seed: net.seed + 1 });
    announce(el, "New random weights.");
  });
  const facts = ["steps", "loss", "right"].map((name) => h("data", { class: `pg-${name}` }));
  const bar = h("div", { class: "pg-bar" }, train, stepper, restart,
    h("p", { class: "pg-facts" }, ["step ", "loss ", "correct "].map((text, i) => h("span", {}, text, facts[i]))));

  const data = choice("Data", DATA, net.data, (value) => set({ data: value }));
  const depth = choice("Layers", [[1, "1"], [2, "2"], [3, "3"]], net.hidden.length, (count) =>
    set({ hidden: Array.from({ length: count }, (_, l) => net.hidden[l] ?? net.hidden[net.hidden.length - 1]) }));
  const bend = choice("Activation", [["relu", "ReLU"], ["tanh", "tanh"]], net.activation, (value) => set({ activation: value }));
  const lossKind = choice("Loss", [["cross-entropy", "Cross-entropy"], ["squared error", "Squared error"]], net.loss_function, (value) => set({ loss_function: value }));
  const nearest = (value) => RATES.reduce((best, one, i) => (Math.abs(Math.log(one / value)) < Math.abs(Math.log(RATES[best] / value)) ? i : best), 0);
  const rate = slider("Learning rate", {
    min: 0, max: RATES.length - 1, value: nearest(net.learning_rate),
    format: (i) => plain(i === nearest(net.learning_rate) ? net.learning_rate : RATES[i]),
  }, (i) => {
    net.learning_rate = RATES[i];
    write();
    talk();
  });
  const settings = h("div", { class: "pg-settings" }, data.el, depth.el, bend.el, lossKind.el, rate.el);

  // -- The network: one canvas for lines and small pictures, buttons over the units.
  const diagram = h("canvas", { role: "img", "aria-label": "The network; its weights are in the table below" });
  const over = h("div", { class: "pg-over" });
  const part = h("p", { class: "pg-part" });
  const network = h("div", { class: "pg-network" }, diagram, over, part);
  let units = [];
  const same = (a, b) => Boolean(a) && a[0] === b[0] && a[1] === b[1];

  function layOut({ width, height }) {
    const sizes = [2, ...net.hidden, 1];
    const isWide = el.clientWidth >= 560;
    const [top, bottom] = [58, height - 28];
    const side = Math.min(34, (bottom - top) / Math.max(...net.hidden, 3) - 5);
    const right = isWide ? width : width - side / 2 - 2;
    const X = (l) => 24 + (l * (right - 24)) / (sizes.length - 1);
    const out = isWide ? plane.offsetTop + plane.offsetHeight / 2 - network.offsetTop : (top + bottom) / 2;
    const Y = (l, i) => (l === sizes.length - 1 ? out
      : (top + bottom) / 2 + (i - (sizes[l] - 1) / 2) * Math.min((bottom - top) / sizes[l], side * 1.7));
    return { sizes, isWide, side, X, Y, step: (right - 24) / (sizes.length - 1) };
  }

  // Buttons for the units and for adding and removing them: made anew when the shape changes.
  let built = "";
  function build() {
    const { sizes, side, X, Y, step } = place;
    const key = JSON.stringify([sizes, side, step]);
    if (key === built) return;
    built = key;
    const active = document.activeElement?.dataset?.key;
    const width = Math.min(80, step - 4);
    const counters = net.hidden.map((count, l) => {
      const change = (by) => set({ hidden: net.hidden.map((n, i) => (i === l ? n + by : n)) });
      const one = (text, by, label) => {
        const made = button(text, () => change(by));
        made.setAttribute("aria-label", `${label} in layer ${l + 1}`);
        made.dataset.key = `${l}${text}`;
        made.disabled = count + by < 1 || count + by > 8;
        return made;
      };
      const text = h("output", { "aria-label": `Units in layer ${l + 1}` }, String(count));
      return h("div", { class: "pg-counter", style: `left: ${X(l + 1)}px; width: ${width}px` },
        one("−", -1, "One unit fewer"), text, one("+", 1, "One unit more"));
    });
    units = sizes.slice(0, -1).flatMap((count, l) => Array.from({ length: count }, (_, i) => {
      const unit = [l, i];
      const look = (value) => () => {
        pointed = value;
        paint();
      };
      const style = `left: ${X(l)}px; top: ${Y(l, i)}px; width: ${side}px; height: ${side}px`;
      const made = h("button", {
        type: "button", class: "pg-unit", style, "data-key": `u${l}.${i}`,
        "aria-label": l ? `Unit ${i + 1} of layer ${l}: show its part in the plane` : `Input x${i + 1}: show it in the plane`,
        onclick: () => {
          pinned = same(pinned, unit) ? null : unit;
          pointed = null;
          paint();
        },
        onpointerenter: (event) => event.pointerType === "mouse" && look(unit)(), onpointerleave: look(null),
      });
      return { unit, made };
    }));
    over.replaceChildren(...counters, ...units.map(({ made }) => made));
    if (!active) return;
    const again = ["=", "^="].map((is) => over.querySelector(`[data-key${is}"${is === "=" ? active : active[0]}"]:not(:disabled)`));
    again.find(Boolean)?.focus({ preventScroll: true });
  }

  function paintNetwork({ g }, acts) {
    const { sizes, isWide, side, X, Y } = place;
    const looked = pointed ?? pinned;
    lines = net.weights.flatMap(({ W }, l) => W.flatMap((row, i) => row.map((w, j) => ({
      l, i, j, w, x0: X(l) + side / 2, y0: Y(l, j),
      x1: X(l + 1) - (l < sizes.length - 2 || !isWide ? side / 2 : 0), y1: Y(l + 1, i),
    }))));
    for (const one of lines) {
      const isLooked = line && one.l === line.l && one.i === line.i && one.j === line.j;
      const size = 1 - Math.exp(-Math.abs(one.w) / 2.5);
      pathOf(g, one);
      g.strokeStyle = palette[one.w > 0 ? 1 : 0];
      g.globalAlpha = isLooked ? 1 : 0.12 + 0.78 * size;
      g.lineWidth = 0.6 + 6.5 * size + (isLooked ? 2 : 0);
      g.stroke();
    }
    g.globalAlpha = 1;
    const tile = (l, i, values, scale) => {
      const [x, y] = [X(l) - side / 2, Y(l, i) - side / 2];
      g.save();
      g.beginPath();
      g.roundRect(x, y, side, side, 4);
      g.clip();
      g.clearRect(x, y, side, side);
      g.drawImage(tint(values, scale, colors, 0.85), x, y, side, side);
      g.restore();
      g.beginPath();
      g.roundRect(x, y, side, side, 4);
      g.strokeStyle = same(looked, [l, i]) ? focus : muted;
      g.lineWidth = same(looked, [l, i]) ? 2.5 : 1;
      g.stroke();
    };
    acts.slice(0, -1).forEach((layer, l) => layer.forEach((values, i) => tile(l, i, values, l ? SCALES[net.activation] : SCALES.input)));
    const last = sizes.length - 1;
    g.fillStyle = muted;
    g.font = font;
    g.textAlign = "center";
    if (isWide) {
      mark(g, X(last) - 5, Y(last, 0), 1, 5);
      g.fill();
    } else {
      tile(last, 0, acts[last][0], SCALES[net.loss_function]);
      g.fillText("out", X(last) - 1, Y(last, 0) + side / 2 + 14);
    }
    net.hidden.forEach((count, l) => g.fillText(count === 1 ? "unit" : "units", X(l + 1), 53));
    [0, 1].forEach((i) => g.fillText(`x${SUB[i + 1]}`, X(0), Y(0, i) + side / 2 + 14));
  }

  const unitName = (l, i) => (l === 0 ? `x${SUB[i + 1]}` : l > net.hidden.length ? "the output" : `unit ${i + 1}${net.hidden.length > 1 ? ` of layer ${l}` : ""}`);
  // What the reader looks at, in words: a weight, a unit or the answer.
  function describe() {
    const [l, i] = pointed ?? pinned ?? [net.hidden.length + 1, 0];
    const name = unitName(l, i);
    const isUnit = l > 0 && l <= net.hidden.length;
    put(caption, l === 0 ? `Input ${name}` : isUnit ? `${name[0].toUpperCase()}${name.slice(1)}; line: its sum is 0` : "Answer of the network; line: undecided");
    if (line) return put(part, `From ${unitName(line.l, line.j)} to ${unitName(line.l + 1, line.i)}: weight ${decimals(net.weights[line.l].W[line.i][line.j], 2)}`);
    if (!isUnit) return put(part, "Lines are weights: blue positive, orange negative");
    const { W, b } = net.weights[l - 1];
    const signed = (w) => `${w < 0 ? "−" : "+"} ${decimals(Math.abs(w), 2)}`;
    const terms = W[i].map((w, j) => `${j ? signed(w) : decimals(w, 2)} ${l === 1 ? "x" : "a"}${SUB[j + 1]}`);
    const inner = terms.length > 4 ? `${terms.slice(0, 3).join(" ")} + …` : terms.join(" ");
    return put(part, `${net.activation === "relu" ? "ReLU" : "tanh"}(${inner} ${signed(b[i])})`);
  }
  const lookForLine = (event) => {
    const box = diagram.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let nearestYet = 7;
    let found = null;
    for (const one of lines) {
      if (x < one.x0 || x > one.x1) continue;
      for (let t = 0; t <= 1; t += 1 / 24) {
        const [u, v] = curveAt(one, t);
        const away = Math.hypot(u - x, v - y);
        if (away < nearestYet) [nearestYet, found] = [away, one];
      }
    }
    if (found?.l !== line?.l || found?.i !== line?.i || found?.j !== line?.j) {
      line = found;
      paint();
    }
  };
  for (const name of ["pointermove", "pointerdown"]) over.addEventListener(name, (event) => event.target === over && lookForLine(event));
  over.addEventListener("pointerleave", () => {
    if (!line) return;
    line = null;
    paint();
  });

  // -- The plane
  const plane = h("canvas", {
    class: "pg-plane", tabindex: 0, role: "application",
    "aria-label": "Plane with the points of two classes, colored by the network's answer",
  });
  const caption = h("p", { class: "pg-caption" });
  const keys = h("p", { class: "fig-hidden", id: figureId() }, "Page Up and Page Down choose a point, the arrow keys move it, with Shift farther. Enter adds a point, Delete removes the chosen one.");
  plane.setAttribute("aria-describedby", keys.id);
  const stage = h("div", { class: "pg-plane-box" }, caption, plane, keys);
  const tint = makeTinter();

  function paintPlane({ g, width }, acts) {
    const looked = pointed ?? pinned;
    const cell = width / GRID;
    const isFirst = looked && looked[0] === 0;
    const values = looked ? acts[looked[0]][looked[1]] : acts[acts.length - 1][0];
    const scale = SCALES[looked ? (isFirst ? "input" : net.activation) : net.loss_function];
    g.imageSmoothingQuality = "high";
    g.drawImage(tint(values, scale, colors, 0.5), -cell / 2, -cell / 2, width + cell, width + cell);
    const zero = !looked || isFirst ? values : sums(net.weights[looked[0] - 1], acts[looked[0] - 1], looked[1]);
    contour(g, zero, cell);
    g.strokeStyle = ink;
    g.lineWidth = 1.75;
    g.lineJoin = g.lineCap = "round";
    g.stroke();
    paintPoints(g, width);
    g.fillStyle = muted;
    g.font = font;
    g.fillText("x₁", width - 18, width - 7);
    g.fillText("x₂", 7, 16);
  }

  const across = (x, width) => ((x + SPAN) / (2 * SPAN)) * width;
  function paintPoints(g, width) {
    const size = Math.max(3.6, width / 78);
    net.points.forEach(([x1, x2, y], i) => {
      const [x, y2] = [across(x1, width), width - across(x2, width)];
      const isWrong = net.now.scores[i] > 0 !== (y === 1);
      mark(g, x, y2, y, size + 1.6);
      g.fillStyle = isWrong ? ink : paper;
      g.fill();
      mark(g, x, y2, y, size - (isWrong ? 0.4 : 0));
      g.fillStyle = palette[y];
      g.fill();
      if (i !== selected && i !== ringed) return;
      mark(g, x, y2, 1, size + 6);
      g.strokeStyle = focus;
      g.lineWidth = 2.5;
      g.stroke();
    });
  }

  const PENS = [[1, "● Blue"], [0, "◆ Orange"], [-1, "Remove"]];
  const pens = PENS.map(([value, text]) => button(text, () => {
    pen = value;
    showPen();
  }));
  const showPen = () => pens.forEach((made, i) => made.setAttribute("aria-pressed", String(PENS[i][0] === pen)));
  const fresh = button("Reset", () => pointsAre(makePoints(net.data), "The points are back."));
  fresh.setAttribute("aria-label", "Reset the points");
  const hand = h("div", { class: "pg-hand", role: "group", "aria-label": "What a click on the plane does" },
    h("p", { class: "pg-label" }, "Drag points. A click adds or removes:"), h("div", { class: "pg-pens" }, pens, fresh));

  function pointsAre(points, text) {
    net.points = points;
    if (selected >= points.length) selected = points.length - 1;
    ringed = -1;
    net.settle();
    write(!running);
    show();
    if (text) announce(el, text);
  }
  const withPoint = (i, x) => net.points.map((point, k) => (k === i ? [...x.map(within), point[2]] : point));
  const add = (x) => {
    if (net.points.length >= 300) return announce(el, "300 points are enough.");
    selected = net.points.length;
    const y = pen < 0 ? 1 : pen;
    return pointsAre([...net.points, [...x.map(within), y]], `A ${NAMES[y]} point added.`);
  };
  const remove = (i) => pointsAre(net.points.filter((_, k) => k !== i), "Point removed.");
  const where = (event) => {
    const box = plane.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * 2 * SPAN - SPAN, SPAN - ((event.clientY - box.top) / box.height) * 2 * SPAN];
  };
  const hit = (event) => {
    const [u, v] = where(event);
    const reach = ((event.pointerType === "mouse" ? 10 : 20) / plane.clientWidth) * 2 * SPAN;
    return net.points.reduce(([best, away], [x, y], i) => {
      const here = Math.hypot(x - u, y - v);
      return here < away ? [i, here] : [best, away];
    }, [-1, reach])[0];
  };
  let [grip, pressed] = [null, null];
  plane.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const i = hit(event);
    pressed = [event.clientX, event.clientY, i];
    selected = -1;
    if (i >= 0 && pen >= 0) {
      const [u, v] = where(event);
      grip = { i, by: [net.points[i][0] - u, net.points[i][1] - v] };
      ringed = i;
      plane.setPointerCapture(event.pointerId);
    }
    paint();
  });
  plane.addEventListener("pointermove", (event) => {
    if (grip) {
      const [u, v] = where(event);
      net.points = withPoint(grip.i, [u + grip.by[0], v + grip.by[1]]);
      net.settle();
      write(false);
      return show();
    }
    const over = event.pointerType === "mouse" ? hit(event) : -1;
    plane.style.cursor = pen < 0 ? (over >= 0 ? "pointer" : "default") : over >= 0 ? "grab" : "crosshair";
    if (over !== ringed) {
      ringed = over;
      paint();
    }
    return undefined;
  });
  const release = (event) => {
    const isClick = event.type === "pointerup" && pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) < 6;
    if (grip) write();
    else if (isClick && pen < 0 && pressed[2] >= 0) remove(pressed[2]);
    else if (isClick && pen >= 0 && pressed[2] < 0) {
      add(where(event));
      selected = -1;
    }
    grip = pressed = null;
    if (event.pointerType !== "mouse") ringed = -1;
    paint();
  };
  for (const name of ["pointerup", "pointercancel"]) plane.addEventListener(name, release);
  plane.addEventListener("pointerleave", () => {
    ringed = -1;
    paint();
  });
  // A finger on a point drags it; anywhere else it scrolls the page.
  plane.addEventListener("touchstart", (event) => {
    const { clientX, clientY } = event.touches[0];
    if (pen >= 0 && hit({ clientX, clientY, pointerType: "touch" }) >= 0) event.preventDefault();
  }, { passive: false });

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  plane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { points } = net;
    const arrow = ARROWS[event.key];
    if (arrow && points.length) {
      selected = Math.max(selected, 0);
      const far = event.shiftKey ? 0.5 : 0.05;
      pointsAre(withPoint(selected, [0, 1].map((d) => points[selected][d] + far * arrow[d])));
    } else if (event.key === "Enter" || event.key === " ") {
      add(selected < 0 ? [0, 0] : [points[selected][0] + 0.2, points[selected][1]]);
    } else if ((event.key === "PageUp" || event.key === "PageDown") && points.length) {
      selected = selected < 0 ? 0 : (selected + (event.key === "PageUp" ? -1 : 1) + points.length) % points.length;
      paint();
    } else if ((event.key === "Delete" || event.key === "Backspace") && selected >= 0) {
      remove(selected);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // a notebook has keys of its own
    if (selected < 0) return;
    const [x1, x2, y] = net.points[selected];
    announce(el, `${y ? "Blue" : "Orange"} point ${selected + 1} at ${x1.toFixed(2)}, ${x2.toFixed(2)}.`);
  });
  plane.addEventListener("blur", () => {
    selected = -1;
    paint();
  });

  // -- Loss, words, and all numbers as text
  const chart = h("canvas", { class: "pg-chart", role: "img", "aria-label": "The loss, step by step" });
  function paintChart({ g, width, height }) {
    const [left, right, top, base] = [1, width - 5, 20, height - 18];
    const most = Math.min(Math.max(1.25 * net.guess, ...net.history.map(([, loss]) => loss)), 4 * net.guess);
    const end = Math.max(net.steps, 100);
    const X = (step) => left + (step / end) * (right - left);
    const Y = (loss) => base - (Math.min(loss / most, 1.2)) * (base - top);
    g.font = font;
    g.fillStyle = muted;
    g.textAlign = "left";
    g.fillText("Loss", 0, 11);
    g.fillText("0", 0, height - 4);
    g.textAlign = "right";
    g.fillText(`step ${end}`, width, height - 4);
    g.fillText(`guessing ${net.guess.toFixed(2)}`, width, Y(net.guess) - 4);
    g.fillRect(left, base, right - left, 1);
    for (let x = left; x < right; x += 7) g.fillRect(x, Y(net.guess), 3, 1);
    g.save();
    g.beginPath();
    g.rect(0, top - 6, width, height);
    g.clip();
    g.beginPath();
    for (const [step, loss] of net.history) g.lineTo(X(step), Y(loss));
    const hasLoss = Number.isFinite(net.now.loss) && net.points.length > 0;
    if (hasLoss) g.lineTo(X(net.steps), Y(net.now.loss));
    g.strokeStyle = net.overshoots ? palette[2] : palette[1];
    g.lineWidth = 2;
    g.lineJoin = "round";
    g.stroke();
    if (hasLoss) {
      mark(g, X(net.steps), Y(net.now.loss), 1, 3.5);
      g.fillStyle = g.strokeStyle;
      g.fill();
    }
    g.restore();
  }

  const words = h("p", { class: "fig-note" });
  const back = button("", () => {
    run(false);
    net.rescue();
    rate.set(nearest(net.learning_rate));
    write();
    show();
    announce(el, `Back at step ${net.steps}, learning rate ${plain(net.learning_rate)}. ${net.says()}`);
    train.focus({ preventScroll: true });
  });
  const note = h("div", { class: "pg-note" }, words, back);
  function talk() {
    put(words, net.says());
    note.classList.toggle("pg-trouble", net.overshoots || net.now.silent > 0);
    back.hidden = !net.hasWayBack;
    put(back, `Back to step ${net.best.steps}, rate ${plain(net.gentler)}`);
    train.ariaDisabled = stepper.ariaDisabled = String(net.diverged);
  }

  const numbers = h("div", { class: "pg-tables" });
  const details = h("details", { class: "pg-more", ontoggle: () => list() }, h("summary", {}, "All weights as numbers"), numbers);
  let listed = 0;
  function list() {
    if (!details.open || (running && performance.now() - listed < 250)) return;
    listed = performance.now();
    numbers.replaceChildren(...net.weights.map(({ W, b }, l) => h("table", {},
      h("caption", {}, l === net.weights.length - 1 ? "Output" : `Layer ${l + 1}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "to"), W[0].map((_, j) => h("th", { scope: "col" }, `${l ? "a" : "x"}${SUB[j + 1]}`)), h("th", { scope: "col" }, "bias"))),
      h("tbody", {}, W.map((row, i) => h("tr", {}, h("th", { scope: "row" }, l === net.weights.length - 1 ? "z" : `unit ${i + 1}`), [...row, b[i]].map((w) => h("td", {}, decimals(w, 3)))))))));
  }

  function paint() {
    if (!plane.clientWidth || !ink) return;
    // All that asks the page for sizes comes first, all that changes its text last.
    const [onPlane, onDiagram, onChart] = [plane, diagram, chart].map(begin);
    place = layOut(onDiagram);
    const acts = forward(net.weights, net.activation, GRID_INPUTS);
    paintPlane(onPlane, acts);
    paintNetwork(onDiagram, acts);
    paintChart(onChart);
    build();
    for (const { unit, made } of units) made.ariaPressed = String(same(pinned, unit));
    const count = net.points.length;
    const values = [net.steps, net.now.loss, net.now.right / count];
    const texts = [String(net.steps), count ? short(net.now.loss) : "–", count ? `${Math.round(100 * values[2])} %` : "–"];
    facts.forEach((fact, i) => {
      put(fact, texts[i]);
      fact.value = String(values[i]);
    });
    describe();
    talk();
    list();
  }

  // Everything that may have changed, controls too.
  function show() {
    data.set(net.data);
    depth.set(net.hidden.length);
    bend.set(net.activation);
    lossKind.set(net.loss_function);
    rate.set(nearest(net.learning_rate));
    if (pinned && pinned[1] >= [2, ...net.hidden][pinned[0]]) pinned = null;
    showPen();
    paint();
  }

  // -- Time
  const summary = () => `Step ${net.steps}, loss ${short(net.now.loss)}, ${net.now.right} of ${net.points.length} points are right. `;
  function after() {
    write();
    paint();
    announce(el, net.overshoots ? net.says() : summary());
  }
  function burst() {
    for (let i = 0; i < 50 && net.step(); i++);
    after();
  }
  function run(on) {
    const was = running;
    running = on && net.points.length > 0 && !net.diverged;
    if (on && !running) announce(el, net.says());
    train.textContent = calm() ? "Train 50 steps" : running ? "Pause" : "Train";
    cancelAnimationFrame(ticket);
    if (running) ticket = requestAnimationFrame(frame);
    else if (was) after();
  }
  // A run begins with one step a frame, to be watched, and speeds up as it gets longer.
  function frame() {
    if (!running) return;
    ticket = requestAnimationFrame(frame);
    if (!visible) return;
    const began = performance.now();
    const before = net.now.loss;
    for (let i = 0; i <= Math.min(net.steps / 100, 20) && performance.now() - began < 5; i++) {
      if (!net.step()) return run(false);
    }
    write(false);
    paint();
    const isDone = before >= GOOD_ENOUGH && net.now.loss < GOOD_ENOUGH;
    if (isDone || net.steps % LONG_RUN < 20 && net.steps > LONG_RUN) run(false);
  }

  function readColors() {
    palette = ["--fig-orange", "--fig-blue", "--fig-red"].map((name) => color(el, name));
    colors = palette.map(packed);
    font = `12px ${getComputedStyle(el).fontFamily}`;
    [ink, muted, paper, focus] = ["--fig-ink", "--fig-muted", "--fig-paper", "--fig-focus"].map((name) => color(el, name));
    paint();
  }

  el.append(h("div", { class: "pg" }, bar, settings, network, stage, note, h("div", { class: "pg-loss" }, chart), hand, details));
  run(false);
  showPen();
  readColors();
  show();
  const endTheme = onTheme(el, readColors);
  const sizes = new ResizeObserver(() => paint());
  sizes.observe(el);
  const sight = new IntersectionObserver(([entry]) => (visible = entry.isIntersecting));
  sight.observe(el);
  return () => {
    running = false;
    cancelAnimationFrame(ticket);
    endTheme();
    sizes.disconnect();
    sight.disconnect();
  };
}

export default { render };
