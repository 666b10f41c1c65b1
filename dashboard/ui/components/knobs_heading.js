// The heading over the knobs: undo and redo of their changes.
export function render({ model }) {
  const root = make("div", "top");
  make("h2", "", root, "Knobs");
  const button = (text, name, what) => {
    const made = make("button", "icon", root, text);
    made.title = name;
    made.setAttribute("aria-label", name);
    made.addEventListener("click", () => model.send_msg({ do: what }));
    return made;
  };
  const undo = button("↶", "undo the last change (Ctrl+Z)", "undo");
  const redo = button("↷", "redo what was undone (Ctrl+Shift+Z)", "redo");
  const refresh = () => {
    undo.disabled = !model.shown.undo;
    redo.disabled = !model.shown.redo;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
