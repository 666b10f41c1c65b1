// How a figure is looked at, and what it can be saved as.
const pressed = ({ name, label, on, doc }, model) => {
  const made = make("button", on ? "on" : "", null, label);
  made.title = doc;
  made.setAttribute("aria-pressed", String(on));
  made.setAttribute("aria-label", doc);
  made.addEventListener("click", () => model.send_msg({ toggle: name, on: !on }));
  return made;
};

const choice = (name, head, kinds, save) => {
  const made = make("select", "files", null);
  made.setAttribute("aria-label", name);
  [["", head], ...kinds].forEach(([kind, text]) => { make("option", "", made, text).value = kind; });
  made.addEventListener("change", () => { const kind = made.value; made.value = ""; save(kind); });
  return made;
};
