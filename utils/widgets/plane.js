// The plane under a 2×2 matrix. plane.py computes the same numbers.

const SPAN = 3.2;
const REACH = 3;
const SIDE = 400;
const UNIT = SIDE / (2 * SPAN);
const TINY = 1e-9;
const LINES = 12;

const two = (value) => (Math.round(value * 100) / 100 + 0).toFixed(2).replace("-", "−");
const short = (value) => String(Math.round(value * 100) / 100 + 0).replace("-", "−");
const snap = (value) => Math.round(Math.min(Math.max(value, -REACH), REACH) * 10) / 10 + 0;
const times = ([[a, b], [c, d]], [x, y]) => [a * x + b * y, c * x + d * y];
const length = ([x, y]) => Math.hypot(x, y);
const screen = ([x, y]) => [SIDE / 2 + UNIT * x, SIDE / 2 - UNIT * y];
const path = (points) => `M${points.map((p) => screen(p).map((n) => n.toFixed(2)).join(" ")).join("L")}`;

// Everything that follows from the matrix.
function compute([[a, b], [c, d]]) {
  const A = [[a, b], [c, d]];
  const det = a * d - b * c;
  const middle = (a + d) / 2;
  const square = middle * middle - det;
  const root = Math.abs(square) > TINY ? Math.sqrt(Math.abs(square)) : 0;
  const real = square >= -TINY;
  const values = real ? [middle + root, middle - root] : [];
  const scales = Math.max(Math.abs(b), Math.abs(c), Math.abs(a - d)) < TINY;
  const kept = scales ? [[1, 0], [0, 1]] : [...new Set(values)].map((value) => {
    const [first, second] = [[b, value - a], [value - d, c]];
    const v = length(first) >= length(second) ? first : second;
    return [v[0] / length(v), v[1] / length(v)];
  });
  const angle = Math.atan2(2 * (a * b + c * d), a * a + c * c - b * b - d * d) / 2;
  const right = [[Math.cos(angle), Math.sin(angle)], [-Math.sin(angle), Math.cos(angle)]];
  const sigma = right.map((v) => length(times(A, v)));
  return { A, det, middle, root, real, values, scales, kept, right, sigma, symmetric: Math.abs(b - c) < TINY };
}

// ---- Words
function eigenWords({ real, values, scales, kept, middle, root }) {
  if (!real) return `${two(middle)} ± ${two(root)}i`;
  if (scales || kept.length === 1) return `${two(values[0])}, twice`;
  return values.map(two).join(" and ");
}

const how = (value) => {
  if (Math.abs(value) < 0.005) return "shrinks to 0";
  if (Math.abs(value - 1) < 0.005) return "keeps its length";
  if (Math.abs(value + 1) < 0.005) return "is turned around";
  return value < 0 ? `is turned around, × ${two(-value)}` : `is multiplied by ${two(value)}`;
};

function sees(now, show) {
  const { det, real, values, scales, kept, sigma, symmetric } = now;
  if (show === "singular vectors") {
    if (sigma[0] < 0.005) return "Everything goes to the origin: both singular values are 0.";
    if (sigma[1] < 0.005) return "The circle has become a line segment: σ₂ is 0, and the rank is 1.";
    if (sigma[0] - sigma[1] < 0.005) return "The circle stays a circle: no direction is stretched more than another.";
    return "The circle becomes an ellipse. Of all perpendicular pairs, only v₁ and v₂ end perpendicular, as its axes. Try the slider.";
  }
  if (show === "neither") {
    if (Math.abs(det) < TINY) return "The determinant is 0: the plane falls onto a line, and nothing can bring it back.";
    return det < 0 ? "The F is mirrored: the determinant is negative. Areas grow by its size." : "Parallel lines stay parallel, and the origin stays. Areas grow by the determinant.";
  }
  if (!real) return "No direction stays: the eigenvalues are not real. Move the slider, and every arrow turns.";
  if (scales) return `Every direction stays: each vector ${how(values[0])}.`;
  if (kept.length === 1) return `Only one direction stays; on it, each vector ${how(values[0])}. One is too few: this matrix is defective.`;
  const angle = symmetric ? " They are perpendicular: the matrix is symmetric." : "";
  return `Two directions stay. On one each vector ${how(values[0])}; on the other it ${how(values[1])}.${angle}`;
}

const areaWords = (det) => (Math.abs(det) < TINY ? ", flat" : det < 0 ? ", mirrored" : "");

// ---- The drawing
const arrow = (kind) => h("svg:path", { class: `plane-arrow ${kind}` });
function aim(el, tip) {
  const [x, y] = screen(tip);
  const [dx, dy] = [x - SIDE / 2, y - SIDE / 2];
  const far = Math.hypot(dx, dy);
  if (far < 1) return el.setAttribute("d", "");
  const [ux, uy] = [dx / far, dy / far];
  const head = Math.min(11, far);
  const [bx, by] = [x - head * ux, y - head * uy];
  const wing = 0.45 * head;
  return el.setAttribute("d", `M${SIDE / 2} ${SIDE / 2}L${bx} ${by}M${x} ${y}L${bx - wing * uy} ${by + wing * ux}L${bx + wing * uy} ${by - wing * ux}Z`);
}

const CIRCLE = Array.from({ length: 97 }, (_, i) => [Math.cos((i * Math.PI) / 48), Math.sin((i * Math.PI) / 48)]);
const GRID = Array.from({ length: 2 * LINES + 1 }, (_, i) => i - LINES).flatMap((k) => [
  [[k, -LINES], [k, LINES]], [[-LINES, k], [LINES, k]],
]);
const AXES = [[[0, -LINES], [0, LINES]], [[-LINES, 0], [LINES, 0]]];

// The part of a line between two points that can be seen, as a path.
function visible([p, q]) {
  let [from, to] = [0, 1];
  for (const axis of [0, 1]) {
    const step = q[axis] - p[axis];
    if (Math.abs(step) < 1e-12) {
      if (Math.abs(p[axis]) > SPAN) return "";
      continue;
    }
    const ends = [(-SPAN - p[axis]) / step, (SPAN - p[axis]) / step];
    from = Math.max(from, Math.min(...ends));
    to = Math.min(to, Math.max(...ends));
  }
  const at = (t) => [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])];
  return from < to ? path([at(from), at(to)]) : "";
}
const SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]];

function drawing(model, letter, changeColumn) {
  const clip = figureId();
  const rest = h("svg:path", { class: "plane-rest", d: GRID.map(visible).join("") });
  const [grid, axes, circle, square, shape] = ["grid", "axes", "circle", "square", "letter"].map((name) =>
    h("svg:path", { class: `plane-${name}` }));
  const lines = [0, 1].map(() => h("svg:path", { class: "plane-line" }));
  const special = [0, 1].map(() => arrow("plane-special"));
  const names = ["v₁", "v₂"].map((name) => h("svg:text", { class: "plane-name" }, name));
  const columns = ["plane-first", "plane-second"].map(arrow);
  const dots = ["plane-first", "plane-second"].map((kind) => h("svg:g", { class: `plane-dot ${kind}` },
    h("svg:circle", { r: 20, class: "plane-touch" }), h("svg:circle", { r: 9 })));
  const el = h("svg:svg", { class: "plane-drawing", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "group", "aria-label": "The plane under the matrix" },
    h("svg:defs", {}, h("svg:clipPath", { id: clip }, h("svg:rect", { width: SIDE, height: SIDE, rx: 6 }))),
    h("svg:rect", { class: "plane-paper", width: SIDE, height: SIDE, rx: 6 }),
    h("svg:g", { "clip-path": `url(#${clip})` }, rest, grid, axes, square, shape, circle, lines, special, columns, names),
    h("svg:rect", { class: "plane-frame", width: SIDE, height: SIDE, rx: 6 }), dots);
  const handles = dots.map((dot, j) => draggable(dot, {
    label: j ? "Second column" : "First column",
    at: [0, 0],
    step: UNIT / 10,
    text: (x, y) => `${short(snap((x - SIDE / 2) / UNIT))}, ${short(snap((SIDE / 2 - y) / UNIT))}`,
    move(x, y) {
      const column = [snap((x - SIDE / 2) / UNIT), snap((SIDE / 2 - y) / UNIT)];
      changeColumn(j, column);
      return screen(column);
    },
  }));
  function draw(now, t, show) {
    const { A, kept, right } = now;
    const M = [[1 - t + t * A[0][0], t * A[0][1]], [t * A[1][0], 1 - t + t * A[1][1]]];
    const image = (points) => points.map((p) => times(M, p));
    const moved = (points) => path(image(points));
    grid.setAttribute("d", GRID.map((line) => visible(image(line))).join(""));
    axes.setAttribute("d", AXES.map((line) => visible(image(line))).join(""));
    circle.setAttribute("d", moved(CIRCLE));
    square.setAttribute("d", `${moved(SQUARE)}Z`);
    shape.setAttribute("d", `${moved(letter)}Z`);
    const eigen = show === "eigenvectors";
    const vectors = eigen ? kept : show === "neither" ? [] : right;
    el.classList.toggle("plane-eigen", eigen);
    special.forEach((one, i) => {
      const v = vectors[i];
      lines[i].setAttribute("d", v && eigen ? visible([[-9 * v[0], -9 * v[1]], [9 * v[0], 9 * v[1]]]) : "");
      const tip = v ? times(M, v) : [0, 0];
      aim(one, tip);
      const far = length(tip);
      const [x, y] = screen(far > 0.05 ? tip.map((n) => n * (1 + 0.26 / far)) : [0, 0]);
      names[i].setAttribute("x", x);
      names[i].setAttribute("y", y + 4);
      names[i].style.display = v && !eigen && far > 0.05 ? "" : "none";
    });
    [0, 1].forEach((j) => {
      const tip = [M[0][j], M[1][j]];
      const [x, y] = screen(tip);
      aim(columns[j], tip);
      dots[j].setAttribute("transform", `translate(${x} ${y})`);
      handles[j].set(x, y);
    });
  }
  return { el, draw };
}

// ---- The figure
function render({ model, el }) {
  const draw = () => {
    const now = compute(matrix.get());
    const mode = show.get();
    const t = morph.get();
    view.draw(now, t, mode);
    now.A.flat().forEach((value, i) => {
      if (document.activeElement !== cells[i]) cells[i].value = String(value);
    });
    const known = examples.find(([, m]) => JSON.stringify(m) === JSON.stringify(now.A));
    example.set(known ? known[0] : "");
    slide.set(t);
    shows.set(mode);
    det.textContent = two(now.det);
    areas.textContent = areaWords(now.det);
    eigen.textContent = eigenWords(now);
    singular.textContent = now.sigma.map(two).join(" and ");
    seen.textContent = sees(now, mode);
  };
  let [waiting, playing] = [0, 0];
  const later = () => {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; draw(); });
  };
  const matrix = bind(model, "matrix", later);
  const morph = bind(model, "morph", later);
  const show = bind(model, "show", later);
  const examples = model.get("_examples");
  const stop = () => { cancelAnimationFrame(playing); playing = 0; };
  const put = (A) => { stop(); morph.set(1); matrix.set(A); draw(); };

  const view = drawing(model, model.get("_letter"), (j, [x, y]) => {
    const A = matrix.get().map((row) => [...row]);
    A[0][j] = x;
    A[1][j] = y;
    put(A);
  });
  const cells = [0, 1, 2, 3].map((i) => h("input", {
    type: "number", min: -REACH, max: REACH, step: 0.1, class: i % 2 ? "plane-second" : "plane-first",
    "aria-label": `Row ${(i >> 1) + 1}, column ${(i % 2) + 1}`,
    oninput() {
      const value = Number(this.value);
      if (this.value === "" || !(Math.abs(value) <= REACH)) return;
      put(matrix.get().map((row, r) => row.map((old, c) => (2 * r + c === i ? Math.round(value * 100) / 100 : old))));
    },
    onblur: draw,
  }));
  const example = choice("Example", [...examples.map(([name]) => [name, name]), ["", "Your own"]], "",
    (name) => { const known = examples.find(([own]) => own === name); if (known) put(known[1]); });
  const shows = choice("Show", [["eigenvectors", "Eigenvectors"], ["singular vectors", "Singular vectors"], ["neither", "Neither"]],
    show.get(), (value) => { show.set(value); draw(); });
  const slide = slider("Morph", { min: 0, max: 1, step: 0.01, value: 1, format: (t) => t.toFixed(2) },
    (t) => { stop(); morph.set(t); draw(); });
  const play = button("Play", () => {
    stop();
    if (calm()) { morph.set(morph.get() < 1 ? 1 : 0); draw(); return; }
    const begin = performance.now();
    const frame = (time) => {
      const t = Math.min(Math.max((time - begin) / 1800, 0), 1);
      morph.set(Math.round((t * t * (3 - 2 * t)) * 1000) / 1000);
      draw();
      playing = t < 1 ? requestAnimationFrame(frame) : 0;
    };
    playing = requestAnimationFrame(frame);
  });
  const [det, areas, eigen, singular] = ["det", "areas", "eigen", "singular"].map((name) => h("output", { class: `plane-${name}` }));
  const seen = h("output", {});
  const row = (name, kind, ...rest) => [h("span", { class: kind }, name), h("span", {}, ...rest)];
  el.append(h("div", { class: "plane-figure" },
    view.el,
    h("div", { class: "plane-side" },
      example.el,
      h("div", { class: "plane-matrix", role: "group", "aria-label": "The matrix" }, cells),
      h("div", { class: "plane-time" }, slide.el, play),
      shows.el,
      h("div", { class: "plane-numbers" },
        row("Determinant", "", det, areas),
        row("Eigenvalues", "plane-purple", eigen),
        row("Singular values", "plane-green", singular))),
    h("p", { class: "fig-note" }, `${model.get("_hint")} `, seen)));
  draw();
  return () => { stop(); cancelAnimationFrame(waiting); };
}
export default { render };
