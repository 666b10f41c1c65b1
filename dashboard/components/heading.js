// The heading of one figure: what it shows, which line is which, and how it is looked at.
const DASHES = { solid: "", dashed: "6 4", dotted: "2 3", dotdash: "7 3 2 3" };
const MARKS = { dot: `<circle cx="5" cy="4" r="3.6" fill="currentColor"/>`, ring: `<circle cx="5" cy="4" r="3" fill="none" stroke-width="1.8"/>` };

function sample(line) {
  const box = make("span", "sample");
  const mark = MARKS[line.dash] ?? `<line x1="1" x2="23" y1="4" y2="4" stroke-width="2.2" stroke-dasharray="${DASHES[line.dash] ?? ""}"/>`;
  box.innerHTML = `<svg width="${line.dash in MARKS ? 10 : 24}" height="10" viewBox="${line.dash in MARKS ? "0 -1 10 10" : "0 -1 24 10"}" aria-hidden="true">${mark}</svg>`;
  box.firstChild.style.color = line.color || "currentColor";
  const text = make("span", "", box, line.label);
  if (line.doc) box.title = line.doc;
  text.classList.toggle("muted", Boolean(line.muted));
  return box;
}

export function render({ model, view }) {
  const root = make("div", "heading");
  const top = make("div", "top", root);
  const title = make("h2", "", top, model.title);
  title.title = model.doc;
  make("span", "gap", top);
  const switches = make("div", "switches", top);
  const files = make("select", "files", null);
  files.setAttribute("aria-label", `export ${model.title}`);
  files.title = "save this figure as it is looked at, or its numbers in full";
  [["", "export"], ["svg", "SVG"], ["png", "PNG"], ["csv", "CSV, all numbers"]].forEach(([kind, text]) => { make("option", "", files, text).value = kind; });
  files.addEventListener("change", () => {
    const kind = files.value;
    files.value = "";
    if (kind === "csv") model.send_msg({ export: kind });
    else print(view, model, root, kind);
  });
  const entries = make("div", "legend", root);
  const note = make("div", "note", root);
  const refresh = () => {
    const { lines, toggles, note: text } = model.shown;
    entries.replaceChildren(...lines.map(sample));
    entries.hidden = !lines.length;
    note.textContent = text;
    note.hidden = !text;
    switches.replaceChildren(...toggles.map(({ name, label, on, doc }) => {
      const made = make("button", on ? "on" : "", null, label);
      made.title = doc;
      made.setAttribute("aria-pressed", String(on));
      made.setAttribute("aria-label", doc);
      made.addEventListener("click", () => model.send_msg({ toggle: name, on: !on }));
      return made;
    }), files);
  };
  const summary = make("p", "unseen", root, model.summary);
  model.on("summary", () => { summary.textContent = model.summary; });
  model.on("shown", refresh);
  refresh();
  return root;
}
