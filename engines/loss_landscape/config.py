"""Knobs of the loss landscape."""

from __future__ import annotations

from dataclasses import dataclass

from engines.core.methods.names import METHOD_LABELS, METHODS
from engines.core.protocol.config import Config, knob
from engines.core.protocol.errors import ConfigError

LABELLED = ("digits", "addition", "one_hot", "transformer")
"""Subjects that classify."""

CHAINS = ("langevin", "mala", "gibbs")
"""Optimisers that sample the loss around where the subject starts, instead of training it."""

METHODS_HERE = (*(name for name in METHODS if name not in ("gd", "adam", "scaled_gd", "polyak")), "own")
"""Methods of optimisation that train networks here: without those two that have a name of their own, ScaledGD, which
needs two factors, and Polyak's step, which needs the least loss."""

LONGEST = 12
"""Most layers that `widths` may name."""


@dataclass(frozen=True, kw_only=True)
class LossLandscape(Config):
    """A network with its data, or a loss in closed form, and how its parameters move."""

    subject: str = knob(
        "addition",
        "what is analysed: images of digits; addition modulo p, by an embedding, by one-hot pairs, or by a "
        "transformer; a network with planted degeneracy; a deep linear map; features in superposition; a loss in "
        "closed form; a perceptron of your own from a file; a model of your own that this program was started with",
        role="shape",
        choices=(*LABELLED, "planted", "linear", "superposition", "potential", "own_network", "own_model"),
        old_values={"own": "own_network", "user_network": "own_network"},
        labels={"digits": "digits", "addition": "addition",
        "one_hot": "one-hot addition", "transformer": "transformer", "planted": "planted network",
        "linear": "linear map", "superposition": "superposition", "potential": "closed-form loss",
        "own_network": "your network", "own_model": "your model"},
    )  # fmt: skip
    optimizer: str = knob(
        "adamw",
        "how parameters move: by AdamW; by gradient descent; by another method of the optimiser lab, or your own; or "
        "not trained but sampled around the start, by Langevin steps, by Langevin steps that are accepted or not "
        "(MALA), or layer by layer without a step size (Gibbs, linear)",
        role="shape", choices=("adamw", "sgd", *METHODS_HERE, *CHAINS), label="optimiser", labels={"adamw": "AdamW",
        "sgd": "gradient descent", "langevin": "Langevin", "mala": "MALA", "gibbs": "Gibbs",
        **{name: METHOD_LABELS[name] for name in METHODS_HERE}},
    )  # fmt: skip
    planted: str = knob(
        "none",
        "what a planted network hides: nothing; dependent activations (inputs of low rank, a duplicate neuron, a dead "
        "one); dependent gradients (no out-weights, parallel ones); gates that fire together (and some always on); "
        "nested gates; gates that nearly agree; all three at once; modules",
        role="shape",
        choices=(
            "none", "activations", "duplicate", "dead", "gradients", "parallel", "gates", "always_on", "nested", "near",
            "all", "modular",
        ), label="what is planted", labels={"none": "nothing planted", "activations": "dependent activations",
        "duplicate": "a duplicate neuron", "dead": "a dead neuron", "gradients": "dependent gradients",
        "parallel": "parallel out-weights", "gates": "blocks of gates", "always_on": "blocks, some always on",
        "nested": "nested gates", "near": "gates that nearly agree", "all": "all three types", "modular": "modules"},
    )  # fmt: skip
    potential: str = knob(
        "crossing",
        "a loss in closed form: a quadratic; least squares; w₁²w₂²; ‖u‖²‖v‖²; c w₁²w₂² in a box, below a level",
        role="shape", choices=("quadratic", "regression", "crossing", "planes", "box"), label="loss",
        labels={"quadratic": "quadratic", "regression": "least squares", "crossing": "w₁²w₂²", "planes": "‖u‖²‖v‖²",
        "box": "in a box"},
    )  # fmt: skip
    width: int = knob(16, "neurons of each hidden layer", role="shape", bounds=(1, 512), soft=(2, 128), log=True)
    depth: int = knob(2, "hidden layers", role="shape", bounds=(1, 8), soft=(1, 4))
    modulus: int = knob(31, "p of addition modulo p", role="shape", bounds=(3, 113), soft=(7, 53), label="modulus p")
    activation: str = knob(
        "relu",
        "what bends the one-hot network",
        role="shape",
        choices=("relu", "square", "gelu", "tanh"),
        more=True,
        labels={"relu": "ReLU", "square": "squares", "gelu": "GELU", "tanh": "tanh"},
    )
    train_fraction: float = knob(
        0.6, "share of all pairs that is trained on; the rest is the test", role="shape", bounds=(0.01, 0.99),
        soft=(0.2, 0.9), label="share trained on",
    )  # fmt: skip
    learning_rate: float = knob(
        5e-3,
        "step size of training; of methods that find their own, what multiplies it",
        role="live",
        bounds=(1e-7, 10),
        soft=(1e-4, 1e-1),
        log=True,
        label="learning rate",
    )
    weight_decay: float = knob(
        1.0, "pull towards zero, as in AdamW; before the learning rate multiplies it", role="live", bounds=(0, 100),
        soft=(1e-3, 3), log=True, label="weight decay",
    )  # fmt: skip
    seed: int = knob(0, "draws the start, the samples and the noise", bounds=(0, 2**31 - 1), soft=(0, 99))
    embedding: int = knob(
        16, "dimension in which summands are embedded, or in which features are kept", role="shape", bounds=(1, 256),
        soft=(2, 64), more=True, label="embedding e",
    )  # fmt: skip
    batch_size: int = knob(
        0,
        "samples of one step; 0: all of them",
        role="shape",
        bounds=(0, 100_000),
        soft=(0, 256),
        more=True,
        old_names=("batch",),
        label="batch size",
    )
    init: str = knob(
        "default", "how digits begin: as torch begins its layers, or by He with zero biases", role="shape",
        choices=("default", "he"), more=True, old_names=("start",), label="start of digits",
        labels={"default": "as torch begins", "he": "He"},
    )  # fmt: skip
    inputs: int = knob(5, "inputs of a planted network, parameters of a loss", role="shape", bounds=(1, 256),
                       soft=(2, 32), more=True)  # fmt: skip
    outputs: int = knob(
        3, "outputs k of a planted network", role="shape", bounds=(1, 64), soft=(1, 8), label="outputs k"
    )
    samples: int = knob(
        600, "data of a planted or linear network, or of superposition", role="shape", bounds=(10, 50_000),
        soft=(100, 5000), log=True, more=True,
    )  # fmt: skip
    angle: float = knob(
        0.03, "angle between two neurons that nearly agree", bounds=(0, 3.2), soft=(1e-3, 1), log=True, label="angle"
    )
    correlation: float = knob(
        0.0, "correlation between the inputs of planted modules", bounds=(0, 1), soft=(0, 0.9), more=True
    )
    widths: str = knob("3-2-3", "widths of a linear map, input to output", role="shape")
    rank: int = knob(1, "rank of the true linear map", role="shape", bounds=(0, 64), soft=(0, 4), label="rank")
    corner: bool = knob(
        True, "whether a linear map starts at its most degenerate solution, the true map in a corner of each layer",
        role="shape", more=True, label="start in the corner",
    )  # fmt: skip
    scale: float = knob(
        1.0, "size of the true linear map: each true layer is this times the identity of its rank", role="shape",
        bounds=(1e-2, 1e2), soft=(0.5, 4), log=True, more=True,
    )  # fmt: skip
    strength: float = knob(
        100.0, "how strongly two weights in a box interact; over the level", bounds=(1e-3, 1e12), soft=(1, 1e8),
        log=True,
    )  # fmt: skip
    n_beta: float = knob(
        100.0, "inverse temperature b = nβ; of the mean loss that is sampled", bounds=(1e-6, 1e15), soft=(1, 1e7),
        log=True, label="b",
    )  # fmt: skip
    gamma: float = knob(
        1.0, "precision of the Gaussian window around the start", bounds=(1e-9, 1e9), soft=(1e-2, 1e3), log=True,
        more=True, label="γ",
    )  # fmt: skip
    kappa: float = knob(
        0.05, "step size of the chains; times the largest curvature of what they sample", bounds=(1e-6, 4),
        soft=(1e-2, 2), log=True, label="κ",
    )  # fmt: skip
    chains: int = knob(64, "chains of one estimate", role="shape", bounds=(1, 4096), soft=(2, 512), log=True)
    burn_in: int = knob(
        1000,
        "steps of the chains that do not count yet",
        bounds=(0, 10**8),
        soft=(0, 10_000),
        more=True,
        label="burn-in",
    )
    network: str = knob(
        "", "your own network: the path of a .safetensors state of a perceptron, its weights in order", role="shape",
        more=True, label="network file",
    )  # fmt: skip
    data: str = knob(
        "", "the samples of your own network: the path of an .npz with X [n, d], and y: labels [n] or targets [n, k]",
        role="shape", more=True, label="data file",
    )  # fmt: skip
    network_activation: str = knob(
        "file", "what bends between the layers of your own network, where the metadata of its file do not say it",
        role="shape", choices=("file", "relu", "tanh", "gelu", "square", "linear"), more=True,
        old_names=("own_activation",), label="activation of your network", labels={"file": "as its file says",
        "relu": "ReLU", "tanh": "tanh", "gelu": "GELU", "square": "squares", "linear": "none"},
    )  # fmt: skip

    model: str = knob(
        "", "your own model: its name among those that this program was started with; empty: the only one",
        role="shape", more=True, label="name of your model",
    )  # fmt: skip
    own_method: str = knob(
        "", "your own method: its name among those that this program was started with; empty: the only one",
        role="shape", more=True, label="name of your method",
    )  # fmt: skip

    @property
    def sampled(self) -> bool:
        """Whether chains sample the loss, instead of training."""
        return self.optimizer in CHAINS

    @property
    def boxed(self) -> bool:
        """Whether draws in a box are counted: nothing has to be forgotten first."""
        return self.subject == "potential" and self.potential == "box"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of a linear map. Raises `ConfigError` for text that names none."""
        parts = self.widths.split("-")
        if not all(part.isascii() and part.isdigit() and len(part) < 5 and 1 <= int(part) <= 64 for part in parts):
            raise ConfigError(f"LossLandscape.widths={self.widths!r} is not of the form 3-2-3, each from 1 to 64")
        return tuple(map(int, parts))

    def check(self) -> None:
        """Raise `ConfigError` where the values contradict each other."""
        for broken, message in self._contradictions():
            if broken:
                raise ConfigError(f"LossLandscape.{message}")

    def _contradictions(self) -> list[tuple[bool, str]]:
        linear, closed = self.subject == "linear", self.subject == "potential"
        sizes = self.sizes
        return [
            (linear and not 3 <= len(sizes) <= LONGEST, f"widths={self.widths!r} has {len(sizes)} widths; a linear "
             f"map has 3 to {LONGEST}"),
            (linear and self.rank > min(sizes), f"rank={self.rank} does not pass the width {min(sizes)} of widths="
             f"{self.widths!r}"),
            (self.optimizer == "gibbs" and not linear, f"optimizer=gibbs needs subject=linear, not {self.subject}"),
            (self.optimizer == "gibbs" and not self.corner, "optimizer=gibbs needs corner=true"),
            (closed and not self.sampled, f"subject=potential is sampled, by langevin or mala, not {self.optimizer}"),
            (closed and self.potential == "planes" and self.inputs < 2, f"inputs={self.inputs} is too few for "
             "potential=planes: each of the two vectors needs one"),
            (self.boxed and self.optimizer == "mala", "potential=box is counted by draws of its own; set "
             "optimizer=langevin"),
            (self.subject == "planted" and self.planted == "modular" and self.width % 2 == 1, f"width={self.width} is "
             "odd: two modules share it"),
            (self.subject == "planted" and self.planted in ("duplicate", "parallel") and self.width < 2,
             f"width={self.width} has no pair of neurons, which planted={self.planted} needs"),
            (self.subject == "superposition" and self.embedding > self.inputs, f"embedding={self.embedding} exceeds "
             f"inputs={self.inputs}: nothing is in superposition"),
            (self.subject == "transformer" and self.embedding % 4 != 0, f"embedding={self.embedding} is not a multiple "
             "of the 4 heads"),
            (self.subject == "own_network" and not (self.network and self.data), "subject=own_network needs network, "
             "the path of a .safetensors, and data, the path of an .npz"),
        ]  # fmt: skip
