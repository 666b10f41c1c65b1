// Spread one knob or two over values, and choose the number of seeds and how they are drawn.
const BANDS = [["spread", "median, spread"], ["mean", "mean ± error"], ["single", "each by itself"]];

export function render({ model }) {
  const root = make("div", "ensemble");
  const field = (label, value, parent) => {
    const wrap = make("label", "", parent, label + " ");
    const input = make("input", "box", wrap);
    input.value = value;
    return input;
  };
  // A box for a knob, and once one is chosen a field for its values.
  const axis = (empty, name) => {
    const row = make("div", "row", root);
    const knob = make("select", "", row);
    knob.setAttribute("aria-label", name);
    make("option", "", knob, empty).value = "";
    model.knobs.forEach(({ name: value, label }) => { make("option", "", knob, label).value = value; });
    const values = make("input", "box values", row);
    values.setAttribute("aria-label", "values of the " + name + ": a list, or a range and how many");
    values.title = "a list: 0.1, 0.3, 1 – or a range and how many: 0.01 … 1 × 5";
    values.hidden = true;
    return { row, knob, values };
  };
  const first = axis("spread a knob…", "knob to spread");
  const second = axis("and another…", "second knob to spread");
  const go = make("button", "main", root, "Spread");
  const arrange = () => {
    for (const { knob, values } of [first, second]) {
      const chosen = model.knobs.find(({ name }) => name === knob.value);
      values.hidden = !chosen;
      if (chosen && values.dataset.of !== knob.value) values.value = chosen.values;
      values.dataset.of = knob.value;
    }
    second.row.hidden = go.hidden = !first.knob.value;
  };
  first.knob.addEventListener("change", arrange);
  second.knob.addEventListener("change", arrange);
  arrange();
  go.addEventListener("click", () => {
    const chosen = [first, second].filter(({ knob }) => knob.value);
    model.send_msg({ spread: chosen.map(({ knob, values }) => [knob.value, values.value]) });
  });
  const foot = make("div", "row", root);
  const seeds = field("seeds", "1", foot);
  seeds.addEventListener("change", () => model.send_msg({ seeds: seeds.value }));
  const bands = make("select", "bands", foot);
  bands.setAttribute("aria-label", "how seeds are drawn");
  BANDS.forEach(([value, text]) => { make("option", "", bands, text).value = value; });
  bands.addEventListener("change", () => model.send_msg({ bands: bands.value }));
  const wrong = make("div", "wrong", root);
  wrong.setAttribute("role", "alert");
  const refresh = () => {
    seeds.value = model.shown.seeds;
    bands.value = model.shown.bands;
    wrong.textContent = model.shown.error;
    wrong.hidden = !model.shown.error;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
