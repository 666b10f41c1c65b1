"""Presets."""

from engines.core.engine import Preset

PRESETS = (
    Preset(
        name="P6",
        title="Symmetric, asymmetric, one step",
        look_for="",
        set=dict(
            operator="gaussian", n=30, m=1200, kappa=2.0, eta=0.2, operator_seed=-1, beta=0.5**0.5, trigger="true"
        ),
        cases=(dict(parameterization="symmetric", alpha=0.3), dict(alpha=0.3), dict(alpha=0.01, method="one_step")),
        seeds=(11,),
        steps=4000,
    ),
)
