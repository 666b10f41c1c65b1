"""An oracle of the engine's own; what holds for every engine is in the contract suite.

python -m pytest -p dynascope.contract --engine skeleton --plugins FOLDER
"""

import numpy as np
import torch

from engines.core.api import simulate
from engines.core.runs.run import Run

from .config import Skeleton
from .engine import ENGINE


def test_the_iterate_is_the_start_times_a_power_of_the_factor():
    config = Skeleton(d=3, curvature=2.0, eta=0.3, seed=4)
    run = simulate(Run(ENGINE, [config]), 20)
    start = ENGINE.init([config], torch.device("cpu")).x[0].numpy()
    np.testing.assert_allclose(run["x"][-1, 0], start * (1 - 0.6) ** 20, rtol=1e-12)
