"""Wrong runs of each preset: what a fault of the engine would make of it, and a claim has to notice."""

from engines.core.analysis.wrong_runs import scaled

WRONG = {"S1": {"steps a quarter longer": scaled(eta=1.25), "curvature halved": scaled(curvature=0.5)}}
