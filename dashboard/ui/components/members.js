// Which hue is which member. A click puts a member in focus; on a band it picks nothing.
export function render({ model }) {
  const root = document.createElement("div");
  root.className = "legend";
  root.setAttribute("role", "radiogroup");
  root.setAttribute("aria-label", "members of the ensemble");
  const refresh = () => {
    const { title, items } = model.shown;
    const head = document.createElement("span");
    head.className = "title";
    head.textContent = title;
    const chips = items.map(({ key, label, color, on }) => {
      const chip = document.createElement("button");
      chip.className = on ? "on" : "";
      chip.setAttribute("role", "radio");
      chip.setAttribute("aria-checked", String(on));
      chip.title = "look at this one: text, bars and matrices follow it";
      const dot = document.createElement("i");
      dot.style.background = color;
      chip.append(dot, label);
      chip.addEventListener("click", () => model.send_msg({ pick: key }));
      return chip;
    });
    root.replaceChildren(...(title ? [head] : []), ...chips);
    root.hidden = items.length < 2 && !title;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
