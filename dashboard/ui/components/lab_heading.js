// The heading of an experiment: what was edited in it, what to look for, and a button for the one that is offered next.
export function render({ model }) {
  const root = make("div", "");
  const top = make("div", "top", root);
  const title = make(model.second ? "h2" : "h1", "", top);
  const preparing = make("span", "preparing", top);
  preparing.setAttribute("role", "status");
  const line = make("p", "edited", root);
  const changes = make("span", "", line);
  const back = make("button", "back", line, "back to preset");
  back.addEventListener("click", () => model.send_msg({ back: true }));
  const advice = make("p", "advice", root);
  const next = make("button", "next", root);
  next.addEventListener("click", () => model.send_msg({ next: true }));
  const refresh = () => {
    const shown = model.shown;
    title.textContent = shown.title;
    changes.textContent = `edited: ${shown.edited} · `;
    line.hidden = !shown.edited;
    advice.textContent = shown.look_for;
    next.textContent = "Next: " + shown.offer + " →";
    next.hidden = !shown.offer;
  };
  const prepare = () => {
    preparing.textContent = model.preparing ? `preparing ${model.preparing}…` : "";
    for (const each of [title, line, advice, next]) each.classList.toggle("old", Boolean(model.preparing));
  };
  model.on("shown", refresh);
  model.on("preparing", prepare);
  refresh();
  prepare();
  return root;
}
