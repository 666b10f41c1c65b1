// A small moving picture of a run, in a square of 1000: curves that grow along their predictions, or points that move.
// It moves once when it comes into sight and whenever it is pointed at, and stands at its end otherwise.
const SVG = "http://www.w3.org/2000/svg";
const DURATION = 4200;
let miniatures = 0;

const shape = (name, parent, attributes = {}) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
};

const pairs = (flat) => Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);

const curves = (svg, picture, hues) => {
  svg.setAttribute("viewBox", "-20 -30 1040 1060");
  svg.setAttribute("preserveAspectRatio", "none");
  const id = `grown-${++miniatures}`;
  const grown = shape("rect", shape("clipPath", svg, { id }), { x: -20, y: -30, width: 0, height: 1060 });
  const [runs, theory] = [shape("g", svg, { "clip-path": `url(#${id})` }), shape("g", svg, { class: "theory" })];
  for (const { hue, dashed, places } of picture.curves)
    shape("polyline", dashed ? theory : runs, { points: places.join(" "), stroke: dashed ? "currentColor" : hues[hue % hues.length], "vector-effect": "non-scaling-stroke" });
  return (share) => grown.setAttribute("width", 1040 * share);
};

const points = (svg, picture, hues, grey) => {
  svg.setAttribute("viewBox", "0 0 1000 1000");
  const dot = (hue, more) => shape("circle", svg, { r: hue < 0 ? 7 : 17, fill: hue < 0 ? grey : hues[hue % hues.length], ...more });
  const frames = picture.frames.map(pairs), last = frames.length - 1;
  picture.hues.forEach((hue, i) => { if (hue >= 0) dot(hue, { cx: frames[0][i][0], cy: frames[0][i][1], class: "start" }); });
  const dots = picture.hues.map((hue) => dot(hue));
  return (share) => {
    const at = Math.min(share * last, last), [low, high] = [frames[Math.floor(at)], frames[Math.ceil(at)]], part = at % 1;
    dots.forEach((dot, i) => {
      dot.setAttribute("cx", low[i][0] + part * (high[i][0] - low[i][0]));
      dot.setAttribute("cy", low[i][1] + part * (high[i][1] - low[i][1]));
    });
  };
};

// Draw a picture into a box; `handle` is what is pointed at.
const miniature = (box, handle, picture, hues, grey) => {
  const svg = shape("svg", box, { "aria-hidden": "true" });
  const draw = (picture.kind === "points" ? points : curves)(svg, picture, hues, grey);
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  let began = null;
  const tick = (now) => {
    began ??= now;
    const share = Math.min((now - began) / DURATION, 1);
    draw(share);
    if (share < 1 && box.isConnected) requestAnimationFrame(tick);
    else began = undefined;
  };
  const play = () => { if (!still() && !began) { began = null; requestAnimationFrame(tick); } };
  draw(1);
  new IntersectionObserver(([entry], watch) => { if (entry.isIntersecting) { watch.disconnect(); play(); } }).observe(box);
  for (const event of ["pointerenter", "focus"]) handle.addEventListener(event, play);
};
