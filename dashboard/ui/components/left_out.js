// Figures that are not on the page: those that the reader hid, each a button that brings it back, and those that have
// nothing to show, with the reason.
export function render({ model }) {
  const root = make("div", "line");
  const refresh = () => {
    const { closed, empty } = model.shown;
    root.replaceChildren();
    root.hidden = !closed.length && !empty.length;
    if (closed.length) make("span", "", root, "Hidden:");
    closed.forEach(([name, title]) => {
      const made = make("button", "", root, title);
      made.title = "show this figure again";
      made.setAttribute("aria-label", `restore ${title}`);
      made.addEventListener("click", () => model.send_msg({ restore: name }));
    });
    if (!empty.length) return;
    const rest = make("details", "", root);
    make("summary", "", rest, empty.length === 1 ? `${empty[0][0]}: ${empty[0][1]}` : `${empty.length} figures have nothing to show`);
    if (empty.length > 1) empty.forEach(([title, reason]) => make("div", "", rest, `${title}: ${reason}`));
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
