// All knobs, those in sight and those folded away, and what undoes and redoes their changes.
export function render({ model }) {
  const root = make("div", "knobs");
  const top = make("div", "title", root);
  make("h2", "", top, "Knobs");
  const button = (text, name, what) => {
    const made = make("button", "icon", top, text);
    made.title = name;
    made.setAttribute("aria-label", name);
    made.addEventListener("click", () => model.send_msg({ do: what }));
    return made;
  };
  const undo = button("↶", "undo the last change (Ctrl+Z)", "undo");
  const redo = button("↷", "redo what was undone (Ctrl+Shift+Z)", "redo");

  const front = make("div", "", root);
  const more = make("button", "more", root);
  const folded = make("div", "", root);
  folded.hidden = true;
  more.addEventListener("click", () => { folded.hidden = !folded.hidden; arrange(); });
  const made = new Map(), last = new Map();
  const show = (name) => {
    const state = JSON.stringify(model.shown[name]);
    if (!state || last.get(name) === state) return;
    last.set(name, state);
    made.get(name).refresh(model.shown[name]);
  };
  const row = (name) => {
    if (!made.has(name)) {
      const about = model.abouts.find((each) => each.name === name);
      made.set(name, knob(about, null, (value, final) => model.send_msg({ knob: name, value, final })));
      show(name);
    }
    return made.get(name).root;
  };
  // A row that stays where it is is not touched: moving it would take the focus from it.
  const place = (parent, names) => {
    const wanted = names.map(row);
    [...parent.children].filter((each) => !wanted.includes(each)).forEach((each) => each.remove());
    let at = parent.firstChild;
    for (const each of wanted) {
      if (each === at) at = at.nextSibling;
      else parent.insertBefore(each, at);
    }
  };
  const arrange = () => {
    const { front: seen, more: rest } = model.order;
    place(front, seen);
    place(folded, folded.hidden ? [] : rest);
    more.textContent = `${folded.hidden ? "▸" : "▾"} More: ${rest.length} knobs`;
    more.setAttribute("aria-expanded", String(!folded.hidden));
    more.hidden = !rest.length;
  };
  const refresh = () => [...made.keys()].forEach(show);
  const travel = () => {
    undo.disabled = !model.history.undo;
    redo.disabled = !model.history.redo;
  };
  model.on("order", arrange);
  model.on("shown", refresh);
  model.on("history", travel);
  arrange();
  travel();
  return root;
}
