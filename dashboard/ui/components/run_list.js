// The list of stored runs: a filter, a row a run, what can be said of one, and what can be done with those that are chosen.
const HELP = "words · tag:paper · engine:neural_collapse · is:interrupted · alpha<0.1 · method=adam";

export function render({ model }) {
  const root = make("div", "runs");
  const send = (message) => model.send_msg(message);
  const top = make("div", "top", root);
  make("h1", "", top, "Library");
  if (model.shown.sweeps) Object.assign(make("a", "", top, "Sweeps"), { href: model.shown.sweeps });
  const field = Object.assign(make("input", "box", top), { type: "search", placeholder: HELP, title: HELP, spellcheck: false });
  field.setAttribute("aria-label", "find runs by words, tags and knobs");
  const note = make("span", "note", top);
  note.setAttribute("role", "status");
  const button = (parent, text, title, act, name = "") => {
    const made = make("button", name, parent, text);
    made.title = title;
    made.setAttribute("aria-label", title);
    made.addEventListener("click", act);
    return made;
  };
  const undo = button(top, "Undo", "bring back what was deleted", () => send({ do: "restore" }));
  const error = make("p", "wrong", root);
  error.setAttribute("role", "alert");
  const bar = make("div", "bar", root);
  const chosen = new Set();
  const said = make("span", "", bar);
  const compare = button(bar, "Compare", "draw the chosen runs together", () => send({ do: "compare", names: [...chosen] }), "main");
  button(bar, "Delete", "delete the chosen runs; it can be undone", () => send({ do: "delete", names: [...chosen] }));
  button(bar, "Choose none", "choose no run", () => { chosen.clear(); send({ do: "compare", names: [] }); refresh(); });
  const list = make("ul", "", root);
  const foot = make("div", "foot", root);
  const ask = (first) => send({ do: "find", text: field.value, first });
  const newer = button(foot, "← Newer", "the runs before these", () => ask(Math.max(0, model.shown.first - model.shown.page)));
  const where = make("span", "", foot);
  const older = button(foot, "Older →", "the runs after these", () => ask(model.shown.first + model.shown.page));
  let waiting;
  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => ask(0), 250); });

  // A text that becomes a box when it is clicked; Enter says it, Escape does not.
  const editable = (parent, name, text, shown, title, act) => {
    const made = button(parent, shown, title, () => {
      const box = Object.assign(document.createElement("input"), { className: "box", value: text });
      box.setAttribute("aria-label", title);
      made.replaceWith(box);
      box.focus();
      box.select();
      let over = false;
      const leave = (say) => {
        if (over) return;
        over = true;
        if (say && box.value.trim() !== text) act(box.value.trim());
        box.replaceWith(made);
      };
      box.addEventListener("keydown", (event) => {
        if (event.key === "Enter") leave(true);
        if (event.key === "Escape") leave(false);
        event.stopPropagation();
      });
      box.addEventListener("blur", () => leave(true));
    }, `text ${name}`);
    return made;
  };

  const row = (run) => {
    const { id, title } = run;
    const item = make("li", run.broken ? "broken" : "", list);
    const box = Object.assign(make("input", "", item), { type: "checkbox", checked: chosen.has(id) });
    box.setAttribute("aria-label", `choose ${title}, ${run.about || id}`);
    box.addEventListener("change", () => { chosen[box.checked ? "add" : "delete"](id); count(); });
    const words = make("div", "words", item);
    const head = make("div", "head", words);
    if (run.broken) make("b", "", head, title);
    else editable(head, "title", run.name, title, `rename ${title}`, (text) => send({ do: "rename", name: id, text }));
    make("span", "lab", head, run.lab);
    if (run.claims) make("span", run.held ? "held" : "failed", head, `${run.held ? "✓" : "✗"} ${run.claims} claims`);
    if (run.interrupted) make("span", "failed", head, "interrupted");
    make("small", "", words, run.broken || run.about).title = id;
    if (run.broken) return last(item, run);
    const said = make("div", "said", words);
    run.tags.forEach((tag) => {
      const chip = make("span", "tag", said);
      button(chip, tag, `find runs tagged ${tag}`, () => { field.value = `tag:${tag}`; ask(0); });
      button(chip, "×", `take the tag ${tag} from ${title}`, () => send({ do: "untag", name: id, text: tag }));
    });
    editable(said, "", "", "+ tag", `add tags to ${title}`, (text) => text && send({ do: "tag", name: id, text }));
    editable(said, "note", run.note, run.note || "+ note", `write a note about ${title}`, (text) => send({ do: "note", name: id, text }));
    last(item, run);
  };
  const last = (item, { id, title, href }) => {
    const acts = make("div", "acts", item);
    if (href) {
      const open = Object.assign(make("a", "", acts, "Open"), { href });
      open.title = `open ${title} in its lab: look through it, go on, or branch from any step`;
      open.setAttribute("aria-label", open.title);
    }
    button(acts, "Delete", `delete ${title}; it can be undone`, () => send({ do: "delete", names: [id] }));
  };
  const count = () => {
    bar.classList.toggle("none", !chosen.size);
    said.textContent = chosen.size ? `${chosen.size} chosen` : "Choose runs to compare or delete them.";
    bar.querySelectorAll("button").forEach((each) => { each.disabled = !chosen.size; });
  };
  const refresh = () => {
    const { rows, count: all, first, page, note: done, error: wrong, deleted } = model.shown;
    note.textContent = done || `${all.toLocaleString()} run${all === 1 ? "" : "s"}`;
    error.textContent = wrong;
    error.hidden = !wrong;
    undo.hidden = !deleted;
    const here = new Set(rows.map((run) => run.id));
    if (!field.value && all <= page) [...chosen].forEach((id) => here.has(id) || chosen.delete(id));
    list.classList.toggle("short", model.shown.chosen.length > 0);
    list.replaceChildren();
    rows.forEach(row);
    const kept = list.querySelector("input:checked")?.parentElement;
    if (kept && model.shown.chosen.length) list.scrollTop = kept.offsetTop - list.offsetTop; // what is compared is in sight
    if (!rows.length && !done) make("li", "nothing", list, field.value ? "No run is like that." : "Nothing is kept yet: Keep this run, under the figures of a lab, puts a run here.");
    foot.hidden = all <= page;
    newer.disabled = first === 0;
    older.disabled = first + page >= all;
    where.textContent = rows.length ? `${(first + 1).toLocaleString()} to ${(first + rows.length).toLocaleString()} of ${all.toLocaleString()}` : "";
    count();
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
