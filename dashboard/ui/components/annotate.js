// A form under a figure's heading: a note at a step, or the slope between two. A click on the figure fills in its step.
function annotator(model, root) {
  const form = make("form", "annotate", root);
  form.hidden = true;
  const field = (label, type) => {
    const box = make("label", "", form, label);
    const input = make("input", "", box);
    Object.assign(input, type === "number" ? { type, min: 0, step: 1, required: true, placeholder: "click or type" } : { type, maxLength: 120 });
    return input;
  };
  const text = field("note", "text"), from = field("at step", "number"), to = field("to step", "number");
  const done = make("button", "", form, "Write");
  const close = make("button", "", form, "Cancel");
  close.type = "button";
  let kind = "note", next = from;
  const end = () => { form.hidden = true; };
  close.addEventListener("click", end);
  form.addEventListener("keydown", (event) => { if (event.key === "Escape") end(); });
  form.addEventListener("focusin", (event) => { if ([from, to].includes(event.target)) next = event.target; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const steps = kind === "slope" ? { step: +from.value, to: +to.value } : { step: +from.value };
    model.send_msg({ annotate: kind, text: text.value, ...steps });
    end();
  });
  model.on("tapped", () => {
    if (form.hidden || model.tapped.step === undefined) return;
    next.value = model.tapped.step;
    next = kind === "slope" && next === from ? to : from;
  });
  return (what) => {
    if (what === "erase") return model.send_msg({ annotate: "erase" });
    kind = what;
    form.hidden = false;
    from.parentElement.firstChild.textContent = kind === "slope" ? "from step" : "at step";
    to.parentElement.hidden = kind !== "slope";
    to.required = kind === "slope";
    done.textContent = kind === "slope" ? "Measure" : "Write";
    text.value = from.value = to.value = "";
    next = from;
    text.focus();
  };
}
