// The heading of one figure: what it shows, which line is which, and how it is looked at.
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

const NOTES = [["note", "a note"], ["slope", "the slope between two steps"], ["erase", "take the last away"]];

export function render({ model }) {
  const root = make("div", "heading");
  const top = make("div", "top", root);
  const title = make("h2", "", top, model.title);
  title.title = model.doc;
  make("span", "gap", top);
  const switches = make("div", "switches", top);
  const files = choice(`export ${model.title}`, "export", model.files, (kind) => model.send_msg({ export: kind }));
  files.title = "save this figure as it is looked at, or its numbers in full";
  const notes = choice(`write on ${model.title}`, "write", NOTES, (kind) => write(kind));
  const entries = make("div", "legend", root);
  const note = make("div", "note", root);
  const write = annotator(model, root);
  const refresh = () => {
    const { lines, toggles, annotate, note: text } = model.shown;
    entries.replaceChildren(...lines.map(sample));
    entries.hidden = !lines.length;
    note.textContent = text;
    note.hidden = !text;
    switches.replaceChildren(...toggles.map((toggle) => pressed(toggle, model)), ...annotate ? [notes] : [], files);
  };
  const summary = make("p", "unseen", root, model.summary);
  model.on("summary", () => { summary.textContent = model.summary; });
  model.on("shown", refresh);
  refresh();
  return root;
}
