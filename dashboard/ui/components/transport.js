// Time as an object: play, step, speed, scrub, branch, reset. Sends {do, ...}; `now` says what to show.
// Where steps are computed, in one word.
const where = (device) => device ? ` on ${device.replace("cpu", "CPU").replace("cuda", "GPU").replace("mps", "GPU")}` : "";
const count = (value) => Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");

export function render({ model }) {
  const root = make("div", "transport");
  const send = (what, more = {}) => model.send_msg({ do: what, ...more });
  const button = (text, title, what, more, parent = root, name = "") => {
    const made = make("button", name, parent, text);
    made.title = title;
    made.setAttribute("aria-label", title);
    made.addEventListener("click", () => send(what, more));
    return made;
  };

  const play = button("▶", "play (space)", "toggle", {}, root, "play");
  const steps = make("div", "group", root);
  [1, 10, 100, 1000].forEach((n) => button("+" + n, `take ${n} step${n > 1 ? "s" : ""} and pause`, "step", { count: n }, steps));
  const again = make("div", "group", root);
  button("Reset", "back to step 0, same seeds (R)", "reset", {}, again);
  button("Reseed", "back to step 0, other seeds", "reseed", {}, again);
  const actions = make("div", "group actions", root);
  model.actions.forEach(([name, label, doc]) => button(label, doc, "action", { name }, actions, "action"));
  make("div", "gap", root);
  const share = make("div", "group", root);
  const pin = button("Pin run", "keep this run in grey behind the next", "pin", {}, share);
  button("Copy link", "a link that holds this experiment completely", "link", {}, share);
  const files = make("select", "files", share);
  files.setAttribute("aria-label", "export this run");
  files.title = "save everything recorded so far, or the program that repeats it";
  [["", "Export…"], ...model.files].forEach(([kind, text]) => { make("option", "", files, text).value = kind; });
  files.addEventListener("change", () => { send("export", { kind: files.value }); files.value = ""; });
  button("?", "keyboard shortcuts (?)", "help", {}, share);

  const line = make("div", "timeline", root);
  const scrub = make("input", "scrub", line);
  Object.assign(scrub, { type: "range", min: 0, max: 0, step: 1, value: 0 });
  scrub.setAttribute("aria-label", "scrub over the recorded steps");
  scrub.title = "what was recorded so far; the end of the bar is the end of the run";
  scrub.addEventListener("input", () => {
    scrub.value = Math.min(+scrub.value, model.now.rows - 1);
    send("scrub", { index: +scrub.value });
  });
  const at = make("span", "at", line);
  const branch = button("↳ Branch from here", "go back to this step, forget what came after, and let the next edit make another future", "branch", {}, line);
  const latest = button("⇥ Newest", "follow the newest step again", "latest", {}, line);
  const rate = make("span", "rate", line);
  const left = make("span", "left", line);

  const speed = make("select", "speed", line);
  speed.setAttribute("aria-label", "speed");
  speed.title = "frames shown per second; frames lie evenly on a logarithmic axis";
  model.speeds.forEach(([value, text]) => { make("option", "", speed, text).value = value; });
  speed.addEventListener("change", () => send("speed", { value: speed.value }));

  // One device is no choice. What is free of each is asked for when the list is opened.
  const device = make("select", "device", line);
  device.setAttribute("aria-label", "device");
  device.title = "what computes the run: another one starts it again";
  device.addEventListener("focus", () => send("devices"));
  device.addEventListener("change", () => {
    send("device", { value: device.value });
    device.value = chosen();  // until the run says that it is there
  });
  const list = () => {
    device.replaceChildren();
    model.devices.forEach(([name, text]) => { make("option", "", device, text).value = name; });
    device.hidden = model.devices.length < 2;
    device.value = chosen();
  };
  const chosen = () => (model.devices.find(([name]) => name === model.now.chosen || name.split(":")[0] === model.now.chosen) ?? [""])[0];

  const refresh = () => {
    const now = model.now;
    play.textContent = now.playing ? "❚❚" : "▶";
    const name = now.playing ? "pause (space)" : now.step >= now.horizon ? "play ten times further (space)" : "play (space)";
    play.title = now.playing ? "pause (space): stops computing and keeps what there is; play goes on from there" : name;
    play.setAttribute("aria-label", name);
    play.classList.toggle("on", now.playing);
    // The bar is as long as the whole run: what is still to come is the empty part of it.
    const last = Math.max(now.rows - 1, 0), whole = last + now.ahead;
    scrub.max = whole;
    scrub.value = now.index;
    scrub.style.setProperty("--share", whole ? now.index / whole : 0);
    scrub.style.setProperty("--known", whole ? last / whole : 0);
    scrub.setAttribute("aria-valuetext", `step ${now.at} of ${now.horizon}`);
    at.textContent = `step ${count(now.at)} of ${count(now.horizon)}`;
    rate.textContent = !now.ready ? (now.failed ? "stopped" : "preparing…") : now.playing ? `${count(now.rate)} steps/s${where(now.device)}` : now.step >= now.horizon ? "finished" : "paused";
    root.classList.toggle("preparing", !now.ready && !now.failed);
    left.textContent = now.left;
    left.hidden = !now.left;
    branch.hidden = latest.hidden = !now.scrubbing;
    pin.textContent = now.pinned ? "Unpin" : "Pin run";
    speed.value = now.speed;
    if (device.value !== chosen()) device.value = chosen();
  };
  model.on("devices", list);
  list();
  model.on("now", refresh);
  refresh();
  return root;
}
