// What all figures share. This text stands in front of every figure's own script, in one module.

// JupyterLab would take the arrow keys for itself, to walk from cell to cell.
document.addEventListener("focusin", ({ target }) => {
  if (target.closest?.(".course-figure")) target.dataset.lmSuppressShortcuts = "true";
});

// An element: h("div", { class: "a", onclick: f }, "text", child). "svg:circle" makes an SVG one.
function h(tag, attributes, ...children) {
  const svg = tag.startsWith("svg:");
  const el = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (value === true) el.setAttribute(name, "");
    else if (value !== false && value != null) el.setAttribute(name, value);
  }
  el.append(...children.flat().filter((child) => child != null && child !== false));
  return el;
}

// Numbers as one prints them: a real minus sign, and the digits of an exponent.
const minus = (text) => String(text).replace(/-/g, "−");
const raised = (power) =>
  [...String(Number(power))].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");

// Numbers from 0 to 1, Marsaglia's xorshift with 32 bits: the same as `chance` in playground.py.
function chance(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  const draw = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
  for (let i = 0; i < 8; i++) draw();
  return draw;
}
const gaussian = (draw) => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

let figureIds = 0;
const figureId = () => `fig-${Date.now().toString(36)}-${++figureIds}`;

// A slider with its label and its value. format(value) is the text of the value.
function slider(label, { min, max, step = 1, value, format = String }, oninput) {
  const id = figureId();
  const text = h("output", { for: id });
  const name = h("span", { id: `${id}-name` }, label);
  const input = h("input", { type: "range", id, min, max, step, "aria-labelledby": name.id });
  const show = () => {
    text.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", text.textContent);
  };
  const set = (number) => {
    input.value = number;
    show();
  };
  input.addEventListener("input", () => {
    show();
    oninput?.(Number(input.value));
  });
  set(value);
  const el = h("label", { class: "fig-control fig-slider", for: id }, name, text, input);
  return { el, set, input };
}

// A labeled list to choose from: options are [value, text] pairs, values of any type.
function choice(label, options, value, onchange) {
  const input = h("select", {}, options.map(([, text], i) => h("option", { value: i }, text)));
  const set = (wanted) => {
    const same = JSON.stringify(wanted);
    input.selectedIndex = options.findIndex(([own]) => JSON.stringify(own) === same);
  };
  input.addEventListener("change", () => onchange?.(options[input.selectedIndex][0]));
  set(value);
  const el = h("label", { class: "fig-control fig-choice" }, h("span", {}, label), input);
  return { el, set, input };
}

function button(text, onclick) {
  return h("button", { type: "button", class: "fig-button", onclick }, text);
}

// One trait: get() and set(value). onchange(value) is called for changes from both sides.
function bind(model, name, onchange) {
  if (onchange) model.on(`change:${name}`, () => onchange(model.get(name)));
  return {
    get: () => model.get(name),
    set(value) {
      model.set(name, value);
      model.save_changes();
    },
  };
}

// Make an SVG element a handle: pointer, touch and arrow keys (Shift: ten times as far). Positions
// are in the units of its <svg>; move(x, y) may return the position to use instead. `text(x, y)`
// is what a screen reader says.
function draggable(el, { label, at, step = 1, move, text }) {
  let [x, y] = at;
  const round = (number) => Number(number.toFixed(2));
  const say = text ?? ((a, b) => `${round(a)}, ${round(b)}`);
  const set = (a, b) => {
    [x, y] = [a, b];
    el.setAttribute("aria-valuenow", round(x));
    el.setAttribute("aria-valuetext", say(x, y));
  };
  const go = (a, b) => {
    const instead = move(a, b);
    set(...(Array.isArray(instead) ? instead : [a, b]));
  };
  const point = (event) => {
    const svg = el.ownerSVGElement ?? el;
    const place = new DOMPoint(event.clientX, event.clientY);
    return place.matrixTransform(svg.getScreenCTM().inverse());
  };
  let grip = null;
  el.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const place = point(event);
    grip = [x - place.x, y - place.y];
    el.setPointerCapture(event.pointerId);
    el.focus({ preventScroll: true });
    event.preventDefault();
  });
  el.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const place = point(event);
    go(place.x + grip[0], place.y + grip[1]);
  });
  for (const end of ["pointerup", "pointercancel"]) el.addEventListener(end, () => (grip = null));
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  el.addEventListener("keydown", (event) => {
    const way = keys[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    const far = step * (event.shiftKey ? 10 : 1);
    go(x + way[0] * far, y + way[1] * far);
    event.preventDefault();
  });
  el.classList.add("fig-handle");
  for (const [name, value] of [["role", "slider"], ["tabindex", 0], ["aria-label", label]]) {
    el.setAttribute(name, value);
  }
  set(x, y);
  return { el, set };
}

// A canvas as wide as its box. Draw in units of width x height, whatever the screen: size() fits
// the pixels to the box and clears them, and returns pixels per unit. `redraw` is called when the
// box has changed.
function canvas2d(width, height, redraw) {
  const el = h("canvas", { style: `aspect-ratio: ${width} / ${height}` });
  const ctx = el.getContext("2d");
  const size = () => {
    const shown = el.clientWidth || width;
    const scale = (shown * (window.devicePixelRatio || 1)) / width;
    const [w, h2] = [Math.round(width * scale), Math.round(height * scale)];
    if (el.width !== w || el.height !== h2) [el.width, el.height] = [w, h2];
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.clearRect(0, 0, width, height);
    return scale;
  };
  if (redraw) new ResizeObserver(() => redraw()).observe(el);
  return { el, ctx, size };
}

// Call back when the page turns light or dark; returns a function that ends it.
function onTheme(el, callback) {
  const later = () => requestAnimationFrame(() => callback());
  const watcher = new MutationObserver(later);
  const attributeFilter = ["data-theme", "theme", "data-jp-theme-light", "class"];
  for (const root of [document.documentElement, document.body]) {
    watcher.observe(root, { attributes: true, attributeFilter });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", later);
  return () => {
    watcher.disconnect();
    system.removeEventListener("change", later);
  };
}

// A color of figure.css as text, for canvas: color(el, "--fig-blue").
function color(el, name) {
  return getComputedStyle(el).getPropertyValue(name).trim();
}

// Whether the reader asked for little motion.
function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// Say something to screen readers, once they are done with what they are saying.
function announce(el, text) {
  let region = el.querySelector(":scope > .fig-live");
  if (!region) el.append((region = h("div", { class: "fig-live fig-hidden", "aria-live": "polite" })));
  if (region.textContent !== text) region.textContent = text;
}
