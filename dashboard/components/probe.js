// One probe: what it is, the button that computes it, which trace is which, and what came of it in words.
const make = (tag, name, parent, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
};

function sample({ label, color, style, dash }) {
  const box = make("span", "sample");
  const shape = style === "points" ? '<circle cx="12" cy="4" r="3"/>'
    : '<line x1="1" x2="23" y1="4" y2="4" stroke-width="2.2"/>';
  box.innerHTML = `<svg width="24" height="8" aria-hidden="true">${shape}</svg>`;
  const mark = box.querySelector("svg").firstChild;
  mark.style.stroke = mark.style.fill = color;
  mark.style.strokeDasharray = dash;
  make("span", style === "theory" ? "muted" : "", box, style === "theory" ? "theory: " + label : label);
  return box;
}

export function render({ model }) {
  const root = make("div", "heading");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.title);
  const top = make("div", "top", root);
  make("h3", "", top, model.title);
  make("span", "gap", top);
  const compute = make("button", "compute", top);
  compute.title = "of the member in focus, at the step that is looked at; the run goes on meanwhile";
  compute.addEventListener("click", () => model.send_msg({}));
  const cancel = make("button", "", top, "Cancel");
  cancel.setAttribute("aria-label", "cancel: " + model.title);
  cancel.addEventListener("click", () => model.send_msg({ stop: true }));
  make("p", "doc", root, model.doc);
  const failure = make("p", "failure", root);
  failure.setAttribute("role", "status");
  const note = make("p", "note", root);
  note.setAttribute("role", "status");
  const legend = make("div", "legend", root);
  const rest = make("p", "note", root);

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;  // the same words are not read out again
  };
  const refresh = () => {
    const { step, busy, note: text, failure: wrong, lines, summary } = model.shown;
    compute.textContent = busy ? "computing…" : step < 0 ? "Compute" : `Compute at step ${step.toLocaleString("en")}`;
    compute.setAttribute("aria-label", `${compute.textContent}: ${model.title}`);
    compute.disabled = busy || step < 0;
    cancel.hidden = !busy;
    write(failure, wrong);
    write(note, text);
    write(rest, summary);
    legend.replaceChildren(...lines.map(sample));
    legend.hidden = !lines.length;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
