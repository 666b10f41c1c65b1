// A lesson's page: text, perhaps a question that is answered before it is seen, and the buttons to go on.
export function render({ model }) {
  const root = make("section", "lesson");
  const button = (parent, text, message, off = false) => {
    const made = make("button", "", parent, text);
    made.disabled = off;
    made.addEventListener("click", () => model.send_msg(message));
    return made;
  };
  const ask = ({ question, choices, chosen, answer, reveal }) => {
    const box = make("div", "question", root);
    make("p", "asked", box, question);
    const rows = make("div", "choices", box);
    choices.forEach((text, index) => {
      const made = button(rows, text, { choose: index }, chosen !== null);
      if (chosen === null) return;
      if (index === answer) made.classList.add("right");
      else if (index === chosen) made.classList.add("wrong");
      if (index === chosen) made.setAttribute("aria-pressed", "true");
    });
    const told = make("p", "reveal", box);
    told.setAttribute("role", "status");
    if (chosen === null) told.textContent = "Choose, and it plays.";
    else told.textContent = (chosen === answer ? "Right. " : `You said: ${choices[chosen]}. `) + reveal;
  };
  const refresh = () => {
    const { lesson, title, html, index, count, question } = model.shown;
    root.replaceChildren();
    root.setAttribute("aria-label", `lesson: ${lesson}`);
    const top = make("div", "top", root);
    make("h1", "place", top, `${lesson} · ${index + 1} of ${count}`);
    make("h2", "", top, title);
    make("div", "text", root).innerHTML = html;  // made safe where it was read
    if (question) ask(question);
    const turn = make("div", "turn", root);
    button(turn, "Back", { go: index - 1 }, index === 0);
    const open = question && question.chosen === null;
    button(turn, "Next", { go: index + 1 }, index + 1 === count || open).className = "next";
    if (index + 1 === count && !open) make("span", "place", turn, "This is the end: everything is yours to turn.");
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
