// What stands above a picture: its title, which trace is which, and what is not drawn.
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
  const title = make("h4", "", root, model.title);
  title.hidden = !model.title;
  const legend = make("div", "legend", root);
  const note = make("p", "note", root);
  const refresh = () => {
    const { lines, note: text } = model.shown;
    legend.replaceChildren(...lines.map(sample));
    legend.hidden = !lines.length;
    note.textContent = text;
    note.hidden = !text;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
