// The heading of one figure: what it shows, which line is which, and a menu of how it is looked at.
function sample(line) {
  const box = make("span", line.label.length < 4 ? "sample tiny" : "sample");
  const mark = MARKS[line.dash] ?? `<line x1="1" x2="23" y1="4" y2="4" stroke-width="2.2" stroke-dasharray="${DASHES[line.dash] ?? ""}"/>`;
  box.innerHTML = `<svg width="${line.dash in MARKS ? 10 : 24}" height="10" viewBox="${line.dash in MARKS ? "0 -1 10 10" : "0 -1 24 10"}" aria-hidden="true">${mark}</svg>`;
  box.firstChild.style.color = line.color || "currentColor";
  const text = make("span", "", box, line.label);
  box.title = line.doc ? `${line.label}: ${line.doc}` : line.label;
  text.classList.toggle("muted", Boolean(line.muted));
  return box;
}

// The card over the whole window: it lies above everything, Escape and the same entry bring it back.
function enlarge(card, opener) {
  if (card.matches(":popover-open")) return card.hidePopover();
  card.popover = "auto";
  card.addEventListener("toggle", (event) => {
    if (event.newState === "closed") { card.removeAttribute("popover"); opener.focus(); }
  });
  card.showPopover();
  opener.focus();
}

export function render({ model, view }) {
  const root = make("div", "heading");
  const top = make("div", "top", root);
  const title = make("h2", "", top, model.title);
  title.title = model.doc;
  const entries = make("div", "legend", top);
  const follow = make("button", "icon", top, "↻");
  follow.title = "keep the newest step in view again";
  follow.setAttribute("aria-label", `${follow.title}: ${model.title}`);
  follow.addEventListener("click", () => model.send_msg({ toggle: "follow", on: true }));
  const more = make("button", "icon", top, "⋮");
  more.title = "how this figure is looked at, what is written on it, and files of it";

  const note = make("div", "note", root);
  note.addEventListener("click", () => note.classList.toggle("open"));
  const write = annotator(model, root);
  const files = (group) => model.files.filter(([, , of]) => of === group).map(([kind, text]) => ({ text, act: () => model.send_msg({ export: kind }) }));
  const groups = [...new Set(model.files.map(([, , group]) => group))].filter(Boolean);
  const choice = (axis) => model.shown[axis].map(([name, text, on]) => ({ text, on, act: () => model.send_msg({ axis, channel: name }) }));
  const card = () => view.parent.el;
  const writing = () => model.shown.annotate ? [
    { head: "Write" },
    { text: "A note…", act: () => write("note") },
    { text: "The slope between two steps…", act: () => write("slope") },
    ...model.shown.written ? [{ text: "Take the last one away", act: () => write("erase") }] : [],
  ] : [];
  menu(more, `of ${model.title}`, () => [
    ...model.shown.toggles.map(({ name, label, doc, on }) => ({ text: label, doc, on, act: () => model.send_msg({ toggle: name, on: !on }) })),
    ...["y", "x"].filter((axis) => model.shown[axis]?.length).map((axis) => (
      { text: axis === "y" ? "Show another channel" : "Horizontal axis", items: () => choice(axis) })),
    ...writing(),
    { head: "Save" },
    ...files(""),
    ...groups.map((group) => ({ text: group, items: () => files(group) })),
    { head: "Place" },
    { text: "Full screen", hint: "Esc", on: card().matches(":popover-open"), act: () => enlarge(card(), more) },
    { text: "Whole width", on: model.shown.wide, act: () => model.send_msg({ toggle: "wide", on: !model.shown.wide }) },
    { text: "Hide", act: () => model.send_msg({ toggle: "closed", on: true }) },
  ]);

  // A legend that would be cut beside the title gets a line of its own.
  const cut = (e) => e.scrollWidth > e.clientWidth; // by half a pixel already a word ends in dots
  const place = () => {
    root.classList.remove("narrow");
    root.classList.toggle("narrow", [title, entries, ...entries.querySelectorAll(".sample, .sample span")].some(cut));
  };
  let drawn = "";
  const widths = new Map();
  const resized = new ResizeObserver((found) => {
    const changed = found.filter(({ target, contentRect }) => widths.get(target) !== contentRect.width);
    changed.forEach(({ target, contentRect }) => widths.set(target, contentRect.width));
    if (changed.length) place();
  });
  resized.observe(root);
  resized.observe(title);  // which is wider once its font has come
  model.on("remove", () => resized.disconnect());

  const refresh = () => {
    const { lines, note: text, toggles } = model.shown;
    const head = JSON.stringify([model.title, lines]);
    if (head !== drawn) {
      drawn = head;
      title.textContent = model.title;
      more.setAttribute("aria-label", `menu: ${model.title}`);
      entries.replaceChildren(...lines.map(sample));
      place();
    }
    note.textContent = note.title = text;
    note.hidden = !text;
    follow.hidden = toggles.every(({ name, on }) => name !== "follow" || on);
  };
  const summary = make("p", "unseen", root, model.summary);
  model.on("summary", () => { summary.textContent = model.summary; });
  model.on("shown", refresh);
  model.on("title", refresh);
  refresh();
  return root;
}
