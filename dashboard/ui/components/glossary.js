// A term of art explained beside the mention that was clicked: Escape or a click elsewhere closes it.
export function render({ model }) {
  const dialog = make("dialog", "glossary");
  dialog.setAttribute("aria-live", "polite");
  const name = make("h2", "", dialog);
  const formula = make("p", "formula", dialog);
  const text = make("p", "", dialog);
  dialog.setAttribute("aria-label", "what a term means");
  let opener = null;
  const close = () => { if (dialog.open) dialog.close(); };
  const show = (button) => {
    const entry = model.entries.find((one) => one.name === button.dataset.term);
    if (!entry) return;
    name.textContent = entry.name;
    formula.innerHTML = entry.formula;
    formula.hidden = !entry.formula;
    text.innerHTML = entry.text;
    close();
    dialog.show();
    opener = button;
    const at = button.getBoundingClientRect(), { width, height } = dialog.getBoundingClientRect();
    dialog.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
    dialog.style.top = `${at.bottom + 6 + height > innerHeight ? Math.max(8, at.top - height - 6) : at.bottom + 6}px`;
  };
  const clicked = (event) => {
    const path = event.composedPath();
    const button = path.find((one) => one.dataset?.term);
    if (button && !(dialog.open && button === opener)) show(button);
    else if (!path.includes(dialog)) close();
  };
  const pressed = (event) => {
    const button = event.composedPath().find((one) => one.dataset?.term);
    if (event.key === "Escape" && dialog.open) { close(); opener?.focus(); }
    else if (button && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); event.stopPropagation(); show(button); }
  };
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed, true);
  window.addEventListener("scroll", close, true);
  model.on("remove", () => {
    document.removeEventListener("click", clicked);
    document.removeEventListener("keydown", pressed, true);
    window.removeEventListener("scroll", close, true);
  });
  return dialog;
}
