// The reader's stored runs: each can be drawn behind the one on screen, opened, or, once asked, deleted.
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
    button(item, "Delete", says("delete"), (made) => {
      if (made.classList.contains("sure")) return model.send_msg({ do: "delete", name });
      made.classList.add("sure");
      made.textContent = "Really delete?";
    });
  };
  const refresh = () => {
    head.textContent = `Library: ${model.shown.entries.length} stored run${model.shown.entries.length === 1 ? "" : "s"}`;
    note.textContent = model.shown.note;
    list.replaceChildren();
    model.shown.entries.forEach(row);
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
