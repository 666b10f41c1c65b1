// Which colour is which member, in one line that scrolls. A click puts a member in focus; of a large ensemble one part
// is shown, which the box before the chips chooses.
export function render({ model }) {
  const root = make("div", "members");
  const part = make("select", "part", root);
  part.setAttribute("aria-label", "part of the ensemble that is shown");
  part.addEventListener("change", () => { model.send_msg({ pick: part.value }); part.blur(); });
  const chips = make("div", "legend", root);
  chips.setAttribute("role", "radiogroup");
  chips.setAttribute("aria-label", "members of the ensemble");
  const note = make("span", "note", root);
  const chip = ({ key, label, color, on }) => {
    const made = make("button", on ? "on" : "");
    made.setAttribute("role", "radio");
    made.setAttribute("aria-checked", String(on));
    made.title = "look at this one: text, bars and matrices follow it";
    made.dataset.curve = key;
    make("i", "", made).style.background = color;
    made.append(label);
    made.addEventListener("click", () => model.send_msg({ pick: key }));
    return made;
  };
  const refresh = () => {
    const { items, parts, part: chosen, note: text } = model.shown;
    const at = chips.scrollLeft;
    chips.replaceChildren(...items.map(chip));
    chips.scrollLeft = at;
    part.replaceChildren(...parts.map(([key, label]) => {
      const option = make("option", "", null, label);
      option.value = key;
      return option;
    }));
    part.value = chosen;
    part.hidden = !parts.length;
    note.textContent = text;
    note.hidden = !text;
    root.hidden = !items.length;
    requestAnimationFrame(() => {
      const on = chips.querySelector(".on");
      if (!on) return;
      const [left, right] = [on.offsetLeft - chips.offsetLeft, on.offsetLeft - chips.offsetLeft + on.offsetWidth];
      if (left < chips.scrollLeft) chips.scrollLeft = left - 20;
      if (right > chips.scrollLeft + chips.clientWidth) chips.scrollLeft = right - chips.clientWidth + 20;
    });
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
