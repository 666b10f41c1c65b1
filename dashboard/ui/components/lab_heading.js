// The heading of an experiment, what to look for, and a button for the one that is offered next.
export function render({ model }) {
  const root = document.createElement("div");
  const [title, advice] = [model.second ? "h2" : "h1", "p"].map((tag) => root.appendChild(document.createElement(tag)));
  const next = root.appendChild(document.createElement("button"));
  next.addEventListener("click", () => model.send_msg({ next: true }));
  const refresh = () => {
    const shown = model.shown;
    title.textContent = shown.title;
    advice.textContent = shown.look_for;
    next.textContent = "Next: " + shown.offer + " →";
    next.hidden = !shown.offer;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
