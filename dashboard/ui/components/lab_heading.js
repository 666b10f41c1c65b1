// The heading of an experiment, what to look for, and a button for the one that is offered next: one line, of which a
// click shows what did not fit.
export function render({ model }) {
  const root = make("div", "headline");
  const title = make(model.second ? "h2" : "h1", "title", root);
  const advice = make("p", "takeaway", root);
  const next = make("button", "next", root);
  next.addEventListener("click", () => model.send_msg({ next: true }));
  root.addEventListener("click", (event) => { if (!event.target.closest("button")) root.classList.toggle("open"); });
  const refresh = () => {
    const shown = model.shown;
    title.textContent = title.title = shown.title;
    advice.textContent = advice.title = shown.look_for;
    next.replaceChildren("Next", make("span", "", null, `: ${shown.offer}`), " →");
    next.title = next.textContent;
    next.setAttribute("aria-label", next.textContent);
    next.hidden = !shown.offer;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
