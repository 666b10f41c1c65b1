// Replays a recorded run: figures as they were at each step, curves up to it, and what was said then. Nothing is computed.
const element = (id) => document.getElementById(id);
const unpack = async (id) => {
  const holder = element(id), bytes = Uint8Array.from(atob(holder.textContent), (sign) => sign.charCodeAt(0));
  holder.remove();
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
};
const COLORS = { false: { ink: "#1d2330", pale: "#8a919c", line: "#d5d9e0" }, true: { ink: "#e9ecf2", pale: "#8a919c", line: "#3a404b" } };
const LENGTH = 12000;  // milliseconds in which the whole run is played
const TELLING = 500;  // milliseconds between two texts while it plays
const sample = (key) => {
  const { dash } = key.dataset;
  if (!(dash in DASHES) && !(dash in MARKS)) return;
  const drawn = dash in MARKS ? MARKS[dash] : `<path d="M0 4h22" stroke-dasharray="${DASHES[dash]}"/>`;
  const width = dash in MARKS ? 10 : 22;
  key.insertAdjacentHTML("afterbegin", `<svg width="${width}" height="8" stroke="currentColor" stroke-width="2" fill="none" aria-hidden="true">${drawn}</svg>`);
};

async function begin() {
  document.querySelectorAll(".key").forEach(sample);
  if (!globalThis.DecompressionStream) throw new Error("it needs a browser of the year 2023 or a later one");
  make("script", "", document.head, await unpack("library"));
  const { document: stored, roots, steps, changes, streams, curves, notes, words, spoken } = JSON.parse(await unpack("data"));
  const targets = Object.entries(roots).map(([name, id]) => [id, document.querySelector(`#figure-${CSS.escape(name)} .plot`)]);
  await Bokeh.embed.embed_items({ run: stored }, [{ docid: "run", roots: Object.fromEntries(targets), root_ids: Object.values(roots) }]);
  const page = Bokeh.documents[0], off = new Set();
  const columns = (source) => (source.data instanceof Map ? source.data : new Map(Object.entries(source.data)));
  const write = (source, data) => { source.data = source.data instanceof Map ? data : Object.fromEntries(data); };
  const kept = (data, keep) => new Map([...data].map(([name, column]) => [name, Array.from(column).filter((_, row) => keep[row])]));

  // -- time -----------------------------------------------------------------------------------------------------
  const grown = [...new Set(streams)].map((id) => page.get_model_by_id(id)).map((source) => [source, columns(source)]);
  const colored = new Map();  // what sources with a row a curve hold at the step that is shown
  const held = changes.map(() => -1);
  let frame = steps.length - 1, since = 0, timer = 0;
  const find = (at) => {
    const after = at.findIndex((each) => each > frame);
    return after === 0 || after < 0 ? at.length - 1 : after - 1;
  };
  const hide = (source) => {
    const data = colored.get(source.id), hues = data?.get("color");
    if (hues) write(source, kept(data, Array.from(hues, (hue) => !off.has(String(hue).slice(0, 7)))));
  };
  const draw = () => {
    const due = [];
    changes.forEach(({ at, events }, index) => {
      const place = find(at);
      if (held[index] !== place) due.push(events[place]);
      held[index] = place;
    });
    if (due.length) page.apply_json_patch({ events: due });
    for (const { model, attr } of due) {
      const source = page.get_model_by_id(model.id);
      if (attr !== "data" || !source) continue;
      colored.set(source.id, columns(source));
      if (off.size) hide(source);
    }
    for (const [source, data] of grown) {
      const count = data.get("step").filter((step) => step <= steps[frame]).length;
      write(source, new Map([...data].map(([name, column]) => [name, column.slice(0, count)])));
    }
  };
  const tell = () => {
    since = performance.now();
    element("words").innerHTML = words[spoken[frame]];  // escaped where it was written
    for (const name of Object.keys(roots)) {
      const line = document.querySelector(`#figure-${CSS.escape(name)} .note`);
      line.textContent = notes[name][frame];
      line.classList.toggle("full", Boolean(line.textContent));
    }
  };
  const number = (value) => value.toLocaleString("en");
  const show = (next) => {
    frame = Math.min(Math.max(next, 0), steps.length - 1);
    element("place").value = frame;
    const said = `step ${number(steps[frame])} of ${number(steps.at(-1))}`;
    element("step").textContent = said;
    element("place").setAttribute("aria-valuetext", said);
    document.querySelectorAll("figure .at").forEach((each) => { each.textContent = number(steps[frame]); });
    draw();
    if (!timer || performance.now() - since > TELLING) tell();
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    element("play").textContent = "▶ Play";
    tell();
  };
  const play = () => {
    if (frame >= steps.length - 1) show(0);
    const begun = performance.now(), first = frame;
    timer = setInterval(() => {
      const next = first + Math.floor((performance.now() - begun) / LENGTH * steps.length);
      if (next > frame) show(next);
      if (frame >= steps.length - 1) pause();
    }, 60);
    element("play").textContent = "❚❚ Pause";
  };
  const toggle = () => (timer ? pause : play)();

  // -- members, light and dark -------------------------------------------------------------------------------------
  for (const { label, color, lines } of curves.length > 1 ? curves : []) {
    const button = make("button", "", element("curves"));
    button.type = "button";
    button.style.setProperty("--hue", color);
    make("i", "", button);
    button.append(label);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const on = off.has(color);
      off[on ? "delete" : "add"](color);
      button.setAttribute("aria-pressed", String(on));
      for (const id of lines) page.get_model_by_id(id).visible = on;
      for (const id of colored.keys()) hide(page.get_model_by_id(id));
    });
  }
  for (const root of page.roots())
    for (const { renderers } of [...root.references()].filter((model) => model.type === "Figure"))
      for (const { data_source: source } of renderers)
        if (source && columns(source).has("color")) colored.set(source.id, columns(source));
  const paint = (dark) => {
    document.documentElement.classList.toggle("dark", dark);
    const { ink, pale, line } = COLORS[dark];
    const colors = { axis_label_text_color: ink, major_label_text_color: ink, title_text_color: ink, axis_line_color: pale, major_tick_line_color: pale, grid_line_color: line };
    for (const root of page.roots())
      for (const model of root.references()) {
        if (model.type === "ColorBar") model.background_fill_color = null;
        for (const [name, color] of Object.entries(colors)) if (name in model.properties) model[name] = color;
      }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  system.addEventListener("change", () => { if (chosen === null) paint(system.matches); });
  element("theme").addEventListener("click", () => { chosen = !document.documentElement.classList.contains("dark"); paint(chosen); });
  paint(system.matches);

  // -- the reader -----------------------------------------------------------------------------------------------
  const place = element("place");
  place.max = steps.length - 1;
  place.disabled = element("play").disabled = false;
  place.addEventListener("input", () => { if (timer) pause(); show(Number(place.value)); });
  element("play").addEventListener("click", toggle);
  addEventListener("keydown", (event) => {
    if (event.target.closest("button, input, summary, pre") || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
    if (event.key === " ") toggle();
    else if (move) show(frame + move);
    else return;
    event.preventDefault();
  });
  show(steps.length - 1);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
}

begin().catch((error) => {
  element("trouble").textContent = `This run cannot be replayed: ${error.message}.`;
  element("trouble").hidden = false;
});
