// The reader's stored runs: each can be drawn behind the one on screen, opened, or deleted, which can be undone.
export function render({ model }) {
  const root = make("details", "library");
  const head = make("summary", "", root);
  const button = (parent, text, title, act) => {
    const made = make("button", "", parent, text);
    made.title = title;
    made.setAttribute("aria-label", title);
    made.addEventListener("click", () => act(made));
    return made;
  };
  const top = make("div", "top", root);
  button(top, "Keep this run", "store the run on screen in the library", () => model.send_msg({ do: "keep" }));
  const note = make("span", "note", top);
  note.setAttribute("role", "status");
  const undo = button(top, "Undo", "bring back the run that was deleted", () => model.send_msg({ do: "restore", name: model.shown.deleted }));
  const more = make("span", "", top);
  const list = make("ul", "", root);
  const row = ({ name, title, about, broken, hue }) => {
    const item = make("li", "", list);
    const dot = make("i", "", item);
    dot.style.background = hue || "transparent";
    make("b", "", item, title);
    make("span", broken ? "broken" : "", item, broken || about);
    const says = (what) => `${what} ${title}, ${about || name}`;
    if (!broken) {
      const over = button(item, hue ? "Take away" : "Lay over", says(hue ? "take away" : "lay over"), () => model.send_msg({ do: "over", name }));
      over.setAttribute("aria-pressed", String(Boolean(hue)));
      button(item, "Open", says("open"), () => model.send_msg({ do: "open", name }));
    }
    button(item, "Delete", says("delete"), () => model.send_msg({ do: "delete", name }));
  };
  const refresh = () => {
    const { entries, count, note: done, deleted } = model.shown;
    head.textContent = `Library: ${count} stored run${count === 1 ? "" : "s"}`;
    note.textContent = done;
    undo.hidden = !deleted;
    more.textContent = count > entries.length ? `The newest ${entries.length} are listed; the page of the library has all.` : "";
    list.replaceChildren();
    model.shown.entries.forEach(row);
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
