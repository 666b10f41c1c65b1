// Files of the reader's own. They go to the server piece by piece, each once the one before has arrived.
export function render({ model }) {
  const root = make("div", "own");
  let sending = null;  // { file, at, kind, knob }

  const text = (bytes) => {
    let letters = "";
    for (let at = 0; at < bytes.length; at += 32768) letters += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(letters);
  };
  model.on("msg:custom", async () => {
    if (!sending) return;
    const piece = sending.file.slice(sending.at, sending.at + model.piece);
    sending.at += piece.size;
    sending.status.textContent = `${Math.round(100 * sending.at / sending.file.size)} %`;
    model.send_msg({ piece: text(new Uint8Array(await piece.arrayBuffer())) });
  });

  const statuses = {}, wrong = make("div", "wrong");
  wrong.setAttribute("role", "alert");
  for (const { name, label, files, choices } of model.about) {
    const form = make("details", "", root);
    make("summary", "", form, `${label}…`);
    for (const { knob, suffix, limit, doc } of files) {
      const row = make("label", "file", form, `${suffix}: ${doc}, up to ${Math.round(limit / 2 ** 20)} MiB`);
      const input = make("input", "", row);
      Object.assign(input, { type: "file", accept: suffix });
      const status = statuses[knob] = make("span", "status", row, "");
      input.addEventListener("change", () => {
        const file = input.files[0];
        if (!file) return;
        sending = { file, at: 0, kind: name, knob, status };
        model.send_msg({ kind: name, knob, size: file.size });
      });
    }
    const selects = choices.map(({ knob, label: title, values }) => {
      const row = make("label", "choice", form, title);
      const select = make("select", "", row);
      values.forEach(([value, shown]) => { make("option", "", select, shown).value = value; });
      return [knob, select];
    });
    const use = make("button", "use", form, "Compute with it");
    use.addEventListener("click", () => {
      model.send_msg({ kind: name, use: Object.fromEntries(selects.map(([knob, select]) => [knob, select.value])) });
    });
    form.use = [use, files.map((file) => file.knob)];
  }
  root.append(wrong);
  const done = make("div", "done", root);
  done.setAttribute("role", "status");
  const refresh = () => {
    const { error, ready, done: said } = model.shown;
    if (error || (sending && ready[sending.knob])) {
      if (error && sending) sending.status.textContent = "";
      sending = null;
    }
    Object.entries(statuses).forEach(([knob, status]) => { if (ready[knob] && sending?.knob !== knob) status.textContent = "arrived"; });
    root.querySelectorAll("details").forEach((form) => { form.use[0].disabled = !form.use[1].every((knob) => ready[knob]); });
    wrong.textContent = error;
    wrong.hidden = !error;
    done.textContent = said;
  };
  model.on("shown", refresh);
  refresh();
  return root;
}
