// A curve with tangent and secant, or a surface with its gradients. Names are those of slope.py.
const [WIDTH, HEIGHT] = [420, 330];
const REACH = { curve: 3, surface: (WIDTH / HEIGHT) * 2 };

const CURVES = {
  cubic: [(x) => (x * x * x) / 6 - x, (x) => (x * x) / 2 - 1],
  parabola: [(x) => (x * x) / 2 - 2, (x) => x],
  sine: [(x) => 1.5 * Math.sin(x), (x) => 1.5 * Math.cos(x)],
  ripples: [(x) => 0.4 * x + 0.1 * Math.sin(15 * x), (x) => 0.4 + 1.5 * Math.cos(15 * x)],
  corner: [(x) => Math.abs(x) - 1, (x) => (x === 0 ? NaN : Math.sign(x))],
};
const hill = (x, y) => Math.exp(-((x - 0.9) ** 2 + (y - 0.5) ** 2));
const dip = (x, y) => Math.exp(-((x + 1) ** 2 + (y + 0.4) ** 2));
const SURFACES = {
  bowl: [(x, y) => (x * x) / 2 + y * y, (x, y) => [x, 2 * y]],
  saddle: [(x, y) => x * x - y * y, (x, y) => [2 * x, -2 * y]],
  hill: [
    (x, y) => 2 * hill(x, y) - 1.5 * dip(x, y),
    (x, y) => [
      -4 * (x - 0.9) * hill(x, y) + 3 * (x + 1) * dip(x, y),
      -4 * (y - 0.5) * hill(x, y) + 3 * (y + 0.4) * dip(x, y),
    ],
  ],
  plane: [(x, y) => x + y / 2, () => [1, 0.5]],
};

// A number as one reads it: 0.0123, or 1.2·10⁻⁷ where it is very small or large.
function plain(value, digits = 4) {
  if (!Number.isFinite(value)) return "none";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e-3 && size < 1e5) return minus(String(Number(value.toPrecision(digits))));
  const [front, power] = value.toExponential(1).split("e");
  return minus(`${Number(front)}·`) + `10${raised(power)}`;
}
const fixed = (value, digits = 4) =>
  Number.isFinite(value)
    ? Math.abs(value) < 1e5 ? minus(value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1")) : plain(value)
    : "none";

// Distances between ticks: 1, 2 or 5 times a power of ten, so that there are a few.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const gap = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(gap) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / gap); k * gap <= high; k++) found.push([k * gap, minus((k * gap).toFixed(digits))]);
  return found;
}

// Contours by marching squares: one path for all levels that are multiples of the gap.
function contours(f, view, gap) {
  const [columns, rows] = [56, 44];
  const X = (i) => view.left + (i / columns) * view.wide;
  const Y = (j) => view.top - (j / rows) * view.tall;
  const z = Array.from({ length: rows + 1 }, (_, j) => Float64Array.from({ length: columns + 1 }, (__, i) => f(X(i), Y(j)) / gap));
  const parts = [];
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const corner = [z[j][i], z[j][i + 1], z[j + 1][i + 1], z[j + 1][i]];
      for (let level = Math.ceil(Math.min(...corner)); level <= Math.max(...corner); level++) {
        const cut = [];
        for (let side = 0; side < 4; side++) {
          const [a, b] = [corner[side], corner[(side + 1) % 4]];
          if (a < level === b < level) continue;
          const t = (level - a) / (b - a);
          cut.push([[i + t, j], [i + 1, j + t], [i + 1 - t, j + 1], [i, j + 1 - t]][side]);
        }
        for (let n = 0; n + 1 < cut.length; n += 2) {
          const [from, to] = [cut[n], cut[n + 1]].map(([u, v]) => `${((u / columns) * WIDTH).toFixed(1)} ${((v / rows) * HEIGHT).toFixed(1)}`);
          parts.push(`M${from}L${to}`);
        }
      }
    }
  }
  return parts.join("");
}

// An arrow as one path: shaft and head.
function arrow(x, y, dx, dy, head) {
  const long = Math.hypot(dx, dy);
  if (long < 1) return "";
  const [ux, uy, tip] = [dx / long, dy / long, Math.min(head, long * 0.6)];
  const [ex, ey] = [x + dx, y + dy];
  const [bx, by] = [ex - ux * tip, ey - uy * tip];
  const side = tip * 0.5;
  const at = (...n) => n.map((one) => one.toFixed(1)).join(" ");
  return `M${at(x, y)}L${at(bx, by)}M${at(ex, ey)}L${at(bx - uy * side, by + ux * side)}L${at(bx + uy * side, by - ux * side)}Z`;
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const isCurve = () => get("mode") === "curve";

  // -- The drawing
  const clip = figureId();
  const path = (kind) => h("svg:path", { class: `slope-${kind}` });
  const dot = (kind, r) => h("svg:circle", { class: `slope-${kind}`, r });
  const lattice = path("lattice");
  const axes = h("svg:g", { class: "slope-axes" });
  const level = path("contour");
  const field = path("field");
  const graph = path("graph");
  const secant = path("secant");
  const tangent = path("tangent");
  const legs = path("legs");
  const ends = [dot("end", 5), dot("end", 5)];
  const gradient = path("gradient");
  const direction = path("direction");
  const handle = h("svg:circle", { class: "slope-handle", r: 9 });
  const grip = h("svg:g", { class: "slope-grip" }, h("svg:circle", { class: "slope-reach", r: 22 }), handle);
  const frame = { x: 0, y: 0, width: WIDTH, height: HEIGHT, rx: 6 };
  const drawing = h("svg:svg", { class: "slope-drawing", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group" },
    h("svg:clipPath", { id: clip }, h("svg:rect", frame)),
    h("svg:rect", { class: "slope-paper", ...frame }),
    h("svg:g", { "clip-path": `url(#${clip})` }, lattice, level, field, graph, legs, secant, tangent, axes, ...ends, direction, gradient),
    h("svg:rect", { class: "slope-frame", ...frame }), grip);

  // What is seen: zooming keeps the point where it is on the screen.
  function look() {
    const reach = REACH[get("mode")];
    const scale = 0.5 ** get("zoom");
    const [px, py] = isCurve() ? [get("x"), CURVES[get("curve")][0](get("x"))] : get("point");
    const wide = 2 * reach * scale;
    const tall = (wide * HEIGHT) / WIDTH;
    const [left, top] = [px * (1 - scale) - wide / 2, py * (1 - scale) + tall / 2];
    const X = (x) => ((x - left) / wide) * WIDTH;
    const Y = (y) => ((top - y) / tall) * HEIGHT;
    return { px, py, wide, tall, left, top, X, Y, scale, unit: WIDTH / wide };
  }

  function drawAxes(view) {
    const { left, top, wide, tall, X, Y } = view;
    const [across, up] = [ticks(left, left + wide, 6), ticks(top - tall, top, 5)];
    const lines = [
      ...across.map(([x]) => `M${X(x).toFixed(1)} 0V${HEIGHT}`),
      ...up.map(([y]) => `M0 ${Y(y).toFixed(1)}H${WIDTH}`),
    ];
    const clear = (at, from, to) => at > from && at < to;
    const texts = [
      ...across.filter(([x]) => clear(X(x), 40, WIDTH - 18)).map(([x, text]) => h("svg:text", { x: X(x), y: HEIGHT - 6, "text-anchor": "middle" }, text)),
      ...up.filter(([y]) => clear(Y(y), 14, HEIGHT - 22)).map(([y, text]) => h("svg:text", { x: 5, y: Y(y) - 3 }, text)),
    ];
    lattice.setAttribute("d", isCurve() ? lines.join("") : "");
    axes.replaceChildren(...texts);
  }

  // The part of a line through a point that lies inside the frame; slopes may be huge.
  const steep = (view, slope, px = view.px, py = view.py) => {
    const [dx, dy] = [1, -slope].map((n) => n / Math.hypot(1, slope));
    const [x, y] = [view.X(px), view.Y(py)];
    let [from, to] = [-Infinity, Infinity];
    for (const [at, by, most] of [[x, dx, WIDTH], [y, dy, HEIGHT]]) {
      if (by === 0) continue;
      const [a, b] = [(0 - at) / by, (most - at) / by].sort((one, other) => one - other);
      [from, to] = [Math.max(from, a), Math.min(to, b)];
    }
    if (!(from < to)) return "";
    return `M${x + from * dx} ${y + from * dy}L${x + to * dx} ${y + to * dy}`;
  };
  const place = (circle, x, y) => {
    const inside = x > -6 && x < WIDTH + 6 && y > -6 && y < HEIGHT + 6;
    if (inside) circle.removeAttribute("display");
    else circle.setAttribute("display", "none");
    circle.setAttribute("cx", inside ? x : 0);
    circle.setAttribute("cy", inside ? y : 0);
  };

  function drawCurve(view, now) {
    const [f] = CURVES[get("curve")];
    if (view.isNew) {
      const points = Array.from({ length: WIDTH / 2 + 1 }, (_, i) => `${2 * i} ${view.Y(f(view.left + ((2 * i) / WIDTH) * view.wide)).toFixed(2)}`);
      graph.setAttribute("d", `M${points.join("L")}`);
    }
    tangent.setAttribute("d", Number.isFinite(now.derivative) ? steep(view, now.derivative) : "");
    const [a, b] = [now.central ? now.x - now.h : now.x, now.x + now.h];
    secant.setAttribute("d", steep(view, now.quotient, a, f(a)));
    place(ends[0], view.X(a), view.Y(f(a)));
    place(ends[1], view.X(b), view.Y(f(b)));
    const cut = (n, most) => Math.max(0, Math.min(most, n)).toFixed(1);
    const [ax, ay] = [view.X(a), view.Y(f(a))];
    const isSeen = ax > 0 && ax < WIDTH && ay > 0 && ay < HEIGHT;
    legs.setAttribute("d", isSeen ? `M${ax.toFixed(1)} ${ay.toFixed(1)}H${cut(view.X(b), WIDTH)}V${cut(view.Y(f(b)), HEIGHT)}` : "");
  }

  function drawSurface(view, now) {
    const [name, , gap, length] = get("_surfaces").find(([one]) => one === get("surface"));
    const [f, slopes] = SURFACES[name];
    if (view.isNew) level.setAttribute("d", contours(f, view, gap * view.scale));
    const arrows = [];
    for (let j = 0; j < 9 && get("field") && view.isNew; j++) {
      for (let i = 0; i < 11; i++) {
        const [x, y] = [(i + 0.5) * (WIDTH / 11), (j + 0.5) * (HEIGHT / 9)];
        const [gx, gy] = slopes(view.left + (x / WIDTH) * view.wide, view.top - (y / HEIGHT) * view.tall);
        const [dx, dy] = [gx, -gy].map((one) => one * length * 0.32);
        arrows.push(arrow(x - dx / 2, y - dy / 2, dx, dy, 6));
      }
    }
    if (view.isNew) field.setAttribute("d", arrows.join(""));
    const [x, y] = [view.X(view.px), view.Y(view.py)];
    gradient.setAttribute("d", arrow(x, y, now.gradient[0] * length, -now.gradient[1] * length, 13));
    direction.setAttribute("d", arrow(x, y, 60 * now.v[0], -60 * now.v[1], 11));
  }

  // -- Everything that follows from the traits
  function compute() {
    if (isCurve()) {
      const [f, slope] = CURVES[get("curve")];
      const [x, step, central] = [get("x"), 10 ** get("exponent"), get("central")];
      const quotient = central ? (f(x + step) - f(x - step)) / (2 * step) : (f(x + step) - f(x)) / step;
      const derivative = slope(x);
      return { x, h: step, central, value: f(x), derivative, quotient, error: Math.abs(quotient - derivative), lost: x + step === x };
    }
    const [x, y] = get("point");
    const [f, slopes] = SURFACES[get("surface")];
    const turn = (get("angle") * Math.PI) / 180;
    const v = [Math.cos(turn), Math.sin(turn)];
    const g = slopes(x, y);
    return { x, y, value: f(x, y), gradient: g, length: Math.hypot(...g), v, along: g[0] * v[0] + g[1] * v[1], up: (Math.atan2(g[1], g[0]) * 180) / Math.PI };
  }

  function words(now) {
    if (isCurve()) {
      if (!Number.isFinite(now.derivative)) return "At the corner there is no derivative: lines of slope −1, 0 and 1 all touch it. A quotient still answers; what it says depends on the side to which it steps.";
      if (now.lost) return "The step is lost: in 64 bits, x + h is x itself. The quotient knows nothing of the curve.";
      if (now.h < 2e-11) return "The step is so small that rounding counts: the difference of two nearly equal values keeps few right digits, and is divided by h.";
      if (get("zoom") >= 6) return "So close, the curve is its tangent. Move the point: everywhere the same, with another slope. Except at a corner.";
      if (now.h > 0.3) return "The purple secant cuts the curve twice. Make h smaller, and it turns into the orange tangent. Then make h smaller still.";
      return "Drag the point. Zoom in, until the curve is a line. Make h so small that the quotient gets worse again.";
    }
    if (now.length < 0.02) return "The gradient is zero here: no direction leads up or down at first. A minimum, a maximum or a saddle.";
    const off = Math.round(Math.abs(((get("angle") - now.up + 540) % 360) - 180));
    const much = `v stands ${off}° from the gradient, so the slope along it is ${plain(now.length, 3)} · cos ${off}°. `;
    if (off <= 2) return `${much}No direction is steeper.`;
    if (Math.abs(off - 90) <= 2) return `${much}Along the contour it goes neither up nor down.`;
    if (off >= 178) return `${much}This is the way of gradient descent.`;
    return `${much}Turn v: where is it largest, where zero?`;
  }

  // -- Controls
  const curveMode = button("A curve", () => change("mode", "curve"));
  const surfaceMode = button("A surface", () => change("mode", "surface"));
  const modes = h("div", { class: "slope-modes", role: "group", "aria-label": "What is drawn" }, curveMode, surfaceMode);
  const change = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const curves = choice("Function f(x)", get("_curves"), get("curve"), (name) => change("curve", name));
  const surfaces = choice("Function f(x, y)", get("_surfaces").map(([name, title]) => [name, title]), get("surface"), (name) => change("surface", name));
  const zoom = slider("Zoom about the point", { min: 0, max: 10, value: get("zoom"), format: (n) => `${2 ** n}×` }, (n) => change("zoom", n));
  // To the right the step shrinks, as the secant becomes the tangent.
  const step = slider("Step h", { min: -1, max: 64, value: -4 * get("exponent"), format: (n) => plain(10 ** (-n / 4), 2) }, (n) => change("exponent", -n / 4));
  const turn = slider("Direction v", { min: -180, max: 180, step: 5, value: get("angle"), format: (n) => minus(`${n}°`) }, (n) => change("angle", n));
  const central = button("Step to both sides", () => change("central", !get("central")));
  const arrows = button("Gradient field", () => change("field", !get("field")));
  const steepest = button("Turn v uphill", () => change("angle", Math.round(compute().up)));

  const rows = Array.from({ length: 4 }, () => {
    const [name, value] = [h("span", {}), h("output", {})];
    return { name, value, el: h("p", {}, name, value) };
  });
  const facts = h("div", { class: "slope-facts" }, rows.map((row) => row.el));
  const note = h("p", { class: "fig-note" });

  function tell(now) {
    const lines = isCurve()
      ? [
        [`f(${fixed(now.x, 2)})`, fixed(now.value, 3), now.value, ""],
        ["derivative f′(x)", fixed(now.derivative), now.derivative, "orange"],
        ["difference quotient", fixed(now.quotient), now.quotient, "purple"],
        ["error of the quotient", plain(now.error, 2), now.error, ""],
      ]
      : [
        [`f(${fixed(now.x, 2)}, ${fixed(now.y, 2)})`, fixed(now.value, 3), now.value, ""],
        ["gradient", `(${now.gradient.map((g) => fixed(g, 3)).join(", ")})`, now.gradient.join(" "), "orange"],
        ["its length", fixed(now.length, 3), now.length, ""],
        ["slope along v", fixed(now.along, 3), now.along, "purple"],
      ];
    lines.forEach(([name, text, exact, tint], i) => {
      rows[i].name.textContent = name;
      rows[i].value.textContent = text;
      rows[i].value.dataset.exact = String(exact);
      rows[i].el.className = tint && `slope-${tint}`;
    });
    note.textContent = words(now);
  }

  // -- The point
  const rounded = (n) => Math.round(n * 100) / 100 + 0; // no -0
  const bound = (n, most) => Math.max(-most, Math.min(most, n));
  const fromScreen = (x, y) => {
    const unit = WIDTH / (2 * REACH[get("mode")]);
    return [(x - WIDTH / 2) / unit, (HEIGHT / 2 - y) / unit];
  };
  const toScreen = () => {
    const view = look();
    return [view.X(view.px), view.Y(view.py)];
  };
  const held = draggable(grip, {
    label: "The point",
    at: toScreen(),
    step: 3.5,
    text: () => (isCurve() ? `x = ${fixed(get("x"), 2)}` : `x = ${fixed(get("point")[0], 2)}, y = ${fixed(get("point")[1], 2)}`),
    move(x, y) {
      const [u, v] = fromScreen(x, y);
      if (isCurve()) change("x", rounded(bound(u, 2.9)));
      else change("point", [rounded(bound(u, 2.5)), rounded(bound(v, 1.95))]);
      return toScreen();
    },
  });

  let known = "";
  function draw() {
    const [view, now] = [look(), compute()];
    // Dragging at zoom 1 changes neither axes, nor curve, nor contours.
    const key = [get("mode"), get("curve"), get("surface"), get("field"), view.left, view.top, view.wide].join(" ");
    view.isNew = key !== known;
    known = key;
    el.firstChild.classList.toggle("slope-is-curve", isCurve());
    curveMode.setAttribute("aria-pressed", isCurve());
    surfaceMode.setAttribute("aria-pressed", !isCurve());
    central.setAttribute("aria-pressed", get("central"));
    arrows.setAttribute("aria-pressed", get("field"));
    curves.set(get("curve"));
    surfaces.set(get("surface"));
    zoom.set(get("zoom"));
    step.set(-4 * get("exponent"));
    turn.set(get("angle"));
    drawing.setAttribute("aria-label", isCurve() ? "The curve, its tangent and a secant" : "Contours of the surface, and its gradient");
    if (view.isNew) drawAxes(view);
    if (isCurve()) drawCurve(view, now);
    else drawSurface(view, now);
    handle.setAttribute("cx", view.X(view.px));
    handle.setAttribute("cy", view.Y(view.py));
    grip.firstChild.setAttribute("cx", view.X(view.px));
    grip.firstChild.setAttribute("cy", view.Y(view.py));
    held.set(view.X(view.px), view.Y(view.py));
    tell(now);
  }

  el.append(h("div", { class: "slope" }, drawing,
    h("div", { class: "slope-side" }, modes, curves.el, surfaces.el, zoom.el, step.el, turn.el,
      h("div", { class: "slope-buttons" }, central, arrows, steepest), facts), note));
  for (const name of ["mode", "curve", "surface", "zoom", "x", "exponent", "central", "point", "angle", "field"]) bind(model, name, draw);
  draw();
}

export default { render };
