// The heading of an experiment, what was edited in it, what to look for, and a button for the one that is offered next:
// one line, of which a click shows what did not fit.
export function render({ model }) {
  if (model.tab) document.title = model.tab;
  const root = make("div", "headline");
  const title = make(model.second ? "h2" : "h1", "title", root);
  const line = make("p", "edited", root);
  const changes = make("span", "", line);
  const back = make("button", "back", line);
  back.addEventListener("click", () => model.send_msg({ back: true }));
  const preparing = make("span", "preparing", root);
  preparing.setAttribute("role", "status");
  const advice = make("p", "takeaway", root);
  const next = make("button", "next", root);
  next.addEventListener("click", () => model.send_msg({ next: true }));
  root.addEventListener("click", (event) => { if (!event.target.closest("button")) root.classList.toggle("open"); });
  const refresh = () => {
    const shown = model.shown;
    title.textContent = title.title = shown.title;
    changes.textContent = `edited: ${shown.edited} · `;
    changes.title = shown.edited;
    back.textContent = `back to ${shown.of}`;
    line.hidden = !shown.edited;
    advice.textContent = advice.title = shown.look_for;
    next.replaceChildren("Next", make("span", "", null, `: ${shown.next_title}`), " →");
    next.title = next.textContent;
    next.setAttribute("aria-label", next.textContent);
    next.hidden = !shown.next_title;
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
