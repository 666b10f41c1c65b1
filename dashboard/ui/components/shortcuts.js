// The list of keys, and of the terms of the lab, as a dialog: it takes the focus, Escape closes it, and the focus goes back to where it was.
export function render({ model }) {
  const dialog = make("dialog", "shortcuts");
  dialog.setAttribute("aria-label", "keyboard shortcuts");
  const top = make("div", "top", dialog);
  make("h2", "", top, "Keyboard");
  const close = make("button", "", top, "Close");
  close.addEventListener("click", () => dialog.close());
  const list = make("dl", "", dialog);
  model.rows.forEach(([keys, doc]) => {
    const line = make("div", "", list);
    const names = make("dt", "", line);
    keys.split(" ").forEach((key) => make("kbd", "", names, key));
    make("dd", "", line, doc);
  });
  if (model.terms.length) make("h2", "", dialog, "Terms");
  const terms = make("dl", "terms", dialog);
  model.terms.forEach(({ name, text, formula }) => {
    const line = make("div", "", terms);
    make("dt", "", line, name);
    const said = make("dd", "", line);
    said.innerHTML = text;
    if (formula) make("p", "formula", said).innerHTML = formula;
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => model.send_msg({ closed: true }));
  model.on("open", () => {
    if (model.open && !dialog.open) dialog.showModal();
    if (!model.open && dialog.open) dialog.close();
  });
  return dialog;
}
