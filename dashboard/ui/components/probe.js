// The head of a probe's card: what the probe is, its options, the button that computes it, and how far it is.
function input(field, parent, send) {
  if (field.kind === "choice") {
    const select = make("select", "", parent);
    field.choices.forEach(([value, text]) => { make("option", "", select, text).value = value; });
    select.addEventListener("change", () => send(select.value));
    return (value) => { select.value = value; };
  }
  if (field.slides) {
    const value = make("span", "value");
    const show = slider((text) => { value.textContent = text; }, field, parent, (chosen, final) => { if (final) send(String(chosen)); });
    parent.append(value);
    return (text) => { value.textContent = text; show(Number(text)); };
  }
  const check = field.kind === "check";
  const box = make("input", check ? "check" : "box", parent);
  box.type = check ? "checkbox" : "text";
  if (check) box.setAttribute("role", "switch");
  box.addEventListener("change", () => send(check ? String(box.checked) : box.value));
  if (!check) box.addEventListener("focus", () => box.select());
  return (value) => { if (check) box.checked = value; else box.value = value; };
}

function form(model, fold, root) {
  const { fields } = model;
  const box = make("div", "options", root);
  box.hidden = !fields.some((field) => field.slides);
  const shows = fields.map((field) => {
    const label = make("label", field.slides ? "option slides" : "option", box);
    make("span", "name", label, field.label);
    label.title = field.doc;
    return [field.name, input(field, label, (value) => model.send_msg({ option: field.name, value }))];
  });
  const wrong = make("p", "failure", root);
  wrong.setAttribute("role", "alert");
  fold.hidden = !fields.length;
  fold.addEventListener("click", () => { box.hidden = !box.hidden; refresh(); });
  const refresh = () => {
    const { values, summary, error } = model.form;
    shows.forEach(([name, show]) => show(values[name]));
    wrong.textContent = error;
    fold.textContent = (box.hidden ? "▸ Options" : "▾ Options") + (summary ? ": " + summary : "");
    fold.setAttribute("aria-expanded", String(!box.hidden));
  };
  model.on("form", refresh);
  refresh();
}

export function render({ model }) {
  const root = make("div", "heading");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.title);
  const top = make("div", "top", root);
  make("h3", "", top, model.title);
  make("span", "gap", top);
  const compute = make("button", "main", top);
  compute.title = "of the member in focus, at the step that is looked at; the run goes on meanwhile";
  compute.addEventListener("click", () => model.send_msg({}));
  const cancel = make("button", "", top, "Cancel");
  cancel.setAttribute("aria-label", "cancel: " + model.title);
  cancel.addEventListener("click", () => model.send_msg({ stop: true }));
  const save = make("button", "", top, "JSON");
  save.title = "save all that was computed here, in full";
  save.setAttribute("aria-label", "save as JSON: " + model.title);
  save.addEventListener("click", () => model.send_msg({ save: true }));
  make("p", "doc", root, model.doc);
  const fold = make("button", "fold", root);
  form(model, fold, root);
  const way = make("div", "way", root);
  const bar = make("progress", "", way);
  bar.setAttribute("aria-label", "how far: " + model.title);
  const far = make("span", "", way);
  const failure = make("p", "failure", root);
  failure.setAttribute("role", "status");
  const note = make("p", "note", root);
  note.setAttribute("role", "status");

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;  // the same words are not read out again
  };
  const refresh = () => {
    const { step, busy, share, left, why, note: text, failure: wrong, savable } = model.shown;
    compute.textContent = busy ? "computing…" : step < 0 ? "Compute" : `Compute at step ${step.toLocaleString("en")}`;
    compute.setAttribute("aria-label", `${compute.textContent}: ${model.title}`);
    compute.disabled = busy || step < 0;
    cancel.hidden = way.hidden = !busy;
    save.hidden = !savable;
    if (share > 0) bar.value = share; else bar.removeAttribute("value");  // it moves to and fro where nothing is known
    write(far, [share > 0 ? `${Math.round(100 * share)} %` : "", left, why].filter(Boolean).join(" · "));
    write(failure, wrong);
    write(note, text);
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
