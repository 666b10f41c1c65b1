// Folds the column that it stands in to a strip, and remembers it. Who comes to the column by a link finds it open.
export function render({ model, view }) {
  const column = view.parent.el, kept = `dynascope: ${model.column} folded`;
  const button = make("button", model.column);
  make("span", "arrow", button, "‹").setAttribute("aria-hidden", "true");
  make("span", "name", button, model.label);
  const read = () => { try { return localStorage.getItem(kept) === "yes"; } catch { return false; } };
  const fold = (on) => {
    column.classList.toggle("folded", on);
    button.title = on ? `show: ${model.label}` : `fold away: ${model.label}`;
    button.setAttribute("aria-label", button.title);
    button.setAttribute("aria-expanded", String(!on));
    try { localStorage.setItem(kept, on ? "yes" : "no"); } catch { /* it is remembered as long as the page is open */ }
  };
  button.addEventListener("click", () => fold(!column.classList.contains("folded")));
  column.addEventListener("focus", () => fold(false));
  fold(read());
  return button;
}
