// Time as an object: play, step, speed, scrub, branch, reset. Sends {do, ...}; `now` says what to show.
// One line at any width: what the style sheet finds no room for stands in the menu at its end.
// Where steps are computed, in one word.
const where = (device) => device ? ` on ${device.replace("cpu", "CPU").replace("cuda", "GPU").replace("mps", "GPU")}` : "";
const count = (value) => Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
const inSight = (element) => element.getClientRects().length > 0;
const plural = (n) => `take ${n} step${n > 1 ? "s" : ""} and pause`;

export function render({ model }) {
  const root = make("div", "line");
  const send = (what, more = {}) => model.send_msg({ do: what, ...more });
  const press = (parent, name, text, title, act) => {
    const made = make("button", name, parent, text);
    made.title = title;
    made.setAttribute("aria-label", title);
    if (act) made.addEventListener("click", act);
    return made;
  };
  const spare = [];  // what the last menu offers while its button is out of sight
  const button = (parent, rank, text, title, hint, what, more) => {
    const act = () => send(what, more);
    const made = press(parent, rank, text, title, act);
    spare.push({ made, entry: () => ({ text: made.dataset.text || text, hint, doc: title, act }) });
    return made;
  };

  const play = press(root, "play", "▶", "play (space)", () => send("toggle"));
  const steps = [1, 10, 100, 1000].map((n) => ({ text: `+${count(n)}`, hint: { 1: ".", 10: "⇧ ." }[n], doc: plural(n), act: () => send("step", { count: n }) }));
  const split = make("div", "split first", root);
  press(split, "", "+1", steps[0].doc, steps[0].act);
  menu(press(split, "more", "▾", "take more steps"), "take more steps", () => steps.slice(1));
  const again = make("div", "group", root);
  button(again, "second", "Reset", "back to step 0, same seeds (R)", "R", "reset");
  button(again, "third", "Reseed", "back to step 0, other seeds", "S", "reseed");
  const actions = make("div", "group", root);
  const drawActions = () => {
    actions.replaceChildren();
    model.actions.forEach(([name, label, doc]) => button(actions, "action second", label, doc, "", "action", { name }));
  };
  drawActions();

  const scrub = make("input", "scrub", root);
  Object.assign(scrub, { type: "range", min: 0, max: 0, step: 1, value: 0 });
  scrub.setAttribute("aria-label", "scrub over the recorded steps");
  scrub.title = "what was recorded so far; the end of the bar is the end of the run";
  scrub.addEventListener("input", () => {
    scrub.value = Math.min(+scrub.value, model.now.rows - 1);
    send("scrub", { index: +scrub.value });
  });
  const at = make("span", "at", root);
  const state = make("div", "state second", root);
  const rate = make("span", "rate", state);
  const left = make("span", "left", state);
  const branch = button(state, "", "↳ Branch", "go back to this step, forget what came after, and let the next edit make another future", "B", "branch");
  const latest = button(state, "", "⇥ Newest", "follow the newest step again", "End", "latest");

  const speed = make("select", "speed second", root);
  speed.setAttribute("aria-label", "speed");
  speed.title = "frames shown per second; frames lie evenly on a logarithmic axis";
  model.speeds.forEach(([value, text]) => { make("option", "", speed, text).value = value; });
  speed.addEventListener("change", () => send("speed", { value: speed.value }));

  const share = make("div", "group", root);
  const pin = button(share, "pin third", "Pin run", "keep this run in grey behind the next", "P", "pin");
  const link = button(share, "third", "Copy link", "a link that holds this experiment completely", "L", "link");
  const exported = press(share, "third", "Export ▾", "export this run");
  const files = () => model.files.map(([kind, text]) => ({ text, act: () => send("export", { kind }) }));
  menu(exported, "export this run", files);
  button(share, "third", "?", "keyboard shortcuts (?)", "?", "help").dataset.text = "Keyboard shortcuts";

  if (model.recorded) [play, split, again, actions, branch, speed, pin, link].forEach((each) => each.remove());

  // The run says on which device it is: by its whole name, or by its kind.
  const onIt = (name) => [name, name.split(":")[0]].includes(model.now.chosen);
  const devices = () => model.devices.map(([name, text]) => ({ text, on: onIt(name), doc: "starts the run again", act: () => send("device", { value: name }) }));
  const rest = () => {
    const offered = (each) => each.made.isConnected && !inSight(each.made) && !(each.made.dataset.off === "yes");
    const speeds = model.speeds.map(([value, text]) => ({ text, on: value === model.now.speed, act: () => send("speed", { value }) }));
    return [
      ...(inSight(split) || model.recorded ? [] : [{ head: "Steps" }, ...steps]),
      ...spare.filter(offered).map((each) => each.entry()),
      ...(inSight(exported) ? [] : [{ text: "Export this run", items: files }]),
      ...(inSight(speed) || model.recorded ? [] : [{ text: "Speed", items: () => speeds }]),
      ...(model.devices.length > 1 ? [{ head: "Computed on" }, ...devices()] : []),
    ];
  };
  const others = press(root, "rest", "⋯", "more commands");
  others.addEventListener("pointerenter", () => send("devices"));  // what is free of each changes
  others.addEventListener("focus", () => send("devices"));
  menu(others, "more commands", rest);
  const several = () => root.classList.toggle("several", model.devices.length > 1);
  model.on("devices", several);
  several();

  const refresh = () => {
    const now = model.now;
    play.textContent = now.playing ? "❚❚" : "▶";
    const name = now.playing ? "pause (space)" : now.step >= now.horizon ? "play ten times further (space)" : "play (space)";
    play.title = now.playing ? "pause (space): stops computing and keeps what there is; play goes on from there" : name;
    play.setAttribute("aria-label", name);
    // The bar is as long as the whole run: what is still to come is the empty part of it.
    const last = Math.max(now.rows - 1, 0), whole = last + now.ahead;
    scrub.max = whole;
    scrub.value = now.index;
    scrub.style.setProperty("--share", whole ? now.index / whole : 0);
    scrub.style.setProperty("--known", whole ? last / whole : 0);
    scrub.setAttribute("aria-valuetext", `step ${now.at} of ${now.horizon}`);
    const end = count(now.horizon);
    at.style.setProperty("--digits", end.length);
    at.textContent = `step ${count(now.at)} of ${end}`;
    rate.textContent = !now.ready ? (now.failed ? "stopped" : "preparing…") : now.playing ? model.recorded ? "goes on" : `${count(now.rate)} steps/s${where(now.device)}` : now.step >= now.horizon ? "finished" : "paused";
    root.classList.toggle("preparing", !now.ready && !now.failed);
    root.classList.toggle("scrubbing", now.scrubbing);
    left.textContent = now.left;
    for (const each of [branch, latest]) each.dataset.off = now.scrubbing ? "" : "yes";
    pin.textContent = pin.dataset.text = now.pinned ? "Unpin" : "Pin run";
    speed.value = now.speed;
  };
  model.on("now", refresh);
  model.on("actions", drawActions);
  refresh();
  return root;
}
