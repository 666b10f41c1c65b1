// A menu at a button, over everything else: arrow keys move in it, Escape or a click elsewhere closes it.
// Entries are { text, hint, doc, on, act }, { text, items } for more of them, and { head } for what follows.
const entry = ({ text, hint, doc, on, head, items }) => {
  if (head) return make("div", "head", null, head);
  const made = make("button", "", null);
  const role = on === undefined ? "menuitem" : "menuitemcheckbox";
  made.setAttribute("role", role);
  made.tabIndex = -1;
  if (on !== undefined) made.setAttribute("aria-checked", String(Boolean(on)));
  make("span", "text", made, text);
  if (hint || items) make("span", "hint", made, items ? "›" : hint).setAttribute("aria-hidden", "true");
  if (items) made.setAttribute("aria-haspopup", "menu");
  if (doc) made.title = doc;
  return made;
};

const place = (list, button) => {
  const at = button.getBoundingClientRect(), box = list.getBoundingClientRect();
  const below = at.bottom + box.height <= innerHeight || at.top < box.height;
  list.style.left = `${Math.max(4, Math.min(at.left, innerWidth - box.width - 4))}px`;
  list.style.top = `${Math.max(4, below ? Math.min(at.bottom + 2, innerHeight - box.height - 4) : at.top - box.height - 2)}px`;
};

const menu = (button, name, entries) => {
  const list = make("div", "menu");
  list.popover = "auto";
  list.setAttribute("role", "menu");
  list.setAttribute("aria-label", name);
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  button.after(list);
  const close = () => { list.hidePopover(); button.focus(); };
  const all = () => [...list.querySelectorAll("button")];
  const fill = (shown) => {
    list.replaceChildren(...shown.map((each) => {
      const made = entry(each);
      if (!each.head) made.addEventListener("click", () => {
        if (each.items) return fill(each.items());
        close();
        each.act();
      });
      return made;
    }));
    place(list, button);
    all()[0]?.focus();
  };
  button.addEventListener("click", () => {
    if (list.matches(":popover-open")) return list.hidePopover();
    list.showPopover();
    fill(entries());
  });
  list.addEventListener("toggle", (event) => {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (!open) list.replaceChildren();
  });
  list.addEventListener("keydown", (event) => {
    event.stopPropagation();  // the page's own keys rest meanwhile
    if (event.key === "Tab") return close();
    if (event.key === "Escape") { event.preventDefault(); return close(); }
    const found = all(), last = found.length - 1, now = found.indexOf(event.target);
    const next = { ArrowDown: now < last ? now + 1 : 0, ArrowUp: now > 0 ? now - 1 : last, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    found[next].focus();
  });
  return list;
};
