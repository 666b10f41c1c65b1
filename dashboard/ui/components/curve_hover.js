// What lies under the pointer of a figure of curves, as one box: the nearest curve, or the phase where none is near.
// The nearest curve is drawn thicker and the others fainter meanwhile. Nothing of it is sent to the server.
const ROOM = 20, ID = "dynascope-hover";
const place = (value) => threshold ? Math.asinh(value / (2 * threshold)) / Math.LN10 : value;
const share = (value, range, log) => log
  ? Math.log(value / range.start) / Math.log(range.end / range.start) : (value - range.start) / (range.end - range.start);
const across = (value) => share(value, figure.x_range, log_x) * figure.inner_width;
const upward = (value) => share(place(value), figure.y_range, log_y) * figure.inner_height;
const raised = (power) => "×10" + [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
const written = (value) => {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value), power = size ? Math.floor(Math.log10(size)) : 0;
  const text = size && (power < -3 || power > 4)
    ? Number((value / 10 ** power).toPrecision(4)) + raised(power) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
};
const before = (steps, at) => {
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (steps[middle] <= at) low = middle; else high = middle - 1;
  }
  return low + 1 < steps.length && steps[low + 1] - at < at - steps[low] ? low + 1 : low;
};

// The point of a line nearest to the pointer, and how far it is from there, in pixels.
function nearest(xs, ys, ordered) {
  if (!xs?.length) return null;
  const rows = ordered ? [before(xs, x)] : xs.keys();
  let found = null;
  for (const row of rows) {
    const far = Math.hypot(ordered ? 0 : across(xs[row]) - right, upward(ys[row]) - up);
    if (far < (found?.far ?? Infinity)) found = { row, far };
  }
  return found;
}

function curves() {
  const { data } = source, found = [];
  lines.forEach((line, at) => {
    const point = nearest(data[line.x], data[line.y], line.x === "step");
    if (!point) return;
    const { row, far } = point, value = (name) => written(data[name][row]);
    const rows = [["step", String(data.step[row])]];
    if (line.x !== "step") rows.push([x_name, value(line.x)]);
    rows.push([line.channel, value(line.y)]);
    if (line.low) rows.push([line.spread, `${value(line.low)} … ${value(line.high)}`]);
    found.push({ far, at, title: line.curve, color: line.color, rows });
  });
  return found;
}

function laws() {
  const { xs = [], ys = [], name = [], color = [] } = theory.data, found = [];
  xs.forEach((steps, at) => {
    const row = steps.length ? before(steps, x) : 0;
    const far = steps.length ? Math.abs(share(ys[at][row], figure.y_range, log_y) * figure.inner_height - up) : Infinity;
    const value = threshold ? 2 * threshold * Math.sinh(ys[at][row] * Math.LN10) : ys[at][row];
    found.push({ far: far + 4, title: name[at], color: color[at], rows: [["step", String(steps[row])], ["value", written(value)]] });
  });
  return found;
}

function phase() {
  const { left = [], right: end = [], label = [], doc = [] } = phases.data;
  const at = left.findIndex((start, i) => x >= start && x < end[i]);
  return at < 0 ? null : { title: label[at], rows: [["from step", String(left[at])]], doc: doc[at] };
}

function box() {
  const had = document.getElementById(ID);
  if (had) return had;
  const made = document.createElement("div");
  made.id = ID;
  made.style.cssText = "position:fixed;z-index:2000;pointer-events:none;max-width:340px;padding:7px 10px;border-radius:7px;"
    + "font:12.5px/1.45 Roboto,system-ui,sans-serif;color:#f3f5f9;background:#20252f;border:1px solid #5b6473;"
    + "box-shadow:0 3px 12px rgba(0,0,0,.35)";
  return document.body.appendChild(made);
}

function emphasise(chosen) {
  glyphs.forEach((glyph, at) => {
    const usual = usually[at], on = chosen === undefined || lines[at].curve === lines[chosen].curve;
    const faint = on ? usual.alpha : Math.min(usual.alpha, 0.35);
    glyph.setv({ line_alpha: faint, line_width: usual.width + (chosen !== undefined && on ? 1.2 : 0) }, { sync: false });
  });
}

const view = globalThis.Bokeh?.index?.find_one?.(figure);
if (!view) return;
const { x, y, sx, sy, event_name } = cb_obj;
const right = across(x), up = share(y, figure.y_range, log_y) * figure.inner_height;
const inside = event_name === "mousemove" && right >= 0 && right <= figure.inner_width && up >= 0 && up <= figure.inner_height;
const best = inside ? [...curves(), ...laws()].filter(({ far }) => far < ROOM).sort((a, b) => a.far - b.far)[0] : null;
const shown = best ?? (inside ? phase() : null), pane = box();
const chosen = several ? best?.at : undefined;
if (chosen !== figure.hovered) {
  figure.hovered = chosen; // of the browser alone: no property of the model
  emphasise(chosen);
}
pane.hidden = !shown;
pane.style.display = shown ? "block" : "none";
if (shown) {
  const text = (tag, words, style) => Object.assign(document.createElement(tag), { textContent: words, style });
  const head = text("div", shown.title, "font-weight:600");
  if (shown.color) head.prepend(text("span", "", `display:inline-block;width:12px;height:4px;border-radius:2px;margin:0 6px 3px 0;background:${shown.color}`));
  const rows = shown.rows.map(([name, value]) => {
    const row = text("div", "", "display:flex;gap:14px;justify-content:space-between;font-variant-numeric:tabular-nums");
    row.append(text("span", name, "opacity:.8"), text("span", value, ""));
    return row;
  });
  pane.replaceChildren(head, ...rows, ...(shown.doc ? [text("div", shown.doc, "margin-top:3px;opacity:.85")] : []));
  const { left, top } = view.el.getBoundingClientRect();
  const { width, height } = pane.getBoundingClientRect();
  const [px, py] = [left + sx, top + sy];
  pane.style.left = `${Math.max(4, px + 16 + width > innerWidth ? px - 16 - width : px + 16)}px`;
  pane.style.top = `${Math.max(4, py + 14 + height > innerHeight ? py - 14 - height : py + 14)}px`;
}
