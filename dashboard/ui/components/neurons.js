// A chosen neuron offers its ways, a chosen way is drawn and told. Runs in the page alone.
const column = (name) => Array.from(ways.get_column(name) ?? []);
const [names, owner, told] = ["name", "owner", "said"].map(column);
const [height, beside, low, high] = ["height", "beside", "low", "high"].map(column);
const called = (each) => nodes.get_column("safe")[each];
const neuron = nodes.selected.indices[0] ?? -1;
const offered = names.flatMap((name, way) => neuron < 0 || owner[way] === neuron ? [[String(way), name]] : []);
const same = offered.length === select.options.length && offered.every(([way], i) => select.options[i][0] === way);
if (!same) select.options = offered;
if (!offered.some(([way]) => way === select.value)) select.value = offered[0]?.[0] ?? "";

const way = select.value === "" ? -1 : Number(select.value);
select.title = neuron < 0 ? `all ${names.length} ways; click a neuron to see its own`
  : `${offered.length} ${offered.length === 1 ? "way" : "ways"} of neuron ${called(neuron)}`;
select.disabled = !offered.length;
const x = path.get_column("x");
const nothing = Array.from(x, () => NaN);
path.data = { x, height: height[way] ?? nothing, beside: beside[way] ?? nothing };
if (way >= 0) range.setv({ start: low[way], end: high[way], reset_start: low[way], reset_end: high[way] });
const mark = neuron < 0 ? owner[way] : neuron;
lit.booleans = Array.from(nodes.get_column("x"), (_, each) => each === mark);
said.text = way < 0 ? `None of the ways belongs to neuron ${called(neuron)}.` : told[way];
