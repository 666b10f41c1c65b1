// The table of differences, which stays folded as the reader left it, and the channel whose curve is drawn beside it.
export function render({ model }) {
  const root = make("div", "comparison");
  const fold = make("details", "", root);
  fold.open = true;
  const head = make("summary", "", fold);
  const body = make("div", "", fold);
  const label = make("label", "", root, "Curve of ");
  const select = make("select", "", label);
  model.choices.forEach(([value, text]) => { make("option", "", select, text).value = value; });
  select.addEventListener("change", () => model.send_msg({ channel: select.value }));
  const refresh = () => {
    const scrolled = body.firstChild?.scrollTop ?? 0;
    root.hidden = !model.content.head;  // a line without words would be read out as nothing
    head.textContent = model.content.head;
    body.innerHTML = model.content.html;
    if (body.firstChild) body.firstChild.scrollTop = scrolled;
    label.hidden = !model.content.html;
    select.value = model.chosen;
  };
  model.on("content", refresh);
  model.on("chosen", refresh);
  refresh();
  return root;
}
