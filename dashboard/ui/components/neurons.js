// A chosen neuron offers its paths, a chosen path is drawn and described. Runs in the page alone.
const column = (name) => Array.from(paths.get_column(name) ?? []);
const [names, owners, sentences] = ["name", "neuron", "sentence"].map(column);
const [loss, reference, low, high] = ["loss", "reference_loss", "low", "high"].map(column);
const called = (each) => nodes.get_column("safe")[each];
const neuron = nodes.selected.indices[0] ?? -1;
const offered = names.flatMap((name, path) => neuron < 0 || owners[path] === neuron ? [[String(path), name]] : []);
const same = offered.length === select.options.length && offered.every(([path], i) => select.options[i][0] === path);
if (!same) select.options = offered;
if (!offered.some(([path]) => path === select.value)) select.value = offered[0]?.[0] ?? "";

const path = select.value === "" ? -1 : Number(select.value);
select.title = neuron < 0 ? `all ${names.length} ways; click a neuron to see its own`
  : `${offered.length} ${offered.length === 1 ? "way" : "ways"} of neuron ${called(neuron)}`;
select.disabled = !offered.length;
const x = chosen.get_column("x");
const nothing = Array.from(x, () => NaN);
chosen.data = { x, loss: loss[path] ?? nothing, reference_loss: reference[path] ?? nothing };
if (path >= 0) range.setv({ start: low[path], end: high[path], reset_start: low[path], reset_end: high[path] });
const mark = neuron < 0 ? owners[path] : neuron;
highlighted.booleans = Array.from(nodes.get_column("x"), (_, each) => each === mark);
sentence.text = path < 0 ? `None of the ways belongs to neuron ${called(neuron)}.` : sentences[path];
