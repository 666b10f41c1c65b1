// A figure as a file, as it is looked at: with its title and legend, seven inches wide, 300 dots an inch.
const INCHES = 7, DOTS = 300, ROW = 18, MARGIN = 10;
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// The legend's entries as SVG, in as many rows as they need, and the height of them all.
function legend(lines, width, ink, font, top) {
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = `12px ${font}`;
  let x = MARGIN, y = top, found = "";
  for (const { label, color, dash } of lines) {
    const wide = 44 + ruler.measureText(label).width;
    if (x > MARGIN && x + wide > width) { x = MARGIN; y += ROW; }
    const stroke = color || ink;
    found += dash in MARKS
      ? `<g transform="translate(${x + 7} ${y - 8})" color="${stroke}" stroke="${stroke}">${MARKS[dash]}</g>`
      : `<line x1="${x}" x2="${x + 24}" y1="${y - 4}" y2="${y - 4}" stroke="${stroke}" stroke-width="2.2" stroke-dasharray="${DASHES[dash] ?? dash}"/>`;
    found += `<text x="${x + 30}" y="${y}" font-size="12" fill="${ink}">${escape(label)}</text>`;
    x += wide + 14;
  }
  return [found, y + (lines.length ? MARGIN : 0)];
}

// The whole picture as SVG text.
function drawing(figure, { title, lines }, style) {
  const inner = figure.export("svg").ctx.get_serialized_svg(true);
  const { width, height } = figure.bbox;
  const { color: ink, fontFamily: font } = style;
  const ground = style.getPropertyValue("--panel-surface-color") || "#fff";
  const [entries, top] = legend(lines, width, ink, font, 42);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${INCHES}in" viewBox="0 0 ${width} ${top + height}" font-family="${font.replaceAll('"', "'")}">`
    + `<rect width="100%" height="100%" fill="${ground}"/>`
    + `<text x="${MARGIN}" y="20" font-size="15" font-weight="600" fill="${ink}">${escape(title)}</text>${entries}`
    + `<g transform="translate(0 ${top})">${inner}</g></svg>`;
}

async function pixels(text, shape) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = INCHES * DOTS;
  canvas.height = Math.round(canvas.width * shape);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const figures = (view) => view.model?.type === "Figure" ? [view] : (view.child_views ?? []).flatMap(figures);

// The figures among what a view shows, as files named `file`: numbered where there are several.
async function print(view, about, root, kind) {
  for (const [place, figure] of figures(view).entries()) {
    const text = drawing(figure, about, getComputedStyle(root));
    const [, , width, height] = text.match(/viewBox="(\S+) (\S+) (\S+) ([^"]+)"/).slice(1).map(Number);
    const blob = kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await pixels(text, height / width);
    download(blob, `${about.file}${place ? `_${place + 1}` : ""}.${kind}`);
  }
}
