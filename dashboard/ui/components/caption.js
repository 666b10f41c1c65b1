// What stands above a picture: its title, which trace is which, and what is not drawn.
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

// As the legend of a printed figure knows it.
const printed = ({ label, color, style, dash }) => ({ label, color, dash: style === "points" ? "dot" : dash });

export function render({ model, view }) {
  const root = make("div", "heading");
  const top = make("div", "top", root);
  make("h4", "", top, model.title).hidden = !model.title;
  make("span", "gap", top);
  const switches = make("div", "switches", top);
  const files = choice(model.title || model.file, [["svg", "SVG"], ["png", "PNG"]], (kind) => {
    print(view.parent, { title: model.title, file: model.file, lines: model.shown.lines.map(printed) }, root, kind);
  });
  const legend = make("div", "legend", root);
  const note = make("p", "note", root);
  const refresh = () => {
    const { lines, note: text, toggles, printable } = model.shown;
    switches.replaceChildren(...toggles.map((toggle) => pressed(toggle, model)), ...(printable ? [files] : []));
    legend.replaceChildren(...lines.map(sample));
    legend.hidden = !lines.length;
    note.textContent = text;
    note.hidden = !text;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
