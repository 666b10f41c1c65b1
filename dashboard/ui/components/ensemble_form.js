// Spread one knob over a range, and choose the number of seeds.
export function render({ model }) {
  const root = make("div", "ensemble");
  const field = (label, value, parent) => {
    const wrap = make("label", "", parent, label + " ");
    const input = make("input", "box", wrap);
    input.value = value;
    return input;
  };
  const knob = make("select", "", root);
  knob.setAttribute("aria-label", "knob to spread");
  make("option", "", knob, "spread a knob…").value = "";
  model.knobs.forEach(({ name, label }) => { make("option", "", knob, label).value = name; });
  const row = make("div", "row", root);
  const low = field("from", "", row);
  const high = field("to", "", row);
  const many = field("count", "5", row);
  const go = make("button", "main", row, "Spread");
  row.hidden = true;
  knob.addEventListener("change", () => {
    const chosen = model.knobs.find(({ name }) => name === knob.value);
    row.hidden = !chosen;
    if (chosen) { low.value = chosen.low; high.value = chosen.high; }
  });
  go.addEventListener("click", () => model.send_msg({ knob: knob.value, low: low.value, high: high.value, count: many.value }));
  const foot = make("div", "row", root);
  const seeds = field("seeds", "1", foot);
  seeds.addEventListener("change", () => model.send_msg({ seeds: seeds.value }));
  make("span", "gap", foot);
  const band = make("label", "tick", foot);
  const bands = make("input", "", band);
  bands.type = "checkbox";
  bands.setAttribute("role", "switch");
  band.append(" seeds as bands");
  bands.addEventListener("change", () => model.send_msg({ bands: bands.checked }));
  const wrong = make("div", "wrong", root);
  wrong.setAttribute("role", "alert");
  const refresh = () => {
    seeds.value = model.shown.seeds;
    bands.checked = model.shown.bands;
    wrong.textContent = model.shown.error;
    wrong.hidden = !model.shown.error;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
