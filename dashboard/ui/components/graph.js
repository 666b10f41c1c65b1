// What a least weight hides, what a chosen node lights up, and its neighbours in words. Runs in the page alone.
const column = (source, name) => Array.from(source.get_column(name) ?? []);
const from = column(edges, "source"), to = column(edges, "target");
const names = column(nodes, "safe"), amounts = column(edges, "amount");
const shown = from.map((_, edge) => edge >= least.value);
const degree = names.map(() => 0);
from.forEach((_, edge) => { if (shown[edge]) { degree[from[edge]]++; degree[to[edge]]++; } });
const visible = degree.map((count) => least.value === 0 || count > 0);
const chosen = nodes.selected.indices.filter((node) => visible[node])[0] ?? -1;
const mine = from.map((_, edge) => shown[edge] && (from[edge] === chosen || to[edge] === chosen));
const near = names.map((_, node) => node === chosen);
const lines = [];
for (let edge = from.length - 1; edge >= 0; edge--)  // the heaviest first
  if (mine[edge]) {
    const other = from[edge] === chosen ? to[edge] : from[edge];
    near[other] = true;
    lines.push(`${names[other]} <span>${amounts[edge]}</span>`);
  }

shown_edges.booleans = shown;
shown_nodes.booleans = visible;
lit_edges.booleans = mine;
lit_nodes.booleans = near;
faint.line_alpha = chosen < 0 ? 0.5 : 0.1;
const rest = lines.length > 24 ? ` · and ${lines.length - 24} more` : "";
sentence.text = chosen < 0 ? "Click a node to see what it is joined to."
  : `<b>${names[chosen]}</b> has ${lines.length} ${lines.length === 1 ? "neighbour" : "neighbours"}`
    + (lines.length ? `: ${lines.slice(0, 24).join(" · ")}${rest}` : "");
