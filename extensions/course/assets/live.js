// Bring the figures of a page to life without a kernel. Each has its state beside its picture, as
// the lab stored it: the script (an ES module), the style, and the traits. The script sees the
// model of anywidget's protocol, whose changes stay on the page.
"use strict";

(() => {
  // Binary traits are stored apart, as text: put them back where they belong.
  function restore({ state, buffers = [] }) {
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
      const last = path[path.length - 1];
      let place = state;
      for (const step of path.slice(0, -1)) place = place[step];
      place[last] = new DataView(bytes.buffer);
    }
    return state;
  }

  const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

  function makeModel(state) {
    const heard = new Map(); // event -> listeners
    const tell = (event, ...values) => {
      for (const listener of [...(heard.get(event) ?? [])]) listener(...values);
    };
    const model = {
      get: (name) => state[name],
      set(name, value) {
        const values = typeof name === "object" ? name : { [name]: value };
        const isData = (part) => part instanceof DataView;
        const changed = Object.keys(values).filter(
          (key) => isData(values[key]) || isData(state[key]) || !same(state[key], values[key]),
        );
        for (const key of changed) state[key] = values[key];
        for (const key of changed) tell(`change:${key}`, model, state[key]);
        if (changed.length) tell("change", model);
      },
      on(events, listener) {
        for (const event of events.split(" ")) {
          heard.set(event, [...(heard.get(event) ?? []), listener]);
        }
      },
      off(events, listener) {
        for (const event of events?.split(" ") ?? [...heard.keys()]) {
          const kept = listener ? (heard.get(event) ?? []).filter((own) => own !== listener) : [];
          heard.set(event, kept);
        }
      },
      save_changes() {}, // there is no kernel to tell
      send() {},
    };
    return model;
  }

  const styles = new Set();
  function applyStyle(css) {
    if (!css || styles.has(css)) return;
    styles.add(css);
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  }

  async function load(script) {
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    try {
      return (await import(url)).default;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  async function start(figure) {
    const box = figure.querySelector(".live-box");
    const stage = document.createElement("div");
    try {
      const state = restore(JSON.parse(figure.querySelector("script.live-state").textContent));
      let widget = await load(state._esm);
      if (typeof widget === "function") widget = await widget();
      applyStyle(state._css);
      stage.className = ["live-stage", ...(state._dom_classes ?? [])].join(" ");
      const model = makeModel(state);
      await widget.initialize?.({ model });
      box.append(stage);
      box.classList.add("live-on");
      await widget.render({ model, el: stage });
      figure.figureModel = model; // for tests, and for the curious
      figure.dataset.live = "on";
    } catch (error) {
      stage.remove();
      box.classList.remove("live-on");
      figure.dataset.live = "failed";
      const note = Object.assign(document.createElement("p"), { className: "live-note" });
      note.textContent =
        `This figure stays a picture here: its script could not run (${error?.message ?? error}).`;
      figure.append(note);
    }
  }

  for (const figure of document.querySelectorAll(".live-figure")) start(figure);
})();
