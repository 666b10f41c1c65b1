// One knob: a name, what it does, and the input its metadata asks for. Calls send(value, final), and returns what shows a state.
const BADGES = {
  live: ["live", "applies at the next step"],
  init: ["restarts", "starts the run again"],
  shape: ["rebuilds", "draws a new problem and starts again"],
};
const RESOLUTION = 1000;

function slider(echo, about, root, send) {
  const { low, high, log, whole } = about;
  const range = make("input", "range", root);
  Object.assign(range, { type: "range", min: 0, max: RESOLUTION, step: 1 });
  range.setAttribute("aria-label", about.label + ": " + about.doc);
  const toValue = (place) => {
    const share = place / RESOLUTION;
    const value = log ? low * Math.pow(high / low, share) : low + share * (high - low);
    return whole ? Math.round(value) : Number(value.toPrecision(3));
  };
  const toPlace = (value) => {
    const share = log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.round(RESOLUTION * Math.min(1, Math.max(0, share)));
  };
  let last = 0;
  range.addEventListener("input", () => {
    const now = performance.now();
    echo(toValue(+range.value));
    if (now - last > 60) { last = now; send(toValue(+range.value), false); }
  });
  range.addEventListener("change", () => send(toValue(+range.value), true));
  const paint = () => range.style.setProperty("--share", range.value / RESOLUTION);
  range.addEventListener("input", paint);
  return (value) => { if (typeof value === "number") range.value = toPlace(value); paint(); };
}

function box(about, root, send) {
  const field = make("input", "box", root);
  field.type = "text";
  field.setAttribute("aria-label", about.label + ", exact value");
  const sent = () => { field.dataset.sent = ""; };
  field.addEventListener("input", () => { delete field.dataset.sent; });
  field.addEventListener("change", () => { sent(); send(field.value, true); });
  field.addEventListener("focus", () => field.select());
  // Some notebooks keep the browser from seeing Enter as the end of an entry.
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    field.blur();
    field.focus();
  });
  return (text) => { sent(); field.value = text; };
}

function choice(about, root, send) {
  const select = make("select", "choice", root);
  select.setAttribute("aria-label", about.label + ": " + about.doc);
  about.choices.forEach(([value, text]) => { make("option", "", select, text).value = value; });
  // Chosen with the pointer, it gives the keyboard back: space is for play again.
  let pointed = false;
  select.addEventListener("pointerdown", () => { pointed = true; });
  select.addEventListener("keydown", () => { pointed = false; });
  select.addEventListener("change", () => { send(select.value, true); if (pointed) select.blur(); });
  return (value) => { select.value = value; };
}

function check(about, root, send) {
  const toggle = make("input", "check", root);
  toggle.type = "checkbox";
  toggle.setAttribute("role", "switch");
  toggle.setAttribute("aria-label", about.label + ": " + about.doc);
  toggle.addEventListener("change", () => send(toggle.checked, true));
  return (value) => { toggle.checked = value; };
}

function knob(about, parent, send) {
  const root = make("div", "knob " + about.kind, parent);
  const head = make("div", "head", root);
  const name = make("span", "name", head, about.label);
  if (about.unit) make("span", "unit", head, about.unit);
  const [badge, what] = BADGES[about.role] ?? ["", ""];
  if (badge) make("span", "badge " + about.role, head, badge).title = what;
  if (about.doc) head.title = about.doc + (what ? "\n\n" + badge + ": " + what : "");
  make("span", "gap", head);

  const shows = [];
  let echo = () => {};
  if (about.kind === "number" || about.kind === "seed" || about.kind === "text") {
    const show = box(about, head, send);
    echo = (value) => show(String(value));
    shows.push((value, text) => show(text));
  }
  if (about.kind === "seed") {
    const dice = make("button", "icon", head, "⚄");
    dice.title = "another seed";
    dice.setAttribute("aria-label", "another seed");
    dice.addEventListener("click", () => send(Math.floor(Math.random() * 100000), true));
  }
  if (about.kind === "number") shows.push(slider(echo, about, root, send));
  if (about.kind === "choice") shows.push(choice(about, about.wide ? root : head, send));
  if (about.kind === "check") shows.push(check(about, head, send));

  const varies = make("div", "varies", root);
  const wrong = make("div", "wrong", root);
  wrong.setAttribute("role", "alert");
  const refresh = ({ value, text, varies: spread, error }) => {
    shows.forEach((show) => show(value, text));
    varies.textContent = spread;
    varies.hidden = !spread;
    wrong.textContent = error;
    wrong.hidden = !error;
    name.classList.toggle("spread", Boolean(spread));
  };
  return { root, refresh };
}
