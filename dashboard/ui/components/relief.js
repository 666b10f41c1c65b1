// Tells whether this browser draws in three dimensions. Where it does not, pictures are asked for, one at a time.
const make = (tag, parent, text) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
};

const draws = () => {
  if (new URLSearchParams(location.search).get("webgl") === "off") return false;
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();  // browsers allow few of them
  return Boolean(context);
};

const load = (path) => new Promise((done) => {
  if (globalThis.vtk) return done(true);
  if (!path) return done(false);
  const script = make("script");
  script.src = new URL(path, document.baseURI);
  script.onload = () => done(Boolean(globalThis.vtk));
  script.onerror = () => done(false);
  document.head.append(script);
});

const paper = (element) => {
  const probe = make("i", element);
  probe.style.color = "var(--panel-surface-color, #fff)";
  const pixel = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  pixel.fillStyle = getComputedStyle(probe).color;
  pixel.fillRect(0, 0, 1, 1);
  probe.remove();
  return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
};

export function render({ model, el }) {
  const root = make("div");
  const image = make("img", root);
  image.draggable = false;
  image.alt = `${model.label}, in three dimensions; drag to turn`;
  const row = make("div", root);
  row.className = "row";
  const file = make("button", root, "save as glTF");
  file.title = "save this scene for programs that show meshes";
  file.addEventListener("click", () => model.send_msg({ export: true }));
  const view = { azimuth: -60, elevation: 28, zoom: 1 };
  let asked = false, stale = false;
  const ask = () => {
    if (asked) { stale = true; return; }
    [asked, stale] = [true, false];
    model.send_msg({ ...view });
  };
  const slider = (name, min, max, step) => {
    const input = make("input", make("label", row, name));
    Object.assign(input, { type: "range", min, max, step, value: view[name] });
    input.addEventListener("input", () => { view[name] = Number(input.value); ask(); });
    return input;
  };
  const azimuth = slider("azimuth", -180, 180, 1), elevation = slider("elevation", -80, 89, 1);
  slider("zoom", 0.5, 3, 0.05);

  let from = null;
  image.addEventListener("pointerdown", (event) => {
    image.setPointerCapture(event.pointerId);
    from = { x: event.clientX, y: event.clientY, ...view };
  });
  image.addEventListener("pointermove", (event) => {
    if (!from) return;
    const turned = from.azimuth - 0.5 * (event.clientX - from.x) + 540;
    view.azimuth = ((turned % 360) + 360) % 360 - 180;
    view.elevation = Math.min(89, Math.max(-80, from.elevation + 0.4 * (event.clientY - from.y)));
    [azimuth.value, elevation.value] = [view.azimuth, view.elevation];
    ask();
  });
  for (const end of ["pointerup", "pointercancel"]) image.addEventListener(end, () => { from = null; });

  const said = make("p", root);
  said.setAttribute("role", "status");
  const refresh = () => {
    const { image: source, failure, live, waiting } = model.shown;
    asked = waiting;
    if (source) image.src = source;
    image.hidden = row.hidden = live || Boolean(failure && !source);
    said.className = failure ? "failure" : "";
    said.textContent = failure || (waiting ? "drawing…" : live ? "Drag to turn, roll to come nearer." : "Drag the picture to turn it.");
    if (!waiting && stale) ask();
  };
  model.on("shown", refresh);
  refresh();
  const begin = async () => {
    if (!model.shown.waiting) return;
    if (draws() && await load(model.library)) model.send_msg({ live: true, paper: paper(el) });
    else { asked = false; ask(); }
  };
  begin();
  return root;
}
