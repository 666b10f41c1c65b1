"""The knobs of neural collapse."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from engines.core.protocol.config import Config, knob
from engines.core.protocol.errors import ConfigError

FRAMED = ("near_collapse", "collapsed")
"""Starts that are made of a frame."""

DIGITS = {"classes": 10, "features": 64}
"""Knobs that the images of digits fix: ten classes of 8 x 8 pixels."""

SMALLEST = 174
"""Images of the rarest digit."""


@dataclass(frozen=True, kw_only=True)
class NeuralCollapse(Config):
    """Features of K balanced classes, with n samples each, and a linear classifier on them."""

    model: str = knob(
        "central_path",
        "what a step is: of the gradient flow of free features; of the solver of one proximal layer; a whole proximal "
        "layer; a minibatch of samples of a network that is trained",
        role="shape", choices=("central_path", "proximal", "layers", "network"),
        labels={"central_path": "flow of free features", "proximal": "one proximal layer",
        "layers": "proximal layers", "network": "network"},
    )  # fmt: skip
    init: str = knob(
        "near_collapse",
        "start: Gaussian; Gaussian about Gaussian class means; a minimiser plus a perturbation; a minimiser; four "
        "points whose pseudo-inverse NC1 rises; the pixels of digits",
        choices=("gaussian", "gaussian_means", "near_collapse", "collapsed", "counterexample", "digits"),
        old_names=("h0",),
        label="start",
        labels={
            "gaussian": "Gaussian",
            "gaussian_means": "Gaussian about means",
            "near_collapse": "near collapse",
            "collapsed": "collapsed",
            "counterexample": "counterexample",
            "digits": "pixels of digits",
        },
    )
    lambda_w: float = knob(
        0.5, "weight decay of the classifier", role="live", bounds=(1e-8, 1e4), soft=(1e-3, 2), log=True, label="λ_W"
    )
    lambda_h: float = knob(
        0.05, "weight decay of the features", role="live", bounds=(0, 1e4), soft=(1e-3, 2), log=True, label="λ_H"
    )
    beta: float = knob(
        1.0, "how strongly a proximal layer holds on to its input; the flow at time 1/β does alike", role="live",
        bounds=(1e-6, 1e9), soft=(1e-2, 1e3), log=True, label="β",
    )  # fmt: skip
    epsilon: float = knob(
        0.1, "size of the perturbation, relative to the minimiser", bounds=(0, 1e3), soft=(1e-4, 1), log=True, label="ε"
    )
    classes: int = knob(4, "classes K", role="shape", bounds=(2, 50), soft=(2, 10), label="classes K")
    seed: int = knob(0, "draws the start", bounds=(0, 2**31 - 1), soft=(0, 99))
    features: int = knob(10, "features d", role="shape", bounds=(2, 512), soft=(2, 64), more=True, label="features d")
    per_class: int = knob(
        10,
        "samples n of each class",
        role="shape",
        bounds=(1, 100_000),
        soft=(2, 1000),
        log=True,
        more=True,
        label="samples a class",
    )
    scale: float = knob(
        0.0, "length s of the class means of a start that is made of a frame; 0: that of the minimiser",
        bounds=(0, 1e3), soft=(0, 5), more=True, label="frame scale",
    )  # fmt: skip
    step_size: float = knob(
        0.05,
        "length of one step of the flow",
        role="live",
        bounds=(1e-9, 100),
        soft=(1e-3, 1),
        log=True,
        more=True,
        label="step of the flow",
    )
    depth: int = knob(4, "hidden layers of the network", role="shape", bounds=(1, 32), soft=(1, 10))
    width: int = knob(
        128, "neurons of each hidden layer of the network", role="shape", bounds=(2, 1024), soft=(8, 256), log=True,
        more=True,
    )  # fmt: skip
    loss: str = knob(
        "mse",
        "what the network minimises: half the squared error of each sample, or cross-entropy",
        choices=("mse", "ce"),
        labels={"mse": "squared error", "ce": "cross-entropy"},
    )
    batch_norm: bool = knob(
        True,
        "whether each hidden layer of the network normalises over its batch",
        role="shape",
        more=True,
        label="batch norm",
    )
    weight_decay_features: float = knob(
        5e-4, "weight decay of all layers of the network but the last", role="live", bounds=(0, 1),
        soft=(1e-5, 1e-2), log=True, label="decay of hidden layers",
    )  # fmt: skip
    weight_decay_last: float = knob(
        5e-4, "weight decay of the last layer of the network", role="live", bounds=(0, 1), soft=(1e-5, 1e-2),
        log=True, label="decay of the last layer",
    )  # fmt: skip
    learning_rate: float = knob(
        0.05, "step size of the network, divided by 10 after one and after two thirds of its epochs; of each layer of "
        "greedy training after half and three quarters of them", role="live", bounds=(1e-6, 10), soft=(1e-3, 0.5),
        log=True, label="learning rate",
    )  # fmt: skip
    epochs: int = knob(
        120, "passes of the network over its data, of greedy training for each layer", bounds=(1, 100_000),
        soft=(10, 500), log=True,
    )  # fmt: skip
    greedy: bool = knob(
        False, "whether layers of the network are added and trained one at a time, those below frozen", role="shape",
        more=True, label="layer by layer",
    )  # fmt: skip
    data: str = knob(
        "digits", "what the network learns: digits, the images that come with scikit-learn, or the path of an .npz of "
        "your own with samples X [N, D] and whole labels y [N]", role="shape", more=True,
    )  # fmt: skip
    bias: bool = knob(
        False, "whether the classifier has a bias, which only a network decays: then the frame is a simplex", more=True
    )

    @property
    def c(self) -> float:
        """`c = sqrt(lambda_W lambda_H)`; from 1 on the minimiser is zero."""
        return sqrt(self.lambda_w * self.lambda_h)

    @property
    def a(self) -> float:
        """`a = sqrt(lambda_H/lambda_W)`."""
        return sqrt(self.lambda_h / self.lambda_w)

    @property
    def rho(self) -> float:
        """Squared norm of the class means of an orthogonal frame, `rho = 1/a - lambda_W`, at least 0.

        It equals `(1 - c)/a` and is infinite at `lambda_H = 0`, where features grow without end.
        """
        return max(0.0, (1 - self.c) / self.a) if self.a > 0 else float("inf")

    @property
    def framed(self) -> bool:
        """Whether the start is made of a frame."""
        return self.init in FRAMED

    @property
    def length(self) -> float:
        """Factor s of the frame at the start."""
        return self.scale or sqrt(self.rho)

    def check(self) -> None:
        """Raise `ConfigError` where the values contradict each other."""
        for broken, message in self._contradictions():
            if broken:
                raise ConfigError(f"NeuralCollapse.{message}")

    def _contradictions(self) -> list[tuple[bool, str]]:
        if self.model == "network":  # its data fixes the classes, the width its features
            return []
        framed, four = self.framed and not self.scale, self.init == "counterexample"
        pixels = self.init == "digits"
        return [
            (self.features < self.classes and not four, f"features={self.features} is below classes={self.classes}: "
             "there is no room for a frame"),
            (framed and self.lambda_h == 0, f"init={self.init} needs lambda_h above 0: without it the minimiser is "
             "infinitely far"),
            (framed and self.c >= 1, f"init={self.init} needs lambda_w lambda_h below 1, not "
             f"{self.lambda_w * self.lambda_h:.3g}: the minimiser is zero, so set scale, or another init"),
            (four and (self.classes, self.per_class, self.features) != (2, 2, 2),
             f"init=counterexample has classes=2, per_class=2, features=2, not {self.classes}, {self.per_class}, "
             f"{self.features}"),
            (pixels and (self.classes, self.features) != tuple(DIGITS.values()),
             f"init=digits has classes=10, features=64, not {self.classes}, {self.features}"),
            (pixels and self.per_class > SMALLEST, f"per_class={self.per_class} exceeds the {SMALLEST} images of the "
             "rarest digit"),
        ]  # fmt: skip
