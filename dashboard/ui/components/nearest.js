// A click chooses the node under it; a second one, or one beside all nodes, chooses nothing.
const scale = (range, size) => size / (range.end - range.start);
const across = scale(figure.x_range, figure.inner_width), up = scale(figure.y_range, figure.inner_height);
const x = nodes.get_column("x"), y = nodes.get_column("y");
let best = -1, reach = 14;  // pixels
for (let node = 0; node < x.length; node++) {
  const away = Math.hypot((x[node] - cb_obj.x) * across, (y[node] - cb_obj.y) * up);
  if (away < reach && (shown.booleans?.[node] ?? true)) [best, reach] = [node, away];
}
const same = nodes.selected.indices[0] === best;
nodes.selected.indices = best < 0 || same ? [] : [best];
