// The select box of experiments.
export function render({ model }) {
  const { root, refresh } = knob(model.about, null, (value) => model.send_msg({ value }));
  model.on("shown", () => refresh(model.shown));
  refresh(model.shown);
  return root;
}
