// How a figure is looked at, and what it can be saved as.
const pressed = ({ name, label, on, doc }, model) => {
  const made = make("button", on ? "on" : "", null, label);
  made.title = doc;
  made.setAttribute("aria-pressed", String(on));
  made.setAttribute("aria-label", doc);
  made.addEventListener("click", () => model.send_msg({ toggle: name, on: !on }));
  return made;
};

const choice = (title, kinds, save) => {
  const made = make("select", "files", null);
  made.setAttribute("aria-label", `export ${title}`);
  made.title = "save this figure as it is looked at, or its numbers in full";
  [["", "export"], ...kinds].forEach(([kind, text]) => { make("option", "", made, text).value = kind; });
  made.addEventListener("change", () => { const kind = made.value; made.value = ""; save(kind); });
  return made;
};
