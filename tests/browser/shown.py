"""A page with pictures of probes on cards as wide as those of a lab, and nothing that is computed."""

import numpy as np
import panel as pn

from dashboard.app import page as whole_page
from dashboard.page.layout import BODY, MIDDLE
from dashboard.probes.result import ProbePicture
from dashboard.server.theme import prepare
from dashboard.ui.styles import CARD, GRID, STRETCH
from engines.core.protocol.probe_figures import Graph, Neurons, Relief

GRAPH = Graph(
    layer="layer", name="name", group="group", source="source", target="target", weight="weight", label="interaction"
)
NEURONS = Neurons(
    layer="layer", name="name", kind="kind", kinds=("live", "dead", "always on", "duplicate"),
    path_name="way", path_neuron="owner", distance="along", loss="height", reference_loss="beside", label="loss",
)  # fmt: skip


RELIEF = Relief(
    title="Loss around the way", values="z", x="x", y="y", x_label="first direction", y_label="second direction",
    label="loss", log=True, path=("px", "py", "pz", "off"),
)  # fmt: skip


def graph(layers=4, wide=13, modules=3, seed=0):
    """Modules that hardly know each other, their nodes in any order; the heaviest edge joins the first two nodes."""
    random = np.random.default_rng(seed)
    layer = np.repeat(np.arange(layers), wide)
    group = random.integers(modules, size=len(layer))
    a, b = np.nonzero(layer[:, None] + 1 == layer)
    weight = np.exp(random.normal(0, 1, len(a))) * np.where(group[a] == group[b], 1.0, 0.02)
    kept = weight > 0.02
    a, b, weight = a[kept], b[kept], weight[kept] / weight.max() * 0.5
    return {
        "layer": layer, "name": [f"{at}.{i % wide}" for i, at in enumerate(layer)], "group": group,
        "source": np.r_[0, a], "target": np.r_[wide, b], "weight": np.r_[0.75, weight],
    }  # fmt: skip


def neurons(widths=(8, 12, 12, 5), seed=0):
    """Each hidden neuron has a way along which the loss stays, and every dead one two."""
    random = np.random.default_rng(seed)
    layer = np.repeat(np.arange(len(widths)), widths)
    kind = random.choice(4, len(layer), p=(0.6, 0.15, 0.15, 0.1))
    owner = np.flatnonzero((layer > 0) & (layer < len(widths) - 1))
    owner = np.sort(np.r_[owner, owner[kind[owner] == 1]])
    along = np.linspace(0, 3, 41)
    flat = 1e-30 * np.exp(random.normal(0, 0.5, (len(owner), 1)) + 0 * along)
    return {
        "layer": layer, "name": [f"{at}.{i}" for at, many in enumerate(widths) for i in range(many)], "kind": kind,
        "way": [f"way {k} of neuron {own}" for k, own in enumerate(owner)], "owner": owner, "along": along,
        "height": flat, "beside": 1e-30 + 1.3 * along**2 * random.uniform(0.5, 1, (len(owner), 1)),
    }  # fmt: skip


def valley(x, y):
    return 0.01 + (1 - x) ** 2 + 20 * (y - x**2) ** 2


def relief(size=51):
    """A bent valley, and a way that comes down into it from far off the plane."""
    x, y, t = np.linspace(-1.5, 1.5, size), np.linspace(-1, 2, size), np.linspace(0, 1, 60)
    px, py = -1.2 + 2.2 * t, 1.6 - 0.6 * t + 0.3 * np.sin(6 * t)
    return {
        "x": x, "y": y, "z": valley(x, y[:, None]), "px": px, "py": py, "off": (1 - t) ** 2,
        "pz": valley(px, py) * (1 + 8 * (1 - t) ** 2),
    }  # fmt: skip


def card(declared, values):
    """As a lab shows it."""
    picture = ProbePicture(declared)
    picture.show(values)
    return pn.Column(picture, stylesheets=[CARD], margin=0, **STRETCH)


def cards():
    """One of each."""
    yield card(GRAPH, graph())
    yield card(NEURONS, neurons())
    yield card(RELIEF, relief())


def page():
    async def fill(holder, bridge):
        grid = pn.Column(*cards(), stylesheets=[GRID], margin=0, **STRETCH)
        plots = pn.Column(grid, stylesheets=[MIDDLE], css_classes=["plots"], margin=0, **STRETCH)
        holder[:] = [pn.Row(pn.Column(), plots, pn.Column(), stylesheets=[BODY], margin=0, **STRETCH)]

    return whole_page("Pictures", fill)


def serve(port):
    """Serve until interrupted."""
    prepare()
    pn.serve({"/": page}, port=port, address="127.0.0.1", show=False)
