// One probe: what it is, the button that computes it, which trace is which, and what came of it in words.
const make = (tag, name, parent, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
};

const SHAPES = {
  circle: '<circle cx="12" cy="5" r="3.4"/>',
  square: '<rect x="9" y="2" width="6.4" height="6.4"/>',
  triangle: '<path d="M12 1.2 16 8.6H8z"/>',
  diamond: '<path d="M12 .8 15 5l-3 4.2L9 5z"/>',
  inverted_triangle: '<path d="M12 8.8 16 1.4H8z"/>',
  star: '<path d="M12 .6l1.3 3h3.2L14 5.6l1 3.3-3-2-3 2 1-3.3-2.5-2h3.2z"/>',
  hex: '<path d="M8.4 3v4l3.6 2 3.6-2V3L12 1z"/>',
};

function sample({ label, color, style, dash, shape: kind }) {
  const box = make("span", "sample");
  const shape = style === "points" ? SHAPES[kind] ?? SHAPES.circle
    : '<line x1="1" x2="23" y1="5" y2="5" stroke-width="2.2"/>';
  box.innerHTML = `<svg width="24" height="10" aria-hidden="true">${shape}</svg>`;
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
