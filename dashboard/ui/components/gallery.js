// Lessons, labs and experiments; those without a word that is searched for are left out.
export function render({ model }) {
  const { labs, lessons, broken, hues, grey, claims } = model.shown;
  const root = make("div", "gallery");
  const found = [];  // each: an element, and the text in which words are looked for
  const section = (title) => {
    const made = make("section", "", root);
    const head = make("div", "head", made);
    make("h2", "", head, title);
    return { made, head, aside: make("span", "aside", head) };
  };
  const link = (name, parent, href) => Object.assign(make("a", name, parent), { href });

  const taught = section("Lessons");
  const lesson = (list, about) => {
    const { at = 0, finished = false } = progress()[about.name] ?? {};
    const begun = !finished && at > 0;
    const tile = link("lesson", make("li", "", list), about.href);
    make("span", finished ? "mark done" : "mark", tile, finished ? "✓" : begun ? "◐" : "○").setAttribute("aria-hidden", "true");
    const words = make("span", "words", tile);
    make("b", "", words, about.title);
    const state = finished ? "done" : begun ? `at ${at + 1} of ${about.count}` : `${about.minutes} min`;
    make("small", "", words, `${state} · ${about.lab}`);
    tile.title = about.summary;
    found.push({ element: tile.parentElement, text: [about.title, about.summary, about.lab] });
    return finished;
  };
  const teach = () => {
    const list = make("ul", "lessons", taught.made);
    const done = lessons.filter((about) => lesson(list, about)).length;
    if (done) taught.aside.textContent = `${done} of ${lessons.length} done`;
    if (answered()) {
      const save = make("button", "", taught.head, "Save my answers");
      save.title = "all answers that were given in this browser, as a table (CSV)";
      save.addEventListener("click", save_answers);
    }
    broken.forEach((text) => make("p", "broken", taught.made, text));
  };
  taught.made.hidden = !lessons.length && !broken.length;
  teach();

  const shown = section("Labs");
  const list = make("ul", "labs", shown.made);
  list.style.setProperty("--columns", labs.length > 5 ? Math.ceil(labs.length / 2) : Math.max(labs.length, 4));
  labs.forEach((lab) => {
    const item = make("li", "", list);
    const tile = lab.broken ? make("div", "lab", item) : link("lab", item, lab.href);
    if (lab.picture) miniature(make("div", "picture", tile), tile, lab.picture, hues, grey);
    const words = make("div", "words", tile);
    make("h3", "", words, lab.title);
    if (lab.broken) make("p", "broken", words, lab.broken);
    else make("p", "summary", words, lab.summary).title = lab.summary;
    if (lab.reference) tile.title = lab.reference;
    found.push({ element: item, text: [lab.title, lab.summary, lab.reference] });
  });

  const tried = section("Experiments");
  tried.aside.textContent = claims;
  const state = ({ claims, held, when }, tile) => {
    if (!claims) return;
    const whole = held === claims;
    const which = whole ? (claims === 1 ? "✓ its claim" : `✓ all ${claims} claims`) : `✗ ${held} of ${claims} claims`;
    make("small", whole ? "held" : "failed", tile, `${which} held`).title = `as judged with ${when}`;
  };
  labs.filter((lab) => lab.presets.length).forEach((lab) => {
    const group = make("div", "group", tried.made);
    make("h3", "", group, lab.title);
    const tiles = make("ul", "tiles", group);
    const inside = lab.presets.map((preset) => {
      const tile = link("tile", make("li", "", tiles), preset.href);
      make("b", "", tile, preset.title);
      make("p", "", tile, preset.look_for);
      state(preset, tile);
      make("small", "name", tile, preset.name);
      return { element: tile.parentElement, text: [preset.name, preset.title, preset.look_for, lab.title] };
    });
    found.push(...inside);
    group.inside = inside;
  });

  const nothing = make("p", "nothing", root);
  nothing.setAttribute("role", "status");
  const search = () => {
    const words = model.query.toLowerCase().split(/\s+/).filter(Boolean);
    for (const each of found) {
      const text = each.text.join(" ").toLowerCase();
      each.element.hidden = !words.every((word) => text.includes(word));
    }
    for (const each of root.querySelectorAll("section, .group")) {
      const items = [...each.querySelectorAll("li")];
      each.hidden = items.length > 0 && items.every((item) => item.hidden);
    }
    const count = found.filter((each) => !each.element.hidden).length;
    nothing.textContent = !words.length ? "" : count ? `${count} found` : "Nothing here has these words.";
    nothing.classList.toggle("unseen", count > 0);
  };
  model.on("query", search);
  search();
  return root;
}
