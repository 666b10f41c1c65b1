// A lesson's page: text, perhaps a question that is answered before it is seen or something to do, and the way on.

// The figures meant are ringed by the lab, before all others; the first of them comes into sight, once it is there.
const find = (root) => {
  for (const each of root.querySelectorAll("*")) {
    if (each.matches(".meant.lead")) return each;
    const inside = each.shadowRoot && find(each.shadowRoot);
    if (inside) return inside;
  }
  return null;
};
const scroll_to_meant = (tries = 30) => {
  const meant = find(document);
  if (!meant?.getBoundingClientRect().height) {
    if (tries) setTimeout(() => scroll_to_meant(tries - 1), 100);
    return;
  }
  const { top, bottom } = meant.getBoundingClientRect();
  if (top >= 100 && bottom <= innerHeight) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  meant.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
};

export function render({ model }) {
  const root = make("section", "lesson");
  const { name } = model.shown;
  const before = progress()[name];
  let place = "";
  const button = (parent, text, act, off = false) => {
    const made = make("button", "", parent, text);
    made.disabled = off;
    made.addEventListener("click", typeof act === "function" ? act : () => model.send_msg(act));
    return made;
  };
  const ask = ({ question, choices, chosen, answer, reveal, at }) => {
    const told = answer !== undefined;
    const box = make("div", "question", root);
    make("p", "asked", box, question);
    const rows = make("div", "choices", box);
    rows.setAttribute("role", "group");
    rows.setAttribute("aria-label", question);
    choices.forEach((text, index) => {
      const made = button(rows, text, { choose: index }, chosen !== null);
      if (chosen === null) return;
      made.setAttribute("aria-pressed", String(index === chosen));
      if (told && index === answer) made.classList.add("right");
      else if (told && index === chosen) made.classList.add("wrong");
    });
    const said = make("p", "reveal", box);
    said.setAttribute("role", "status");
    if (chosen === null) said.textContent = "Choose, and it plays.";
    else if (!told) said.textContent = `You said: ${choices[chosen]}. Now watch: the answer comes ${at ? `at step ${at.toLocaleString("en")}` : "when the run has ended"}.`;
    else said.textContent = (chosen === answer ? "Right. " : `You said: ${choices[chosen]}. `) + reveal;
  };
  const set = ({ task, reached, done }) => {
    const box = make("div", "goal", root);
    make("p", "asked", box, task);
    const said = make("p", "reveal", box);
    said.setAttribute("role", "status");
    said.textContent = reached ? `Done. ${done}` : "Not yet.";
    said.classList.toggle("done", reached);
    if (!reached) button(box, "Show me", { solve: true }).title = "turn the knobs for me";
  };
  const note = ({ lesson, index, count, question, waits }) => {
    const { answers = {}, finished = false, at = 0 } = progress()[name] ?? {};
    if (question?.answer !== undefined && !answers[index])
      answers[index] = { question: question.question, choice: question.choices[question.chosen],
        right: question.chosen === question.answer, time: new Date().toISOString() };
    keep(name, { title: lesson, at: Math.max(at, index), count, answers, finished: finished || (index + 1 === count && !waits) });
  };
  const go_on = (turn, { index, count, follow_up, waits }) => {
    button(turn, "Back", { go: index - 1 }, index === 0);
    if (index + 1 < count) button(turn, "Next", { go: index + 1 }, waits).className = "next";
    else if (!waits && follow_up) {
      const link = make("a", "next", turn, `Next lesson: ${follow_up.title}`);
      link.href = follow_up.href;
    } else if (!waits) make("span", "place", turn, "This is the end: everything is yours to turn.");
    if (index + 1 === count && !waits && answered()) button(turn, "Save my answers", save_answers).title = "all answers that were given in this browser, as a table (CSV)";
  };
  const print = ({ lesson }) => {  // all pages, to be filled in by hand; out of sight on a screen
    const sheet = make("div", "printed", root);
    make("h1", "", sheet, lesson);
    model.pages.forEach(({ title, html, question, choices, task }, index) => {
      const part = make("section", "", sheet);
      make("h2", "", part, `${index + 1}. ${title}`);
      make("div", "text", part).innerHTML = html;
      if (question) make("p", "asked", part, question);
      choices.forEach((text) => make("p", "box", part, text));
      if (task) make("p", "asked box", part, task);
    });
  };
  const take_up = (turn, { index, count }) => {
    if (index || !before || before.at < 1) return;
    button(turn, `Go on at ${Math.min(before.at + 1, count)} of ${count}`, { go: Math.min(before.at, count - 1) });
    button(turn, "Start afresh", () => { before.at = 0; keep(name, null); model.send_msg({ afresh: true }); });
  };
  const refresh = () => {
    const { lesson, title, html, index, count, stage, looks, question, goal, follow_up } = model.shown;
    const focused = root.getRootNode().activeElement?.textContent;
    root.replaceChildren();
    root.setAttribute("aria-label", `lesson: ${lesson}`);
    const top = make("div", "top", root);
    make("h1", "place", top, `${lesson} · ${index + 1} of ${count}`);
    make("h2", "", top, title);
    make("div", "text", root).innerHTML = html;  // made safe where it was read
    if (question) ask(question);
    if (goal && stage === "open") set(goal);
    const state = { lesson, index, count, question, follow_up, waits: stage !== "open" || Boolean(goal && !goal.reached) };
    note(state);
    const turn = make("div", "turn", root);
    go_on(turn, state);
    take_up(turn, state);
    print(model.shown);
    [...root.querySelectorAll("button:enabled, a")].find((each) => focused && each.textContent === focused)?.focus();
    const now = `${index} ${stage}`;
    if (looks && stage !== "question" && now !== place) scroll_to_meant();
    place = now;
  };
  model.on("shown", refresh);
  refresh();
  const chosen = Object.entries(before?.answers ?? {}).map(([page, each]) => [page, each.choice]);
  if (chosen.length) model.send_msg({ restore: Object.fromEntries(chosen) });
  return root;
}
